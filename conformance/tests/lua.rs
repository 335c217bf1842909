//! Lua processes, one program at a time.
//!
//! Each `lua/NAME.lua` is run in a small world without a host; `NAME.txt` is what
//! it prints, and how it ends. The first line may be `-- modules: time json`.
//! `BLESS=1 cargo test -p conformance --test lua` writes the texts anew.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::Path,
    time::Duration,
};

use wippy::{
    command::{
        ActorCommand, Clock, ClockCommand, Command, Completion, ErrorKind, Mail, Message, Pid,
        ProcessError, ProjectCommand, RandomCommand, Ready, Reply, Spawn, Stdio, StdioCommand, Tag,
        Wait,
    },
    imports::wasi::WasiConfig,
    lua::{LuaConfig, LuaProcess, LuaProgram},
    process::{Args, Call, Event, Fuel, Identity, Process, StartData, Status, StepOutput},
    registry::Project,
    value::Term,
};

const PID: &str = "{test@1}";
/// A step may use one slice, and what a single operation is late.
const SLICE: u64 = 20_000;

/// Dispatcher commands: a clock that runs only while everybody waits, an input, and
/// processes that add numbers.
#[derive(Default)]
struct World {
    now: u64,
    sleepers: Vec<(u64, Tag)>,
    input: VecDeque<&'static str>,
    output: Vec<u8>,
    names: BTreeMap<String, Pid>,
    spawned: u32,
    events: Vec<Event>,
}

impl World {
    fn answer(&mut self, tag: Tag, command: Command) {
        let reply = match command {
            Command::Clock(ClockCommand::Now(Clock::Wall)) => {
                Reply::Time(1_700_000_000_000_000_000 + self.now)
            }
            Command::Clock(ClockCommand::Now(Clock::Monotonic)) => Reply::Time(self.now),
            Command::Wait(Wait { until: Some(until), .. }) => {
                self.sleepers.push((until, tag));
                return;
            }
            Command::Random(RandomCommand::Bytes { len, .. }) => {
                Reply::Bytes(vec![7; len as usize])
            }
            Command::Stdio(StdioCommand::Write { to, bytes }) => {
                if to == Stdio::Stderr {
                    self.output.extend(b"stderr: ");
                }
                self.output.extend(bytes);
                Reply::Done
            }
            Command::Stdio(StdioCommand::Read { .. }) => {
                Reply::Bytes(self.input.pop_front().unwrap_or_default().into())
            }
            Command::Actor(actor) => self.actor(actor),
            // No process has set any.
            Command::Project(ProjectCommand::Variable(_)) => Reply::Done,
            // Checks of `sim`.
            Command::Call(call) => {
                self.output.extend(format!("{} {:?}\n", call.function, call.args).bytes());
                Reply::Value(None)
            }
            other => Reply::Refused(format!("{other:?}")),
        };
        self.complete(tag, reply);
    }

    fn complete(&mut self, tag: Tag, reply: Reply) {
        self.events.push(Event::Completion(Completion { tag, reply }));
    }

    fn actor(&mut self, command: ActorCommand) -> Reply {
        let missing = |what: &str| {
            Reply::ProcessError(ProcessError::new(ErrorKind::NotFound, format!("no {what}")))
        };
        match command {
            ActorCommand::Spawn(spawn) if spawn.entry.ends_with("worker") => {
                self.spawned += 1;
                let pid = Pid::new(format!("{{test@{}}}", self.spawned + 1));
                if spawn.monitor {
                    let (from, result) = (pid.clone(), sum(&spawn).into());
                    self.events.push(Event::Mail(Mail::Exit { from, result }));
                }
                Reply::Pid(pid)
            }
            ActorCommand::Exec(spawn) if spawn.entry.ends_with("worker") => {
                Reply::Ended(sum(&spawn).into())
            }
            ActorCommand::Spawn(spawn) | ActorCommand::Exec(spawn) => missing(&spawn.entry),
            ActorCommand::Send { to, topic, payload } => {
                if &*to != PID && !self.names.contains_key(&*to) {
                    return missing(&to);
                }
                let from = Some(Pid::new(PID));
                self.events.push(Event::Mail(Mail::Message(Message::new(from, topic, payload))));
                Reply::Done
            }
            ActorCommand::Cancel { reason, .. } => {
                self.events.push(Event::Mail(Mail::Cancel { from: None, reason }));
                Reply::Done
            }
            ActorCommand::Register(name) => {
                self.names.insert(name, Pid::new(PID));
                Reply::Done
            }
            ActorCommand::Unregister(name) => Reply::Bool(self.names.remove(&name).is_some()),
            ActorCommand::Lookup(name) => match self.names.get(&name) {
                Some(pid) => Reply::Pid(pid.clone()),
                None => missing(&name),
            },
            _ => Reply::Done,
        }
    }

    /// Lets time pass until the first sleeper wakes; false if nobody sleeps.
    fn pass(&mut self) -> bool {
        let Some((until, tag)) = self.sleepers.iter().min().copied() else { return false };
        self.sleepers.retain(|sleeper| sleeper.1 != tag);
        self.now = self.now.max(until);
        self.complete(tag, Reply::Ready(Ready::TIME));
        true
    }
}

/// The result of a worker: the sum of its arguments, or an error.
fn sum(spawn: &Spawn) -> Result<Term, ProcessError> {
    let mut sum = 0;
    for arg in &spawn.args {
        match arg {
            Term::Int(value) => sum += value,
            Term::Uint(_) => return Ok(Term::Uint(u64::MAX)),
            other => {
                let mut fault = ProcessError::new(ErrorKind::RateLimited, "numbers only");
                fault.details = Term::record([("argument", other.clone())]);
                return Err(fault);
            }
        }
    }
    Ok(if sum == -1 { Term::Uint(u64::MAX) } else { sum.into() })
}

/// Runs a program; what it prints and how it ends.
fn run(name: &str, source: &str) -> String {
    let modules = source.lines().find_map(|line| line.strip_prefix("-- modules: "));
    let modules = modules.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let library = "local time = require('time')\nlocal M = { loads = 0 }\n\
        M.loads = M.loads + 1\nfunction M.twice(x) return 2 * x end\n\
        function M.fail() error('from the library') end\nfunction M.global() seen = 1 end\nreturn M";
    let slow = "require('time').sleep('1ms')\nloads = (loads or 0) + 1\nreturn { loads = loads }";
    let broken = "error('never')";
    let circle = "return require('app:circle')";
    let libraries = [("util", library), ("slow", slow), ("broken", broken), ("circle", circle)];
    let libraries = libraries.map(|(name, text)| (format!("app:{name}"), text.to_owned())).into();
    let config = LuaConfig {
        name: format!("test:{name}"),
        source: source.to_owned(),
        method: "main".to_owned(),
        modules,
        libraries,
        max_memory: Some(32 << 20),
    };
    let program = match LuaProgram::new(&config) {
        Ok(program) => program,
        Err(error) => return format!("not compiled: {error}\n"),
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let method = program.method().to_owned();
    let (pid, entry) = (Pid::new(PID), config.name.clone());
    let data = StartData {
        call: Some(Call { method, args: Args::Terms(vec![Term::Int(6), Term::Int(7)]) }),
        identity: Some(Identity { pid, host: "test:host".into(), entry }),
        wasi: Some(WasiConfig {
            args: texts(&["test", "one", "two"]),
            env: [("GREETING".to_owned(), "hello".to_owned())].into(),
            ..WasiConfig::default()
        }),
        ..StartData::default()
    };
    let mut world =
        World { input: ["first\nsec", "ond\r\n", "rest\nend"].into(), ..World::default() };
    let mut process = match LuaProcess::start(&program, data.into()) {
        Ok(process) => process,
        Err(error) => return format!("not started: {error}\n"),
    };
    let mut out = StepOutput::default();
    let (mut steps, mut idle) = (0_u64, false);
    let ending = loop {
        process.step(&mut world.events, Fuel(SLICE), &mut out);
        steps += 1;
        assert!(steps < 200_000, "{name} does not end");
        for asked in std::mem::take(&mut out.yields) {
            world.answer(asked.tag, asked.command);
        }
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Exited(term) => break format!("returned {term:?}"),
            Status::Done(Ok(value)) => break format!("ended with {value:?}"),
            Status::Done(Err(error)) => {
                break format!(
                    "failed: {} (retryable: {})\n{error}",
                    error.kind(),
                    error.retryable()
                );
            }
            Status::Blocked | Status::Idle if world.events.is_empty() && !world.pass() => {
                // Nothing happens any more: it is asked to end, and then told to.
                let reason = "nothing happens".to_owned();
                world.events.push(match idle {
                    false => Event::Mail(Mail::Cancel { from: None, reason }),
                    true => Event::Cancel { reason },
                });
                idle = true;
            }
            // Time passes as well while some are busy.
            Status::Continue if world.events.is_empty() => _ = world.pass(),
            _ => {}
        }
    };
    format!("{}{ending}\n", String::from_utf8_lossy(&world.output))
}

#[test]
fn programs_do_what_is_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let bless = std::env::var_os("BLESS").is_some();
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let programs = files.iter().filter(|file| file.extension().is_some_and(|e| e == "lua"));
    let mut wrong = Vec::new();
    for file in programs {
        let name = file.file_stem().unwrap().to_string_lossy();
        if !name.contains(&only) {
            continue;
        }
        let found = run(&name, &fs::read_to_string(file).unwrap());
        let expected = file.with_extension("txt");
        if found != fs::read_to_string(&expected).unwrap_or_default() {
            if bless {
                fs::write(&expected, &found).unwrap();
            }
            wrong.push(format!("{}\n{found}", file.display()));
        }
    }
    assert!(bless || wrong.is_empty(), "these have changed:\n\n{}", wrong.join("\n\n"));
    println!("{}", wrong.join("\n\n"));
}

#[test]
fn entries_become_programs() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua/project");
    let project = Project::load(directory).into_result().unwrap();
    let program = LuaProgram::compile(&project, &"app:double".parse().unwrap()).unwrap();
    assert_eq!((program.method(), program.max_memory()), ("run", 8 << 20));
    assert_eq!(program.max_execution(), Some(Duration::from_secs(2)));
    let call = |method: &str| {
        let args = Args::Terms(vec![Term::Int(21)]);
        let call = Call { method: method.to_owned(), args };
        let mut process = LuaProcess::start(&program, call.into()).unwrap();
        let mut out = StepOutput::default();
        process.step(&mut Vec::new(), Fuel(100_000), &mut out);
        out.status
    };
    assert_eq!(call(program.method()), Status::Exited(Term::Int(42)));
    let no_sql = "there is no module 'sql'";
    let Status::Exited(Term::List(values)) = call("negative") else { panic!() };
    let [Term::Int(-21), Term::Int(2), Term::Text(why)] = &*values else { panic!("{values:?}") };
    assert!(why.starts_with(no_sql), "{why}");
    let other = LuaProgram::compile(&project, &"app:util".parse().unwrap()).unwrap_err();
    assert!(other.to_string().contains("an entry of kind library.lua"), "{other}");
}
