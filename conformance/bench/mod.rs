//! Measurements, each beside what it is to be compared with.
//!
//! | file | what |
//! | --- | --- |
//! | `kernels` | a processor's work inside a process |
//! | `life` | a whole process: spawn, call, close |
//! | `idle` | the memory of a process that waits |
//! | `values` | data through a guest and back |
//! | `start` | the command from nothing, and a large component |
//! | `io` | files and output |
//! | `journals` | runs that are recorded and replayed |
//! | `simulated` | a simulation: its time, and its seeds |
//! | `sleepers` | many processes that wait, and one that does not |
//! | `messages` | messages and round trips between processes of a node |
//! | `lives` | processes that are spawned, end, and are told of |
//! | `many` | the memory of 100 000 processes that wait for mail, and of 10 000 in Lua |
//! | `latency` | the time until a process gets its mail while others spin |
//! | `gaps` | how long one process holds up another on the same thread |
//! | `http` | requests that are answered and made, each by a process of its own |
//! | `traps` | what it takes to say where a guest has trapped |
//! | `actors` | the node and the guest of these four |
//! | `lua` | their processes in Lua |
//! | `lunatic` | their peer |
//! | `bare` | wasmi without components, the floor under all of them |
//! | `peer`, `peer_wasi` | wasmtime, with the feature `peers` |
//! | `measure` | clocks, memory, rounds, child processes |
//! | `report` | the table and its JSON |
//!
//! What is compared is measured in turns, round by round, so that a change of
//! the machine's load meets all alike. A time is the median of the rounds and a
//! ratio is the median of the ratios within each round. Times are processor
//! time of this thread where a single thread works, and wall time where a user
//! waits.

mod actors;
mod bare;
mod brief;
mod gaps;
mod guest;
mod http;
mod idle;
mod io;
mod journals;
mod kernels;
mod latency;
mod life;
mod lives;
mod lua;
mod lunatic;
mod many;
mod measure;
mod messages;
#[cfg(feature = "peers")]
mod peer;
#[cfg(feature = "peers")]
mod peer_wasi;
mod records;
mod report;
mod simulated;
mod sleepers;
mod start;
mod traps;
mod values;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::ValueEnum;

use self::report::Report;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Measures processes beside bare wasmi and, with the feature `peers`, wasmtime.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The things to measure; everything, unless something is named.
    names: Vec<Name>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How many rounds; more give steadier medians.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Of the gaps, only those whose names contain this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The wippy command to start.
    #[arg(long, value_name = "FILE", default_value = "target/release/wippy")]
    wippy: PathBuf,
    /// Do one part of a measurement, in a process of its own.
    #[arg(long, hide = true, num_args = 1.., conflicts_with = "names")]
    child: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Name {
    Kernels,
    Life,
    Idle,
    Values,
    Start,
    Io,
    Journals,
    Simulated,
    Sleepers,
    Messages,
    Lives,
    IdleMany,
    Latency,
    Gaps,
    Traps,
    Http,
}

/// Runs the subcommand.
pub fn main(args: &Args) -> ExitCode {
    let done = match args.child.split_first() {
        Some((task, rest)) => child(task, rest),
        None => measure_all(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(args: &Args) -> Result<()> {
    let names = match args.names.as_slice() {
        [] => Name::value_variants(),
        names => names,
    };
    let mut report = Report::default();
    let mut failed = None;
    for name in names {
        eprintln!("measuring {name:?} ...");
        let done = match name {
            Name::Kernels => kernels::measure(args.rounds, &mut report),
            Name::Life => life::measure(args.rounds, &mut report),
            Name::Idle => idle::measure(&mut report),
            Name::Values => values::measure(args.rounds, &mut report),
            Name::Start => start::measure(args.rounds, &args.wippy, &mut report),
            Name::Io => io::measure(args.rounds, &args.wippy, &mut report),
            Name::Journals => journals::measure(args.rounds, &args.wippy, &mut report),
            Name::Simulated => simulated::measure(&mut report),
            Name::Sleepers => sleepers::measure(&mut report),
            Name::Messages => messages::measure(args.rounds, &mut report),
            Name::Lives => lives::measure(args.rounds, &mut report),
            Name::IdleMany => many::measure(&mut report),
            Name::Latency => latency::measure(&mut report),
            Name::Gaps => {
                gaps::measure(args.rounds, args.only.as_deref(), &args.wippy, &mut report)
            }
            Name::Traps => traps::measure(args.rounds, &mut report),
            Name::Http => http::measure(args.rounds, &mut report),
        };
        // What has been measured is worth being shown all the same.
        if let Err(why) = done {
            eprintln!("error: {name:?}: {why}");
            failed = Some(format!("{name:?} could not be measured to its end"));
        }
    }
    match args.json {
        true => println!("{:#}", report.json()),
        false => print!("{report}"),
    }
    failed.map_or(Ok(()), |why| Err(why.into()))
}

fn child(task: &str, args: &[String]) -> Result<()> {
    match task {
        "idle" => idle::child(args),
        "idle-many" => many::child(args),
        "load" => start::child(args),
        "http-out" => http::out_child(args),
        #[cfg(feature = "peers")]
        "http-serve" => http::peer_child(args),
        #[cfg(feature = "peers")]
        "wasi" => peer_wasi::child(args),
        other => Err(format!("no such task: {other}").into()),
    }
}
