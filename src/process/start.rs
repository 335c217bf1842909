//! All that a process begins with, as one value.
//!
//! A process is made with it, and nothing is set on a process afterwards: what is not
//! in here comes in through events. [`StartData`] is what could be written down and
//! read again, so that the process can be run once more; beside it is what only the
//! runtime that starts the process can give.

use std::fmt;

use super::{Error, Identity};
use crate::{
    account::Account,
    command::{Context, ErrorKind, InlineDispatcher, http::IncomingRequest},
    component::{DEFAULT_MEMORY, Function, HostState},
    imports::wasi::WasiConfig,
    value::{Term, Type, Value, check, term},
};

/// All that a process begins with.
///
/// ```
/// use wippy::process::{Call, Limits, Start};
///
/// let call = Call::new("greet", vec!["Ada".into()]);
/// let mut start = Start::from(call);
/// start.data.limits = Limits { max_memory: 16 << 20, ..Limits::default() };
/// ```
#[derive(Default)]
pub struct Start {
    /// The part that can be written down.
    pub data: StartData,
    /// On which is counted what the process holds, if somebody else has to know of it.
    /// Its limit takes the place of [`Limits::max_memory`].
    pub account: Option<Account>,
    /// Answers commands inside the steps of the process, where that takes no time.
    pub inline: Option<Box<dyn InlineDispatcher>>,
    /// State that an embedder's own host functions find in
    /// [`HostCx::state`](crate::component::HostCx::state). A Lua process has no use for it.
    pub state: HostState,
}

/// The part of a [`Start`] that is data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartData {
    /// The first call. Without it a component is instantiated and waits for a
    /// [`call`](super::WasmProcess::call); a Lua program has to be called.
    pub call: Option<Call>,
    /// Who it is, if it lives on a host.
    pub identity: Option<Identity>,
    /// Arguments, variables and directories, if it is given any. A Lua program
    /// finds the arguments and variables in its modules `io` and `env`.
    pub wasi: Option<WasiConfig>,
    /// The request that it answers. Then the function that is called is `handle` of
    /// `wasi:http/incoming-handler`, and its arguments are made of the request.
    pub request: Option<IncomingRequest>,
    /// How much it may use.
    pub limits: Limits,
    /// Values that whoever has started it hands on. A Lua program finds them in its
    /// module `ctx`.
    pub context: Context,
}

/// A call of a function of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name.
    pub method: String,
    /// Its arguments.
    pub args: Args,
}

/// The arguments of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Args {
    /// Values of the types that the function declares.
    Values(Vec<Value>),
    /// Values that need no type, as in a message.
    Terms(Vec<Term>),
}

/// The limits of one process. The limit of its stack is given when the
/// component is loaded, see
/// [`LoadOptions`](crate::component::LoadOptions); that of its time is kept by who steps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, of tables, and of all that the host holds for the
    /// process, together: see [`account`](crate::account). Growth beyond fails
    /// inside the guest, anything else is a trap.
    pub max_memory: u64,
    /// Fuel of the whole process. The process traps when it needs more.
    pub max_fuel: Option<u64>,
}

impl Default for Limits {
    /// 1 GiB of memory, and no end of fuel.
    fn default() -> Limits {
        Limits { max_memory: DEFAULT_MEMORY, max_fuel: None }
    }
}

impl Call {
    /// A call with values of the function's types.
    pub fn new(method: impl Into<String>, args: Vec<Value>) -> Call {
        Call { method: method.into(), args: Args::Values(args) }
    }
}

impl From<Call> for Start {
    /// A start with this call, and nothing else that is not the default.
    fn from(call: Call) -> Start {
        StartData { call: Some(call), ..StartData::default() }.into()
    }
}

impl From<StartData> for Start {
    fn from(data: StartData) -> Start {
        Start { data, ..Start::default() }
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("data", &self.data).finish_non_exhaustive()
    }
}

impl Args {
    /// The arguments as values of a function's types.
    pub(super) fn values(self, function: &Function) -> Result<Vec<Value>, Error> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, why);
        let params = &function.ty().params;
        let given = match &self {
            Args::Values(values) => values.len(),
            Args::Terms(terms) => terms.len(),
        };
        if params.len() != given {
            let takes = params.len();
            return Err(invalid(format!("{function:?} takes {takes} arguments, not {given}")));
        }
        let types = params.iter().map(|param| Type::new(function.types().clone(), param.ty));
        let misfit = |at: usize, why: String| {
            let name = params.get(at).map_or("", |param| &param.name);
            invalid(format!("argument `{name}`: {why}"))
        };
        match self {
            Args::Values(values) => {
                for (at, (ty, value)) in types.zip(&values).enumerate() {
                    check(&ty, value).map_err(|why| misfit(at, why.to_string()))?;
                }
                Ok(values)
            }
            Args::Terms(terms) => {
                let value = |(at, (ty, term)): (usize, (Type, &Term))| {
                    term::to_value(&ty, term).map_err(|why| misfit(at, why.to_string()))
                };
                types.zip(&terms).enumerate().map(value).collect()
            }
        }
    }

    /// The arguments as terms, if their types are not needed to tell what they are.
    #[cfg(feature = "lua")]
    pub(crate) fn terms(self) -> Result<Vec<Term>, Error> {
        let values = match self {
            Args::Terms(terms) => return Ok(terms),
            Args::Values(values) => values,
        };
        let term = |value: Value| match value {
            Value::Bool(value) => Some(Term::Bool(value)),
            Value::S8(value) => Some(Term::Int(value.into())),
            Value::S16(value) => Some(Term::Int(value.into())),
            Value::S32(value) => Some(Term::Int(value.into())),
            Value::S64(value) => Some(Term::Int(value)),
            Value::U8(value) => Some(Term::Int(value.into())),
            Value::U16(value) => Some(Term::Int(value.into())),
            Value::U32(value) => Some(Term::Int(value.into())),
            Value::U64(value) => Some(Term::uint(value)),
            Value::F32(value) => Some(Term::Float(value.into())),
            Value::F64(value) => Some(Term::Float(value)),
            Value::String(text) => Some(Term::from(&*text)),
            Value::Char(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Record(_)
            | Value::Variant { .. }
            | Value::Flags(_)
            | Value::Own(_)
            | Value::Borrow(_) => None,
        };
        let terms: Option<Vec<Term>> = values.into_iter().map(term).collect();
        terms.ok_or_else(|| Error::new(ErrorKind::Invalid, "an argument that needs its type"))
    }
}
