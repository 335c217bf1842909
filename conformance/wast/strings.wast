;; Strings: what is no text, and texts between components of different encodings.

(component definition $bad
  (core module $m
    (memory (export "mem") 1)
    (data (i32.const 32) "\c3\28--\ed\a0\80--\f4\90\80\80--\c0\80--\e2\82")
    (data (i32.const 64) "\00\d8\00\00" "\00\dc\00\d8" "\3d\d8\00\de")
    (func (export "at") (param $ptr i32) (param $len i32) (result i32)
      (i32.store (i32.const 0) (local.get $ptr))
      (i32.store (i32.const 4) (local.get $len))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "mem" (core memory $mem))
  (func (export "utf8") (param "ptr" u32) (param "len" u32) (result string)
    (canon lift (core func $i "at") (memory $mem)))
  (func (export "utf16") (param "ptr" u32) (param "len" u32) (result string)
    (canon lift (core func $i "at") (memory $mem) string-encoding=utf16))
  (func (export "compact") (param "ptr" u32) (param "len" u32) (result string)
    (canon lift (core func $i "at") (memory $mem) string-encoding=latin1+utf16)))
(component instance $b $bad)
(assert_trap (invoke "utf8" (u32.const 32) (u32.const 2)) "invalid utf-8")
(component instance $b $bad)
;; A surrogate.
(assert_trap (invoke "utf8" (u32.const 36) (u32.const 3)) "invalid utf-8")
(component instance $b $bad)
;; Beyond the last character.
(assert_trap (invoke "utf8" (u32.const 41) (u32.const 4)) "invalid utf-8")
(component instance $b $bad)
;; Longer than need be.
(assert_trap (invoke "utf8" (u32.const 47) (u32.const 2)) "invalid utf-8")
(component instance $b $bad)
(assert_trap (invoke "utf8" (u32.const 51) (u32.const 2)) "incomplete utf-8 byte sequence")
(component instance $b $bad)
(assert_trap (invoke "utf16" (u32.const 64) (u32.const 2)) "unpaired surrogate")
(component instance $b $bad)
(assert_trap (invoke "utf16" (u32.const 68) (u32.const 1)) "unpaired surrogate")
(component instance $b $bad)
(assert_trap (invoke "utf16" (u32.const 70) (u32.const 1)) "unpaired surrogate")
(component instance $b $bad)
(assert_return (invoke "utf16" (u32.const 72) (u32.const 2)) (str.const "\u{1f600}"))
(assert_return (invoke "compact" (u32.const 32) (u32.const 1)) (str.const "\u{c3}"))
(assert_return (invoke "compact" (u32.const 72) (u32.const 0x80000002)) (str.const "\u{1f600}"))
(assert_trap (invoke "compact" (u32.const 72) (u32.const 0x80000001)) "unpaired surrogate")

