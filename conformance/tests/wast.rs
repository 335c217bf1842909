//! Our own scripts, in all slices, with the exact texts of traps.

use conformance::wast::{Args, report};

#[test]
fn own_scripts() {
    let args = Args {
        paths: vec![concat!(env!("CARGO_MANIFEST_DIR"), "/wast").into()],
        strict: true,
        ..Args::default()
    };
    let report = report(&args).expect("the scripts are there");
    assert!(!report.unexpected(), "{}", report.render(false));
    assert!(report.total().pass > 300, "scripts are missing:\n{}", report.render(false));
}
