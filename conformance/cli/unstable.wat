(; A module of the first WASI, `wasi_unstable`, whose numbers and records differ here and
   there: it seeks, looks at a file, waits for a clock, and tells what it has found.
   Exits with 0 if all is as that version has it, else with the number of the check. ;)
(module
  (import "wasi_unstable" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "input.csv")
  (data (i32.const 16) "all as it was\n")
  (func $check (param $holds i32) (param $code i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))
  (func (export "_start") (local $fd i32) (local $size i64)
    ;; The file is opened in the first directory.
    (call $check (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 9)
      (i32.const 0) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 64))) (i32.const 10))
    (local.set $fd (i32.load (i32.const 64)))
    ;; A `filestat` has 56 bytes here: what lies behind is left alone. The size is at 24.
    (i64.store (i32.const 184) (i64.const 0x1122334455667788))
    (call $check (i32.eqz (call $stat (local.get $fd) (i32.const 128))) (i32.const 11))
    (call $check (i64.eq (i64.load (i32.const 184)) (i64.const 0x1122334455667788)) (i32.const 12))
    (local.set $size (i64.load (i32.const 152)))
    (call $check (i64.gt_u (local.get $size) (i64.const 0)) (i32.const 13))
    ;; From the end, which is 1 here; from the beginning, which is 2; from the position, 0.
    (call $check (i32.eqz (call $seek (local.get $fd) (i64.const 0) (i32.const 1) (i32.const 72))) (i32.const 14))
    (call $check (i64.eq (i64.load (i32.const 72)) (local.get $size)) (i32.const 15))
    (call $check (i32.eqz (call $seek (local.get $fd) (i64.const 3) (i32.const 2) (i32.const 72))) (i32.const 16))
    (call $check (i32.eqz (call $seek (local.get $fd) (i64.const 2) (i32.const 0) (i32.const 72))) (i32.const 17))
    (call $check (i64.eq (i64.load (i32.const 72)) (i64.const 5)) (i32.const 18))
    ;; A subscription has 56 bytes: the clock's identifier lies before its number.
    (i64.store (i32.const 256) (i64.const 7))
    (i32.store8 (i32.const 264) (i32.const 0))
    (i64.store (i32.const 272) (i64.const 99))
    (i32.store (i32.const 280) (i32.const 1))
    (i64.store (i32.const 288) (i64.const 1000))
    (call $check (i32.eqz (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 80))) (i32.const 19))
    (call $check (i32.eq (i32.load (i32.const 80)) (i32.const 1)) (i32.const 20))
    (call $check (i64.eq (i64.load (i32.const 512)) (i64.const 7)) (i32.const 21))
    ;; Says so.
    (i32.store (i32.const 88) (i32.const 16))
    (i32.store (i32.const 92) (i32.const 14))
    (call $check (i32.eqz (call $write (i32.const 1) (i32.const 88) (i32.const 1) (i32.const 96))) (i32.const 22))))
