//! Many processes that do to each other whatever can be done, at random, while
//! somebody keeps the books.
//!
//! Two kinds of Rust processes and two kinds of guests live on two small hosts,
//! so that hosts and mailboxes are often full. *Roots* live from the beginning to
//! the end; all others are mortal, and die of everything: of their own will, by
//! panics and traps, by links, by being cancelled and terminated. In the end all
//! mortals are ended, and then the books of the roots have to be balanced:
//!
//! - of each process that a root has monitored it has been told once, and of no
//!   other; what a private child has returned is what it was to return;
//! - of each linked process that has failed it has been told once as well;
//! - what comes from one sender comes in the order in which it was sent, without
//!   a gap, at everyone; and everything that was accepted for a root has arrived;
//! - while the node still lives, the memory of the dead is free but for what the
//!   books say of them;
//! - then no name, no process, no task and no thread is left, and the memory is
//!   about what it was.
//!
//! | file | what |
//! | --- | --- |
//! | `agent` | the Rust processes |
//! | `hostile` | another run: programs that try to use up the host's memory |
//! | `ledger` | the books that all of them share |
//! | `simulated` | another run: the same processes in a simulation, many seeds |
//! | `world` | the entries and the node |
//!
//! What is chosen depends on the seed alone; when it happens, on the threads.

mod agent;
mod hostile;
mod ledger;
mod simulated;
#[cfg(test)]
mod tests;
mod world;

use std::{fs, process::ExitCode, time::Duration};

use self::world::World;

/// Lets processes do things to each other, and looks whether all is well.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Another seed is another run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// In a simulation, with its faults, from this seed on
    #[arg(long, conflicts_with = "hostile")]
    simulate: bool,
    /// How many seeds are simulated
    #[arg(long, default_value_t = 100, requires = "simulate")]
    seeds: u64,
    /// Programs that try to make the host hold more for them than they may have
    #[arg(long)]
    hostile: bool,
}

/// Bytes that the memory may have grown by in a long run: less than half a KiB for each
/// process of a minute, more than what the allocator's pieces make of chance.
const SLACK: u64 = 64 << 20;

/// Bytes that each process leaves behind in the books, and not in the node.
const IN_THE_BOOKS: u64 = 2 << 10;

/// Runs the subcommand.
pub fn main(args: &Args) -> ExitCode {
    if args.simulate {
        return simulated::main(args.seed..args.seed.saturating_add(args.seeds));
    }
    let done = match args.hostile {
        true => hostile::run(Duration::from_secs(args.seconds), args.seed)
            .map(|said| println!("{said}")),
        false => run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: seed {}: {why}", args.seed);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    // What the first run leaves behind is there once: threads, caches, arenas.
    let warm = round(Duration::from_secs(2).min(Duration::from_secs(args.seconds)), args.seed)?;
    let before = resident()?;
    let done = round(Duration::from_secs(args.seconds), args.seed)?;
    let after = resident()?;
    let Round { said, spawned, alive } = done;
    println!("{said}");
    let kib = [before, alive, after].map(|bytes| bytes >> 10);
    println!(
        "memory: {} KiB before, {} KiB when all but roots are dead, {} KiB after",
        kib[0], kib[1], kib[2]
    );
    drop(warm);
    match after <= before + SLACK && alive <= before + SLACK + spawned * IN_THE_BOOKS {
        true => Ok(()),
        false => Err("memory has leaked".to_owned()),
    }
}

/// The outcome of a node's life.
struct Round {
    /// A line about what was done.
    said: String,
    spawned: u64,
    /// The memory when all mortals had ended.
    alive: u64,
}

/// One node from its beginning to its end.
fn round(time: Duration, seed: u64) -> Result<Round, String> {
    let world = World::new(seed)?;
    world.live(time)?;
    let (alive, spawned) = (resident()?, world.spawned());
    Ok(Round { said: world.end()?, spawned, alive })
}

fn resident() -> Result<u64, String> {
    // What is free in the middle of the heap is no leak.
    // SAFETY: there is nothing that it could do to anybody's memory.
    unsafe { libc::malloc_trim(0) };
    let text = fs::read_to_string("/proc/self/smaps_rollup").map_err(|why| why.to_string())?;
    let field = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = field.and_then(|rest| rest.split_whitespace().next()).ok_or("no such field")?;
    kib.parse::<u64>().map(|kib| kib << 10).map_err(|why| why.to_string())
}
