//! Beside the reference engine: what bytes choose is run by both, and has to come to the
//! same.
//!
//! ```text
//! cargo run --release -p conformance --features peers -- differential --seconds 600
//! cargo run --release -p conformance --features peers -- differential --seed 7 --case 123
//! ```
//!
//! A case is chosen by a seed and its number alone. Cases of all kinds take turns. What
//! differs for a known reason is counted by that reason (see [`known`]); everything else
//! ends the run, with how to repeat it, unless `--go-on` is given.

mod known;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::{Duration, Instant},
};

use wasmtime::Engine;

use crate::{
    fuzz::{
        echo::{
            Echo, End,
            peer::{self, Refused},
        },
        handles::{self as handle, peer as handle_peer},
        panic_words,
        shapes::{self, Wrapped},
    },
    random::Random,
};

/// Runs random components and modules beside the reference engine
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// So many cases instead
    #[arg(long, conflicts_with = "seconds")]
    cases: Option<u64>,
    /// Another seed is another run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first case
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this case, with its text
    #[arg(long, conflicts_with_all = ["cases", "from"])]
    case: Option<u64>,
    /// Only this kind of case
    #[arg(long)]
    kind: Option<Kind>,
    /// Show differences and go on
    #[arg(long)]
    go_on: bool,
}

/// The kinds of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Components that hand values on
    Echo,
    /// Components that make, lend, give away and drop handles
    Handles,
    /// Core modules of our own shapes
    Shapes,
    /// Core modules of the public generator
    Smith,
}

/// In this order, over and over.
const TURNS: [Kind; 5] = [Kind::Echo, Kind::Shapes, Kind::Echo, Kind::Smith, Kind::Handles];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Echo => "echo",
            Kind::Handles => "handles",
            Kind::Shapes => "shapes",
            Kind::Smith => "smith",
        }
    }
}

/// How a case went.
pub enum Verdict {
    /// Both came to the same, in this way.
    Same(String),
    /// Bytes that make no case, or nothing that can be compared.
    Skipped(&'static str),
    /// They differ for a reason that is known.
    Known(&'static str),
    /// They differ.
    Differs(String),
}

/// Runs the subcommand.
pub fn main(args: &Args) -> ExitCode {
    match run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The bytes of a case.
fn bytes(seed: u64, case: u64, kind: Kind) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case.rotate_left(32));
    let most = match kind {
        Kind::Echo | Kind::Handles | Kind::Shapes => 2048,
        Kind::Smith => 16 << 10,
    };
    let length = 256 + random.index(most);
    (0..length).map(|_| random.next() as u8).collect()
}

#[derive(Default)]
struct Count {
    run: u64,
    same: BTreeMap<String, u64>,
    known: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<&'static str, u64>,
    differ: u64,
}

fn run(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let engine = peer::engine()?;
    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    let begin = Instant::now();
    let (mut case, passed) = (args.case.unwrap_or(args.from), Duration::from_secs(args.seconds));
    let first = case;
    let over = |case: u64| match (args.case, args.cases) {
        (Some(only), _) => case > only,
        (None, Some(most)) => case >= first + most,
        (None, None) => begin.elapsed() >= passed,
    };
    std::panic::set_hook(Box::new(|_| {}));
    while !over(case) {
        let kind = args.kind.unwrap_or(TURNS[(case % TURNS.len() as u64) as usize]);
        let data = bytes(args.seed, case, kind);
        let one = || one(kind, &engine, &data, args.case.is_some());
        let verdict = catch_unwind(AssertUnwindSafe(one))
            .unwrap_or_else(|said| Verdict::Differs(format!("a panic: {}", panic_words(&*said))));
        let count = counts.entry(kind).or_default();
        count.run += 1;
        match verdict {
            Verdict::Same(how) => *count.same.entry(how).or_default() += 1,
            Verdict::Known(why) => *count.known.entry(why).or_default() += 1,
            Verdict::Skipped(why) => *count.skipped.entry(why).or_default() += 1,
            Verdict::Differs(why) => {
                count.differ += 1;
                println!("{} {case}: {why}", kind.name());
                println!(
                    "again: conformance differential --seed {} --case {case} --kind {}",
                    args.seed,
                    kind.name()
                );
                if !args.go_on {
                    break;
                }
            }
        }
        case += 1;
    }
    let mut whole = true;
    for (kind, count) in &counts {
        let skipped: u64 = count.skipped.values().sum();
        println!(
            "{}: {} run, {} of them compared, {} differences",
            kind.name(),
            count.run,
            count.run - skipped,
            count.differ
        );
        for (how, times) in &count.same {
            println!("  {times:>8} the same: {how}");
        }
        for (why, times) in &count.known {
            println!("  {times:>8} known: {why}");
        }
        for (why, times) in &count.skipped {
            println!("  {times:>8} not compared: {why}");
        }
        whole &= count.differ == 0;
    }
    println!("seed {}, cases {first} to {case}, {:.0?}", args.seed, begin.elapsed());
    Ok(whole)
}

fn one(kind: Kind, engine: &Engine, data: &[u8], show: bool) -> Verdict {
    match kind {
        Kind::Echo => echo(engine, data, show),
        Kind::Handles => handles(engine, data, show),
        Kind::Shapes => module(engine, shapes::shaped(data), show),
        Kind::Smith => module(engine, shapes::public(data), show),
    }
}

fn echo(engine: &Engine, data: &[u8], show: bool) -> Verdict {
    let Some(echo) = Echo::new(data) else { return Verdict::Skipped("no value") };
    if show {
        println!(
            "{}\n{}\nargs: {:?}\nanswer: {:?}",
            echo.wit(),
            echo.text(),
            echo.args,
            echo.answer
        );
    }
    let bytes = match wat::parse_str(echo.text()) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Differs(format!("the text is wrong: {error}")),
    };
    let ours = echo.ours_of(&bytes);
    if echo.members.iter().any(|member| member.wide) {
        return match ours {
            Ok(_) => Verdict::Skipped(known::WIDE),
            Err(why) => Verdict::Differs(format!("ours: {why}")),
        };
    }
    let theirs = echo.theirs(engine, &bytes);
    if show {
        match &ours {
            Ok(ours) => println!("ours: {:?}\n{:?}", ours.seen, ours.exports),
            Err(why) => println!("ours: {why}"),
        }
        match &theirs {
            Ok((seen, exports)) => println!("theirs: {seen:?}\n{exports:?}"),
            Err(Refused::Load(why)) => println!("theirs: refused: {why}"),
        }
    }
    match (ours, theirs) {
        (Ok(ours), Ok((theirs, exports))) => {
            let names: Vec<String> = exports.iter().map(|e| bare(e).to_owned()).collect();
            let own: Vec<String> = ours.exports.iter().map(|e| before_colon(e)).collect();
            if names != own {
                return Verdict::Differs(format!("the exports: {own:?} and {names:?}"));
            }
            if ours.seen.agrees(&theirs) {
                return Verdict::Same(match &ours.seen.end {
                    End::Value(_) => "a value".to_owned(),
                    End::Trap(class, _) => format!("a trap: {class:?}"),
                });
            }
            match known::reason(&echo, &ours.seen, &theirs) {
                Some(why) => Verdict::Known(why),
                None => {
                    Verdict::Differs(format!("\n  ours:   {:?}\n  theirs: {theirs:?}", ours.seen))
                }
            }
        }
        (Ok(_), Err(Refused::Load(why))) => match known::refused(&why) {
            Some(why) => Verdict::Skipped(why),
            None => Verdict::Differs(format!("they refuse it: {why}")),
        },
        (Err(why), _) => Verdict::Differs(format!("ours: {why}")),
    }
}

fn handles(engine: &Engine, data: &[u8], show: bool) -> Verdict {
    let text = handle::text(data);
    let bytes = match wat::parse_str(&text) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Differs(format!("the text is wrong: {error}")),
    };
    let (ours, theirs) = (handle::ours(&bytes), handle_peer::theirs(engine, &bytes));
    if show {
        println!("{text}\nours:   {ours:?}\ntheirs: {theirs:?}");
    }
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => Verdict::Same(match ours.last() {
            Some(last) if last.starts_with('!') => last.clone(),
            _ => "a value".to_owned(),
        }),
        (Ok(ours), Ok(theirs)) => Verdict::Differs(format!("{ours:?} | {theirs:?}")),
        (Err(why), _) => Verdict::Differs(format!("ours: {why}")),
        (Ok(_), Err(why)) => Verdict::Differs(format!("they refuse it: {why:#}")),
    }
}

fn module(engine: &Engine, wrapped: Option<Wrapped>, show: bool) -> Verdict {
    let Some(wrapped) = wrapped else { return Verdict::Skipped("no module") };
    if show {
        let file = std::env::temp_dir().join("module.wasm");
        match std::fs::write(&file, &wrapped.bytes) {
            Ok(()) => println!("the module is {}", file.display()),
            Err(error) => println!("{error}"),
        }
    }
    let ours = wrapped.ours();
    let theirs = wrapped.theirs(engine);
    if show {
        println!("ours:   {ours:?}\ntheirs: {theirs:?}");
    }
    match (ours, theirs) {
        (Ok(None), _) => Verdict::Skipped("the interpreter cannot take it, and says so"),
        (Ok(Some(ours)), Ok(theirs)) if known::same(&ours, &theirs) => {
            let traps = ours.iter().filter(|line| line.contains('!')).count();
            Verdict::Same(match traps {
                0 => "all functions come back".to_owned(),
                _ if traps == ours.len() => "all functions trap".to_owned(),
                _ => "some functions trap".to_owned(),
            })
        }
        (Ok(Some(ours)), Ok(theirs)) => match known::of_modules(&ours, &theirs) {
            Some(why) => Verdict::Known(why),
            None => {
                let pairs = ours.iter().zip(&theirs).filter(|(one, other)| one != other);
                let pairs: Vec<String> =
                    pairs.take(3).map(|(one, other)| format!("{one} | {other}")).collect();
                Verdict::Differs(pairs.join("\n  "))
            }
        },
        (Err(why), _) => Verdict::Differs(format!("ours: {why}")),
        (Ok(Some(_)), Err(why)) => match known::refused(&why) {
            Some(why) => Verdict::Skipped(why),
            None => Verdict::Differs(format!("they refuse it: {why}")),
        },
    }
}

/// An export without how many parameters it has.
fn bare(export: &str) -> &str {
    let before = export.rsplit_once('/').map_or(export, |(name, _)| name);
    before.rsplit_once('/').map_or(before, |(name, _)| name)
}

fn before_colon(export: &str) -> String {
    export.split_once(": func").map_or(export, |(name, _)| name).to_owned()
}
