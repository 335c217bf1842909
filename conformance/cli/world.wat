(; A core module as wit-bindgen leaves it, whose author has forgotten `wasm-tools component
   new`: it carries its world, `export greet: func(name: string) -> string`. ;)
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "Hello, ")
  ;; Room for what is handed in comes one after the other.
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func (export "greet") (param $text i32) (param $length i32) (result i32)
    (local $to i32)
    (local.set $to (global.get $free))
    (memory.copy (local.get $to) (i32.const 16) (i32.const 7))
    (memory.copy (i32.add (local.get $to) (i32.const 7)) (local.get $text) (local.get $length))
    (i32.store (i32.const 0) (local.get $to))
    (i32.store (i32.const 4) (i32.add (local.get $length) (i32.const 7)))
    (i32.const 0))
  (@custom "component-type:greeter"
    "\00\61\73\6d\0d\00\01\00\00\19\16\77\69\74\2d\63\6f\6d\70\6f\6e\65\6e\74\2d\65\6e\63\6f\64"
    "\69\6e\67\04\00\07\32\01\41\02\01\41\02\01\40\01\04\6e\61\6d\65\73\00\73\04\00\05\67\72\65"
    "\65\74\01\00\04\00\12\64\65\6d\6f\3a\67\72\65\65\74\2f\67\72\65\65\74\65\72\04\00\0b\0d\01"
    "\00\07\67\72\65\65\74\65\72\03\00\00\00\2f\09\70\72\6f\64\75\63\65\72\73\01\0c\70\72\6f\63"
    "\65\73\73\65\64\2d\62\79\01\0d\77\69\74\2d\63\6f\6d\70\6f\6e\65\6e\74\07\30\2e\32\36\33\2e"
    "\30")
)
