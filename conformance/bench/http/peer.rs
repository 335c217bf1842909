//! wasmtime's own library for HTTP as a server: a fresh, pooled instance for each request.

use std::{net::SocketAddr, path::Path, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use tokio::net::TcpListener;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    io::TokioIo,
    p2::bindings::{ProxyPre, http::types::Scheme},
    p2::body::HyperOutgoingBody,
};

use super::super::Result;

/// The engines, by their task.
pub const CONTENDERS: [(&str, &str); 2] =
    [("wasmtime, JIT", "jit"), ("wasmtime, Pulley", "pulley")];

/// Instances at a time.
const MOST: u32 = 1200;

struct World {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for World {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for World {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let World { http, table, .. } = self;
        WasiHttpCtxView { ctx: http, table, hooks: Default::default() }
    }
}

/// `jit|pulley FILE ADDR` serves until it is ended.
pub fn child(args: &[String]) -> Result<()> {
    let [task, file, addr] = args else {
        return Err("usage: http-serve jit|pulley FILE ADDR".into());
    };
    let mut config = Config::new();
    if task == "pulley" {
        config.target("pulley64")?;
    }
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MOST).total_core_instances(4 * MOST).total_stacks(MOST);
    pool.total_memories(2 * MOST).total_tables(4 * MOST);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, Path::new(file))?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    let pre = Arc::new(ProxyPre::new(linker.instantiate_pre(&component)?)?);
    let addr: SocketAddr = addr.parse()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(addr, pre))
}

async fn serve(addr: SocketAddr, pre: Arc<ProxyPre<World>>) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pre = pre.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(pre.clone(), request));
            // Whoever breaks off has its own reasons.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    pre: Arc<ProxyPre<World>>,
    request: hyper::Request<hyper::body::Incoming>,
) -> wasmtime::Result<hyper::Response<HyperOutgoingBody>> {
    let world = World {
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(pre.engine(), world);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    let task = tokio::spawn(async move {
        let proxy = pre.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
    });
    match receiver.await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            task.await??;
            wasmtime::bail!("there was no answer")
        }
    }
}
