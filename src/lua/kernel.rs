//! What the prelude calls: the primitives of a process, as a Lua table.
//!
//! Everything that a process keeps in Rust is behind one lock, which is held for
//! short and never while Lua runs.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mlua::{Error, Function, LightUserData, Lua, MultiValue, Result, Table, Thread, Value};

use super::{
    budget::Budget,
    json, method,
    program::{Program, Required},
    reply, request, sandbox,
    schedule::{Schedule, Wake},
    text,
};
use crate::{
    dispatch::{Fault, Identity, Immediate, Inbox, Kind, Yield},
    registry::units,
};

/// What a process keeps.
#[derive(Default)]
pub(super) struct State {
    pub schedule: Schedule,
    pub yields: Vec<Yield>,
    pub inbox: Inbox,
    /// Topics that have channels of their own.
    pub topics: HashSet<Arc<str>>,
    pub immediate: Option<Box<dyn Immediate>>,
    pub identity: Option<Identity>,
    pub env: BTreeMap<String, String>,
    pub argv: Vec<String>,
    /// Where the last error was raised.
    pub trace: String,
}

/// A process's state, metatable and budget, as primitives share them.
#[derive(Clone)]
pub(super) struct Kernel {
    state: Arc<Mutex<State>>,
    pub budget: Arc<Budget>,
    /// The metatable of errors.
    pub errors: Table,
    table: Table,
}

impl Kernel {
    /// Makes the kernel of a state and runs the prelude.
    pub fn install(lua: &Lua, program: &Program) -> Result<Kernel> {
        let kernel = Kernel {
            state: Arc::default(),
            budget: Arc::default(),
            errors: lua.create_table()?,
            table: lua.create_table()?,
        };
        kernel.budget.begin(u64::from(u32::MAX));
        kernel.budget.watch(lua)?;
        let table = &kernel.table;
        table.raw_set("error_meta", &kernel.errors)?;
        // One nothing for all: a value, which a table can hold.
        let null = lua.create_table()?;
        table.raw_set("null", Value::NULL)?;
        table.raw_set("null_meta", &null)?;
        lua.set_type_metatable::<LightUserData>(Some(null));
        table.raw_set("kinds", lua.create_sequence_from(Kind::ALL.map(Kind::name))?)?;
        kernel.tasks(lua)?;
        kernel.failures(lua)?;
        kernel.modules(lua, program)?;
        kernel.world(lua)?;
        text::register(lua, table, &kernel.budget)?;
        request::register(lua, &kernel)?;
        json::register(lua, &kernel)?;
        super::mail::register(lua, &kernel)?;
        sandbox::prepare(lua, table)?;
        // `errors` is what errors of commands are made of.
        kernel.function("module")?.call::<()>("errors")?;
        let require: Function = kernel.function("requirer")?.call(program.main())?;
        lua.globals().raw_set("require", require)?;
        Ok(kernel)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set<F, A, R>(&self, lua: &Lua, name: &str, function: F) -> Result<()>
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: mlua::FromLuaMulti,
        R: mlua::IntoLuaMulti,
    {
        self.table.raw_set(name, lua.create_function(function)?)
    }

    /// A function that the prelude has made.
    pub fn function(&self, name: &str) -> Result<Function> {
        self.table.raw_get(name)
    }

    /// A function that exists once its module is used.
    pub fn optional(&self, name: &str) -> Option<Function> {
        self.table.raw_get(name).ok()
    }

    /// A fault as a Lua error.
    pub fn error(&self, lua: &Lua, fault: &Fault) -> Result<Value> {
        let details = super::values::from_term(lua, &fault.details).unwrap_or(Value::Nil);
        let (kind, message) = (fault.kind.name(), fault.message.as_str());
        self.function("error")?.call((kind, message, fault.retryable, details))
    }

    fn tasks(&self, lua: &Lua) -> Result<()> {
        let own = self.clone();
        self.set(lua, "task", move |_, ()| Ok(own.state().schedule.current()))?;
        let own = self.clone();
        self.set(lua, "wake", move |_, task: u64| {
            own.state().schedule.wake(task, Wake::Values(MultiValue::new()));
            Ok(())
        })?;
        let own = self.clone();
        self.set(lua, "spawn", move |_, (thread, args): (Thread, MultiValue)| {
            own.state().schedule.spawn(thread, args);
            Ok(())
        })?;
        let budget = self.budget.clone();
        self.set(lua, "charge", move |_, units: i64| {
            budget.charge(units.max(0));
            Ok(budget.is_spent())
        })
    }

    /// `caught` makes of any error what a program may see of it; `failed` is
    /// called where the error is raised.
    fn failures(&self, lua: &Lua) -> Result<()> {
        let budget = self.budget.clone();
        self.set(lua, "caught", move |lua, error: Value| {
            if budget.is_killed() {
                return Err(Error::RuntimeError("the process is ended".to_owned()));
            }
            reply::plain(lua, error)
        })?;
        let own = self.clone();
        self.set(lua, "failed", move |lua, error: Value| {
            let trace = lua.traceback(None, 1).map(|trace| trace.to_string_lossy());
            own.state().trace = trace.unwrap_or_default();
            reply::plain(lua, error)
        })?;
        let own = self.clone();
        self.set(lua, "is_error", move |_, value: Value| {
            let table = value.as_table();
            Ok(table.and_then(Table::metatable).is_some_and(|meta| meta == own.errors))
        })
    }

    fn modules(&self, lua: &Lua, program: &Program) -> Result<()> {
        self.set(lua, "prelude", |lua, name: String| sandbox::prelude(lua, &name))?;
        let own = program.clone();
        self.set(lua, "resolve", move |_, (unit, name): (String, String)| {
            Ok(match own.resolve(&unit, &name) {
                Ok(Required::Module) => (Some("module"), None),
                Ok(Required::Import(id)) => (Some("import"), Some(id.to_owned())),
                Err(why) => (None, Some(why)),
            })
        })?;
        let own = program.clone();
        self.set(lua, "no_method", |lua, (method, exports, found): (String, Value, Value)| {
            Ok(method::missing(&lua.globals(), &method, &exports, &found))
        })?;
        self.set(lua, "unit", move |lua, (unit, environment): (String, Table)| {
            let chunk = own.load(lua, &unit)?;
            chunk.set_environment(environment)?;
            Ok(chunk)
        })
    }

    fn world(&self, lua: &Lua) -> Result<()> {
        let own = self.clone();
        self.set(lua, "identity", move |_, ()| {
            let state = own.state();
            let pair = |who: &Identity| (who.entry.clone(), who.pid.to_string());
            Ok(state.identity.as_ref().map(pair).unzip())
        })?;
        let own = self.clone();
        self.set(lua, "args", move |_, ()| Ok(own.state().argv.clone()))?;
        let own = self.clone();
        self.set(lua, "env", move |_, name: Value| {
            let name = name.as_string().map(|name| name.to_string_lossy()).unwrap_or_default();
            Ok(own.state().env.get(&name).cloned())
        })?;
        self.set(lua, "duration", |_, value: Value| {
            Ok(match value {
                Value::Integer(ns) => Some(ns.max(0)),
                // The cast saturates.
                Value::Number(ns) if ns.is_finite() => Some(ns.max(0.0) as i64),
                Value::String(text) => units::duration(&text.to_string_lossy())
                    .and_then(|duration| i64::try_from(duration.as_nanos()).ok()),
                _ => None,
            })
        })?;
        let own = self.clone();
        self.set(lua, "log", move |_, (level, message, fields): (String, String, Value)| {
            let state = own.state();
            let pid = state.identity.as_ref().map(|who| who.pid.to_string()).unwrap_or_default();
            drop(state);
            let fields = json::text(&own, &fields).unwrap_or_default();
            let fields = if fields == "null" { "" } else { &fields };
            match level.as_str() {
                "debug" => tracing::debug!(target: "wippy::lua", pid, fields, "{message}"),
                "info" => tracing::info!(target: "wippy::lua", pid, fields, "{message}"),
                "warn" => tracing::warn!(target: "wippy::lua", pid, fields, "{message}"),
                _ => tracing::error!(target: "wippy::lua", pid, fields, "{message}"),
            }
            Ok(())
        })
    }
}
