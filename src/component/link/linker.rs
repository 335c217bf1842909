//! What components may import: host interfaces, declared in WIT and backed by
//! Rust closures.
//!
//! The WIT comes first and the closures are bound to its functions by name, so
//! that a function with another signature than its declaration cannot exist.
//! Versions match as semantic versioning has it: a component built against
//! `wasi:io/poll@0.2.0` meets a host that declares `wasi:io/poll@0.2.6`, and the
//! other way round, where a function that the host lacks becomes a stub that
//! traps when it is called.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use semver::Version;

use super::{
    declare,
    version::{compatible, split_version},
};
use crate::{
    account::Account,
    command::{Command, InlineDispatcher, Reply},
    component::{
        Component, Engine, LoadError, Trap,
        load::{
            decode::{ComponentDef, Def, decode},
            module::{CoreModule, Loader},
        },
    },
    value::{FuncType, ResourceId, Types, Value},
};

/// Host functions and the interfaces that they belong to.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wippy::{component::{Answer, Linker}, value::Value};
///
/// let mut linker = Linker::default();
/// linker.declare("package demo:host; interface log { line: func(text: string) -> u32; }")?;
/// linker.func("demo:host/log", "line", |_, args| {
///     let len = args.first().and_then(Value::as_str).map_or(0, str::len);
///     Ok(Answer::Now(Some(Value::U32(len as u32))))
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Linker {
    pub(crate) types: Types,
    resolve: wit_parser::Resolve,
    /// By package and interface, without version: `wasi:io/poll`. The empty
    /// name is for functions at the root.
    interfaces: BTreeMap<String, Vec<Interface>>,
    pub(crate) dtors: HashMap<ResourceId, HostDtor>,
    /// Components and core modules for components that import such.
    pub(crate) provided: HashMap<String, Provided>,
}

/// A component or a core module that the host gives.
#[derive(Clone)]
pub(crate) struct Provided {
    /// The engine of wasmi's that it has been translated for.
    pub core: wasmi::Engine,
    pub bytes: Arc<[u8]>,
    /// Its modules have been changed where the interpreter fails.
    pub mends: bool,
    pub def: Arc<ComponentDef>,
    /// The module, if it is one.
    pub module: Option<Arc<CoreModule>>,
}

impl Provided {
    /// The same, translated for another engine of wasmi's: all that a process runs
    /// has to be in one. It has been vetted when it was loaded.
    pub fn in_engine(&self, core: &wasmi::Engine) -> Result<Provided, LoadError> {
        if wasmi::Engine::same(&self.core, core) {
            return Ok(self.clone());
        }
        let def = Arc::new(decode(&self.bytes, &Loader::new(core.clone(), None, self.mends))?);
        let module = self.module.as_ref().and_then(|_| def.first_module());
        Ok(Provided { core: core.clone(), def, module, ..self.clone() })
    }
}

impl ComponentDef {
    /// The first core module that is defined.
    pub fn first_module(&self) -> Option<Arc<CoreModule>> {
        self.defs.iter().find_map(|def| match def {
            Def::Module(module) => Some(module.clone()),
            Def::Import { .. }
            | Def::Export { .. }
            | Def::Component(_)
            | Def::Resource { .. }
            | Def::CoreInstantiate { .. }
            | Def::CoreExports(_)
            | Def::Instantiate { .. }
            | Def::Exports(_)
            | Def::AliasExport { .. }
            | Def::AliasCoreExport { .. }
            | Def::AliasOuter { .. }
            | Def::Canon(_) => None,
        })
    }
}

/// One version of an interface.
#[derive(Clone, Default)]
pub(crate) struct Interface {
    pub version: Option<Version>,
    pub funcs: HashMap<String, Arc<HostFunc>>,
    pub resources: HashMap<String, ResourceId>,
}

/// A host function with its declared type.
#[derive(Clone)]
pub(crate) struct HostFunc {
    pub ty: FuncType,
    pub body: Option<Body>,
}

#[derive(Clone)]
pub(crate) enum Body {
    Closure(Arc<Closure>),
    /// Becomes a [`Command::Call`].
    Suspending {
        interface: String,
        function: String,
    },
}

type Closure = dyn Fn(&mut HostCx<'_>, Vec<Value>) -> Result<Answer, Trap> + Send + Sync;
type Dtor = dyn Fn(&mut HostCx<'_>, u32) -> Result<(), Trap> + Send + Sync;

/// What happens when a host resource is dropped by its owner.
#[derive(Clone)]
pub(crate) struct HostDtor(pub Arc<Dtor>);

impl fmt::Debug for HostDtor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostDtor")
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({:?})", self.ty)
    }
}

impl fmt::Debug for Linker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.interfaces.keys()).finish()
    }
}

/// What a host function answers.
pub enum Answer {
    /// The result, at once.
    Now(Option<Value>),
    /// The process is suspended until the command is answered; the reply is
    /// the function's result.
    Later(Command),
    /// The same, but the closure makes the result out of the reply, and may
    /// ask for more.
    Then(Command, Continuation),
}

/// What becomes of the reply to a command.
pub type Continuation = Box<dyn FnOnce(&mut HostCx<'_>, Reply) -> Result<Answer, Trap> + Send>;

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Now(value) => write!(f, "Now({value:?})"),
            Answer::Later(command) => write!(f, "Later({command:?})"),
            Answer::Then(command, _) => write!(f, "Then({command:?})"),
        }
    }
}

/// A host function's view of the process that calls it.
#[derive(Debug)]
pub struct HostCx<'a> {
    pub(crate) state: &'a mut HostState,
    pub(crate) memory: Option<GuestMemory<'a>>,
}

/// The memory of a core module that calls a host function without the
/// canonical ABI in between, as WASI 0.1 has it.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    pub(crate) bytes: &'a mut [u8],
    /// What was written, for a second run.
    pub(crate) writes: Vec<(u32, Vec<u8>)>,
}

impl GuestMemory<'_> {
    /// The bytes at an address, if they are in the memory.
    pub fn read(&self, address: u32, len: u32) -> Option<&[u8]> {
        let start = address as usize;
        self.bytes.get(start..start.checked_add(len as usize)?)
    }

    /// Writes bytes; `false`, and nothing is written, if the memory ends before.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> bool {
        let start = address as usize;
        let end = start.checked_add(bytes.len());
        match end.and_then(|end| self.bytes.get_mut(start..end)) {
            Some(to) => {
                to.copy_from_slice(bytes);
                self.writes.push((address, bytes.to_vec()));
                true
            }
            None => false,
        }
    }
}

/// What host functions keep per process, one slot per Rust type.
#[derive(Default)]
pub struct HostState {
    /// A few, so that looking through them is quicker than hashing.
    slots: Vec<(TypeId, Box<dyn Any + Send>)>,
    /// Commands whose replies nobody waits for.
    pub(crate) outbox: Vec<Command>,
    /// Bytes of work that have not been charged for.
    pub(crate) work: u64,
    /// What is held for the process.
    pub(crate) account: Account,
    /// Dispatcher commands inside a step.
    pub(crate) immediate: Option<Box<dyn InlineDispatcher>>,
}

impl fmt::Debug for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostState({} slots)", self.slots.len())
    }
}

impl HostState {
    pub(crate) fn new(account: Account) -> HostState {
        HostState { slots: Vec::new(), outbox: Vec::new(), work: 0, account, immediate: None }
    }

    /// The slot of type `T`, made with its default when first used.
    pub fn get<T: Any + Send + Default>(&mut self) -> &mut T {
        let id = TypeId::of::<T>();
        let at = self.slots.iter().position(|slot| slot.0 == id).unwrap_or_else(|| {
            self.slots.push((id, Box::<T>::default()));
            self.slots.len().saturating_sub(1)
        });
        match self.slots.get_mut(at).and_then(|slot| slot.1.downcast_mut::<T>()) {
            Some(slot) => slot,
            None => unreachable!("this is where it is"),
        }
    }

    /// The slot of type `T`, if it has been used.
    pub fn find<T: Any + Send>(&mut self) -> Option<&mut T> {
        let id = TypeId::of::<T>();
        self.slots.iter_mut().find(|slot| slot.0 == id)?.1.downcast_mut::<T>()
    }

    /// Sets the slot of type `T`.
    pub fn set<T: Any + Send>(&mut self, value: T) {
        match self.find::<T>() {
            Some(slot) => *slot = value,
            None => self.slots.push((TypeId::of::<T>(), Box::new(value))),
        }
    }
}

impl<'a> HostCx<'a> {
    /// What this host function's module keeps for the calling process.
    pub fn state<T: Any + Send + Default>(&mut self) -> &mut T {
        self.state.get()
    }

    /// Hands out a command and does not wait for it; its reply is dropped. It
    /// goes out before any command that is waited for after it, and is carried out
    /// also if the process returns, exits or traps right after it; not if it is
    /// ended from outside before that.
    pub fn send(&mut self, command: Command) {
        self.state.outbox.push(command);
    }

    /// Charges the guest for work on so many bytes, besides what its arguments
    /// and the result are charged for anyway.
    pub fn charge(&mut self, bytes: u64) {
        self.state.work = self.state.work.saturating_add(bytes);
    }

    /// The account of the process: for what the function keeps for it.
    pub fn account(&self) -> &Account {
        &self.state.account
    }

    /// The memory of the calling core module: the one that it exports as
    /// `memory`. Only functions of the interfaces that
    /// [`adapt`](crate::adapter::adapt) makes of the imports of a core module
    /// (`wippy:core/*`) see it.
    pub fn memory(&mut self) -> Option<&mut GuestMemory<'a>> {
        self.memory.as_mut()
    }
}

/// A wrong use of a [`Linker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclareError(String);

impl fmt::Display for DeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DeclareError {}

impl Linker {
    /// Declares the interfaces of a WIT package, and the functions that its
    /// worlds import at the root.
    ///
    /// # Errors
    ///
    /// If the text is not WIT, or uses a package that has not been declared.
    pub fn declare(&mut self, wit: &str) -> Result<(), DeclareError> {
        // A failed push can leave the tables half changed.
        let mut resolve = self.resolve.clone();
        let package = resolve
            .push_source("host.wit", wit)
            .map_err(|error| DeclareError(resolve.render_error(&error)))?;
        self.resolve = resolve;
        declare::declare(&self.resolve, package, &mut self.types, &mut self.interfaces)
            .map_err(DeclareError)
    }

    /// Binds a closure to a declared function. `interface` is
    /// `namespace:package/interface`, with or without version, or empty for the
    /// root; `function` is spelled as in a component's imports
    /// (`[method]stream.read`). The arguments have the declared types; the
    /// result is checked.
    ///
    /// # Errors
    ///
    /// If no such function has been declared.
    pub fn func(
        &mut self,
        interface: &str,
        function: &str,
        body: impl Fn(&mut HostCx<'_>, Vec<Value>) -> Result<Answer, Trap> + Send + Sync + 'static,
    ) -> Result<(), DeclareError> {
        self.bind(interface, function, Body::Closure(Arc::new(body)))
    }

    /// Makes a declared function one that is answered from outside: a call
    /// suspends the process with a [`Command::Call`].
    ///
    /// # Errors
    ///
    /// If no such function has been declared.
    pub fn suspending(&mut self, interface: &str, function: &str) -> Result<(), DeclareError> {
        let body =
            Body::Suspending { interface: interface.to_owned(), function: function.to_owned() };
        self.bind(interface, function, body)
    }

    /// Sets what happens when the last handle to a host resource is dropped;
    /// the closure is given its `rep`.
    ///
    /// # Errors
    ///
    /// If no such resource has been declared.
    pub fn resource_dtor(
        &mut self,
        interface: &str,
        resource: &str,
        dtor: impl Fn(&mut HostCx<'_>, u32) -> Result<(), Trap> + Send + Sync + 'static,
    ) -> Result<(), DeclareError> {
        let id =
            self.interface_mut(interface)?.resources.get(resource).copied().ok_or_else(|| {
                DeclareError(format!("`{interface}` has no resource `{resource}`"))
            })?;
        self.dtors.insert(id, HostDtor(Arc::new(dtor)));
        Ok(())
    }

    /// Gives a component to the components that import one under this name.
    pub fn component(&mut self, name: &str, component: &Component) {
        self.provided.insert(name.to_owned(), component.provide());
    }

    /// Gives a core module to the components that import one under this name.
    ///
    /// # Errors
    ///
    /// If the bytes are not a valid core module.
    pub fn module(&mut self, name: &str, engine: &Engine, bytes: &[u8]) -> Result<(), LoadError> {
        let mut wrapped = wasm_encoder::Component::new();
        wrapped.section(&wasm_encoder::RawSection {
            id: wasm_encoder::ComponentSectionId::CoreModule as u8,
            data: bytes,
        });
        let provided = Component::new(engine, wrapped.finish())?.provide();
        match provided.module {
            Some(_) => self.provided.insert(name.to_owned(), provided),
            None => return Err(LoadError::new("not a core module")),
        };
        Ok(())
    }

    /// The declared resource, for making values of it.
    pub fn resource(&self, interface: &str, resource: &str) -> Option<ResourceId> {
        self.interface(interface)?.resources.get(resource).copied()
    }

    /// True if a component's import of this name would be met.
    pub fn provides(&self, import: &str) -> bool {
        self.interface(import).is_some() || self.root_func(import).is_some()
    }

    /// The declared functions that nothing has been bound to, as
    /// `namespace:package/interface#function`. A call of one of them traps.
    pub fn unbound(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .interfaces
            .iter()
            .flat_map(|(name, versions)| versions.iter().map(move |version| (name, version)))
            .flat_map(|(name, version)| version.funcs.iter().map(move |(f, func)| (name, f, func)))
            .filter(|(_, _, func)| func.body.is_none())
            .map(|(name, function, _)| format!("{name}#{function}"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Calls the body of a bound function, and checks arguments and result as a
    /// component would.
    #[cfg(test)]
    pub(crate) fn call(
        &self,
        state: &mut HostState,
        interface: &str,
        function: &str,
        args: Vec<Value>,
    ) -> Result<(Answer, FuncType), Trap> {
        let func = self.interface(interface).and_then(|i| i.funcs.get(function));
        let func = func.unwrap_or_else(|| panic!("no {interface}#{function}"));
        let types = Arc::new(self.types.clone());
        assert_eq!(func.ty.params.len(), args.len(), "{interface}#{function}");
        for (param, arg) in func.ty.params.iter().zip(&args) {
            let ty = crate::value::Type::new(types.clone(), param.ty);
            crate::value::check::check_with(&ty, arg, &mut |_, _| true)
                .unwrap_or_else(|e| panic!("{function}: {e}"));
        }
        match &func.body {
            Some(Body::Closure(body)) => {
                Ok((body(&mut HostCx { state, memory: None }, args)?, func.ty.clone()))
            }
            _ => panic!("{interface}#{function} has no closure"),
        }
    }

    /// The type of a declared function.
    #[cfg(test)]
    pub(crate) fn func_type(&self, interface: &str, function: &str) -> Option<FuncType> {
        self.interface(interface)?.funcs.get(function).map(|func| func.ty.clone())
    }

    /// Goes on with a reply.
    #[cfg(test)]
    pub(crate) fn proceed(
        &self,
        state: &mut HostState,
        then: Continuation,
        reply: Reply,
    ) -> Result<Answer, Trap> {
        then(&mut HostCx { state, memory: None }, reply)
    }

    /// Runs the destructor of a resource.
    #[cfg(test)]
    pub(crate) fn call_dtor(
        &self,
        state: &mut HostState,
        interface: &str,
        resource: &str,
        rep: u32,
    ) -> Result<(), Trap> {
        let id = self.resource(interface, resource).unwrap_or_else(|| panic!("no {resource}"));
        let dtor = self.dtors.get(&id).unwrap_or_else(|| panic!("{resource} has no destructor"));
        (dtor.0)(&mut HostCx { state, memory: None }, rep)
    }

    fn bind(&mut self, interface: &str, function: &str, body: Body) -> Result<(), DeclareError> {
        let found = self.interface_mut(interface)?;
        match found.funcs.get_mut(function) {
            Some(func) => {
                Arc::make_mut(func).body = Some(body);
                Ok(())
            }
            None => {
                let mut names: Vec<_> = found.funcs.keys().map(String::as_str).collect();
                names.sort_unstable();
                Err(DeclareError(format!(
                    "`{interface}` declares no function `{function}`; it has: {}",
                    names.join(", ")
                )))
            }
        }
    }

    fn interface_mut(&mut self, name: &str) -> Result<&mut Interface, DeclareError> {
        let (base, version) = split_version(name);
        self.interfaces
            .get_mut(base)
            .and_then(|versions| {
                versions.iter_mut().find(|i| version.is_none() || i.version == version)
            })
            .ok_or_else(|| DeclareError(format!("interface `{name}` has not been declared")))
    }

    pub(crate) fn root_func(&self, name: &str) -> Option<&Arc<HostFunc>> {
        self.interfaces.get("")?.first()?.funcs.get(name)
    }

    /// The interface that meets an import of this name: the version itself if
    /// it is there, else the newest compatible one.
    pub(crate) fn interface(&self, name: &str) -> Option<&Interface> {
        let (base, wanted) = split_version(name);
        let versions = self.interfaces.get(base).filter(|_| !base.is_empty())?;
        versions
            .iter()
            .filter(|interface| compatible(wanted.as_ref(), interface.version.as_ref()))
            .max_by_key(|interface| (interface.version == wanted, interface.version.clone()))
    }
}
