;; Functions that answer requests. What each does stands in the WIT text of its entry.
(module
  (memory (export "memory") 1)
  ;; Nothing is ever given back: each process answers one request.
  (global $free (mut i32) (i32.const 1024))

  (func (export "cabi_realloc")
    (param $old i32) (param $old-len i32) (param $align i32) (param $len i32) (result i32)
    (local $at i32) (local $pages i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $len)))
    (local.set $pages
      (i32.sub
        (i32.shr_u (i32.add (global.get $free) (i32.const 65535)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable))))
    (local.get $at))

  (data (i32.const 64) "nothing")
  (data (i32.const 80) "it is no use\nat all")

  ;; The text itself, as the result at address 16.
  (func $text (param $at i32) (param $len i32) (result i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $len))
    (i32.const 16))

  (func (export "echo") (param i32 i32) (result i32)
    (call $text (local.get 0) (local.get 1)))
  (func (export "bytes") (param i32 i32) (result i32)
    (call $text (local.get 0) (local.get 1)))
  (func (export "maybe") (param $some i32) (param $at i32) (param $len i32) (result i32)
    (if (result i32) (local.get $some)
      (then (call $text (local.get $at) (local.get $len)))
      (else (call $text (i32.const 64) (i32.const 7)))))
  (func (export "silent"))
  (func (export "absent") (result i32)
    (i32.store (i32.const 32) (i32.const 0))
    (i32.const 32))
  (func (export "number") (result i32) (i32.const 42))
  (func (export "point") (result i32)
    (i32.store (i32.const 32) (i32.const 3))
    (i32.store (i32.const 36) (i32.const -4))
    (i32.const 32))
  (func (export "refuse") (result i32)
    (i32.store (i32.const 32) (i32.const 1))
    (i32.store (i32.const 36) (i32.const 80))
    (i32.store (i32.const 40) (i32.const 19))
    (i32.const 32))
  (func (export "trap") unreachable)
  (func (export "endless") (loop (br 0)))
)
