//! What the benchmarks do with `wippy:process`, for Lunatic. Prints how many
//! nanoseconds one of the things has taken.
//!
//! Lunatic's mailboxes have no bound, so who floods never has to wait, and a
//! child says by a message that it ends, in place of a monitor.

use std::time::{Duration, Instant};

use lunatic::{Mailbox, Process};

type Ping = (Process<u64>, u64);
type Pings = (Process<u64>, Process<Ping>, u64);

#[lunatic::main]
fn main(mailbox: Mailbox<u64>) {
    let args: Vec<String> = std::env::args().collect();
    let task = args.iter().position(|arg| !arg.ends_with(".wasm") && arg != "lunatic").unwrap();
    let numbers: Vec<u64> = args[task + 1..].iter().map(|arg| arg.parse().unwrap()).collect();
    let start = Instant::now();
    let times = match (&*args[task], &numbers[..]) {
        ("flood", [_, count]) => flood(mailbox, *count),
        ("ping", [pairs, count]) => ping(mailbox, *pairs, *count),
        ("lives", [count, most]) => lives(mailbox, *count, *most),
        ("idle", [count]) => idle(*count),
        _ => panic!("what is to be done?"),
    };
    println!("{}", start.elapsed().as_nanos() / u128::from(times));
}

fn flood(mailbox: Mailbox<u64>, count: u64) -> u64 {
    let sink = Process::spawn((mailbox.this(), count), |(parent, count), mailbox: Mailbox<u64>| {
        for number in 0..count {
            assert_eq!(mailbox.receive(), number);
        }
        parent.send(0);
    });
    for number in 0..count {
        sink.send(number);
    }
    mailbox.receive();
    count
}

fn ping(mailbox: Mailbox<u64>, pairs: u64, count: u64) -> u64 {
    for _ in 0..pairs {
        let echo = Process::spawn(count, |count, mailbox: Mailbox<Ping>| {
            for _ in 0..count {
                let (from, number) = mailbox.receive();
                from.send(number);
            }
        });
        let args = (mailbox.this(), echo, count);
        Process::spawn(args, |(parent, echo, count): Pings, mailbox: Mailbox<u64>| {
            for number in 0..count {
                echo.send((mailbox.this(), number));
                assert_eq!(mailbox.receive(), number);
            }
            parent.send(0);
        });
    }
    (0..pairs).for_each(|_| drop(mailbox.receive()));
    pairs * count
}

fn lives(mailbox: Mailbox<u64>, count: u64, most: u64) -> u64 {
    for begun in 0..count {
        if begun >= most {
            mailbox.receive();
        }
        Process::spawn(mailbox.this(), |parent: Process<u64>, _: Mailbox<u64>| parent.send(0));
    }
    (0..most.min(count)).for_each(|_| drop(mailbox.receive()));
    count
}

fn idle(count: u64) -> u64 {
    for _ in 0..count {
        Process::spawn((), |(), mailbox: Mailbox<u64>| drop(mailbox.receive()));
    }
    lunatic::sleep(Duration::from_secs(1));
    count
}
