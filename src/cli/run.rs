//! `wippy run`: the services of a project, a command, an entry, or a file.

use std::{ffi::OsString, path::Path, sync::Arc};

use super::{
    args::{RunArgs, Target},
    exit::{Exit, Failure, Limiting},
    given::{DirArg, FileArgs},
    invoke, list,
    log::Logs,
    output,
    project::{self, check_host, hides_logs, linker, load_set},
    recording::{self, Recording},
    result::{show, show_term},
    services,
    terminal::{self, Front},
};
use crate::{
    command::Ending,
    component::{self, DEFAULT_STACK, Function},
    host::{
        Ended, ProcessSpec, Programs, ProjectPrograms, Runtime, Supervisor, WasiDir, WasiSetup,
        offered,
    },
    process::Grants,
    registry::{Id, Problem, ProcessLua, Project, open_together},
    value::{Term, Value, usage},
    world::HttpClient,
};

pub(super) fn run(dir: &Path, args: &RunArgs, logs: Logs) -> Result<Exit, Failure> {
    if args.help && args.exec.is_none() {
        output::print_styled(&RunArgs::help_text().ansi().to_string())?;
        return Ok(Exit::Ok);
    }
    let mut runtime = Runtime::new(recording::engine(&args.record), linker()?).with_cache();
    if args.record.embed {
        runtime = runtime.keeping_files();
    }
    match args.target()? {
        Target::Services => services::serve(dir, runtime, args, logs),
        Target::List => list::list(dir, args.json),
        Target::Name(name, words) => {
            let project = load_set(dir, &args.overrides, logs)?;
            if let Some(id) = program_id(&project, name) {
                let host = terminal::host_of(&project)?;
                let programs = ProjectPrograms::new(project, runtime);
                let invocation = format!("wippy run {id}");
                return run_entry(args, programs, host, (&id, words, &invocation, None), logs);
            }
            let command = project.command(name).map_err(|problem| no_command(name, problem))?;
            let (host, entry) = (terminal::host_of(&project)?, command.entry.clone());
            let (invocation, short) = (format!("wippy run {name}"), command.short.clone());
            let programs = ProjectPrograms::new(project, runtime);
            let run = (&entry, words, &*invocation, short.as_deref());
            run_entry(args, programs, host, run, logs)
        }
        Target::Exec(id, words) => {
            let parsed: Id = id
                .parse()
                .map_err(|why| Failure::usage(format!("--exec: `{id}` is not an id: {why}")))?;
            let project = load_set(dir, &args.overrides, logs)?;
            let host = match &args.host {
                Some(host) => check_host(&project, host)?,
                None => terminal::host_of(&project)?,
            };
            let programs = ProjectPrograms::new(project, runtime);
            let invocation = format!("wippy run --exec {id}");
            run_entry(args, programs, host, (&parsed, words, &invocation, None), logs)
        }
        Target::File(path, words) => {
            let spec = spec_of_file(&runtime.for_one_process(), &path, &args.file, logs, None)?;
            logs.show();
            let front = terminal::of_file()?;
            let called_words: Vec<OsString>;
            let mut words = words;
            let call = args.file.invoke.as_deref().and_then(|invoke| invoke::split(invoke).1);
            if let Some(inside) = call {
                if !words.is_empty() {
                    let why = "the arguments stand in --invoke, and words after FILE as well";
                    return Err(Failure::usage(why));
                }
                let called = invoke::words(&spec.function, inside)?;
                called_words = called.into_iter().map(OsString::from).collect();
                words = &called_words;
            }
            let shown = recording::shows(logs, false);
            let invocation = invocation_of_file(&path, args);
            start(args, &front, spec, words, (&invocation, None), shown)
        }
    }
}

/// Runs a process entry of a project, called like this, with these arguments.
fn run_entry(
    args: &RunArgs,
    programs: ProjectPrograms,
    host: String,
    (id, words, invocation, short): (&Id, &[OsString], &str, Option<&str>),
    logs: Logs,
) -> Result<Exit, Failure> {
    match programs.project().entry(id).and_then(|entry| entry.kind.lua_program()) {
        Some(process) => {
            let limits = [("--fuel", args.limits.fuel), ("--max-memory", args.limits.max_memory)];
            if let Some((option, _)) = limits.iter().find(|(_, limit)| limit.is_some()) {
                let why = format!("{option} is for wasm, and {id} is Lua: see its `limits`");
                return Err(Failure::usage(why));
            }
            let name = id.to_string();
            if args.help || is_help(words) {
                output::show(&lua_help(process, invocation, short))?;
                return Ok(Exit::Ok);
            }
            warn_of_words(process, &name, words.len(), logs);
            let terms = texts(words)?.into_iter().map(Term::from).collect();
            let program = programs.load(&name).map_err(|fault| Failure::config(fault.message))?;
            let shown = recording::shows(logs, hides_logs(programs.project()));
            let max_slice = programs.runtime().engine().max_slice();
            let front = front(programs, host, logs)?;
            let recording = Recording::start(
                &front.node,
                &args.record,
                max_slice,
                recording::line(args, shown),
            )?;
            let ended = terminal::run(&front, &args.trace, &name, |context| {
                let mut started = program.start(terms, context)?;
                started.max_execution = args.limits.timeout.or(started.max_execution);
                Ok(started)
            });
            recording.finish(ended.and_then(|ended| end(args, &name, &ended)))
        }
        _ => {
            let spec = programs.runtime().spec(programs.project(), id)?;
            let shown = recording::shows(logs, hides_logs(programs.project()));
            let front = front(programs.clone(), host, logs)?;
            start(args, &front, spec, words, (invocation, short), shown)
        }
    }
}

/// Where a process of a project runs, among its services. What is logged is kept
/// off the terminal if the project says so.
fn front(programs: ProjectPrograms, host: String, logs: Logs) -> Result<Front, Failure> {
    if !hides_logs(programs.project()) {
        logs.show();
    }
    let node = terminal::of_project(programs.clone())?;
    let services = Supervisor::new(node.clone(), programs.project());
    Ok(Front { node, host, services: Some(services) })
}

/// The function to run of a file that has no entry. Of those that the file exports, one
/// of the interface `first` goes before others that are not named.
pub(super) fn spec_of_file(
    runtime: &Runtime,
    path: &Path,
    args: &FileArgs,
    logs: Logs,
    first: Option<&str>,
) -> Result<ProcessSpec, Failure> {
    let name = path.display().to_string();
    let artifact = project::file(path)?;
    let wit = args.wit.as_deref().map(wit_text).transpose()?;
    let complain = |error: &dyn std::fmt::Display| Failure::config(format!("{name}: {error}"));
    let loaded = runtime
        .load(&artifact, wit.as_deref(), DEFAULT_STACK)
        .map_err(|error| Failure::prepare(&name, &error))?;
    if loaded.completed {
        logs.note(&format!(
            "{name} is a core module that carries its world, and is made a component now; \
             `wasm-tools component new` does it once for all"
        ));
    }
    if wit.is_some() && loaded.adapted.is_none() {
        logs.warn("--wit is for core modules; this is a component, which has its own types");
    }
    let program =
        runtime.link(&loaded.component, &Grants::all()).map_err(|error| complain(&error))?;
    let of_first = |function: &Function| {
        let interface = function.interface().unwrap_or_default();
        first.is_some_and(|first| interface.split('@').next() == Some(first))
    };
    let method = match (&args.invoke, program.functions().find(of_first)) {
        (Some(invoke), _) => invoke::split(invoke).0.to_owned(),
        (None, Some(function)) => function.full_name(),
        (None, None) => {
            only_function(&program, &name, if first.is_some() { "serve" } else { "run" })?
        }
    };
    let mut spec = ProcessSpec::new(&name, &loaded, program, &method).map_err(|error| {
        Failure::usage(match invoke::is_cut(&method) {
            true => format!(
                "--invoke: `{method}` is neither the name of a function nor a whole call\n    \
                 fix:      write it like this: 'f(1, \"a\")'"
            ),
            false => format!("{name}: {error}"),
        })
    })?;
    spec.given = given(args)?;
    spec.path = Some(path.to_owned());
    // Without the directories, which are none of its business.
    if let Some(file) = path.file_name() {
        spec.program_name = file.to_string_lossy().into_owned();
    }
    Ok(spec)
}

/// The client that trusts the authorities in a file.
fn authorities(path: &Path) -> Result<Arc<HttpClient>, Failure> {
    let refused = |why: String| Failure::config(format!("--ca: `{}`: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    HttpClient::with_authorities(&pem).map(Arc::new).map_err(refused)
}

/// The arguments, variables, directories and network that the options give a file.
fn given(args: &FileArgs) -> Result<WasiSetup, Failure> {
    let paths: Vec<_> = args.dir.iter().map(|arg| (&*arg.host, !arg.read_only)).collect();
    let mut dirs = Vec::with_capacity(args.dir.len());
    for (DirArg { host, guest, read_only }, dir) in args.dir.iter().zip(open_together(&paths)) {
        let dir = dir.map_err(|why| {
            Failure::config(format!("--dir: `{}` cannot be opened: {why}", host.display()))
        })?;
        dirs.push(WasiDir { guest: guest.clone(), dir, read_only: *read_only });
    }
    let http = args.ca.as_deref().map(authorities).transpose()?;
    let (env, cwd) = (args.env.as_slice().into(), args.cwd.clone());
    let network = args.network.network().into();
    Ok(WasiSetup { args: args.arg.clone(), env, cwd, dirs, network, http })
}

/// How somebody would type this call again, up to the arguments.
fn invocation_of_file(path: &Path, args: &RunArgs) -> String {
    let quoted =
        |word: &str| match word.contains(|c: char| c.is_whitespace() || "()[]<>#'\"".contains(c)) {
            true => format!("'{}'", word.replace('\'', "'\\''")),
            false => word.to_owned(),
        };
    let mut out = "wippy run".to_owned();
    for (option, value) in [("--invoke", &args.file.invoke), ("--wit", &args.file.wit)] {
        if let Some(value) = value {
            out.push_str(&format!(" {option} {}", quoted(value)));
        }
    }
    format!("{out} {}", quoted(&path.display().to_string()))
}

/// The id of a process or function, where a name is one and not that of a command.
fn program_id(project: &Project, name: &str) -> Option<Id> {
    let id = name.contains(':').then(|| name.parse::<Id>().ok()).flatten()?;
    let kind = &project.entry(&id)?.kind;
    let is_program = kind.wasm_program().is_some() || kind.lua_program().is_some();
    (is_program && project.command(name).is_err()).then_some(id)
}

/// A name that leads to no command, but may be something else.
fn no_command(name: &str, mut problem: Box<Problem>) -> Failure {
    if name.contains(':') {
        problem.fix = format!("an entry is run by its id like this: wippy run --exec {name}");
    } else if Path::new(name).is_dir() {
        problem.fix = format!("the project in a directory is run like this: wippy -C {name} run");
    } else if Path::new(name).is_file() {
        problem.fix = format!("the file of this name is run like this: wippy run ./{name}");
    }
    Failure::Problem(problem)
}

/// The value of `--wit`: a file's text if there is such a file, else itself.
pub(super) fn wit_text(wit: &str) -> Result<String, Failure> {
    const MOST: u64 = 1 << 20;
    let path = Path::new(wit);
    if !path.is_file() {
        return match wit.ends_with(".wit") {
            true => Err(Failure::config(format!("--wit: there is no file `{wit}`"))),
            false => Ok(wit.to_owned()),
        };
    }
    let size = path.metadata().map_or(0, |meta| meta.len());
    if size > MOST {
        return Err(Failure::config(format!(
            "--wit: `{wit}` has {size} bytes, at most {MOST} are read"
        )));
    }
    std::fs::read_to_string(path)
        .map_err(|error| Failure::config(format!("--wit: `{wit}` cannot be read: {error}")))
}

/// The function that is meant when none is named.
fn only_function(
    program: &component::LinkedComponent,
    file: &str,
    subcommand: &str,
) -> Result<String, Failure> {
    if program.function("run").is_ok() {
        return Ok("run".to_owned());
    }
    let functions = offered(program);
    let Some(first) = functions.first() else {
        return Err(Failure::config(format!(
            "{file}: it exports no function that could be called; `wippy inspect {file}` shows \
             what there is"
        )));
    };
    if functions.len() == 1 {
        return Ok(first.full_name());
    }
    let listed: String =
        functions.iter().take(20).map(|f| format!("\n    {}", f.full_name())).collect();
    let more = functions.len().saturating_sub(20);
    let more = if more == 0 { String::new() } else { format!("\n    and {more} more") };
    Err(Failure::usage(format!(
        "{file} exports several functions; choose one with --invoke:{listed}{more}\n\
         for example: wippy {subcommand} --invoke {} {file}",
        first.full_name()
    )))
}

/// Reads the arguments, runs the process and prints its result.
fn start(
    args: &RunArgs,
    front: &Front,
    mut spec: ProcessSpec,
    words: &[OsString],
    (invocation, short): (&str, Option<&str>),
    shown: bool,
) -> Result<Exit, Failure> {
    let function = spec.function.clone();
    let typed = !spec.raw_arguments;
    // A program that reads its arguments itself tells what it takes by itself.
    if args.help || typed && is_help(words) {
        output::show(&match typed {
            true => help(&function, invocation, short),
            false => words_help(invocation, short),
        })?;
        return Ok(Exit::Ok);
    }
    let input = match typed {
        true => arguments(&function, words, invocation)?,
        false => {
            spec.given.args.extend(texts(words)?);
            Vec::new()
        }
    };
    args.limits.apply(&mut spec);
    let name = spec.name.clone();
    let recording = Recording::start(
        &front.node,
        &args.record,
        spec.program.max_slice(),
        recording::line(args, shown),
    )?;
    let ended = terminal::run(front, &args.trace, &name, |context| spec.start(input, context))
        .map_err(|failure| failure.naming(limiting(args)));
    recording.finish(ended.and_then(|ended| match &ended.outcome {
        Ok(Some(value)) => show(&spec, value, args.json),
        _ => end(args, &spec.name, &ended),
    }))
}

/// The end of a process that has no value of its method's type.
fn end(args: &RunArgs, name: &str, ended: &Ended) -> Result<Exit, Failure> {
    match &ended.outcome {
        Err(error) => Err(Failure::process(name, error, &limiting(args))),
        Ok(_) => finish(args.json, name, &ended.ending),
    }
}

/// The good end of a process that has no value of its method's type.
pub(super) fn finish(json: bool, name: &str, ending: &Ending) -> Result<Exit, Failure> {
    match ending {
        Ok(Term::Nil) | Err(_) => match json {
            true => output::json("null\n").map(|()| Exit::Ok),
            false => Ok(Exit::Ok),
        },
        Ok(term) => show_term(name, term, json),
    }
}

/// The limits that options have set. A file has no entry whose fields could.
pub(super) fn limiting(args: &RunArgs) -> Limiting {
    let file = args.names_file();
    Limiting {
        fuel: file || args.limits.fuel.is_some(),
        memory: file || args.limits.max_memory.is_some(),
        time: file || args.limits.timeout.is_some(),
    }
}

/// True if all that is asked is what the program takes.
fn is_help(words: &[OsString]) -> bool {
    matches!(words, [word] if word == "--help")
}

/// The line of help that says what a command is for, and how it is called.
fn head(usage: String, short: Option<&str>) -> String {
    match short {
        Some(short) => format!("{}\n\n{usage}", list::one_line(short)),
        None => usage,
    }
}

/// The help of a program that reads its arguments itself.
fn words_help(invocation: &str, short: Option<&str>) -> String {
    let usage = format!(
        "Usage: {invocation} [ARGS]...\n\nThe program reads its arguments itself; many tell more \
         when they are given --help:\n  {invocation} -- --help\n"
    );
    head(usage, short)
}

/// The help of a program in Lua: the names of its parameters are all that is known.
fn lua_help(process: &ProcessLua, invocation: &str, short: Option<&str>) -> String {
    let params = lua_params(process);
    let words = match &params {
        Some(params) => params.iter().map(|param| format!(" <{param}>")).collect(),
        None => " [ARGS]...".to_owned(),
    };
    let note = match params.as_deref() {
        Some([]) => "",
        _ => "\nThe arguments are texts for a function in Lua.\n",
    };
    head(format!("Usage: {invocation}{words}\n{note}"), short)
}

/// The parameters of a method in Lua, if all that it can be given are these.
#[cfg(feature = "lua")]
pub(super) fn lua_params(process: &ProcessLua) -> Option<Vec<String>> {
    // By `io.args` all of them can be had in another way.
    let code = &process.code;
    let named = code.modules.iter().any(|module| module == "io");
    let plain = !named && !code.source.contains(".args");
    crate::lua::params(&process.code.source, &process.method).filter(|_| plain)
}

/// Without Lua nothing is known of them.
#[cfg(not(feature = "lua"))]
pub(super) fn lua_params(_: &ProcessLua) -> Option<Vec<String>> {
    None
}

/// Words that a method has no parameters for are lost, which is said.
pub(super) fn warn_of_words(process: &ProcessLua, name: &str, given: usize, logs: Logs) {
    if let Some(params) = lua_params(process)
        && given > params.len()
    {
        let takes = match params.len() {
            0 => "no arguments".to_owned(),
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        let method = &process.method;
        logs.warn(&format!(
            "{name}: `{method}` takes {takes}, and is given {given}: the rest is lost"
        ));
    }
}

fn help(function: &Function, invocation: &str, short: Option<&str>) -> String {
    head(usage::usage(invocation, function.types(), function.ty()), short)
}

/// The words as text.
pub(super) fn texts(words: &[OsString]) -> Result<Vec<String>, Failure> {
    let text = |(i, word): (usize, &OsString)| match word.to_str() {
        Some(word) => Ok(word.to_owned()),
        None => Err(Failure::usage(format!(
            "argument {} is not UTF-8: {}",
            i.saturating_add(1),
            word.display()
        ))),
    };
    words.iter().enumerate().map(text).collect()
}

pub(super) fn arguments(
    function: &Function,
    words: &[OsString],
    invocation: &str,
) -> Result<Vec<Value>, Failure> {
    let words = texts(words)?;
    usage::parse_arguments(function.types(), function.ty(), &words).map_err(|error| {
        Failure::usage(format!("{error}\n`{invocation} --help` explains the arguments"))
    })
}
