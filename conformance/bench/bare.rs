//! wasmi without components: the core modules of a component, linked by hand.

use wasmi::{
    CompilationMode, Config, CustomFuelCosts, Engine, Extern, Instance, Memory, Module, Store,
};
use wasmparser::{Parser, Payload};

use super::Result;

pub struct Bare {
    pub engine: Engine,
    modules: Vec<Module>,
}

/// A store with an instance of each core module.
pub struct Instances {
    pub store: Store<()>,
    instances: Vec<Instance>,
}

impl Bare {
    /// Translates a core module, or the core modules of a component, with the
    /// settings that processes are run with.
    pub fn new(bytes: &[u8]) -> Result<Bare> {
        let mut config = Config::default();
        config
            .consume_fuel(true)
            .ignore_custom_sections(true)
            .compilation_mode(CompilationMode::Lazy)
            .fuel_cost(CustomFuelCosts {
                bytes_copied_per_fuel: 64,
                fuel_per_bytes_translated: 0,
                fuel_per_bytes_validated: 0,
            })
            .set_min_stack_height(1_000)
            .set_max_stack_height(wippy::component::DEFAULT_STACK)
            .set_max_recursion_depth(wippy::component::DEFAULT_STACK / 32)
            .set_max_cached_stacks(16);
        let engine = Engine::new(&config);
        let mut modules = Vec::new();
        if Parser::is_core_wasm(bytes) {
            modules.push(Module::new(&engine, bytes)?);
        } else {
            for payload in Parser::new(0).parse_all(bytes) {
                if let Payload::ModuleSection { unchecked_range: range, .. } = payload? {
                    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
                    modules.push(Module::new(&engine, &bytes[range])?);
                }
            }
        }
        Ok(Bare { engine, modules })
    }

    /// Instantiates all modules, in order. What a module imports is looked up by
    /// its name in those before it; a function that only the component's
    /// instantiation section names is the initializer.
    pub fn instantiate(&self) -> Result<Instances> {
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(u64::MAX)?;
        let mut instances: Vec<Instance> = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            let mut imports: Vec<Extern> = Vec::new();
            for import in module.imports() {
                let found = instances.iter().find_map(|instance| {
                    let named = instance.get_export(&store, import.name());
                    named.or_else(|| instance.get_export(&store, "_initialize"))
                });
                imports.push(found.ok_or_else(|| format!("nothing to import: {import:?}"))?);
            }
            instances.push(Instance::new(&mut store, module, &imports)?);
        }
        Ok(Instances { store, instances })
    }
}

impl Instances {
    /// An exported function of the first module.
    pub fn func<P: wasmi::WasmParams, R: wasmi::WasmResults>(
        &self,
        name: &str,
    ) -> Result<wasmi::TypedFunc<P, R>> {
        let instance = self.instances.first().ok_or("no module")?;
        Ok(instance.get_typed_func(&self.store, name)?)
    }

    /// The memory of the first module.
    pub fn memory(&self) -> Result<Memory> {
        let instance = self.instances.first().ok_or("no module")?;
        Ok(instance.get_memory(&self.store, "memory").ok_or("no memory")?)
    }
}
