;; Writes a line to a file and says that it is there. It looks at whether the file could
;; be opened, but not at whether all of the line could be written, and that is the
;; mistake. `careful` says so only if it was.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $stat (param i32 i32) (result i32)))
  (import "wippy:sim/check@0.1.0" "always" (func $always (param i32 i32 i32)))
  (import "wippy:sim/check@0.1.0" "sometimes" (func $sometimes (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "log.txt")
  (data (i32.const 16) "hello\0a")
  ;; Where the line is, and how long.
  (data (i32.const 32) "\10\00\00\00\06\00\00\00")
  (data (i32.const 64) "what is said to be there is")
  (data (i32.const 96) "a line is written")

  (func $run (param $careful i32) (result i32)
    (local $said i32)
    ;; In the first directory, made if it is not there, to be written.
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 7)
          (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 48))
      (then (return (i32.const 0))))
    (local.set $said
      (i32.eqz (call $write (i32.load (i32.const 48)) (i32.const 32) (i32.const 1)
                 (i32.const 52))))
    (local.set $said
      (if (result i32) (local.get $careful)
        (then (i32.and (local.get $said) (i32.eq (i32.load (i32.const 52)) (i32.const 6))))
        (else (i32.const 1))))
    (call $sometimes (i32.const 96) (i32.const 17) (local.get $said))
    ;; Who cannot look says nothing.
    (if (call $stat (i32.load (i32.const 48)) (i32.const 256)) (then (return (i32.const 0))))
    (call $always (i32.const 64) (i32.const 27)
      (i32.or (i32.eqz (local.get $said))
        (i64.eq (i64.load (i32.const 288)) (i64.const 6))))
    (local.get $said))

  (func (export "run") (result i32) (call $run (i32.const 0)))
  (func (export "run-careful") (result i32) (call $run (i32.const 1))))
