//! wasmtime with its WASI layer, as a command of its own.

use std::{path::Path, time::Instant};

use wasmtime::{
    Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView, p2};

use super::{Result, io::GUEST_DIR, peer};

struct World {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for World {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

/// `run FILE DIR ARGS...` runs a component as a program and prints the seconds
/// that this took; `call FILE METHOD TEXT` calls a function from text to text
/// and prints what it returns.
pub fn child(args: &[String]) -> Result<()> {
    let [task, file, rest @ ..] = args else { return Err("usage: wasi run|call FILE ...".into()) };
    let engine = peer::engine(peer::PULLEY)?;
    let component = Component::from_file(&engine, Path::new(file))?;
    let mut linker = Linker::new(&engine);
    p2::add_to_linker_sync(&mut linker)?;
    let mut ctx = WasiCtx::builder();
    ctx.inherit_stdio().allow_blocking_current_thread(true);
    match (task.as_str(), rest) {
        ("run", [dir, args @ ..]) => {
            ctx.preopened_dir(dir, GUEST_DIR, FsPerms::ReadWrite)?.arg(file).args(args);
            let mut store = store(&engine, ctx.build())?;
            let start = Instant::now();
            let command =
                p2::bindings::sync::Command::instantiate(&mut store, &component, &linker)?;
            let result = command.wasi_cli_run().call_run(&mut store);
            let time = start.elapsed();
            match result {
                Ok(Ok(())) => {}
                Ok(Err(())) => return Err("the guest has failed".into()),
                Err(error) if error.downcast_ref::<I32Exit>().is_some_and(|exit| exit.0 == 0) => {}
                Err(error) => return Err(error.into()),
            }
            println!("{}", time.as_secs_f64());
        }
        ("call", [method, text]) => {
            let mut store = store(&engine, ctx.build())?;
            let instance = linker.instantiate(&mut store, &component)?;
            let func = instance.get_typed_func::<(&str,), (String,)>(&mut store, method)?;
            println!("{}", func.call(&mut store, (text,))?.0);
        }
        _ => return Err("usage: wasi run|call FILE ...".into()),
    }
    Ok(())
}

fn store(engine: &wasmtime::Engine, ctx: WasiCtx) -> Result<Store<World>> {
    let mut store = Store::new(engine, World { ctx, table: ResourceTable::new() });
    store.set_fuel(u64::MAX)?;
    Ok(store)
}
