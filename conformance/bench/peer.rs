//! wasmtime, without a cache and without pooling: what its users get first.

use std::time::Instant;

use wasmtime::{
    Config, Engine, Store,
    component::{Component, ComponentExportIndex, Func, InstancePre, Linker, Val},
};
use wippy::value::Value;

use super::{
    Result,
    brief::Guest,
    guest,
    measure::{Contender, parts, thread_time},
    records::{self, Rec},
};

/// The interpreter, which runs everywhere, as ours does.
pub const PULLEY: &str = "wasmtime, Pulley";
/// The compiler.
const JIT: &str = "wasmtime, JIT";

/// An engine that meters fuel: Pulley, or the compiler if there is one for this
/// machine.
pub fn engine(name: &str) -> Result<Engine> {
    let mut config = Config::new();
    config.consume_fuel(true);
    if name == PULLEY {
        config.target(match cfg!(target_pointer_width = "64") {
            true => "pulley64",
            false => "pulley32",
        })?;
    }
    Ok(Engine::new(&config)?)
}

/// A guest that is ready to be instantiated, and the function to call.
struct Ready {
    engine: Engine,
    pre: InstancePre<()>,
    index: ComponentExportIndex,
}

impl Ready {
    fn new(engine: Engine, file: &str, method: &str) -> Result<Ready> {
        let component = Component::new(&engine, guest::bytes(file)?)?;
        let index = component.get_export_index(None, method).ok_or("no such export")?;
        let pre = Linker::new(&engine).instantiate_pre(&component)?;
        Ok(Ready { engine, pre, index })
    }

    fn instantiate(&self) -> Result<(Store<()>, Func)> {
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(u64::MAX)?;
        let instance = self.pre.instantiate(&mut store)?;
        let func = instance.get_func(&mut store, self.index).ok_or("not a function")?;
        Ok((store, func))
    }
}

pub fn kernel<'a>(
    file: &str,
    method: &str,
    args: &[Value],
    expected: &'a Value,
) -> Result<Contender<'a>> {
    let (mut store, func) = Ready::new(engine(PULLEY)?, file, method)?.instantiate()?;
    let args: Vec<Val> = args.iter().map(val).collect::<Result<_>>()?;
    Ok(Contender::new(PULLEY, 1, move || {
        let mut results = [Val::Bool(false)];
        store.set_fuel(u64::MAX)?;
        func.call(&mut store, &args, &mut results)?;
        guest::expect(&results[0], &val(expected)?)
    }))
}

/// Whole lives, with typed calls.
pub fn lives<'a>(guest: &Guest, count: u32) -> Result<Vec<Contender<'a>>> {
    let engines = [PULLEY, JIT].into_iter().filter_map(|name| Some((name, engine(name).ok()?)));
    engines
        .map(|(name, engine)| {
            let ready = Ready::new(engine, guest.file, guest.method)?;
            let life: fn(&Ready) -> Result<()> = match guest.method {
                "greet" => |ready| {
                    let (mut store, func) = ready.instantiate()?;
                    let func = func.typed::<(&str,), (String,)>(&store)?;
                    guest::expect(func.call(&mut store, ("Ada",))?.0.as_str(), "Hello, Ada!")
                },
                _ => |ready| {
                    let (mut store, func) = ready.instantiate()?;
                    let func = func.typed::<(i32, i32), (i32,)>(&store)?;
                    guest::expect(func.call(&mut store, (6, 7))?, (42,))
                },
            };
            Ok(Contender::new(name, count, move || (0..count).try_for_each(|_| life(&ready))))
        })
        .collect()
}

/// The same data as dynamic values, as ours are, and as Rust types.
pub fn values<'a>(method: &str) -> Result<Vec<Contender<'a>>> {
    let (mut store, func) = Ready::new(engine(PULLEY)?, records::FILE, method)?.instantiate()?;
    let input = match method {
        "echo-bytes" => Val::List(records::bytes().into_iter().map(Val::U8).collect()),
        _ => Val::List(records::records().iter().map(record).collect()),
    };
    let dynamic = Contender::timed(format!("{PULLEY}, dynamic"), move || {
        let mut results = [Val::Bool(false)];
        let start = thread_time();
        func.call(&mut store, std::slice::from_ref(&input), &mut results)?;
        let time = thread_time() - start;
        match results[0] == input {
            true => Ok(time),
            false => Err("other data came back".into()),
        }
    });

    let (mut store, func) = Ready::new(engine(PULLEY)?, records::FILE, method)?.instantiate()?;
    let name = format!("{PULLEY}, typed");
    let typed = if method == "echo-bytes" {
        let func = func.typed::<(&[u8],), (Vec<u8>,)>(&store)?;
        let input = records::bytes();
        Contender::timed(name, move || {
            let start = thread_time();
            let (found,) = func.call(&mut store, (&input,))?;
            let time = thread_time() - start;
            if found == input { Ok(time) } else { Err("other data came back".into()) }
        })
    } else {
        let func = func.typed::<(&[Rec],), (Vec<Rec>,)>(&store)?;
        let input = records::records();
        Contender::timed(name, move || {
            let start = thread_time();
            let (found,) = func.call(&mut store, (&input,))?;
            let time = thread_time() - start;
            if found == input { Ok(time) } else { Err("other data came back".into()) }
        })
    };
    Ok(vec![dynamic, typed])
}

fn val(value: &Value) -> Result<Val> {
    match value {
        Value::U32(v) => Ok(Val::U32(*v)),
        Value::F64(v) => Ok(Val::Float64(*v)),
        other => Err(format!("no kernel takes or returns {other:?}").into()),
    }
}

fn record(record: &Rec) -> Val {
    let tags = record.tags.iter().cloned().map(Val::String).collect();
    Val::Record(vec![
        ("id".to_owned(), Val::U64(record.id)),
        ("name".to_owned(), Val::String(record.name.clone())),
        ("tags".to_owned(), Val::List(tags)),
        ("score".to_owned(), Val::Float64(record.score)),
    ])
}

/// The engines that a large component is loaded with, by the name of the task.
pub const LOADERS: [(&str, &str); 2] = [("pulley", PULLEY), ("jit", JIT)];

/// Prints the seconds since `start` when the component is instantiated, and what
/// the parts took.
pub fn load(task: &str, bytes: &[u8], start: Instant) -> Result<()> {
    let found = LOADERS.into_iter().find(|(name, _)| *name == task);
    let engine = engine(found.ok_or("no such engine")?.1)?;
    let component = Component::new(&engine, bytes)?;
    let loaded = start.elapsed();
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let pre = linker.instantiate_pre(&component)?;
    let linked = start.elapsed();
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX)?;
    pre.instantiate(&mut store)?;
    let all = start.elapsed();
    println!("{} {}", all.as_secs_f64(), parts(loaded, linked, all));
    Ok(())
}
