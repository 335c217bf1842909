//! What takes the place of the component in JavaScript: a core module with the same
//! functions, and the WIT that says so.

use std::{fs, io, path::Path};

use wippy::artifact::Hash;

/// The name of the file, and its hash in the application.
const FILE: &str = "js_calculator_component.wasm";
const HASH: &str = "sha256:eda7db3925a40c12b5e8c36b0d228a4be4f2c79ee8b5c86b912cf8b3d9a70a7c";

const WIT: &str = "add: func(a: s32, b: s32) -> s32; multiply: func(a: s32, b: s32) -> s32; \
                   greet: func(name: string) -> string;";

/// `greet` puts `Hello, ` before the name and `!` behind it.
const WAT: &str = r#"(module
  (memory (export "memory") 2)
  (data (i32.const 1024) "Hello, ")
  (global $free (mut i32) (i32.const 4096))
  (func $alloc (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.and (i32.const -8)
      (i32.add (i32.const 7) (i32.add (global.get $free) (local.get $size))))))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $alloc (local.get 3)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "multiply") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1)))
  (func (export "greet") (param $name i32) (param $len i32) (result i32)
    (local $text i32)
    (local.set $text (call $alloc (i32.add (local.get $len) (i32.const 8))))
    (memory.copy (local.get $text) (i32.const 1024) (i32.const 7))
    (memory.copy (i32.add (local.get $text) (i32.const 7)) (local.get $name) (local.get $len))
    (i32.store8 (i32.add (i32.add (local.get $text) (i32.const 7)) (local.get $len)) (i32.const 33))
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (i32.add (local.get $len) (i32.const 8)))
    (i32.const 0)))"#;

/// Puts it into a copy of the application, unless the component is there.
pub(super) fn put(app: &Path) -> io::Result<()> {
    let path = app.join("src/test/wasm").join(FILE);
    if path.exists() {
        return Ok(());
    }
    let module = wat::parse_str(WAT).map_err(io::Error::other)?;
    let line = format!("{}\n    wit: \"{WIT}\"", Hash::of(&module));
    fs::write(path, module)?;
    for file in super::files(&app.join("src/test/wasm"), "yaml")? {
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replace(HASH, &line))?;
    }
    Ok(())
}
