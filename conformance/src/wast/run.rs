//! Runs the directives of a script.

use std::{collections::HashMap, rc::Rc};

use wasmparser::{Validator, WasmFeatures};
use wippy::{
    command::{Command, Completion, Reply, Yield},
    component::{Component, Engine, Function, LinkedComponent, Linker},
    process::{
        self, Cause, Error, ErrorKind, Event, Fuel, Limits, Outcome, Process, StartData, Status,
        StepOutput, WasmProcess,
    },
    value::Value,
};

use super::{
    Line,
    core::{Call, Core, MOST_CALLS},
    script::{Action, Directive, Exec, Invoke, Source},
    value,
};

/// The fuel of one instance and all its calls. Scripts that spin end here.
const MAX_FUEL: u64 = 5_000_000;
/// The same for core modules, whose scripts have loops over whole memories.
const MAX_CORE_FUEL: u64 = 200_000_000;

/// The memory of one instance.
const MAX_MEMORY: u64 = 256 << 20;

/// The end of an error about an import.
const NOT_PROVIDED: &str = "this host does not provide it";
const AFTER: &str = "something before it has been skipped";

/// How a directive went.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As expected.
    Pass,
    /// It failed as expected, in other words.
    Loose {
        /// The script's words.
        expected: String,
        /// The event, in words.
        found: String,
    },
    /// Not as expected.
    Fail {
        /// The script's words.
        expected: String,
        /// The event, in words.
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
        modules: false,
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
    instances: HashMap<&'a str, Instance<'a>>,
    /// The instance that calls without a name go to. A named one is here by its name.
    current: Option<Current<'a>>,
    /// Fuel of the present directive.
    fuel: u64,
    /// There have been core modules, some of which may have been skipped.
    modules: bool,
}

enum Current<'a> {
    Named(&'a str),
    Own(Box<Instance<'a>>),
    /// It cannot be made, and what asks for it is skipped.
    Skipped(String),
}

struct Instance<'a> {
    program: LinkedComponent,
    process: WasmProcess,
    core: Option<CoreInstance<'a>>,
}

/// The rest of an instance of a core module.
struct CoreInstance<'a> {
    core: Rc<Core>,
    /// The calls that have come back.
    calls: Vec<Call<'a>>,
    /// The last call has trapped.
    trapped: bool,
    /// A call has been skipped, so it may not be what the script expects.
    skipped: bool,
}

/// Why there is no instance, or no result.
enum Failure {
    /// The bytes are no component.
    Load(String),
    Link(String),
    Trap(String),
    /// The script is wrong, or the runner cannot do what it asks for.
    Script(String),
    /// Nothing for a process.
    Skip(String),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Failure::Load(text) => format!("cannot be loaded: {text}"),
            Failure::Link(text) => format!("cannot be linked: {text}"),
            Failure::Trap(text) => format!("trap: {text}"),
            Failure::Script(text) | Failure::Skip(text) => text.clone(),
        }
    }
}

/// Something has gone wrong, unless it is to be skipped.
fn refused(expected: impl Into<String>, failure: &Failure) -> Verdict {
    match failure {
        Failure::Skip(reason) => Verdict::Skip(reason.clone()),
        Failure::Load(_) | Failure::Link(_) | Failure::Trap(_) | Failure::Script(_) => {
            fail(expected, failure.text())
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
            Action::Component { source: Source { module: true, bytes }, name } => {
                self.current = None;
                self.modules = true;
                match bytes.as_deref().map_err(Clone::clone).and_then(validate) {
                    Ok(()) => self.module(*name, bytes.as_deref().unwrap_or_default()),
                    Err(error) => fail("a valid module", error),
                }
            }
            Action::Define { source: Source { module: true, bytes }, .. } => {
                match bytes.as_deref().map_err(Clone::clone).and_then(validate) {
                    Ok(()) => {
                        Verdict::Skip("core modules are not defined by themselves".to_owned())
                    }
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
                    return match self.modules {
                        true => Verdict::Skip("core modules are not defined".to_owned()),
                        false => fail("an instance", "there is no such definition"),
                    };
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
            Action::Unlinkable { source: Source { module: true, .. }, .. } => {
                Verdict::Skip("core modules are not linked with each other".to_owned())
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
                Err(failure) => refused("no trap", &failure),
            },
            Action::Return { invoke, results } => {
                let outcome = self.invoke(invoke);
                match outcome {
                    Ok(value) => {
                        let verdict = self.compare(invoke, results, value.as_ref());
                        match (verdict, self.has_skipped(invoke.instance)) {
                            (Verdict::Fail { .. }, true) => Verdict::Skip(AFTER.to_owned()),
                            (verdict, _) => verdict,
                        }
                    }
                    Err(failure) => refused(format!("{results:?}"), &failure),
                }
            }
            Action::Trap { exec, message } => {
                let outcome = match exec {
                    Exec::Invoke(invoke) => {
                        self.invoke(invoke).map(|value| format!("returned {value:?}"))
                    }
                    Exec::Component(Source { module: true, bytes: Ok(bytes) }) => {
                        self.adapted(bytes).map(|_| "an instance".to_owned())
                    }
                    Exec::Component(source) => self
                        .load(source)
                        .and_then(|program| self.instantiate(&program))
                        .map(|_| "an instance".to_owned()),
                };
                match outcome {
                    Err(Failure::Trap(found)) => failed(message, &found),
                    Err(failure) => refused(*message, &failure),
                    Ok(found) => fail(*message, found),
                }
            }
        }
    }

    /// Instantiates a core module.
    fn module(&mut self, name: Option<&'a str>, bytes: &[u8]) -> Verdict {
        match self.adapted(bytes) {
            Ok(instance) => {
                self.keep(name, instance);
                Verdict::Pass
            }
            Err(failure) => {
                if let Failure::Skip(reason) = &failure {
                    self.current = Some(Current::Skipped(reason.clone()));
                }
                refused("an instance", &failure)
            }
        }
    }

    fn adapted(&mut self, bytes: &[u8]) -> Result<Instance<'a>, Failure> {
        // What is valid and refused needs something that a process does not have.
        let core = Core::new(bytes).map_err(Failure::Skip)?;
        let component = Component::new(&self.engine, core.component())
            .map_err(|error| Failure::Skip(error.to_string()))?;
        let program = component.link(&Linker::default());
        let program = program.map_err(|error| Failure::Skip(error.to_string()))?;
        let mut instance =
            self.instantiate_with(&program, MAX_CORE_FUEL).map_err(|failure| match failure {
                Failure::Trap(why) if why.ends_with(NOT_PROVIDED) => Failure::Skip(why),
                failure => failure,
            })?;
        let core = Rc::new(core);
        instance.core =
            Some(CoreInstance { core, calls: Vec::new(), trapped: false, skipped: false });
        Ok(instance)
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

    fn instantiate(&mut self, program: &LinkedComponent) -> Result<Instance<'a>, Failure> {
        self.instantiate_with(program, MAX_FUEL)
    }

    fn instantiate_with(
        &mut self,
        program: &LinkedComponent,
        fuel: u64,
    ) -> Result<Instance<'a>, Failure> {
        let limits = Limits { max_fuel: Some(fuel), max_memory: MAX_MEMORY };
        let data = StartData { limits, ..StartData::default() };
        let mut process = WasmProcess::start(program, data.into()).map_err(failure)?;
        let outcome = drive(&mut process, self.slice);
        self.fuel += process.fuel_used();
        outcome.map_err(failure)?;
        Ok(Instance { program: program.clone(), process, core: None })
    }

    fn keep(&mut self, name: Option<&'a str>, instance: Instance<'a>) {
        self.current = Some(match name {
            Some(name) => {
                self.instances.insert(name, instance);
                Current::Named(name)
            }
            None => Current::Own(Box::new(instance)),
        });
    }

    fn instance(&mut self, name: Option<&str>) -> Result<&mut Instance<'a>, Failure> {
        let found = match (name, &mut self.current) {
            (Some(name), _) => self.instances.get_mut(name),
            (None, Some(Current::Named(name))) => self.instances.get_mut(*name),
            (None, Some(Current::Own(instance))) => Some(instance.as_mut()),
            (None, Some(Current::Skipped(reason))) => return Err(Failure::Skip(reason.clone())),
            (None, None) => None,
        };
        found.ok_or_else(|| match self.modules {
            true => Failure::Skip("an instance that has been skipped".to_owned()),
            false => Failure::Script("there is no such instance".to_owned()),
        })
    }

    fn invoke(&mut self, invoke: &Invoke<'a>) -> Result<Option<Value>, Failure> {
        self.revive(invoke.instance)?;
        let args = self.args(invoke);
        let kept = args.as_ref().ok().cloned().unwrap_or_default();
        let result = args.and_then(|args| self.call(invoke.instance, invoke.function, args));
        let result = match result {
            Err(Failure::Trap(why)) if why.ends_with(NOT_PROVIDED) => {
                if let Some(core) = self.instance(invoke.instance)?.core.as_mut() {
                    core.trapped = true;
                }
                Err(Failure::Skip(why))
            }
            result => result,
        };
        if let Some(core) = self.instance(invoke.instance)?.core.as_mut() {
            match &result {
                Ok(_) if core.calls.len() < MOST_CALLS => {
                    core.calls.push(Call { function: invoke.function, args: kept });
                }
                Err(Failure::Skip(_)) => core.skipped = true,
                Ok(_) | Err(Failure::Script(_)) => {}
                Err(Failure::Trap(_) | Failure::Load(_) | Failure::Link(_)) => core.trapped = true,
            }
        }
        result
    }

    fn has_skipped(&mut self, instance: Option<&str>) -> bool {
        let core = self.instance(instance).ok().and_then(|instance| instance.core.as_ref());
        core.is_some_and(|core| core.skipped)
    }

    /// Makes the instance of a core module anew if it has trapped.
    fn revive(&mut self, name: Option<&str>) -> Result<(), Failure> {
        let instance = self.instance(name)?;
        let Some(core) = instance.core.as_mut().filter(|core| core.trapped) else { return Ok(()) };
        if core.calls.len() >= MOST_CALLS {
            return Err(Failure::Skip("too many calls before a trap".to_owned()));
        }
        let calls: Vec<Call<'a>> = std::mem::take(&mut core.calls);
        let (program, skipped) = (instance.program.clone(), core.skipped);
        let core = core.core.clone();
        let fresh = self.instantiate_with(&program, MAX_CORE_FUEL)?;
        let instance = self.instance(name)?;
        *instance = fresh;
        instance.core = Some(CoreInstance { core, calls: Vec::new(), trapped: false, skipped });
        for call in &calls {
            self.call(name, call.function, call.args.clone())?;
        }
        if let Some(core) = self.instance(name)?.core.as_mut() {
            core.calls = calls;
        }
        Ok(())
    }

    fn args(&mut self, invoke: &Invoke<'a>) -> Result<Vec<Value>, Failure> {
        let function = self.instance(invoke.instance)?.function(invoke.function)?;
        let params = &function.ty().params;
        if params.len() != invoke.args.len() {
            return Err(Failure::Script("another number of arguments".to_owned()));
        }
        let args = params.iter().zip(&invoke.args);
        let args = args.map(|(param, arg)| value::arg(function.types(), param.ty, arg));
        args.collect::<Result<_, _>>().map_err(Failure::Script)
    }

    fn call(
        &mut self,
        instance: Option<&str>,
        function: &str,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Failure> {
        let slice = self.slice;
        let instance = self.instance(instance)?;
        let function = instance.function(function)?;
        let before = instance.process.fuel_used();
        let started = instance.process.call(process::Call::new(function.full_name(), args));
        let outcome = started.and_then(|()| drive(&mut instance.process, slice));
        let used = instance.process.fuel_used() - before;
        self.fuel += used;
        outcome.map_err(failure)
    }

    fn compare(
        &mut self,
        invoke: &Invoke<'a>,
        results: &[wast::WastRet<'_>],
        value: Option<&Value>,
    ) -> Verdict {
        let function = match self.instance(invoke.instance) {
            Ok(instance) => instance.function(invoke.function),
            Err(failure) => Err(failure),
        };
        let function = match function {
            Ok(function) => function,
            Err(failure) => return refused("a result", &failure),
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

impl Instance<'_> {
    fn function(&self, name: &str) -> Result<Function, Failure> {
        let core = self.core.as_ref().map(|core| core.core.clone());
        let name = match &core {
            Some(core) => core.name(name).map_err(Failure::Skip)?,
            None => name,
        };
        self.program.function(name).map_err(Failure::Script)
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
