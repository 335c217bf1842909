//! Runs the directives of a script.

use std::collections::HashMap;

use wasmparser::{Validator, WasmFeatures};
use wippy::{
    command::{Command, Completion, Reply, Yield},
    component::{Component, Engine, LinkedComponent, Linker},
    process::{
        Call, Cause, Error, ErrorKind, Event, Fuel, Limits, Outcome, Process, StartData, Status,
        StepOutput, WasmProcess,
    },
};

use super::{
    Line,
    script::{Action, Directive, Exec, Invoke, Source},
    value,
};

/// The fuel of one instance and all its calls. Scripts that spin end here.
const MAX_FUEL: u64 = 5_000_000;

/// The memory of one instance.
const MAX_MEMORY: u64 = 256 << 20;

/// How a directive went.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As expected.
    Pass,
    /// It failed as expected, in other words.
    Loose {
        /// What the script says.
        expected: String,
        /// What happened.
        found: String,
    },
    /// Not as expected.
    Fail {
        /// What the script says.
        expected: String,
        /// What happened.
        found: String,
    },
    /// It has not been run.
    Skip(String),
}

/// Runs a script.
pub fn run(directives: &[Directive<'_>], slice: u64, strict: bool) -> Vec<Line> {
    let mut runner = Runner {
        engine: Engine::default(),
        slice: Fuel(slice),
        definitions: HashMap::new(),
        last: None,
        instances: HashMap::new(),
        current: None,
        fuel: 0,
    };
    directives
        .iter()
        .map(|directive| {
            runner.fuel = 0;
            let mut verdict = runner.directive(&directive.action);
            if strict && let Verdict::Loose { expected, found } = verdict {
                verdict = Verdict::Fail { expected, found };
            }
            let (line, fuel) = (directive.line, runner.fuel);
            Line { line, directive: directive.name, verdict, fuel }
        })
        .collect()
}

struct Runner<'a> {
    engine: Engine,
    slice: Fuel,
    definitions: HashMap<&'a str, Component>,
    last: Option<Component>,
    instances: HashMap<&'a str, Instance>,
    /// What calls without a name go to. A named instance is here by its name.
    current: Option<Current<'a>>,
    /// Fuel of the present directive.
    fuel: u64,
}

enum Current<'a> {
    Named(&'a str),
    Own(Box<Instance>),
}

struct Instance {
    program: LinkedComponent,
    process: WasmProcess,
}

/// Why there is no instance, or no result.
enum Failure {
    /// The bytes are no component.
    Load(String),
    Link(String),
    Trap(String),
    /// The script is wrong, or the runner cannot do what it asks for.
    Script(String),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Failure::Load(text) => format!("cannot be loaded: {text}"),
            Failure::Link(text) => format!("cannot be linked: {text}"),
            Failure::Trap(text) => format!("trap: {text}"),
            Failure::Script(text) => text.clone(),
        }
    }
}

fn fail(expected: impl Into<String>, found: impl Into<String>) -> Verdict {
    Verdict::Fail { expected: expected.into(), found: found.into() }
}

/// Texts of the public suite, and what they are called here.
const SYNONYMS: [(&str, &str); 3] = [
    ("string pointer/length out of bounds of memory", "string content out-of-bounds"),
    ("realloc return: result not aligned", "realloc return: unaligned pointer"),
    ("list content out-of-bounds", "list: realloc return: beyond end of memory"),
];

/// A failure that was asked for: its text is the expected one, or not.
fn failed(expected: &str, found: &str) -> Verdict {
    let wanted = expected.strip_prefix("wasm trap: ").unwrap_or(expected);
    let synonym = SYNONYMS.iter().find(|(theirs, _)| *theirs == wanted);
    let mut wanted = [wanted].into_iter().chain(synonym.map(|(_, ours)| *ours));
    match wanted.any(|wanted| found.contains(wanted) || wanted.contains(found)) {
        true => Verdict::Pass,
        false => Verdict::Loose { expected: expected.to_owned(), found: found.to_owned() },
    }
}

impl<'a> Runner<'a> {
    fn directive(&mut self, action: &Action<'a>) -> Verdict {
        match action {
            Action::Skip(reason) => Verdict::Skip((*reason).to_owned()),
            Action::Component { source: Source { module: true, bytes }, .. }
            | Action::Define { source: Source { module: true, bytes }, .. } => {
                match bytes.as_deref().map_err(Clone::clone).and_then(validate) {
                    Ok(()) => Verdict::Skip("core modules are not run by themselves".to_owned()),
                    Err(error) => fail("a valid module", error),
                }
            }
            Action::Component { name, source } => {
                self.current = None;
                match self.load(source).and_then(|program| self.instantiate(&program)) {
                    Ok(instance) => {
                        self.keep(*name, instance);
                        Verdict::Pass
                    }
                    Err(failure) => fail("an instance", failure.text()),
                }
            }
            Action::Define { name, source } => match self.component(source) {
                Ok(component) => {
                    // Imports that nobody provides are no fault of a definition.
                    let verdict = match component.link(&Linker::default()) {
                        Err(error) if error.import == "(component)" => {
                            fail("a component", error.to_string())
                        }
                        _ => Verdict::Pass,
                    };
                    if let Some(name) = name {
                        self.definitions.insert(name, component.clone());
                    }
                    self.last = Some(component);
                    verdict
                }
                Err(failure) => fail("a component", failure.text()),
            },
            Action::Instance { name, of } => {
                self.current = None;
                let component = match of {
                    Some(of) => self.definitions.get(of),
                    None => self.last.as_ref(),
                };
                let Some(component) = component.cloned() else {
                    return fail("an instance", "there is no such definition");
                };
                match link(&component).and_then(|program| self.instantiate(&program)) {
                    Ok(instance) => {
                        self.keep(*name, instance);
                        Verdict::Pass
                    }
                    Err(failure) => fail("an instance", failure.text()),
                }
            }
            Action::Malformed { source, message } | Action::Invalid { source, message } => {
                self.rejected(source, message)
            }
            Action::Unlinkable { source, message } => match self.load(source) {
                Err(Failure::Link(found)) => failed(message, &found),
                Err(failure) => fail(*message, failure.text()),
                Ok(program) => match self.instantiate(&program) {
                    Ok(_) => fail(*message, "it links"),
                    Err(failure) => failed(message, &failure.text()),
                },
            },
            Action::Invoke(invoke) => match self.invoke(invoke) {
                Ok(_) => Verdict::Pass,
                Err(failure) => fail("no trap", failure.text()),
            },
            Action::Return { invoke, results } => {
                let outcome = self.invoke(invoke);
                match outcome {
                    Ok(value) => self.compare(invoke, results, value.as_ref()),
                    Err(failure) => fail(format!("{results:?}"), failure.text()),
                }
            }
            Action::Trap { exec, message } => {
                let outcome = match exec {
                    Exec::Invoke(invoke) => {
                        self.invoke(invoke).map(|value| format!("returned {value:?}"))
                    }
                    Exec::Component(source) => self
                        .load(source)
                        .and_then(|program| self.instantiate(&program))
                        .map(|_| "an instance".to_owned()),
                };
                match outcome {
                    Err(Failure::Trap(found)) => failed(message, &found),
                    Err(failure) => fail(*message, failure.text()),
                    Ok(found) => fail(*message, found),
                }
            }
        }
    }

    fn rejected(&self, source: &Source, message: &str) -> Verdict {
        let bytes = match &source.bytes {
            Ok(bytes) => bytes,
            Err(error) => return failed(message, error),
        };
        let error = match source.module {
            true => validate(bytes).err(),
            false => {
                Component::new(&self.engine, bytes.as_slice()).err().map(|error| error.to_string())
            }
        };
        match error {
            Some(error) => failed(message, &error),
            None => fail(message, "it is accepted"),
        }
    }

    fn load(&self, source: &Source) -> Result<LinkedComponent, Failure> {
        link(&self.component(source)?)
    }

    fn component(&self, source: &Source) -> Result<Component, Failure> {
        if source.module {
            return Err(Failure::Script("core modules are not run by themselves".to_owned()));
        }
        let bytes = source.bytes.as_ref().map_err(|error| Failure::Load(error.clone()))?;
        Component::new(&self.engine, bytes.as_slice())
            .map_err(|error| Failure::Load(error.to_string()))
    }

    fn instantiate(&mut self, program: &LinkedComponent) -> Result<Instance, Failure> {
        let limits = Limits { max_fuel: Some(MAX_FUEL), max_memory: MAX_MEMORY };
        let data = StartData { limits, ..StartData::default() };
        let mut process = WasmProcess::start(program, data.into()).map_err(failure)?;
        let outcome = drive(&mut process, self.slice);
        self.fuel += process.fuel_used();
        outcome.map_err(failure)?;
        Ok(Instance { program: program.clone(), process })
    }

    fn keep(&mut self, name: Option<&'a str>, instance: Instance) {
        self.current = Some(match name {
            Some(name) => {
                self.instances.insert(name, instance);
                Current::Named(name)
            }
            None => Current::Own(Box::new(instance)),
        });
    }

    fn instance(&mut self, name: Option<&str>) -> Result<&mut Instance, Failure> {
        let found = match (name, &mut self.current) {
            (Some(name), _) => self.instances.get_mut(name),
            (None, Some(Current::Named(name))) => self.instances.get_mut(*name),
            (None, Some(Current::Own(instance))) => Some(instance.as_mut()),
            (None, None) => None,
        };
        found.ok_or_else(|| Failure::Script("there is no such instance".to_owned()))
    }

    fn invoke(&mut self, invoke: &Invoke<'a>) -> Result<Option<wippy::value::Value>, Failure> {
        let slice = self.slice;
        let instance = self.instance(invoke.instance)?;
        let function = instance.program.function(invoke.function).map_err(Failure::Script)?;
        let params = &function.ty().params;
        if params.len() != invoke.args.len() {
            return Err(Failure::Script("another number of arguments".to_owned()));
        }
        let args = params
            .iter()
            .zip(&invoke.args)
            .map(|(param, arg)| value::arg(function.types(), param.ty, arg))
            .collect::<Result<_, _>>()
            .map_err(Failure::Script)?;
        let before = instance.process.fuel_used();
        let started = instance.process.call(Call::new(function.full_name(), args));
        let outcome = started.and_then(|()| drive(&mut instance.process, slice));
        let used = instance.process.fuel_used() - before;
        self.fuel += used;
        outcome.map_err(failure)
    }

    fn compare(
        &mut self,
        invoke: &Invoke<'a>,
        results: &[wast::WastRet<'_>],
        value: Option<&wippy::value::Value>,
    ) -> Verdict {
        let function = match self.instance(invoke.instance) {
            Ok(instance) => instance.program.function(invoke.function),
            Err(failure) => return fail("a result", failure.text()),
        };
        let function = match function {
            Ok(function) => function,
            Err(why) => return fail("a result", why),
        };
        match (results, value, function.ty().result) {
            ([], None, None) => Verdict::Pass,
            ([want], Some(have), Some(ty)) => {
                match value::matches(function.types(), ty, want, have) {
                    Ok(true) => Verdict::Pass,
                    Ok(false) => fail(format!("{want:?}"), format!("{have:?}")),
                    Err(why) => fail(why, format!("{have:?}")),
                }
            }
            _ => fail(format!("{results:?}"), format!("{value:?}")),
        }
    }
}

fn link(component: &Component) -> Result<LinkedComponent, Failure> {
    component.link(&Linker::default()).map_err(|error| Failure::Link(error.to_string()))
}

fn failure(error: Error) -> Failure {
    match error.cause() {
        Cause::Trap(_) => Failure::Trap(error.message().to_owned()),
        // After a trap nothing of a component can be entered any more.
        _ if error.kind() == ErrorKind::Unavailable => {
            Failure::Trap(format!("cannot enter component instance: {error}"))
        }
        _ => Failure::Script(error.message().to_owned()),
    }
}

/// Steps a process until its call has ended, or it has been instantiated.
fn drive(process: &mut WasmProcess, slice: Fuel) -> Outcome {
    let (mut events, mut out) = (Vec::<Event>::new(), StepOutput::default());
    loop {
        process.step(&mut events, slice, &mut out);
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Continue => {}
            Status::Idle | Status::Exited(_) => return Ok(None),
            Status::Done(outcome) => return outcome,
            Status::Blocked => {
                for Yield { tag, command } in out.yields.drain(..) {
                    if let Command::Chore(chore) = command {
                        chore.run();
                        events.push(Event::Completion(Completion { tag, reply: Reply::Done }));
                    }
                }
                if !events.is_empty() {
                    continue;
                }
                let message = "the process waits for a command, and scripts have no host";
                return Err(Error::new(ErrorKind::Internal, message));
            }
        }
    }
}

/// Validates a core module. Those inside of components go through the engine.
fn validate(bytes: &[u8]) -> Result<(), String> {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .map(|_| ())
        .map_err(|error| error.to_string())
}
