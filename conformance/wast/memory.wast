;; Values of every type through memory: a list is lowered into the component,
;; and the same bytes are lifted again.

(component
  (core module $m
    (memory (export "mem") 1)
    (global $top (mut i32) (i32.const 16))
    (func (export "realloc") (param $old i32) (param $len i32) (param $align i32) (param $new i32)
        (result i32)
      (local $at i32)
      ;; Shrinking stays in place; all else takes new memory.
      (if (i32.and (i32.ne (local.get $len) (i32.const 0)) (i32.le_u (local.get $new) (local.get
          $len)))
        (then (return (local.get $old))))
      (local.set $at (i32.and
        (i32.sub (i32.add (global.get $top) (local.get $align)) (i32.const 1))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $top (i32.add (local.get $at) (local.get $new)))
      (memory.copy (local.get $at) (local.get $old) (local.get $len))
      (local.get $at))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0))
    (func (export "done") (param i32) (global.set $top (i32.const 16))))
  (core instance $i (instantiate $m))
  (alias core export $i "mem" (core memory $mem))
  (alias core export $i "realloc" (core func $realloc))
  (alias core export $i "echo" (core func $echo))
  (alias core export $i "done" (core func $done))
  (type $record-def (record (field "a" u8) (field "b" f64) (field "c" bool) (field "d" string)
      (field "e" s16)))
  (export $record "record-type" (type $record-def))
  (type $variant-def (variant (case "none") (case "byte" u8) (case "wide" u64) (case "text"
      string) (case "real" f32)))
  (export $variant "variant-type" (type $variant-def))
  (type $enum-def (enum "a" "b" "c"))
  (export $enum "enum-type" (type $enum-def))
  (type $flags8-def (flags "f0" "f1" "f2" "f3" "f4" "f5" "f6" "f7"))
  (export $flags8 "flags8-type" (type $flags8-def))
  (type $flags9-def (flags "f0" "f1" "f2" "f3" "f4" "f5" "f6" "f7" "f8"))
  (export $flags9 "flags9-type" (type $flags9-def))
  (type $flags32-def (flags "f0" "f1" "f2" "f3" "f4" "f5" "f6" "f7" "f8" "f9" "f10" "f11" "f12"
      "f13" "f14" "f15" "f16" "f17" "f18" "f19" "f20" "f21" "f22" "f23" "f24" "f25" "f26" "f27"
      "f28" "f29" "f30" "f31"))
  (export $flags32 "flags32-type" (type $flags32-def))
  (type $wide-enum-def (enum "e0" "e1" "e2" "e3" "e4" "e5" "e6" "e7" "e8" "e9" "e10" "e11" "e12"
      "e13" "e14" "e15" "e16" "e17" "e18" "e19" "e20" "e21" "e22" "e23" "e24" "e25" "e26" "e27"
      "e28" "e29" "e30" "e31" "e32" "e33" "e34" "e35" "e36" "e37" "e38" "e39" "e40" "e41" "e42"
      "e43" "e44" "e45" "e46" "e47" "e48" "e49" "e50" "e51" "e52" "e53" "e54" "e55" "e56" "e57"
      "e58" "e59" "e60" "e61" "e62" "e63" "e64" "e65" "e66" "e67" "e68" "e69" "e70" "e71" "e72"
      "e73" "e74" "e75" "e76" "e77" "e78" "e79" "e80" "e81" "e82" "e83" "e84" "e85" "e86" "e87"
      "e88" "e89" "e90" "e91" "e92" "e93" "e94" "e95" "e96" "e97" "e98" "e99" "e100" "e101" "e102"
      "e103" "e104" "e105" "e106" "e107" "e108" "e109" "e110" "e111" "e112" "e113" "e114" "e115"
      "e116" "e117" "e118" "e119" "e120" "e121" "e122" "e123" "e124" "e125" "e126" "e127" "e128"
      "e129" "e130" "e131" "e132" "e133" "e134" "e135" "e136" "e137" "e138" "e139" "e140" "e141"
      "e142" "e143" "e144" "e145" "e146" "e147" "e148" "e149" "e150" "e151" "e152" "e153" "e154"
      "e155" "e156" "e157" "e158" "e159" "e160" "e161" "e162" "e163" "e164" "e165" "e166" "e167"
      "e168" "e169" "e170" "e171" "e172" "e173" "e174" "e175" "e176" "e177" "e178" "e179" "e180"
      "e181" "e182" "e183" "e184" "e185" "e186" "e187" "e188" "e189" "e190" "e191" "e192" "e193"
      "e194" "e195" "e196" "e197" "e198" "e199" "e200" "e201" "e202" "e203" "e204" "e205" "e206"
      "e207" "e208" "e209" "e210" "e211" "e212" "e213" "e214" "e215" "e216" "e217" "e218" "e219"
      "e220" "e221" "e222" "e223" "e224" "e225" "e226" "e227" "e228" "e229" "e230" "e231" "e232"
      "e233" "e234" "e235" "e236" "e237" "e238" "e239" "e240" "e241" "e242" "e243" "e244" "e245"
      "e246" "e247" "e248" "e249" "e250" "e251" "e252" "e253" "e254" "e255" "e256"))
  (export $wide-enum "wide-enum-type" (type $wide-enum-def))
  (func (export "bool") (param "v" (list bool)) (result (list bool)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "s8") (param "v" (list s8)) (result (list s8)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "u8") (param "v" (list u8)) (result (list u8)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "s16") (param "v" (list s16)) (result (list s16)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "u16") (param "v" (list u16)) (result (list u16)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "s32") (param "v" (list s32)) (result (list s32)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "u32") (param "v" (list u32)) (result (list u32)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "s64") (param "v" (list s64)) (result (list s64)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "u64") (param "v" (list u64)) (result (list u64)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "f32") (param "v" (list f32)) (result (list f32)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "f64") (param "v" (list f64)) (result (list f64)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "char") (param "v" (list char)) (result (list char)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "string") (param "v" (list string)) (result (list string)) (canon lift (core func
      $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "list-u16") (param "v" (list (list u16))) (result (list (list u16))) (canon lift
      (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "list-string") (param "v" (list (list string))) (result (list (list string)))
      (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "tuple") (param "v" (list (tuple u8 u64 u16))) (result (list (tuple u8 u64 u16)))
      (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "option-u8") (param "v" (list (option u8))) (result (list (option u8))) (canon
      lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "option-string") (param "v" (list (option string))) (result (list (option
      string))) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "result") (param "v" (list (result u64 (error string)))) (result (list (result u64
      (error string)))) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "result-ok") (param "v" (list (result u8))) (result (list (result u8))) (canon
      lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "result-err") (param "v" (list (result (error u16)))) (result (list (result (error
      u16)))) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "result-none") (param "v" (list (result))) (result (list (result))) (canon lift
      (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "nested") (param "v" (list (option (option (result (list u8) (error char))))))
      (result (list (option (option (result (list u8) (error char)))))) (canon lift (core func
      $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "pairs") (param "v" (list (list u16 3))) (result (list (list u16 3))) (canon lift
      (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "fixed-strings") (param "v" (list (list string 2))) (result (list (list string
      2))) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "map") (param "v" (list (map string u32))) (result (list (map string u32))) (canon
      lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "map-wide") (param "v" (list (map u8 (tuple u64 string)))) (result (list (map u8
      (tuple u64 string)))) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "record") (param "v" (list $record)) (result (list $record)) (canon lift (core
      func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "variant") (param "v" (list $variant)) (result (list $variant)) (canon lift (core
      func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "enum") (param "v" (list $enum)) (result (list $enum)) (canon lift (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "flags8") (param "v" (list $flags8)) (result (list $flags8)) (canon lift (core
      func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "flags9") (param "v" (list $flags9)) (result (list $flags9)) (canon lift (core
      func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "flags32") (param "v" (list $flags32)) (result (list $flags32)) (canon lift (core
      func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
  (func (export "wide-enum") (param "v" (list $wide-enum)) (result (list $wide-enum)) (canon lift
      (core func $echo)
    (memory $mem) (realloc $realloc) (post-return $done)))
)
(assert_return (invoke "bool"
  (list.const (bool.const true) (bool.const false)))
  (list.const (bool.const true) (bool.const false)))
(assert_return (invoke "s8"
  (list.const (s8.const -128) (s8.const 127)))
  (list.const (s8.const -128) (s8.const 127)))
(assert_return (invoke "u8"
  (list.const (u8.const 0) (u8.const 255)))
  (list.const (u8.const 0) (u8.const 255)))
(assert_return (invoke "s16"
  (list.const (s16.const -32768) (s16.const 1)))
  (list.const (s16.const -32768) (s16.const 1)))
(assert_return (invoke "u16"
  (list.const (u16.const 65535)))
  (list.const (u16.const 65535)))
(assert_return (invoke "s32"
  (list.const (s32.const -1) (s32.const 2147483647)))
  (list.const (s32.const -1) (s32.const 2147483647)))
(assert_return (invoke "u32"
  (list.const (u32.const 4294967295) (u32.const 1)))
  (list.const (u32.const 4294967295) (u32.const 1)))
(assert_return (invoke "s64"
  (list.const (s64.const -9223372036854775808)))
  (list.const (s64.const -9223372036854775808)))
(assert_return (invoke "u64"
  (list.const (u64.const 18446744073709551615) (u64.const 2)))
  (list.const (u64.const 18446744073709551615) (u64.const 2)))
(assert_return (invoke "f32"
  (list.const (f32.const -0) (f32.const 1.5) (f32.const nan)))
  (list.const (f32.const -0) (f32.const 1.5) (f32.const nan)))
(assert_return (invoke "f64"
  (list.const (f64.const inf) (f64.const nan) (f64.const -0)))
  (list.const (f64.const inf) (f64.const nan) (f64.const -0)))
(assert_return (invoke "char"
  (list.const (char.const "a") (char.const "\u{1f600}")))
  (list.const (char.const "a") (char.const "\u{1f600}")))
(assert_return (invoke "string"
  (list.const (str.const "") (str.const "a") (str.const "snow \u{2603}") (str.const "\00")))
  (list.const (str.const "") (str.const "a") (str.const "snow \u{2603}") (str.const "\00")))
(assert_return (invoke "list-u16"
  (list.const (list.const (u16.const 1) (u16.const 2)) (list.const ) (list.const (u16.const 3))))
  (list.const (list.const (u16.const 1) (u16.const 2)) (list.const ) (list.const (u16.const 3))))
(assert_return (invoke "list-string"
  (list.const (list.const (str.const "x") (str.const "")) (list.const )))
  (list.const (list.const (str.const "x") (str.const "")) (list.const )))
(assert_return (invoke "tuple"
  (list.const (tuple.const (u8.const 1) (u64.const 2) (u16.const 3)) (tuple.const (u8.const 4)
      (u64.const 5) (u16.const 6))))
  (list.const (tuple.const (u8.const 1) (u64.const 2) (u16.const 3)) (tuple.const (u8.const 4)
      (u64.const 5) (u16.const 6))))
(assert_return (invoke "option-u8"
  (list.const (option.none) (option.some (u8.const 9))))
  (list.const (option.none) (option.some (u8.const 9))))
(assert_return (invoke "option-string"
  (list.const (option.some (str.const "s")) (option.none)))
  (list.const (option.some (str.const "s")) (option.none)))
(assert_return (invoke "result"
  (list.const (result.ok (u64.const 7)) (result.err (str.const "e"))))
  (list.const (result.ok (u64.const 7)) (result.err (str.const "e"))))
(assert_return (invoke "result-ok"
  (list.const (result.ok (u8.const 7)) (result.err)))
  (list.const (result.ok (u8.const 7)) (result.err)))
(assert_return (invoke "result-err"
  (list.const (result.ok) (result.err (u16.const 7))))
  (list.const (result.ok) (result.err (u16.const 7))))
(assert_return (invoke "result-none"
  (list.const (result.ok) (result.err)))
  (list.const (result.ok) (result.err)))
(assert_return (invoke "nested"
  (list.const (option.none) (option.some (option.none)) (option.some (option.some (result.ok
      (list.const (u8.const 1))))) (option.some (option.some (result.err (char.const "z"))))))
  (list.const (option.none) (option.some (option.none)) (option.some (option.some (result.ok
      (list.const (u8.const 1))))) (option.some (option.some (result.err (char.const "z"))))))
(assert_return (invoke "pairs"
  (list.const (list.const (u16.const 1) (u16.const 2) (u16.const 3)) (list.const (u16.const 1)
      (u16.const 2) (u16.const 3))))
  (list.const (list.const (u16.const 1) (u16.const 2) (u16.const 3)) (list.const (u16.const 1)
      (u16.const 2) (u16.const 3))))
(assert_return (invoke "fixed-strings"
  (list.const (list.const (str.const "l") (str.const "r"))))
  (list.const (list.const (str.const "l") (str.const "r"))))
(assert_return (invoke "map"
  (list.const (map.const (entry (str.const "a") (u32.const 1)) (entry (str.const "b") (u32.const
      2))) (map.const)))
  (list.const (map.const (entry (str.const "a") (u32.const 1)) (entry (str.const "b") (u32.const
      2))) (map.const)))
(assert_return (invoke "map-wide"
  (list.const (map.const (entry (u8.const 1) (tuple.const (u64.const 2) (str.const "t"))))))
  (list.const (map.const (entry (u8.const 1) (tuple.const (u64.const 2) (str.const "t"))))))
(assert_return (invoke "record"
  (list.const (record.const (field "a" u8.const 1) (field "b" f64.const 2.5) (field "c" bool.const
      true) (field "d" str.const "d") (field "e" s16.const -5)) (record.const (field "a" u8.const
      1) (field "b" f64.const 2.5) (field "c" bool.const true) (field "d" str.const "d") (field
      "e" s16.const -5))))
  (list.const (record.const (field "a" u8.const 1) (field "b" f64.const 2.5) (field "c" bool.const
      true) (field "d" str.const "d") (field "e" s16.const -5)) (record.const (field "a" u8.const
      1) (field "b" f64.const 2.5) (field "c" bool.const true) (field "d" str.const "d") (field
      "e" s16.const -5))))
(assert_return (invoke "variant"
  (list.const (variant.const "none") (variant.const "byte" (u8.const 1)) (variant.const "wide"
      (u64.const 18446744073709551615)) (variant.const "text" (str.const "t")) (variant.const
      "real" (f32.const 0.5))))
  (list.const (variant.const "none") (variant.const "byte" (u8.const 1)) (variant.const "wide"
      (u64.const 18446744073709551615)) (variant.const "text" (str.const "t")) (variant.const
      "real" (f32.const 0.5))))
(assert_return (invoke "enum"
  (list.const (enum.const "a") (enum.const "c")))
  (list.const (enum.const "a") (enum.const "c")))
(assert_return (invoke "flags8"
  (list.const (flags.const) (flags.const "f7")))
  (list.const (flags.const) (flags.const "f7")))
(assert_return (invoke "flags9"
  (list.const (flags.const "f0" "f8")))
  (list.const (flags.const "f0" "f8")))
(assert_return (invoke "flags32"
  (list.const (flags.const "f31" "f0")))
  (list.const (flags.const "f31" "f0")))
(assert_return (invoke "wide-enum"
  (list.const (enum.const "e256") (enum.const "e0")))
  (list.const (enum.const "e256") (enum.const "e0")))
(assert_return (invoke "string" (list.const)) (list.const))
