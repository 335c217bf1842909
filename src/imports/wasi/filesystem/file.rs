//! What is done with an open file: its contents.

use super::{Body, Stop, ask, carry_out, descriptor, done, ok};
use crate::{
    command::{Advice, Errno, FsCommand},
    component::{Answer, HostCx},
    imports::wasi::{
        WasiState,
        call::{Args, MAX_IO, most_io, own, under_way, unexpected_argument},
        descriptor::Descriptor,
        input::Input,
        output::Output,
        request,
        table::{self, Entry},
    },
    value::Value,
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("[method]descriptor.read-via-stream", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        if descriptor.is_dir() {
            return Err(Errno::IsDirectory.into());
        }
        descriptor.readable()?;
        let stream = Input::file(descriptor.file.clone(), args.u64()?);
        ok(own(table::add(cx, Entry::Input(stream))?))
    }),
    ("[method]descriptor.write-via-stream", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        to_write(descriptor)?;
        let stream = Output::file(descriptor.file.clone(), args.u64()?);
        ok(own(table::add(cx, Entry::Output(stream))?))
    }),
    ("[method]descriptor.append-via-stream", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        to_write(descriptor)?;
        let stream = Output::append(descriptor.file.clone());
        ok(own(table::add(cx, Entry::Output(stream))?))
    }),
    ("[method]descriptor.advise", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        descriptor.plain()?;
        let file = *descriptor.file;
        let (offset, len) = (args.u64()?, args.u64()?);
        let advice = match args.case()?.0 {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(unexpected_argument().into()),
        };
        carry_out(FsCommand::Advise { file, offset, len, advice })
    }),
    ("[method]descriptor.sync-data", |cx, args| sync(descriptor(cx, args)?, true)),
    ("[method]descriptor.sync", |cx, args| sync(descriptor(cx, args)?, false)),
    ("[method]descriptor.get-flags", |cx, args| ok(Value::Flags(descriptor(cx, args)?.flags()))),
    ("[method]descriptor.get-type", |cx, args| {
        // The kinds have the order of the cases.
        ok(Value::case(descriptor(cx, args)?.kind as u32))
    }),
    ("[method]descriptor.set-size", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        carry_out(request::set_size(descriptor, args.u64()?)?)
    }),
    ("[method]descriptor.read", read),
    ("[method]descriptor.write", |cx, args| {
        let descriptor = descriptor(cx, args)?;
        to_write(descriptor)?;
        let file = *descriptor.file;
        let (mut bytes, offset) = (args.bytes()?, args.u64()?);
        // The guest is told how much has been written and goes on by itself.
        bytes.truncate(MAX_IO as usize);
        let len = bytes.len() as u64;
        if len == 0 {
            return ok(0u64);
        }
        if offset.checked_add(len).is_none() {
            return Err(Errno::FileTooLarge.into());
        }
        let command = FsCommand::Write { file, offset: Some(offset), bytes };
        ask(command, move |_, reply| ok(reply.count_up_to(len)?))
    }),
];

/// Fails unless contents may be changed. That the mount forbids it is another
/// error than that the file was not opened for it.
fn to_write(descriptor: &Descriptor) -> Result<(), Errno> {
    descriptor.plain()?;
    if descriptor.read_only { Err(Errno::ReadOnly) } else { descriptor.writable() }
}

fn read(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let descriptor = descriptor(cx, args)?;
    descriptor.readable()?;
    let file = *descriptor.file;
    let (len, offset) = (args.u64()?, args.u64()?);
    let result = |bytes: Vec<u8>, end: bool| ok(Value::Record(vec![bytes.into(), end.into()]));
    // At most a MiB.
    let len = len.min(most_io(cx)) as u32;
    if len == 0 {
        return result(Vec::new(), false);
    }
    let charge = under_way(cx, len.into());
    ask(FsCommand::Read { file, offset, len }, move |_, reply| {
        let bytes = reply.bytes_up_to(len.into())?;
        drop(charge);
        let end = bytes.is_empty();
        result(bytes, end)
    })
}

fn sync(descriptor: &Descriptor, data_only: bool) -> Result<Answer, Stop> {
    match request::sync(descriptor, data_only) {
        Some(command) => carry_out(command),
        None => done(),
    }
}

/// A file that has just been opened.
pub(super) fn opened(cx: &mut HostCx<'_>, descriptor: Descriptor) -> Result<Answer, Stop> {
    if !cx.state::<WasiState>().table.has_room() {
        crate::imports::wasi::io::release(cx, Some(descriptor.file));
        return Err(Errno::TooManyOpen.into());
    }
    ok(own(table::add(cx, Entry::Descriptor(descriptor))?))
}
