//! A project's YAML files as typed entries, and all that is wrong with them.
//!
//! Loading never stops at the first mistake: it always gives a [`Project`] of
//! the entries that are well-formed, and the [`Problems`] of all the others.
//! Whoever wants to run something asks for a project without errors; whoever
//! wants to report prints the problems. Nothing is created or started by
//! loading, and nothing in a file, however hostile, makes it panic or run long.
//!
//! ```no_run
//! use wippy::registry::Project;
//!
//! let loaded = Project::load("conformance/apps/hello");
//! for problem in &loaded.problems {
//!     eprintln!("{problem}");
//! }
//! for command in loaded.project.commands() {
//!     println!("{} runs {}", command.name, command.entry);
//! }
//! ```
//!
//! How it is done: `discover` finds files, `yaml` reads them into nodes with line
//! numbers, `source` makes raw entries of those, `placeholder` fills in
//! `${env:NAME}`, `kinds` types the fields, `load` puts it all in order and
//! checks what concerns several entries, `places` opens the directories.

mod discover;
mod dotenv;
mod environment;
mod fields;
pub(crate) mod hash;
mod id;
mod kinds;
mod known;
mod load;
mod overrides;
pub(crate) mod path;
mod placeholder;
mod places;
mod problem;
mod project;
mod schema;
mod services;
mod source;
mod suggest;
pub(crate) mod units;
mod yaml;

#[cfg(feature = "cli")]
pub(crate) use self::discover::LOCK;
#[cfg(feature = "cli")]
pub(crate) use self::kinds::http_address;
#[cfg(feature = "lua")]
pub(crate) use self::kinds::lua_modules;
pub(crate) use self::places::open_together;
pub(crate) use self::{
    discover::describe_io,
    places::DirectoryError,
    problem::{listed, name_one_of, quoted},
    suggest::nearest,
};
pub use self::{
    environment::{EnvError, EnvVariable, Environment, OsLookup},
    id::{Id, IdError},
    kinds::{
        Authorities, Cors, EntryKind, FsDirectory, FunctionLua, FunctionWasm, HttpEndpoint,
        HttpLimits, HttpRouter, HttpService, HttpStatic, HttpTimeouts, HttpTls, LUA_MODULES,
        Lifecycle, Limits, LuaCode, LuaLimits, Mount, Origins, Pattern, Pool, ProcessHost,
        ProcessLua, ProcessService, ProcessWasm, Restart, Retry, Segment, TerminalHost, Transport,
        Wasi, WasiEnv, WasmSource,
    },
    overrides::Override,
    problem::{Problem, Problems, Severity},
    project::{Command, Entry, Hosts, Loaded, Project},
    schema::schema,
    services::{Service, ServiceKind},
};

#[cfg(test)]
mod tests;
