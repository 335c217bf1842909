//! What a stranger can send, at random: to the loader, to guests' values, to readers of
//! files and to servers.
//!
//! A [`Target`] takes any bytes and looks at one promise: that nothing panics, that what
//! is taken is what others take too, that two ways to the same end come to the same. The
//! bodies are functions of bytes, so that they run under libFuzzer (`fuzz/` in the
//! repository), here with changes of our own choice, and in the tests over what is kept.
//!
//! ```text
//! cargo run --release -p conformance -- fuzz --seconds 60 component
//! ```
//!
//! | file | the promise |
//! | --- | --- |
//! | `config` | a project's files give entries and problems, whatever is in them |
//! | `adapter` | what the adapter writes is a valid component |
//! | `component` | the loader takes what the reference validator takes; what runs, runs the same in any slices |
//! | `translate` | so do modules that a generator has made |
//! | `shapes` | and modules with the shapes that compilers make |
//! | `values` | a value comes back from text, JSON, bytes and through a guest |
//! | `echo` | values arrive through components in a row; what runs is the same in any slices, and in a replay |
//! | `handles` | handles of a resource are the same in any slices |
//! | `sections` | components that are almost right are taken or refused, as the reference validator does |
//! | `places` | a guest changes nothing but what it may, and is told the same in a fresh copy |
//! | `readers` | journals, binary forms, WAVE, JSON and Lua are read or refused |
//! | `generate` | types and values that bytes choose |
//! | `corpus` | what the changes begin with |
//! | `mutate` | the changes |

mod adapter;
mod component;
mod config;
mod corpus;
pub(crate) mod echo;
mod generate;
pub(crate) mod handles;
mod mutate;
mod places;
mod readers;
mod sections;
pub(crate) mod shapes;
mod translate;
mod values;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use self::mutate::Mutator;

/// Something that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, of the corpus and of the binary under libFuzzer too.
    pub name: &'static str,
    /// Panics if the promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    Target { name: "config", run: config::run },
    Target { name: "adapter", run: adapter::run },
    Target { name: "component", run: component::run },
    Target { name: "translate", run: translate::run },
    Target { name: "shapes", run: shapes::run },
    Target { name: "values", run: values::run },
    Target { name: "echo", run: echo::run },
    Target { name: "handles", run: handles::run },
    Target { name: "sections", run: sections::run },
    Target { name: "wasi1", run: places::wasi1 },
    Target { name: "wasi2", run: places::wasi2 },
    Target { name: "codec", run: readers::codec },
    Target { name: "journal", run: readers::journal },
    Target { name: "wave", run: readers::wave },
    Target { name: "json", run: readers::json },
    Target { name: "lua", run: readers::lua },
];

/// The target of this name, for the binaries under libFuzzer.
///
/// # Panics
///
/// If there is none.
pub fn target(name: &str) -> Target {
    Target::named(name).unwrap_or_else(|| panic!("there is no target {name}"))
}

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<Target> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// The inputs that the changes begin with.
    ///
    /// # Errors
    ///
    /// If the files cannot be read.
    pub fn seeds(&self) -> std::io::Result<Vec<Vec<u8>>> {
        corpus::seeds(self.name)
    }

    /// Runs the seeds, and then so many inputs that are made of them.
    ///
    /// # Errors
    ///
    /// With the input that breaks the promise.
    pub fn fuzz(&self, seed: u64, until: Until) -> Result<u64, Broken> {
        let seeds = self.seeds().map_err(|error| Broken::new(&[], error.to_string()))?;
        let mut mutator = Mutator::new(seed, seeds);
        let (begin, mut runs) = (Instant::now(), 0u64);
        while !until.is_over(runs, begin) {
            let input = mutator.next();
            let caught = catch_unwind(AssertUnwindSafe(|| (self.run)(&input)));
            caught.map_err(|said| Broken::new(&input, panic_words(&*said)))?;
            runs += 1;
        }
        Ok(runs)
    }
}

/// The words of a panic.
pub(crate) fn panic_words(said: &(dyn std::any::Any + Send)) -> String {
    let text = said.downcast_ref::<String>().cloned();
    text.or_else(|| said.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// An input that breaks the promise of its target.
#[derive(Debug)]
pub struct Broken {
    /// The bytes.
    pub input: Vec<u8>,
    /// The panic's words.
    pub why: String,
}

impl Broken {
    fn new(input: &[u8], why: String) -> Broken {
        Broken { input: input.to_vec(), why }
    }
}

/// How long a target is run.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many inputs.
    Runs(u64),
    /// So long.
    Passed(Duration),
}

impl Until {
    fn is_over(self, runs: u64, begin: Instant) -> bool {
        match self {
            Until::Runs(most) => runs >= most,
            Until::Passed(time) => begin.elapsed() >= time,
        }
    }
}

/// Sends random input to all that reads what a stranger has made.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The targets; all of them, unless something is named.
    names: Vec<String>,
    /// How long, for each target.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// So many inputs instead.
    #[arg(long, conflicts_with = "seconds")]
    runs: Option<u64>,
    /// Another seed is another run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run this one input.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the seeds of all targets to a directory, for libFuzzer.
    #[arg(long, value_name = "DIR")]
    seeds_to: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn main(args: &Args) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let targets = match args.names.as_slice() {
        [] => TARGETS.to_vec(),
        names => names
            .iter()
            .map(|name| {
                let known = TARGETS.map(|target| target.name).join(", ");
                Target::named(name).ok_or_else(|| format!("no target {name}; there are {known}"))
            })
            .collect::<Result<_, _>>()?,
    };
    if let Some(dir) = &args.seeds_to {
        for target in targets {
            let dir = dir.join(target.name);
            fs::create_dir_all(&dir)?;
            for (at, seed) in target.seeds()?.iter().enumerate() {
                fs::write(dir.join(format!("seed-{at}")), seed)?;
            }
        }
        return Ok(());
    }
    for target in targets {
        if let Some(file) = &args.input {
            (target.run)(&fs::read(file)?);
            continue;
        }
        let passed = Duration::from_secs(args.seconds);
        let until = args.runs.map_or(Until::Passed(passed), Until::Runs);
        let begin = Instant::now();
        match target.fuzz(args.seed, until) {
            Ok(runs) => {
                println!("{}: {runs} inputs in {:.1?}", target.name, begin.elapsed());
            }
            Err(Broken { input, why }) => {
                let file = PathBuf::from(format!("broken-{}-{}", target.name, args.seed));
                fs::write(&file, input)?;
                return Err(
                    format!("{}: {why}\nthe input is {}", target.name, file.display()).into()
                );
            }
        }
    }
    Ok(())
}
