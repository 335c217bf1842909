//! How many are told of an end: in pieces, whose borders do not depend on who is
//! quicker. That others have turns between them is up to the [queue](super::turns).

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{farewell::TOLD_AT_ONCE, pieces::PARTS, table::ProcessSlot};
use crate::{
    command::{ErrorKind, Mail, Pid, ProcessError},
    host::*,
    process::{Error, Event},
};

/// Entries, of which there are none.
struct Nothing;

impl Programs for Nothing {
    fn ready(&self, _: &str) -> Option<Arc<dyn Program>> {
        None
    }

    fn load(&self, _: &str) -> Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, ""))
    }
}

/// A process that no thread runs.
fn still(node: &Node, serial: u64) -> Arc<ProcessSlot> {
    let (pid, host) = (Pid::new(format!("host|x.{serial}")), node.host("host").unwrap());
    let slot = Arc::new(ProcessSlot::new(pid, serial, "entry".into(), host, Instant::now()));
    node.0.table.insert(slot.clone()).unwrap();
    slot
}

#[test]
fn many_are_told_of_an_end_in_pieces() {
    const MANY: u64 = 1000;
    let node = Node::new(Nothing);
    node.add_host("host", HostOptions { workers: Some(1), ..HostOptions::default() }).unwrap();
    let hub = still(&node, 1);
    let ties: Vec<_> = (2..2 + MANY).map(|serial| still(&node, serial)).collect();
    for (i, tie) in ties.iter().enumerate() {
        if i % 2 == 0 {
            node.monitor(tie, &hub.pid);
        } else {
            tie.links().traps = true;
            node.link(tie, &hub.pid);
        }
        node.monitor(&hub, &tie.pid);
    }
    // A part is a notice, or that the hub hears no more of somebody.
    let told = || {
        let parts = |tie: &Arc<ProcessSlot>| {
            tie.mailbox.unread() + usize::from(tie.links().monitors.is_empty())
        };
        ties.iter().map(parts).sum::<usize>()
    };
    let ended = Ended::without_life(Error::terminated(""));
    let (mut farewell, mut pieces) = (pin!(node.farewell(&hub, ended)), Vec::new());
    loop {
        let before = told();
        let poll = farewell.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        pieces.push((told() - before) as u32);
        if poll == Poll::Ready(()) {
            break;
        }
    }
    let last = pieces.pop();
    assert!(pieces.iter().all(|parts| (TOLD_AT_ONCE..=PARTS).contains(parts)), "{pieces:?}");
    assert!(last.is_some_and(|parts| parts <= PARTS), "{last:?}");
    // Each of them once, and as it has asked.
    assert_eq!(told(), 2 * ties.len());
    for (i, tie) in ties.iter().enumerate() {
        let mut events = Vec::new();
        tie.mailbox.collect(&mut VecDeque::new(), &mut events);
        match (events.as_slice(), i % 2) {
            ([Event::Mail(Mail::Exit { .. })], 0) | ([Event::Mail(Mail::LinkDown { .. })], 1) => {}
            (events, _) => panic!("{events:?}"),
        }
    }
}
