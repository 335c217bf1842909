//! Waiting for several things at once.
//!
//! Mail comes from whoever runs the process, and never from here: a wait that is for
//! mail too ends here only by something else.

use super::{Inner, clock, stream::Waiting};
use crate::command::{Clock, Interest, Interests, Ready, Reply, Wait};
use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
};

/// The answer, or the command back if nothing of it holds yet.
pub(super) fn now(world: &Inner, wait: Wait) -> Result<Reply, Wait> {
    if wait.on.is_empty() && wait.until.is_none() {
        return Ok(Reply::Refused("it would wait for nothing".to_owned()));
    }
    let on: Interests = wait.on.iter().filter(|interest| holds(world, *interest)).collect();
    let time = wait.until.is_some_and(|until| until <= clock::show(Clock::Monotonic));
    if on.is_empty() && !time { Err(wait) } else { Ok(Reply::Ready(Ready { on, time })) }
}

fn holds(world: &Inner, interest: Interest) -> bool {
    let source = |id| world.handles.source(id);
    match interest {
        Interest::Stdin => world.streams.has_input(),
        Interest::Mail => false,
        // Of what there is not, whoever uses it is told.
        Interest::Readable(id) => source(id).is_none_or(|source| source.is_readable()),
        Interest::Writable(id) => source(id).is_none_or(|source| source.is_writable()),
    }
}

/// Waits until one of the handles is ready, or may be.
async fn handles(world: &Inner, on: &Interests) -> Option<Ready> {
    let waiting = on.handles().filter_map(|interest| match interest {
        Interest::Readable(id) => Some(world.handles.source(id)?.readable()),
        Interest::Writable(id) => Some(world.handles.source(id)?.writable()),
        Interest::Stdin | Interest::Mail => None,
    });
    let mut waiting: Vec<Waiting> = waiting.collect();
    poll_fn(move |cx| {
        match waiting.iter_mut().any(|waiting| waiting.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    })
    .await
}

/// The answer, as soon as something holds.
pub(super) async fn later(world: Arc<Inner>, wait: Wait) -> Reply {
    let input = || async {
        match wait.on.contains(Interest::Stdin) {
            true => world.streams.input().await,
            false => pending().await,
        }
        Some(Ready::of(Interest::Stdin))
    };
    let time = || async {
        match wait.until {
            Some(until) => clock::sleep_until(until).await,
            None => pending().await,
        }
        Some(Ready::TIME)
    };
    loop {
        let one = handles(&world, &wait.on);
        let one = smol::future::or(one, smol::future::or(input(), time())).await;
        // Several may hold by now. A handle may have been told of in vain.
        match (now(&world, wait.clone()), one) {
            (Ok(reply), _) => return reply,
            (Err(_), Some(one)) => return Reply::Ready(one),
            (Err(_), None) => {}
        }
    }
}
