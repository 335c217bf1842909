//! Guests that do next to nothing: what is left is the cost of a process.

use wippy::value::Value;

use super::{Result, bare::Instances, guest};

/// A guest that does next to nothing, and how to call it.
pub struct Guest {
    pub file: &'static str,
    pub method: &'static str,
    pub args: fn() -> Vec<Value>,
    pub result: fn() -> Value,
    /// The same call by hand, as the canonical ABI would make it.
    pub bare: fn(&mut Instances) -> Result<()>,
}

pub const GREET: Guest = Guest {
    file: "greet.wasm",
    method: "greet",
    args: || vec![Value::String("Ada".to_owned())],
    result: || Value::String("Hello, Ada!".to_owned()),
    bare: |instances| {
        let (memory, name) = (instances.memory()?, b"Ada");
        let realloc = instances.func::<(u32, u32, u32, u32), u32>("cabi_realloc")?;
        let greet = instances.func::<(u32, u32), u32>("greet")?;
        let post = instances.func::<u32, ()>("cabi_post_greet")?;
        let store = &mut instances.store;
        let address = realloc.call(&mut *store, (0, 0, 1, name.len() as u32))?;
        memory.write(&mut *store, address as usize, name)?;
        let result = greet.call(&mut *store, (address, name.len() as u32))?;
        let mut pair = [0; 8];
        memory.read(&*store, result as usize, &mut pair)?;
        let [a, b, c, d, e, f, g, h] = pair;
        let (at, len) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let mut text = vec![0; len as usize];
        memory.read(&*store, at as usize, &mut text)?;
        post.call(&mut *store, result)?;
        guest::expect(String::from_utf8(text)?, "Hello, Ada!".to_owned())
    },
};

pub const COMPUTE: Guest = Guest {
    file: "compute.wasm",
    method: "compute",
    args: || vec![Value::S32(6), Value::S32(7)],
    result: || Value::S32(42),
    bare: |instances| {
        let compute = instances.func::<(i32, i32), i32>("compute")?;
        guest::expect(compute.call(&mut instances.store, (6, 7))?, 42)
    },
};

/// The smallest guest of all.
pub const HELLO: Guest = Guest {
    file: "hello.wasm",
    method: "hello",
    args: Vec::new,
    result: || Value::String("Hello, world!".to_owned()),
    bare: |instances| {
        let hello = instances.func::<(), u32>("hello")?;
        guest::expect(hello.call(&mut instances.store, ())?, 8)
    },
};
