//! WASI as guests see it: arguments in, commands out.
//!
//! Nothing here touches the world. A function that needs nothing from outside
//! answers at once; any other becomes a [`Command`](crate::command::Command)
//! and goes on when the reply has come. So every blocking call of a guest
//! suspends its process and nothing else, and a process that is given the same
//! replies does the same again.
//!
//! What a process may see is its [`WasiConfig`]: arguments, variables, directories
//! that somebody has opened for it. There is no other way to a file, and the
//! whole of it is kept in one `WasiState` per process.
//!
//! | file | what |
//! | --- | --- |
//! | `table` | the resources of one process, with their limits |
//! | `path` | where directories are mounted and what a path names |
//! | `descriptor`, `request` | open files and directories, and what is asked of them |
//! | `input`, `output`, `poll` | streams, and waiting for them |
//! | `call` | what all functions share: arguments, replies, errors |
//! | `cli`, `clocks`, `io`, `random`, `filesystem`, `http`, `sockets` | the packages of WASI 0.2 |
//! | `p1` | WASI 0.1, for core modules |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wippy::{component::Linker, imports::wasi, process::StartData};
//!
//! let mut linker = Linker::default();
//! wasi::add_to_linker(&mut linker)?;
//! assert!(linker.provides("wasi:cli/environment@0.2.0"));
//!
//! // What a process that begins with this finds.
//! let config = wasi::WasiConfig { args: vec!["tool".to_owned()], ..wasi::WasiConfig::default() };
//! let start = StartData { wasi: Some(config), ..StartData::default() };
//! # let _ = start;
//! # Ok(())
//! # }
//! ```

pub(crate) mod call;
mod cli;
mod clocks;
mod descriptor;
mod filesystem;
mod http;
mod input;
mod io;
mod output;
mod p1;
mod path;
pub(crate) mod poll;
mod random;
mod request;
mod sockets;
mod stop;
mod table;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use self::{p1::Fds, path::Mounts, table::Table};
use crate::{
    account::{Account, Charge, Exceeded},
    command::{FileId, http::IncomingRequest},
    component::{DeclareError, Linker, Trap},
    value::Value,
};

/// The WIT packages, name and text, each after those that it uses.
pub const PACKAGES: [(&str, &str); 7] = [
    ("wasi:io@0.2.12", include_str!("../../../wit/wasi/io.wit")),
    ("wasi:clocks@0.2.12", include_str!("../../../wit/wasi/clocks.wit")),
    ("wasi:random@0.2.12", include_str!("../../../wit/wasi/random.wit")),
    ("wasi:filesystem@0.2.12", include_str!("../../../wit/wasi/filesystem.wit")),
    ("wasi:cli@0.2.12", include_str!("../../../wit/wasi/cli.wit")),
    ("wasi:sockets@0.2.12", include_str!("../../../wit/wasi/sockets.wit")),
    ("wasi:http@0.2.12", include_str!("../../../wit/wasi/http.wit")),
];

/// What core modules import.
const P1: &str = include_str!("../../../wit/wasi/p1.wit");

/// What a process is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WasiConfig {
    /// The arguments; the first one is the program's name.
    pub args: Vec<String>,
    /// The variables, in the order in which the guest sees them. All processes of an
    /// entry share them.
    pub env: Arc<[(String, String)]>,
    /// Where relative paths begin: an absolute path in the guest.
    pub cwd: Option<String>,
    /// The directories.
    pub preopens: Vec<Preopen>,
}

/// A directory that is open from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// Its path in the guest. One that is not absolute begins at
    /// [`WasiConfig::cwd`] and is shown to the guest as it is.
    pub guest: String,
    /// The directory. It stays open when the guest closes it.
    pub dir: FileId,
    /// Nothing below it may be changed by way of it.
    pub read_only: bool,
}

/// A [`WasiConfig`] that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// What WASI keeps for one process. A process that has been given none has no
/// arguments, no variables and no directories.
#[derive(Debug, Default)]
pub(crate) struct WasiState {
    args: Vec<String>,
    env: Arc<[(String, String)]>,
    cwd: Option<String>,
    mounts: Mounts,
    table: Table,
    /// Descriptors of 0.1.
    fds: Fds,
    /// What `insecure-seed` gives, once it has been asked for.
    seed: Option<(u64, u64)>,
    /// For what it has been given.
    given: Charge,
}

impl WasiState {
    /// The state of a process that has not run yet.
    ///
    /// # Errors
    ///
    /// If `cwd` is not absolute, two directories have the same path, or a text
    /// contains what no guest can be given: a NUL, or `=` in a variable's name.
    pub fn new(config: WasiConfig) -> Result<WasiState, ConfigError> {
        let WasiConfig { args, env, cwd, preopens } = config;
        let texts = args.iter().chain(env.iter().flat_map(|(name, value)| [name, value]));
        for text in texts.chain(&cwd).chain(preopens.iter().map(|preopen| &preopen.guest)) {
            if text.contains('\0') {
                return Err(ConfigError(format!("{text:?} contains a NUL")));
            }
        }
        for (name, _) in env.iter() {
            if name.is_empty() || name.contains('=') {
                return Err(ConfigError(format!("{name:?} is no name for a variable")));
            }
        }
        let cwd = match cwd {
            Some(cwd) if !cwd.starts_with('/') => {
                return Err(ConfigError(format!("cwd {cwd:?} is not an absolute path")));
            }
            Some(cwd) => Some(path::clean(&cwd)),
            None => None,
        };
        let mounts = Mounts::new(preopens, cwd.as_deref()).map_err(ConfigError)?;
        Ok(WasiState { args, env, cwd, mounts, ..WasiState::default() })
    }

    /// The arguments of a function that answers this request.
    ///
    /// # Errors
    ///
    /// If the account has no room for it.
    pub fn give_request(
        &mut self,
        request: IncomingRequest,
        account: &Account,
    ) -> Result<Vec<Value>, Trap> {
        http::give_request(self, request, account)
    }

    /// Charges what the process has been given to its account.
    ///
    /// # Errors
    ///
    /// If that has no room for it.
    pub fn charge_to(&mut self, account: &Account) -> Result<(), Exceeded> {
        let bytes = |text: &String| (text.len() + size_of::<String>() + 16) as u64;
        let env = self.env.iter().flat_map(|(name, value)| [name, value]);
        let sum = self.args.iter().chain(env).map(bytes).fold(0, u64::saturating_add);
        self.given = account.charge(sum)?;
        Ok(())
    }
}

/// Declares every interface of `wasi:cli`, `wasi:clocks`, `wasi:filesystem`,
/// `wasi:http`, `wasi:io`, `wasi:random` and `wasi:sockets` 0.2, and WASI 0.1 as core modules import it
/// (`wippy:core/wasi-snapshot-preview1`), and binds their functions.
///
/// # Errors
///
/// If the linker already has other declarations of these packages.
pub fn add_to_linker(linker: &mut Linker) -> Result<(), DeclareError> {
    for (_, package) in PACKAGES {
        linker.declare(package)?;
    }
    // The same functions once more under their older name; some of their records differ.
    let functions = P1.find("interface ").and_then(|at| P1.get(at..)).unwrap_or_default();
    let older = functions.replacen("wasi-snapshot-preview1", "wasi-unstable", 1);
    linker.declare(&format!("{P1}\n{older}"))?;
    io::bind(linker)?;
    clocks::bind(linker)?;
    random::bind(linker)?;
    filesystem::bind(linker)?;
    cli::bind(linker)?;
    http::bind(linker)?;
    sockets::bind(linker)?;
    p1::bind(linker)
}
