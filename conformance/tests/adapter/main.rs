//! The adapter beside its fixtures, other tools, and input that means harm.
//!
//! Every `*.wat` in `conformance/fixtures/adapter` is adapted and compared with
//! the `*.expected` beside it: the signatures of the component and what became
//! of everything else, or the error. Every component made here must pass the
//! validator. `BLESS=1 cargo test -p conformance --test adapter` writes the expectations anew.

mod hostile;

use std::{fmt::Write, fs, path::PathBuf};

use wasmparser::{Validator, WasmFeatures};
use wippy::adapter::{
    AdaptError, AdaptOptions, Adapted, CoreImportSource, ExportName, LeftOut, WitPackage, adapt,
};

/// Packages that fixtures may refer to.
const PACKAGES: &[WitPackage<'static>] = &[
    WitPackage {
        name: "wasi:io@0.2.6",
        text: "package wasi:io@0.2.6;
            interface poll {
                resource pollable { block: func(); }
                poll: func(in: list<borrow<pollable>>) -> list<u32>;
            }",
    },
    WitPackage {
        name: "wasi:clocks@0.2.6",
        text: "package wasi:clocks@0.2.6;
            interface monotonic-clock {
                use wasi:io/poll@0.2.6.{pollable};
                type duration = u64;
                now: func() -> u64;
                subscribe-duration: func(when: duration) -> pollable;
            }",
    },
    WitPackage {
        name: "wippy:process",
        text: "package wippy:process;
            interface mailbox {
                record message { topic: string, sender: string }
                variant failure { unknown(string), full }
                send: func(to: string, topic: string, data: list<u8>) -> result<_, failure>;
                receive: func() -> option<message>;
            }",
    },
];

fn validate(component: &[u8]) {
    if let Err(e) = Validator::new_with_features(WasmFeatures::all()).validate_all(component) {
        panic!("the component is not valid: {e}");
    }
}

/// Each fixture: where it is, the module, and the WIT text.
fn fixtures() -> Vec<(PathBuf, Vec<u8>, Option<String>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/adapter");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "wat"));
    paths.sort();
    assert!(paths.len() > 30, "the fixtures are missing");
    let fixture = |path: PathBuf| {
        let module = wat::parse_file(&path).expect("the fixture's WAT");
        let wit = fs::read_to_string(path.with_extension("wit")).ok();
        (path, module, wit)
    };
    paths.into_iter().map(fixture).collect()
}

fn options(wit: Option<&str>) -> AdaptOptions<'_> {
    AdaptOptions { wit, packages: PACKAGES }
}

/// Adapts; what comes out must be valid.
fn adapted(module: &[u8], wit: Option<&str>) -> Result<Adapted, AdaptError> {
    let adapted = adapt(module, &options(wit))?;
    validate(&adapted.component);
    Ok(adapted)
}

fn print_wit(component: &[u8]) -> String {
    let decoded = wit_component::decode(component).expect("a component");
    let mut printer = wit_component::WitPrinter::default();
    let resolve = decoded.resolve();
    let main = decoded.package();
    let nested: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|p| *p != main).collect();
    printer.print(resolve, main, &nested).expect("printable WIT");
    printer.output.to_string()
}

fn outcome(module: &[u8], wit: Option<&str>) -> String {
    let adapted = match adapted(module, wit) {
        Ok(adapted) => adapted,
        Err(error) => return format!("error {:?}\n{error}\n", error.kind()),
    };
    let mut out = print_wit(&adapted.component);
    let _ = writeln!(out);
    for import in &adapted.core_imports {
        let _ = write!(out, "core import {:?} {:?}: ", import.module, import.name);
        let _ = match &import.source {
            CoreImportSource::Component { instance, function } => {
                writeln!(out, "{instance} {function}")
            }
            CoreImportSource::Trap { reason } => writeln!(out, "traps, because {reason}"),
        };
    }
    for ExportName { core, name } in &adapted.renamed {
        let _ = writeln!(out, "core export {core:?}: {name}");
    }
    for LeftOut { core, reason } in &adapted.left_out {
        let _ = writeln!(out, "core export {core:?}: left out, because {reason}");
    }
    out
}

#[test]
fn every_fixture_becomes_what_is_expected() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut failures = String::new();
    for (path, module, wit) in fixtures() {
        let found = outcome(&module, wit.as_deref());
        let expected = path.with_extension("expected");
        if bless {
            fs::write(&expected, &found).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if found != wanted {
            let _ = writeln!(failures, "{}\nfound:\n{found}\nexpected:\n{wanted}", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The component that wit-component makes of the same module for the world of
/// ours, if it can: its exports need the canonical names, and imports a WIT type.
fn by_wit_component(module: &[u8], ours: &[u8]) -> Option<Vec<u8>> {
    let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(ours).ok()?
    else {
        return None;
    };
    let mut module = module.to_vec();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding, false).ok()?;
    wit_component::ComponentEncoder::default().module(&module).ok()?.encode().ok()
}

#[test]
fn the_same_world_as_wit_component() {
    let mut compared = 0;
    for (path, module, wit) in fixtures() {
        let Ok(adapted) = adapt(&module, &options(wit.as_deref())) else { continue };
        assert_eq!(
            Ok(&adapted),
            adapt(&module, &options(wit.as_deref())).as_ref(),
            "not the same twice"
        );
        if let Some(theirs) = by_wit_component(&module, &adapted.component) {
            let (ours, theirs) = (print_wit(&adapted.component), print_wit(&theirs));
            assert_eq!(ours, theirs, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} were compared");
}
