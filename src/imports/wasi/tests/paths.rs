//! Mounts: which there are, what a path in one leads to, and what a read-only
//! one refuses.

use super::*;

const NONE: Value = Value::Record(Vec::new());

fn preopen(guest: &str, dir: FileId, read_only: bool) -> Preopen {
    Preopen { guest: guest.to_owned(), dir, read_only }
}

/// `/` with `/in` mounted read-only in it.
fn nested() -> Guest {
    let mut world = World::default();
    world.file("host/root/file", b"root");
    world.file("host/in/file", b"in");
    world.dir("host/in/empty");
    let (root, input) = (world.mount("host/root", 1), world.mount("host/in", 2));
    let preopens = vec![preopen("/", root, false), preopen("/in/", input, true)];
    Guest::new(WasiConfig { preopens, ..WasiConfig::default() }, world)
}

#[test]
fn mounts_are_shown_in_their_order() {
    let names = |guest: &mut Guest| -> Vec<String> {
        guest.preopens().into_iter().map(|(_, name)| name).collect()
    };
    assert_eq!(names(&mut nested()), ["/", "/in"]);
    assert!(names(&mut Guest::new(WasiConfig::default(), World::default())).is_empty());
}

#[test]
fn the_working_directory_is_shown_as_a_dot() {
    let guest = |cwd: &str, mount: &str| {
        let mut world = World::default();
        world.file("data/sub/here", b"here");
        world.file("data/file", b"file");
        let dir = world.mount("data", 1);
        let preopens = vec![preopen(mount, dir, false)];
        let cwd = Some(cwd.to_owned());
        Guest::new(WasiConfig { preopens, cwd, ..WasiConfig::default() }, world)
    };
    let names = |guest: &mut Guest| -> Vec<String> {
        guest.preopens().into_iter().map(|(_, name)| name).collect()
    };
    let mut inside = guest("/data/sub", "/data");
    let preopens = inside.preopens();
    assert_eq!(preopens[1].1, ".");
    assert!(inside.open(preopens[1].0, "here", 0, READ).is_ok());
    let mut mount = guest("/data", "/data");
    let preopens = mount.preopens();
    assert_eq!(preopens[1].1, ".");
    assert!(mount.open(preopens[1].0, "sub/here", 0, READ).is_ok());
    // Where it would hide `/`, is no directory, or lies in no mount, it is not.
    assert_eq!(names(&mut guest("/sub", "/")), ["/"]);
    assert_eq!(names(&mut guest("/data/file", "/data")), ["/data"]);
    assert_eq!(names(&mut guest("/data/none", "/data")), ["/data"]);
    assert_eq!(names(&mut guest("/app", "/data")), ["/data"]);
    assert_eq!(names(&mut guest("/app", ".")), ["."]);
}

#[test]
fn a_path_crosses_into_another_mount() {
    let mut guest = nested();
    let root = guest.preopens()[0].0;
    let read = |guest: &mut Guest, base, path: &str| {
        let file = guest.open(base, path, 0, READ)?;
        guest.fs("read", file, &[100u64.into(), 0u64.into()])
    };
    let text = |text: &str| Ok(Value::Record(vec![text.as_bytes().to_vec().into(), false.into()]));
    assert_eq!(read(&mut guest, root, "file"), text("root"));
    assert_eq!(read(&mut guest, root, "./in//file"), text("in"));
    let input = guest.open(root, "in", DIRECTORY, READ).unwrap();
    assert_eq!(read(&mut guest, input, "file"), text("in"));
    // The mount's limits hold however it is reached.
    assert_eq!(guest.open(root, "in/file", 0, WRITE), Err(Errno::ReadOnly));
    assert_eq!(guest.open(input, "file", 0, WRITE), Err(Errno::ReadOnly));
    assert_eq!(guest.fs("get-flags", input, &[]), Ok(Value::Flags(READ)));
    let rename = ["file".into(), borrow(root), "in/moved".into()];
    assert_eq!(guest.fs("rename-at", root, &rename), Err(Errno::ReadOnly));
    // And it is listed where it is.
    let listing = rep(&guest.fs("read-directory", root, &[]).unwrap());
    let function = "[method]directory-entry-stream.read-directory-entry";
    let mut names = Vec::new();
    while let Value::Variant { case: 1, payload: Some(entry) } =
        result_of(guest.call("filesystem/types", function, vec![borrow(listing)]).unwrap().unwrap())
            .unwrap()
    {
        let Value::Record(fields) = *entry else { panic!() };
        names.push(fields[1].as_str().unwrap().to_owned());
    }
    assert_eq!(names, ["file", "in"]);
}

#[test]
fn a_mount_stays_where_it_is() {
    let mut world = World::default();
    let (root, data) = (world.mount("root", 1), world.mount("data", 2));
    world.file("root/file", b"");
    let preopens = vec![preopen("/", root, false), preopen("/data", data, false)];
    let mut guest = Guest::new(WasiConfig { preopens, ..WasiConfig::default() }, world);
    let root = guest.preopens()[0].0;
    let mut fs = |method: &str, args: &[Value]| guest.fs(method, root, args);
    assert_eq!(fs("remove-directory-at", &["data".into()]), Err(Errno::Busy));
    assert_eq!(fs("unlink-file-at", &["data".into()]), Err(Errno::Busy));
    assert_eq!(fs("create-directory-at", &["data".into()]), Err(Errno::Exist));
    assert_eq!(fs("symlink-at", &["x".into(), "data/".into()]), Err(Errno::Exist));
    let rename = |from: &str, to: &str| [from.into(), borrow(root), to.into()];
    assert_eq!(fs("rename-at", &rename("data", "x")), Err(Errno::Busy));
    assert_eq!(fs("rename-at", &rename("file", "data")), Err(Errno::Busy));
    assert_eq!(fs("rename-at", &rename("file", "data/file")), Ok(NONE));
}

#[test]
fn paths_that_are_none_are_refused_everywhere() {
    let mut guest = nested();
    let root = guest.preopens()[0].0;
    let long = "x/".repeat(4096);
    for (path, errno) in [
        ("", Errno::NoEntry),
        ("/", Errno::NotPermitted),
        ("/file", Errno::NotPermitted),
        ("a\0", Errno::Invalid),
        (long.as_str(), Errno::NameTooLong),
    ] {
        let (path, flags, keep) = (|| Value::from(path), || Value::Flags(1), || Value::case(0));
        assert_eq!(guest.open(root, path().as_str().unwrap(), 0, READ), Err(errno));
        for (method, args) in [
            ("create-directory-at", vec![path()]),
            ("remove-directory-at", vec![path()]),
            ("unlink-file-at", vec![path()]),
            ("readlink-at", vec![path()]),
            ("symlink-at", vec!["x".into(), path()]),
            ("stat-at", vec![flags(), path()]),
            ("metadata-hash-at", vec![flags(), path()]),
            ("set-times-at", vec![flags(), path(), keep(), keep()]),
            ("rename-at", vec![path(), borrow(root), "x".into()]),
            ("rename-at", vec!["file".into(), borrow(root), path()]),
            ("link-at", vec![flags(), path(), borrow(root), "x".into()]),
            ("link-at", vec![flags(), "file".into(), borrow(root), path()]),
        ] {
            assert_eq!(guest.fs(method, root, &args), Err(errno), "{method}");
        }
    }
    assert_eq!(guest.open(root, "../x", 0, READ), Err(Errno::NotPermitted));
}

#[test]
fn a_link_is_not_followed_for_another_name() {
    let mut guest = nested();
    let root = guest.preopens()[0].0;
    let before = guest.world.log.len();
    let link = |follow| [Value::Flags(follow), "x".into(), borrow(root), "new".into()];
    assert_eq!(guest.fs("link-at", root, &link(1)), Err(Errno::Invalid));
    assert_eq!(guest.world.log.len(), before);
    let _ = guest.fs("link-at", root, &link(0));
    assert_eq!(guest.world.log.len(), before + 1);
}

#[test]
fn nothing_changes_in_a_read_only_mount() {
    let mut guest = nested();
    let preopens = guest.preopens();
    let (root, input) = (preopens[0].0, preopens[1].0);
    let before = guest.world.log.len();
    for (how, what) in
        [(0, WRITE), (CREATE, READ), (TRUNCATE, READ), (0, READ | MUTATE), (CREATE | EXCLUSIVE, 0)]
    {
        assert_eq!(guest.open(input, "file", how, what), Err(Errno::ReadOnly));
        assert_eq!(guest.open(root, "in/new", how, what), Err(Errno::ReadOnly));
    }
    let (flags, now) = (|| Value::Flags(0), || Value::case(1));
    for (method, args) in [
        ("create-directory-at", vec!["new".into()]),
        ("remove-directory-at", vec!["empty".into()]),
        ("unlink-file-at", vec!["file".into()]),
        ("symlink-at", vec!["file".into(), "new".into()]),
        ("set-times-at", vec![flags(), "file".into(), now(), now()]),
        ("set-times", vec![now(), now()]),
        ("rename-at", vec!["file".into(), borrow(input), "new".into()]),
        ("rename-at", vec!["file".into(), borrow(root), "new".into()]),
        ("link-at", vec![flags(), "file".into(), borrow(input), "new".into()]),
        ("link-at", vec![flags(), "file".into(), borrow(root), "new".into()]),
    ] {
        assert_eq!(guest.fs(method, input, &args), Err(Errno::ReadOnly), "{method}");
    }
    for (method, args) in [
        ("rename-at", vec!["file".into(), borrow(input), "new".into()]),
        ("link-at", vec![flags(), "file".into(), borrow(input), "new".into()]),
    ] {
        assert_eq!(guest.fs(method, root, &args), Err(Errno::ReadOnly), "{method}");
    }
    // None of this has even been asked for.
    assert_eq!(guest.world.log.len(), before);

    let file = guest.open(input, "file", 0, READ).unwrap();
    assert_eq!(guest.fs("set-size", file, &[0u64.into()]), Err(Errno::ReadOnly));
    assert_eq!(guest.fs("set-times", file, &[now(), now()]), Err(Errno::ReadOnly));
    assert_eq!(guest.fs("write-via-stream", file, &[0u64.into()]), Err(Errno::ReadOnly));
    assert_eq!(guest.fs("append-via-stream", file, &[]), Err(Errno::ReadOnly));
    let write = [Value::from(vec![1u8]), 0u64.into()];
    assert_eq!(guest.fs("write", file, &write), Err(Errno::ReadOnly));
    assert_eq!(guest.world.contents("host/in/file"), b"in");
}
