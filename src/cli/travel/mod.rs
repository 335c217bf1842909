//! `wippy replay --repl`: to and fro in a recorded run.
//!
//! Commands come as lines on stdin, and what they show goes to stdout, so that a session
//! can be written down and run as a script; where stdin is no terminal, each line is
//! written before what it shows.
//!
//! A place is a number of units of fuel, or of commands that all processes have asked
//! together. The replay goes on from where it is, and for what lies behind from the nearest
//! snapshot before it ([`snapshots`]), or else from the beginning. A place within a step
//! is reached by a part of the step; nothing can be played on from there, so that the
//! replay goes from there to any other place as if it lay behind. What is shown at a place
//! does not depend on the way to it.

mod snapshots;
mod words;

use std::{io::BufReader, path::Path};

use self::{
    snapshots::{Chain, Message, Split},
    words::{Lines, Word},
};
use super::{
    args::ReplayArgs,
    exit::{Exit, Failure},
    log::Logs,
    output,
    replay::{Terminal, failure, open, shown, shown_stack},
};
use crate::{
    command::Stdio,
    replay::{
        Advanced, Goal, Player, Role, Stage, Still, Stop,
        journal::{CommandLine, JournalReader, ProgramRecord, Record, StartRecord},
    },
};

/// Snapshots that are made in a run: between two of them lies a hundredth of it.
const SNAPSHOTS: u64 = 100;

/// The least work between two snapshots. To make one takes about as long.
const LEAST: u64 = 1_000_000;

/// Work of a step besides its fuel.
const STEP: u64 = 2_000;

/// Bytes of memory that are shown unless another number is given, and at most.
const BYTES: (u64, u64) = (64, 4096);

type Journal<'a> = Player<BufReader<snapshots::Place>, Silent<'a>>;

/// Goes to and fro in a journal.
pub(super) fn travel(args: &ReplayArgs, logs: Logs) -> Result<Exit, Failure> {
    let name = args.journal.display().to_string();
    let work = work(&args.journal, &name)?;
    let mut travel = Travel {
        args,
        logs,
        name,
        chain: Chain::new(),
        lines: Lines::new(),
        process: None,
        apart: (work / SNAPSHOTS).max(LEAST),
    };
    let mut goal = None;
    loop {
        let left = travel.run(goal.take());
        if travel.chain.is_copy() {
            travel.chain.leave(&match left {
                Ok(message) => message,
                Err(error) => {
                    output::failure(&error);
                    Message::Quit(error.exit())
                }
            });
        }
        match left? {
            Message::Quit(exit) => return Ok(exit),
            Message::Go(to, process) => (goal, travel.process) = (to, process),
        }
    }
}

/// The work of a whole run.
fn work(path: &Path, name: &str) -> Result<u64, Failure> {
    let why = |error| Failure::config(format!("{name}: {error}"));
    let mut journal = JournalReader::new(open(path)?).map_err(why)?;
    let mut work = 0u64;
    while let Some(record) = journal.next().map_err(why)? {
        if let Record::Step(step) = record {
            work = work.saturating_add(step.fuel_used).saturating_add(STEP);
        }
    }
    Ok(work)
}

struct Travel<'a> {
    args: &'a ReplayArgs,
    logs: Logs,
    name: String,
    chain: Chain,
    lines: Lines,
    /// The process that is shown; the one that made the last step if none was named.
    process: Option<String>,
    /// Work between two snapshots.
    apart: u64,
}

/// Why the replay has stopped where it is.
enum Stopped {
    /// It can go on from here.
    Between,
    /// It cannot.
    Within,
}

impl<'a> Travel<'a> {
    /// Goes from the beginning to a goal, and wherever it is told then; comes back with
    /// what cannot be done from there.
    fn run(&mut self, mut goal: Option<Goal>) -> Result<Message, Failure> {
        let file = snapshots::Place::open(&self.args.journal)?;
        let stage = Silent(Terminal::new(self.args, self.logs, true)?);
        let player = Player::new(BufReader::new(file), stage, Stop::default());
        let mut player = player.map_err(|error| failure(self.args, &self.name, error))?;
        if let Some(message) = self.snapshot(&player, &mut goal) {
            return Ok(message);
        }
        let mut done = 0;
        loop {
            let stopped = match goal {
                None => Stopped::Between,
                Some(to) => match self.go(&mut player, to, &mut goal, &mut done)? {
                    Ok(stopped) => stopped,
                    Err(message) => return Ok(message),
                },
            };
            match self.listen(&mut player)? {
                Message::Go(Some(to), _)
                    if matches!(stopped, Stopped::Between) && is_ahead(to, &player) =>
                {
                    goal = Some(to);
                }
                other => return Ok(other),
            }
        }
    }

    /// Plays to a goal.
    fn go(
        &mut self,
        player: &mut Journal<'a>,
        mut to: Goal,
        goal: &mut Option<Goal>,
        done: &mut u64,
    ) -> Result<Result<Stopped, Message>, Failure> {
        let stopped = loop {
            let (fuel, steps) = (player.fuel(), player.steps());
            let within = match player.advance(to) {
                Ok(Advanced::Played) => false,
                Ok(Advanced::There | Advanced::Ended) => break Stopped::Between,
                Ok(Advanced::Within) => true,
                Err(error) => {
                    output::show(&format!("{error}\n"))?;
                    break Stopped::Within;
                }
            };
            let steps = player.steps().saturating_sub(steps).saturating_mul(STEP);
            *done = done.saturating_add(player.fuel().saturating_sub(fuel)).saturating_add(steps);
            if *done >= self.apart || within && *done > 0 {
                *done = 0;
                if let Some(message) = self.snapshot(player, goal) {
                    return Ok(Err(message));
                }
                match goal {
                    Some(goal) => to = *goal,
                    None => break Stopped::Between,
                }
                // This may be another way than the one that has led here.
                continue;
            }
            if within {
                if let Err(error) = player.enter(to) {
                    output::show(&format!("{error}\n"))?;
                }
                break Stopped::Within;
            }
        };
        self.tell(player)?;
        Ok(Ok(stopped))
    }

    /// Leaves a snapshot here. In this process it comes back only with what has to be done
    /// before here; the replay goes on in another.
    fn snapshot(&mut self, player: &Journal<'_>, goal: &mut Option<Goal>) -> Option<Message> {
        loop {
            match self.chain.split() {
                Split::None | Split::Copy => return None,
                Split::Left(Some(Message::Go(to, process))) => {
                    if to.is_some_and(|to| is_behind(to, player)) {
                        return Some(Message::Go(to, process));
                    }
                    (*goal, self.process) = (to, process);
                }
                Split::Left(Some(quit @ Message::Quit(_))) => return Some(quit),
                Split::Left(None) => {
                    drop(output::show("the replay has been killed; it is at a snapshot again\n"));
                    *goal = None;
                }
            }
        }
    }

    /// Does what it is told, until it is to go somewhere.
    fn listen(&mut self, player: &mut Journal<'_>) -> Result<Message, Failure> {
        loop {
            let Some(word) = self.lines.next()? else { return Ok(Message::Quit(Exit::Ok)) };
            let word = match word {
                Ok(word) => word,
                Err(why) => {
                    output::show(&format!("{why}\n"))?;
                    continue;
                }
            };
            let to = match word {
                Word::None => continue,
                Word::Quit => return Ok(Message::Quit(Exit::Ok)),
                Word::Help => {
                    output::show(words::HELP)?;
                    continue;
                }
                Word::Goto(fuel) => Goal::Fuel(fuel),
                Word::Forward(fuel) => Goal::Fuel(player.fuel().saturating_add(fuel)),
                Word::Backward(fuel) => Goal::Before(player.fuel().saturating_sub(fuel)),
                Word::Next(count) => Goal::Commands(player.commands().saturating_add(count)),
                Word::Back(count) => Goal::Commands(player.commands().saturating_sub(count)),
                Word::End => Goal::End,
                Word::Where => {
                    let text: String = player.look().iter().map(shown).collect();
                    output::show(if text.is_empty() { "no process lives here\n" } else { &text })?;
                    continue;
                }
                Word::Process(name) => {
                    self.process = name;
                    self.tell(player)?;
                    continue;
                }
                Word::Stack => {
                    self.stack(player)?;
                    continue;
                }
                Word::Memory { address, len, number } => {
                    self.memory(player, address, len, number)?;
                    continue;
                }
            };
            return Ok(Message::Go(Some(to), self.process.clone()));
        }
    }

    /// The name of the process that is shown.
    fn shown(&self, player: &Journal<'_>) -> Option<String> {
        self.process.clone().or_else(|| player.last().map(str::to_owned))
    }

    /// Says where the replay is.
    fn tell(&self, player: &mut Journal<'_>) -> Result<(), Failure> {
        let (fuel, commands) = (player.fuel(), player.commands());
        let mut text = format!("{fuel} units of fuel, {commands} commands\n");
        if let Some(name) = self.shown(player) {
            text.push_str(&format!("  {name}\n"));
            if let Some(command) = player.last_command(&name) {
                text.push_str(&format!("  asked    {command}\n"));
            }
        }
        output::show(&text)
    }

    /// The process that is shown, as it is.
    fn still(&self, player: &mut Journal<'_>) -> Result<Option<Still>, Failure> {
        let name = self.shown(player);
        let still = player.look().into_iter().find(|still| Some(&still.process) == name.as_ref());
        if still.is_none() {
            output::show("no such process lives here; `where` shows those that do\n")?;
        }
        Ok(still)
    }

    fn stack(&self, player: &mut Journal<'_>) -> Result<(), Failure> {
        let Some(still) = self.still(player)? else { return Ok(()) };
        match still.stack {
            Some(stack) if stack.frames.is_empty() => output::show("it is in no function\n"),
            Some(stack) => output::show(&shown_stack(&stack)),
            None => output::show("what it is in is not known of this process\n"),
        }
    }

    fn memory(
        &self,
        player: &mut Journal<'_>,
        address: u64,
        len: Option<u64>,
        number: u64,
    ) -> Result<(), Failure> {
        let Some(name) = self.shown(player) else {
            return output::show("no process has made a step yet\n");
        };
        let (mut at, mut text) = (0u64, None);
        player.memories(&name, &mut |memory| {
            if at == number {
                text = Some(words::dump(memory, address, len.unwrap_or(BYTES.0).min(BYTES.1)));
            }
            at = at.saturating_add(1);
        });
        let none = || match at.checked_sub(1) {
            None => "it has no memory\n".to_owned(),
            Some(last) => format!("it has no memory {number}: the last is {last}\n"),
        };
        output::show(&text.unwrap_or_else(none))
    }
}

/// A goal that can be reached from where a replay is. That it is there is no reason: it may
/// be beyond the first such place.
fn is_ahead(goal: Goal, player: &Journal<'_>) -> bool {
    match goal {
        Goal::Fuel(fuel) | Goal::Before(fuel) => fuel > player.fuel(),
        Goal::Commands(count) => count > player.commands(),
        Goal::End => true,
    }
}

/// A goal that lies before where a replay is.
fn is_behind(goal: Goal, player: &Journal<'_>) -> bool {
    player.steps() > 0 && !is_ahead(goal, player)
}

/// A stage on which nobody hears what is said.
struct Silent<'a>(Terminal<'a>);

impl Stage for Silent<'_> {
    fn program(&mut self, program: &ProgramRecord) -> Result<(Box<dyn Role>, bool), String> {
        self.0.program(program)
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    fn called(&mut self, _: &CommandLine) {}

    fn started(&mut self, _: &StartRecord) {}

    fn wrote(&mut self, _: u64, _: Stdio, _: Vec<u8>) {}

    fn asked(&mut self, _: &str, _: u64, _: &str, _: &str) {}
}
