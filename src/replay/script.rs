//! The answers within the steps of a replayed process, and what it asks there compared
//! with what it asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::{journal::Asked, show};
use crate::{
    command::{Command, InlineDispatcher, Reply, Stdio, StdioCommand},
    lock::lock,
};

/// Commands that a difference shows.
const LAST: usize = 10;

/// What is to be asked within the steps of one process, and what was.
#[derive(Default)]
pub(super) struct Script {
    /// What is to be asked next, up to the end of the step.
    pub expected: VecDeque<Asked>,
    /// How many commands were asked and answered in this step.
    pub asked: u64,
    /// The command of the step that is not answered any more, counted from one.
    pub until: Option<u64>,
    /// It has asked something else than was expected.
    pub difference: Option<(String, String)>,
    /// What was written to stdout and stderr, in its order.
    pub written: Vec<(Stdio, Vec<u8>)>,
    /// The last commands, as they are shown.
    pub last: VecDeque<String>,
    /// Every command and its answer, if they are to be shown.
    pub log: Option<Vec<(String, String)>>,
    scratch: Vec<u8>,
}

impl Script {
    /// Notes a command that was asked.
    pub fn note(&mut self, shown: String) {
        if self.last.len() >= LAST {
            self.last.pop_front();
        }
        self.last.push_back(shown);
    }

    fn answer(&mut self, command: Command) -> Result<Reply, Command> {
        if self.difference.is_some() {
            return Err(command);
        }
        let next = self.asked.saturating_add(1);
        if let (true, Some(Asked::Answered(noted, _))) =
            (self.until.is_some_and(|until| next >= until), self.expected.front())
            && noted.is_of(&command, &mut self.scratch)
        {
            self.asked = next;
            return Err(command);
        }
        let expected = match self.expected.pop_front() {
            Some(Asked::Answered(noted, reply)) => {
                if noted.is_of(&command, &mut self.scratch) {
                    return Ok(self.answered(command, reply));
                }
                show::noted(&noted)
            }
            Some(Asked::Deferred) => return Err(command),
            None => "nothing more in this step".to_owned(),
        };
        self.difference = Some((expected, show::command(&command)));
        Err(command)
    }

    fn answered(&mut self, command: Command, reply: Reply) -> Reply {
        self.asked = self.asked.saturating_add(1);
        let shown = show::command(&command);
        if let Some(log) = &mut self.log {
            log.push((shown.clone(), show::reply(&reply)));
        }
        self.note(shown);
        if reply == Reply::Done
            && let Command::Stdio(StdioCommand::Write { to, bytes }) = command
        {
            self.written.push((to, bytes));
        }
        reply
    }
}

/// Answers within steps as a script says.
#[derive(Clone, Default)]
pub(super) struct Prompter(pub Arc<Mutex<Script>>);

impl InlineDispatcher for Prompter {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        lock(&self.0).answer(command)
    }
}
