//! Calls of the prelude to commands.

use std::fmt;

use mlua::{Error, Function, Lua, MultiValue, Result, Value};

use super::{
    primitives::Primitives,
    reply,
    values::{Giver, kind},
};
use crate::{
    command::{
        ActorCommand, Attempts, Clock, ClockCommand, Command, ErrorKind, FunctionCall, Pid,
        ProcessError, ProjectCommand, RandomCommand, Spawn, Stdio, StdioCommand, Wait, Yield,
    },
    imports::sim::Check,
    value::Term,
};

/// The longest name: a topic, a pid, the id of an entry.
const MAX_NAME: usize = 4096;
/// The longest content: the value of a variable.
const MAX_CONTENT: usize = 1 << 20;
/// The most bytes that one command reads.
const MAX_READ: u32 = 1 << 20;
/// Bytes of a command that is waited for, beside its arguments.
const COMMAND: usize = 512;

/// `ask`: gives a command, and its answer if it is there at once.
pub(super) fn ask(lua: &Lua, primitives: &Primitives) -> Result<Function> {
    let own = primitives.clone();
    lua.create_function(move |lua, (name, args): (String, MultiValue)| {
        let args = args.into_iter();
        let mut request =
            Request { primitives: &own, lua, args, at: 0, name: &name, size: COMMAND };
        let command = match request.command() {
            Ok(command) => command,
            Err(Refusal::Misuse(why)) => {
                let fault = ProcessError::new(ErrorKind::Invalid, format!("{name}: {why}"));
                return with(true, reply::refused(lua, &own, &fault)?);
            }
            Err(Refusal::Full(why)) => return Err(no_room(&name, why)),
        };
        own.room(lua, request.size);
        let size = u64::try_from(request.size).unwrap_or(u64::MAX);
        let mut state = own.state();
        let command = match state.immediate.as_mut() {
            Some(immediate) => match immediate.now(command) {
                Ok(answer) => {
                    drop(state);
                    return with(true, reply::values(lua, &own, &answer)?);
                }
                Err(command) => command,
            },
            None => command,
        };
        let charge = own.account.charge(size).map_err(|exceeded| no_room(&name, exceeded))?;
        let tag = state.schedule.wait(charge);
        state.yields.push(Yield { tag, command });
        with(false, MultiValue::new())
    })
}

/// True if the answer is there, and the answer.
fn with(done: bool, mut values: MultiValue) -> Result<MultiValue> {
    values.push_front(Value::Boolean(done));
    Ok(values)
}

/// Raised, as Lua does where memory is short: few look at what `print` returns.
fn no_room(command: &str, why: impl fmt::Display) -> Error {
    Error::RuntimeError(format!("{command}: not enough memory: {why}"))
}

/// Why there is no command.
enum Refusal {
    Misuse(String),
    Full(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Refusal {
        Refusal::Misuse(why)
    }
}

pub(super) struct Request<'a, I> {
    primitives: &'a Primitives,
    lua: &'a Lua,
    args: I,
    at: usize,
    pub(super) name: &'a str,
    /// Bytes of the command.
    pub(super) size: usize,
}

impl<I: Iterator<Item = Value>> Request<'_, I> {
    pub(super) fn next(&mut self) -> Value {
        self.at = self.at.saturating_add(1);
        self.args.next().unwrap_or(Value::Nil)
    }

    pub(super) fn text(&mut self, what: &str) -> std::result::Result<String, String> {
        let value = self.next();
        let at = self.at;
        let Some(text) = value.as_string() else {
            return Err(format!("argument {at} is {what}, not a {}", kind(&value)));
        };
        let text = text.as_bytes();
        match std::str::from_utf8(&text) {
            _ if text.is_empty() => Err(format!("argument {at} is {what}, not an empty string")),
            _ if text.len() > MAX_NAME => {
                let len = text.len();
                Err(format!("argument {at} is {what}, at most {MAX_NAME} bytes and not {len}"))
            }
            Ok(text) => {
                self.size = self.size.saturating_add(text.len());
                Ok(text.to_owned())
            }
            Err(_) => Err(format!("argument {at} is {what}, and not UTF-8")),
        }
    }

    fn optional(&mut self, what: &str) -> std::result::Result<Option<String>, String> {
        let value = self.next();
        match &value {
            Value::Nil => Ok(None),
            Value::String(text) => {
                let text = reply::short(&text.as_bytes());
                self.size = self.size.saturating_add(text.len());
                Ok(Some(text))
            }
            other => Err(format!("argument {} is {what}, not a {}", self.at, kind(other))),
        }
    }

    fn flag(&mut self) -> bool {
        self.next().as_boolean().unwrap_or_default()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next().as_integer().and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
    }

    /// A number of bytes that are asked for, which the process has room for before they
    /// come.
    pub(super) fn length(&mut self) -> u32 {
        let len = u32::try_from(self.number()).unwrap_or(MAX_READ).clamp(1, MAX_READ);
        self.size = self.size.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        len
    }

    fn pid(&mut self) -> std::result::Result<Pid, String> {
        Ok(Pid::new(self.text("a pid")?))
    }

    /// The rest of the arguments, for another process.
    fn rest(&mut self) -> std::result::Result<Vec<Term>, String> {
        let mut giver = Giver::new(self.lua, self.primitives);
        let mut terms = Vec::new();
        let mut misfit = None;
        for (at, value) in (1..).zip(self.args.by_ref()) {
            match giver.term(&value, &format!("value {at}")) {
                Ok(term) => terms.push(term),
                Err(why) => {
                    misfit = Some(why);
                    break;
                }
            }
        }
        self.primitives.budget.charge(giver.work());
        self.size = self.size.saturating_add(giver.size());
        misfit.map_or(Ok(terms), Err)
    }

    fn spawn(&mut self) -> std::result::Result<Spawn, String> {
        let entry = self.text("the id of an entry")?;
        let host = self.optional("the id of a host")?;
        let (monitor, link) = (self.flag(), self.flag());
        let context = self.context()?;
        Ok(Spawn { entry, host, args: self.rest()?, monitor, link, context })
    }

    /// A text that may be empty, and long.
    pub(super) fn content(&mut self, what: &str) -> std::result::Result<String, String> {
        let value = self.next();
        let Some(text) = value.as_string() else {
            return Err(format!("argument {} is {what}, not a {}", self.at, kind(&value)));
        };
        let text = text.as_bytes();
        self.size = self.size.saturating_add(text.len());
        match std::str::from_utf8(&text) {
            _ if text.len() > MAX_CONTENT => Err(format!("{what} has at most {MAX_CONTENT} bytes")),
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(format!("argument {} is {what}, and not UTF-8", self.at)),
        }
    }

    /// One value.
    pub(super) fn one(&mut self, what: &str) -> std::result::Result<Term, String> {
        let value = self.next();
        let mut giver = Giver::new(self.lua, self.primitives);
        let term = giver.term(&value, what);
        self.size = self.size.saturating_add(giver.size());
        term
    }

    /// A table of values by name; none of nil.
    fn pairs(&mut self, what: &str) -> std::result::Result<Vec<(String, Term)>, String> {
        let value = self.next();
        let table = match &value {
            Value::Nil => return Ok(Vec::new()),
            Value::Table(table) => table,
            other => return Err(format!("argument {} is {what}, not a {}", self.at, kind(other))),
        };
        let mut giver = Giver::new(self.lua, self.primitives);
        let mut pairs = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            let Value::String(key) = &key else {
                return Err(format!("{what} has names for its values, not a {}", kind(&key)));
            };
            let key = reply::short(&key.as_bytes());
            let value = giver.term(&value, &key)?;
            pairs.push((key, value));
        }
        // The same in every run, as the order of a table is not.
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.primitives.budget.charge(giver.work());
        self.size = self.size.saturating_add(giver.size());
        Ok(pairs)
    }

    /// What is handed on, without names that are the runtime's own.
    fn context(&mut self) -> std::result::Result<Vec<(String, Term)>, String> {
        let context = self.pairs("a context")?;
        match context.iter().find(|(name, _)| name == "@request") {
            Some((name, _)) => Err(format!("the name {name} in a context is reserved")),
            None => Ok(context),
        }
    }

    /// A call: an id, what is handed on, milliseconds, how often it is tried, a number,
    /// and the arguments.
    fn call(&mut self) -> std::result::Result<FunctionCall, String> {
        let entry = self.text("the id of a function, namespace:name")?;
        if !entry
            .split_once(':')
            .is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        {
            return Err(format!("'{entry}' is no id of a function, namespace:name"));
        }
        let context = self.context()?;
        let timeout = match self.next() {
            Value::Nil => None,
            value => {
                let ms = value.as_number().or(value.as_integer().map(|ms| ms as f64));
                let ms = ms
                    .filter(|ms| *ms > 0.0)
                    .ok_or("the timeout is a number of milliseconds above 0")?;
                // The cast saturates.
                Some(ms.ceil() as u64)
            }
        };
        let attempts = match self.next() {
            Value::Table(table) => {
                let number = |name: &str, or: f64| {
                    let value = table.raw_get::<Option<f64>>(name).ok().flatten();
                    value.filter(|n| n.is_finite() && *n >= 0.0).unwrap_or(or)
                };
                Some(Attempts {
                    most: (number("max_attempts", 1.0) as u64).max(1),
                    delay: number("initial_delay", 0.0) as u64,
                    factor: number("backoff_factor", 1.0),
                })
            }
            _ => None,
        };
        let number = self.number();
        Ok(FunctionCall { entry, context, timeout, attempts, number, args: self.rest()? })
    }

    fn command(&mut self) -> std::result::Result<Command, Refusal> {
        const DEST: &str = "a pid or a name";
        const VARIABLE: &str = "the name of a variable";
        if let Some(command) = self.exchange()? {
            return Ok(command);
        }
        if let Some(command) = self.files()? {
            return Ok(command);
        }
        let actor = match self.name {
            "now" => return Ok(Command::Clock(ClockCommand::Now(Clock::Wall))),
            "clock" => return Ok(Command::Clock(ClockCommand::Now(Clock::Monotonic))),
            "sleep" => return Ok(Command::Wait(Wait::until(self.number()))),
            "random" => {
                let len = self.length();
                return Ok(Command::Random(RandomCommand::Bytes { len, insecure: true }));
            }
            "always" => {
                let (name, holds) = (self.text("the name of a check")?, self.flag());
                return Ok(Command::Call(Check::Always { name, holds }.call()));
            }
            "sometimes" => {
                let (name, holds) = (self.text("the name of a check")?, self.flag());
                return Ok(Command::Call(Check::Sometimes { name, holds }.call()));
            }
            "reachable" => {
                let name = self.text("the name of a place")?;
                return Ok(Command::Call(Check::Reachable { name }.call()));
            }
            "read" => {
                let len = self.length();
                return Ok(Command::Stdio(StdioCommand::Read { len }));
            }
            "write" => {
                let to = if self.number() == 2 { Stdio::Stderr } else { Stdio::Stdout };
                let value = self.next();
                let text = value.as_string().map(|text| text.as_bytes());
                // Before they are copied.
                let more = text.as_ref().map_or(0, |text| text.len());
                self.size = self.size.saturating_add(more);
                let room = self.primitives.room(self.lua, self.size);
                if more > room {
                    let why = format!("{more} bytes, and there is room for {room} more");
                    return Err(Refusal::Full(why));
                }
                let bytes = text.map(|text| text.to_vec()).unwrap_or_default();
                self.primitives.budget.charge(i64::try_from(bytes.len() / 64).unwrap_or(i64::MAX));
                return Ok(Command::Stdio(StdioCommand::Write { to, bytes }));
            }
            "spawn" => ActorCommand::Spawn(self.spawn()?),
            "exec" => ActorCommand::Exec(self.spawn()?),
            "call" => ActorCommand::Call(Box::new(self.call()?)),
            "give_up" => ActorCommand::GiveUp(self.number()),
            "variable" => return Ok(ProjectCommand::Variable(self.text(VARIABLE)?).into()),
            "variables" => return Ok(ProjectCommand::Variables.into()),
            "set_variable" => {
                let (name, value) = (self.text(VARIABLE)?, self.content("a value")?);
                return Ok(ProjectCommand::SetVariable { name, value }.into());
            }
            "entry" => return Ok(ProjectCommand::Entry(self.text("the id of an entry")?).into()),
            "directory" => {
                let id = self.text("the id of an fs.directory entry")?;
                return Ok(ProjectCommand::Directory(id).into());
            }
            "find_entries" => return Ok(ProjectCommand::Find(self.pairs("a filter")?).into()),
            "send" => {
                let to = self.text(DEST)?;
                let topic = self.text("a topic")?;
                if topic.starts_with('@') {
                    return Err(format!("topics that begin with @ are reserved: {topic}").into());
                }
                ActorCommand::Send { to, topic, payload: self.rest()? }
            }
            "terminate" => ActorCommand::Terminate { to: self.text(DEST)?.into() },
            "cancel" => ActorCommand::Cancel {
                to: self.text(DEST)?.into(),
                reason: self.optional("a reason")?.unwrap_or_default(),
                patience: self.patience()?,
            },
            "monitor" => ActorCommand::Monitor(self.pid()?),
            "unmonitor" => ActorCommand::Unmonitor(self.pid()?),
            "link" => ActorCommand::Link(self.pid()?),
            "unlink" => ActorCommand::Unlink(self.pid()?),
            "trap_links" => ActorCommand::TrapLinks(self.flag()),
            "register" => ActorCommand::Register(self.text("a name")?),
            "unregister" => ActorCommand::Unregister(self.text("a name")?),
            "lookup" => ActorCommand::Lookup(self.text("a name")?),
            other => return Err(format!("there is no command {other}").into()),
        };
        Ok(Command::Actor(actor))
    }

    /// A duration, in milliseconds.
    fn patience(&mut self) -> std::result::Result<Option<u64>, String> {
        let value = self.next();
        if value.is_nil() {
            return Ok(None);
        }
        let ns = value.as_integer().ok_or("argument 3 is a duration like \"5s\"")?;
        Ok(Some(u64::try_from(ns).unwrap_or(0) / 1_000_000))
    }
}
