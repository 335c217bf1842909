//! Whole lives of processes that do nothing, on two threads: they are spawned,
//! they end, and who has spawned them is told. A few live at a time, so that both
//! threads have work.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use wippy::host::Handle;

use super::{
    Result,
    actors::{Bench, all_end},
    lua::LuaBench,
    lunatic,
    measure::{self, Contender},
    report::{Report, Target},
};

/// Lives in one measurement.
const LIVES: u32 = 20_000;
const IN_LUA: u32 = 5_000;

/// How many at a time.
const AT_A_TIME: u32 = 16;

const PER_SECOND: Target = Target::AtLeast(20_000.0);

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    let bench = Bench::new()?;
    let mut contenders = vec![Contender::timed("process", || {
        let start = Instant::now();
        let args = vec!["nothing".into(), u64::from(LIVES).into(), u64::from(AT_A_TIME).into()];
        all_end(vec![bench.start("lives", args)?])?;
        Ok(start.elapsed() / LIVES)
    })];
    contenders.extend(lunatic::contender("lives", &[LIVES, AT_A_TIME]));
    let times = measure::rounds(rounds, contenders)?;
    report.rates("lives", "spawned by a guest", &times, Some(PER_SECOND));

    let by_us =
        Contender::timed("process", || all_live(LIVES, || bench.start("nothing", Vec::new())));
    let times = measure::rounds(rounds, vec![by_us])?;
    report.rates("lives", "spawned by Rust", &times, Some(PER_SECOND));
    lunatic::note("lives", report);

    let lua = LuaBench::new("return { main = function() end }")?;
    let in_lua = Contender::timed("process", || all_live(IN_LUA, || lua.start(&bench)));
    let times = measure::rounds(rounds, vec![in_lua])?;
    report.rates("lives", "in Lua, spawned by Rust", &times, None);
    Ok(())
}

/// Starts so many, a few at a time, and waits for the ends of all of them.
fn all_live(lives: u32, start: impl Fn() -> Result<Handle>) -> Result<Duration> {
    let begin = Instant::now();
    let mut living = VecDeque::new();
    for _ in 0..lives {
        living.push_back(start()?);
        if living.len() as u32 == AT_A_TIME {
            all_end(living.pop_front().into_iter().collect())?;
        }
    }
    all_end(living.into())?;
    Ok(begin.elapsed() / lives)
}
