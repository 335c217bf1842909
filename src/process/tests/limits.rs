//! Limits that a guest meets, reached from a guest.

use super::*;
use crate::account::Account;

/// Component instances, so many, each of which calls the one before.
fn chain(count: usize) -> LinkedComponent {
    let mut text = r#"(component
        (component $first
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))
        (component $next
            (import "f" (func $f))
            (core func $f (canon lower (func $f)))
            (core module $m (import "" "f" (func $f)) (func (export "f") (call $f)))
            (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "f") (canon lift (core func $i "f"))))
        (instance $i1 (instantiate $first))"#
        .to_owned();
    for i in 2..=count {
        let before = i - 1;
        text +=
            &format!("(instance $i{i} (instantiate $next (with \"f\" (func $i{before} \"f\"))))\n");
    }
    text += &format!("(export \"f\" (func $i{count} \"f\")))");
    let component = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap();
    component.link(&Linker::default()).unwrap()
}

#[test]
fn calls_between_components_have_an_end_and_the_stacks_of_many_are_on_the_account() {
    let call = |count: usize, limit: u64| {
        let account = Account::new(limit);
        let program = chain(count);
        let mut process = WasmProcess::on_account(&program, Limits::default(), account.clone());
        process.init("f", Vec::new()).unwrap();
        let outcome = run(&mut process, Fuel(100_000), |_| Reply::Done);
        process.close();
        assert_eq!(account.used(), 0);
        outcome.map_err(|error| {
            assert_eq!(error.cause(), Cause::Trap(TrapKind::Limit));
            error.message().to_owned()
        })
    };
    assert_eq!(call(8, 1 << 20), Ok(None));
    assert_eq!(call(100, 1 << 30), Ok(None));
    let error = call(100, 64 << 20).unwrap_err();
    assert!(error.contains("`limits.max_memory`"), "{error}");
    assert_eq!(call(250, u64::MAX), Ok(None));
    let error = call(251, u64::MAX).unwrap_err();
    assert!(error.contains("too many calls between components"), "{error}");
}
