//! Record and replay: a run written down as it happens, and run again from that alone.
//!
//! A process is a function of what it begins with, of the fuel and the events of each of
//! its steps, and of what is answered within them. So a [`journal`] holds just that for
//! each process of a run, and with it what the process did: for each command that it
//! asked for the command itself or a hash of it, and at intervals a `state` hash of
//! all that it is. A [`Player`] steps the same programs with the same events again and
//! compares. It needs neither files nor network nor time, and stops at the first
//! [`Difference`], near its cause. [`Player::play`] plays a journal to its end or to a place;
//! with [`Player::advance`] one goes through it record by record, and with [`Player::enter`]
//! into a step, to look at the processes there.
//!
//! | file | what |
//! | --- | --- |
//! | `journal` | the records, their form in a file, and reading them |
//! | `record` | a process and its dispatcher that are written down while they run |
//! | `player` | all processes of a journal, run again |
//! | `place` | places in a replay, and what is told of them |
//! | `actor` | one of them |
//! | `script` | the answers within its steps, and what it is compared with |
//! | `difference` | where a process does something else than its journal says |
//! | `show` | commands and answers as people read them |
//! | `state` | the hash of all that a process is |

mod actor;
mod difference;
pub mod journal;
mod place;
mod player;
pub mod record;
mod script;
mod show;
mod state;

#[cfg(test)]
mod tests;

pub use self::{
    difference::Difference,
    place::{Advanced, Front, Goal, Still, Stop, Stopped},
    player::{Player, PlayerError, Role, Stage},
    show::{command as show_command, reply as show_reply},
};
