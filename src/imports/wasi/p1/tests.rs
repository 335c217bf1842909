//! Guests that make every call, and modules that make one, over a world in
//! memory.

use crate::{
    adapter::{AdaptOptions, adapt},
    command::{Command, Errno, FileId, FsCommand, RandomCommand},
    component::{Component, Engine, LinkedComponent, TrapKind},
    imports::wasi::{
        Preopen, WasiConfig,
        fake::{LINKER, World},
        table::MAX_DESCRIPTORS,
    },
    process::{Call, Cause, Fuel, Outcome, StartData, WasmProcess, run},
    value::Value,
};

fn program(module: &[u8]) -> LinkedComponent {
    let adapted = adapt(module, &AdaptOptions::default()).unwrap();
    Component::new(&Engine::default(), adapted.component).unwrap().link(&LINKER).unwrap()
}

fn start(
    program: &LinkedComponent,
    slice: u64,
    config: WasiConfig,
    world: &mut World,
) -> (Outcome, u64) {
    let (call, wasi) = (Some(Call::new("run", vec![])), Some(config));
    let data = StartData { call, wasi, ..StartData::default() };
    let mut process = WasmProcess::start(program, data.into()).unwrap();
    let outcome = run(&mut process, Fuel(slice), |command| world.answer(command));
    (outcome, process.fuel_used())
}

/// Runs a body that leaves an `i32`, with the functions that it uses and 4 MiB
/// of memory, in which the text lies at 4096.
fn call(
    body: &str,
    text: &str,
    config: WasiConfig,
    world: &mut World,
) -> Result<i32, (Cause, String)> {
    let functions = [
        ("fd_close", "(param i32)"),
        ("fd_fdstat_get", "(param i32 i32)"),
        ("fd_prestat_dir_name", "(param i32 i32 i32)"),
        ("fd_read", "(param i32 i32 i32 i32)"),
        ("fd_readdir", "(param i32 i32 i32 i64 i32)"),
        ("fd_renumber", "(param i32 i32)"),
        ("fd_seek", "(param i32 i64 i32 i32)"),
        ("fd_tell", "(param i32 i32)"),
        ("fd_write", "(param i32 i32 i32 i32)"),
        ("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32)"),
        ("path_unlink_file", "(param i32 i32 i32)"),
        ("poll_oneoff", "(param i32 i32 i32 i32)"),
        ("random_get", "(param i32 i32)"),
    ];
    let imports = functions.map(|(name, params)| {
        format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {params} (result i32)))\n"
        )
    });
    let module = format!(
        r#"(module {}
            (memory (export "memory") 64)
            (data (i32.const 4096) "{text}")
            (func (export "run") (result i32) (local $i i32) {body}))"#,
        imports.concat()
    );
    let module = wat::parse_str(module).unwrap();
    match start(&program(&module), 100_000, config, world).0 {
        Ok(Some(Value::S32(value))) => Ok(value),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err((error.cause(), error.message().to_owned())),
    }
}

/// With the world's root as `/`, which is descriptor 3.
fn at_root() -> WasiConfig {
    let root = Preopen { guest: "/".to_owned(), dir: FileId(0), read_only: false };
    WasiConfig { preopens: vec![root], ..WasiConfig::default() }
}

/// Opens the text's first `len` bytes with rights to read and to write; the
/// number goes to address 0.
fn open(fd: u32, len: usize, oflags: u32) -> String {
    format!(
        "(call $path_open (i32.const {fd}) (i32.const 1) (i32.const 4096) (i32.const {len})
            (i32.const {oflags}) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 0))"
    )
}

#[test]
fn guests_make_every_call() {
    // The recorded case, and the guest.
    macro_rules! files {
        ($case:literal, $guest:literal) => {{
            let case = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/conformance/wasi/p1/",
                $case,
                ".expected"
            ));
            let guest = include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/conformance/guests/built/raw-",
                $guest,
                "-p1.wasm"
            ));
            ($case, case, $guest, &guest[..])
        }};
    }
    for ((name, case, guest, module), args) in [
        (files!("args", "args"), &["one", "", "two words"][..]),
        (files!("clock", "clock"), &[]),
        (files!("sock", "sock"), &[]),
        (files!("proc-exit-125", "proc"), &["125"]),
        (files!("raise", "raise"), &[]),
    ] {
        let expected = case.split_once("stdout:\n").unwrap().1;
        let program = program(module);
        let mut config = at_root();
        config.args = vec![format!("raw-{guest}")];
        config.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        config.env =
            vec![("A".to_owned(), "1".to_owned()), ("EMPTY".to_owned(), String::new())].into();
        let mut here = World::default();
        let (outcome, fuel) = start(&program, 100_000, config.clone(), &mut here);
        assert_eq!(std::str::from_utf8(&here.stdout), Ok(expected), "{name}");
        match name {
            "proc-exit-125" => assert_eq!(outcome.clone().unwrap_err().exit_code(), Some(125)),
            _ => assert_eq!(outcome, Ok(None), "{name}"),
        }
        // Wherever it is cut, it asks for the same.
        for slice in [1, 100] {
            let mut there = World::default();
            let again = start(&program, slice, config.clone(), &mut there);
            assert_eq!(again, (outcome.clone(), fuel), "{name}");
            assert_eq!(there.log, here.log, "{name}");
        }
    }
}

/// Memory is not copied, nor looked at, because a guest says that it is a path.
#[test]
fn a_path_is_not_looked_at_beyond_its_limit() {
    let unlink = |len: u64| {
        let mut world = World::default();
        let body =
            format!("(call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const {len}))");
        (call(&body, "", at_root(), &mut world), world.log.len())
    };
    let (long, invalid, listed) = (i32::from(NAMETOOLONG), i32::from(INVAL), unlink(4096));
    assert_eq!(listed.0, Ok(invalid), "zeros are no path, but looked at");
    for len in [4097, 1 << 20, 64 << 16] {
        assert_eq!(unlink(len), (Ok(long), listed.1), "{len}");
    }
    let (cause, message) = unlink((64 << 16) + 1).0.unwrap_err();
    assert!(matches!(cause, Cause::Trap(TrapKind::Host)), "{message}");
}

const INVAL: u16 = 28;
const NAMETOOLONG: u16 = 37;

/// Nor are lists of parts walked without end.
#[test]
fn parts_are_looked_at_so_far() {
    let write = |parts: u32, full: u32| {
        let mut world = World::default();
        // One part that is not empty, `full`, of the list at 65 536.
        let at = 65_536 + full * 8;
        let body = format!(
            "(i32.store (i32.const {at}) (i32.const 4096))
            (i32.store offset=4 (i32.const {at}) (i32.const 2))
            (i32.or
                (call $fd_write (i32.const 1) (i32.const 65536) (i32.const {parts}) (i32.const 8))
                (i32.shl (i32.load (i32.const 8)) (i32.const 8)))"
        );
        let result = call(&body, "hi", at_root(), &mut world);
        (result, world.stdout)
    };
    let written = (Ok(2 << 8), b"hi".to_vec());
    assert_eq!(write(1, 0), written);
    assert_eq!(write(16_384, 16_383), written);
    assert_eq!(write(400_000, 16_383), written);
    // That nothing was written would look like an end.
    assert_eq!(write(400_000, 16_384), (Ok(i32::from(INVAL)), Vec::new()));
    assert_eq!(write(16_384, 16_385), (Ok(0), Vec::new()));
    let (cause, message) = write(u32::MAX, 0).0.unwrap_err();
    assert!(matches!(cause, Cause::Trap(TrapKind::Host)), "{message}");
}

/// `fd_read` and `fd_readdir` are lacking where it was opened to write only.
#[test]
fn rights_are_those_that_a_file_was_opened_with() {
    let rights = |asked: u64| {
        let body = format!(
            "(if (result i32)
                (call $path_open (i32.const 3) (i32.const 0) (i32.const 4096) (i32.const 1)
                    (i32.const 1) (i64.const {asked}) (i64.const 0) (i32.const 0) (i32.const 0))
                (then (i32.const -1))
                (else
                    (drop (call $fd_fdstat_get (i32.load (i32.const 0)) (i32.const 8)))
                    (i32.load (i32.const 16))))"
        );
        call(&body, "f", at_root(), &mut World::default()).unwrap()
    };
    let (read, write, list) = (1 << 1, 1 << 6, 1 << 14);
    let mask = read | write | list;
    assert_eq!(rights(2) & mask, read | list);
    assert_eq!(rights(64) & mask, write);
    assert_eq!(rights(66) & mask, mask);
}

#[test]
fn a_call_moves_a_mebibyte() {
    let mut world = World::default();
    // Two parts of a MiB each, and the count.
    let body = |function: &str, fd: &str| {
        format!(
            "(i64.store (i32.const 8) (i64.const 0x0010000000100000))
            (i64.store (i32.const 16) (i64.const 0x0010000000200000))
            (drop (call ${function} {fd} (i32.const 8) (i32.const 2) (i32.const 24)))
            (i32.load (i32.const 24))"
        )
    };
    let count = call(&body("fd_write", "(i32.const 1)"), "", at_root(), &mut world);
    assert_eq!((count, world.stdout.len()), (Ok(1 << 20), 1 << 20));
    let body = format!("(drop {}) {}", open(3, 1, 1), body("fd_write", "(i32.load (i32.const 0))"));
    assert_eq!(call(&body, "f", at_root(), &mut world), Ok(1 << 20));
    assert_eq!(world.contents("f").len(), 1 << 20);
    // A random number that is not there is none, and each piece is there.
    let body = "(drop (call $random_get (i32.const 0x10000) (i32.const 0x200001)))
        (i32.load8_u (i32.const 0x20001))";
    assert_eq!(call(body, "", at_root(), &mut world), Ok(1));
    let pieces = world
        .log
        .iter()
        .filter(|command| matches!(command, Command::Random(RandomCommand::Bytes { .. })));
    assert_eq!(pieces.count(), 3);
}

#[test]
fn addresses_outside_of_the_memory_trap() {
    for (body, message) in [
        ("(call $random_get (i32.const -16) (i32.const 8))", "leads out of the memory"),
        ("(call $random_get (i32.const 0) (i32.const -1))", "leads out of the memory"),
        // 2^29 parts and a little more, which is 2^32 bytes.
        (
            "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 0x20000001) (i32.const 0))",
            "leads out of the memory",
        ),
        (
            "(call $fd_write (i32.const 1) (i32.const 2) (i32.const 1) (i32.const 0))",
            "address 0x2 is not aligned to 4 bytes",
        ),
        ("(call $fd_tell (i32.const 1) (i32.const -1))", ""),
        ("(call $fd_seek (i32.const 1) (i64.const 0) (i32.const 3) (i32.const 0))", "no whence 3"),
    ] {
        match call(body, "", at_root(), &mut World::default()) {
            // An address that is not used is nobody's concern.
            Ok(errno) => assert_eq!((errno, message), (70, ""), "{body}"),
            Err((cause, text)) => {
                assert_eq!(cause, Cause::Trap(TrapKind::Host), "{body}");
                assert!(text.contains(message), "{body}: {text}");
            }
        }
    }
}

#[test]
fn a_module_without_a_memory_is_told_so() {
    let module = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (func (export "run") (drop (call $random (i32.const 0) (i32.const 0)))))"#;
    let program = program(&wat::parse_str(module).unwrap());
    let outcome = start(&program, 1000, WasiConfig::default(), &mut World::default()).0;
    let error = outcome.unwrap_err();
    assert!(error.message().contains("must export its `memory`"), "{}", error.message());
}

#[test]
fn a_function_may_be_imported_twice() {
    let module = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $a (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func $b (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $c (param i32) (result i32)))
        (func (export "run") (result i32)
            (i32.add (call $c (i32.const 0)) (i32.add (call $b) (call $a (i32.const 0))))))"#;
    let program = program(&wat::parse_str(module).unwrap());
    let outcome = start(&program, 1000, WasiConfig::default(), &mut World::default()).0;
    // Only the first time there was something to close.
    assert_eq!(outcome, Ok(Some(Value::S32(8))));
}

#[test]
fn there_is_an_end_to_descriptors() {
    let mut world = World::default();
    // The last errno, and how many were opened before it at address 4.
    let body = format!(
        "(loop $more
            (local.set $i {})
            (if (i32.eqz (local.get $i)) (then
                (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
                (br $more))))
        (i32.add (local.get $i) (i32.mul (i32.const 100) (i32.load (i32.const 4))))",
        open(3, 1, 1)
    );
    // Four are open from the beginning.
    let opened = MAX_DESCRIPTORS as i32 - 4;
    assert_eq!(call(&body, "f", at_root(), &mut world), Ok(33 + 100 * opened));
}

#[test]
fn what_is_closed_is_closed_outside() {
    let mut world = World::default();
    let fd = "(i32.load (i32.const 0))";
    // Renumbered onto another one, closed, and a directory that was there before.
    let body = format!(
        "(drop {open}) (drop {open})
        (drop (call $fd_renumber {fd} (i32.const 4)))
        (drop (call $fd_close (i32.const 3)))
        (call $fd_close (i32.const 4))",
        open = open(3, 1, 1)
    );
    assert_eq!(call(&body, "f", at_root(), &mut world), Ok(0));
    assert_eq!(world.open.keys().collect::<Vec<_>>(), [&FileId(0)]);
}

#[test]
fn relative_paths_begin_at_the_working_directory() {
    let mut world = World::default();
    world.file("data/sub/f", b"found");
    let data = world.mount("data", 7);
    let preopens = vec![Preopen { guest: "/data".to_owned(), dir: data, read_only: true }];
    let config =
        WasiConfig { cwd: Some("/data/sub".to_owned()), preopens, ..WasiConfig::default() };
    // Its name is `.`, and the file is in it.
    let body = "(drop (call $fd_prestat_dir_name (i32.const 4) (i32.const 8) (i32.const 1)))
        (i32.load8_u (i32.const 8))";
    assert_eq!(call(body, "", config.clone(), &mut world), Ok(i32::from(b'.')));
    let read_only = open(4, 1, 0).replace("i64.const 66", "i64.const 2");
    let body = format!(
        "(drop {read_only})
        (i64.store (i32.const 8) (i64.const 0x0000000400000020))
        (drop (call $fd_read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))
        (i32.load (i32.const 0x20))"
    );
    let found = i32::from_le_bytes(*b"foun");
    assert_eq!(call(&body, "f", config.clone(), &mut world), Ok(found));
    // `perm`, and nothing has been tried.
    world.log.clear();
    assert_eq!(call(&open(4, 1, 0), "f", config.clone(), &mut world), Ok(63));
    let unlink = "(call $path_unlink_file (i32.const 4) (i32.const 4096) (i32.const 1))";
    assert_eq!(call(unlink, "f", config, &mut world), Ok(63));
    let changes = world.log.iter().filter(|command| match command {
        Command::Fs(FsCommand::Open { flags, .. }) => flags.write,
        command => matches!(command, Command::Fs(FsCommand::Unlink { .. })),
    });
    assert_eq!(changes.count(), 0);
}

#[test]
fn mounts_are_found_and_listed_in_others() {
    let mut world = World::default();
    world.file("else/f", b"other");
    let other = world.mount("else", 7);
    let mut config = at_root();
    config.preopens.push(Preopen { guest: "/in".to_owned(), dir: other, read_only: true });
    // `.`, `..`, `else`, `in`.
    let body =
        "(drop (call $fd_readdir (i32.const 3) (i32.const 8192) (i32.const 512) (i64.const 0)
            (i32.const 0)))
        (i32.load (i32.const 0))";
    assert_eq!(call(body, "", config.clone(), &mut world), Ok(4 * 24 + 1 + 2 + 4 + 2));
    assert_eq!(call(&open(3, 4, 0), "in/f", config.clone(), &mut world), Ok(63));
    assert_eq!(call(&open(3, 6, 0), "else/f", config, &mut world), Ok(0));
}

#[test]
fn after_an_append_the_position_is_the_end() {
    let mut world = World::default();
    world.file("f", b"12345");
    // Opened to append, written once from an empty position.
    let body = format!(
        "(drop {})
        (i64.store (i32.const 8) (i64.const 0x0000000300001000))
        (drop (call $fd_write (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))
        (drop (call $fd_tell (i32.load (i32.const 0)) (i32.const 24)))
        (i32.load (i32.const 24))",
        open(3, 1, 0).replace("(i32.const 0) (i32.const 0))", "(i32.const 1) (i32.const 0))")
    );
    assert_eq!(call(&body, "fgh", at_root(), &mut world), Ok(8));
    assert_eq!(world.contents("f"), b"12345fgh");
}

#[test]
fn cookies_outlast_what_they_lead_to() {
    let mut world = World::default();
    for file in ["a", "b", "c"] {
        world.file(file, b"");
    }
    // `.`, `..` and `a` are read; `a` is removed; `b` comes next.
    let body = "(drop (call $fd_readdir (i32.const 3) (i32.const 8192) (i32.const 76)
            (i64.const 0) (i32.const 0)))
        (drop (call $path_unlink_file (i32.const 3) (i32.const 4096) (i32.const 1)))
        (drop (call $fd_readdir (i32.const 3) (i32.const 8192) (i32.const 25)
            (i64.load (i32.const 8243)) (i32.const 0)))
        (i32.load8_u (i32.const 8216))";
    assert_eq!(call(body, "a", at_root(), &mut world), Ok(i32::from(b'b')));
}

#[test]
fn several_things_are_waited_for() {
    // A second from now on (userdata 1), and stdin (userdata 2).
    let body = "(i64.store (i32.const 64) (i64.const 1))
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (i64.const 1000000000))
        (i64.store (i32.const 112) (i64.const 2))
        (i32.store8 (i32.const 120) (i32.const 1))
        (drop (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 0)))
        (i32.add (i32.load (i32.const 256)) (i32.mul (i32.const 10) (i32.load (i32.const 0))))";
    let mut world = World::default();
    let begin = world.now;
    assert_eq!(call(body, "", at_root(), &mut world), Ok(11));
    assert_eq!(world.now, begin + 1_000_000_000);
    let mut world = World::default();
    world.stdin.push_back(b"x".to_vec());
    assert_eq!(call(body, "", at_root(), &mut world), Ok(12));
    assert_eq!(world.now, begin);
    // An absolute time of the wall clock, which the world has at 1.7e18 ns.
    let body = "(i64.store (i32.const 88) (i64.const 1700000000623456789))
        (i32.store16 (i32.const 104) (i32.const 1))
        (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 0))";
    assert_eq!(call(body, "", at_root(), &mut world), Ok(0));
    assert_eq!(world.now, begin + 500_000_000);
}

#[test]
fn failures_have_their_numbers() {
    let mut world = World::default();
    world.fail = Some(Errno::Io);
    assert_eq!(call(&open(3, 1, 1), "f", at_root(), &mut world), Ok(29));
    let body = "(i64.store (i32.const 8) (i64.const 0x0000000400000020))
        (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))";
    world.fail = Some(Errno::Pipe);
    assert_eq!(call(body, "", at_root(), &mut world), Ok(64));
}
