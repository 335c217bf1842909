//! What the functions share: arguments, the guest's memory, results.
//!
//! A guest that passes an address outside of its memory, one that is not aligned
//! for what lies there, or a number that 0.1 does not have, ends with a trap, as
//! it does in other engines: it is broken, and an `errno` would hide that. An
//! address for a result is looked at when the result is there.

pub(super) use crate::imports::wasi::stop::answer;

use super::errno::Code;
use crate::{
    account::Charge,
    command::{ClockCommand, Command, Errno, FsCommand, Reply},
    component::{Answer, HostCx, Trap, TrapKind},
    imports::wasi::{
        call::{misuse, most_io, under_way, unexpected_argument},
        path::MAX_PATH,
        stop::{self, Told},
    },
    value::Value,
};

pub(super) type Stop = stop::Stop<Code>;

impl Told for Code {
    fn result(self) -> Value {
        Value::S32(i32::from(self.0))
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Told(errno.into())
    }
}

/// A function of 0.1.
pub(super) type Body = fn(&mut HostCx<'_>, &mut Params) -> Result<Answer, Stop>;

/// It has worked.
pub(super) fn success() -> Result<Answer, Stop> {
    Err(Stop::Told(Code::SUCCESS))
}

/// Goes on with the reply, unless the command has failed.
pub(super) fn ask(
    command: impl Into<Command>,
    then: impl FnOnce(&mut HostCx<'_>, Reply) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    let then = move |cx: &mut HostCx<'_>, reply: Reply| {
        answer(match reply.unless_failed() {
            Ok(reply) => then(cx, reply),
            Err(errno) => Err(errno.into()),
        })
    };
    Ok(Answer::Then(command.into(), Box::new(then)))
}

/// Asks for a time.
pub(super) fn ask_time(
    command: ClockCommand,
    then: impl FnOnce(&mut HostCx<'_>, u64) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    ask(command, move |cx, reply| then(cx, reply.time()?))
}

/// The function has worked when the command has been carried out.
pub(super) fn carry_out(command: FsCommand) -> Result<Answer, Stop> {
    ask(command, |_, reply| {
        reply.done()?;
        success()
    })
}

/// The arguments of a call, in the order of the parameters.
pub(super) struct Params {
    args: std::vec::IntoIter<Value>,
    face: Face,
}

/// The version of WASI 0.1 that a module was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// `wasi_snapshot_preview1`.
    Snapshot,
    /// `wasi_unstable`, the one before it, which differs in some records and numbers.
    Unstable,
}

impl Params {
    pub fn new(args: Vec<Value>, face: Face) -> Params {
        Params { args: args.into_iter(), face }
    }

    pub fn face(&self) -> Face {
        self.face
    }

    pub fn u32(&mut self) -> Result<u32, Trap> {
        let Some(Value::S32(value)) = self.args.next() else { return Err(unexpected_argument()) };
        Ok(value.cast_unsigned())
    }

    pub fn u64(&mut self) -> Result<u64, Trap> {
        let Some(Value::S64(value)) = self.args.next() else { return Err(unexpected_argument()) };
        Ok(value.cast_unsigned())
    }

    /// A number below `end`.
    pub fn case(&mut self, end: u32, what: &str) -> Result<u32, Trap> {
        let value = self.u32()?;
        if value < end { Ok(value) } else { Err(invalid(what, value.into())) }
    }

    /// Bits, all of them among `known`.
    pub fn flags(&mut self, known: u32, what: &str) -> Result<u32, Trap> {
        let value = self.u32()?;
        if value & !known == 0 { Ok(value) } else { Err(invalid(what, value.into())) }
    }

    /// The same with 64 bits.
    pub fn flags64(&mut self, known: u64, what: &str) -> Result<u64, Trap> {
        let value = self.u64()?;
        if value & !known == 0 { Ok(value) } else { Err(invalid(what, value)) }
    }

    /// A path or what a link says, as its address and its length. One that is
    /// too long is not looked at, whatever is in it.
    pub fn text(&mut self, cx: &mut HostCx<'_>) -> Result<String, Stop> {
        let (address, len) = (self.u32()?, self.u32()?);
        let bytes = read(cx, address, len)?;
        if bytes.len() > MAX_PATH {
            return Err(Code::NAMETOOLONG.into());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Code::ILSEQ).map(str::to_owned);
        cx.charge(len.into());
        Ok(text?)
    }

    /// Parts of the memory to read into or to write from, as the address of a
    /// list and its length.
    pub fn parts(&mut self) -> Result<PartList, Trap> {
        Ok(PartList { address: self.u32()?, count: self.u32()? })
    }
}

#[cold]
fn invalid(what: &str, value: u64) -> Trap {
    misuse(format!("WASI 0.1 has no {what} {value}"))
}

/// An array of `iovec` or `ciovec`.
#[derive(Clone, Copy)]
pub(super) struct PartList {
    address: u32,
    count: u32,
}

/// The most parts that are looked at in one call. Other systems take 1024.
const MAX_PARTS: u32 = 16_384;

/// Parts of the memory, none of them empty.
pub(super) struct Parts {
    parts: Vec<(u32, u32)>,
    /// Bytes of all parts.
    pub len: u32,
    /// For what is moved, until it has been.
    pub charge: Charge,
}

impl PartList {
    /// The parts, up to the most bytes that one call moves, and as far as a call
    /// looks. A call may always move less than it was asked to, but not nothing
    /// where there is something: then there are too many parts.
    pub fn get(self, cx: &mut HostCx<'_>) -> Result<Parts, Stop> {
        let list = self.count.checked_mul(8).ok_or_else(|| outside(self.address))?;
        check_aligned(self.address, 4)?;
        let looked_at = self.count.min(MAX_PARTS);
        cx.charge(u64::from(looked_at).saturating_mul(8));
        let most = most_io(cx) as u32;
        let memory = memory(cx)?;
        let list = memory.read(self.address, list).ok_or_else(|| outside(self.address))?;
        let (list, _) = list.as_chunks::<8>();
        let list = list.get(..looked_at as usize).unwrap_or(list);
        let mut parts = Vec::new();
        // Not more than a MiB.
        let mut room = most;
        for part in list {
            let (address, len) = halves(*part);
            if memory.read(address, len).is_none() {
                return Err(outside(address).into());
            }
            let len = len.min(room);
            if len > 0 {
                parts.push((address, len));
            }
            room = room.saturating_sub(len);
            if room == 0 {
                break;
            }
        }
        if parts.is_empty() && looked_at < self.count {
            return Err(Code::INVAL.into());
        }
        let len = most.saturating_sub(room);
        // What is moved, and the list of where to.
        let listed = parts.capacity().saturating_mul(size_of::<(u32, u32)>());
        let charge = under_way(cx, u64::from(len).saturating_add(listed as u64));
        Ok(Parts { parts, len, charge })
    }
}

impl Parts {
    /// What is in them.
    pub fn gather(&self, cx: &mut HostCx<'_>) -> Result<Vec<u8>, Trap> {
        cx.charge(self.len.into());
        let memory = memory(cx)?;
        let mut bytes = Vec::with_capacity(self.len as usize);
        for (address, len) in &self.parts {
            bytes.extend(memory.read(*address, *len).ok_or_else(|| outside(*address))?);
        }
        Ok(bytes)
    }

    /// Fills them, as far as the bytes reach.
    pub fn scatter(&self, cx: &mut HostCx<'_>, mut bytes: &[u8]) -> Result<(), Trap> {
        for (address, len) in &self.parts {
            let Some((part, rest)) = bytes.split_at_checked(bytes.len().min(*len as usize)) else {
                break;
            };
            if part.is_empty() {
                break;
            }
            write(cx, *address, part)?;
            bytes = rest;
        }
        Ok(())
    }
}

/// Two little-endian numbers.
fn halves(bytes: [u8; 8]) -> (u32, u32) {
    let both = u64::from_le_bytes(bytes);
    // The lower half and the upper half.
    (both as u32, (both >> 32) as u32)
}

fn memory<'a, 'b>(
    cx: &'a mut HostCx<'b>,
) -> Result<&'a mut crate::component::GuestMemory<'b>, Trap> {
    cx.memory().ok_or_else(|| misuse("a module that uses WASI 0.1 must export its `memory`"))
}

#[cold]
fn outside(address: u32) -> Trap {
    Trap::new(TrapKind::Host, format!("address {address:#x} leads out of the memory"))
}

fn check_aligned(address: u32, align: u32) -> Result<(), Trap> {
    match address.is_multiple_of(align) {
        true => Ok(()),
        false => Err(misuse(format!("address {address:#x} is not aligned to {align} bytes"))),
    }
}

/// The bytes at an address.
pub(super) fn read<'a>(cx: &'a mut HostCx<'_>, address: u32, len: u32) -> Result<&'a [u8], Trap> {
    memory(cx)?.read(address, len).ok_or_else(|| outside(address))
}

/// The same for what has to be aligned.
pub(super) fn read_aligned<'a>(
    cx: &'a mut HostCx<'_>,
    address: u32,
    len: u32,
    align: u32,
) -> Result<&'a [u8], Trap> {
    check_aligned(address, align)?;
    read(cx, address, len)
}

/// Writes bytes.
pub(super) fn write(cx: &mut HostCx<'_>, address: u32, bytes: &[u8]) -> Result<(), Trap> {
    if memory(cx)?.write(address, bytes) { Ok(()) } else { Err(outside(address)) }
}

/// Writes what has to be aligned.
pub(super) fn write_aligned(
    cx: &mut HostCx<'_>,
    address: u32,
    bytes: &[u8],
    align: u32,
) -> Result<(), Trap> {
    check_aligned(address, align)?;
    write(cx, address, bytes)
}

pub(super) fn write_u32(cx: &mut HostCx<'_>, address: u32, value: u32) -> Result<(), Trap> {
    write_aligned(cx, address, &value.to_le_bytes(), 4)
}

pub(super) fn write_u64(cx: &mut HostCx<'_>, address: u32, value: u64) -> Result<(), Trap> {
    write_aligned(cx, address, &value.to_le_bytes(), 8)
}

/// The function's result is a number at an address.
pub(super) fn give_u32(cx: &mut HostCx<'_>, address: u32, value: u32) -> Result<Answer, Stop> {
    write_u32(cx, address, value)?;
    success()
}

/// The same with 64 bits.
pub(super) fn give_u64(cx: &mut HostCx<'_>, address: u32, value: u64) -> Result<Answer, Stop> {
    write_u64(cx, address, value)?;
    success()
}

/// A record as it lies in the memory: fields of little-endian numbers, each at
/// its offset.
pub(super) struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    pub fn new() -> Record<N> {
        Record([0; N])
    }

    /// Sets a field; one that is not within the record is left out.
    pub fn set<const M: usize>(mut self, offset: usize, bytes: [u8; M]) -> Record<N> {
        let field = self.0.get_mut(offset..).and_then(|rest| rest.first_chunk_mut::<M>());
        debug_assert!(field.is_some());
        if let Some(field) = field {
            *field = bytes;
        }
        self
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
