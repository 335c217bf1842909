//! What goes wrong, as processes tell it to each other.

use std::fmt;

use crate::value::Term;

/// The kind of an error, as the original system names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ErrorKind {
    NotFound,
    AlreadyExists,
    Invalid,
    PermissionDenied,
    Unavailable,
    Internal,
    Canceled,
    Conflict,
    Timeout,
    RateLimited,
    Unknown,
}

impl ErrorKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [ErrorKind; 11] = [
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::Invalid,
        ErrorKind::PermissionDenied,
        ErrorKind::Unavailable,
        ErrorKind::Internal,
        ErrorKind::Canceled,
        ErrorKind::Conflict,
        ErrorKind::Timeout,
        ErrorKind::RateLimited,
        ErrorKind::Unknown,
    ];

    /// The name in upper case: `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "NOT_FOUND",
            ErrorKind::AlreadyExists => "ALREADY_EXISTS",
            ErrorKind::Invalid => "INVALID",
            ErrorKind::PermissionDenied => "PERMISSION_DENIED",
            ErrorKind::Unavailable => "UNAVAILABLE",
            ErrorKind::Internal => "INTERNAL",
            ErrorKind::Canceled => "CANCELED",
            ErrorKind::Conflict => "CONFLICT",
            ErrorKind::Timeout => "TIMEOUT",
            ErrorKind::RateLimited => "RATE_LIMITED",
            ErrorKind::Unknown => "UNKNOWN",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<ErrorKind> {
        ErrorKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// True if trying again may help, unless somebody knows better. A guest that
    /// trapped would trap again.
    pub fn retryable(self) -> bool {
        matches!(self, ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error that travels from one process to another.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessError {
    /// Its kind.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
    /// True if trying again may help.
    pub retryable: bool,
    /// For programs; often [`Term::Nil`].
    pub details: Term,
}

impl ProcessError {
    /// A fault without details that is as retryable as its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> ProcessError {
        let retryable = kind.retryable();
        ProcessError { kind, message: message.into(), retryable, details: Term::Nil }
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for ProcessError {}
