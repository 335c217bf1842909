//! From nothing to the first result: the command, and a large component.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use wippy::{
    component::{Component, Engine, Linker, LoadOptions, TrapKind, Vetting},
    process::{Call, Cause, DEFAULT_SLICE, Process, Status, StepOutput, WasmProcess},
    value::Value,
};

use super::{
    Result, guest,
    measure::{self, Contender, Usage},
    report::{Figure, Ratio, Report, THEIRS, Target},
};

/// Seconds that the command may take to start.
const LIMIT: f64 = 10e-3;

pub fn measure(rounds: u32, wippy: &Path, report: &mut Report) -> Result<()> {
    commands(rounds, wippy, report)?;
    python(report)?;
    interpreters(wippy, report)
}

/// Wall time of the whole command, without any cache.
fn commands(rounds: u32, wippy: &Path, report: &mut Report) -> Result<()> {
    let (empty, hello) = (guest::path("empty.wasm"), guest::path("hello.wasm"));
    let commands: [(&str, Vec<&str>, &str); 3] = [
        ("wippy --version", vec!["--version"], "wippy "),
        // There is nothing in it to call, so it is looked at.
        ("wippy inspect empty.wasm", vec!["inspect", &empty], ""),
        ("wippy run hello.wasm", vec!["run", "--invoke", "hello", &hello], "Hello, world!"),
    ];
    for (what, args, expected) in commands {
        let begun = |usage: &Usage| usage.stdout.starts_with(expected);
        match measure::command(wippy, &args, Stdio::null()) {
            Err(why) => report.skip("start", what, &why.to_string()),
            Ok(usage) if !usage.success || !begun(&usage) => {
                report.skip("start", what, "the command does not do that");
            }
            Ok(first) => {
                let times = measure::rounds(
                    rounds.saturating_mul(3),
                    vec![Contender::timed(what, || {
                        Ok(measure::command(wippy, &args, Stdio::null())?.wall)
                    })],
                )?;
                let Some(time) = times.first().map(|times| times.median()) else { continue };
                let note = Target::AtMost(LIMIT).note(time, Figure::Seconds);
                let note = format!("{note} peak {}", Figure::Bytes(first.peak as f64));
                report.figure("start", what, "", Figure::Seconds(time), None, &note);
            }
        }
    }
    Ok(())
}

/// Whole commands, from nothing to the first result, of components that bring an
/// interpreter along.
fn interpreters(wippy: &Path, report: &mut Report) -> Result<()> {
    let python = python_component().map(|path| path.display().to_string());
    let components = [
        ("QuickJS, whole command", Ok(guest::path("greet-js.wasm")), "greet"),
        ("Python, whole command", python, "hello"),
    ];
    for (what, file, method) in components {
        let file = match file {
            Ok(file) => file,
            Err(why) => {
                report.skip("start", what, &why.to_string());
                continue;
            }
        };
        let args = ["run", "--invoke", method, &file, "Ada"];
        let ours = first_result(|| measure::command(wippy, &args, Stdio::inherit()))?;
        row(report, what, "process", &ours, None);
        #[cfg(feature = "peers")]
        {
            let args = ["wasi", "call", &file, method, "Ada"];
            let theirs = first_result(|| measure::child(&args))?;
            row(report, what, super::peer::PULLEY, &theirs, Some(&ours));
        }
    }
    Ok(())
}

/// The median of some runs that say hello.
fn first_result(run: impl Fn() -> Result<Usage>) -> Result<Load> {
    middle(|| {
        let usage = run()?;
        if !usage.success || !usage.stdout.starts_with("Hello, Ada!") {
            return Err("the component has not said hello".into());
        }
        Ok(Load {
            wall: usage.wall.as_secs_f64(),
            cpu: usage.cpu.as_secs_f64(),
            peak: usage.peak as f64,
            parts: String::new(),
        })
    })
}

/// Loads an 18 MB component in child processes.
fn python(report: &mut Report) -> Result<()> {
    let what = "Python component";
    let file = match python_component() {
        Ok(file) => file.display().to_string(),
        Err(why) => {
            report.skip("start", what, &why.to_string());
            return Ok(());
        }
    };
    let ours = load(&["load", "process", &file])?;
    row(report, what, "process", &ours, None);
    let verified = load(&["load", "process-eager", &file])?;
    row(report, what, "process, all code translated", &verified, None);
    #[cfg(feature = "peers")]
    for (task, name) in super::peer::LOADERS {
        let theirs = load(&["load", task, &file])?;
        row(report, what, name, &theirs, Some(&ours));
    }
    Ok(())
}

/// The cost of a child process, as it and the kernel tell it.
struct Load {
    /// Seconds to load, link and instantiate, or of the whole command.
    wall: f64,
    cpu: f64,
    peak: f64,
    /// The child's account of the parts.
    parts: String,
}

/// The median of some loads.
fn load(args: &[&str]) -> Result<Load> {
    middle(|| {
        let usage = measure::child(args)?;
        let (wall, parts) = usage.stdout.trim().split_once(' ').ok_or("no time")?;
        Ok(Load {
            wall: wall.parse()?,
            cpu: usage.cpu.as_secs_f64(),
            peak: usage.peak as f64,
            parts: parts.to_owned(),
        })
    })
}

fn middle(load: impl Fn() -> Result<Load>) -> Result<Load> {
    let mut loads = (0..3).map(|_| load()).collect::<Result<Vec<_>>>()?;
    loads.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    Ok(loads.swap_remove(1))
}

fn row(report: &mut Report, what: &str, who: &str, load: &Load, ours: Option<&Load>) {
    let ratio = |theirs: f64, ours: f64, target: f64| Ratio {
        of: theirs / ours,
        kind: THEIRS,
        target: Some(Target::AtLeast(target)),
    };
    let mut row = |suffix: &str, figure: Figure, ratio: Option<Ratio>, note: &str| {
        report.figure("start", what, &format!("{who}{suffix}"), figure, ratio, note);
    };
    let time = ours.map(|ours| ratio(load.wall, ours.wall, 20.0));
    row("", Figure::Seconds(load.wall), time, &load.parts);
    let cpu = ours.map(|ours| ratio(load.cpu, ours.cpu, 20.0));
    row(", processor time", Figure::Seconds(load.cpu), cpu, "");
    let peak = ours.map(|ours| ratio(load.peak, ours.peak, 4.0));
    row(", peak memory", Figure::Bytes(load.peak), peak, "");
}

/// Prints the seconds that it took to load, link and instantiate a component,
/// and what the parts took.
pub fn child(args: &[String]) -> Result<()> {
    let [who, file] = args else { return Err("usage: load WHO FILE".into()) };
    let start = Instant::now();
    let bytes = fs::read(file)?;
    match who.as_str() {
        "process" | "process-eager" => {
            let vetting = match who.as_str() {
                "process" => Vetting::Done,
                _ => Vetting::Alone,
            };
            let options = LoadOptions { vetting, ..LoadOptions::default() };
            let component = Component::load(&Engine::default(), bytes, options)?;
            let loaded = start.elapsed();
            let program = component.link(&Linker::default())?;
            let linked = start.elapsed();
            // The first slice instantiates and begins the call, which goes on until
            // the slice is used up or something of WASI is called, which is not there.
            let call = Call::new("hello", vec![Value::String("Ada".to_owned())]);
            let mut process = WasmProcess::start(&program, call.into())?;
            let mut out = StepOutput::default();
            process.step(&mut Vec::new(), DEFAULT_SLICE, &mut out);
            match out.status {
                Status::Continue => {}
                Status::Blocked if process.decided().is_some() => {}
                Status::Done(Err(end)) if end.cause() == Cause::Trap(TrapKind::Denied) => {}
                other => return Err(format!("the first slice ended with {other:?}").into()),
            }
            let all = start.elapsed();
            println!("{} {}", all.as_secs_f64(), measure::parts(loaded, linked, all));
            Ok(())
        }
        #[cfg(feature = "peers")]
        engine => super::peer::load(engine, &bytes, start),
        #[cfg(not(feature = "peers"))]
        other => Err(format!("no such engine: {other}").into()),
    }
}

/// A component with a Python interpreter in it, built into the target folder
/// if it is not there: with `componentize-py` of the PATH or from PyPI.
fn python_component() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let target = exe.parent().and_then(Path::parent).ok_or("no target folder")?;
    let folder = target.join("bench-python");
    let file = folder.join("hello.wasm");
    if file.exists() {
        return Ok(file);
    }
    eprintln!("building a Python component in {} ...", folder.display());
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("hello.wit"),
        "package bench:python;\n\nworld hello {\n    export hello: func(name: string) -> string;\n}\n",
    )?;
    fs::write(
        folder.join("app.py"),
        "import wit_world\n\n\nclass WitWorld(wit_world.WitWorld):\n    \
         def hello(self, name: str) -> str:\n        return \"Hello, \" + name + \"!\"\n",
    )?;
    let run = |program: &Path, args: &[&str]| -> Result<()> {
        let output = Command::new(program).args(args).current_dir(&folder).output();
        let output = output.map_err(|why| format!("{}: {why}", program.display()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "`{} {}` failed: {}",
                program.display(),
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default()
            )
            .into()),
        }
    };
    let tool = folder.join("venv/bin/componentize-py");
    if !tool.exists() {
        run(Path::new("python3"), &["-m", "venv", "venv"])?;
        run(&folder.join("venv/bin/pip"), &["install", "--quiet", "componentize-py"])?;
    }
    let made = "made.wasm";
    run(&tool, &["-d", "hello.wit", "-w", "hello", "componentize", "app", "-o", made])?;
    // Only a component that is complete gets the name that is looked for.
    fs::rename(folder.join(made), &file)?;
    Ok(file)
}
