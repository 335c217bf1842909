//! Whole components over a world in memory.

use super::*;
use crate::{
    command::{Command, FsCommand},
    component::{Component, Engine, LinkedComponent},
    process::{Call, Cause, Fuel, Outcome, StartData, WasmProcess, run},
};

/// A command that was built against 0.2.0. It opens `file` in the first
/// directory, copies it to stdout, drops all that it has, and does `$end`.
fn copier(end: &str) -> LinkedComponent {
    let text = r#"(component
        (import "wasi:io/error@0.2.0" (instance $error
            (export "error" (type (sub resource)))))
        (alias export $error "error" (type $err))
        (import "wasi:io/streams@0.2.0" (instance $streams
            (alias outer 1 $err (type $e))
            (export "error" (type $error (eq $e)))
            (export "input-stream" (type $in (sub resource)))
            (export "output-stream" (type $out (sub resource)))
            (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
            (export "stream-error" (type $failed (eq $failure)))
            (export "[method]output-stream.blocking-splice" (func
                (param "self" (borrow $out)) (param "src" (borrow $in)) (param "len" u64)
                (result (result u64 (error $failed)))))))
        (alias export $streams "input-stream" (type $in))
        (alias export $streams "output-stream" (type $out))
        (import "wasi:cli/stdout@0.2.0" (instance $stdout
            (alias outer 1 $out (type $o))
            (export "output-stream" (type $output (eq $o)))
            (export "get-stdout" (func (result (own $output))))))
        (import "wasi:cli/exit@0.2.0" (instance $exit
            (export "exit" (func (param "status" (result))))
            (export "exit-with-code" (func (param "status-code" u8)))))
        (import "wasi:filesystem/types@0.2.0" (instance $types
            (alias outer 1 $in (type $i))
            (export "input-stream" (type $input (eq $i)))
            (export "descriptor" (type $d (sub resource)))
            (type $codes (enum "access" "would-block" "already" "bad-descriptor" "busy"
                "deadlock" "quota" "exist" "file-too-large" "illegal-byte-sequence"
                "in-progress" "interrupted" "invalid" "io" "is-directory" "loop"
                "too-many-links" "message-size" "name-too-long" "no-device" "no-entry"
                "no-lock" "insufficient-memory" "insufficient-space" "not-directory"
                "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device"
                "overflow" "not-permitted" "pipe" "read-only" "invalid-seek"
                "text-file-busy" "cross-device"))
            (export "error-code" (type $code (eq $codes)))
            (type $pf (flags "symlink-follow"))
            (export "path-flags" (type $path-flags (eq $pf)))
            (type $of (flags "create" "directory" "exclusive" "truncate"))
            (export "open-flags" (type $open-flags (eq $of)))
            (type $df (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
                "requested-write-sync" "mutate-directory"))
            (export "descriptor-flags" (type $descriptor-flags (eq $df)))
            (export "[method]descriptor.open-at" (func
                (param "self" (borrow $d)) (param "path-flags" $path-flags)
                (param "path" string) (param "open-flags" $open-flags)
                (param "flags" $descriptor-flags)
                (result (result (own $d) (error $code)))))
            (export "[method]descriptor.read-via-stream" (func
                (param "self" (borrow $d)) (param "offset" u64)
                (result (result (own $input) (error $code)))))))
        (alias export $types "descriptor" (type $d))
        (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
            (alias outer 1 $d (type $x))
            (export "descriptor" (type $descriptor (eq $x)))
            (export "get-directories" (func
                (result (list (tuple (own $descriptor) string)))))))

        (core module $libc
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and
                    (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3)))))
        (core instance $libc (instantiate $libc))
        (alias core export $libc "memory" (core memory $memory))
        (alias core export $libc "realloc" (core func $realloc))

        (core func $get-directories (canon lower (func $preopens "get-directories")
            (memory $memory) (realloc $realloc)))
        (core func $open (canon lower (func $types "[method]descriptor.open-at")
            (memory $memory)))
        (core func $read-via-stream (canon lower
            (func $types "[method]descriptor.read-via-stream") (memory $memory)))
        (core func $get-stdout (canon lower (func $stdout "get-stdout")))
        (core func $splice (canon lower
            (func $streams "[method]output-stream.blocking-splice") (memory $memory)))
        (core func $exit (canon lower (func $exit "exit")))
        (core func $exit-with-code (canon lower (func $exit "exit-with-code")))
        (core func $drop-in (canon resource.drop $in))
        (core func $drop-out (canon resource.drop $out))
        (core func $drop-descriptor (canon resource.drop $d))

        (core module $main
            (import "libc" "memory" (memory 1))
            (import "w" "get-directories" (func $get-directories (param i32)))
            (import "w" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
            (import "w" "read-via-stream" (func $read-via-stream (param i32 i64 i32)))
            (import "w" "get-stdout" (func $get-stdout (result i32)))
            (import "w" "splice" (func $splice (param i32 i32 i64 i32)))
            (import "w" "exit" (func $exit (param i32)))
            (import "w" "exit-with-code" (func $exit-with-code (param i32)))
            (import "w" "drop-in" (func $drop-in (param i32)))
            (import "w" "drop-out" (func $drop-out (param i32)))
            (import "w" "drop-descriptor" (func $drop-descriptor (param i32)))
            (data (i32.const 0) "file")
            (func (export "run") (result i32)
                (local $dir i32) (local $file i32) (local $in i32) (local $out i32)
                (call $get-directories (i32.const 16))
                (local.set $dir (i32.load (i32.load (i32.const 16))))
                (call $open (local.get $dir) (i32.const 1) (i32.const 0) (i32.const 4)
                    (i32.const 0) (i32.const 1) (i32.const 16))
                (if (i32.load8_u (i32.const 16)) (then (return (i32.const 1))))
                (local.set $file (i32.load (i32.const 20)))
                (call $read-via-stream (local.get $file) (i64.const 0) (i32.const 16))
                (local.set $in (i32.load (i32.const 20)))
                (call $drop-descriptor (local.get $file))
                (local.set $out (call $get-stdout))
                (loop $more
                    (call $splice (local.get $out) (local.get $in) (i64.const 4) (i32.const 16))
                    (br_if $more (i32.eqz (i32.load8_u (i32.const 16)))))
                (call $drop-in (local.get $in))
                (call $drop-out (local.get $out))
                (call $drop-descriptor (local.get $dir))
                $end
                (i32.const 0)))
        (core instance $main (instantiate $main
            (with "libc" (instance $libc))
            (with "w" (instance
                (export "get-directories" (func $get-directories))
                (export "open" (func $open))
                (export "read-via-stream" (func $read-via-stream))
                (export "get-stdout" (func $get-stdout))
                (export "splice" (func $splice))
                (export "exit" (func $exit))
                (export "exit-with-code" (func $exit-with-code))
                (export "drop-in" (func $drop-in))
                (export "drop-out" (func $drop-out))
                (export "drop-descriptor" (func $drop-descriptor))))))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $exports (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $exports)))"#;
    let bytes = wat::parse_str(text.replace("$end", end)).unwrap();
    Component::new(&Engine::default(), bytes).unwrap().link(&LINKER).unwrap()
}

fn start(program: &LinkedComponent, slice: u64, world: &mut World) -> (Outcome, u64) {
    let root = Preopen { guest: "/".to_owned(), dir: FileId(0), read_only: true };
    let config = WasiConfig { preopens: vec![root], ..WasiConfig::default() };
    let (call, wasi) = (Some(Call::new("run", vec![])), Some(config));
    let data = StartData { call, wasi, ..StartData::default() };
    let mut process = WasmProcess::start(program, data.into()).unwrap();
    let outcome = run(&mut process, Fuel(slice), |command| world.answer(command));
    (outcome, process.fuel_used())
}

fn world() -> World {
    let mut world = World::default();
    world.file("file", b"0123456789");
    world
}

#[test]
fn a_command_runs() {
    let mut here = world();
    let (outcome, fuel) = start(&copier(""), 100_000, &mut here);
    assert_eq!(outcome, Ok(Some(Value::ok(None))));
    assert_eq!(here.stdout, b"0123456789");
    let reads = here.log.iter().filter(|c| matches!(c, Command::Fs(FsCommand::Read { .. })));
    assert_eq!(reads.count(), 4);
    // The guest's file has been closed, when the stream ended.
    assert_eq!(here.open.len(), 1);
    // Wherever it is cut, it asks for the same.
    for slice in [1, 10, 1000] {
        let mut there = world();
        assert_eq!(start(&copier(""), slice, &mut there), (outcome.clone(), fuel));
        assert_eq!(there.log, here.log);
    }
}

#[test]
fn a_command_that_fails_says_so() {
    let (outcome, _) = start(&copier(""), 100_000, &mut World::default());
    assert_eq!(outcome, Ok(Some(Value::err(None))));
}

#[test]
fn exit_codes_are_no_traps() {
    let end = |end: &str| start(&copier(end), 100_000, &mut world()).0;
    assert_eq!(end("(call $exit (i32.const 0))"), Ok(None));
    assert_eq!(end("(call $exit-with-code (i32.const 0))"), Ok(None));
    let error = end("(call $exit (i32.const 1))").unwrap_err();
    assert_eq!((error.cause(), error.exit_code()), (Cause::Exit(1), Some(1)));
    let error = end("(call $exit-with-code (i32.const 200))").unwrap_err();
    assert_eq!((error.cause(), error.exit_code()), (Cause::Exit(200), Some(200)));
    assert_eq!(error.message(), "the process exited with code 200");
    let error = end("(unreachable)").unwrap_err();
    assert_eq!((error.cause(), error.exit_code()), (Cause::Trap(TrapKind::Core), None));
}
