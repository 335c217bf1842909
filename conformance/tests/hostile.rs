//! Broken components: bytes of good ones are changed at random, and whatever
//! comes out must neither panic nor run without end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use wippy::{
    command::{Command, Completion, Reply, Yield},
    component::{Component, Engine, LinkedComponent, Linker, LoadOptions, Vetting},
    process::{Call, Event, Fuel, Limits, Process, StartData, Status, StepOutput, WasmProcess},
    value::{TypeDef, TypeId, Types, Value},
};

const LIMITS: Limits = Limits { max_memory: 8 << 20, max_fuel: Some(50_000) };

/// Steps that a call may take. With the slice below, the fuel is used up long before.
/// Enough for all the fuel, and for a second run that finds out where a trap was.
const MAX_STEPS: usize = 1_000;

/// Mutants of each component, unless `MUTANTS` in the environment says otherwise.
const MUTANTS: u64 = 150;

fn mutants() -> u64 {
    std::env::var("MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(MUTANTS)
}

/// Xorshift: the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        // Small numbers and bounds of encodings change more than any others.
        const BYTES: [u8; 12] = [0, 1, 2, 4, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff];
        match self.below(2) {
            0 => BYTES[self.below(BYTES.len())],
            _ => self.next() as u8,
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(12) {
            0 => bytes.insert(at, random.byte()),
            1 if bytes.len() > 1 => drop(bytes.remove(at)),
            2 => {
                let from = random.below(bytes.len());
                bytes[at] = bytes[from];
            }
            3 => bytes[at] = bytes[at].wrapping_add(1),
            4 => bytes[at] = bytes[at].wrapping_sub(1),
            5 => bytes[at] ^= 1 << random.below(8),
            _ => bytes[at] = random.byte(),
        }
    }
}

fn example(types: &Types, ty: TypeId, random: &mut Random) -> Option<Value> {
    let mut one = |ty| example(types, ty, random);
    Some(match types.get(ty) {
        TypeDef::Bool => Value::Bool(true),
        TypeDef::S8 => Value::S8(-1),
        TypeDef::U8 => Value::U8(200),
        TypeDef::S16 => Value::S16(-2),
        TypeDef::U16 => Value::U16(3),
        TypeDef::S32 => Value::S32(-4),
        TypeDef::U32 => Value::U32(5),
        TypeDef::S64 => Value::S64(-6),
        TypeDef::U64 => Value::U64(7),
        TypeDef::F32 => Value::F32(0.5),
        TypeDef::F64 => Value::F64(f64::NAN),
        TypeDef::Char => Value::Char('é'),
        TypeDef::String => Value::from("text ☃"),
        TypeDef::List(element) => Value::from(vec![one(*element)?, one(*element)?]),
        TypeDef::FixedList(element, n) => {
            Value::from((0..(*n).min(1000)).map(|_| one(*element)).collect::<Option<Vec<_>>>()?)
        }
        TypeDef::Map(key, value) => Value::Map(vec![(one(*key)?, one(*value)?)]),
        TypeDef::Record(fields) => {
            Value::Record(fields.iter().map(|field| one(field.ty)).collect::<Option<_>>()?)
        }
        TypeDef::Tuple(ids) => Value::Record(ids.iter().map(|id| one(*id)).collect::<Option<_>>()?),
        TypeDef::Variant(cases) => {
            let case = random.below(cases.len());
            let payload = match cases.get(case)?.ty {
                Some(ty) => Some(Box::new(example(types, ty, random)?)),
                None => None,
            };
            Value::Variant { case: case as u32, payload }
        }
        TypeDef::Enum(_) => Value::case(0),
        TypeDef::Option(ty) => Value::some(one(*ty)?),
        TypeDef::Result { ok, .. } => Value::ok(match ok {
            Some(ty) => Some(one(*ty)?),
            None => None,
        }),
        TypeDef::Flags(_) => Value::Flags(1),
        TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Async(_) => return None,
    })
}

/// Calls up to four functions, each in a process of its own.
fn run(program: &LinkedComponent, random: &mut Random) -> usize {
    let functions: Vec<_> = program.functions().collect();
    let mut calls = 0;
    for _ in 0..functions.len().clamp(1, 4) {
        let mut data = StartData { limits: LIMITS, ..StartData::default() };
        if !functions.is_empty() {
            let function = &functions[random.below(functions.len())];
            let params = function.ty().params.iter();
            let args = params.map(|p| example(function.types(), p.ty, random)).collect();
            let Some(args) = args else { continue };
            data.call = Some(Call::new(function.full_name(), args));
        }
        // Types that are too deep for checks are refused here.
        let Ok(mut process) = WasmProcess::start(program, data.into()) else { continue };
        calls += 1;
        let (mut events, mut out) = (Vec::<Event>::new(), StepOutput::default());
        let ended = (0..MAX_STEPS).any(|_| {
            process.step(&mut events, Fuel(1000), &mut out);
            for Yield { tag, command } in out.yields.drain(..) {
                // It has trapped, and is run once more.
                if let Command::Chore(chore) = command {
                    chore.run();
                    events.push(Event::Completion(Completion { tag, reply: Reply::Done }));
                }
            }
            !matches!(out.status, Status::Continue) && events.is_empty()
        });
        assert!(ended, "it runs on after {} units of fuel", process.fuel_used());
    }
    calls
}

#[derive(Debug, Default)]
struct Count {
    mutants: usize,
    loaded: usize,
    linked: usize,
    calls: usize,
}

fn attack(name: &str, bytes: &[u8], mutants: u64, count: &mut Count) {
    let engine = Engine::default();
    for seed in 1..=mutants {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut mutant = bytes.to_vec();
        mutate(&mut mutant, &mut random);
        count.mutants += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let vetting = [Vetting::Alone, Vetting::Done][(seed % 2) as usize];
            let options = LoadOptions { vetting, ..LoadOptions::default() };
            let component = Component::load(&engine, mutant.as_slice(), options);
            let Ok(component) = component else { return (0, 0, 0) };
            let Ok(program) = component.link(&Linker::default()) else { return (1, 0, 0) };
            (1, 1, run(&program, &mut random))
        }));
        let Ok((loaded, linked, calls)) = outcome else {
            panic!("mutant {seed} of {name} makes a panic");
        };
        count.loaded += loaded;
        count.linked += linked;
        count.calls += calls;
    }
}

/// The components in a directory: binaries, and those of scripts.
fn components(directory: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = directory.read_dir().expect("the directory is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if extension == "wast" {
            let text = std::fs::read_to_string(&path).expect("readable");
            let all = conformance::wast::components(&text).expect("a script");
            found.extend(all.into_iter().enumerate().map(|(i, b)| (format!("{name}[{i}]"), b)));
        } else {
            found.push((name, std::fs::read(&path).expect("readable")));
        }
    }
    found
}

#[test]
fn mutated_guests() {
    let mut count = Count::default();
    for (name, bytes) in components("guests/built", "wasm") {
        // Core modules go through the adapter, and large guests take their time.
        if bytes.get(4..8) == Some(&[0x0d, 0, 1, 0]) && bytes.len() < 30_000 {
            attack(&name, &bytes, mutants(), &mut count);
        }
    }
    println!("{count:?}");
    assert!(count.mutants > 1000 && count.calls > 100, "too little was tried: {count:?}");
}

#[test]
fn mutated_scripts() {
    let mut count = Count::default();
    for (name, bytes) in components("wast", "wast") {
        attack(&name, &bytes, mutants(), &mut count);
    }
    println!("{count:?}");
    assert!(count.mutants > 1000 && count.calls > 100, "too little was tried: {count:?}");
}
