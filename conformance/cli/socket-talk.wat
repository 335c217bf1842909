;; A client over a socket: see socket-talk.wit.
(module
  (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $create (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-connect" (func $start
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-connect" (func $finish (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello\n")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func $error (param $at i32) (result i32)
    (i32.add (i32.const 1000000) (i32.load8_u (local.get $at))))
  (func (export "talk") (param $port i32) (result i32)
    (local $socket i32) (local $sum i32) (local $at i32) (local $end i32)
    (call $create (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (call $error (i32.const 4)))))
    (local.set $socket (i32.load (i32.const 4)))
    (call $start (local.get $socket) (call $network) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (call $error (i32.const 1)))))
    (call $block (call $subscribe (local.get $socket)))
    (call $finish (local.get $socket) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (call $error (i32.const 4)))))
    (call $write (i32.load (i32.const 8)) (i32.const 64) (i32.const 6) (i32.const 16))
    (if (i32.load8_u (i32.const 16)) (then (return (call $error (i32.const 20)))))
    (loop $more
      (call $read (i32.load (i32.const 4)) (i64.const 1000) (i32.const 16))
      ;; Closed is the end.
      (if (i32.load8_u (i32.const 16)) (then (return (local.get $sum))))
      (local.set $at (i32.load (i32.const 20)))
      (local.set $end (i32.add (local.get $at) (i32.load (i32.const 24))))
      (loop $next
        (if (i32.lt_u (local.get $at) (local.get $end)) (then
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
      (br $more))
    (unreachable)))
