//! The memory of 100 000 processes that live on a node and wait for mail, and of
//! 10 000 that are written in Lua.
//!
//! A child of this program starts them and waits until the host has trimmed all
//! of them. What is the guest's own is found then, in the kernel's page map.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use wippy::host::Handle;

use super::{
    Result,
    actors::{Bench, Watch},
    lua::LuaBench,
    lunatic, measure,
    report::{Figure, Report, Target},
};

const PROCESSES: u32 = 100_000;
const IN_LUA: u32 = 10_000;
/// More of them need more mappings than Linux gives a process.
const OF_LUNATIC: u32 = 5_000;

/// Bytes that a process may take beyond the pages that its guest has touched.
const LIMIT: f64 = 12.0 * 1024.0;

/// How long it may take until all of them are trimmed.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn measure(report: &mut Report) -> Result<()> {
    let [all, pages] = ask(&["idle-many"])?[..] else { return Err("two figures expected".into()) };
    let what = format!("{PROCESSES} processes");
    let mut row = |who: &str, bytes: f64, note: &str| {
        report.figure("idle-many", &what, who, Figure::Bytes(bytes), None, note);
    };
    row("process, all", all, "");
    row("guest's pages", pages, "");
    let beyond = all - pages;
    row("process, beyond", beyond, &Target::AtMost(LIMIT).note(beyond, Figure::Bytes));
    if let Some(bytes) = lunatic::idle(OF_LUNATIC)? {
        let what = format!("{OF_LUNATIC} processes");
        report.figure("idle-many", &what, "lunatic, all", Figure::Bytes(bytes), None, "");
    }
    lunatic::note("idle-many", report);
    let [all, _] = ask(&["idle-many", "lua"])?[..] else {
        return Err("two figures expected".into());
    };
    let what = format!("{IN_LUA} processes in Lua");
    report.figure("idle-many", &what, "process, all", Figure::Bytes(all), None, "");
    Ok(())
}

fn ask(child: &[&str]) -> Result<Vec<f64>> {
    let usage = measure::child(child)?;
    Ok(usage.stdout.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// Prints the bytes per process, and how many of them are the guest's.
pub fn child(args: &[String]) -> Result<()> {
    let bench = Bench::new()?;
    let seen = Arc::new(Seen::default());
    let look = || Look(seen.clone());
    match args {
        [] => settle(PROCESSES, &seen, || bench.start_watched("idle", Vec::new(), look())),
        _ => {
            let lua = LuaBench::new("return { main = function() process.inbox():receive() end }")?;
            settle(IN_LUA, &seen, || lua.start_watched(&bench, look()))
        }
    }
}

fn settle(processes: u32, seen: &Seen, start: impl Fn() -> Result<Handle>) -> Result<()> {
    let settled = |processes: u64| {
        let begin = Instant::now();
        while seen.trimmed.load(Relaxed) < processes {
            if begin.elapsed() > PATIENCE {
                return Err("the processes were not trimmed".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        measure::resident()
    };
    let first = start()?;
    let before = settled(1)?;
    seen.pages.store(0, Relaxed);
    let mut handles = Vec::with_capacity(processes as usize);
    for _ in 0..processes {
        handles.push(start()?);
    }
    let after = settled(u64::from(processes) + 1)?;
    let each = |bytes: u64| bytes as f64 / f64::from(processes);
    println!("{} {}", each(after.saturating_sub(before)), each(seen.pages.load(Relaxed)));
    drop(first);
    // It would only take time to end them.
    std::process::exit(0);
}

#[derive(Default)]
struct Seen {
    trimmed: AtomicU64,
    /// Bytes of memory that guests have written, after it was trimmed.
    pages: AtomicU64,
}

/// Looks at a process's memory when it has been trimmed.
struct Look(Arc<Seen>);

impl Watch for Look {
    fn trimmed(&mut self, memory: &[u8]) {
        self.0.pages.fetch_add(measure::pages_written(memory).unwrap_or(0), Relaxed);
    }

    fn trim_ends(&mut self) {
        self.0.trimmed.fetch_add(1, Relaxed);
    }
}
