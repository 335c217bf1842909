//! What happens between processes, whatever language they are in.
//!
//! `cases/*.txt` are plays: acts of processes, and what these see. Each is played
//! on a node of its own by every pair of wasm, Lua and Rust. What is seen must be
//! the same, but for the lines that say why they are not. `README.md` says more.

mod native;
mod values;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use native::{Echo, Native, reach, show, show_ending};
use wippy::{
    command::{ActorCommand, Command, InlineDispatcher, Mail, Message, ProcessError, Reply},
    component::{Engine, Linker},
    host::{HostOptions, Node, Program, Programs, ProjectPrograms, Runtime, SpawnContext, Started},
    process::{Event, Fuel, Process, Received, Status, StepOutput},
    registry::Project,
    value::Term,
};

const LANGUAGES: [&str; 3] = ["wasm", "lua", "rust"];

const CASES: [&str; 4] = [
    include_str!("cases/ends.txt"),
    include_str!("cases/ties.txt"),
    include_str!("cases/mail.txt"),
    include_str!("cases/others.txt"),
];

/// The entries of the project, and those in Rust.
#[derive(Clone)]
struct Stage(ProjectPrograms);

impl Stage {
    /// A project in a folder of its own, with the guests as they are built.
    fn build(name: &str) -> Stage {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let (source, built) = (here.join("tests/semantics"), here.join("guests/built"));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("wippy.lock"), "directories: {src: ./src}\n").unwrap();
        fs::copy(source.join("acts.lua"), folder.join("src/acts.lua")).unwrap();
        let hash =
            |file| wippy::artifact::Hash::of(&fs::read(built.join(file)).unwrap()).to_string();
        let mut entries = fs::read_to_string(source.join("project.yaml"))
            .unwrap()
            .replace("BUILT", built.to_str().unwrap())
            .replace("HASH", &hash("acts.wasm"));
        entries.push_str(&values::entries(&hash("types.wasm")));
        fs::write(folder.join("src/_index.yaml"), entries).unwrap();
        let project = Project::load(&folder).into_result().unwrap();
        let mut linker = Linker::default();
        wippy::imports::wasi::add_to_linker(&mut linker).unwrap();
        wippy::imports::process::add_to_linker(&mut linker).unwrap();
        Stage(ProjectPrograms::new(project, Runtime::new(Engine::default(), linker)))
    }
}

impl Programs for Stage {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        let native = |max_execution| Some(Arc::new(Native { max_execution }) as Arc<dyn Program>);
        match entry {
            "app:rust" => native(None),
            "app:rust-short" => native(Some(Duration::from_millis(30))),
            "app:rust-echo" => Some(Arc::new(Echo)),
            _ => self.0.ready(entry),
        }
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        self.0.load(entry)
    }
}

/// The reports of the parts, each with its name.
type Told = Arc<Mutex<Vec<(String, Term)>>>;

/// The process with the name `log`.
struct Log(Told);

impl Process for Log {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        (out.fuel_used, out.received, out.status) = (1, Received::default(), Status::Idle);
        for event in events.drain(..) {
            match event {
                Event::Mail(mail @ Mail::Message(_)) => {
                    out.received.add(&mail);
                    let Mail::Message(Message { topic, mut payload, .. }) = mail else { continue };
                    let what = payload.pop().unwrap_or(Term::Nil);
                    self.0.lock().unwrap().push((topic.to_string(), what));
                }
                Event::Mail(_) | Event::Cancel { .. } => out.status = Status::Exited(Term::Nil),
                _ => {}
            }
        }
    }

    fn close(&mut self) {}
}

impl Program for Log {
    fn start(&self, _: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError> {
        let mut answers = reach(context);
        let name = Command::Actor(ActorCommand::Register("log".to_owned()));
        assert_eq!(answers.now(name), Ok(Reply::Done));
        let process = Box::new(Log(self.0.clone()));
        Ok(Started { process, answers, result: None, max_execution: None })
    }
}

/// A node with a host for the play, and the log on one of its own.
fn node(stage: &Stage, options: HostOptions) -> (Node, Told) {
    let (node, told) = (Node::new(stage.clone()), Told::default());
    node.add_host("play", options).unwrap();
    let log = HostOptions { workers: Some(1), queue_size: 1 << 20, ..HostOptions::default() };
    node.add_host("log", log).unwrap();
    let log = Log(told.clone());
    node.launch("log", "log", None, |context| log.start(Vec::new(), context)).unwrap();
    (node, told)
}

/// Ends what is left, and then the log, which has been told everything by then.
fn close(node: &Node) {
    smol::block_on(async {
        for process in node.processes() {
            if &*process.entry != "log" {
                // It may have ended by itself.
                let _ = node.terminate(process.pid.as_str());
            }
        }
        while node.len() > 1 {
            smol::Timer::after(Duration::from_millis(1)).await;
        }
        node.shutdown("the play is over", Duration::from_secs(10)).await;
    });
}

/// Waits, but not for ever: a play that hangs says what it has told so far.
fn wait<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    let limit = async {
        smol::Timer::after(Duration::from_secs(60)).await;
        None
    };
    smol::block_on(smol::future::or(future, limit))
}

/// A play, and what is seen of it.
#[derive(Debug, Default)]
struct Case {
    name: String,
    options: HostOptions,
    script: String,
    /// The lines that most languages see.
    seen: Vec<String>,
    /// Those pairs that see something else, or, without lines, cannot play.
    others: Vec<(String, Vec<String>)>,
}

impl Case {
    fn parse(text: &str) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix("== ") {
                let options = HostOptions { workers: Some(2), ..HostOptions::default() };
                cases.push(Case { name: name.to_owned(), options, ..Case::default() });
                continue;
            }
            let case = cases.last_mut().expect("a case begins with ==");
            let number = |text: &str| text.parse().expect("a number");
            if let Some(seen) = line.strip_prefix("> ") {
                let lines = case.others.last_mut().map_or(&mut case.seen, |(_, lines)| lines);
                lines.push(seen.to_owned());
            } else if let Some(pair) = line.strip_prefix("but ") {
                let (pair, why) = pair.split_once(": ").expect("a pair and a reason");
                assert!(!why.is_empty(), "{}: {pair} without a reason", case.name);
                case.others.push((pair.to_owned(), Vec::new()));
            } else if let Some(size) = line.strip_prefix("queue_size ") {
                case.options.queue_size = number(size);
            } else if let Some(max) = line.strip_prefix("max_processes ") {
                case.options.max_processes = number(max);
            } else if let Some(workers) = line.strip_prefix("workers ") {
                case.options.workers = Some(number(workers));
            } else {
                writeln!(case.script, "{line}").unwrap();
            }
        }
        cases
    }

    /// The lines that a pair of languages sees, if it can play.
    fn expected(&self, a: &str, b: &str) -> Option<String> {
        let means = |pattern: &str| {
            let (first, second) = pattern.split_once('-').expect("two languages");
            (first == "*" || first == a) && (second == "*" || second == b)
        };
        let lines = match self.others.iter().find(|(pattern, _)| means(pattern)) {
            Some((_, lines)) if lines.is_empty() => return None,
            Some((_, lines)) => lines,
            None => &self.seen,
        };
        Some(by_part(lines.clone()))
    }

    fn play(&self, stage: &Stage, a: &str, b: &str) -> String {
        let (node, told) = node(stage, self.options);
        let (entry, others) = (format!("app:{a}"), format!("app:{b}"));
        let args = ["a", &others, "", &self.script].map(Term::from).into();
        let handle = smol::block_on(node.spawn("play", &entry, args)).unwrap();
        let ended = match wait(async { handle.ended().await }) {
            Some(ended) => show_ending(&ended.ending),
            None => "never".to_owned(),
        };
        close(&node);
        let mut lines: Vec<String> = told
            .lock()
            .unwrap()
            .iter()
            .map(|(part, what)| format!("{part}: {}", show(what)))
            .collect();
        lines.push(format!("a: ended {ended}"));
        by_part(lines)
    }
}

/// The lines of each part in their order. That of parts means nothing.
fn by_part(mut lines: Vec<String>) -> String {
    lines.sort_by_key(|line| line.split(':').next().unwrap_or_default().to_owned());
    lines.iter().map(|line| format!("> {}\n", line.trim_end())).collect()
}

#[test]
fn cases() {
    let cases: Vec<Case> = CASES.iter().flat_map(|text| Case::parse(text)).collect();
    let stage = Stage::build("semantics");
    let only = std::env::var("ONLY").unwrap_or_default();
    let pairs = LANGUAGES.iter().flat_map(|a| LANGUAGES.iter().map(move |b| (*a, *b)));
    let play = &|(a, b)| {
        let (mut wrong, mut played) = (String::new(), 0);
        for case in cases.iter().filter(|case| case.name.contains(&only)) {
            let Some(expected) = case.expected(a, b) else { continue };
            played += 1;
            let found = case.play(&stage, a, b);
            if found != expected {
                let name = &case.name;
                write!(wrong, "== {name} ({a}-{b})\n{found}instead of\n{expected}\n").unwrap();
            }
        }
        (wrong, played)
    };
    let (wrong, played) = std::thread::scope(|scope| {
        let threads: Vec<_> = pairs.map(|pair| scope.spawn(move || play(pair))).collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        ends.fold((String::new(), 0), |(a, n), (b, m)| (a + &b, n + m))
    });
    println!("{} cases, {played} plays", cases.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}
