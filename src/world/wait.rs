//! Waiting for several things at once.
//!
//! Mail comes from whoever runs the process, and never from here: a wait that is for
//! mail too ends here only by something else.

use super::{Inner, clock};
use crate::command::{Clock, Interest, Interests, Ready, Reply, Wait};
use std::{future::pending, sync::Arc};

/// The answer, or the command back if nothing of it holds yet.
pub(super) fn now(world: &Inner, wait: Wait) -> Result<Reply, Wait> {
    if wait.on.is_empty() && wait.until.is_none() {
        return Ok(Reply::Refused("it would wait for nothing".to_owned()));
    }
    let holds = |interest: &Interest| match interest {
        Interest::Stdin => world.streams.has_input(),
        Interest::Mail => false,
    };
    let on: Interests = wait.on.iter().filter(holds).collect();
    let time = wait.until.is_some_and(|until| until <= clock::show(Clock::Monotonic));
    if on.is_empty() && !time { Err(wait) } else { Ok(Reply::Ready(Ready { on, time })) }
}

/// The answer, as soon as something holds.
pub(super) async fn later(world: Arc<Inner>, wait: Wait) -> Reply {
    let input = async {
        match wait.on.contains(Interest::Stdin) {
            true => world.streams.input().await,
            false => pending().await,
        }
        Ready::of(Interest::Stdin)
    };
    let time = async {
        match wait.until {
            Some(until) => clock::sleep_until(until).await,
            None => pending().await,
        }
        Ready::TIME
    };
    let one = smol::future::or(input, time).await;
    // Both may hold by now.
    now(&world, wait).unwrap_or(Reply::Ready(one))
}
