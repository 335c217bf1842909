//! What is seen of a module, by the reference engine.

use wasmtime::{Engine, Instance, Module, Store};

use super::{CALLS, Seen, Wrapped, wrap};
use crate::fuzz::echo::peer::class;

impl Wrapped {
    /// Calls all functions.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub fn theirs(&self, engine: &Engine) -> Result<Seen, String> {
        let module = Module::new(engine, &self.bytes).map_err(|error| format!("{error:#}"))?;
        let mut seen = Seen::new();
        let mut present: Option<(Store<()>, Instance)> = None;
        for at in 0..self.functions.min(CALLS) {
            let name = wrap::name(at);
            let result = next(engine, &module, &mut present, &name)?;
            let traps = result.starts_with('!');
            seen.push(format!("{name} {result}"));
            if traps {
                present = None;
                continue;
            }
            let state = next(engine, &module, &mut present, wrap::STATE)?;
            if state.starts_with('!') {
                present = None;
            }
            seen.push(state);
        }
        Ok(seen)
    }
}

/// One more call, of a new instance if there is none.
fn next(
    engine: &Engine,
    module: &Module,
    present: &mut Option<(Store<()>, Instance)>,
    name: &str,
) -> Result<String, String> {
    if present.is_none() {
        let mut store = Store::new(engine, ());
        match Instance::new(&mut store, module, &[]) {
            Ok(instance) => *present = Some((store, instance)),
            Err(error) => return Ok(format!("! {:?}", class(&error))),
        }
    }
    let Some((store, instance)) = present else { return Err("no instance".to_owned()) };
    let function = instance.get_typed_func::<(), i64>(&mut *store, name);
    let function = function.map_err(|error| format!("{error:#}"))?;
    Ok(match function.call(&mut *store, ()) {
        Ok(number) => format!("{number:x}"),
        Err(error) => format!("! {:?}", class(&error)),
    })
}
