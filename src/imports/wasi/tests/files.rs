//! Files and directories.

use super::*;

const NONE: Value = Value::Record(Vec::new());

fn world() -> World {
    let mut world = World::default();
    world.file("a/text", b"hello world");
    world.file("top", b"top");
    world
}

#[test]
fn reading_and_writing_at_offsets() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let file = guest.open(root, "a/text", 0, READ | WRITE).unwrap();
    let read = |guest: &mut Guest, len: u64, offset: u64| {
        guest.fs("read", file, &[len.into(), offset.into()])
    };
    let pair = |bytes: &[u8], end: bool| Ok(Value::Record(vec![bytes.to_vec().into(), end.into()]));
    assert_eq!(read(&mut guest, 5, 6), pair(b"world", false));
    assert_eq!(read(&mut guest, u64::MAX, 6), pair(b"world", false));
    assert_eq!(read(&mut guest, 5, 11), pair(b"", true));
    assert_eq!(read(&mut guest, 0, 0), pair(b"", false));
    assert_eq!(read(&mut guest, 5, u64::MAX), pair(b"", true));
    let write = |guest: &mut Guest, bytes: &[u8], offset: u64| {
        guest.fs("write", file, &[bytes.to_vec().into(), offset.into()])
    };
    assert_eq!(write(&mut guest, b"HE", 0), Ok(2u64.into()));
    assert_eq!(write(&mut guest, b"", 0), Ok(0u64.into()));
    assert_eq!(write(&mut guest, b"x", u64::MAX), Err(Errno::FileTooLarge));
    // More than a command carries is written in part.
    assert_eq!(write(&mut guest, &vec![b'x'; 2 << 20], 2), Ok((1u64 << 20).into()));
    assert_eq!(guest.fs("set-size", file, &[4u64.into()]), Ok(NONE));
    assert_eq!(guest.world.contents("a/text"), b"HExx");
    for method in ["sync", "sync-data"] {
        assert_eq!(guest.fs(method, file, &[]), Ok(NONE));
    }
    for advice in 0..6 {
        let args = [0u64.into(), 0u64.into(), Value::case(advice)];
        assert_eq!(guest.fs("advise", file, &args), Ok(NONE));
    }
    guest.world.fail = Some(Errno::InsufficientSpace);
    assert_eq!(write(&mut guest, b"x", 0), Err(Errno::InsufficientSpace));
}

#[test]
fn a_descriptor_allows_what_it_was_opened_for() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let read = guest.open(root, "top", 0, READ).unwrap();
    let write = guest.open(root, "top", 0, WRITE).unwrap();
    let neither = guest.open(root, "top", 0, 0).unwrap();
    let offset = || [Value::U64(0)];
    let both = [Value::from(vec![1u8]), 0u64.into()];
    assert_eq!(guest.fs("write", read, &both), Err(Errno::BadDescriptor));
    assert_eq!(guest.fs("write-via-stream", read, &offset()), Err(Errno::BadDescriptor));
    assert_eq!(guest.fs("append-via-stream", read, &[]), Err(Errno::BadDescriptor));
    assert_eq!(guest.fs("set-size", read, &offset()), Err(Errno::Invalid));
    assert_eq!(guest.fs("read-via-stream", write, &offset()), Err(Errno::BadDescriptor));
    let read_args = [Value::U64(1), 0u64.into()];
    assert_eq!(guest.fs("read", write, &read_args), Err(Errno::BadDescriptor));
    assert!(guest.fs("read", neither, &read_args).is_ok());
    // Nothing of theirs could be on its way.
    let before = guest.world.log.len();
    assert_eq!(guest.fs("sync", read, &[]), Ok(NONE));
    assert_eq!(guest.world.log.len(), before);

    // Directories are no files, and files no directories.
    assert_eq!(guest.fs("read-via-stream", root, &offset()), Err(Errno::IsDirectory));
    assert_eq!(guest.fs("read", root, &read_args), Err(Errno::BadDescriptor));
    assert_eq!(guest.fs("write", root, &both), Err(Errno::BadDescriptor));
    assert_eq!(guest.fs("set-size", root, &offset()), Err(Errno::BadDescriptor));
    assert_eq!(guest.open(read, "x", 0, READ), Err(Errno::NotDirectory));
    assert_eq!(guest.fs("read-directory", read, &[]), Err(Errno::NotDirectory));
    assert_eq!(guest.fs("create-directory-at", read, &["x".into()]), Err(Errno::NotDirectory));
}

#[test]
fn flags_and_kinds_are_told() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let mut told = |path, how, what| {
        let descriptor = guest.open(root, path, how, what).unwrap();
        let Ok(Value::Flags(flags)) = guest.fs("get-flags", descriptor, &[]) else { panic!() };
        let Ok(Value::Variant { case, .. }) = guest.fs("get-type", descriptor, &[]) else {
            panic!()
        };
        (flags, case)
    };
    assert_eq!(told("top", 0, READ), (READ, 6));
    assert_eq!(told("top", 0, READ | WRITE | 4 | 8 | 16), (READ | WRITE | 4 | 8 | 16, 6));
    assert_eq!(told("top", 0, 0), (READ, 6));
    assert_eq!(told("a", DIRECTORY, READ), (READ | MUTATE, 3));
    assert_eq!(told("a", 0, READ | MUTATE), (READ | MUTATE, 3));
    assert_eq!(told(".", 0, READ), (READ | MUTATE, 3));
}

#[test]
fn how_things_are_opened() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let mut open = |path, how, what| guest.open(root, path, how, what).map(|_| ());
    assert_eq!(open("none", 0, READ), Err(Errno::NoEntry));
    assert_eq!(open("new", CREATE, READ | WRITE), Ok(()));
    assert_eq!(open("new", CREATE | EXCLUSIVE, WRITE), Err(Errno::Exist));
    assert_eq!(open("top", DIRECTORY, READ), Err(Errno::NotDirectory));
    assert_eq!(open("a", DIRECTORY | CREATE, READ), Err(Errno::Invalid));
    assert_eq!(open("a", DIRECTORY | TRUNCATE, READ), Err(Errno::Invalid));
    assert_eq!(open("a", DIRECTORY | EXCLUSIVE, READ), Err(Errno::Invalid));
    assert_eq!(open("a", 0, WRITE), Err(Errno::IsDirectory));
    assert_eq!(open("top", TRUNCATE, WRITE), Ok(()));
    assert_eq!(guest.world.contents("top"), b"");
}

#[test]
fn files_are_closed_with_the_last_that_holds_them() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let open = guest.world.open.len();
    let file = guest.open(root, "top", 0, READ).unwrap();
    let stream = rep(&guest.fs("read-via-stream", file, &[0u64.into()]).unwrap());
    guest.drop("filesystem/types", "descriptor", file).unwrap();
    assert_eq!(guest.world.open.len(), open + 1);
    let read = guest.stream("input-stream.read", stream, &[10u64.into()]).unwrap();
    assert_eq!(read, Ok(b"top".to_vec().into()));
    guest.drop("io/streams", "input-stream", stream).unwrap();
    assert_eq!(guest.world.open.len(), open);
    // A mount stays open.
    guest.drop("filesystem/types", "descriptor", root).unwrap();
    assert_eq!(guest.world.open.len(), open);
    let root = guest.preopens()[0].0;
    assert!(guest.open(root, "top", 0, READ).is_ok());
}

#[test]
#[should_panic(expected = "a handle stands for no resource of its type")]
fn a_stale_index_is_a_trap() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    guest.drop("filesystem/types", "descriptor", root).unwrap();
    let _ = guest.fs("stat", root, &[]);
}

#[test]
fn descriptors_have_an_end() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let open: Vec<u32> =
        std::iter::from_fn(|| guest.open(root, "top", 0, READ).ok()).take(5000).collect();
    assert_eq!(open.len(), 4095);
    assert_eq!(guest.open(root, "top", 0, READ), Err(Errno::Quota));
    assert_eq!(guest.fs("read-directory", root, &[]), Err(Errno::Quota));
    guest.drop("filesystem/types", "descriptor", open[17]).unwrap();
    assert_eq!(guest.open(root, "top", 0, READ), Ok(open[17]));
    assert_eq!(guest.world.open.len(), 4096);
}

#[test]
fn what_is_known_of_files() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let file = guest.open(root, "a/text", 0, READ).unwrap();
    let time =
        |seconds: u64, nanoseconds: u32| Value::Record(vec![seconds.into(), nanoseconds.into()]);
    let stat = |seconds, nanoseconds| {
        let time = Value::some(time(seconds, nanoseconds));
        let (links, size) = (1u64.into(), 11u64.into());
        Value::Record(vec![Value::case(6), links, size, Value::NONE, time.clone(), time])
    };
    assert_eq!(guest.fs("stat", file, &[]), Ok(stat(5, 0)));
    let at = |seconds, nanoseconds| Value::Variant {
        case: 2,
        payload: Some(Box::new(time(seconds, nanoseconds))),
    };
    assert_eq!(guest.fs("set-times", file, &[Value::case(0), at(7, 8)]), Ok(NONE));
    let path = |name: &str| [Value::Flags(1), name.into()];
    assert_eq!(guest.fs("stat-at", root, &path("a/text")), Ok(stat(7, 8)));
    let mut set_at = |time: Value| {
        guest.fs("set-times-at", root, &[Value::Flags(0), "a/text".into(), Value::case(1), time])
    };
    assert_eq!(set_at(at(9, 0)), Ok(NONE));
    assert_eq!(set_at(at(0, 1_000_000_000)), Err(Errno::Invalid));
    assert_eq!(set_at(at(u64::MAX, 0)), Err(Errno::Overflow));
    assert_eq!(guest.fs("stat", file, &[]), Ok(stat(9, 0)));

    // The hash goes with the file, not with its name or its contents.
    let hash = guest.fs("metadata-hash", file, &[]).unwrap();
    assert_eq!(guest.fs("metadata-hash-at", root, &path("a/text")), Ok(hash.clone()));
    assert_ne!(guest.fs("metadata-hash-at", root, &path("top")), Ok(hash.clone()));
    let writer = guest.open(root, "a/text", 0, WRITE).unwrap();
    guest.fs("set-size", writer, &[0u64.into()]).unwrap();
    assert_eq!(guest.fs("metadata-hash", file, &[]), Ok(hash));

    let top = guest.open(root, "top", 0, READ).unwrap();
    let mut same = |a, b| {
        let function = "[method]descriptor.is-same-object";
        guest.call("filesystem/types", function, vec![borrow(a), borrow(b)]).unwrap().unwrap()
    };
    assert_eq!(same(file, writer), Value::Bool(true));
    assert_eq!(same(file, file), Value::Bool(true));
    assert_eq!(same(file, top), Value::Bool(false));
    guest.world.fail = Some(Errno::Io);
    let function = "[method]descriptor.is-same-object";
    let result = guest.call("filesystem/types", function, vec![borrow(file), borrow(writer)]);
    assert_eq!(result, Ok(Some(Value::Bool(false))));
}

#[test]
fn directories_are_listed() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let listing = rep(&guest.fs("read-directory", root, &[]).unwrap());
    let function = "[method]directory-entry-stream.read-directory-entry";
    let mut next = || {
        let result = guest.call("filesystem/types", function, vec![borrow(listing)]);
        result_of(result.unwrap().unwrap()).unwrap()
    };
    let entry = |kind, name: &str| Value::some(Value::Record(vec![Value::case(kind), name.into()]));
    assert_eq!(next(), entry(3, "a"));
    assert_eq!(next(), entry(6, "top"));
    assert_eq!(next(), Value::NONE);
    assert_eq!(next(), Value::NONE);
    guest.drop("filesystem/types", "directory-entry-stream", listing).unwrap();
}

#[test]
fn entries_are_made_changed_and_removed() {
    let mut guest = Guest::at_root(world());
    let root = guest.preopens()[0].0;
    let mut fs = |method: &str, args: &[Value]| guest.fs(method, root, args);
    assert_eq!(fs("create-directory-at", &["d".into()]), Ok(NONE));
    assert_eq!(fs("create-directory-at", &["d".into()]), Err(Errno::Exist));
    assert_eq!(fs("rename-at", &["top".into(), borrow(root), "d/moved".into()]), Ok(NONE));
    assert_eq!(fs("remove-directory-at", &["d".into()]), Err(Errno::NotEmpty));
    let link = [Value::Flags(0), "d/moved".into(), borrow(root), "second".into()];
    assert_eq!(fs("link-at", &link), Ok(NONE));
    assert_eq!(fs("symlink-at", &["d/moved".into(), "link".into()]), Ok(NONE));
    assert_eq!(fs("readlink-at", &["link".into()]), Ok("d/moved".into()));
    assert_eq!(fs("symlink-at", &["/etc".into(), "out".into()]), Err(Errno::NotPermitted));
    assert_eq!(fs("symlink-at", &["".into(), "out".into()]), Err(Errno::NoEntry));
    assert_eq!(fs("readlink-at", &["second".into()]), Err(Errno::Invalid));
    assert_eq!(fs("unlink-file-at", &["d".into()]), Err(Errno::IsDirectory));
    assert_eq!(fs("unlink-file-at", &["d/moved".into()]), Ok(NONE));
    assert_eq!(fs("remove-directory-at", &["d".into()]), Ok(NONE));
    assert_eq!(guest.world.contents("second"), b"top");
}
