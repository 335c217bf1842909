//! The interpreter and its configuration.
//!
//! One [`Engine`] serves all processes of a runtime. Everything that could make
//! two runs differ is fixed here: the deterministic float profile is a compile
//! time feature of wasmi, limits are numbers in [`Config`] and never taken from
//! the machine, and translation, which happens when a function is first
//! called, costs no fuel, so that fuel does not depend on who was first.
//!
//! # The native stack
//!
//! wasmi goes from one instruction to the next with a call in tail position,
//! which the compiler turns into a jump. Where it does not, each instruction
//! leaves a frame on the native stack until the guest is left again, and a guest
//! could overflow it. Disassembly of an optimized build (x86-64) shows one kind
//! of handler for which it does not: `memory.grow` and `table.grow`, about 200
//! bytes each. So these cost much fuel, a function may not have very many of
//! them in a row ([`MAX_GROWS`]), and a guest is left after [`MAX_SLICE`] at the
//! latest. In a build with overflow checks or debug assertions in wasmi no
//! handler is a jump; [`Engine::new`] notices this by trying, and then makes
//! slices so short that it does no harm.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use wasmparser::WasmFeatures;

/// Bytes that a bulk operation (`memory.copy`, `memory.fill`, …) or the host
/// moves for one unit of fuel.
pub(crate) const BYTES_PER_FUEL: u64 = 64;

/// The most fuel that a guest is given at once, whatever the slice.
const MAX_SLICE: u64 = 500_000;

/// The same where the interpreter leaves a native frame for each instruction.
const MAX_SLICE_WITHOUT_JUMPS: u64 = 2_000;

/// `memory.grow` and `table.grow` instructions that one function may have.
pub(crate) const MAX_GROWS: usize = 1_000;

/// Bytes that a wasm stack has at first. A process keeps its stack while it waits.
const FIRST_STACK: usize = 256;

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
    max_slice: u64,
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
        let max_slice = match instructions_take_native_stack() {
            Ok(false) => MAX_SLICE,
            Ok(true) | Err(_) => MAX_SLICE_WITHOUT_JUMPS,
        };
        Engine { inner: Arc::new(Inner { config, max_slice, cores: Mutex::default() }) }
    }

    /// The configuration that the engine was made with.
    pub fn config(&self) -> Config {
        self.inner.config
    }

    /// The most fuel that a guest may be given at once.
    pub(crate) fn max_slice(&self) -> u64 {
        self.inner.max_slice
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
        cores.entry(stack).or_insert_with(|| wasmi::Engine::new(&core_config(stack))).clone()
    }
}

fn core_config(stack: usize) -> wasmi::Config {
    let mut config = wasmi::Config::default();
    config
        .consume_fuel(true)
        .ignore_custom_sections(true)
        // Where everything is to be validated early, the decoder does it.
        .compilation_mode(wasmi::CompilationMode::Lazy)
        .fuel_cost(wasmi::CustomFuelCosts {
            bytes_copied_per_fuel: BYTES_PER_FUEL as u32,
            // Otherwise the first process to call a function would pay for all.
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        })
        .operator_cost(wasmi::OperatorCost {
            memory_grow: u8::MAX,
            table_grow: u8::MAX,
            ..wasmi::OperatorCost::default()
        })
        .set_min_stack_height(FIRST_STACK)
        .set_max_stack_height(stack)
        // A frame takes at least a few cells, so that the height is the
        // limit that programs meet; the depth bounds frames without cells.
        .set_max_recursion_depth(stack / 32)
        .set_max_cached_stacks(16);
    config
}

/// Runs a loop and looks how far apart the native stack is at its two ends.
fn instructions_take_native_stack() -> Result<bool, wasmi::Error> {
    // (module (import "" "" (func $look))
    //   (func (export "") (local i32)
    //     call $look
    //     (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
    //                              (i32.const 100))))
    //     call $look))
    const LOOP: &[u8] = &[
        0, b'a', b's', b'm', 1, 0, 0, 0, // header
        1, 4, 1, 0x60, 0, 0, // type: () -> ()
        2, 5, 1, 0, 0, 0, 0, // import "" "": func of type 0
        3, 2, 1, 0, // function of type 0
        7, 4, 1, 0, 0, 1, // export "": func 1
        10, 26, 1, 24, 1, 1, 0x7f, // code: one body with a local i32
        0x10, 0, 0x03, 0x40, 0x20, 0, 0x41, 1, 0x6a, 0x22, 0, 0x41, 0xe4, 0, 0x49, 0x0d, 0, 0x0b,
        0x10, 0, 0x0b,
    ];
    let engine = wasmi::Engine::new(&core_config(MIN_STACK));
    let mut store = wasmi::Store::new(&engine, Vec::<usize>::new());
    store.set_fuel(10_000)?;
    let look = wasmi::Func::wrap(&mut store, |mut caller: wasmi::Caller<'_, Vec<usize>>| {
        let here = 0u8;
        caller.data_mut().push(std::ptr::from_ref(std::hint::black_box(&here)).addr());
    });
    let module = wasmi::Module::new(&engine, LOOP)?;
    let instance = wasmi::Instance::new(&mut store, &module, &[look.into()])?;
    instance.get_typed_func::<(), ()>(&store, "")?.call(&mut store, ())?;
    Ok(match store.data().as_slice() {
        // A hundred rounds of three instructions would leave far more.
        [first, last] => first.abs_diff(*last) > 4096,
        _ => true,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_of_the_interpreter_uses_jumps() {
        assert_eq!(instructions_take_native_stack().map_err(|e| e.to_string()), Ok(false));
    }
}
