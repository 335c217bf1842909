//! The interpreter and its configuration.
//!
//! One [`Engine`] serves all processes of a runtime, with one engine of wasmi's for
//! each component, because wasmi's keep what has been loaded into them: what a
//! component takes goes with it. Everything that could make two runs differ is fixed
//! here: the deterministic float profile is a compile time feature of wasmi, limits
//! are numbers and never taken from the machine, and translation, which happens when
//! a function is first called or before, costs no fuel, so that fuel does not depend
//! on who was first.
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

use std::sync::Arc;

use wasmparser::WasmFeatures;

use super::{backtrace::watch, load::rewrite::Changes};

/// Bytes that a bulk operation (`memory.copy`, `memory.fill`, …) or the host
/// moves for one unit of fuel.
pub(crate) const BYTES_PER_FUEL: u64 = 64;

/// The version of what a unit of fuel is, and of where a slice of so many ends. It is
/// another as soon as any program takes another amount for the same work: with another
/// interpreter, other costs, or other changes to modules. A journal of one version is not
/// replayed by another.
pub const FUEL_VERSION: u32 = 3;

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

/// Wasm stacks that an engine of wasmi's keeps for the next calls: about as many as
/// are in use at a time.
const CACHED_STACKS: usize = 4;

/// How an [`Engine`] is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineConfig {
    /// Gives modules to the interpreter without the changes that keep it from
    /// failing. For tests of what happens when it fails.
    #[doc(hidden)]
    pub without_mending: bool,
    /// Lets [`Process::state`](crate::process::Process::state) see the globals and tables
    /// of core modules that export none, for runs that are recorded or replayed. It takes
    /// a copy of each module; fuel is the same.
    pub shows_state: bool,
}

impl EngineConfig {
    /// The changes that are made to modules.
    pub(in crate::component) fn changes(self) -> Changes {
        Changes { mends: !self.without_mending, shows_state: self.shows_state }
    }
}

/// When the interpreter translates functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Translation {
    /// Each when it is first called.
    Late,
    /// All of them when the module is loaded.
    Early,
}

/// The interpreter. Cloning it is cheap and gives the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EngineConfig,
    max_slice: u64,
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(EngineConfig::default())
    }
}

impl Engine {
    /// Makes an engine.
    pub fn new(config: EngineConfig) -> Engine {
        let max_slice = match instructions_take_native_stack() {
            Ok(false) => MAX_SLICE,
            Ok(true) | Err(_) => MAX_SLICE_WITHOUT_JUMPS,
        };
        Engine { inner: Arc::new(Inner { config, max_slice }) }
    }

    /// The configuration that the engine was made with.
    pub fn config(&self) -> EngineConfig {
        self.inner.config
    }

    /// The most fuel that a guest may be given at once.
    pub fn max_slice(&self) -> u64 {
        self.inner.max_slice
    }

    /// True if both are the same engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

/// A new engine of wasmi's, whose calls may use `stack` bytes of wasm stack.
pub(crate) fn core(stack: usize, translation: Translation) -> wasmi::Engine {
    wasmi::Engine::new(&core_config(stack.clamp(MIN_STACK, MAX_STACK), translation))
}

/// A new engine of wasmi's like this one, but for when it translates.
pub(crate) fn core_like(engine: &wasmi::Engine, translation: Translation) -> wasmi::Engine {
    let mut config = engine.config().clone();
    config.compilation_mode(mode(translation));
    wasmi::Engine::new(&config)
}

/// A new engine of wasmi's for modules that are changed to be watched, with room for what
/// they have more on the stack.
pub(crate) fn core_watching(stack: usize) -> wasmi::Engine {
    let mut config = core_config(stack.saturating_mul(2), Translation::Early);
    config.operator_cost(watch::costs(costs()));
    wasmi::Engine::new(&config)
}

/// What operators cost.
fn costs() -> wasmi::OperatorCost {
    wasmi::OperatorCost {
        memory_grow: u8::MAX,
        table_grow: u8::MAX,
        ..wasmi::OperatorCost::default()
    }
}

fn mode(translation: Translation) -> wasmi::CompilationMode {
    match translation {
        Translation::Late => wasmi::CompilationMode::Lazy,
        Translation::Early => wasmi::CompilationMode::Eager,
    }
}

fn core_config(stack: usize, translation: Translation) -> wasmi::Config {
    let mut config = wasmi::Config::default();
    config
        .consume_fuel(true)
        .ignore_custom_sections(true)
        .compilation_mode(mode(translation))
        .fuel_cost(wasmi::CustomFuelCosts {
            bytes_copied_per_fuel: BYTES_PER_FUEL as u32,
            // Otherwise the first process to call a function would pay for all.
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        })
        .operator_cost(costs())
        .set_min_stack_height(FIRST_STACK)
        .set_max_stack_height(stack)
        // A frame takes at least a few cells, so that the height is the
        // limit that programs meet; the depth bounds frames without cells.
        .set_max_recursion_depth(stack / 32)
        .set_max_cached_stacks(CACHED_STACKS);
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
    let engine = core(MIN_STACK, Translation::Early);
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

/// The features that the validator accepts: the core features that wasmi runs, and the
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
