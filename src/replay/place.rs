//! Places in a replay, and what is told of them.

use super::journal::{Finished, FlightHeader};
use crate::{
    process::{Outcome, Stack},
    value::Term,
};

/// A place in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// All processes together have used so much fuel, or what it takes more to get to where
    /// a process can be stopped.
    Fuel(u64),
    /// The last place before, or there.
    Before(u64),
    /// All processes together have asked so many commands: the last of them has been asked,
    /// and not answered.
    Commands(u64),
    /// The end of the journal.
    End,
}

/// How far [`Player::advance`](super::Player::advance) has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// A record has been played.
    Played,
    /// Nothing: the goal is reached.
    There,
    /// Nothing: the goal lies within the next step.
    Within,
    /// Nothing: the journal has ended.
    Ended,
}

/// Where a replay is to stop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    /// When all processes together have used so much fuel.
    pub until: Option<u64>,
    /// Tell every command.
    pub log: bool,
}

/// How a replay has ended.
#[derive(Debug)]
pub struct Stopped {
    /// Fuel of all processes.
    pub fuel: u64,
    /// How many processes there were.
    pub processes: u64,
    /// How many steps they made.
    pub steps: u64,
    /// How many commands they asked.
    pub commands: u64,
    /// The process whose result is the command's.
    pub front: Option<Front>,
    /// The end of the run; nothing if the journal ends before.
    pub finished: Option<Finished>,
    /// Variables whose values were left out of the journal.
    pub redacted: Vec<String>,
    /// The contents of a flight recorder, if it is one's.
    pub flight: Option<FlightHeader>,
    /// The processes as they are where the replay was to stop.
    pub at: Option<Vec<Still>>,
}

/// The end of the process in front.
#[derive(Debug)]
pub struct Front {
    /// The number of its program.
    pub program: u64,
    /// The name of its program.
    pub name: String,
    /// The function that was called.
    pub method: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it ended itself with.
    pub exited: Option<Term>,
}

/// A process where a replay was to stop.
#[derive(Clone, Debug)]
pub struct Still {
    /// Its pid, or the name of its program.
    pub process: String,
    /// Fuel that it has used.
    pub fuel: u64,
    /// The hash of all that it is.
    pub hash: u64,
    /// Bytes of its memory.
    pub memory: u64,
    /// Mail that it has not taken.
    pub unread: usize,
    /// What it waits for.
    pub pending: Vec<String>,
    /// The functions that it is in, if they are known.
    pub stack: Option<Stack>,
}
