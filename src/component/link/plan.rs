//! A linked component: everything that is decided before a process starts.
//!
//! Instantiation of a component is static: which module is instantiated when,
//! with what, and which function calls which, follows from the binary and the
//! imports alone. So linking runs it once, symbolically (see
//! [`inline`](super::inline)), and leaves a flat list of [`Op`]s and tables
//! that all processes share. Spawning walks the list.

use std::sync::{Arc, atomic::AtomicBool};

use super::host::{HostDtor, HostFunc};
use crate::{
    component::{
        abi::{CoreType, Encoding, Layouts},
        error::Trap,
        load::module::CoreModule,
    },
    value::{FuncType, ResourceId, TypeId, Types},
};

/// The component instance that stands for the host in handle tables.
pub(crate) const HOST: u32 = u32::MAX;

/// The interpreter of a program, with its limits.
pub(crate) struct Interpreter {
    pub core: wasmi::Engine,
    pub condemned: Arc<AtomicBool>,
    pub max_slice: u64,
    pub max_stack: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub core: wasmi::Engine,
    /// The interpreter has failed on this program, see [`Guard`](crate::component::Guard).
    pub condemned: Arc<AtomicBool>,
    /// The most fuel that a guest is given at once.
    pub max_slice: u64,
    /// The limit for the wasm stack of each call, in bytes.
    pub max_stack: usize,
    pub types: Arc<Types>,
    pub layouts: Layouts,
    pub ops: Vec<Op>,
    pub trampolines: Vec<Trampoline>,
    pub lifted: Vec<Lifted>,
    pub options: Vec<CanonOptions>,
    /// The parent of each component instance.
    pub parents: Vec<Option<u32>>,
    /// By [`ResourceId`].
    pub resources: Vec<ResourceDef>,
    pub hosts: Vec<HostImport>,
    pub exports: Vec<Export>,
}

/// A step of instantiation. Each kind numbers its results from 0.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Makes the next core instance, and runs its start function.
    Instantiate { module: Arc<CoreModule>, imports: Box<[CoreRef]> },
    /// Notes the next memory for the canonical ABI.
    Memory(CoreRef),
    /// Notes the next function that the engine calls.
    Func(CoreRef),
}

impl Op {
    /// The items that it is done with.
    pub fn items(&self) -> &[CoreRef] {
        match self {
            Op::Instantiate { imports, .. } => imports,
            Op::Memory(item) | Op::Func(item) => std::slice::from_ref(item),
        }
    }

    /// The same, to be changed.
    pub fn refs(&mut self) -> &mut [CoreRef] {
        match self {
            Op::Instantiate { imports, .. } => imports,
            Op::Memory(item) | Op::Func(item) => std::slice::from_mut(item),
        }
    }
}

/// Something in a core index space.
#[derive(Clone, Debug)]
pub(crate) enum CoreRef {
    Export { instance: u32, name: Arc<str> },
    Trampoline(u32),
}

/// A core function that the engine provides to a module.
#[derive(Clone, Debug)]
pub(crate) struct Trampoline {
    pub params: Box<[CoreType]>,
    pub results: Box<[CoreType]>,
    /// The component instance that calls it.
    pub instance: u32,
    pub kind: TrampolineKind,
}

#[derive(Clone, Debug)]
pub(crate) enum TrampolineKind {
    /// `canon lower` of a function that another component lifted.
    Guest {
        lifted: u32,
        signature: Signature,
        options: u32,
    },
    /// `canon lower` of a function of the host.
    Host {
        host: u32,
        signature: Signature,
        options: u32,
    },
    ResourceNew(ResourceId),
    ResourceRep(ResourceId),
    ResourceDrop(ResourceId),
    /// `context.get` and `context.set`.
    ContextGet {
        slot: u32,
    },
    ContextSet {
        slot: u32,
    },
    /// `backpressure.inc` and `backpressure.dec`.
    Backpressure {
        more: bool,
    },
    /// A built-in of the asynchronous ABI.
    Unsupported(&'static str),
}

/// A component function as the canonical ABI sees it.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub params: Box<[TypeId]>,
    pub result: Option<TypeId>,
    /// Parameters go through memory.
    pub spill_params: bool,
    /// The result goes through memory.
    pub spill_result: bool,
}

/// `canon lift`: a core function that is a component function.
#[derive(Clone, Debug)]
pub(crate) struct Lifted {
    pub callee: u32,
    pub post_return: Option<u32>,
    pub signature: Signature,
    pub options: u32,
    /// Lifted with the asynchronous ABI: cannot be called.
    pub is_async: bool,
    /// For messages.
    pub name: Box<str>,
}

/// The canonical options, with run time indices.
#[derive(Clone, Debug)]
pub(crate) struct CanonOptions {
    pub instance: u32,
    pub memory: Option<u32>,
    pub realloc: Option<u32>,
    pub encoding: Encoding,
    /// Pointers are `i64`.
    pub ptr64: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum ResourceDef {
    Guest {
        instance: u32,
        dtor: Option<u32>,
    },
    /// The host's, with what it does when the owner drops it.
    Host(Option<HostDtor>),
    /// Of an import that has been denied: handles to it cannot come to exist.
    Absent,
}

/// An imported function of the host.
#[derive(Clone, Debug)]
pub(crate) struct HostImport {
    pub body: HostBody,
    /// It is an import of a core module, and sees that module's memory.
    pub sees_memory: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum HostBody {
    Func(Arc<HostFunc>),
    /// Traps, saying this.
    Denied(String),
}

/// A function that the component exports.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    /// The exported instance that it is in, if it is in one.
    pub interface: Option<Box<str>>,
    pub name: Box<str>,
    pub ty: FuncType,
    pub target: Target,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Lifted(u32),
    /// An import that is exported again.
    Host(u32),
}

impl Plan {
    pub fn trampoline(&self, index: u32) -> Result<&Trampoline, Trap> {
        self.trampolines.get(index as usize).ok_or_else(|| Trap::internal("unknown trampoline"))
    }

    pub fn canon_options(&self, index: u32) -> Result<&CanonOptions, Trap> {
        self.options.get(index as usize).ok_or_else(|| Trap::internal("unknown options"))
    }

    pub fn lifted(&self, index: u32) -> Result<&Lifted, Trap> {
        self.lifted.get(index as usize).ok_or_else(|| Trap::internal("unknown function"))
    }

    pub fn host(&self, index: u32) -> Result<&HostImport, Trap> {
        self.hosts.get(index as usize).ok_or_else(|| Trap::internal("unknown host function"))
    }

    /// The component instances that a call from `caller` to `callee` enters:
    /// CanonicalABI.md, `entering_set`.
    pub fn entering(&self, caller: u32, callee: u32) -> impl Iterator<Item = u32> + '_ {
        self.self_and_ancestors(callee)
            .filter(move |i| !self.self_and_ancestors(caller).any(|j| j == *i))
    }

    fn self_and_ancestors(&self, instance: u32) -> impl Iterator<Item = u32> + '_ {
        let parent = |i: &u32| self.parents.get(*i as usize).copied().flatten();
        std::iter::successors((instance != HOST).then_some(instance), parent)
    }
}
