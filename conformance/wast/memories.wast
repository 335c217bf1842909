;; 64-bit memories and modules with more than one.

(component definition $wide
  (core module $m
    (memory (export "mem") i64 1)
    (global $top (mut i64) (i64.const 64))
    (func (export "realloc") (param $old i64) (param $len i64) (param $align i64) (param $new i64)
        (result i64)
      (local $at i64)
      (local.set $at (i64.and
        (i64.sub (i64.add (global.get $top) (local.get $align)) (i64.const 1))
        (i64.sub (i64.const 0) (local.get $align))))
      (global.set $top (i64.add (local.get $at) (local.get $new)))
      (memory.copy (local.get $at) (local.get $old) (local.get $len))
      (local.get $at))
    (func (export "echo") (param i64 i64) (result i64)
      (i64.store (i64.const 16) (local.get 0))
      (i64.store (i64.const 24) (local.get 1))
      (i64.const 16))
    (func (export "at") (param $ptr i64) (param $len i64) (result i64)
      (i64.store (i64.const 16) (local.get $ptr))
      (i64.store (i64.const 24) (local.get $len))
      (i64.const 16))
    (func (export "same") (param i64) (result i64) (local.get 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "mem" (core memory $mem))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "string") (param "s" string) (result string)
    (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
  (func (export "compact") (param "s" string) (result string)
    (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)
      string-encoding=latin1+utf16))
  (func (export "strings") (param "s" (list (tuple u8 string))) (result (list (tuple u8 string)))
    (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
  (func (export "map") (param "s" (map string (list u64))) (result (map string (list u64)))
    (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
  (func (export "spilled")
    (param "v" (tuple u8 string (option u32)))
    (param "fill" (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8))
    (result (tuple (tuple u8 string (option u32)) (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8)))
    (canon lift (core func $i "same") (memory $mem) (realloc $realloc)))
  (func (export "at") (param "ptr" u64) (param "len" u64) (result (list u8))
    (canon lift (core func $i "at") (memory $mem)))
  (func (export "text-at") (param "ptr" u64) (param "len" u64) (result string)
    (canon lift (core func $i "at") (memory $mem) string-encoding=latin1+utf16)))
(component instance $w $wide)
(assert_return (invoke "string" (str.const "wide")) (str.const "wide"))
(assert_return (invoke "compact" (str.const "caf\u{e9}")) (str.const "caf\u{e9}"))
(assert_return (invoke "compact" (str.const "\u{20ac}")) (str.const "\u{20ac}"))
(assert_return (invoke "strings"
  (list.const (tuple.const (u8.const 1) (str.const "a")) (tuple.const (u8.const 2) (str.const ""))))
  (list.const (tuple.const (u8.const 1) (str.const "a")) (tuple.const (u8.const 2) (str.const ""))))
(assert_return
  (invoke "map" (map.const (entry (str.const "k") (list.const (u64.const 1) (u64.const 2)))))
  (map.const (entry (str.const "k") (list.const (u64.const 1) (u64.const 2)))))
(assert_return (invoke "spilled"
    (tuple.const (u8.const 1) (str.const "s") (option.some (u32.const 3)))
    (tuple.const (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5)
      (u8.const 6) (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11)))
  (tuple.const
    (tuple.const (u8.const 1) (str.const "s") (option.some (u32.const 3)))
    (tuple.const (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5)
      (u8.const 6) (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11))))
;; An address is not cut to 32 bits.
(assert_trap (invoke "at" (u64.const 0x1_0000_0000) (u64.const 1)) "list content out-of-bounds")
(component instance $w $wide)
(assert_trap (invoke "at" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 1))
  "list content out-of-bounds")
(component instance $w $wide)
(assert_trap (invoke "at" (u64.const 0) (u64.const 0xffff_ffff_ffff_ffff)) "list too long")
(component instance $w $wide)
;; The tag of UTF-16 is the topmost of 64 bits.
(assert_return (invoke "text-at" (u64.const 1024) (u64.const 0x8000_0000_0000_0000)) (str.const ""))
(assert_trap (invoke "text-at" (u64.const 1024) (u64.const 0x8000_0000)) "string too long")

;; From a 32-bit memory into a 64-bit one and back.
(component
  (component $wide
    (core module $m
      (memory (export "mem") i64 1)
      (func (export "realloc") (param i64 i64 i64 i64) (result i64) (i64.const 1024))
      (func (export "twice") (param $ptr i64) (param $len i64) (result i64)
        (memory.copy (i64.add (local.get $ptr) (local.get $len)) (local.get $ptr) (local.get $len))
        (i64.store (i64.const 16) (local.get $ptr))
        (i64.store (i64.const 24) (i64.mul (local.get $len) (i64.const 2)))
        (i64.const 16)))
    (core instance $i (instantiate $m))
    (func (export "twice") (param "s" string) (result string)
      (canon lift (core func $i "twice")
        (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))
  (instance $wide (instantiate $wide))
  ;; Of two memories, strings live in the second.
  (core module $memories
    (memory $first (export "first") 1)
    (memory $second (export "second") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
  (core instance $memories (instantiate $memories))
  (alias core export $memories "second" (core memory $mem))
  (alias core export $memories "realloc" (core func $realloc))
  (core func $twice (canon lower (func $wide "twice") (memory $mem) (realloc $realloc)))
  (core module $m
    (import "" "first" (memory $first 1))
    (import "" "second" (memory $second 1))
    (import "" "twice" (func $twice (param i32 i32 i32)))
    (data (memory $first) (i32.const 0) "wrong")
    (data (memory $second) (i32.const 0) "right")
    (func (export "run") (result i32)
      (call $twice (i32.const 0) (i32.const 5) (i32.const 16))
      (i32.const 16)))
  (core instance $i (instantiate $m (with "" (instance
    (export "first" (memory $memories "first")) (export "second" (memory $mem))
    (export "twice" (func $twice))))))
  (func (export "run") (result string) (canon lift (core func $i "run") (memory $mem))))
(assert_return (invoke "run") (str.const "rightright"))

;; A memory grows while it is lowered into.
(component
  (core module $m
    (memory (export "mem") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
    (func (export "first") (param $ptr i32) (param $len i32) (result i32)
      (i32.load8_u (i32.load (local.get $ptr)))))
  (core instance $i (instantiate $m))
  (func (export "first") (param "s" (list string)) (result u8) (canon lift (core func $i "first")
    (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))
(assert_return (invoke "first" (list.const (str.const "a") (str.const "b"))) (u8.const 97))

;; Growth beyond the limit fails inside, and nothing else happens.
(component
  (core module $m
    (memory 1)
    (table 1 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32)
      (table.grow (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "memory") (param "n" u32) (result s32) (canon lift (core func $i "memory")))
  (func (export "table") (param "n" u32) (result s32) (canon lift (core func $i "table"))))
(assert_return (invoke "memory" (u32.const 4096)) (s32.const -1))
(assert_return (invoke "memory" (u32.const 65536)) (s32.const -1))
(assert_return (invoke "memory" (u32.const 10)) (s32.const 1))
(assert_return (invoke "table" (u32.const 0x7fffffff)) (s32.const -1))
(assert_return (invoke "table" (u32.const 10)) (s32.const 1))
