//! The coroutines of a process.
//!
//! A task is a stack of coroutines: the one that `coroutine.spawn` has started,
//! the one that it has resumed, and so on; the last one runs. None is resumed by
//! another, all are by [`Schedule::turn`]. What a coroutine yields says what it
//! wants; one that yields nothing has been interrupted.

use std::collections::{HashMap, VecDeque};

use mlua::{Lua, MultiValue, Thread, Value};

use super::budget::Budget;
use crate::{
    account::Charge,
    command::{Reply, Tag},
};

/// The deepest stack of coroutines.
const MAX_STACK: usize = 190;

/// The thing that a task is given when it goes on.
pub(super) enum Wake {
    Values(MultiValue),
    /// Turned into values at its turn.
    Reply(Reply),
}

/// How a turn has ended.
pub(super) enum Turn {
    /// The task goes on later, or waits.
    Over,
    /// The task has ended, with what its function has returned: `true` and the
    /// values, or `false` and the error.
    Ended(u64, MultiValue),
    /// Lua itself has failed.
    Broken(mlua::Error),
}

/// All tasks of a process. Task 1 is the entry's function.
#[derive(Default)]
pub(super) struct Schedule {
    /// Those that do not run at the moment.
    tasks: HashMap<u64, Vec<Thread>>,
    runnable: VecDeque<(u64, Wake)>,
    /// Those that wait for a command, and what the command takes.
    waits: HashMap<Tag, (u64, Charge)>,
    current: u64,
    last_task: u64,
    last_tag: u64,
}

/// The task of the entry's function.
pub(super) const MAIN: u64 = 1;

impl Schedule {
    /// Adds a task.
    pub fn spawn(&mut self, thread: Thread, args: MultiValue) {
        self.last_task = self.last_task.saturating_add(1);
        self.tasks.insert(self.last_task, vec![thread]);
        self.runnable.push_back((self.last_task, Wake::Values(args)));
    }

    pub fn current(&self) -> u64 {
        self.current
    }

    /// The current task is going to wait for a command that takes so much.
    pub fn wait(&mut self, charge: Charge) -> Tag {
        self.last_tag = self.last_tag.saturating_add(1);
        let tag = Tag(self.last_tag);
        self.waits.insert(tag, (self.current, charge));
        tag
    }

    /// The command has been answered; false if nobody waits for it.
    pub fn complete(&mut self, tag: Tag, reply: Reply) -> bool {
        let Some((task, _)) = self.waits.remove(&tag) else { return false };
        self.runnable.push_back((task, Wake::Reply(reply)));
        true
    }

    /// A task that waits for another goes on.
    pub fn wake(&mut self, task: u64, wake: Wake) {
        self.runnable.push_back((task, wake));
    }

    pub fn waits_for_commands(&self) -> bool {
        !self.waits.is_empty()
    }

    /// The next task that can run, with its coroutines.
    pub fn next(&mut self) -> Option<(u64, Vec<Thread>, Wake)> {
        loop {
            let (task, wake) = self.runnable.pop_front()?;
            if let Some(stack) = self.tasks.remove(&task) {
                self.current = task;
                return Some((task, stack, wake));
            }
        }
    }

    /// A task stops, to go on when it is woken.
    pub fn put_back(&mut self, task: u64, stack: Vec<Thread>) {
        self.tasks.insert(task, stack);
    }
}

/// Runs a task until it stops. Nothing of the process is locked meanwhile;
/// `rest` puts the task back, to wait or to go on with something.
pub(super) fn turn(
    lua: &Lua,
    budget: &Budget,
    task: u64,
    mut stack: Vec<Thread>,
    mut values: MultiValue,
    rest: impl FnOnce(Vec<Thread>, Option<MultiValue>),
) -> Turn {
    loop {
        let Some(thread) = stack.last().cloned() else { return Turn::Ended(task, values) };
        budget.turn();
        let mut yielded =
            match budget.memory.strings.run(&thread, || thread.resume::<MultiValue>(values)) {
                Ok(yielded) => yielded,
                Err(error) => return Turn::Broken(error),
            };
        if budget.is_killed() {
            return Turn::Broken(mlua::Error::RuntimeError("not interruptible".to_owned()));
        }
        if !thread.is_resumable() {
            stack.pop();
            values = yielded;
        } else {
            match yielded.pop_front() {
                // Waits.
                Some(Value::Integer(0)) => {
                    rest(stack, None);
                    return Turn::Over;
                }
                // Gives values to who has resumed it.
                Some(Value::Integer(1)) if stack.len() > 1 => {
                    stack.pop();
                    yielded.push_front(Value::Boolean(true));
                    values = yielded;
                }
                // Resumes another.
                Some(Value::Integer(2)) => match yielded.pop_front() {
                    Some(Value::Thread(next)) if stack.len() < MAX_STACK => {
                        stack.push(next);
                        values = yielded;
                    }
                    _ => {
                        let why = lua.create_string("coroutines nested too deep");
                        let why = why.map_or(Value::Nil, Value::String);
                        values = [Value::Boolean(false), why].into_iter().collect();
                    }
                },
                // Has been interrupted, or lets others go first.
                _ => {
                    rest(stack, Some(MultiValue::new()));
                    return Turn::Over;
                }
            }
        }
        if budget.is_spent() && !stack.is_empty() {
            rest(stack, Some(values));
            return Turn::Over;
        }
    }
}
