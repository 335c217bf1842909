//! What happens, by the reference engine.

use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};
use wippy::value::Value;

use super::{CALLS, Seen};
use crate::fuzz::echo::peer::class;

/// Makes the same calls.
///
/// # Errors
///
/// If it is refused.
pub fn theirs(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Seen> {
    let component = Component::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &component)?;
    let mut seen = Seen::new();
    for name in CALLS {
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, name)?;
        match function.call(&mut store, ()) {
            Ok((number,)) => seen.push(format!("{:?}", Some(Value::U32(number)))),
            Err(error) => {
                seen.push(format!("! {:?}", class(&error)));
                break;
            }
        }
    }
    Ok(seen)
}
