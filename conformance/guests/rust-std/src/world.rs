//! What a process is told about the world: arguments, environment, directory,
//! clocks, random numbers.

use std::collections::HashMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub fn args() {
    for (at, arg) in env::args().enumerate().skip(1) {
        println!("{at}: {arg:?}");
    }
}

/// In their order, and by name.
pub fn env() {
    for (name, value) in env::vars() {
        println!("{name}={value:?}");
    }
    println!("NAME: {:?}", env::var("NAME"));
    println!("MISSING: {:?}", env::var("MISSING"));
    // The process's own copy can change.
    unsafe { env::set_var("NAME", "changed") };
    println!("NAME: {:?}", env::var("NAME"));
}

/// The current directory, before and after each step.
pub fn cwd(steps: &[&str]) {
    let show = || match env::current_dir() {
        Ok(dir) => println!("{}", dir.display()),
        Err(error) => println!("{:?}", error.kind()),
    };
    show();
    for step in steps {
        match env::set_current_dir(step) {
            Ok(()) => show(),
            Err(error) => println!("{step}: {:?}", error.kind()),
        }
    }
    match std::fs::read_to_string("here.txt") {
        Ok(text) => println!("here.txt: {text:?}"),
        Err(error) => println!("here.txt: {:?}", error.kind()),
    }
}

pub fn time() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    assert!(now > Duration::from_secs(1_577_836_800), "a time before 2020: {now:?}");
    println!("after 2020");

    let mut last = Instant::now();
    for _ in 0..1000 {
        let next = Instant::now();
        assert!(next >= last, "the clock went back");
        last = next;
    }
    println!("monotonic");

    sleep(20);
}

pub fn sleep(millis: u64) {
    let wanted = Duration::from_millis(millis);
    let start = Instant::now();
    thread::sleep(wanted);
    let slept = start.elapsed();
    assert!(slept >= wanted, "woke up after {slept:?}");
    println!("slept {millis} ms");
}

pub fn random() {
    let hashes: Vec<u64> = (0..4).map(|_| RandomState::new().hash_one("key")).collect();
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]), "equal hashes: {hashes:x?}");
    println!("hashes differ");

    // Keys from two sources of randomness; the sorted content is the same.
    let squares: HashMap<u32, u32> = (0..100).map(|n| (n, n * n)).collect();
    let mut sorted: Vec<_> = squares.into_iter().collect();
    sorted.sort_unstable();
    println!("{} squares, last {:?}", sorted.len(), sorted[99]);
}
