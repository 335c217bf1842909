//! What is known of files: kind, size, times, identity.

use super::{Body, Stop, ask, carry_out, descriptor, error_code, follow, ok, place};
use crate::{
    command::{Errno, FsCommand, NewTime, Stat},
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        WasiState,
        call::{self, Args, NANOS, datetime, now, unexpected_argument},
        request,
    },
    value::Value,
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("[method]descriptor.stat", |cx, args| {
        let file = *descriptor(cx, args)?.file;
        stat(FsCommand::Stat(file), descriptor_stat)
    }),
    ("[method]descriptor.stat-at", |cx, args| stat(stat_at(cx, args)?, descriptor_stat)),
    ("[method]descriptor.metadata-hash", |cx, args| {
        let file = *descriptor(cx, args)?.file;
        stat(FsCommand::Stat(file), hash)
    }),
    ("[method]descriptor.metadata-hash-at", |cx, args| stat(stat_at(cx, args)?, hash)),
    ("[method]descriptor.set-times", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        let (accessed, modified) = (new_time(args)?, new_time(args)?);
        carry_out(request::set_times(descriptor, accessed, modified)?)
    }),
    ("[method]descriptor.set-times-at", |cx, args| {
        let base = args.handle()?;
        let follow = follow(args)?;
        let place = place(cx, base, args)?;
        let (accessed, modified) = (new_time(args)?, new_time(args)?);
        carry_out(request::set_times_at(place, follow, accessed, modified)?)
    }),
];

/// The functions that do not return an `error-code`.
pub(super) const PLAIN: &[(&str, call::Body)] = &[
    ("[method]descriptor.is-same-object", |cx, args| {
        let table = &cx.state::<WasiState>().table;
        let one = *table.descriptor(args.handle()?)?.file;
        let other = *table.descriptor(args.handle()?)?.file;
        if one == other {
            return now(true);
        }
        // What cannot be found out is not the same.
        identity(FsCommand::Stat(one), move |_, one| match one {
            Some(one) => identity(FsCommand::Stat(other), move |_, other| now(Some(one) == other)),
            None => now(false),
        })
    }),
    ("filesystem-error-code", |cx, args| {
        let error = cx.state::<WasiState>().table.error(args.handle()?)?;
        now(error.file.then(|| error_code(error.errno)))
    }),
];

fn stat_at(cx: &mut HostCx<'_>, args: &mut Args) -> Result<FsCommand, Stop> {
    let base = args.handle()?;
    let follow = follow(args)?;
    Ok(request::stat_at(place(cx, base, args)?, follow))
}

fn stat(command: FsCommand, result: fn(&Stat) -> Value) -> Result<Answer, Stop> {
    ask(command, move |_, reply| ok(result(&reply.stat()?)))
}

fn identity(
    command: FsCommand,
    then: impl FnOnce(&mut HostCx<'_>, Option<(u64, u64)>) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    call::ask(command, move |cx, reply| match reply.unless_failed() {
        Ok(reply) => {
            let stat = reply.stat()?;
            then(cx, Some((stat.device, stat.inode)))
        }
        Err(_) => then(cx, None),
    })
}

fn descriptor_stat(stat: &Stat) -> Value {
    let time = |time: Option<u64>| Value::from(time.map(datetime));
    Value::Record(vec![
        // The kinds have the order of the cases.
        Value::case(stat.kind as u32),
        Value::U64(stat.links),
        Value::U64(stat.size),
        time(stat.accessed),
        time(stat.modified),
        time(stat.changed),
    ])
}

/// A number for what makes a file the one it is. It does not change with the
/// contents, because guests take it for the inode.
fn hash(stat: &Stat) -> Value {
    let mix = |seed: u64, value: u64| {
        // The finalizer of MurmurHash3, which is a bijection.
        let mut x = seed ^ value;
        x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        x ^ (x >> 33)
    };
    let half = |seed| Value::U64(mix(mix(seed, stat.device), stat.inode));
    Value::Record(vec![half(0x9e37_79b9_7f4a_7c15), half(0x6a09_e667_f3bc_c908)])
}

/// The next argument, a `new-timestamp`.
fn new_time(args: &mut Args) -> Result<NewTime, Stop> {
    match args.case()? {
        (0, None) => Ok(NewTime::Keep),
        (1, None) => Ok(NewTime::Now),
        (2, Some(Value::Record(fields))) => {
            let [Value::U64(seconds), Value::U32(nanoseconds)] = fields.as_slice() else {
                return Err(unexpected_argument().into());
            };
            let nanoseconds = u64::from(*nanoseconds);
            if nanoseconds >= NANOS {
                return Err(Errno::Invalid.into());
            }
            let time = seconds.checked_mul(NANOS).and_then(|time| time.checked_add(nanoseconds));
            Ok(NewTime::At(time.ok_or(Errno::Overflow)?))
        }
        _ => Err(unexpected_argument().into()),
    }
}
