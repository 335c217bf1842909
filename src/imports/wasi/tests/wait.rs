//! Clocks and waiting.

use super::*;
use crate::{
    account::{Account, MAX_PLACES},
    command::{Command, Interest, Wait},
};

fn guest() -> Guest {
    Guest::at_root(World::default())
}

fn timer(guest: &mut Guest, function: &str, when: u64) -> u32 {
    let handle = guest.call("clocks/monotonic-clock", function, vec![when.into()]);
    rep(&handle.unwrap().unwrap())
}

fn stdin(guest: &mut Guest) -> (u32, u32) {
    let stream = rep(&guest.call("cli/stdin", "get-stdin", vec![]).unwrap().unwrap());
    let pollable = guest.stream("input-stream.subscribe", stream, &[]).unwrap().unwrap();
    (stream, rep(&pollable))
}

fn poll(guest: &mut Guest, pollables: &[u32]) -> Vec<u32> {
    let list = Value::from(pollables.iter().map(|p| borrow(*p)).collect::<Vec<_>>());
    let Some(Value::List(list)) = guest.call("io/poll", "poll", vec![list]).unwrap() else {
        panic!()
    };
    list.iter().map(|value| if let Value::U32(i) = value { i } else { panic!() }).collect()
}

fn ready(guest: &mut Guest, pollable: u32) -> bool {
    let result = guest.call("io/poll", "[method]pollable.ready", vec![borrow(pollable)]);
    result == Ok(Some(Value::Bool(true)))
}

fn block(guest: &mut Guest, pollable: u32) {
    let result = guest.call("io/poll", "[method]pollable.block", vec![borrow(pollable)]);
    assert_eq!(result, Ok(None));
}

#[test]
fn clocks_are_outside() {
    let mut guest = guest();
    let datetime = |s: u64, n: u32| Ok(Some(Value::Record(vec![s.into(), n.into()])));
    let mut get = |clock: &str, function| guest.call(&format!("clocks/{clock}"), function, vec![]);
    assert_eq!(get("monotonic-clock", "now"), Ok(Some(5_000_000_000u64.into())));
    assert_eq!(get("monotonic-clock", "resolution"), Ok(Some(1u64.into())));
    assert_eq!(get("wall-clock", "now"), datetime(1_700_000_000, 123_456_789));
    assert_eq!(get("wall-clock", "resolution"), datetime(0, 1));
}

#[test]
fn a_timer_is_ready_when_its_time_has_come() {
    let mut guest = guest();
    let (now, hour) = (guest.world.now, 3_600_000_000_000);
    let late = timer(&mut guest, "subscribe-duration", hour);
    let past = timer(&mut guest, "subscribe-instant", now - 1);
    let zero = timer(&mut guest, "subscribe-duration", 0);
    assert!(ready(&mut guest, past) && ready(&mut guest, zero) && !ready(&mut guest, late));
    assert_eq!(guest.world.now, now);
    block(&mut guest, late);
    assert_eq!(guest.world.now, now + hour);
    assert!(ready(&mut guest, late));
    guest.drop("io/poll", "pollable", late).unwrap();
    let never = timer(&mut guest, "subscribe-duration", u64::MAX);
    assert!(!ready(&mut guest, never));
}

#[test]
fn poll_reports_all_that_are_ready() {
    let mut guest = guest();
    let now = guest.world.now;
    let soon = timer(&mut guest, "subscribe-instant", now + 10);
    let sooner = timer(&mut guest, "subscribe-instant", now + 5);
    let zero = timer(&mut guest, "subscribe-duration", 0);
    let (_, input) = stdin(&mut guest);
    assert_eq!(poll(&mut guest, &[soon, zero, sooner, zero]), [1, 3]);
    assert_eq!(guest.world.now, now);
    assert_eq!(poll(&mut guest, &[soon, sooner, input]), [1]);
    assert_eq!(guest.world.now, now + 5);
    assert_eq!(poll(&mut guest, &[soon, sooner, input, zero]), [1, 3]);
    guest.world.stdin.push_back(b"x".to_vec());
    assert_eq!(poll(&mut guest, &[soon, input]), [1]);
    assert_eq!(poll(&mut guest, &[soon, sooner, input, zero]), [1, 2, 3]);
    guest.world.now = now + 20;
    assert_eq!(poll(&mut guest, &[soon, sooner]), [0, 1]);
    // One wait, whatever there is to wait for.
    guest.world.stdin.clear();
    guest.world.log.clear();
    let late = timer(&mut guest, "subscribe-instant", now + 30);
    assert_eq!(poll(&mut guest, &[late, input]), [0]);
    assert_eq!(guest.world.log, [Command::Wait(Wait::new(Interest::Stdin, Some(now + 30)))]);
}

#[test]
fn nothing_to_wait_for_is_a_trap() {
    let empty = Value::from(Vec::<Value>::new());
    let trap = guest().call("io/poll", "poll", vec![empty]).unwrap_err();
    assert_eq!(trap.message, "`poll` of an empty list");
}

#[test]
fn files_and_output_are_always_ready() {
    let mut guest = guest();
    let root = guest.preopens()[0].0;
    let file = guest.open(root, "new", CREATE, READ | WRITE).unwrap();
    let input = rep(&guest.fs("read-via-stream", file, &[0u64.into()]).unwrap());
    let output = rep(&guest.fs("append-via-stream", file, &[]).unwrap());
    let stdout = rep(&guest.call("cli/stdout", "get-stdout", vec![]).unwrap().unwrap());
    let mut pollables = Vec::new();
    for (kind, stream) in [("input", input), ("output", output), ("output", stdout)] {
        let method = format!("{kind}-stream.subscribe");
        let pollable = rep(&guest.stream(&method, stream, &[]).unwrap().unwrap());
        assert!(ready(&mut guest, pollable));
        block(&mut guest, pollable);
        pollables.push(pollable);
    }
    assert_eq!(poll(&mut guest, &pollables), [0, 1, 2]);
}

#[test]
fn stdin_is_ready_with_input_or_at_its_end() {
    let mut guest = guest();
    let (stream, pollable) = stdin(&mut guest);
    assert!(!ready(&mut guest, pollable));
    guest.world.stdin_closed = true;
    assert!(ready(&mut guest, pollable));
    let read = guest.stream("input-stream.blocking-read", stream, &[1u64.into()]).unwrap();
    assert!(read.is_err());
    // Closed now, and nobody has to be asked.
    guest.world.log.clear();
    assert!(ready(&mut guest, pollable));
    assert!(guest.world.log.is_empty());
}

#[test]
fn a_stream_outlives_its_pollables() {
    let mut guest = guest();
    let (stream, pollable) = stdin(&mut guest);
    let trap = guest.drop("io/streams", "input-stream", stream).unwrap_err();
    assert!(trap.message.contains("before the pollables"), "{trap}");
    guest.drop("io/poll", "pollable", pollable).unwrap();
    guest.drop("io/streams", "input-stream", stream).unwrap();
}

#[test]
fn pollables_have_an_end() {
    let end = |account: &Account| {
        let world = World::default();
        let mut guest = Guest::on_account(WasiConfig::default(), world, account.clone());
        loop {
            match guest.call("clocks/monotonic-clock", "subscribe-instant", vec![0u64.into()]) {
                Ok(_) => {}
                Err(trap) => break trap.message,
            }
        }
    };
    let message = end(&Account::new(1 << 20));
    assert!(message.contains("`limits.max_memory`"), "{message}");
    // What other tables have counts as well.
    let account = Account::default();
    account.take_places(MAX_PLACES - 100).unwrap();
    assert_eq!(end(&account), "more than 1048576 handles and resources");
    let message = "the process has more than 65536 streams, pollables and errors";
    assert_eq!(end(&Account::default()), message);
}
