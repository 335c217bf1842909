//! Messages between processes, on two threads.
//!
//! One way a process sends as fast as it can; while the mailbox of the other is
//! full it lets others have a turn and tries again. A round trip is a message
//! and its answer, and neither of the two does anything meanwhile.

use std::time::Instant;

use super::{
    Result,
    actors::{Bench, all_end, pid},
    lunatic,
    measure::{self, Contender},
    report::{Report, Target},
};

/// Pairs of processes, and what each of them sends.
struct Traffic {
    what: &'static str,
    /// The methods that the two of a pair run.
    methods: [&'static str; 2],
    pairs: u32,
    each: u32,
    target: Option<Target>,
}

const ALL: [Traffic; 4] = [
    Traffic {
        what: "one way",
        methods: ["sink", "flood"],
        pairs: 1,
        each: 200_000,
        target: Some(Target::AtLeast(1e6)),
    },
    Traffic {
        what: "one way of 1000 pairs",
        methods: ["sink", "flood"],
        pairs: 1000,
        each: 1000,
        target: Some(Target::AtLeast(1e6)),
    },
    Traffic {
        what: "round trips",
        methods: ["echo", "ping"],
        pairs: 1,
        each: 20_000,
        target: None,
    },
    Traffic {
        what: "round trips of 1000 pairs",
        methods: ["echo", "ping"],
        pairs: 1000,
        each: 50,
        target: None,
    },
];

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    let bench = Bench::new()?;
    for traffic in ALL {
        let Traffic { what, methods: [receiver, sender], pairs, each, target } = traffic;
        let mut contenders = vec![Contender::timed("process", || {
            let start = Instant::now();
            let mut handles = Vec::new();
            for _ in 0..pairs {
                let other = bench.start(receiver, vec![u64::from(each).into()])?;
                handles.push(bench.start(sender, vec![pid(&other), u64::from(each).into()])?);
                handles.push(other);
            }
            all_end(handles)?;
            Ok(start.elapsed() / (pairs * each))
        })];
        // The peer's guest floods one process only.
        if sender != "flood" || pairs == 1 {
            contenders.extend(lunatic::contender(sender, &[pairs, each]));
        }
        report.rates("messages", what, &measure::rounds(rounds, contenders)?, target);
    }
    lunatic::note("messages", report);
    Ok(())
}
