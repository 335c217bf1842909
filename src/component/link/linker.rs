//! Imports that the host meets: interfaces, declared in WIT and backed by Rust
//! closures.
//!
//! The WIT comes first and the closures are bound to its functions by name, so
//! that a function with another signature than its declaration cannot exist.
//! Versions match as semantic versioning has it: a component built against
//! `wasi:io/poll@0.2.0` meets a host that declares `wasi:io/poll@0.2.6`, and the
//! other way round, where a function that the host lacks becomes a stub that
//! traps when it is called.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

#[cfg(test)]
use super::host::{Continuation, HostState};
use super::{
    declare,
    host::{Answer, Body, HostCx, HostDtor, HostFunc, Interface},
    provided::Provided,
    version::{compatible, split_version},
};
#[cfg(test)]
use crate::{command::Reply, value::FuncType};
use crate::{
    component::{Component, Engine, LoadError, Trap},
    value::{ResourceId, Types, Value},
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

impl fmt::Debug for Linker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.interfaces.keys()).finish()
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
    /// suspends the process with a [`Command::Call`](crate::command::Command::Call).
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
