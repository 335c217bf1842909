//! Services with short times: which states they go through, and in which order.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use super::node::{Do, Log, Scripts, one_worker};
use crate::{
    command::{ErrorKind, ProcessError},
    host::*,
    registry::Project,
    value::Term,
};

/// A project of services in a directory that is gone with it. What they run are
/// the scripts `t:NAME`.
struct Dir(PathBuf);

impl Dir {
    fn new(services: &str) -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("wippy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::write(dir.join("wippy.lock"), "directories: {src: ./src}").unwrap();
        let head = "version: '1.0'\nnamespace: t\nentries:\n- {name: host, kind: process.host}\n";
        let scripts: String = ["wait", "done", "crash", "stubborn", "invalid", "slow", "panics"]
            .map(|name| format!("- {{name: {name}, kind: process.lua.bc}}\n"))
            .concat();
        fs::write(dir.join("src/_index.yaml"), format!("{head}{scripts}{services}")).unwrap();
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A service of a script, with these lines in its `lifecycle`.
fn service(name: &str, script: &str, lifecycle: &str) -> String {
    format!(
        "- name: {name}\n  kind: process.service\n  process: {script}\n  host: host\n  \
         lifecycle: {{auto_start: true, {lifecycle}}}\n"
    )
}

struct Slow(Scripts);

impl Programs for Slow {
    fn ready(&self, entry: &str) -> Option<std::sync::Arc<dyn Program>> {
        assert_ne!(entry, "t:panics", "for the test");
        if entry == "t:slow" { None } else { self.0.ready(entry) }
    }

    fn load(&self, entry: &str) -> std::result::Result<std::sync::Arc<dyn Program>, ProcessError> {
        std::thread::sleep(Duration::from_millis(300));
        self.0.load(entry)
    }
}

fn supervise(services: &str) -> (Node, Supervisor) {
    let dir = Dir::new(services);
    let project = Project::load(&dir.0).into_result().unwrap();
    let scripts = vec![
        ("t:wait", vec![Do::Receive(1), Do::End(Term::Nil)]),
        ("t:done", vec![]),
        ("t:crash", vec![Do::Panic]),
        ("t:stubborn", vec![Do::Receive(1000)]),
        ("t:invalid", vec![Do::Fail(ErrorKind::Invalid)]),
    ];
    let node = Node::new(Slow(Scripts { log: Log::default(), scripts }));
    node.add_host("t:host", one_worker()).unwrap();
    (node.clone(), Supervisor::new(node, &project))
}

/// All changes of state until all services have ended, as `name state`; after
/// all have been started they are stopped if `stop` says so.
fn states(services: &str, stop: bool) -> Vec<String> {
    let (node, supervisor) = supervise(services);
    let changes = supervisor.changes();
    smol::block_on(async {
        supervisor.start();
        supervisor.started().await;
        if stop {
            supervisor.stop().await;
        }
        supervisor.ended().await;
        node.shutdown("the test is over", Duration::from_millis(50)).await;
    });
    let mut told = Vec::new();
    while let Ok(status) = changes.try_recv() {
        let again = if status.retry.is_some() { " again" } else { "" };
        told.push(format!("{} {}{again}", status.id.name(), status.state));
    }
    told
}

fn ending(status: &ServiceStatus) -> (ServiceState, Option<ErrorKind>, u64) {
    (status.state, status.fault.as_ref().map(|fault| fault.kind), status.restarts)
}

#[test]
fn what_ends_well_stays_so() {
    assert_eq!(states(&service("a", "done", ""), false), ["a starting", "a running", "a exited"]);
}

#[test]
fn what_crashes_is_started_again() {
    let restart = "restart: {initial_delay: 5ms, max_attempts: 2}";
    let told = states(&service("a", "crash", restart), false);
    let life = |end| ["a starting".to_owned(), "a running".to_owned(), format!("a failed{end}")];
    assert_eq!(told, [life(" again"), life(" again"), life("")].concat());
}

#[test]
fn what_would_fail_again_is_not_started_again() {
    let told = states(&service("a", "invalid", ""), false);
    assert_eq!(told, ["a starting", "a running", "a failed"]);
    // There is no such script.
    assert_eq!(states(&service("a", "slow", ""), false), ["a starting", "a failed"]);
}

#[test]
fn what_is_needed_starts_first_and_stops_last() {
    let services = [
        service("a", "wait", "requires: [b]"),
        service("b", "wait", "requires: [c, d]").replace("true", "false"),
        service("c", "wait", ""),
        service("d", "done", ""),
        service("e", "wait", "").replace("true", "false"),
    ];
    let told = states(&services.concat(), true);
    let at = |what: &str| {
        let found = told.iter().position(|told| told == what);
        found.unwrap_or_else(|| panic!("no {what}: {told:?}"))
    };
    for pair in [
        ["c running", "b starting"],
        ["d running", "b starting"],
        ["b running", "a starting"],
        ["a running", "a stopping"],
        ["a stopped", "b stopping"],
        ["b stopped", "c stopping"],
    ] {
        assert!(at(pair[0]) < at(pair[1]), "{pair:?}: {told:?}");
    }
    assert!(told.contains(&"c stopped".to_owned()), "{told:?}");
    assert!(told.iter().all(|told| !told.starts_with('e')), "{told:?}");
}

#[test]
fn who_needs_what_has_failed_fails() {
    // One that has no program never runs, not even for a moment.
    let services = [service("a", "wait", "requires: [b]"), service("b", "slow", "")].concat();
    let (_node, supervisor) = supervise(&services);
    supervisor.start();
    let failed = smol::block_on(supervisor.ended());
    let told: Vec<_> = failed.iter().map(ending).collect();
    let failed = |kind| (ServiceState::Failed, Some(kind), 0);
    assert_eq!(told, [failed(ErrorKind::NotFound), failed(ErrorKind::Unavailable)]);
}

#[test]
fn a_stop_waits_only_so_long() {
    let begin = Instant::now();
    let told = states(&service("a", "stubborn", "stop_timeout: 30ms"), true);
    assert_eq!(told, ["a starting", "a running", "a stopping", "a stopped"]);
    assert!(begin.elapsed() >= Duration::from_millis(30));
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_stop_ends_the_wait_for_a_restart() {
    let services = [
        service("a", "crash", "restart: {initial_delay: 60s}"),
        service("b", "wait", "requires: [a]"),
    ];
    let (_node, supervisor) = supervise(&services.concat());
    smol::block_on(async {
        supervisor.start();
        let failed = supervisor.changes();
        supervisor.started().await;
        while supervisor.states()[0].state != ServiceState::Failed {
            failed.recv().await.unwrap();
        }
        supervisor.stop().await;
    });
    let told: Vec<_> = supervisor.states().iter().map(ending).collect();
    let stopped = |kind| (ServiceState::Stopped, kind, 0);
    assert_eq!(told, [stopped(Some(ErrorKind::Internal)), stopped(None)]);
}

#[test]
fn a_start_takes_only_so_long() {
    let lifecycle = "start_timeout: 20ms, restart: {initial_delay: 1ms, max_attempts: 1}";
    let (_node, supervisor) = supervise(&service("a", "slow", lifecycle));
    supervisor.start();
    let failed = smol::block_on(supervisor.ended());
    let told: Vec<_> = failed.iter().map(ending).collect();
    assert_eq!(told, [(ServiceState::Failed, Some(ErrorKind::Timeout), 1)]);
}

#[test]
fn who_is_terminated_by_others_is_started_again() {
    let (node, supervisor) = supervise(&service("a", "wait", "restart: {initial_delay: 1ms}"));
    smol::block_on(async {
        supervisor.start();
        supervisor.started().await;
        let changes = supervisor.changes();
        let first = supervisor.states()[0].pid.clone().unwrap();
        node.terminate(first.as_str()).unwrap();
        while changes.recv().await.unwrap().state != ServiceState::Running {}
        let status = &supervisor.states()[0];
        assert_eq!(ending(status), (ServiceState::Running, Some(ErrorKind::Canceled), 1));
        assert_ne!(status.pid, Some(first));
        supervisor.stop().await;
    });
    assert!(node.is_empty());
}

#[test]
fn a_service_whose_keeper_panics_has_failed() {
    let services = [service("a", "wait", "requires: [b]"), service("b", "panics", "")].concat();
    let (_node, supervisor) = supervise(&services);
    supervisor.start();
    let failed = smol::block_on(supervisor.ended());
    let told: Vec<_> = failed.iter().map(ending).collect();
    let failed = |kind| (ServiceState::Failed, Some(kind), 0);
    assert_eq!(told, [failed(ErrorKind::Internal), failed(ErrorKind::Unavailable)]);
    smol::block_on(supervisor.stop());
}

#[test]
fn nothing_is_started_after_a_stop() {
    let (node, supervisor) = supervise(&service("a", "wait", ""));
    smol::block_on(async {
        supervisor.stop().await;
        supervisor.start();
        assert!(supervisor.ended().await.is_empty());
    });
    assert_eq!(supervisor.states()[0].state, ServiceState::Stopped);
    assert!(node.is_empty());
}

#[test]
fn without_its_host_a_service_fails() {
    let dir = Dir::new(&service("a", "wait", ""));
    let project = Project::load(&dir.0).into_result().unwrap();
    let supervisor = Supervisor::new(Node::new(()), &project);
    supervisor.start();
    let failed = smol::block_on(supervisor.ended());
    let told: Vec<_> = failed.iter().map(ending).collect();
    assert_eq!(told, [(ServiceState::Failed, Some(ErrorKind::NotFound), 0)]);
    smol::block_on(supervisor.stop());
}
