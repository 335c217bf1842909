//! What happens, by us.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use wippy::{
    account::Account,
    command::{Command, Completion, HostCall, InlineDispatcher, Reply, Yield},
    component::{Component, Engine, EngineConfig, FUEL_VERSION, LinkedComponent, Linker},
    process::{Call, Cause, Error, Event, Fuel, Start, StartData, Status, StepOutput, WasmProcess},
    replay::{
        Player, Role, Stage, Stop,
        journal::{
            Blocks, Code, CommandLine, End as Ended, Finished, Header, JournalReader, LuaCode,
            ProgramRecord, Record, StartRecord,
        },
        record::{Sink, Tape},
    },
    value::{ResourceId, Value},
};

use super::{Class, Echo, End, Seen, text::INTERFACE, words};

/// What happened, in slices of any length.
pub struct Slices {
    pub seen: Seen,
    /// The functions that are exported, with their types.
    #[cfg(feature = "peers")]
    pub exports: Vec<String>,
}

/// It cannot be had, or not all runs of it are the same.
pub struct LoadFailure(pub String);

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Heard = Arc<Mutex<Vec<String>>>;

/// The engine of all runs.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let config = EngineConfig { shows_state: true, ..EngineConfig::default() };
    ENGINE.get_or_init(|| Engine::new(config))
}

/// Slices that all have to come to the same.
const SLICES: [u64; 2] = [1_000, 1_000_000];

/// Steps of a run, of whatever length.
const STEPS: usize = 200_000;

impl Echo {
    /// Runs it in slices of several lengths; the first run is recorded and replayed.
    ///
    /// # Errors
    ///
    /// If it is refused, or the runs are not the same.
    pub fn ours(&self) -> Result<Slices, LoadFailure> {
        let bytes = wat::parse_str(self.text())
            .map_err(|error| LoadFailure(format!("the text is wrong: {error}")))?;
        self.ours_of(&bytes)
    }

    /// The same for another binary.
    ///
    /// # Errors
    ///
    /// As for [`Echo::ours`].
    pub fn ours_of(&self, bytes: &[u8]) -> Result<Slices, LoadFailure> {
        let heard = Heard::default();
        let program = self.program(bytes, &heard)?;
        let mut runs = Vec::new();
        for slice in SLICES {
            let run = self.recorded(&program, slice, &heard)?;
            replay(&program, &run).map_err(|why| {
                LoadFailure(format!("in slices of {slice}, a replay differs: {why}"))
            })?;
            runs.push(run);
        }
        let [one, two] = runs.as_slice() else { unreachable!("there are two slices") };
        if (&one.seen, one.fuel, one.state) != (&two.seen, two.fuel, two.state) {
            return Err(LoadFailure(format!(
                "slices of {SLICES:?} differ: {:?}, fuel {}, state {:x}; {:?}, fuel {}, state {:x}",
                one.seen, one.fuel, one.state, two.seen, two.fuel, two.state
            )));
        }
        Ok(Slices {
            seen: one.seen.clone(),
            #[cfg(feature = "peers")]
            exports: program.functions().map(|function| format!("{function:?}")).collect(),
        })
    }

    fn program(&self, bytes: &[u8], heard: &Heard) -> Result<LinkedComponent, LoadFailure> {
        let wrong = |why: String| LoadFailure(why);
        let mut linker = Linker::default();
        linker.declare(&self.wit()).map_err(|error| wrong(format!("{error}\n{}", self.wit())))?;
        for function in ["echo", "poke"] {
            linker.suspending(INTERFACE, function).map_err(|error| wrong(error.to_string()))?;
        }
        if self.resource.is_some() {
            let heard = heard.clone();
            let dropped = move |rep: u32| {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(format!("drop {rep}"));
                Ok(())
            };
            linker
                .resource_dtor(INTERFACE, "r", move |_, rep| dropped(rep))
                .map_err(|error| wrong(error.to_string()))?;
        }
        let component = Component::new(engine(), bytes)
            .map_err(|error| wrong(format!("it is refused: {error}")))?;
        component.link(&linker).map_err(|error| wrong(format!("it is not linked: {error}")))
    }

    fn answer(&self, command: Command, heard: &Heard) -> Reply {
        let Command::Call(HostCall { function, args, .. }) = command else {
            return Reply::Refused("nobody answers".to_owned());
        };
        let args = args.iter().map(words).collect::<Vec<_>>().join(", ");
        let said = format!("{function}({args})");
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        Reply::Value(if function == "echo" { self.answer.clone().map(host) } else { None })
    }

    fn recorded(
        &self,
        program: &LinkedComponent,
        slice: u64,
        heard: &Heard,
    ) -> Result<Run, LoadFailure> {
        heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let wrong = |error: Error| LoadFailure(format!("it cannot be called: {error}"));
        let function = program.function("echo").map_err(LoadFailure)?;
        let types = function.types();
        let id = (0..types.resource_count() as u32)
            .map(ResourceId)
            .find(|id| types.resource_name(*id) == "r");
        let args = self.args.iter().cloned().map(|value| of(value, id.unwrap_or(ResourceId(0))));
        let call = Call::new(function.full_name(), args.collect());
        let out = Arc::new(Out::default());
        out.add(&Record::Header(Header {
            product: "fuzz".to_owned(),
            fuel_version: FUEL_VERSION,
            max_slice: engine().max_slice(),
            redacted: Vec::new(),
            flight: None,
        }));
        out.add(&Record::Command(CommandLine::default()));
        let code = Code::Lua(LuaCode::default());
        out.add(&Record::Program(ProgramRecord { id: 0, name: "echo".to_owned(), code }));
        let data = StartData { call: Some(call), ..StartData::default() };
        let start = StartRecord { process: 1, program: 0, front: true, data: data.clone() };
        out.add(&Record::Start(Box::new(start)));
        let tape = Tape::new(1, out.clone(), Account::default(), true);
        let inline = Some(tape.dispatcher(Box::new(Nobody)));
        let start = Start { inline, ..data.into() };
        let process = WasmProcess::start(program, start).map_err(wrong)?;
        let mut process = tape.process(Box::new(process));
        let (mut events, mut step, mut fuel) = (Vec::new(), StepOutput::default(), 0u64);
        let mut steps = 0;
        let outcome = loop {
            process.step(&mut events, Fuel(slice), &mut step);
            fuel += step.fuel_used;
            for Yield { tag, command } in step.yields.drain(..) {
                let reply = match command {
                    Command::Chore(chore) => {
                        chore.run();
                        Reply::Done
                    }
                    other => self.answer(other, heard),
                };
                events.push(Event::Completion(Completion { tag, reply }));
            }
            if let Status::Done(outcome) = std::mem::replace(&mut step.status, Status::Continue) {
                break outcome;
            }
            steps += 1;
            if steps > STEPS {
                return Err(LoadFailure(format!("no end in slices of {slice}")));
            }
        };
        process.close();
        let error = outcome.clone().err();
        out.add(&Record::End(Box::new(Ended { process: 1, fuel, error })));
        out.add(&Record::Finished(Finished::default()));
        let journal = out.take();
        let end = match &outcome {
            Ok(value) => End::Value(value.as_ref().map_or_else(String::new, words)),
            Err(error) => End::Trap(class(error)?, error.to_string()),
        };
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let state = last_state(&journal)?;
        Ok(Run { seen: Seen { heard, end }, fuel, state, journal })
    }
}

struct Run {
    seen: Seen,
    fuel: u64,
    state: u64,
    journal: Vec<u8>,
}

/// A trap's class.
///
/// # Errors
///
/// If it is the engine that fails.
pub fn class(error: &Error) -> Result<Class, LoadFailure> {
    use wippy::component::TrapKind;
    Ok(match error.cause() {
        Cause::Trap(TrapKind::Core) => {
            let message = error.message();
            Class::Core(message.rsplit_once("trapped: ").map_or(message, |(_, what)| what).into())
        }
        Cause::Trap(TrapKind::Canonical) => Class::Canonical,
        Cause::Engine => return Err(LoadFailure(format!("the engine fails: {error}"))),
        other => Class::Other(format!("{other:?}")),
    })
}

/// A value whose handles are the host's.
fn host(value: Value) -> Value {
    of(value, ResourceId(u32::MAX))
}

/// A value whose handles are of this resource.
fn of(value: Value, ty: ResourceId) -> Value {
    match value {
        Value::Own(mut handle) => {
            handle.ty = ty;
            Value::Own(handle)
        }
        Value::Borrow(mut handle) => {
            handle.ty = ty;
            Value::Borrow(handle)
        }
        Value::List(wippy::value::List::Values(values)) => {
            Value::from(values.into_iter().map(|value| of(value, ty)).collect::<Vec<_>>())
        }
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(k, v)| (of(k, ty), of(v, ty))).collect())
        }
        Value::Record(values) => {
            Value::Record(values.into_iter().map(|value| of(value, ty)).collect())
        }
        Value::Variant { case, payload } => {
            Value::Variant { case, payload: payload.map(|value| Box::new(of(*value, ty))) }
        }
        other => other,
    }
}

/// Answers nothing within a step.
struct Nobody;

impl InlineDispatcher for Nobody {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        Err(command)
    }
}

/// The records of a run.
#[derive(Default)]
struct Out(Mutex<Blocks>);

impl Out {
    fn add(&self, record: &Record) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.add(record).expect("a record has a form");
    }

    fn take(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(&mut bytes);
        bytes
    }
}

impl Sink for Out {
    fn take(&self, _: u64, record: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add_coded(record);
    }

    fn give_up(&self, why: &str) {
        panic!("it is not recorded: {why}");
    }
}

fn last_state(journal: &[u8]) -> Result<u64, LoadFailure> {
    let wrong = |error: &dyn fmt::Display| LoadFailure(format!("the journal: {error}"));
    let mut journal = JournalReader::new(journal).map_err(|error| wrong(&error))?;
    let mut hash = 0;
    while let Some(record) = journal.next().map_err(|error| wrong(&error))? {
        if let Record::State(state) = record {
            hash = state.hash;
        }
    }
    Ok(hash)
}

/// Has one program.
struct Bare(LinkedComponent);

impl Stage for Bare {
    fn program(&mut self, _: &ProgramRecord) -> Result<(Box<dyn Role>, bool), String> {
        Ok((Box::new(self.0.clone()), false))
    }

    fn variable(&mut self, _: &str) -> Option<String> {
        None
    }

    fn called(&mut self, _: &CommandLine) {}

    fn started(&mut self, _: &StartRecord) {}

    fn wrote(&mut self, _: u64, _: wippy::command::Stdio, _: Vec<u8>) {}

    fn asked(&mut self, _: &str, _: u64, _: &str, _: &str) {}
}

/// Runs a journal again: each state, each question, the end and the fuel are compared.
fn replay(program: &LinkedComponent, run: &Run) -> Result<(), String> {
    let player = Player::new(&*run.journal, Bare(program.clone()), Stop::default())
        .map_err(|error| error.to_string())?;
    let stopped = player.play().1.map_err(|error| error.to_string())?;
    if stopped.fuel != run.fuel || stopped.finished.is_none() {
        return Err(format!("fuel {} instead of {}", stopped.fuel, run.fuel));
    }
    Ok(())
}
