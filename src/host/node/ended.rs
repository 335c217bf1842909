//! How a process has ended: for whoever has started it, and for other processes.

use std::time::Duration;

use super::mailbox::Mailbox;
use crate::{
    account::Account,
    command::{Ending, ErrorKind, ProcessError, SharedEnding},
    process::{Error, Outcome},
    value::{Term, Type, TypeDef, TypeId, Value, term},
};

/// A process that has ended, and what it took.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The value or the error.
    pub outcome: Outcome,
    /// The part of it that other processes are told.
    pub ending: SharedEnding,
    /// Fuel of all steps.
    pub fuel_used: u64,
    /// How many steps there were.
    pub steps: u64,
    /// Time since the first step.
    pub elapsed: Duration,
}

impl Ended {
    /// A process that could not be started, or of which nothing more is known.
    pub(in crate::host) fn without_life(error: Error) -> Ended {
        let ending = Err(error.fault()).into();
        let (fuel_used, steps, elapsed) = (0, 0, Duration::ZERO);
        Ended { outcome: Err(error), ending, fuel_used, steps, elapsed }
    }

    /// A process that has lived so long, with what its mailbox has counted.
    pub(in crate::host) fn after(
        mailbox: &Mailbox,
        outcome: Outcome,
        ending: Ending,
        elapsed: Duration,
    ) -> Ended {
        let (fuel_used, steps) = (mailbox.vitals.fuel(), mailbox.vitals.steps());
        let ending = ending.into();
        Ended { outcome, ending, fuel_used, steps, elapsed }
    }

    /// The same, with what others will be told of on the account of the host: the
    /// process is no more. For those who have no use for the outcome, it is left out.
    ///
    /// A result that has no room is left out in any case, and said to be.
    pub(in crate::host) fn kept_by(self, host: &Account, outcome_too: bool) -> Ended {
        let outcome = match self.outcome {
            Ok(_) if !outcome_too => Ok(None),
            outcome => outcome,
        };
        let bytes = match &outcome {
            Ok(value) => value.as_ref().map_or(0, Value::held),
            // The error says what the ending says.
            Err(_) => self.ending.size() as u64,
        };
        match self.ending.clone().charge_to(host, bytes) {
            Ok(ending) => Ended { outcome, ending, ..self },
            Err(exceeded) => {
                let ending = self.ending.without_value();
                let why = match &*ending {
                    Ok(_) => String::new(),
                    Err(fault) => fault.message.clone(),
                };
                let kind = ending.as_ref().err().map_or(ErrorKind::Unavailable, |fault| fault.kind);
                let outcome = Err(Error::new(kind, format!("{why}: {exceeded}")));
                Ended { outcome, ending, ..self }
            }
        }
    }
}

/// The news for other processes. A method that returns a `result` says with it
/// whether it has done what it is for, so an `err` is a failure; the result of a function
/// is told whole.
pub(super) fn ending(
    outcome: &Outcome,
    exited: Option<Term>,
    result: Option<&Type>,
    whole: bool,
) -> Ending {
    let value = match (outcome, exited) {
        (Err(error), _) => return Err(error.fault()),
        (Ok(_), Some(term)) => return Ok(term),
        (Ok(value), None) => value,
    };
    let (Some(value), Some(ty)) = (value, result) else { return Ok(Term::Nil) };
    if whole {
        return term(ty, value);
    }
    let (TypeDef::Result { ok, err }, Value::Variant { case, payload }) = (ty.def(), value) else {
        return term(ty, value);
    };
    let payload = |id: &Option<TypeId>| match (id, payload) {
        (Some(id), Some(value)) => term(&ty.child(*id), value),
        _ => Ok(Term::Nil),
    };
    match case {
        0 => payload(ok),
        _ => Err(failed(payload(err)?)),
    }
}

fn term(ty: &Type, value: &Value) -> Ending {
    term::from_value(ty, value).map_err(|error| {
        let why = format!("the result cannot be told to other processes: {error}");
        ProcessError::new(ErrorKind::Internal, why)
    })
}

/// The fault for a method that has returned an `err` with this payload.
fn failed(payload: Term) -> ProcessError {
    match payload {
        Term::Text(text) => ProcessError::new(ErrorKind::Unknown, text),
        Term::Nil => ProcessError::new(ErrorKind::Unknown, "the method returned an err"),
        details @ (Term::Bool(_)
        | Term::Int(_)
        | Term::Uint(_)
        | Term::Float(_)
        | Term::Bytes(_)
        | Term::List(_)
        | Term::Map(_)) => {
            let what = term::to_json(&details).map_or_else(|_| "…".to_owned(), |v| v.to_string());
            let why = format!("the method returned an err: {what}");
            ProcessError { details, ..ProcessError::new(ErrorKind::Unknown, why) }
        }
    }
}
