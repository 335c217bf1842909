//! `wippy simulate`: a scenario under many schedules, with faults.

use std::{
    ffi::OsString,
    fmt::Write,
    fs::File,
    io::IsTerminal,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{
    args::SimulateArgs,
    exit::{Exit, Failure},
    log::Logs,
    output,
    project::{linker, load},
    recording,
    run::{arguments, texts, warn_of_words},
};
use crate::{
    command::ProcessError,
    host::{
        Programs, ProjectPrograms, RecordOptions, Recorder, Runtime, Trace,
        simulate::{
            Checks, Found, Line, Progress, Refused, Run, Shrunk, Simulation, Written, search,
            shrink,
        },
    },
    lock::lock,
    registry::{Entry, EntryKind, Id, Project},
    replay::journal::{CommandLine, Finished},
    value::Term,
    visible,
};

/// Failures of different sorts that are made simpler and told at length.
const MOST_TOLD: usize = 5;

/// Deviations of a failing run that its report lists; one that shrinks badly has thousands.
const MOST_CHOICES: usize = 100;

/// Seeds of failures that are listed.
const MOST_LISTED: usize = 20;

/// How often it is told how a search goes.
const OFTEN: Duration = Duration::from_millis(200);

pub(super) fn simulate(dir: &Path, args: &SimulateArgs, logs: Logs) -> Result<Exit, Failure> {
    let project = load(dir, logs)?;
    let id: Id = args.scenario.parse().map_err(|why| {
        let mut text = format!("`{}` is not an id: {why}", args.scenario);
        if let Ok(command) = project.command(&args.scenario) {
            let entry = &command.entry;
            text.push_str(&format!("\n    fix:      name the entry of the command: {entry}"));
        }
        Failure::usage(text)
    })?;
    let entry = scenario(&project, &id)?;
    let is_lua = matches!(entry.kind, EntryKind::ProcessLua(_));
    if let EntryKind::ProcessLua(process) = &entry.kind {
        warn_of_words(process, &args.scenario, args.args.len(), logs);
    }
    let runtime = Runtime::new(recording::showing(), linker()?).with_cache().keeping_files();
    let programs = ProjectPrograms::new(project, runtime);
    let mut simulation = of(programs.clone(), &id, &args.args, is_lua)?;
    simulation.options.faults = args.faults.clone();
    simulation.options.time = args.time.unwrap_or(simulation.options.time);
    simulation.options.work = args.work.unwrap_or(simulation.options.work);
    for service in simulation.left_out() {
        logs.warn(&format!("{service}: its files are not served in a simulation"));
    }
    let telling = Telling { simulation: &simulation, programs: &programs, args, id: &id, logs };
    match args.seed {
        Some(seed) => telling.one(seed),
        None => telling.many(args.seeds),
    }
}

/// The entry of the scenario.
fn scenario<'a>(project: &'a Project, id: &Id) -> Result<&'a Entry, Failure> {
    let entry = project.entry(id);
    match entry.map(|entry| (entry, &entry.kind)) {
        Some((entry, EntryKind::ProcessLua(_) | EntryKind::ProcessWasm(_))) => Ok(entry),
        Some((_, EntryKind::ProcessService(service))) => Err(Failure::usage(format!(
            "{id} is a service, and runs beside every scenario that has its project\n    fix:      \
             name a process that does something with it; its own is {}",
            service.process
        ))),
        // It says what it is, or what is meant.
        _ => match project.process_wasm(id) {
            Err(problem) => Err(problem.into()),
            Ok(_) => Err(Failure::usage(format!("{id} is no process"))),
        },
    }
}

/// The simulation of an entry that is given these words.
fn of(
    programs: ProjectPrograms,
    id: &Id,
    words: &[OsString],
    is_lua: bool,
) -> Result<Simulation, Failure> {
    let fault = |fault: ProcessError| Failure::config(fault.message);
    if is_lua {
        let terms = texts(words)?.into_iter().map(Term::from).collect();
        return Simulation::new(programs, id, terms).map_err(fault);
    }
    let mut spec = programs.runtime().spec(programs.project(), id)?;
    let input = match spec.raw_arguments {
        true => {
            spec.given.args.extend(texts(words)?);
            Vec::new()
        }
        false => {
            let example = format!("wippy run --exec {id}");
            arguments(&spec.function, words, &example)?
        }
    };
    // For other processes of it.
    drop(programs.load(&id.to_string()).map_err(fault)?);
    Ok(Simulation::of(programs, id, move |context| spec.start(input.clone(), context)))
}

fn refused(Refused(why): Refused) -> Failure {
    Failure::config(why)
}

/// Runs seeds and tells of them.
struct Telling<'a> {
    simulation: &'a Simulation,
    programs: &'a ProjectPrograms,
    args: &'a SimulateArgs,
    id: &'a Id,
    logs: Logs,
}

impl Telling<'_> {
    /// One seed: what it does, with `-v`, and how it ends.
    fn one(&self, seed: u64) -> Result<Exit, Failure> {
        let lines = self.logs.verbose > 0;
        let written = Written { lines, ..Written::default() };
        let run = self.simulation.run_and_write(seed, written).map_err(refused)?;
        let mut page = String::new();
        for line in &run.lines {
            tell_line(&mut page, line);
        }
        let (time, fuel, steps) = (run.time, run.fuel, run.steps);
        let hash = run.hash;
        let counts = format!("{time:?}, {steps} steps, {fuel} units of fuel, {hash:016x}");
        let how = if run.result.is_ok() { "ends well" } else { "fails" };
        put(&mut page, &format!("seed {seed} {how}: {counts}"));
        output::show(&page)?;
        if run.result.is_ok() {
            return Ok(Exit::Ok);
        }
        self.shrunk(&run)?;
        Err(Failure::Silent(Exit::Err))
    }

    /// Many seeds.
    fn many(&self, seeds: u64) -> Result<Exit, Failure> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.args.jobs.unwrap_or(processors);
        let bar = Bar::new(seeds, self.logs);
        let found = search(self.simulation, seeds, threads, &|progress| bar.tell(progress));
        bar.clear();
        let found = found.map_err(refused)?;
        output::show(&summary(&found))?;
        self.logs.say(&pace(&found));
        for (seed, _) in found.different().into_iter().take(MOST_TOLD) {
            let run = self.simulation.run(seed).map_err(refused)?;
            self.shrunk(&run)?;
        }
        match found.failures.is_empty() {
            true => Ok(Exit::Ok),
            false => Err(Failure::Silent(Exit::Err)),
        }
    }

    /// Makes a failing run simpler, and tells of it.
    fn shrunk(&self, run: &Run) -> Result<(), Failure> {
        let shrunk = shrink(self.simulation, run).map_err(refused)?;
        let written = Written { lines: true, ..Written::default() };
        let (seed, script) = (shrunk.numbers, &shrunk.script);
        let again = self.simulation.run_script(seed, script, written).map_err(refused)?;
        let mut page = report(&shrunk, &again.lines);
        if let Some(dir) = &self.args.save {
            self.save(dir, &shrunk, &mut page)?;
        }
        put(
            &mut page,
            &format!("  again     wippy simulate --seed {} {} -v", shrunk.seed, self.id),
        );
        output::show(&page)
    }

    /// Writes the journal and the trace of a run that was made simpler.
    fn save(&self, dir: &Path, shrunk: &Shrunk, page: &mut String) -> Result<(), Failure> {
        let create = |name: String| -> Result<(PathBuf, File), Failure> {
            let path = dir.join(name);
            match File::create(&path) {
                Ok(file) => Ok((path, file)),
                Err(why) => {
                    let path = path.display();
                    Err(Failure::config(format!("--save: `{path}` cannot be written: {why}")))
                }
            }
        };
        let seed = shrunk.seed;
        let (journal, file) = create(format!("seed-{seed}.wreplay"))?;
        let options = RecordOptions { embed: true, redact: Vec::new() };
        let max_slice = self.programs.runtime().engine().max_slice();
        let unwritten = |why: std::io::Error| Failure::config(format!("--save: {why}"));
        let recorder = Recorder::new(file, max_slice, options).map_err(unwritten)?;
        recorder.called(CommandLine::default());
        let (path, file) = create(format!("seed-{seed}.json"))?;
        let trace = std::sync::Arc::new(Trace::new(file).map_err(unwritten)?);
        let with = |recorder| Written { recorder, trace: Some(trace.clone()), lines: false };
        let run =
            |recorder| self.simulation.run_script(shrunk.numbers, &shrunk.script, with(recorder));
        match run(Some(recorder.clone())) {
            Ok(_) => {
                let message = Some(format!("seed {seed} fails: {}", shrunk.failure));
                let finished = Finished { code: Exit::Err.code(), message };
                recorder.finish(finished).map_err(unwritten)?;
                let journal = journal.display();
                put(page, &format!("  journal   {journal}, for wippy replay"));
            }
            Err(Refused(why)) => {
                self.logs.warn(&format!("there is no journal: {why}"));
                drop(std::fs::remove_file(&journal));
                run(None).map_err(refused)?;
            }
        }
        trace.finish().map_err(unwritten)?;
        put(page, &format!("  trace     {}, for Perfetto", path.display()));
        Ok(())
    }
}

/// A text of a program, harmless and on one line.
fn shown(text: &str) -> String {
    visible::name(text).into_owned()
}

fn put(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

fn tell_line(page: &mut String, line: &Line) {
    // To write to a text never fails.
    let _ = writeln!(page, "{:>14}  {}", format!("{:?}", line.time), shown(&line.what));
}

/// A failing run, and how it comes to fail.
fn report(shrunk: &Shrunk, lines: &[Line]) -> String {
    let Shrunk { seed, script, runs, before, failure, .. } = shrunk;
    let mut page = String::from("\n");
    put(&mut page, &format!("seed {seed} fails: {}", shown(&failure.to_string())));
    put(&mut page, &format!("  process   {}", failure.process));
    let (time, fuel, step) = (failure.time, failure.fuel, failure.step);
    put(
        &mut page,
        &format!("  when      {time:?}, after {fuel} units of its fuel, in step {step} of all"),
    );
    let count = script.len();
    let from = match before {
        before if *before == count => String::new(),
        before => format!(" of {before}"),
    };
    let what = if count == 1 && from.is_empty() { "deviation" } else { "deviations" };
    put(&mut page, &format!("  schedule  {count}{from} {what}, found in {runs} runs"));
    let choices = || lines.iter().filter(|line| line.choice.is_some());
    choices().take(MOST_CHOICES).for_each(|line| tell_line(&mut page, line));
    let more = choices().count().saturating_sub(MOST_CHOICES);
    if more > 0 {
        put(&mut page, &format!("{:>14}  and {more} more, which its trace shows", ""));
    }
    page
}

/// The findings of a search.
fn summary(found: &Found) -> String {
    let Found { progress, failures, checks, time, .. } = found;
    let Progress { seeds, failed, covered, .. } = progress;
    let mut page = String::new();
    let s = if *seeds == 1 { "" } else { "s" };
    put(
        &mut page,
        &format!("{seeds} seed{s}, {failed} failed, {time:?} simulated, {covered} choices covered"),
    );
    for (seed, failure) in failures.iter().take(MOST_LISTED) {
        put(&mut page, &format!("  {seed:<8}  {}", shown(&failure.to_string())));
    }
    if failures.len() > MOST_LISTED {
        put(&mut page, &format!("  and {} more", failures.len().saturating_sub(MOST_LISTED)));
    }
    let Checks { reachable, .. } = checks;
    for (name, count) in reachable {
        put(&mut page, &format!("reachable \"{}\": {count} times", shown(name)));
    }
    for name in checks.never() {
        put(&mut page, &format!("sometimes \"{}\" never held", shown(name)));
    }
    page
}

/// How fast it went: on stderr, as it is never twice the same.
fn pace(found: &Found) -> String {
    let Progress { seeds, took, .. } = found.progress;
    let seconds = took.as_secs_f64().max(1e-9);
    let (rate, times) = (seeds as f64 / seconds, found.time.as_secs_f64() / seconds);
    format!("{rate:.0} seeds and {times:.0} simulated seconds a second, for {seconds:.1} s")
}

/// A line on the terminal that says how a search goes.
struct Bar {
    seeds: u64,
    shown: bool,
    last: Mutex<Instant>,
}

impl Bar {
    fn new(seeds: u64, logs: Logs) -> Bar {
        let shown = !logs.silent && std::io::stderr().is_terminal();
        Bar { seeds, shown, last: Mutex::new(Instant::now()) }
    }

    fn tell(&self, progress: Progress) {
        let Progress { seeds, failed, covered, took } = progress;
        {
            let last = &mut *lock(&self.last);
            if !self.shown || last.elapsed() < OFTEN {
                return;
            }
            *last = Instant::now();
        }
        let rate = seeds as f64 / took.as_secs_f64().max(1e-9);
        let all = self.seeds;
        output::progress(&format!(
            "{seeds} of {all} seeds, {rate:.0} a second, {failed} failed, {covered} choices covered"
        ));
    }

    fn clear(&self) {
        if self.shown {
            output::progress("");
        }
    }
}
