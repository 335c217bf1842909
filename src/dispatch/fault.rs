//! What goes wrong, as processes tell it to each other.

use std::fmt;

use crate::value::Term;

/// The kind of an error, as the original system names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
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

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Kind; 11] = [
        Kind::NotFound,
        Kind::AlreadyExists,
        Kind::Invalid,
        Kind::PermissionDenied,
        Kind::Unavailable,
        Kind::Internal,
        Kind::Canceled,
        Kind::Conflict,
        Kind::Timeout,
        Kind::RateLimited,
        Kind::Unknown,
    ];

    /// The name in upper case: `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "NOT_FOUND",
            Kind::AlreadyExists => "ALREADY_EXISTS",
            Kind::Invalid => "INVALID",
            Kind::PermissionDenied => "PERMISSION_DENIED",
            Kind::Unavailable => "UNAVAILABLE",
            Kind::Internal => "INTERNAL",
            Kind::Canceled => "CANCELED",
            Kind::Conflict => "CONFLICT",
            Kind::Timeout => "TIMEOUT",
            Kind::RateLimited => "RATE_LIMITED",
            Kind::Unknown => "UNKNOWN",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether trying again may help, unless somebody knows better. A guest that
    /// trapped would trap again.
    pub fn retryable(self) -> bool {
        matches!(self, Kind::Unavailable | Kind::Timeout | Kind::RateLimited)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error that travels from one process to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its kind.
    pub kind: Kind,
    /// For people.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// For programs; often [`Term::Nil`].
    pub details: Term,
}

impl Fault {
    /// A fault without details that is as retryable as its kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Fault {
        let retryable = kind.retryable();
        Fault { kind, message: message.into(), retryable, details: Term::Nil }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Fault {}
