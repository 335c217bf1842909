;; Destructors: who runs them, and what they may do.

;; Dropped by another component, the destructor runs in the one that defines it
;; and may call out; the resource stays what it is across instances.
(component definition $dtors
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
  (component $maker
    (import "add" (func $add (param "v" u32)))
    (core func $add' (canon lower (func $add)))
    (core module $shim
      (table (export "t") 1 funcref)
      (type $f (func (param i32)))
      (func (export "dtor") (param i32) (call_indirect (type $f) (local.get 0) (i32.const 0))))
    (core instance $shim (instantiate $shim))
    (type $r' (resource (rep i32) (dtor (core func $shim "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core func $drop (canon resource.drop $r'))
    (core module $m
      (import "" "add" (func $add (param i32)))
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (import "" "t" (table 1 funcref))
      (global $inner (mut i32) (i32.const 0))
      (elem (i32.const 0) $dtor)
      (func $dtor (param $rep i32)
        (call $add (local.get $rep))
        (if (i32.eq (local.get $rep) (i32.const 8)) (then (unreachable)))
        (if (i32.eq (local.get $rep) (i32.const 9)) (then (loop (br 0))))
        ;; A destructor may drop what it owns, of the same type too.
        (if (i32.gt_u (local.get $rep) (i32.const 1))
          (then (call $drop (call $new (i32.sub (local.get $rep) (i32.const 1))))))
        (call $add (local.get $rep)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "own") (param i32) (call $drop (call $new (local.get 0)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "add" (func $add')) (export "new" (func $new)) (export "drop" (func $drop))
      (export "t" (table $shim "t"))))))
    (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $i "make")))
    (func (export "own") (param "rep" u32) (canon lift (core func $i "own"))))
  (instance $maker (instantiate $maker (with "add" (func $log "add"))))
  (alias export $maker "r" (type $r))
  (component $user
    (import "r" (type $r (sub resource)))
    (import "make" (func $make (param "rep" u32) (result (own $r))))
    (core func $make' (canon lower (func $make)))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "drop") (param i32) (call $drop (call $make (local.get 0)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make')) (export "drop" (func $drop))))))
    (func (export "drop") (param "rep" u32) (canon lift (core func $i "drop"))))
  (instance $user (instantiate $user (with "r" (type $r)) (with "make" (func $maker "make"))))
  (func (export "drop") (alias export $user "drop"))
  (func (export "own") (alias export $maker "own"))
  (func (export "read") (alias export $log "read")))
(component instance $d $dtors)
(assert_return (invoke "drop" (u32.const 1)))
(assert_return (invoke "read") (u32.const 11))
(assert_return (invoke "drop" (u32.const 3)))
(assert_return (invoke "read") (u32.const 11321123))
(component instance $d $dtors)
(assert_return (invoke "own" (u32.const 2)))
(assert_return (invoke "read") (u32.const 2112))
(assert_trap (invoke "drop" (u32.const 8)) "unreachable")
(component instance $d $dtors)
(assert_trap (invoke "own" (u32.const 8)) "unreachable")
;; A destructor that does not end burns fuel like anything else.
(component instance $d $dtors)
(assert_trap (invoke "drop" (u32.const 9)) "max_fuel")
