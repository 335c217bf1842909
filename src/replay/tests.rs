//! What must hold for journals: what is recorded is replayed to the last unit of fuel,
//! whatever is changed in one is noticed, and the form does not change.

use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Player, PlayerError, Role, Stage, Stop, Stopped,
    journal::{
        Blocks, Code, CommandLine, End, Finished, Header, LuaCode, ProgramRecord, Record,
        StartRecord,
    },
    record::{Sink, Tape},
};
use crate::{
    account::Account,
    command::{
        Command, Completion, HostCall, InlineDispatcher, Reply, Stdio, Yield,
        codec::tests::{Random, is_harmless},
    },
    component::{Component, Engine, EngineConfig, FUEL_VERSION, LinkedComponent, Linker},
    lock::lock,
    process::{Call, Event, Fuel, Start, StartData, Status, StepOutput, WasmProcess},
    value::Value,
};

/// Asks for a number, writes it to each page of its memory, asks again.
const GUEST: &str = r#"(component
  (import "demo:host/dice" (instance $dice
    (export "roll" (func (param "sides" u32) (result u32)))))
  (core func $roll (canon lower (func $dice "roll")))
  (core module $m
    (import "dice" "roll" (func $roll (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $sum (mut i32) (i32.const 0))
    (global $other (mut i64) (i64.const 0))
    (table $places 4 funcref)
    (elem declare func $none)
    (func $none)
    (func (export "play") (result i32) (local $i i32)
      (loop $again
        (global.set $sum (i32.add (global.get $sum) (call $roll (local.get $i))))
        (i32.store (i32.shl (local.get $i) (i32.const 4)) (global.get $sum))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 300))))
      (global.set $other (i64.const 1))
      (table.set $places (i32.const 1) (ref.func $none))
      (global.get $sum)))
  (core instance $i (instantiate $m
    (with "dice" (instance (export "roll" (func $roll))))))
  (func (export "play") (result u32) (canon lift (core func $i "play"))))"#;

fn program(text: &str) -> LinkedComponent {
    let mut linker = Linker::default();
    let dice = "package demo:host; interface dice { roll: func(sides: u32) -> u32; }";
    linker.declare(dice).unwrap();
    linker.suspending("demo:host/dice", "roll").unwrap();
    let bytes = wat::parse_str(text).unwrap();
    let engine = Engine::new(EngineConfig { shows_state: true, ..EngineConfig::default() });
    Component::new(&engine, bytes).unwrap().link(&linker).unwrap()
}

#[derive(Default)]
struct Out(Mutex<Blocks>);

impl Out {
    fn add(&self, record: Record) {
        lock(&self.0).add(&record).unwrap();
    }
}

impl Sink for Out {
    fn take(&self, _: u64, record: &[u8]) {
        lock(&self.0).add_coded(record);
    }

    fn give_up(&self, why: &str) {
        panic!("{why}");
    }
}

/// Answers two of three at once.
struct Dice;

fn roll(command: &Command) -> u32 {
    let Command::Call(HostCall { args, .. }) = command else { panic!() };
    let Some(Value::U32(sides)) = args.first() else { panic!() };
    *sides
}

impl InlineDispatcher for Dice {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        match roll(&command) {
            sides if sides % 3 == 0 => Err(command),
            sides => Ok(Reply::Value(Some(Value::U32(sides * 7)))),
        }
    }
}

/// The journal of a run with slices of so much fuel; the last step, and the fuel.
fn recorded(slice: u64) -> (Vec<u8>, Status, u64) {
    let out = Arc::new(Out::default());
    out.add(Record::Header(Header {
        product: "test".to_owned(),
        fuel_version: FUEL_VERSION,
        max_slice: slice,
        redacted: Vec::new(),
        flight: None,
    }));
    out.add(Record::Command(CommandLine::default()));
    out.add(Record::Program(ProgramRecord {
        id: 0,
        name: "guest".to_owned(),
        code: Code::Lua(LuaCode::default()),
    }));
    let data = StartData { call: Some(Call::new("play", vec![])), ..StartData::default() };
    let start = StartRecord { process: 1, program: 0, front: true, data: data.clone() };
    out.add(Record::Start(Box::new(start)));
    let tape = Tape::new(1, out.clone(), Account::default(), true);
    let inline = Some(tape.dispatcher(Box::new(Dice)));
    let process = WasmProcess::start(&program(GUEST), Start { inline, ..data.into() }).unwrap();
    let mut process = tape.process(Box::new(process));
    let (mut events, mut step, mut fuel) = (Vec::new(), StepOutput::default(), 0);
    while !matches!(step.status, Status::Done(_)) {
        process.step(&mut events, Fuel(slice), &mut step);
        fuel += step.fuel_used;
        for Yield { tag, command } in step.yields.drain(..) {
            let reply = Reply::Value(Some(Value::U32(roll(&command) * 7)));
            events.push(Event::Completion(Completion { tag, reply }));
        }
    }
    process.close();
    out.add(Record::End(Box::new(End { process: 1, fuel, error: None })));
    out.add(Record::Finished(Finished::default()));
    let mut bytes = Vec::new();
    lock(&out.0).take(&mut bytes);
    (bytes, step.status, fuel)
}

/// Has one program.
struct Bare(LinkedComponent, bool);

impl Stage for Bare {
    fn program(&mut self, _: &ProgramRecord) -> Result<(Box<dyn Role>, bool), String> {
        Ok((Box::new(self.0.clone()), self.1))
    }

    fn variable(&mut self, _: &str) -> Option<String> {
        None
    }

    fn called(&mut self, _: &CommandLine) {}

    fn started(&mut self, _: &StartRecord) {}

    fn wrote(&mut self, _: u64, _: Stdio, _: Vec<u8>) {}

    fn asked(&mut self, _: &str, _: u64, _: &str, _: &str) {}
}

fn played(bytes: &[u8], stage: Bare, stop: Stop) -> Result<Stopped, PlayerError> {
    Player::new(bytes, stage, stop)?.play().1
}

/// The hash of the process at its end.
fn state(bytes: &[u8]) -> u64 {
    let mut journal = super::journal::JournalReader::new(bytes).unwrap();
    let mut hash = None;
    while let Some(record) = journal.next().unwrap() {
        if let Record::State(state) = record {
            hash = Some(state.hash);
        }
    }
    hash.unwrap()
}

#[test]
fn a_run_is_the_same_once_more_however_it_was_cut() {
    let program = program(GUEST);
    let mut states = Vec::new();
    for slice in [50, 1_000, 100_000] {
        let (bytes, status, fuel) = recorded(slice);
        let stopped = played(&bytes, Bare(program.clone(), false), Stop::default()).unwrap();
        assert_eq!(stopped.fuel, fuel);
        assert_eq!(stopped.finished, Some(Finished::default()));
        let Some(front) = stopped.front else { panic!("no front") };
        assert_eq!(Status::Done(front.outcome), status);
        states.push((fuel, state(&bytes)));
    }
    assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
}

/// What a journal holds must not depend on the machine, and what an old one says must be
/// understood for ever: if this fails, there is a new version of the form or of fuel.
#[test]
fn the_journal_of_a_run_does_not_change() {
    let (bytes, ..) = recorded(1_000);
    assert_eq!((bytes.len(), xxh3_64(&bytes)), (13163, 15583508559060691897));
}

#[test]
fn a_byte_that_is_changed_is_noticed() {
    let program = program(GUEST);
    let (bytes, ..) = recorded(100_000);
    for at in 0..bytes.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= bits;
            // What is cut off has no end.
            let whole = played(&bytes, Bare(program.clone(), false), Stop::default())
                .is_ok_and(|stopped| stopped.finished.is_some());
            assert!(!whole, "byte {at}");
        }
    }
}

#[test]
fn the_beginning_of_a_journal_is_played_up_to_its_last_block() {
    let program = program(GUEST);
    let (bytes, ..) = recorded(100_000);
    for len in 0..bytes.len() {
        let stage = Bare(program.clone(), false);
        let whole = played(&bytes[..len], stage, Stop::default());
        assert!(!whole.is_ok_and(|stopped| stopped.finished.is_some()), "{len} bytes");
    }
}

/// Records of any sort whose blocks are as they were written do no harm either.
#[test]
fn records_that_make_no_sense_do_no_harm() {
    let program = program(GUEST);
    let (recorded, ..) = recorded(100_000);
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut blocks = Blocks::default();
        let mut journal = super::journal::JournalReader::new(&*recorded).unwrap();
        while let Some(mut record) = journal.next().unwrap() {
            let is_header = matches!(record, Record::Header(_));
            if !is_header && random.below(8) == 0 {
                record = crate::command::codec::Coded::any(&mut random, 4);
            }
            blocks.add(&record).unwrap();
        }
        let mut bytes = Vec::new();
        blocks.take(&mut bytes);
        drop(played(&bytes, Bare(program.clone(), false), Stop::default()));
    }
}

#[test]
fn another_program_is_compared_by_what_it_asks() {
    let (bytes, ..) = recorded(1_000);
    let play = |text: &str| played(&bytes, Bare(program(text), true), Stop::default());
    // More work between the questions, and the same answers.
    let slower = GUEST
        .replace("(local.set $i", "(drop (i32.add (local.get $i) (i32.const 1)))(local.set $i");
    assert_ne!(slower, GUEST);
    assert!(play(&slower).unwrap().finished.is_some());
    let other = GUEST.replace("(call $roll (local.get $i))", "(call $roll (i32.const 5))");
    let Err(PlayerError::Differs(difference)) = play(&other) else { panic!("no difference") };
    assert!(difference.expected.contains("U32(0)"), "{difference}");
    assert!(difference.found.contains("U32(5)"), "{difference}");
    let wrong = GUEST.replace("(global.get $sum)))\n  (core", "(i32.const 1)))\n  (core");
    let Err(PlayerError::Differs(difference)) = play(&wrong) else { panic!("no difference") };
    assert!(difference.found.contains("it returns U32(1)"), "{difference}");
    assert_eq!(difference.last.len(), 10);
}

/// As the program that it was, another one is noticed at its first step.
#[test]
fn a_program_that_takes_other_fuel_is_another() {
    let (bytes, ..) = recorded(100_000);
    let slower = GUEST
        .replace("(local.set $i", "(drop (i32.add (local.get $i) (i32.const 1)))(local.set $i");
    let differs = played(&bytes, Bare(program(&slower), false), Stop::default());
    assert!(matches!(differs, Err(PlayerError::Differs(_))));
}

/// What memory holds is seen although nothing asks for it.
#[test]
fn memory_is_compared() {
    let (bytes, ..) = recorded(100_000);
    let other = GUEST.replace("(i32.const 4)) (global", "(i32.const 5)) (global");
    let differs = played(&bytes, Bare(program(&other), false), Stop::default());
    let Err(PlayerError::Differs(difference)) = differs else { panic!("no difference") };
    assert!(difference.expected.contains("hash"), "{difference}");
}

/// So is what globals and tables hold, although nothing is exported, and which handles
/// there are.
#[test]
fn globals_and_tables_are_compared() {
    let (bytes, ..) = recorded(100_000);
    for (old, new) in [
        ("(i64.const 1)", "(i64.const 2)"),
        ("(table.set $places (i32.const 1)", "(table.set $places (i32.const 2)"),
    ] {
        let other = GUEST.replace(old, new);
        assert_ne!(other, GUEST);
        let differs = played(&bytes, Bare(program(&other), false), Stop::default());
        let Err(PlayerError::Differs(difference)) = differs else { panic!("no difference") };
        assert!(difference.expected.contains("hash"), "{difference}");
    }
}

#[test]
fn a_replay_stops_where_it_is_told() {
    let (bytes, _, fuel) = recorded(100_000);
    for until in [1, 100, 5_000, fuel - 1] {
        let stop = Stop { until: Some(until), log: false };
        let stopped = played(&bytes, Bare(program(GUEST), false), stop).unwrap();
        let at = stopped.at.unwrap();
        assert_eq!(at.len(), 1);
        // A single operation may take more, and the first ones do.
        assert!((until..until + 2_000).contains(&at[0].fuel), "{until}: {at:?}");
        assert_eq!(stopped.finished, None);
    }
}

#[test]
fn records_have_one_form() {
    is_harmless::<Record>(300);
}
