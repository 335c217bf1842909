//! The host as a component sees it: interfaces of functions and resources, what a
//! function is given and what it answers.
//!
//! A function of the host does not wait. It answers at once, or with a command: the
//! process hands that out and waits, and the reply becomes the answer, through a
//! [`Continuation`] if there is one.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
};

use semver::Version;

use crate::{
    account::Account,
    command::{Command, InlineDispatcher, Reply},
    component::Trap,
    value::{FuncType, ResourceId, Value},
};

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

/// A destructor of the host: it runs when the owner drops a host resource.
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

/// An answer of a host function.
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

/// A continuation makes an answer of the reply to a command.
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
    /// The bytes that were written, for a second run.
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

/// State that host functions keep per process, one slot per Rust type.
#[derive(Default)]
pub struct HostState {
    /// A few, so that looking through them is quicker than hashing.
    slots: Vec<(TypeId, Box<dyn Any + Send>)>,
    /// Commands whose replies nobody waits for.
    pub(crate) outbox: Vec<Command>,
    /// Bytes of work that have not been charged for.
    pub(crate) work: u64,
    /// The account of all that is held for the process.
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
    /// Sets what a process begins with besides the slots.
    pub(crate) fn begin(&mut self, account: Account, inline: Option<Box<dyn InlineDispatcher>>) {
        (self.account, self.immediate) = (account, inline);
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
    /// The state that this host function's module keeps for the calling process.
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
