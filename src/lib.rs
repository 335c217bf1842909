//! Runs WebAssembly components as processes, on a pure interpreter, in bounded
//! steps.
//!
//! A [process](process::Process) is stepped: it is given events and some fuel,
//! works, and says why it stopped and what it asks of the outside world. It never
//! blocks and never looks at anything but its events, so whoever steps it is in
//! charge of time, threads and the world, and can run it again exactly.
//!
//! ```
//! use wippy::{
//!     component::{Component, Engine, Linker},
//!     command::{Command, Completion, HostCall, Reply},
//!     process::{Call, Event, DEFAULT_SLICE, Process, Status, StepOutput, WasmProcess},
//!     value::Value,
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bytes = wat::parse_str(r#"(component
//! #   (import "demo:host/dice" (instance $dice
//! #     (export "roll" (func (param "sides" u32) (result u32)))))
//! #   (core func $roll (canon lower (func $dice "roll")))
//! #   (core module $m
//! #     (import "dice" "roll" (func $roll (param i32) (result i32)))
//! #     (func (export "play") (result i32)
//! #       (i32.add (call $roll (i32.const 6)) (call $roll (i32.const 20)))))
//! #   (core instance $i (instantiate $m
//! #     (with "dice" (instance (export "roll" (func $roll))))))
//! #   (func (export "play") (result u32) (canon lift (core func $i "play"))))"#)?;
//! // `bytes` is a component that imports `demo:host/dice` and exports `play`.
//! let component = Component::new(&Engine::default(), bytes)?;
//!
//! // What it may import is declared in WIT. A call of `roll` suspends it.
//! let mut linker = Linker::default();
//! linker.declare("package demo:host; interface dice { roll: func(sides: u32) -> u32; }")?;
//! linker.suspending("demo:host/dice", "roll")?;
//!
//! let play = Call::new("play", vec![]);
//! let mut process = WasmProcess::start(&component.link(&linker)?, play.into())?;
//!
//! let (mut events, mut out) = (Vec::new(), StepOutput::default());
//! let result = loop {
//!     process.step(&mut events, DEFAULT_SLICE, &mut out);
//!     for asked in out.yields.drain(..) {
//!         // Answered at once here; any time later would do as well.
//!         let reply = match asked.command {
//!             Command::Call(HostCall { args, .. }) => match args.first() {
//!                 Some(Value::U32(sides)) => Reply::Value(Some(Value::U32(sides / 2))),
//!                 _ => Reply::Refused("a die has sides".to_owned()),
//!             },
//!             // It has trapped, and would like to say where.
//!             Command::Chore(chore) => {
//!                 chore.run();
//!                 Reply::Done
//!             }
//!             _ => Reply::Refused("nobody answers this here".to_owned()),
//!         };
//!         events.push(Event::Completion(Completion { tag: asked.tag, reply }));
//!     }
//!     if let Status::Done(outcome) = &out.status {
//!         break outcome.clone()?;
//!     }
//! };
//! assert_eq!(result, Some(Value::U32(13)));
//! # Ok(())
//! # }
//! ```
//!
//! The [guide] leads from a first process to all that there is.
//!
//! # The two halves
//!
//! [`value`], [`account`], [`adapter`], [`component`], [`command`], [`imports`],
//! [`process`] and [`replay`] are pure computation: no files, threads, clocks or random numbers. They
//! are all that is left with `default-features = false`. The feature
//! `host` adds what knows the world, `cli` the `wippy` command.
//!
//! # Building
//!
//! The interpreter is fast when it is optimized, and when overflow checks and
//! debug assertions are off in the crate `wasmi`; without optimization it is
//! slow but sound. A development build that optimizes its dependencies should
//! switch the checks off for it, as the manifest of this crate does; otherwise
//! steps are cut very short (see [`component::Engine`]).

pub mod account;
pub mod adapter;
pub mod command;
pub mod component;
pub mod imports;
mod lock;
#[cfg(feature = "host")]
pub mod network;
pub mod process;
pub mod replay;
pub mod value;
mod visible;
#[cfg(feature = "host")]
pub mod world;

#[cfg(feature = "host")]
pub mod artifact;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod guide;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "lua")]
pub mod lua;
#[cfg(feature = "host")]
pub mod registry;
