;; 16 core parameters fit, 17 go through memory; one result fits, two do not.

(component
  (core module $m
    (memory (export "mem") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.and (i32.add (i32.const 63) (local.get 2)) (i32.sub (i32.const 0) (local.get 2))))
    (func (export "last") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
        (result i32) (local.get 15))
    (func (export "load") (param i32) (result i32) (i32.load (i32.add (local.get 0) (i32.const
        64))))
    (func (export "same") (param i32) (result i32) (local.get 0))
    (func (export "pair") (result i32)
      (i32.store8 (i32.const 8) (i32.const 7)) (i64.store (i32.const 16) (i64.const 8)) (i32.const
          8)))
  (core instance $i (instantiate $m))
  (alias core export $i "mem" (core memory $mem))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "sixteen") (param "p0" u32) (param "p1" u32) (param "p2" u32) (param "p3" u32)
      (param "p4" u32) (param "p5" u32) (param "p6" u32) (param "p7" u32) (param "p8" u32) (param
      "p9" u32) (param "p10" u32) (param "p11" u32) (param "p12" u32) (param "p13" u32) (param
      "p14" u32) (param "p15" u32) (result u32)
    (canon lift (core func $i "last")))
  (func (export "seventeen") (param "p0" u32) (param "p1" u32) (param "p2" u32) (param "p3" u32)
      (param "p4" u32) (param "p5" u32) (param "p6" u32) (param "p7" u32) (param "p8" u32) (param
      "p9" u32) (param "p10" u32) (param "p11" u32) (param "p12" u32) (param "p13" u32) (param
      "p14" u32) (param "p15" u32) (param "p16" u32) (result u32)
    (canon lift (core func $i "load") (memory $mem) (realloc $realloc)))
  ;; The layout of two parameters in memory is that of a tuple of them.
  (func (export "same") (param "v" (tuple u8 (option u64) bool)) (param "fill" (tuple u8 u8 u8 u8
      u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8))
    (result (tuple (tuple u8 (option u64) bool) (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8
        u8 u8)))
    (canon lift (core func $i "same") (memory $mem) (realloc $realloc)))
  (func (export "pair") (result (tuple u8 u64)) (canon lift (core func $i "pair") (memory $mem)))
)
(assert_return (invoke "sixteen" (u32.const 1) (u32.const 2) (u32.const 3) (u32.const 4)
    (u32.const 5) (u32.const 6) (u32.const 7) (u32.const 8) (u32.const 9) (u32.const 10)
    (u32.const 11) (u32.const 12) (u32.const 13) (u32.const 14) (u32.const 15) (u32.const 16))
    (u32.const 16))
(assert_return (invoke "seventeen" (u32.const 1) (u32.const 2) (u32.const 3) (u32.const 4)
    (u32.const 5) (u32.const 6) (u32.const 7) (u32.const 8) (u32.const 9) (u32.const 10)
    (u32.const 11) (u32.const 12) (u32.const 13) (u32.const 14) (u32.const 15) (u32.const 16)
    (u32.const 17)) (u32.const 17))
(assert_return (invoke "pair") (tuple.const (u8.const 7) (u64.const 8)))
(assert_return (invoke "same" (tuple.const (u8.const 3) (option.some (u64.const 99)) (bool.const
    true))
    (tuple.const (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5)
        (u8.const 6) (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11) (u8.const
        12) (u8.const 13) (u8.const 14) (u8.const 15)))
  (tuple.const (tuple.const (u8.const 3) (option.some (u64.const 99)) (bool.const true))
    (tuple.const (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5)
        (u8.const 6) (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11) (u8.const
        12) (u8.const 13) (u8.const 14) (u8.const 15))))
