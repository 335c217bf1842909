//! Our own cases, in each of their forms, against the command.

use std::{path::Path, time::Duration};

use conformance::wasi::{Known, Report, Setting, Wippy, fixture};

#[test]
fn recorded_cases() {
    let setting = Setting {
        wippy: Wippy::Within(env!("CARGO_BIN_EXE_conformance").into()),
        // Other tests want the processors too.
        timeout: Duration::from_secs(120),
        jobs: None,
    };
    let cases = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/wasi"));
    let mut report = Report::default();
    let result = fixture::run(cases, &setting, &Known::default(), &|_| true, &mut report);
    result.expect("the cases are there");
    let text = report.render(false);
    assert!(!report.unexpected(), "{text}");
    let total = report.total();
    assert!(total.pass > 230, "cases are missing:\n{text}");
}
