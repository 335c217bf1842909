;; Processes in great numbers, by hand, so that one is as small as it can be.
;;
;;     16  the name of the entry that is spawned
;;     64  a `value`: an integer
;;    128  what the host's functions return
;;   1024  what the canonical ABI puts here
(module
  (import "wippy:process/life@0.1.0" "spawn"
    (func $spawn (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wippy:process/life@0.1.0" "monitor" (func $monitor (param i32 i32 i32)))
  (import "wippy:process/life@0.1.0" "link" (func $link (param i32 i32 i32)))
  (import "wippy:process/mailbox@0.1.0" "receive"
    (func $receive (param i32 i32 i32 i32 i64 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "breedchain")
  (data (i32.const 64) "\02")
  (global $heap (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func $start (param $entry i32) (param $count i64)
    (i64.store (i32.const 72) (local.get $count))
    (call $spawn (local.get $entry) (i32.const 5)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (unreachable))))

  (func $wait
    (loop $again
      (global.set $heap (i32.const 1024))
      (call $receive (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i64.const 0) (i32.const 192))
      (br $again)))

  ;; Waits for ever.
  (func (export "wait") (call $wait))

  ;; Becomes so many processes: spawns two, that share the rest, and waits.
  (func (export "breed") (param $count i64)
    (local $left i64) (local $right i64)
    (local.set $left (i64.shr_u (i64.sub (local.get $count) (i64.const 1)) (i64.const 1)))
    (local.set $right
      (i64.sub (i64.sub (local.get $count) (i64.const 1)) (local.get $left)))
    (if (i64.ne (local.get $left) (i64.const 0))
      (then (call $start (i32.const 16) (local.get $left))))
    (if (i64.ne (local.get $right) (i64.const 0))
      (then (call $start (i32.const 16) (local.get $right))))
    (call $wait))

  ;; Becomes so many processes, one after the other.
  (func (export "chain") (param $count i64)
    (if (i64.gt_u (local.get $count) (i64.const 1))
      (then (call $start (i32.const 21) (i64.sub (local.get $count) (i64.const 1))))))

  ;; Spawns so many processes in a row, and waits.
  (func (export "brood") (param $count i64)
    (loop $on
      (call $start (i32.const 16) (i64.const 1))
      (global.set $heap (i32.const 1024))
      (local.set $count (i64.sub (local.get $count) (i64.const 1)))
      (br_if $on (i64.gt_s (local.get $count) (i64.const 0))))
    (call $wait))

  ;; Is tied to another process, and waits.
  (func (export "watch") (param $hub i32) (param $len i32)
    (call $monitor (local.get $hub) (local.get $len) (i32.const 128))
    (call $wait))
  (func (export "tie") (param $hub i32) (param $len i32)
    (call $link (local.get $hub) (local.get $len) (i32.const 128))
    (call $wait)))
