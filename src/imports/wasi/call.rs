//! What the functions of all packages share: reading arguments, making
//! results, and going on when a reply has come.
//!
//! Arguments have been checked against the WIT before a function sees them, so
//! [`Args`] failing means an error in the engine. It is reported as a trap, as is
//! a reply of another kind than the command asks for.

use crate::{
    account::Charge,
    command::{ClockCommand, Command, Reply},
    component::{Answer, DeclareError, HostCx, Linker, Trap, TrapKind},
    value::{Resource, Value},
};

/// The most bytes that one command carries, in either direction. A guest that
/// asks for more gets, or may write, this much at a time.
pub(crate) const MAX_IO: u64 = 1 << 20;

/// As many as this are carried even where there is not much memory left.
const FEW_IO: u64 = 64 << 10;

/// The most bytes that one command carries now: fewer if there is not much room.
pub(crate) fn most_io(cx: &HostCx<'_>) -> u64 {
    (cx.account().room() / 4).clamp(FEW_IO, MAX_IO)
}

/// A charge for bytes that are under way, to be kept until they have arrived.
pub(crate) fn under_way(cx: &HostCx<'_>, bytes: u64) -> Charge {
    let mut charge = cx.account().open();
    charge.add_anyway(bytes);
    charge
}

/// A host function.
pub(crate) type Body = fn(&mut HostCx<'_>, &mut Args) -> Result<Answer, Trap>;

/// Binds functions of one interface.
pub(crate) fn bind(
    linker: &mut Linker,
    interface: &str,
    bodies: &[(&str, Body)],
) -> Result<(), DeclareError> {
    for (function, body) in bodies {
        let body = *body;
        linker.func(interface, function, move |cx, args| body(cx, &mut Args::new(args)))?;
    }
    Ok(())
}

/// The arguments of a call, in the order of the parameters.
pub(crate) struct Args(std::vec::IntoIter<Value>);

impl Args {
    pub fn new(args: Vec<Value>) -> Args {
        Args(args.into_iter())
    }

    pub fn value(&mut self) -> Result<Value, Trap> {
        self.0.next().ok_or_else(unexpected_argument)
    }

    pub fn u8(&mut self) -> Result<u8, Trap> {
        let Value::U8(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    pub fn bool(&mut self) -> Result<bool, Trap> {
        let Value::Bool(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    pub fn u32(&mut self) -> Result<u32, Trap> {
        let Value::U32(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    pub fn u64(&mut self) -> Result<u64, Trap> {
        let Value::U64(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    pub fn string(&mut self) -> Result<String, Trap> {
        let Value::String(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    pub fn flags(&mut self) -> Result<u32, Trap> {
        let Value::Flags(value) = self.value()? else { return Err(unexpected_argument()) };
        Ok(value)
    }

    /// A case of a variant, enum, option or result.
    pub fn case(&mut self) -> Result<(u32, Option<Value>), Trap> {
        let Value::Variant { case, payload } = self.value()? else {
            return Err(unexpected_argument());
        };
        Ok((case, payload.map(|value| *value)))
    }

    /// The payload of an option.
    pub fn option(&mut self) -> Result<Option<Value>, Trap> {
        self.case().map(|(_, payload)| payload)
    }

    /// The fields of a record.
    pub fn record(&mut self) -> Result<Args, Trap> {
        let Value::Record(fields) = self.value()? else { return Err(unexpected_argument()) };
        Ok(Args::new(fields))
    }

    /// The elements of a list of anything but numbers.
    pub fn list(&mut self) -> Result<Vec<Value>, Trap> {
        let Value::List(crate::value::List::Values(values)) = self.value()? else {
            return Err(unexpected_argument());
        };
        Ok(values)
    }

    pub fn bytes(&mut self) -> Result<Vec<u8>, Trap> {
        use crate::value::{List, Scalar};
        let Value::List(list) = self.value()? else { return Err(unexpected_argument()) };
        if let List::Scalars(Scalar::U8, bytes) = list {
            return Ok(bytes);
        }
        list.as_bytes().map(<[u8]>::to_vec).ok_or_else(unexpected_argument)
    }

    /// The index in the process's table that a handle stands for.
    pub fn handle(&mut self) -> Result<u32, Trap> {
        handle(&self.value()?)
    }

    pub fn handles(&mut self) -> Result<Vec<u32>, Trap> {
        let Value::List(list) = self.value()? else { return Err(unexpected_argument()) };
        list.iter().map(|value| handle(&value)).collect()
    }
}

fn handle(value: &Value) -> Result<u32, Trap> {
    let (Value::Own(resource) | Value::Borrow(resource)) = value else {
        return Err(unexpected_argument());
    };
    Ok(resource.rep)
}

#[cold]
pub(crate) fn unexpected_argument() -> Trap {
    Trap::new(TrapKind::Host, "an argument has another type than was declared")
}

/// A wrong use of WASI by the guest, for which the specification wants a trap.
#[cold]
pub(crate) fn misuse(message: impl Into<String>) -> Trap {
    Trap::new(TrapKind::Host, message)
}

/// Answers at once.
pub(crate) fn now(value: impl Into<Value>) -> Result<Answer, Trap> {
    Ok(Answer::Now(Some(value.into())))
}

/// Goes on when the command has been answered.
pub(crate) fn ask(
    command: impl Into<Command>,
    then: impl FnOnce(&mut HostCx<'_>, Reply) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    Ok(Answer::Then(command.into(), Box::new(then)))
}

/// Asks for a time.
pub(crate) fn ask_time(
    command: ClockCommand,
    then: impl FnOnce(&mut HostCx<'_>, u64) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    ask(command, move |cx, reply| then(cx, reply.time()?))
}

/// A handle for the guest to own.
pub(crate) fn own(index: u32) -> Value {
    Value::Own(Resource::host(index))
}

/// Nanoseconds since the epoch as a `datetime`.
pub(crate) fn datetime(nanoseconds: u64) -> Value {
    let rest = (nanoseconds % NANOS) as u32;
    Value::Record(vec![Value::U64(nanoseconds / NANOS), Value::U32(rest)])
}

/// Nanoseconds of a second.
pub(crate) const NANOS: u64 = 1_000_000_000;
