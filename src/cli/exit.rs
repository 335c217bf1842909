//! How the command ends: exit codes, and failures that have one.

use std::process::ExitCode;

use crate::{
    component::TrapKind,
    host::PrepareError,
    process::{Cause, Error},
    registry::{Problem, Problems},
};

/// The exit codes. [`Exit::HELP`] tells them to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    /// The function returned `err`, `check` found errors, or all services have ended
    /// and one of them has failed.
    Err,
    Usage,
    Config,
    Trap,
    Timeout,
    Denied,
    /// The exit of a program that answers to Ctrl-C by ending. Services that are
    /// told to stop and do have done what they should: that is [`Exit::Ok`].
    Interrupted,
    Output,
    /// A replay does something else than its journal says, or the journal is not whole.
    Differs,
    /// Of a run that is replayed.
    Recorded(u8),
    /// Of the engine itself.
    Engine,
    /// The system gives too little: no threads, files or memory.
    System,
    /// The program's own.
    Program(u8),
}

impl Exit {
    pub(super) const HELP: &str = "\
Exit codes:
  0    the function returned, the services were stopped, or all is well
  1    the function returned an err; `check` found errors; a service or a seed failed
  2    wrong use: an unknown option or command, wrong arguments
  3    the project, or a file that it needs, is not in order
  4    the program trapped, or reached a limit other than time
  5    the program ran out of time
  6    the program called an import that it has not been given
  7    a replay did something else than the run, or the journal is not whole
  70   the engine failed, through no fault of the program
  71   the system gives too little: threads, open files or memory
  74   the output could not be written
  130  interrupted
  141  nobody reads the program's output any more
A program that exits by itself gives its own exit code.";
}

impl Exit {
    /// The number.
    pub(super) fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Err => 1,
            Exit::Usage => 2,
            Exit::Config => 3,
            Exit::Trap => 4,
            Exit::Timeout => 5,
            Exit::Denied => 6,
            Exit::Differs => 7,
            // `EX_SOFTWARE`, `EX_OSERR` and `EX_IOERR` of sysexits.h.
            Exit::Engine => 70,
            Exit::System => 71,
            Exit::Output => 74,
            // 128 + SIGINT.
            Exit::Interrupted => 130,
            Exit::Program(code) | Exit::Recorded(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Where a problem is that no file is to blame for.
pub(super) const COMMAND_LINE: &str = "command line";

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Lines after `error:`.
    Message(Exit, String),
    /// One thing that is wrong with the project.
    Problem(Box<Problem>),
    /// All that is wrong with the project.
    Problems(Problems),
    /// The program's own `err`, as JSON or as a message.
    Returned { text: String, json: bool },
    /// It has been said already, or nobody is there to read it.
    Silent(Exit),
}

impl Failure {
    /// Its exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Failure::Message(exit, _) | Failure::Silent(exit) => *exit,
            Failure::Returned { .. } => Exit::Err,
            Failure::Problem(problem) if &*problem.file == COMMAND_LINE => Exit::Usage,
            Failure::Problem(problem) if problem.engine => Exit::Engine,
            Failure::Problem(_) | Failure::Problems(_) => Exit::Config,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Failure {
        Failure::Message(Exit::Usage, message.into())
    }

    pub(super) fn config(message: impl Into<String>) -> Failure {
        Failure::Message(Exit::Config, message.into())
    }

    /// The same with the options that have set limits, in the place of fields.
    pub(super) fn naming(self, options: Limiting) -> Failure {
        match self {
            Failure::Message(exit, text) => Failure::Message(exit, options.in_place(text)),
            Failure::Problem(_)
            | Failure::Problems(_)
            | Failure::Returned { .. }
            | Failure::Silent(_) => self,
        }
    }

    /// A file that cannot be made ready to run.
    pub(super) fn prepare(name: &str, error: &PrepareError) -> Failure {
        let exit = if error.is_of_engine() { Exit::Engine } else { Exit::Config };
        Failure::Message(exit, format!("{name}: {error}"))
    }

    /// A process called `name` has ended with an error. `options` are those that have set
    /// its limits.
    pub(super) fn process(name: &str, error: &Error, options: &Limiting) -> Failure {
        let exit = match error.cause() {
            Cause::Timeout => Exit::Timeout,
            Cause::Cancel => Exit::Interrupted,
            // It has said itself what there was to say.
            Cause::Exit(code) => return Failure::Silent(Exit::Program(code)),
            Cause::Trap(TrapKind::Denied) => Exit::Denied,
            // Validated only now, but it is the file that is not in order.
            Cause::Trap(TrapKind::Invalid) => Exit::Config,
            Cause::Engine => Exit::Engine,
            Cause::Program | Cause::Link => Exit::Err,
            Cause::Trap(_) | Cause::Usage => Exit::Trap,
        };
        Failure::Message(exit, format!("{name}: {}", options.named_in(error)))
    }
}

/// The limits that options have set, and not the fields of an entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limiting {
    pub fuel: bool,
    pub memory: bool,
    pub time: bool,
}

impl Limiting {
    /// An error's text, which speaks of the fields of an entry, with the options in
    /// their place.
    fn named_in(self, error: &Error) -> String {
        let mut text = error.to_string();
        match error.cause() {
            // Its own words, or those of another.
            Cause::Program | Cause::Link | Cause::Cancel | Cause::Exit(_) => return text,
            Cause::Trap(_) | Cause::Usage | Cause::Engine => {}
            Cause::Timeout if self.time => text.push_str(", set by `--timeout`"),
            Cause::Timeout => {}
        }
        self.in_place(text)
    }

    /// A text with the options in the place of the fields.
    fn in_place(self, mut text: String) -> String {
        let fields = [
            (self.fuel, "`limits.max_fuel`", "`--fuel`"),
            (self.memory, "`limits.max_memory`", "`--max-memory`"),
            (self.time, "`limits.max_execution_ms`", "`--timeout`"),
        ];
        for (_, field, option) in fields.iter().filter(|(set, ..)| *set) {
            text = text.replace(field, option);
        }
        text
    }
}

impl From<Box<Problem>> for Failure {
    fn from(problem: Box<Problem>) -> Failure {
        Failure::Problem(problem)
    }
}
