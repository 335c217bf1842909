//! `wippy:process`: what a guest asks of other processes.
//!
//! As in [`wasi`](crate::imports::wasi), nothing here touches the world. Most functions
//! make an [`ActorCommand`] of their arguments and a WIT `result` of the reply.
//! The mailbox is the exception: mail is handed in with the events of a step and
//! lies in the process's own [`Inbox`](crate::process::Inbox), so receiving what
//! is there is no command at all.
//!
//! A process takes part if its slot of type `Option<`[`Identity`]`>` has been set
//! before its first step. One without has nobody to ask: it runs by itself, and
//! every function that would need a host fails with `unavailable`, which is better
//! than waiting for mail that cannot come. `get-self` says `none`, `yield-now`
//! returns at once, and `exit` ends it all the same.
//!
//! | file | what |
//! | --- | --- |
//! | `convert` | values of the WIT to terms, faults and mail, and back |
//! | `life`, `mailbox`, `names`, `functions`, `census` | the interfaces |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wippy::{
//!     command::Pid, component::Linker, imports::{process, wasi}, process::{Identity, StartData},
//! };
//!
//! let mut linker = Linker::default();
//! wasi::add_to_linker(&mut linker)?;
//! process::add_to_linker(&mut linker)?;
//! assert!(linker.provides("wippy:process/mailbox@0.1.0"));
//!
//! let identity = Identity {
//!     pid: Pid::new("app:processes/1"),
//!     host: "app:processes".to_owned(),
//!     entry: "app:worker".to_owned(),
//! };
//! // What a process that begins with this is.
//! let start = StartData { identity: Some(identity), ..StartData::default() };
//! # let _ = start;
//! # Ok(())
//! # }
//! ```

mod census;
mod convert;
mod functions;
mod life;
mod mailbox;
mod names;

#[cfg(test)]
mod tests;

use super::wasi::call::{ask, now};
use crate::{
    command::{ActorCommand, ErrorKind, ProcessError, Reply, Unexpected},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    process::Identity,
    value::Value,
};

/// The WIT packages, name and text. They use those of
/// [`wasi::PACKAGES`](crate::imports::wasi::PACKAGES).
pub const PACKAGES: [(&str, &str); 1] =
    [("wippy:process@0.1.0", include_str!("../../../wit/wippy/process.wit"))];

/// Declares every interface of `wippy:process` and binds their functions. WASI
/// has to be in the linker already, because mail can be waited for with
/// `wasi:io/poll`.
///
/// # Errors
///
/// If it is not, or the linker already has other declarations of the package.
pub fn add_to_linker(linker: &mut Linker) -> Result<(), DeclareError> {
    for (_, package) in PACKAGES {
        linker.declare(package)?;
    }
    census::bind(linker)?;
    functions::bind(linker)?;
    life::bind(linker)?;
    mailbox::bind(linker)?;
    names::bind(linker)
}

/// Who the calling process is.
fn identity(cx: &mut HostCx<'_>) -> Option<Identity> {
    cx.state::<Option<Identity>>().clone()
}

/// Why the calling process cannot do what takes a host, if it cannot.
fn alone(cx: &mut HostCx<'_>) -> Option<ProcessError> {
    let text = "the program runs by itself and not as a process of a host";
    cx.state::<Option<Identity>>()
        .is_none()
        .then(|| ProcessError::new(ErrorKind::Unavailable, text))
}

/// What stands between a call and its answer: a fault for the guest, or the end
/// of it.
#[derive(Debug)]
enum Failure {
    ProcessError(ProcessError),
    Trap(Trap),
}

impl From<ProcessError> for Failure {
    fn from(fault: ProcessError) -> Failure {
        Failure::ProcessError(fault)
    }
}

impl From<Unexpected> for Failure {
    fn from(unexpected: Unexpected) -> Failure {
        Failure::Trap(unexpected.into())
    }
}

impl From<Trap> for Failure {
    fn from(trap: Trap) -> Failure {
        Failure::Trap(trap)
    }
}

/// Answers with a `result` of the WIT.
fn answer(cx: &mut HostCx<'_>, result: Result<Option<Value>, Failure>) -> Result<Answer, Trap> {
    match result {
        Ok(value) => now(Value::ok(value)),
        Err(Failure::ProcessError(fault)) => now(Value::err(Some(convert::error(cx, fault)))),
        Err(Failure::Trap(trap)) => Err(trap),
    }
}

/// Asks the host, and answers with a `result`: of a fault, or of what `then`
/// makes of any other reply.
fn request(
    cx: &mut HostCx<'_>,
    command: Result<ActorCommand, Failure>,
    then: impl FnOnce(&mut HostCx<'_>, Reply) -> Result<Option<Value>, Failure> + Send + 'static,
) -> Result<Answer, Trap> {
    let command = match (alone(cx), command) {
        (Some(fault), _) => return answer(cx, Err(fault.into())),
        (None, Ok(command)) => command,
        (None, Err(failure)) => return answer(cx, Err(failure)),
    };
    ask(command, |cx, reply| {
        let result = match reply.unless_process_error() {
            Ok(reply) => then(cx, reply),
            Err(fault) => Err(fault.into()),
        };
        answer(cx, result)
    })
}

/// Asks for something that has no result.
fn request_done(
    cx: &mut HostCx<'_>,
    command: Result<ActorCommand, Failure>,
) -> Result<Answer, Trap> {
    request(cx, command, |_, reply| {
        reply.done()?;
        Ok(None)
    })
}

/// Asks for a process.
fn request_pid(
    cx: &mut HostCx<'_>,
    command: Result<ActorCommand, Failure>,
) -> Result<Answer, Trap> {
    request(cx, command, |_, reply| Ok(Some(reply.pid()?.as_str().into())))
}
