//! The directories that are open from the beginning.
//!
//! Guests' C libraries look up an absolute path among these, and most of them
//! look up a relative one among them too, without asking where relative paths
//! begin. So that it begins there all the same, the working directory is shown
//! as one more directory, `.`.

use super::super::{
    WasiState,
    call::{Body, ask, now, own, unexpected_reply},
    descriptor::Descriptor,
    table::Entry,
};
use crate::{
    component::{Answer, HostCx, Trap},
    dispatch::{Command, FileCommand, FileKind, OpenFlags, Reply},
    value::Value,
};

pub(super) const BODIES: &[(&str, Body)] = &[("get-directories", |cx, _| {
    let state = cx.state::<WasiState>();
    let cwd = state.cwd.as_deref().filter(|cwd| state.mounts.shows_cwd(cwd));
    let found = cwd.and_then(|cwd| Some((cwd, state.mounts.find(cwd)?)));
    match found {
        None => list(cx, None),
        Some((_, (mount, "."))) => {
            let cwd = mount.open();
            list(cx, Some(cwd))
        }
        Some((cwd, (mount, path))) => {
            let (base, place) = (mount.open(), mount.place(path, cwd));
            let flags = OpenFlags { read: true, directory: true, ..OpenFlags::default() };
            let command =
                FileCommand::Open { dir: place.dir, path: place.path, follow: true, flags };
            ask(Command::File(command), move |cx, reply| match reply {
                Reply::File { id, kind: FileKind::Directory } => {
                    let file = std::sync::Arc::new(id);
                    list(cx, Some(Descriptor { file, guest: place.guest, ..base }))
                }
                Reply::File { id, .. } => {
                    cx.send(Command::File(FileCommand::Close(id)));
                    list(cx, None)
                }
                // It need not exist.
                Reply::Failed(_) => list(cx, None),
                other => Err(unexpected_reply(&other)),
            })
        }
    }
})];

fn list(cx: &mut HostCx<'_>, cwd: Option<Descriptor>) -> Result<Answer, Trap> {
    let WasiState { mounts, table, .. } = cx.state::<WasiState>();
    let mut directories = Vec::new();
    let mut add = |descriptor: Descriptor, path: &str| -> Result<(), Trap> {
        let index = table.add(Entry::Descriptor(descriptor))?;
        directories.push(Value::Record(vec![own(index), path.into()]));
        Ok(())
    };
    for mount in mounts.iter() {
        add(mount.open(), &mount.shown)?;
    }
    if let Some(cwd) = cwd {
        add(cwd, ".")?;
    }
    now(directories)
}
