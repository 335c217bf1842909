//! The interpreter and its configuration.
//!
//! One [`Engine`] serves all processes of a runtime. Everything that could make
//! two runs differ is fixed here: the deterministic float profile is a compile
//! time feature of wasmi, limits are numbers in [`Config`] and never taken from
//! the machine, and translation, which happens when a function is first
//! called, costs no fuel, so that fuel does not depend on who was first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use wasmparser::WasmFeatures;

/// Bytes that a bulk operation (`memory.copy`, `memory.fill`, …) or the host
/// moves for one unit of fuel.
pub(crate) const BYTES_PER_FUEL: u64 = 64;

/// The smallest wasm stack that a process can be given.
pub const MIN_STACK: usize = 64 << 10;

/// The wasm stack of a process unless it asks for another.
pub const DEFAULT_STACK: usize = 4 << 20;

/// The largest wasm stack that a process can be given.
pub const MAX_STACK: usize = 1 << 30;

/// When function bodies are validated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Validation {
    /// Each body when it is first called; everything else when the component
    /// is loaded. A body that is invalid ends the process that calls it.
    #[default]
    Lazy,
    /// Every body when the component is loaded.
    Eager,
}

/// How an [`Engine`] is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// When function bodies are validated.
    pub validation: Validation,
}

/// The interpreter. Cloning it is cheap and gives the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    /// wasmi fixes the stack limit per engine, so there is one for each limit
    /// that is in use. Nearly always that is one.
    cores: Mutex<HashMap<usize, wasmi::Engine>>,
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(Config::default())
    }
}

impl Engine {
    /// Makes an engine.
    pub fn new(config: Config) -> Engine {
        Engine { inner: Arc::new(Inner { config, cores: Mutex::default() }) }
    }

    /// The configuration that the engine was made with.
    pub fn config(&self) -> Config {
        self.inner.config
    }

    /// Whether both are the same engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The wasmi engine whose calls may use `stack` bytes of wasm stack.
    pub(crate) fn core(&self, stack: usize) -> wasmi::Engine {
        let stack = stack.clamp(MIN_STACK, MAX_STACK);
        // A panic while holding the lock cannot leave the map half changed.
        let mut cores = self.inner.cores.lock().unwrap_or_else(PoisonError::into_inner);
        cores.entry(stack).or_insert_with(|| self.make_core(stack)).clone()
    }

    fn make_core(&self, stack: usize) -> wasmi::Engine {
        let mut config = wasmi::Config::default();
        config
            .consume_fuel(true)
            .ignore_custom_sections(true)
            .compilation_mode(match self.inner.config.validation {
                Validation::Lazy => wasmi::CompilationMode::Lazy,
                Validation::Eager => wasmi::CompilationMode::LazyTranslation,
            })
            .fuel_cost(wasmi::CustomFuelCosts {
                bytes_copied_per_fuel: BYTES_PER_FUEL as u32,
                // Otherwise the first process to call a function would pay for all.
                fuel_per_bytes_translated: 0,
                fuel_per_bytes_validated: 0,
            })
            .set_min_stack_height(1_000)
            .set_max_stack_height(stack)
            // A frame takes at least a few cells, so that the height is the
            // limit that programs meet; the depth bounds frames without cells.
            .set_max_recursion_depth(stack / 32)
            .set_max_cached_stacks(16);
        wasmi::Engine::new(&config)
    }
}

/// What the validator accepts: the core features that wasmi runs, and the
/// whole Component Model, of which the asynchronous part loads but traps when
/// it is called.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::GC_TYPES
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::FLOATS
        | WasmFeatures::MEMORY64
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM64
        | WasmFeatures::CM_IMPLEMENTS
        | WasmFeatures::CM_ACCESSORS
}
