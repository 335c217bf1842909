;; Start functions of core modules. They run in slices, like all code.

;; In the order of the instances, nested ones too, and with calls out of them.
(component
  (component $log
    (core module $m
      (global $log (mut i32) (i32.const 0))
      (func (export "add") (param i32)
        (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get 0))))
      (func (export "read") (result i32) (global.get $log)))
    (core instance $i (instantiate $m))
    (func (export "add") (param "v" u32) (canon lift (core func $i "add")))
    (func (export "read") (result u32) (canon lift (core func $i "read"))))
  (instance $log (instantiate $log))
  (component $inner
    (import "add" (func $add (param "v" u32)))
    (core func $add' (canon lower (func $add)))
    (core module $m
      (import "" "add" (func $add (param i32)))
      (func $start (call $add (i32.const 2)))
      (start $start))
    (core instance (instantiate $m (with "" (instance (export "add" (func $add')))))))
  (core func $add (canon lower (func $log "add")))
  (core module $m
    (import "" "add" (func $add (param i32)))
    (func (export "[start]") (call $add (i32.const 9)))
    (func $start (call $add (i32.const 1)))
    (start $start))
  (core instance (instantiate $m (with "" (instance (export "add" (func $add))))))
  (instance (instantiate $inner (with "add" (func $log "add"))))
  (core instance (instantiate $m (with "" (instance (export "add" (func $add))))))
  (func (export "read") (alias export $log "read")))
(assert_return (invoke "read") (u32.const 121))

;; An imported function as the start function.
(component
  (core module $m
    (global $n (mut i32) (i32.const 0))
    (func (export "f") (global.set $n (i32.const 4)))
    (func (export "read") (result i32) (global.get $n)))
  (core instance $m (instantiate $m))
  (core module $n (import "" "f" (func $f)) (start $f))
  (core instance (instantiate $n (with "" (instance $m))))
  (func (export "read") (result u32) (canon lift (core func $m "read"))))
(assert_return (invoke "read") (u32.const 4))

(assert_trap
  (component
    (core module $m (func $f (unreachable)) (start $f))
    (core instance (instantiate $m)))
  "unreachable")
(assert_trap
  (component
    (component $c
      (core module $m (func $f (unreachable)) (start $f))
      (core instance (instantiate $m)))
    (instance (instantiate $c)))
  "unreachable")
;; One that does not end.
(assert_trap
  (component
    (core module $m (func $f (loop (br 0))) (start $f))
    (core instance (instantiate $m)))
  "max_fuel")
;; One that recurs without end.
(assert_trap
  (component
    (core module $m (func $f (call $f)) (start $f))
    (core instance (instantiate $m)))
  "call stack exhausted")

;; Segments are copied before the start function runs, and must fit.
(component
  (core module $m
    (memory 1)
    (data (i32.const 8) "\2a")
    (global $n (mut i32) (i32.const 0))
    (func $f (global.set $n (i32.load (i32.const 8))))
    (start $f)
    (func (export "read") (result i32) (global.get $n)))
  (core instance $i (instantiate $m))
  (func (export "read") (result u32) (canon lift (core func $i "read"))))
(assert_return (invoke "read") (u32.const 42))
(assert_trap
  (component
    (core module $m (memory 1) (data (i32.const 65536) "a"))
    (core instance (instantiate $m)))
  "out of bounds memory access")
(assert_trap
  (component
    (core module $m (table 1 funcref) (func $f) (elem (i32.const 1) $f))
    (core instance (instantiate $m)))
  "out of bounds table access")
;; More memory than the process may have, which is 256 MiB here.
(assert_trap
  (component
    (core module $m (memory 4097))
    (core instance (instantiate $m)))
  "beyond `limits.max_memory`")
