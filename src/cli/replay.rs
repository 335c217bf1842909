//! `wippy replay`: a recorded run, once more.

use std::{
    collections::HashMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    args::ReplayArgs,
    exit::{Exit, Failure, Limiting},
    log::Logs,
    output,
    project::{linker, unreadable},
    recording,
    result::show,
    run, travel,
};
#[cfg(feature = "lua")]
use crate::lua::LuaProgram;
use crate::{
    account::Account,
    artifact::{Artifact, ArtifactError},
    command::{Command, Stdio, StdioCommand},
    component::LinkedComponent,
    host::{Loaded, ProcessSpec, Runtime},
    process::{Grants, Stack},
    replay::{
        Front, Player, PlayerError, Role, Stage, Still, Stop, Stopped,
        journal::{
            Code, CommandLine, Finished, FlightHeader, LuaCode, ProgramRecord, StartRecord,
            WasmCode,
        },
    },
    value::Term,
    world::{Input, Output, Streams, SystemDispatcher},
};

pub(super) fn replay(args: &ReplayArgs, logs: Logs) -> Result<Exit, Failure> {
    let name = args.journal.display().to_string();
    if args.repl {
        return travel::travel(args, logs);
    }
    let watches = args.until.is_some();
    let (mut terminal, mut played) = play(args, logs, &name, watches)?;
    if watches && matches!(played, Err(PlayerError::Differs(_))) {
        // What is changed in a program to see where it is may have made the difference.
        (terminal, played) = play(args, logs, &name, false)?;
    }
    // What has no end yet is written.
    terminal.worlds.clear();
    let stopped = played.map_err(|error| failure(args, &name, error))?;
    if !stopped.redacted.is_empty() {
        let names = stopped.redacted.join(", ");
        logs.warn(&format!("{name} was written without the value of {names}"));
    }
    if let Some(FlightHeader { ended, lost, .. }) = stopped.flight
        && ended.max(lost) > 0
    {
        logs.warn(&format!(
            "{name} is of a flight recorder, without {ended} processes that had ended well and \
             {lost} that did more than it keeps"
        ));
    }
    if let Some(processes) = &stopped.at {
        return still(args, &stopped, processes);
    }
    if terminal.changed {
        let Stopped { fuel, .. } = stopped;
        logs.warn(&format!(
            "another program than in {name} asks and answers the same, and takes {fuel} units of \
             fuel"
        ));
    }
    if args.json {
        let Stopped { fuel, steps, processes, finished, .. } = &stopped;
        let code = finished.as_ref().map(|finished| finished.code);
        let line = json!({
            "replayed": {"fuel": fuel, "steps": steps, "processes": processes, "exit": code},
        });
        output::json(&format!("{line}\n"))?;
    }
    ended(&terminal, &name, stopped)
}

/// A replay that has ended.
type Ended<'a> = (Terminal<'a>, Result<Stopped, PlayerError>);

/// Plays the journal, with processes that know the functions that they are in if it
/// `watches`.
fn play<'a>(
    args: &'a ReplayArgs,
    logs: Logs,
    name: &str,
    watches: bool,
) -> Result<Ended<'a>, Failure> {
    let file = open(&args.journal)?;
    let stop = Stop { until: args.until, log: args.log || args.json };
    let player = Player::new(file, Terminal::new(args, logs, watches)?, stop);
    Ok(player.map_err(|error| failure(args, name, error))?.play())
}

/// The journal.
pub(super) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let why = |why| Failure::config(format!("{}: it cannot be opened: {why}", path.display()));
    File::open(path).map(BufReader::new).map_err(why)
}

/// A program to be played; and true if it is another than it was.
type Played = Result<(Box<dyn Role>, bool), String>;

/// Where the journal is played.
pub(super) struct Terminal<'a> {
    args: &'a ReplayArgs,
    logs: Logs,
    runtime: Runtime,
    line: CommandLine,
    /// The names of all programs; those in WebAssembly, by their numbers.
    names: Vec<String>,
    programs: HashMap<u64, (String, Loaded, LinkedComponent)>,
    /// The standard streams of the processes.
    worlds: HashMap<u64, SystemDispatcher>,
    /// A program is another than it was.
    changed: bool,
    /// Processes know the functions that they are in, if that can be.
    watches: bool,
}

impl<'a> Terminal<'a> {
    pub(super) fn new(
        args: &'a ReplayArgs,
        logs: Logs,
        watches: bool,
    ) -> Result<Terminal<'a>, Failure> {
        Ok(Terminal {
            args,
            logs,
            runtime: Runtime::new(recording::showing(), linker()?).with_cache(),
            line: CommandLine::default(),
            names: Vec::new(),
            programs: HashMap::new(),
            worlds: HashMap::new(),
            changed: false,
            watches,
        })
    }

    /// The file of a program, and whether it is another than it was.
    fn file(&self, name: &str, code: &WasmCode) -> Result<(Artifact, bool), String> {
        let WasmCode { hash, path, bytes, .. } = code;
        let said = |path: &Path, error: &ArtifactError| match unreadable(error) {
            Failure::Message(_, why) => format!("{name}: {why}"),
            _ => format!("{name}: {} cannot be read", path.display()),
        };
        if let Some(given) = self.given(name)? {
            let artifact = Artifact::from_file(given).map_err(|error| said(given, &error))?;
            let changed = artifact.hash.to_string() != *hash;
            return Ok((artifact, changed));
        }
        let artifact = match (bytes, path) {
            (Some(bytes), _) => Artifact::from_bytes(bytes.as_slice())
                .map_err(|error| format!("{name}: its bytes in the journal: {}", error.found()))?,
            (None, Some(path)) => {
                let path = Path::new(path);
                Artifact::from_file(path).map_err(|error| {
                    let why = said(path, &error);
                    format!("{why}\n              or give its file with --module, or record with --embed")
                })?
            }
            (None, None) => {
                return Err(format!(
                    "{name}: nothing says where its file is: give it with --module"
                ));
            }
        };
        if artifact.hash.to_string() == *hash {
            return Ok((artifact, false));
        }
        let found = artifact.hash;
        Err(format!(
            "{name}: its file is another than the one that was run\n    recorded: {hash}\n    now:      \
             {found}\n    fix:      give the right file with --module; or give this one, to see \
             where it first does something else"
        ))
    }

    /// A program in WebAssembly.
    fn wasm(&mut self, id: u64, name: &str, code: &WasmCode) -> Played {
        let (artifact, changed) = self.file(name, code)?;
        let stack = usize::try_from(code.stack).unwrap_or(usize::MAX);
        let loaded = self.runtime.load(&artifact, code.wit.as_deref(), stack);
        let loaded = loaded.map_err(|error| format!("{name}: {error}"))?;
        let grants = match &code.grants {
            None => Grants::all(),
            Some((entry, lines)) => Grants::new(entry, lines),
        };
        let linked = self.runtime.link(&loaded.component, &grants);
        let linked = linked.map_err(|error| format!("{name}: {error}"))?;
        self.programs.insert(id, (name.to_owned(), loaded, linked.clone()));
        Ok((Box::new(linked), changed))
    }

    /// A program in Lua, whose texts are in the journal.
    #[cfg(feature = "lua")]
    fn lua(&self, name: &str, code: &LuaCode) -> Played {
        let mut code = code.clone();
        let mut changed = false;
        if let Some(file) = self.given(name)? {
            let text = std::fs::read_to_string(file)
                .map_err(|why| format!("{name}: {} cannot be read: {why}", file.display()))?;
            if let Some(unit) = code.units.iter_mut().find(|unit| unit.name == name) {
                changed = unit.source != text;
                unit.source = text;
            }
        }
        let program = LuaProgram::recorded(name, &code);
        let program = program.map_err(|error| format!("{name}: {error}"))?;
        Ok((Box::new(program), changed))
    }

    /// No Lua can be run.
    #[cfg(not(feature = "lua"))]
    fn lua(&self, name: &str, _: &LuaCode) -> Played {
        Err(format!("{name} is Lua, which this wippy has been built without"))
    }

    /// The file that `--module` gives for a program.
    fn given(&self, name: &str) -> Result<Option<&Path>, String> {
        let named = |module: &&ModuleArg| module.program.as_deref() == Some(name);
        if let Some(module) = self.args.module.iter().rfind(named) {
            return Ok(Some(&module.file));
        }
        let Some(module) = self.args.module.iter().rfind(|module| module.program.is_none()) else {
            return Ok(None);
        };
        match self.names.iter().find(|other| *other != name) {
            None => Ok(Some(&module.file)),
            Some(other) => Err(format!(
                "--module: there are several programs, {other} and {name}: write --module \
                 {name}={}",
                module.file.display()
            )),
        }
    }
}

impl Stage for Terminal<'_> {
    fn program(&mut self, program: &ProgramRecord) -> Result<(Box<dyn Role>, bool), String> {
        let name = &program.name;
        let (role, changed) = match &program.code {
            Code::Wasm(code) => self.wasm(program.id, name, code)?,
            Code::Lua(code) => self.lua(name, code)?,
        };
        let role = match role.watched() {
            Ok(watched) if self.watches => watched,
            Err(why) if self.watches => {
                self.logs.warn(&format!("{name}: its functions cannot be told: {why}"));
                role
            }
            Ok(_) | Err(_) => role,
        };
        self.changed |= changed;
        self.names.push(name.clone());
        Ok((role, changed))
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        let given = self.args.env.iter().rfind(|(given, _)| given == name);
        given.map(|(_, value)| value.clone())
    }

    fn called(&mut self, line: &CommandLine) {
        self.line = line.clone();
        if line.logs && !self.args.log && !self.args.json {
            self.logs.show();
        }
    }

    fn started(&mut self, start: &StartRecord) {
        let pid = start.data.identity.as_ref().map_or("", |identity| identity.pid.as_str());
        let streams = match start.front {
            true => {
                Streams { stdin: Input::Empty, stdout: Output::Inherit, stderr: Output::Inherit }
            }
            false => Streams::logged(pid, &Account::default()),
        };
        self.worlds.insert(start.process, SystemDispatcher::new(streams));
    }

    fn wrote(&mut self, process: u64, to: Stdio, bytes: Vec<u8>) {
        if self.args.log || self.args.json || self.args.until.is_some() {
            return;
        }
        let Some(world) = self.worlds.get(&process) else { return };
        let write = Command::from(StdioCommand::Write { to, bytes });
        if let Err(write) = world.now(write) {
            // Whether somebody reads it is none of the process's affair.
            drop(smol::block_on(world.later(write)));
        }
    }

    fn asked(&mut self, process: &str, fuel: u64, asked: &str, answer: &str) {
        let text = match self.args.json {
            true => {
                let line = json!({
                    "process": process, "fuel": fuel, "asked": asked, "answer": answer,
                });
                format!("{line}\n")
            }
            false => format!("{process} {fuel:>12}  {asked}  ->  {answer}\n"),
        };
        // A reader that has gone away is no error.
        drop(match self.args.json {
            true => output::json(&text),
            false => output::show(&text),
        });
    }
}

/// Tells where the processes are.
fn still(args: &ReplayArgs, stopped: &Stopped, processes: &[Still]) -> Result<Exit, Failure> {
    let mut text = String::new();
    for still in processes {
        match args.json {
            true => text.push_str(&format!("{}\n", json_of(still))),
            false => text.push_str(&shown(still)),
        }
    }
    if processes.is_empty() && !args.json {
        text = format!("no process lives after {} units of fuel\n", stopped.fuel);
    }
    match args.json {
        true => output::json(&text)?,
        false => output::show(&text)?,
    }
    Ok(Exit::Ok)
}

fn json_of(still: &Still) -> serde_json::Value {
    let Still { process, fuel, hash, memory, unread, pending, stack } = still;
    json!({
        "process": process, "fuel": fuel, "state": format!("{hash:016x}"),
        "memory": memory, "unread": unread, "pending": pending,
        "stack": stack.as_ref().map(|stack| &stack.frames),
    })
}

/// A process as people read it.
pub(super) fn shown(still: &Still) -> String {
    let Still { process, fuel, hash, memory, unread, pending, stack } = still;
    let mut text = format!(
        "{process}\n  fuel     {fuel}\n  state    {hash:016x}\n  memory   {memory} bytes\n  \
         unread   {unread}\n"
    );
    for asked in pending {
        text.push_str(&format!("  waits    {asked}\n"));
    }
    if let Some(stack) = stack {
        text.push_str(&shown_stack(stack));
    }
    text
}

/// A stack as people read it.
pub(super) fn shown_stack(Stack { frames, more }: &Stack) -> String {
    let mut text = String::new();
    for frame in frames {
        let heading = if text.is_empty() { "stack" } else { "" };
        text.push_str(&format!("  {heading:<7}  {frame}\n"));
    }
    if *more > 0 {
        text.push_str(&format!("           and {more} more\n"));
    }
    text
}

/// Ends as the run has ended.
fn ended(terminal: &Terminal<'_>, name: &str, stopped: Stopped) -> Result<Exit, Failure> {
    let Stopped { fuel, steps, front, finished, flight, .. } = stopped;
    let result = front.map(|front| result(terminal, front));
    let Some(Finished { code, message }) = finished else {
        if let Some(Err(failure)) = &result {
            output::failure(failure);
        }
        return Err(Failure::Message(
            Exit::Differs,
            format!(
                "{name} ends before the run does, which was killed or could not write on; up to \
                 here, {steps} steps and {fuel} units of fuel, all is the same"
            ),
        ));
    };
    let Some(result) = result else {
        return match message {
            Some(text) => Err(Failure::Message(Exit::Recorded(code), text)),
            None => Err(Failure::Silent(Exit::Recorded(code))),
        };
    };
    let now = result.as_ref().map_or_else(Failure::exit, |exit| *exit).code();
    if now != code && flight.is_none() && !terminal.changed && code != Exit::Output.code() {
        if let Err(failure) = &result {
            output::failure(failure);
        }
        return Err(Failure::Message(
            Exit::Differs,
            format!("{name}: the exit code of the run was {code}, and is {now} now"),
        ));
    }
    result
}

/// The result of the process in front, as the run has told it.
fn result(terminal: &Terminal<'_>, front: Front) -> Result<Exit, Failure> {
    let Front { program, name, method, outcome, exited } = front;
    let Terminal { line, programs, .. } = terminal;
    let limits = Limiting { fuel: line.fuel, memory: line.memory, time: line.time };
    match &outcome {
        Ok(Some(value)) => {
            let Some((name, loaded, linked)) = programs.get(&program) else {
                return Err(Failure::config(format!("{name} returns a value that has no type")));
            };
            let spec = ProcessSpec::new(name, loaded, linked.clone(), &method);
            let spec = spec.map_err(|error| Failure::prepare(name, &error))?;
            show(&spec, value, line.json)
        }
        Ok(None) => run::finish(line.json, &name, &Ok(exited.unwrap_or(Term::Nil))),
        Err(error) => Err(Failure::process(&name, error, &limits)),
    }
}

/// Why the replay fails.
pub(super) fn failure(args: &ReplayArgs, name: &str, error: PlayerError) -> Failure {
    let exit = match &error {
        PlayerError::Journal(_) | PlayerError::Unfit(_) | PlayerError::Program(_) => Exit::Config,
        PlayerError::Differs(difference) => {
            if args.json {
                let line = json!({"differs": {
                    "process": difference.process, "fuel": difference.fuel,
                    "recorded": difference.expected, "now": difference.found,
                    "because": difference.hint, "before": difference.last,
                }});
                // It is said once more on stderr.
                drop(output::json(&format!("{line}\n")));
            }
            Exit::Differs
        }
    };
    match error {
        PlayerError::Program(why) => Failure::Message(exit, why),
        error => Failure::Message(exit, format!("{name}: {error}")),
    }
}

/// The value of `--module`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModuleArg {
    /// Its program, if it is named.
    pub program: Option<String>,
    pub file: PathBuf,
}
