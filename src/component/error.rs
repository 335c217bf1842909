//! Errors of components: it is not one ([`LoadError`]), its
//! imports cannot be met ([`LinkError`]), or it misbehaves ([`Trap`]).

use std::{any::Any, fmt};

use crate::{account::Exceeded, command::Unexpected};

/// The text of a panic.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(text) => text,
        None => payload.downcast_ref::<&str>().copied().unwrap_or("a panic without a text"),
    }
}

/// Why bytes cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadErrorKind {
    /// They are not a component, or a broken one.
    Invalid,
    /// They are fine, but this engine cannot run them.
    Unsupported,
    /// The engine itself failed. Nothing says that the component is at fault.
    Engine,
}

/// Bytes that are not a component that this engine can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    kind: LoadErrorKind,
    message: String,
    /// Byte offset in the input, where it is known.
    offset: Option<u64>,
}

impl LoadError {
    pub(crate) fn new(message: impl Into<String>) -> LoadError {
        LoadError { kind: LoadErrorKind::Invalid, message: message.into(), offset: None }
    }

    /// Something that the engine does not take, though it is valid.
    pub(crate) fn unsupported(message: impl Into<String>) -> LoadError {
        LoadError { kind: LoadErrorKind::Unsupported, ..LoadError::new(message) }
    }

    /// A failure of the engine.
    pub(crate) fn engine(what: impl std::fmt::Display) -> LoadError {
        let message = format!("the engine failed: {what}; please report it");
        LoadError { kind: LoadErrorKind::Engine, ..LoadError::new(message) }
    }

    /// Something in a function body.
    pub(crate) fn body(function: &str, error: &wasmparser::BinaryReaderError) -> LoadError {
        let message = format!("{function} is invalid: {}", error.message());
        LoadError { offset: Some(error.offset()), ..LoadError::new(message) }
    }

    /// The same error at this byte of the input.
    pub(crate) fn at(self, offset: usize) -> LoadError {
        LoadError { offset: u64::try_from(offset).ok(), ..self }
    }

    /// The same error, for a file of which the input was made: it stands there at
    /// `begin`, or in many pieces if that is not known.
    #[cfg(feature = "host")]
    pub(crate) fn in_file(self, begin: Option<usize>) -> LoadError {
        let begin = begin.and_then(|begin| u64::try_from(begin).ok());
        let offset = self.offset.zip(begin).and_then(|(offset, begin)| offset.checked_sub(begin));
        LoadError { offset, ..self }
    }

    /// The kind of error.
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }

    /// Where in the bytes the problem is, if that is known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

impl From<wasmparser::BinaryReaderError> for LoadError {
    fn from(error: wasmparser::BinaryReaderError) -> LoadError {
        LoadError { offset: Some(error.offset()), ..LoadError::new(error.message()) }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} (at offset {offset:#x})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for LoadError {}

/// An import of a component that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The import's full name: `wasi:io/streams@0.2.3`, or with a function of
    /// it, `wasi:io/streams@0.2.3#[method]input-stream.read`.
    pub import: String,
    /// The reason, for people.
    pub reason: String,
}

impl LinkError {
    pub(crate) fn new(import: impl Into<String>, reason: impl Into<String>) -> LinkError {
        LinkError { import: import.into(), reason: reason.into() }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "import `{}`: {}", self.import, self.reason)
    }
}

impl std::error::Error for LinkError {}

/// Why a process can go no further. It is fatal to the process: nothing of it
/// runs afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The kind of end.
    pub kind: TrapKind,
    /// The event, in the words of the specification where it has some.
    pub message: String,
}

/// The kinds of [`Trap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// A core wasm instruction trapped.
    Core,
    /// The canonical ABI demanded a trap.
    Canonical,
    /// An import was called that the process has not been given.
    Denied,
    /// A host function refused to go on.
    Host,
    /// A limit of the process (fuel, stack, instances, …) was reached.
    Limit,
    /// The host of the process has no memory left for it.
    Crowded,
    /// Something in the component that this engine cannot run.
    Unsupported,
    /// A function body turned out to be invalid when it was first called.
    Invalid,
    /// The engine itself failed, which says nothing about the component.
    Engine,
    /// Nothing is wrong: the guest has asked to end, with this exit code.
    Exit(u8),
}

impl Trap {
    /// A trap of the given kind.
    pub fn new(kind: TrapKind, message: impl Into<String>) -> Trap {
        Trap { kind, message: message.into() }
    }

    /// The trap that ends a process that asks to end. A host function returns it as it
    /// would return a trap, because nothing of the guest may run afterwards.
    pub fn exit(code: u8) -> Trap {
        Trap::new(TrapKind::Exit(code), format!("exited with code {code}"))
    }

    /// A trap that the canonical ABI demands.
    pub(crate) fn canonical(message: impl Into<String>) -> Trap {
        Trap::new(TrapKind::Canonical, message)
    }

    /// A condition that the decoder rules out. Reported as a trap, because a
    /// process that ends is better than a runtime that does.
    #[cold]
    pub(crate) fn internal(what: &str) -> Trap {
        Trap::new(TrapKind::Engine, what)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trap {}

impl From<Exceeded> for Trap {
    fn from(exceeded: Exceeded) -> Trap {
        let kind = if exceeded.is_of_host() { TrapKind::Crowded } else { TrapKind::Limit };
        Trap::new(kind, format!("out of memory: {exceeded}"))
    }
}

/// The one who answers commands is at fault, or refuses.
impl From<Unexpected> for Trap {
    fn from(unexpected: Unexpected) -> Trap {
        Trap::new(TrapKind::Host, unexpected.0)
    }
}

impl From<&wasmi::Error> for Trap {
    fn from(error: &wasmi::Error) -> Trap {
        use wasmi::TrapCode;
        let Some(code) = error.as_trap_code() else {
            let kind = match error.kind() {
                wasmi::errors::ErrorKind::Wasm(_) => TrapKind::Invalid,
                wasmi::errors::ErrorKind::Translation(_) => TrapKind::Unsupported,
                _ => TrapKind::Engine,
            };
            return Trap::new(kind, error.to_string());
        };
        // The texts of the specification's test suite; wasmi's differ in two.
        let message = match code {
            TrapCode::UnreachableCodeReached => "wasm `unreachable` instruction executed",
            TrapCode::IndirectCallToNull => "uninitialized element: call to a null table entry",
            other => other.trap_message(),
        };
        let kind = match code {
            TrapCode::StackOverflow
            | TrapCode::OutOfFuel
            | TrapCode::GrowthOperationLimited
            | TrapCode::OutOfSystemMemory => TrapKind::Limit,
            _ => TrapKind::Core,
        };
        Trap::new(kind, message)
    }
}
