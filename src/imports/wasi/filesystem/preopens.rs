//! The directories that are open from the beginning.
//!
//! Guests' C libraries look up an absolute path among these, and most of them
//! look up a relative one among them too, without asking where relative paths
//! begin. So that it begins there all the same, the working directory is shown
//! as one more directory, `.`.

use crate::{
    command::{FileKind, FsCommand, OpenFlags},
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        WasiState,
        call::{Body, ask, now, own},
        descriptor::Descriptor,
        table::{self, Entry, Held},
    },
    value::Value,
};

pub(super) const BODIES: &[(&str, Body)] = &[("get-directories", |cx, _| {
    directories(cx, |cx, directories| {
        let table = table::table(cx);
        let mut values = Vec::with_capacity(directories.len());
        for (descriptor, path) in directories {
            let index = table.add(Entry::Descriptor(descriptor))?;
            values.push(Value::Record(vec![own(index), path.into()]));
        }
        now(values)
    })
})];

/// Goes on with the directories and the paths that they are shown with.
pub(in crate::imports::wasi) fn directories(
    cx: &mut HostCx<'_>,
    then: impl FnOnce(&mut HostCx<'_>, Vec<(Descriptor, String)>) -> Result<Answer, Trap>
    + Send
    + 'static,
) -> Result<Answer, Trap> {
    let state = cx.state::<WasiState>();
    let cwd = state.cwd.as_deref().filter(|cwd| state.mounts.shows_cwd(cwd));
    let found = cwd.and_then(|cwd| Some((cwd, state.mounts.find(cwd)?)));
    match found {
        None => then_list(cx, None, then),
        Some((_, (mount, "."))) => {
            let cwd = mount.open();
            then_list(cx, Some(cwd), then)
        }
        Some((cwd, (mount, path))) => {
            let (base, place) = (mount.open(), mount.place(path, cwd));
            let flags = OpenFlags { read: true, directory: true, ..OpenFlags::default() };
            let command = FsCommand::Open { dir: place.dir, path: place.path, follow: true, flags };
            ask(command, move |cx, reply| {
                // It need not exist.
                let Ok(reply) = reply.unless_failed() else { return then_list(cx, None, then) };
                let (id, kind) = reply.file()?;
                if kind != FileKind::Directory {
                    cx.send(FsCommand::Close(id).into());
                    return then_list(cx, None, then);
                }
                let file = Held::file(id);
                then_list(cx, Some(Descriptor { file, guest: place.guest, ..base }), then)
            })
        }
    }
}

fn then_list(
    cx: &mut HostCx<'_>,
    cwd: Option<Descriptor>,
    then: impl FnOnce(&mut HostCx<'_>, Vec<(Descriptor, String)>) -> Result<Answer, Trap>,
) -> Result<Answer, Trap> {
    let mounts = cx.state::<WasiState>().mounts.iter();
    let mut all: Vec<_> = mounts.map(|mount| (mount.open(), mount.shown.clone())).collect();
    all.extend(cwd.map(|cwd| (cwd, ".".to_owned())));
    then(cx, all)
}
