//! What all processes of a host hold together.

use super::*;
use crate::command::ErrorKind;

const SMALL: &str = r#"(module (memory 1) (func (export "run") (loop (br 0))))"#;
const LARGE: &str = r#"(module (memory 64) (func (export "run") (loop (br 0))))"#;

fn node(max_memory: u64) -> Node {
    let node = Node::new(());
    let max_memory = Some(max_memory);
    let options = HostOptions { workers: Some(1), max_memory, ..HostOptions::default() };
    node.add_host("h", options).unwrap();
    node
}

fn start(
    node: &Node,
    spec: &ProcessSpec,
) -> std::result::Result<Handle, crate::command::ProcessError> {
    node.launch("h", "e", Some(Streams::default()), |context| spec.start(vec![], context))
}

#[test]
fn a_host_without_memory_starts_nobody_and_lets_the_others_live() -> Result {
    let (_runtime, spec) = spec(SMALL, "run")?;
    let node = node(400 << 10);
    let mut living = Vec::new();
    let refused = loop {
        match start(&node, &spec) {
            Ok(handle) => living.push(handle),
            Err(fault) => break fault,
        }
    };
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert!(refused.message.contains("`host.max_memory`"), "{}", refused.message);
    let count = living.len();
    assert!((5..=33).contains(&count), "{count}");
    // Some of them have ended by now, because there was no room for their memory.
    for handle in &living {
        drop(node.terminate(handle.pid().as_str()));
        smol::block_on(handle.ended());
    }
    assert_eq!(node.memory("h"), Some((0, 400 << 10)));
    let again = start(&node, &spec)?;
    let memory = || node.memory("h").unwrap_or_default().0;
    while memory() < 64 << 10 {
        std::thread::yield_now();
    }
    node.terminate(again.pid().as_str())?;
    Ok(())
}

#[test]
fn what_a_host_has_no_room_for_is_not_the_programs_fault() -> Result {
    let (_runtime, spec) = spec(LARGE, "run")?;
    let ended = smol::block_on(start(&node(1 << 20), &spec)?.ended()).ok_or("lost")?;
    let error = ended.outcome.clone().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("`host.max_memory`"), "{error}");
    Ok(())
}
