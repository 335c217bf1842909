//! Why a process ended, or could not start.

use std::fmt;

use crate::{
    command::{ErrorKind, Pid, ProcessError},
    component::{Trap, TrapKind},
    value::Term,
    visible,
};

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The guest trapped.
    Trap(TrapKind),
    /// The guest ended itself, with this exit code. It is never 0: a process
    /// that exits with 0 has ended well.
    Exit(u8),
    /// Time was up.
    Timeout,
    /// Somebody cancelled or terminated the process.
    Cancel,
    /// The program ended with an error that it made itself.
    Program,
    /// A process that it was linked to ended with an error.
    Link,
    /// The engine failed while it ran the process. Nothing says that the program is
    /// at fault, and another try may go well.
    Engine,
    /// The process was used wrongly: an unknown method, arguments of other
    /// types, a start after its end.
    Usage,
}

/// An error of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) cause: Cause,
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) details: Term,
    pub(crate) frames: Vec<String>,
    pub(crate) depth: usize,
}

impl Error {
    /// An error in how a process is used.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::because(kind, Cause::Usage, message.into())
    }

    fn because(kind: ErrorKind, cause: Cause, message: String) -> Error {
        let retryable = kind.retryable();
        Error { kind, cause, message, retryable, details: Term::Nil, frames: Vec::new(), depth: 0 }
    }

    pub(super) fn with_frames(mut self, (frames, depth): (Vec<String>, usize)) -> Error {
        (self.frames, self.depth) = (frames, depth);
        self
    }

    /// A process that has been ended with an exit code, not by itself.
    pub fn exited(code: u8, why: impl Into<String>) -> Error {
        Error::because(ErrorKind::Internal, Cause::Exit(code), why.into())
    }

    /// The end of a process that has run longer than so many milliseconds.
    pub fn timeout(limit: u64) -> Error {
        let message = format!("the process ran longer than its limit of {limit} ms");
        Error::because(ErrorKind::Timeout, Cause::Timeout, message)
    }

    /// The end of a process that has used up its fuel.
    #[cfg(feature = "lua")]
    pub(crate) fn out_of_fuel(max: u64) -> Error {
        let message = format!("the process has used up `limits.max_fuel`, {max} units");
        Error::because(ErrorKind::Internal, Cause::Trap(TrapKind::Limit), message)
    }

    /// The end of a process that somebody has cancelled, for this reason.
    pub fn cancelled(reason: &str) -> Error {
        let message = match reason {
            "" => "the process was cancelled".to_owned(),
            reason => format!("the process was cancelled: {reason}"),
        };
        Error::because(ErrorKind::Canceled, Cause::Cancel, message)
    }

    /// An error that a program ends itself with.
    pub fn program(fault: ProcessError) -> Error {
        let ProcessError { kind, message, retryable, details } = fault;
        Error { retryable, details, ..Error::because(kind, Cause::Program, message) }
    }

    /// The end of a process in which the engine failed, with what is known of it.
    pub fn engine(what: &str) -> Error {
        let message = format!("the engine failed in this process: {what}; please report it");
        Error { retryable: true, ..Error::because(ErrorKind::Internal, Cause::Engine, message) }
    }

    /// The end of a process by the end of another, as retryable as that.
    pub fn linked(other: &Pid, fault: &ProcessError) -> Error {
        let message = format!("the linked process {other} ended: {}", brief(&fault.message));
        let retryable = fault.retryable;
        Error { retryable, ..Error::because(fault.kind, Cause::Link, message) }
    }

    /// The end of a process that somebody has terminated.
    pub fn terminated(why: &str) -> Error {
        Error::because(
            ErrorKind::Canceled,
            Cause::Cancel,
            format!("the process was terminated{why}"),
        )
    }

    /// The part of it that other processes are told.
    pub fn fault(&self) -> ProcessError {
        let (kind, retryable, details) = (self.kind, self.retryable, self.details.clone());
        ProcessError { kind, message: self.to_string(), retryable, details }
    }

    /// A trap in a call of `method`.
    pub(super) fn trap(trap: &Trap, method: &str) -> Error {
        if let TrapKind::Exit(code) = trap.kind {
            let message = format!("the process exited with code {code}");
            return Error::because(ErrorKind::Internal, Cause::Exit(code), message);
        }
        let kind = match trap.kind {
            TrapKind::Engine => return Error::engine(&format!("`{method}`: {trap}")),
            TrapKind::Denied => ErrorKind::PermissionDenied,
            TrapKind::Crowded => ErrorKind::Unavailable,
            TrapKind::Invalid | TrapKind::Unsupported => ErrorKind::Invalid,
            TrapKind::Core
            | TrapKind::Canonical
            | TrapKind::Host
            | TrapKind::Limit
            | TrapKind::Exit(_) => ErrorKind::Internal,
        };
        let message = format!("`{method}` trapped: {trap}");
        Error::because(kind, Cause::Trap(trap.kind), message)
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where the error comes from.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The exit code, if the guest ended itself.
    pub fn exit_code(&self) -> Option<u8> {
        match self.cause {
            Cause::Exit(code) => Some(code),
            Cause::Trap(_)
            | Cause::Timeout
            | Cause::Cancel
            | Cause::Program
            | Cause::Link
            | Cause::Engine
            | Cause::Usage => None,
        }
    }

    /// The message, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The guest's functions that were running when it trapped, the innermost
    /// first. Only the first few are given; [`Error::depth`] says how many there
    /// were. Empty where they could not be found out.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }

    /// The number of guest functions that were running.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// True if trying again may help.
    pub fn retryable(&self) -> bool {
        self.retryable
    }
}

/// The beginning of a text that one process has written and many may be told.
fn brief(text: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 4 << 10;
    if text.len() <= MOST {
        return text.into();
    }
    let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

impl fmt::Display for Error {
    /// The message, and below it the functions that were running.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for frame in &self.frames {
            write!(f, "\n    in {}", visible::name(frame))?;
        }
        match self.depth.saturating_sub(self.frames.len()) {
            0 => Ok(()),
            more => write!(f, "\n    and {more} more"),
        }
    }
}

impl std::error::Error for Error {}
