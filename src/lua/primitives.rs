//! What the prelude calls: the primitives of a process, as a Lua table.
//!
//! A primitive is made when a part of the prelude first asks for it: most
//! processes wait for mail and need few, and a million of them may wait.
//!
//! Everything that a process keeps in Rust is behind one lock, which is held for
//! short and never while Lua runs.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard},
};

use mlua::{
    Error, Function, LightUserData, Lua, LuaString, MultiValue, Result, Table, Thread, Value,
};

use super::{
    budget::{Budget, COLLECTION},
    json,
    long::Limited,
    mail, method, pinned,
    program::{LuaProgram, Required},
    pure, regexp,
    reply::{self, short},
    request, sandbox,
    schedule::{Schedule, Wake},
    text,
};
use crate::{
    account::Account,
    command::{Context, ErrorKind, InlineDispatcher, ProcessError, Yield},
    lock::lock,
    process::{Identity, Inbox},
};

/// All that a process keeps in Rust.
#[derive(Default)]
pub(super) struct Shared {
    pub schedule: Schedule,
    pub yields: Vec<Yield>,
    pub inbox: Inbox,
    /// Topics that have channels of their own.
    pub topics: HashSet<Arc<str>>,
    /// Topics that had some, and have none any more.
    pub muted: HashSet<Arc<str>>,
    pub immediate: Option<Box<dyn InlineDispatcher>>,
    pub identity: Option<Identity>,
    pub env: Arc<[(String, String)]>,
    pub argv: Vec<String>,
    pub context: Context,
    pub patterns: regexp::Patterns,
    /// Where the last error was raised.
    pub trace: String,
}

/// A process's state, metatable and budget, as primitives share them.
#[derive(Clone)]
pub(super) struct Primitives {
    state: Arc<Mutex<Shared>>,
    pub budget: Arc<Budget>,
    /// The memory that the process, and the host for it, hold.
    pub account: Account,
    /// The metatable of errors.
    pub errors: Table,
    /// That of payloads, which stand for the first of their values.
    pub payloads: Table,
    table: Table,
}

impl Primitives {
    /// Makes the primitives of a state and runs what every process begins with.
    pub fn install(lua: &Limited, program: &LuaProgram, account: Account) -> Result<Primitives> {
        let primitives = Primitives {
            state: Arc::default(),
            budget: Arc::new(Budget::new(lua.watch().clone())),
            account,
            errors: lua.create_table()?,
            payloads: lua.create_table()?,
            table: lua.create_table()?,
        };
        primitives.budget.begin(u64::from(u32::MAX));
        primitives.budget.watch(lua)?;
        let table = &primitives.table;
        table.raw_set("error_meta", &primitives.errors)?;
        table.raw_set("payload_meta", &primitives.payloads)?;
        // One nothing for all: a value, which a table can hold.
        let null = lua.create_table()?;
        table.raw_set("null", Value::NULL)?;
        table.raw_set("null_meta", &null)?;
        lua.set_type_metatable::<LightUserData>(Some(null));
        let (own, program) = (primitives.clone(), program.clone());
        let missing = lua.create_function(move |lua, (table, name): (Table, LuaString)| {
            let primitive = own.primitive(lua, &program, &name.to_str()?)?;
            table.raw_set(name, primitive.as_ref())?;
            Ok(primitive)
        })?;
        let meta = lua.create_table_with_capacity(0, 1)?;
        meta.raw_set("__index", missing)?;
        table.set_metatable(Some(meta))?;
        sandbox::prelude(lua, "core", lua.globals())?.call::<()>(table)?;
        if primitives.budget.memory.strings.is_pinned() {
            primitives.function("module")?.call::<()>("pinned")?;
            pinned::hold_registry(lua, &table.raw_get("null_meta")?)?;
        }
        Ok(primitives)
    }

    /// Bytes that the host may make for the process. Where `wanted` bytes have none,
    /// garbage is collected first: it counts as long as it is there.
    pub fn room(&self, lua: &Lua, wanted: usize) -> usize {
        let room = || usize::try_from(self.account.room()).unwrap_or(usize::MAX);
        if room() < wanted {
            self.budget.charge(COLLECTION);
            if let Err(error) = lua.gc_collect() {
                tracing::debug!(%error, "garbage that cannot be collected");
            }
            self.budget.memory.cover_anyway(lua);
        }
        room()
    }

    pub fn state(&self) -> MutexGuard<'_, Shared> {
        lock(&self.state)
    }

    /// A primitive, or a function that the prelude has made.
    pub fn function(&self, name: &str) -> Result<Function> {
        self.table.get(name)
    }

    /// A function that exists once its module is used.
    pub fn optional(&self, name: &str) -> Option<Function> {
        self.table.raw_get(name).ok()
    }

    /// A fault as a Lua error.
    pub fn error(&self, lua: &Lua, fault: &ProcessError) -> Result<Value> {
        let details = super::values::from_term(lua, &fault.details).unwrap_or(Value::Nil);
        let (kind, message) = (fault.kind.name(), fault.message.as_str());
        self.function("error")?.call((kind, message, fault.retryable, details))
    }

    /// The primitive of a name, if there is one.
    fn primitive(&self, lua: &Lua, program: &LuaProgram, name: &str) -> Result<Option<Function>> {
        if name == "ask" {
            return request::ask(lua, self).map(Some);
        }
        for group in [
            Primitives::tasks,
            Primitives::failures,
            Primitives::world,
            Primitives::addresses,
            json::primitive,
            mail::primitive,
            pure::primitive,
            regexp::primitive,
        ] {
            if let Some(primitive) = group(lua, self, name)? {
                return Ok(Some(primitive));
            }
        }
        match text::primitive(lua, &self.budget, name)? {
            None => parts(lua, program, name),
            primitive => Ok(primitive),
        }
    }

    fn tasks(lua: &Lua, primitives: &Primitives, name: &str) -> Result<Option<Function>> {
        let own = primitives.clone();
        let primitive = match name {
            "task" => lua.create_function(move |_, ()| Ok(own.state().schedule.current())),
            "wake" => lua.create_function(move |_, task: u64| {
                own.state().schedule.wake(task, Wake::Values(MultiValue::new()));
                Ok(())
            }),
            "spawn" => lua.create_function(move |_, (thread, args): (Thread, MultiValue)| {
                own.state().schedule.spawn(thread, args);
                Ok(())
            }),
            "charge" => lua.create_function(move |_, units: i64| {
                own.budget.charge(units.max(0));
                Ok(own.budget.is_spent())
            }),
            _ => return Ok(None),
        };
        primitive.map(Some)
    }

    /// `caught` makes of any error what a program may see of it; `failed` is
    /// called where the error is raised.
    fn failures(lua: &Lua, primitives: &Primitives, name: &str) -> Result<Option<Function>> {
        let own = primitives.clone();
        let primitive = match name {
            "caught" => lua.create_function(move |lua, error: Value| {
                if own.budget.is_killed() {
                    return Err(Error::RuntimeError("the process is ended".to_owned()));
                }
                reply::plain(lua, &own, error)
            }),
            "failed" => lua.create_function(move |lua, error: Value| {
                let trace = lua.traceback(None, 1).map(|trace| short(&trace.as_bytes()));
                own.state().trace = trace.unwrap_or_default();
                reply::plain(lua, &own, error)
            }),
            "trace" => lua.create_function(|lua, ()| {
                let trace = lua.traceback(None, 1).map(|trace| short(&trace.as_bytes()));
                lua.create_string(reply::frames(&trace.unwrap_or_default()))
            }),
            "is_error" => lua.create_function(move |_, value: Value| {
                let table = value.as_table();
                Ok(table.and_then(Table::metatable).is_some_and(|meta| meta == own.errors))
            }),
            _ => return Ok(None),
        };
        primitive.map(Some)
    }

    /// For the part `pinned`: texts with addresses that are the same in each run.
    fn addresses(lua: &Lua, _: &Primitives, name: &str) -> Result<Option<Function>> {
        let primitive = match name {
            "closed" => lua.create_function(pinned::closed),
            "fixed" => lua.create_function(|lua, (value, text): (Value, LuaString)| {
                match pinned::text(&value, &text.as_bytes()) {
                    Some(fixed) => lua.create_string(fixed),
                    None => Ok(text),
                }
            }),
            "fixed_format" => lua.create_function(|lua, args: MultiValue| {
                let args: Vec<Value> = args.into_iter().collect();
                let fixed = pinned::format(lua, &args)?;
                Ok(fixed.unwrap_or(args).into_iter().collect::<MultiValue>())
            }),
            _ => return Ok(None),
        };
        primitive.map(Some)
    }

    fn world(lua: &Lua, primitives: &Primitives, name: &str) -> Result<Option<Function>> {
        let own = primitives.clone();
        let primitive = match name {
            "identity" => lua.create_function(move |_, ()| {
                let state = own.state();
                let pair = |who: &Identity| (who.entry.clone(), who.pid.to_string());
                Ok(state.identity.as_ref().map(pair).unzip())
            }),
            "args" => lua.create_function(move |_, ()| Ok(own.state().argv.clone())),
            "env" => lua.create_function(move |_, name: Value| {
                let name = name.as_string().map(|name| name.to_string_lossy()).unwrap_or_default();
                let state = own.state();
                let found = state.env.iter().find(|(known, _)| *known == name);
                Ok(found.map(|(_, value)| value.clone()))
            }),
            "env_all" => lua.create_function(move |lua, ()| {
                let env = own.state().env.clone();
                lua.create_table_from(
                    env.iter().map(|(name, value)| (name.as_str(), value.as_str())),
                )
            }),
            "context" => lua.create_function(move |lua, ()| {
                let context = own.state().context.clone();
                let table = lua.create_table_with_capacity(0, context.len())?;
                for (name, value) in context.iter() {
                    let value = super::values::from_term(lua, value);
                    table.raw_set(name.as_str(), value.map_err(Error::RuntimeError)?)?;
                }
                Ok(table)
            }),
            "log" => lua.create_function(move |lua, entry: (String, LuaString, Value)| {
                own.log(lua, &entry.0, &short(&entry.1.as_bytes()), &entry.2);
                Ok(())
            }),
            _ => return Ok(None),
        };
        primitive.map(Some)
    }

    fn log(&self, lua: &Lua, level: &str, message: &str, fields: &Value) {
        let identity = |state: &Shared| state.identity.as_ref().map(|who| who.pid.to_string());
        let pid = identity(&self.state()).unwrap_or_default();
        let fields = match fields {
            Value::Nil => None,
            fields => {
                Some(json::text(lua, self, fields).map_or_else(|why| why, |text| short(&text)))
            }
        };
        match level {
            "debug" => tracing::debug!(target: "wippy::lua", pid, fields, "{message}"),
            "info" => tracing::info!(target: "wippy::lua", pid, fields, "{message}"),
            "warn" => tracing::warn!(target: "wippy::lua", pid, fields, "{message}"),
            _ => tracing::error!(target: "wippy::lua", pid, fields, "{message}"),
        }
    }
}

/// The parts of the prelude, and the sources that a program is made of.
fn parts(lua: &Lua, program: &LuaProgram, name: &str) -> Result<Option<Function>> {
    let own = program.clone();
    let primitive = match name {
        "prelude" => lua.create_function(|lua, (name, environment): (String, Table)| {
            sandbox::prelude(lua, &name, environment)
        }),
        "part_of" => lua.create_function(|_, name: Value| {
            Ok(name.as_string().and_then(|name| sandbox::part_of(&name.as_bytes())))
        }),
        "kinds" => lua.create_function(|lua, ()| {
            lua.create_table_from(ErrorKind::ALL.map(|kind| (kind.name(), reply::kind_name(kind))))
        }),
        "main_unit" => lua.create_function(move |_, ()| Ok(own.name().to_owned())),
        "resolve" => lua.create_function(move |_, (unit, name): (String, String)| {
            Ok(match own.resolve(&unit, &name) {
                Ok(Required::Types) => (Some("types"), None),
                Ok(Required::Module) => (Some("module"), None),
                Ok(Required::Import(id)) => (Some("import"), Some(id.to_owned())),
                Err(why) => (None, Some(why)),
            })
        }),
        "unit" => lua.create_function(move |lua, (unit, environment): (String, Table)| {
            let chunk = own.load(lua, &unit)?;
            chunk.set_environment(environment)?;
            Ok(chunk)
        }),
        "no_method" => {
            lua.create_function(|lua, (method, exports, found): (String, Value, Value)| {
                Ok(method::missing(&lua.globals(), &method, &exports, &found))
            })
        }
        _ => return Ok(None),
    };
    primitive.map(Some)
}
