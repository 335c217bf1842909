//! Options of everything that runs a file: what the file is, what it is given, and
//! the limits of its processes.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    host::ProcessSpec,
    network::{BadRule, Network, Rule, Rules},
    registry::units,
};

// What options say of a file, which an entry says in its fields. No doc comment, which
// clap would take for that of the command.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The function of FILE to call, or a whole call: 'f(1, "a")'; not needed if it is
    /// `run` or the only one
    #[arg(long, value_name = "METHOD")]
    pub invoke: Option<String>,

    /// WIT for FILE, if it is a core module: a text, or a file that holds it
    #[arg(long, value_name = "TEXT|FILE")]
    pub wit: Option<String>,

    /// Give FILE a directory: HOST[::GUEST][:ro]; GUEST is HOST unless it is given
    #[arg(long, value_name = "DIR", value_parser = given_dir)]
    pub dir: Vec<DirArg>,

    /// Give FILE an environment variable; NAME alone is one of the command's own
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = own_variable)]
    pub env: Vec<(String, String)>,

    /// Give FILE an argument of its own, beside those of the function that is called
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub arg: Vec<String>,

    #[command(flatten)]
    pub network: NetworkArgs,

    /// Where relative paths of FILE begin, in what it sees
    #[arg(long, value_name = "PATH")]
    pub cwd: Option<String>,

    /// Certificate authorities that FILE trusts too, in PEM
    #[arg(long, value_name = "PEM")]
    pub ca: Option<PathBuf>,
}

impl FileArgs {
    /// The first that is given, and the field of an entry that says the same.
    pub fn first(&self) -> Option<(&'static str, &'static str)> {
        let FileArgs { invoke, wit, dir, env, arg, network, cwd, ca } = self;
        let given = [
            (invoke.is_some(), "--invoke", "method"),
            (wit.is_some(), "--wit", "wit"),
            (!dir.is_empty(), "--dir", "wasi.mounts"),
            (!env.is_empty(), "--env", "wasi.env"),
            (!arg.is_empty(), "--arg", "wasi.args"),
            (cwd.is_some(), "--cwd", "wasi.cwd"),
            (ca.is_some(), "--ca", "wasi.ca"),
        ];
        let given = given.into_iter().find(|(is, ..)| *is);
        let given = given.map(|(_, option, field)| (option, field));
        given.or_else(|| Some((network.first()?, "wasi.network")))
    }
}

// The limits of each process. No doc comment, for the same reason.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// End a process when it has used this much fuel
    #[arg(long, value_name = "N", value_parser = number)]
    pub fuel: Option<u64>,

    /// Bytes of memory that a process may have, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_memory: Option<u64>,

    /// End a process after this time: milliseconds, or such as 5s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
}

impl LimitArgs {
    /// The first that is given.
    pub fn first(&self) -> Option<&'static str> {
        let given = [
            (self.fuel.is_some(), "--fuel"),
            (self.max_memory.is_some(), "--max-memory"),
            (self.timeout.is_some(), "--timeout"),
        ];
        given.into_iter().find_map(|(is, option)| is.then_some(option))
    }

    /// Sets those that are given.
    pub fn apply(&self, spec: &mut ProcessSpec) {
        spec.limits.max_fuel = self.fuel.or(spec.limits.max_fuel);
        spec.limits.max_memory = self.max_memory.unwrap_or(spec.limits.max_memory);
        spec.max_execution = self.timeout.or(spec.max_execution);
    }
}

// To whom a file may talk: to nobody, unless one of these is given. No doc comment,
// which clap would take for that of the command.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct NetworkArgs {
    /// Let FILE use the whole network
    #[arg(long, conflicts_with_all = ["connect", "listen"])]
    network: bool,

    /// Let FILE connect and send to this host, such as example.com:443, 10.0.0.0/8:*,
    /// *:53 or loopback
    #[arg(long, value_name = "HOST", value_parser = rule)]
    connect: Vec<Rule>,

    /// Let FILE listen at this address, in the same forms
    #[arg(long, value_name = "HOST", value_parser = rule)]
    listen: Vec<Rule>,
}

impl NetworkArgs {
    /// The network that they give.
    pub fn network(&self) -> Network {
        match self.network {
            true => Network::ALL,
            false => Network {
                connect: Rules::Only(self.connect.clone()),
                listen: Rules::Only(self.listen.clone()),
            },
        }
    }

    /// The first that is given.
    fn first(&self) -> Option<&'static str> {
        match (self.network, self.connect.is_empty(), self.listen.is_empty()) {
            (true, ..) => Some("--network"),
            (_, false, _) => Some("--connect"),
            (.., false) => Some("--listen"),
            (false, true, true) => None,
        }
    }
}

/// The value of `--dir`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DirArg {
    /// The directory.
    pub host: PathBuf,
    /// The path by which the program knows it.
    pub guest: String,
    pub read_only: bool,
}

fn given_dir(text: &str) -> Result<DirArg, String> {
    let (text, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text.strip_suffix(":rw").unwrap_or(text), false),
    };
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    match host.is_empty() || guest.is_empty() {
        true => Err("expected HOST[::GUEST][:ro], such as data::/data:ro".to_owned()),
        false => Ok(DirArg { host: host.into(), guest: guest.to_owned(), read_only }),
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    text.parse().map_err(|error: BadRule| error.to_string())
}

/// The same, or the name of a variable that the command has itself.
fn own_variable(text: &str) -> Result<(String, String), String> {
    if text.contains('=') || text.is_empty() {
        return variable(text);
    }
    match std::env::var(text) {
        Ok(value) => Ok((text.to_owned(), value)),
        Err(std::env::VarError::NotPresent) => {
            Err(format!("the environment has no variable {text}; write {text}=VALUE"))
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(format!("the variable {text} of the environment is not UTF-8"))
        }
    }
}

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as MODE=fast".to_owned()),
    }
}

pub(super) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number such as 1000000".to_owned())
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    units::size(text).ok_or_else(|| "write bytes, or a size such as 64MiB".to_owned())
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse().ok().map(Duration::from_millis);
    milliseconds
        .or_else(|| units::duration(text))
        .ok_or_else(|| "write milliseconds, or a time such as 5s or 1m30s".to_owned())
}
