//! `wasi:cli`: what a command is started with, its standard streams, and its
//! end. `run` is not here: guests export it.

use super::{
    WasiState,
    call::{Body, ask, now, own},
    input::Input,
    output::Output,
    table::{self, Entry},
};
use crate::{
    command::{Stdio, StdioCommand},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    value::Value,
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    super::call::bind(linker, "wasi:cli/environment", ENVIRONMENT)?;
    super::call::bind(linker, "wasi:cli/exit", EXIT)?;
    let streams: [(&str, &str, Body); 6] = [
        ("stdin", "get-stdin", |cx, _| add(cx, Entry::Input(Input::stdin()))),
        ("stdout", "get-stdout", |cx, _| add(cx, Entry::Output(Output::stdio(Stdio::Stdout)))),
        ("stderr", "get-stderr", |cx, _| add(cx, Entry::Output(Output::stdio(Stdio::Stderr)))),
        ("terminal-stdin", "get-terminal-stdin", |_, _| terminal(Stdio::Stdin)),
        ("terminal-stdout", "get-terminal-stdout", |_, _| terminal(Stdio::Stdout)),
        ("terminal-stderr", "get-terminal-stderr", |_, _| terminal(Stdio::Stderr)),
    ];
    for (interface, function, body) in streams {
        super::call::bind(linker, &format!("wasi:cli/{interface}"), &[(function, body)])?;
    }
    for side in ["terminal-input", "terminal-output"] {
        linker.resource_dtor(&format!("wasi:cli/{side}"), side, super::io::discard)?;
    }
    Ok(())
}

const ENVIRONMENT: &[(&str, Body)] = &[
    ("get-environment", |cx, _| {
        let pair = |(name, value): &(String, String)| {
            Value::Record(vec![name.clone().into(), value.clone().into()])
        };
        now(cx.state::<WasiState>().env.iter().map(pair).collect::<Vec<_>>())
    }),
    ("get-arguments", |cx, _| {
        now(cx.state::<WasiState>().args.iter().cloned().map(Value::from).collect::<Vec<_>>())
    }),
    ("initial-cwd", |cx, _| now(cx.state::<WasiState>().cwd.clone())),
];

const EXIT: &[(&str, Body)] = &[
    ("exit", |_, args| {
        let (case, _) = args.case()?;
        Err(Trap::exit(u8::from(case != 0)))
    }),
    ("exit-with-code", |_, args| Err(Trap::exit(args.u8()?))),
];

fn add(cx: &mut HostCx<'_>, entry: Entry) -> Result<Answer, Trap> {
    now(own(table::add(cx, entry)?))
}

fn terminal(stdio: Stdio) -> Result<Answer, Trap> {
    ask(StdioCommand::IsTerminal(stdio), |cx, reply| match reply.truth()? {
        true => {
            let index = table::add(cx, Entry::Terminal)?;
            now(Value::some(own(index)))
        }
        false => now(Value::NONE),
    })
}
