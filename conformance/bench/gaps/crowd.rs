//! Very many processes: how they are born, speak and die.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use wippy::{
    host::{ProcessSpec, ProcessState},
    value::Value,
};

use super::{Bench, Offence, PATIENCE, Result};

const CROWD: u64 = 100_000;

/// Those that send at a time, and what each sends.
const SENDERS: u64 = 32;
const MAILS: u64 = 20_000;

pub fn offences() -> Vec<Offence<'static>> {
    let offence = |name, run: fn(&Bench) -> Result<()>| Offence { name, run: Box::new(run) };
    vec![
        offence("100 000 spawn each other, and stay", |bench| {
            let breed = add(bench)?.get("breed")?;
            bench.start(&breed, vec![CROWD.into()])?;
            populated(bench, CROWD + 1)
        }),
        offence("100 000 spawned by one", |bench| {
            let brood = add(bench)?.get("brood")?;
            bench.start(&brood, vec![(CROWD - 1).into()])?;
            populated(bench, CROWD + 1)
        }),
        offence("100 chains of 1 000 spawn each other, and end", |bench| {
            let chain = add(bench)?.get("chain")?;
            for _ in 0..100 {
                bench.start(&chain, vec![(CROWD / 100).into()])?;
            }
            settled(bench, 1)
        }),
        offence("100 000 terminated at once", |bench| {
            let wait = add(bench)?.get("wait")?;
            let pids = crowd(bench, &wait, Vec::new)?;
            for pid in &pids {
                bench.node.terminate(pid)?;
            }
            settled(bench, 1)
        }),
        offence("one dies that 100 000 monitor", |bench| hub(bench, "watch")),
        offence("one dies that 100 000 are linked to", |bench| hub(bench, "tie")),
        offence("32 flood one with mail", |bench| flood(bench, 1)),
        offence("32 flood 32 with mail", |bench| flood(bench, SENDERS)),
    ]
}

/// The guest's functions.
struct Crowd<'a>(&'a Bench);

fn add(bench: &Bench) -> Result<Crowd<'_>> {
    for name in ["wait", "breed", "chain", "brood", "watch", "tie"] {
        let (text, wit) = (include_bytes!("crowd.wat"), include_str!("crowd.wit"));
        bench.entries.keep(bench.entries.add(name, text, wit, name)?);
    }
    Ok(Crowd(bench))
}

impl Crowd<'_> {
    fn get(&self, name: &str) -> Result<Arc<ProcessSpec>> {
        let specs = super::locked(&self.0.entries.0.specs);
        Ok(specs.get(name).ok_or("no such function")?.clone())
    }
}

/// Starts them, waits until all of them wait, and forgets how that was.
fn crowd(
    bench: &Bench,
    spec: &Arc<ProcessSpec>,
    args: impl Fn() -> Vec<Value>,
) -> Result<Vec<String>> {
    let mut pids = Vec::new();
    for _ in 0..CROWD {
        pids.push(bench.start(spec, args())?.pid().as_str().to_owned());
    }
    let idle =
        || bench.node.processes().iter().filter(|p| p.state == ProcessState::Idle).count() as u64;
    until(|| idle() >= CROWD)?;
    // Until they have been trimmed as well.
    thread::sleep(Duration::from_secs(2));
    bench.awaken(10)?;
    bench.gaps.clear();
    Ok(pids)
}

fn hub(bench: &Bench, tie: &str) -> Result<()> {
    let guest = add(bench)?;
    let hub = bench.start(&guest.get("wait")?, Vec::new())?;
    // Kept to the end: to forget so many takes the heap a while, in which it serves nobody.
    let _pids = crowd(bench, &guest.get(tie)?, || vec![hub.pid().as_str().into()])?;
    bench.node.terminate(hub.pid().as_str())?;
    match tie {
        "tie" => settled(bench, 1),
        _ => {
            smol::block_on(hub.ended());
            let unread = || bench.node.processes().iter().map(|process| process.mailbox).sum();
            until(|| -> bool {
                let unread: usize = unread();
                unread == 0
            })?;
            bench.awaken(2)
        }
    }
}

fn flood(bench: &Bench, sinks: u64) -> Result<()> {
    for name in ["flood", "sink", "drain"] {
        let (text, wit) = (include_bytes!("../actors.wat"), include_str!("../actors.wit"));
        // One that takes whatever comes, in whatever order.
        let method = if name == "drain" { "idle" } else { name };
        bench.entries.keep(bench.entries.add(name, text, wit, method)?);
    }
    let guest = Crowd(bench);
    let (flood, drain) = (guest.get("flood")?, guest.get("drain")?);
    let mut to = Vec::new();
    for _ in 0..sinks {
        to.push(bench.start(&drain, Vec::new())?);
    }
    let mut senders = Vec::new();
    for (_, to) in (0..SENDERS).zip(to.iter().cycle()) {
        senders.push(bench.start(&flood, vec![to.pid().as_str().into(), MAILS.into()])?);
    }
    bench.look(senders)
}

/// Waits until so many processes live, or have.
fn populated(bench: &Bench, processes: u64) -> Result<()> {
    until(|| bench.node.len() as u64 >= processes)?;
    bench.awaken(10)
}

/// Waits until no more than so many processes live.
fn settled(bench: &Bench, processes: usize) -> Result<()> {
    until(|| bench.node.len() <= processes)?;
    bench.awaken(2)
}

fn until(holds: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !holds() {
        if begin.elapsed() > PATIENCE {
            return Err("it has taken too long".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
