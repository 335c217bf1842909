//! `replay` and `simulate`: runs that are repeated.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    cli::{
        given::{number, time, variable},
        replay::ModuleArg,
    },
    host::simulate::Choice,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ReplayArgs {
    /// What `wippy run --record` or `wippy serve --record` has written
    #[arg(value_name = "JOURNAL")]
    pub journal: PathBuf,

    /// Stop when the processes have used so much fuel, and show where they are
    #[arg(long, value_name = "FUEL", value_parser = number, conflicts_with = "module")]
    pub until: Option<u64>,

    /// Go to and fro in the run, by commands on stdin; `help` lists them
    #[arg(long, conflicts_with_all = ["module", "until", "log", "json"])]
    pub repl: bool,

    /// Show every command and its answer, and not what the processes write
    #[arg(long)]
    pub log: bool,

    /// The same as JSON, an object a line
    #[arg(long)]
    pub json: bool,

    /// Run this file in the place of a program, and show where it first does something
    /// else; with several programs NAME=FILE
    #[arg(long, value_name = "FILE", value_parser = module)]
    pub module: Vec<ModuleArg>,

    /// The value of an environment variable that --redact has left out
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

pub(super) const REPLAY_HELP: &str = "\
The processes are given what they were given, and nothing else happens: what they
write is written again, and the result, the exit code and the fuel are the same.
The first thing that is not the same stops the replay, with exit code 7.

Examples:
  wippy run --record trip.wreplay greet Ada
  wippy replay trip.wreplay
  wippy replay trip.wreplay --log
  wippy replay trip.wreplay --until 1000000
  wippy replay trip.wreplay --repl
  wippy replay trip.wreplay --module fixed.wasm";

/// A name is an id, with a colon, or a file.
fn module(text: &str) -> Result<ModuleArg, String> {
    let (program, file) = match text.split_once('=') {
        Some((program, file)) => (Some(program.to_owned()), file),
        None => (None, text),
    };
    match file.is_empty() {
        true => Err("expected FILE, or NAME=FILE".to_owned()),
        false => Ok(ModuleArg { program, file: file.into() }),
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SimulateArgs {
    /// The scenario: the id of a process entry, namespace:name
    #[arg(value_name = "ID")]
    pub scenario: String,

    /// Its arguments
    #[arg(value_name = "ARGS")]
    pub args: Vec<OsString>,

    /// Run the seeds from 0 on, so many
    #[arg(long, value_name = "N", value_parser = seeds, default_value = "100")]
    pub seeds: u64,

    /// Run this seed only; with -v tell all that happens
    #[arg(long, value_name = "SEED", value_parser = number, conflicts_with = "seeds")]
    pub seed: Option<u64>,

    /// What may go wrong: all, none, or some of stall, delay, full, kill, jump, fail,
    /// slow, short, disk, net, with commas between them
    #[arg(long, value_name = "LIST", value_parser = faults, default_value = "all")]
    pub faults: BTreeSet<Choice>,

    /// The time that a run may take on its own clock, such as 10s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub time: Option<Duration>,

    /// The work that a run may do: its fuel, 1000 more for each step, and 20000 for each
    /// process
    #[arg(long, value_name = "N", value_parser = number)]
    pub work: Option<u64>,

    /// Threads; one for each processor unless it is given
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<usize>,

    /// Write the journal and the trace of runs that fail to this directory
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

/// The most threads: more are only slower.
const MOST_JOBS: u64 = 1024;

/// How many threads.
fn jobs(text: &str) -> Result<usize, String> {
    let jobs = number(text).ok().filter(|jobs| (1..=MOST_JOBS).contains(jobs));
    let jobs = jobs.and_then(|jobs| usize::try_from(jobs).ok());
    jobs.ok_or_else(|| format!("write a number from 1 to {MOST_JOBS}"))
}

/// How many seeds.
fn seeds(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("at least 1 seed has to be run".to_owned()),
        seeds => Ok(seeds),
    }
}

/// A set of faults.
fn faults(text: &str) -> Result<BTreeSet<Choice>, String> {
    let one = |name: &str| {
        let fault = Choice::faults().into_iter().find(|choice| choice.name() == name);
        fault.ok_or_else(|| {
            let all: Vec<&str> = Choice::faults().into_iter().map(Choice::name).collect();
            format!("there is no fault `{name}`; there are {}", all.join(", "))
        })
    };
    match text {
        "all" => Ok(Choice::faults()),
        "none" => Ok(BTreeSet::new()),
        list => list.split(',').map(|name| one(name.trim())).collect(),
    }
}

pub(super) const SIMULATE_HELP: &str = "\
The scenario runs on one thread with the services of its project. A seed decides whose
turn it is, how late it is and what goes wrong; time costs nothing, mounts are copies in
memory, and nothing outside is touched. A run fails if the scenario ends with an error,
if an `always` of wippy:sim does not hold, if all wait for ever, if it works without end,
or if it has not ended long after the last fault. What fails is made as simple as it
can be. Ends with exit code 1 if a seed fails.

Examples:
  wippy simulate --seeds 1000 app:scenario
  wippy simulate --seed 417 app:scenario -v
  wippy simulate --seeds 1000 --faults kill,delay --save . app:scenario";
