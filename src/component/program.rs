//! A component as its users see it: loaded ([`Component`]), then linked
//! ([`LinkedComponent`]).

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicBool},
};

use wasmparser::component_types::ComponentEntityType;

use super::{
    backtrace::{
        trace::Tracing,
        watch::{WatchedPlan, shown, watched},
    },
    engine::{DEFAULT_STACK, Engine, Translation, core},
    error::{LinkError, LoadError, LoadErrorKind, panic_message},
    link::{
        host::HostState,
        inline::{Failure, link},
        linker::Linker,
        plan::{Interpreter, Plan, ResourceDef},
        provided::Provided,
    },
    load::{
        decode::{ComponentDef, Def, decode},
        module::Loader,
        proposal,
        vet::{LARGE_BODY, SMALL, Vetter, Vetting},
    },
    run::machine::Machine,
};
use crate::value::{Field, FuncType, Type, TypeDef, Types};

/// A decoded and validated component, translated once and shared by all
/// processes that run it.
#[derive(Clone, Debug)]
pub struct Component {
    engine: Engine,
    core: wasmi::Engine,
    /// The limit for the wasm stack of each call, in bytes.
    max_stack: usize,
    bytes: Arc<[u8]>,
    def: Arc<ComponentDef>,
    condemned: Arc<AtomicBool>,
}

/// How a component is loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'a> {
    /// The limit for the wasm stack of each call, in bytes.
    pub stack: usize,
    /// How it is made sure that the interpreter can take its functions.
    pub vetting: Vetting<'a>,
    /// Its processes share their threads with others, which must not wait until a very
    /// long function is translated. A component that has one is translated as a whole
    /// when it is loaded.
    pub shares_threads: bool,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        LoadOptions { stack: DEFAULT_STACK, vetting: Vetting::Alone, shares_threads: true }
    }
}

impl Component {
    /// Loads a component from its binary form.
    ///
    /// # Errors
    ///
    /// If the bytes are not a valid component, or the engine cannot run it.
    pub fn new(engine: &Engine, bytes: impl Into<Arc<[u8]>>) -> Result<Component, LoadError> {
        Component::load(engine, bytes, LoadOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As for [`Component::new`].
    pub fn load(
        engine: &Engine,
        bytes: impl Into<Arc<[u8]>>,
        options: LoadOptions<'_>,
    ) -> Result<Component, LoadError> {
        let bytes = bytes.into();
        let load = || Component::load_or_panic(engine, &bytes, options);
        // Nothing of a component that could not be loaded is used.
        let loaded = catch_unwind(AssertUnwindSafe(load));
        loaded.unwrap_or_else(|payload| Err(LoadError::engine(panic_message(&*payload))))
    }

    fn load_or_panic(
        engine: &Engine,
        bytes: &Arc<[u8]>,
        options: LoadOptions<'_>,
    ) -> Result<Component, LoadError> {
        let small = bytes.len() <= SMALL;
        let crew = match options.vetting {
            Vetting::With(crew) if !small && crew.width() > 1 => Some(crew),
            Vetting::Alone | Vetting::With(_) | Vetting::Done => None,
        };
        let mut translation = match options.vetting {
            Vetting::Done if !small => Translation::Late,
            _ if crew.is_some() => Translation::Late,
            Vetting::Alone | Vetting::With(_) | Vetting::Done => Translation::Early,
        };
        let changes = engine.config().changes();
        let stack = options.stack;
        let mut loader = Loader::new(core(stack, translation), crew.map(Vetter::new), changes);
        let mut def = decode(bytes, &loader);
        let vetted = loader.vetter.take().map_or(Ok(()), Vetter::finish);
        let large = options.shares_threads && loader.largest_body() > LARGE_BODY;
        if large && translation == Translation::Late && def.is_ok() {
            translation = Translation::Early;
            loader = Loader::new(core(stack, translation), None, changes);
            def = decode(bytes, &loader);
        }
        let def =
            def.and_then(|def| vetted.map(|()| def)).map_err(|error| explain(bytes, error))?;
        Ok(Component {
            engine: engine.clone(),
            core: loader.engine,
            max_stack: stack,
            bytes: bytes.clone(),
            def: Arc::new(def),
            condemned: Arc::default(),
        })
    }

    /// The component, for others that import it.
    pub(super) fn provide(&self) -> Provided {
        let module = self.def.first_module();
        Provided {
            core: self.core.clone(),
            bytes: self.bytes.clone(),
            changes: self.engine.config().changes(),
            def: self.def.clone(),
            module,
        }
    }

    /// The engine that the component was loaded with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The names of what the component imports, in order: interfaces with their
    /// versions, and plain names.
    pub fn imports(&self) -> Vec<String> {
        let types = self.def.types.as_ref();
        self.def
            .defs
            .iter()
            .filter_map(|def| {
                let Def::Import { name } = def else { return None };
                types.component_item_for_import(name).map(|item| (name, item))
            })
            .filter(|(_, item)| {
                !matches!(item.ty, ComponentEntityType::Type { .. } | ComponentEntityType::Value(_))
            })
            .map(|(name, item)| match item.full_implements() {
                Some(interface) => interface.into_owned(),
                None => name.to_string(),
            })
            .collect()
    }

    /// Links the component. Imports that the linker does not meet become stubs
    /// that trap when they are called.
    ///
    /// # Errors
    ///
    /// If an import has another type than what the linker has under its name,
    /// or asks for something that cannot be a stub.
    pub fn link(&self, linker: &Linker) -> Result<LinkedComponent, LinkError> {
        self.link_with(linker, &|_| None)
    }

    /// Links the component and asks `deny` about each function that it imports,
    /// by its full name (`wasi:cli/exit@0.2.0#exit`). One for which it gives a
    /// reason becomes a stub that traps with that reason, as in
    /// "`wasi:cli/exit@0.2.0#exit` was called, but *reason*".
    ///
    /// # Errors
    ///
    /// As for [`Component::link`].
    pub fn link_with(
        &self,
        linker: &Linker,
        deny: &dyn Fn(&str) -> Option<String>,
    ) -> Result<LinkedComponent, LinkError> {
        let interpreter = Interpreter {
            core: self.core.clone(),
            condemned: self.condemned.clone(),
            max_slice: self.engine.max_slice(),
            max_stack: self.max_stack,
        };
        match link(interpreter, &self.def, linker, deny) {
            Ok(plan) => {
                let plan = Arc::new(plan);
                let tracing = Arc::new(Tracing::new(plan.clone()));
                Ok(LinkedComponent { tracing, plan, watched: None })
            }
            Err(Failure::Import(error)) => Err(error),
            Err(Failure::Component(error)) => {
                Err(LinkError { import: "(component)".to_owned(), reason: error.to_string() })
            }
        }
    }
}

/// The engine of wasmi's that a component has.
#[cfg(test)]
pub(super) fn loaded_engine(component: &Component) -> &wasmi::Engine {
    &component.core
}

/// True if functions are translated when they are first called.
#[cfg(test)]
pub(super) fn translated_late(component: &Component) -> bool {
    !format!("{:?}", component.core.config()).contains("Eager")
}

/// The error of a component that could not be loaded, in the words that say most.
#[cold]
fn explain(bytes: &Arc<[u8]>, error: LoadError) -> LoadError {
    if error.kind() == LoadErrorKind::Engine {
        return error;
    }
    let missing = proposal::missing(bytes);
    if !missing.is_empty() {
        let missing = proposal::in_words(&missing);
        return LoadError::unsupported(format!(
            "it uses {missing}, which this engine does not have"
        ));
    }
    // The interpreter does not say where in the file something is invalid.
    let loader = Loader::validating(core(DEFAULT_STACK, Translation::Late));
    match decode(bytes, &loader) {
        Err(better) if better.offset().is_some() => better,
        _ => error,
    }
}

/// A linked component, ready to be started any number of times.
#[derive(Clone, Debug)]
pub struct LinkedComponent {
    plan: Arc<Plan>,
    tracing: Arc<Tracing>,
    /// What its processes need that know where they are.
    watched: Option<Arc<WatchedPlan>>,
}

/// A function that a program exports.
#[derive(Clone)]
pub struct Function {
    plan: Arc<Plan>,
    index: usize,
}

impl LinkedComponent {
    /// How many core instances a process has.
    #[cfg(test)]
    pub(crate) fn instances(&self) -> usize {
        let instantiate =
            |op: &&super::link::plan::Op| matches!(op, super::link::plan::Op::Instantiate { .. });
        self.plan.ops.iter().filter(instantiate).count()
    }

    /// The exported functions, in the order of the component.
    pub fn functions(&self) -> impl Iterator<Item = Function> + '_ {
        (0..self.plan.exports.len()).map(|index| Function { plan: self.plan.clone(), index })
    }

    /// Finds an exported function by `name`, `interface#name`, with or without
    /// package and version, or `name` alone inside any interface. `run` also
    /// finds the entry point of `wasi:cli/run`.
    ///
    /// # Errors
    ///
    /// A text with the candidates, if there is no such function or more than one.
    pub fn function(&self, name: &str) -> Result<Function, String> {
        let matching = |test: &dyn Fn(&Function) -> bool| -> Vec<Function> {
            self.functions().filter(|f| test(f)).collect()
        };
        let (interface, bare) = match name.rsplit_once('#') {
            Some((interface, bare)) => (Some(interface), bare),
            None => (None, name),
        };
        let mut found = matching(&|f| f.interface() == interface && f.name() == bare);
        if found.is_empty() {
            found = matching(&|f| {
                f.name() == bare
                    && match (interface, f.interface()) {
                        (Some(wanted), Some(full)) => names_interface(wanted, full),
                        (Some(_), None) => false,
                        (None, _) => true,
                    }
            });
        }
        if found.len() > 1 {
            return Err(format!("`{name}` is ambiguous: {}", list(found.iter())));
        }
        match found.pop() {
            Some(function) => Ok(function),
            None => {
                let all: Vec<_> = self.functions().collect();
                Err(match all.is_empty() {
                    true => format!("`{name}` is not exported; the component exports no functions"),
                    false => {
                        let are = if all.len() == 1 { "is" } else { "are" };
                        format!("`{name}` is not exported; there {are} {}", list(all.iter()))
                    }
                })
            }
        }
    }

    /// The most fuel that a step may be given.
    pub(crate) fn max_slice(&self) -> u64 {
        self.plan.max_slice
    }

    /// The means to run a process again that has trapped.
    pub(crate) fn tracing(&self) -> &Arc<Tracing> {
        &self.tracing
    }

    /// The same program, whose processes take the same fuel and know at any time which
    /// functions they are in, see [`Process::stack`](crate::process::Process::stack). They
    /// are slower, and take memory for it that is on no account: for replays.
    ///
    /// # Errors
    ///
    /// If it has more than 64 MiB of modules, or one that cannot be changed.
    pub fn watched(&self) -> Result<LinkedComponent, LoadError> {
        let watched = Arc::new(watched(&self.plan)?);
        let (plan, tracing) = (watched.plan.clone(), self.tracing.clone());
        Ok(LinkedComponent { plan, tracing, watched: Some(watched) })
    }

    /// A process's machine, with what host functions keep for it.
    pub(crate) fn machine(&self, host: HostState) -> Machine {
        let mut machine = Machine::new(self.plan.clone(), host);
        if let Some(watched) = &self.watched {
            machine.watch(watched.memory);
        }
        machine
    }

    /// The names of the functions that a machine of it is in, the innermost first, from at
    /// most `limit` of them; and how many there are. Nothing if it is not watched.
    pub(crate) fn stack(&self, machine: &Machine, limit: usize) -> Option<(Vec<String>, usize)> {
        let (notes, depth) = machine.notes(limit)?;
        Some((shown(&self.watched.as_ref()?.modules, &notes), depth))
    }
}

fn list<'a>(functions: impl Iterator<Item = &'a Function>) -> String {
    const MOST: usize = 20;
    let all: Vec<String> = functions.map(|f| format!("`{}`", f.full_name())).collect();
    let shown = all.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// True if `wanted` (`ns:pkg/iface@1.0.0`, `ns:pkg/iface` or `iface`, and any
/// version that is compatible) names the interface `full`.
fn names_interface(wanted: &str, full: &str) -> bool {
    use super::link::version::{compatible, split_version};
    let (wanted, wanted_version) = split_version(wanted);
    let (full, version) = split_version(full);
    let short = full.rsplit_once('/').map_or(full, |(_, short)| short);
    (wanted == full || wanted == short) && compatible(wanted_version.as_ref(), version.as_ref())
}

impl Function {
    #[expect(clippy::indexing_slicing, reason = "in range when made, and a plan never changes")]
    fn export(&self) -> &super::link::plan::Export {
        &self.plan.exports[self.index]
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The name, without its interface.
    pub fn name(&self) -> &str {
        &self.export().name
    }

    /// The interface that the function is exported in, with its version.
    pub fn interface(&self) -> Option<&str> {
        self.export().interface.as_deref()
    }

    /// `interface#name`, or the name alone.
    pub fn full_name(&self) -> String {
        match self.interface() {
            Some(interface) => format!("{interface}#{}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// The signature; its types are in [`Function::types`].
    pub fn ty(&self) -> &FuncType {
        &self.export().ty
    }

    /// The types of the whole program.
    pub fn types(&self) -> &Arc<Types> {
        &self.plan.types
    }

    /// Tells whether it takes these resources of the host's, to own them, and nothing
    /// else.
    pub(crate) fn takes_own(&self, resources: &[&str]) -> bool {
        let params = &self.ty().params;
        let is = |(param, name): (&Field, &&str)| match self.types().get(param.ty) {
            TypeDef::Own(id) => {
                let def = self.plan.resources.get(id.0 as usize);
                matches!(def, Some(ResourceDef::Host(Some(_))))
                    && self.types().resource_name(*id) == *name
            }
            _ => false,
        };
        params.len() == resources.len() && params.iter().zip(resources).all(is)
    }

    /// The type of the result, with its table.
    pub fn result(&self) -> Option<Type> {
        self.ty().result.map(|id| Type::new(self.plan.types.clone(), id))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.full_name(), self.plan.types.display_func(self.ty()))
    }
}
