//! The applications with mistakes, in `apps/simulated` and `apps/simulated-service`: each mistake is found, made
//! simpler, and is the same each time; and none is found where there is none.

use std::{collections::BTreeSet, path::Path, time::Duration};

use wippy::{
    component::{Engine, Linker},
    host::{
        ProjectPrograms, Runtime,
        simulate::{Cause, Choice, Deviation, Run, Simulation, Written, search, shrink},
    },
    imports::{process, sim, wasi},
    registry::{Id, Project},
    value::Term,
};

fn programs(app: &str) -> ProjectPrograms {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(app);
    let project = Project::load(path).into_result().unwrap();
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker).unwrap();
    process::add_to_linker(&mut linker).unwrap();
    sim::add_to_linker(&mut linker).unwrap();
    ProjectPrograms::new(project, Runtime::new(Engine::default(), linker))
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn simulation(scenario: &str, args: &[&str]) -> Simulation {
    let args = args.iter().map(|arg| Term::from(*arg)).collect();
    let app = match scenario.split(':').next() {
        Some("sim.restart") => "simulated-service",
        Some("sim.http") => "simulated-http",
        _ => "simulated",
    };
    Simulation::new(programs(app), &id(scenario), args).unwrap()
}

/// The first of a thousand seeds that fails.
fn first_failure(simulation: &Simulation) -> Run {
    let runs = (0..1000).map(|seed| simulation.run(seed).unwrap());
    runs.into_iter().find(|run| run.failure().is_some()).expect("no seed fails")
}

/// Finds the mistake of a scenario: its shortest schedule, after it was seen to be the
/// same each time.
fn found(scenario: &str) -> (Cause, Vec<Choice>) {
    let simulation = simulation(scenario, &[]);
    let run = first_failure(&simulation);
    let again = simulation.run(run.seed).unwrap();
    assert_eq!((again.hash, &again.result), (run.hash, &run.result), "{scenario}");
    let shrunk = shrink(&simulation, &run).unwrap();
    assert!(shrunk.script.len() <= run.deviations.len());
    let hash = || {
        let run = simulation.run_script(shrunk.numbers, &shrunk.script, Written::default());
        let run = run.unwrap();
        assert_eq!(run.failure(), Some(&shrunk.failure), "{scenario}");
        run.hash
    };
    assert_eq!(hash(), hash());
    // Each deviation that is left is needed.
    for at in 0..shrunk.script.len() {
        let mut fewer: Vec<Deviation> = shrunk.script.clone();
        fewer.remove(at);
        let run = simulation.run_script(shrunk.numbers, &fewer, Written::default()).unwrap();
        let like = run.failure().is_some_and(|f| f.cause.is_like(&shrunk.failure.cause));
        assert!(!like, "{scenario}: of {:?} number {at} is not needed", shrunk.script);
    }
    let choices = shrunk.script.iter().map(|deviation| deviation.choice).collect();
    (shrunk.failure.cause, choices)
}

/// A scenario in which no seed fails.
fn none_found(scenario: &str, args: &[&str]) {
    let simulation = simulation(scenario, args);
    let found = search(&simulation, 60, 2, &|_| {}).unwrap();
    assert_eq!(found.failures.into_iter().next(), None, "{scenario}");
}

fn always(name: &str) -> Cause {
    Cause::Always { name: name.to_owned() }
}

#[test]
fn an_update_that_is_lost() {
    let (cause, choices) = found("sim.lost:scenario");
    assert_eq!(cause, always("no update is lost"));
    assert!((1..=5).contains(&choices.len()), "{choices:?}");
    none_found("sim.lost:scenario", &["careful"]);
}

#[test]
fn a_deadlock_on_two_names() {
    let (cause, choices) = found("sim.names:scenario");
    let Cause::Deadlock { waiting } = cause else { panic!("{cause:?}") };
    let workers = waiting.iter().filter(|name| name.starts_with("sim.names:worker")).count();
    assert_eq!((workers, choices.len()), (2, 1));
    none_found("sim.names:scenario", &["careful"]);
}

#[test]
fn a_write_whose_failure_is_not_seen() {
    let (cause, choices) = found("sim.write:scenario");
    assert_eq!(cause, always("what is said to be there is"));
    assert!(matches!(choices[..], [Choice::Short | Choice::Fail | Choice::Disk]), "{choices:?}");
    none_found("sim.write:careful", &[]);
}

#[test]
fn a_message_that_is_lost_when_a_service_is_started_again() {
    let (cause, choices) = found("sim.restart:scenario");
    assert!(matches!(cause, Cause::Deadlock { .. }), "{cause:?}");
    assert!(choices.contains(&Choice::Kill) && choices.len() <= 3, "{choices:?}");
    none_found("sim.restart:scenario", &["careful"]);
}

#[test]
fn a_timeout_that_leaves_an_answer_behind() {
    let (cause, choices) = found("sim.timeout:scenario");
    assert_eq!(cause, always("the answer is to the question"));
    assert!((1..=5).contains(&choices.len()), "{choices:?}");
    none_found("sim.timeout:scenario", &["careful"]);
}

#[test]
fn an_order_of_two_senders_that_nobody_has_promised() {
    let (cause, choices) = found("sim.order:scenario");
    assert_eq!((cause, choices.len()), (always("the head comes first"), 1));
    none_found("sim.order:scenario", &["careful"]);
}

#[test]
fn a_search_finds_the_same_on_one_thread_and_on_two() {
    let simulation = simulation("sim.timeout:scenario", &[]);
    let search = |threads| {
        let found = search(&simulation, 60, threads, &|_| {}).unwrap();
        (found.failures, found.checks, found.time, found.progress.covered)
    };
    let one = search(1);
    assert_eq!(search(2), one);
    let checks = &one.1;
    assert!(checks.always["the answer is to the question"] > 60);
}

/// These do not depend on the build, nor on the machine.
#[test]
fn a_seed_is_the_same_run_everywhere() {
    let simulation = simulation("sim.write:scenario", &[]);
    let hashes = (0..50).map(|seed| simulation.run(seed).unwrap().hash);
    let all = hashes.fold(0_u64, |all, hash| all.rotate_left(7) ^ hash);
    assert_eq!(all, 7_607_778_428_593_946_272);
}

#[test]
fn faults_that_are_switched_off_do_not_happen() {
    let mut simulation = simulation("sim.restart:scenario", &[]);
    simulation.options.faults = BTreeSet::from([Choice::Delay]);
    for seed in 0..60 {
        let run = simulation.run(seed).unwrap();
        assert_eq!(run.failure(), None, "{seed}");
        let fault = |deviation: &Deviation| deviation.choice.is_fault();
        assert!(run.deviations.iter().filter(|d| fault(d)).all(|d| d.choice == Choice::Delay));
    }
}

#[test]
fn a_run_begins_with_a_copy_of_the_files_and_leaves_its_own() {
    let simulation = simulation("sim.write:careful", &[]);
    let run = simulation.run(0).unwrap();
    assert_eq!(run.result, Ok(Term::Int(1)));
    let file = |run: &Run, path: &str| run.file(&simulation, &id("sim:data"), path);
    assert_eq!(file(&run, "log.txt").as_deref(), Some(b"hello\n".as_slice()));
    assert!(file(&run, "about.txt").is_some_and(|text| text.ends_with(b"copies.\n")));
    assert_eq!(file(&run, "../wippy.lock"), None);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/simulated/data/log.txt");
    assert!(!path.exists());
}

#[test]
fn what_does_not_end_fails() {
    let fails = |method: &str| {
        let mut simulation = simulation(&format!("sim.hostile:{method}"), &[]);
        simulation.options.work = 1_000_000;
        let run = simulation.run(3).unwrap();
        run.failure().unwrap().cause.clone()
    };
    for method in ["spin", "spawn", "flood"] {
        assert_eq!(fails(method), Cause::Livelock { limit: 1_000_000 }, "{method}");
    }
    assert_eq!(fails("sleep"), Cause::Unsettled { limit: Duration::from_secs(3600) });
    assert!(matches!(fails("wait"), Cause::Deadlock { .. }));
    let Cause::Outcome { kind, message } = fails("nobody") else { panic!() };
    assert_eq!((&*kind, &*message), ("NOT_FOUND", "there is no entry sim.hostile:noone"));
}

/// What requests give where nothing goes wrong: of servers that are there and of such that
/// are not, of processes that answer well and of such that do not.
#[test]
fn requests_reach_the_servers_of_the_same_run_and_no_other() {
    let run = simulation("sim.http:all", &[]).run(0).unwrap();
    let Ok(Term::Text(text)) = &run.result else { panic!("{:?}", run.result) };
    let expected = include_str!("../apps/simulated-http/expected.txt");
    assert_eq!(&**text, expected.trim_end());
}

/// What can happen to a request happens, and who is careful comes through.
#[test]
fn requests_are_refused_lost_cut_and_late() {
    let simulation = simulation("sim.http:scenario", &["careful"]);
    let (mut reached, mut slow) = (BTreeSet::new(), 0);
    for seed in 0..150 {
        let run = simulation.run(seed).unwrap();
        assert_eq!(run.failure(), None, "{seed}");
        assert_eq!(simulation.run(seed).unwrap().hash, run.hash);
        reached.extend(run.checks.reachable.into_keys());
        slow += run.deviations.iter().filter(|taken| taken.choice == Choice::Slow).count();
    }
    for error in ["ConnectionRefused", "ConnectionTerminated", "HttpResponseIncomplete"] {
        assert!(reached.contains(error), "{error}: {reached:?}");
    }
    assert!(slow > 10, "{slow}");
}

/// Of what was found one thing is left: a request that came to nothing.
#[test]
fn a_request_that_is_made_only_once() {
    let (cause, choices) = found("sim.http:scenario");
    assert_eq!(cause, always("there is an answer"));
    assert!(matches!(choices[..], [Choice::Net | Choice::Kill]), "{choices:?}");
}
