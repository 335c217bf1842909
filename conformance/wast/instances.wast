;; Instantiation: nesting, aliases, exports that are exported again.

;; Two instances of one component share nothing.
(component
  (component $counter
    (core module $m
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))
    (core instance $i (instantiate $m))
    (func (export "next") (result u32) (canon lift (core func $i "next"))))
  (instance $a (instantiate $counter))
  (instance $b (instantiate $counter))
  (export "a" (instance $a))
  (export "b" (instance $b)))
(assert_return (invoke "a#next") (u32.const 1))
(assert_return (invoke "a#next") (u32.const 2))
(assert_return (invoke "b#next") (u32.const 1))

;; Outer aliases: modules, components and types of any component around.
(component
  (core module $m (func (export "f") (result i32) (i32.const 11)))
  (component $leaf
    (alias outer 1 $m (core module $mine))
    (core instance $i (instantiate $mine))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (type $pair' (tuple u8 u16))
  (component $deep
    (component $deeper
      (alias outer 2 $leaf (component $l))
      (alias outer 2 $pair' (type $pair))
      (instance $i (instantiate $l))
      (alias export $i "f" (func $f))
      (core module $n
        (memory (export "mem") 1)
        (data (i32.const 0) "\07\00\09\00")
        (func (export "pair") (result i32) (i32.const 0)))
      (core instance $n (instantiate $n))
      (func (export "pair") (result $pair)
        (canon lift (core func $n "pair") (memory (core memory $n "mem"))))
      (export "f" (func $f)))
    (instance $i (instantiate $deeper))
    (export "i" (instance $i)))
  (instance $d (instantiate $deep))
  (alias export $d "i" (instance $i))
  (alias export $i "f" (func $f))
  (alias export $i "pair" (func $pair))
  (export "f" (func $f))
  (export "again" (func $f))
  (export "pair" (func $pair)))
(assert_return (invoke "f") (u32.const 11))
(assert_return (invoke "again") (u32.const 11))
(assert_return (invoke "pair") (tuple.const (u8.const 7) (u16.const 9)))

;; Modules and components as arguments and as exports.
(component
  (component $library
    (core module $m (func (export "f") (result i32) (i32.const 21)))
    (export "m" (core module $m))
    (component $c
      (import "m" (core module $m (export "f" (func (result i32)))))
      (core instance $i (instantiate $m))
      (func (export "f") (result u32) (canon lift (core func $i "f"))))
    (export "c" (component $c)))
  (instance $library (instantiate $library))
  (alias export $library "m" (core module $m))
  (alias export $library "c" (component $c))
  (instance $i (instantiate $c (with "m" (core module $m))))
  (export "f" (func $i "f")))
(assert_return (invoke "f") (u32.const 21))

;; An instance that is put together from the exports of others.
(component
  (component $numbers
    (core module $m
      (func (export "one") (result i32) (i32.const 1))
      (func (export "two") (result i32) (i32.const 2)))
    (core instance $i (instantiate $m))
    (func (export "one") (result u32) (canon lift (core func $i "one")))
    (func (export "two") (result u32) (canon lift (core func $i "two"))))
  (instance $n (instantiate $numbers))
  (instance $swapped (export "one" (func $n "two")) (export "two" (func $n "one")))
  (component $sum
    (import "numbers" (instance $n
      (export "one" (func (result u32)))
      (export "two" (func (result u32)))))
    (core func $one (canon lower (func $n "one")))
    (core func $two (canon lower (func $n "two")))
    (core module $m
      (import "" "one" (func $one (result i32)))
      (import "" "two" (func $two (result i32)))
      (func (export "sum") (result i32)
        (i32.add (i32.mul (call $one) (i32.const 10)) (call $two))))
    (core instance $i (instantiate $m (with "" (instance
      (export "one" (func $one)) (export "two" (func $two))))))
    (func (export "sum") (result u32) (canon lift (core func $i "sum"))))
  (instance $a (instantiate $sum (with "numbers" (instance $n))))
  (instance $b (instantiate $sum (with "numbers" (instance $swapped))))
  (func (export "straight") (alias export $a "sum"))
  (func (export "swapped") (alias export $b "sum")))
(assert_return (invoke "straight") (u32.const 12))
(assert_return (invoke "swapped") (u32.const 21))

;; A lowered function that is lifted again, without code between.
(component
  (component $callee
    (core module $m
      (memory (export "mem") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
      (func (export "add") (param i32 i64) (result i64)
        (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1)))
      (func (export "sqrt") (param f64) (result f64) (f64.sqrt (local.get 0)))
      (func (export "len") (param i32 i32) (result i32) (local.get 1)))
    (core instance $i (instantiate $m))
    (func (export "add") (param "a" u32) (param "b" u64) (result u64)
      (canon lift (core func $i "add")))
    (func (export "sqrt") (param "v" f64) (result f64) (canon lift (core func $i "sqrt")))
    (func (export "len") (param "s" string) (result u32) (canon lift (core func $i "len")
      (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))
  (instance $c (instantiate $callee))
  (core module $m
    (memory (export "mem") 1)
    (global $seen (mut f64) (f64.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
    (func (export "post") (param f64) (global.set $seen (local.get 0)))
    (func (export "seen") (result f64) (global.get $seen)))
  (core instance $m (instantiate $m))
  (core func $add (canon lower (func $c "add")))
  (core func $sqrt (canon lower (func $c "sqrt")))
  (core func $len (canon lower (func $c "len") (memory (core memory $m "mem"))))
  (func (export "add") (param "a" u32) (param "b" u64) (result u64) (canon lift (core func $add)))
  (func (export "sqrt") (param "v" f64) (result f64)
    (canon lift (core func $sqrt) (post-return (core func $m "post"))))
  (func (export "seen") (result f64) (canon lift (core func $m "seen")))
  (func (export "len") (param "s" string) (result u32) (canon lift (core func $len)
    (memory (core memory $m "mem")) (realloc (core func $m "realloc")))))
(assert_return (invoke "add" (u32.const 1) (u64.const 2)) (u64.const 3))
(assert_return (invoke "sqrt" (f64.const 6.25)) (f64.const 2.5))
(assert_return (invoke "seen") (f64.const 2.5))
(assert_return (invoke "len" (str.const "four")) (u32.const 4))

;; Core modules export what they import, and take apart what others are made of.
(component
  (core module $m
    (memory (export "mem") 1)
    (table (export "tab") 2 funcref)
    (global (export "g") (mut i32) (i32.const 5))
    (func $f (export "f") (result i32) (i32.const 6))
    (elem (i32.const 1) $f))
  (core instance $m (instantiate $m))
  (core module $n
    (import "a" "mem" (memory 1))
    (import "b" "tab" (table 2 funcref))
    (import "a" "g" (global $g (mut i32)))
    (import "b" "f" (func $f (result i32)))
    (type $t (func (result i32)))
    (export "f" (func $f))
    (export "g" (global $g))
    (func (export "sum") (result i32)
      (i32.store (i32.const 0) (global.get $g))
      (i32.add (i32.load (i32.const 0)) (call_indirect (type $t) (i32.const 1)))))
  (core instance $b (export "tab" (table $m "tab")) (export "f" (func $m "f")))
  (core instance $n (instantiate $n (with "a" (instance $m)) (with "b" (instance $b))))
  (func (export "sum") (result u32) (canon lift (core func $n "sum")))
  (func (export "f") (result u32) (canon lift (core func $n "f"))))
(assert_return (invoke "sum") (u32.const 11))
(assert_return (invoke "f") (u32.const 6))

;; Imports that nobody provides link, and trap when they are called.
(component
  (import "test:nobody/log@1.2.3" (instance $log (export "line" (func (param "n" u32)))))
  (import "alone" (func $alone))
  (core func $line (canon lower (func $log "line")))
  (core func $alone' (canon lower (func $alone)))
  (core module $m
    (import "" "line" (func $line (param i32)))
    (import "" "alone" (func $alone))
    (func (export "fine"))
    (func (export "alone") (call $alone))
    (func (export "line") (call $line (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance
    (export "line" (func $line)) (export "alone" (func $alone'))))))
  (func (export "fine") (canon lift (core func $i "fine")))
  (func (export "line") (canon lift (core func $i "line"))))
(assert_return (invoke "fine"))
(assert_trap (invoke "line") "`test:nobody/log@1.2.3#line` was called")
