//! Every `*.wat` in `conformance/fixtures/adapter` is adapted and compared with
//! the `*.expected` beside it: the signatures of the component and what became
//! of everything else, or the error. Every component made here must pass the
//! validator. `WIPPY_BLESS=1 cargo test adapter` writes the expectations anew.

use super::*;
use std::{fmt::Write, fs, path::PathBuf};
use wasmparser::{Validator, WasmFeatures};

/// Packages that fixtures may refer to.
pub(super) const PACKAGES: &[WitPackage<'static>] = &[
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

fn options(wit: Option<&str>) -> AdaptOptions<'_> {
    AdaptOptions { wit, packages: PACKAGES }
}

fn try_wat(wat: &str, wit: Option<&str>) -> Result<Adapted, AdaptError> {
    let module = wat::parse_str(wat).expect("the test's own WAT");
    let adapted = adapt(&module, &options(wit))?;
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

fn outcome(wat: &str, wit: Option<&str>) -> String {
    let adapted = match try_wat(wat, wit) {
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
fn fixtures() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/fixtures/adapter");
    let bless = std::env::var_os("WIPPY_BLESS").is_some();
    let mut wats: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "wat"))
        .collect();
    wats.sort();
    assert!(wats.len() > 30, "the fixtures are missing");
    let mut failures = String::new();
    for path in wats {
        let wat = fs::read_to_string(&path).unwrap();
        let wit = fs::read_to_string(path.with_extension("wit")).ok();
        let found = outcome(&wat, wit.as_deref());
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

/// The component that wit-component makes of the same module, if it can.
fn by_wit_component(module: &[u8], wit: &str) -> Option<Vec<u8>> {
    let document = Document::new(wit, "").ok()?;
    let Resolved { resolve, worlds } = wit::resolve(&document, PACKAGES).ok()?;
    let [(_, world)] = worlds.as_slice() else { return None };
    let mut module = module.to_vec();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, *world, encoding, false).ok()?;
    wit_component::ComponentEncoder::default().module(&module).ok()?.encode().ok()
}

#[test]
fn the_same_world_as_wit_component() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/fixtures/adapter");
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(wit) = fs::read_to_string(path.with_extension("wit")) else { continue };
        if path.extension().is_none_or(|e| e != "wat") {
            continue;
        }
        let module = wat::parse_file(&path).unwrap();
        let Ok(adapted) = adapt(&module, &options(Some(&wit))) else { continue };
        assert_eq!(Ok(adapted.clone()), adapt(&module, &options(Some(&wit))), "not the same twice");
        if let Some(theirs) = by_wit_component(&module, &wit) {
            let (ours, theirs) = (print_wit(&adapted.component), print_wit(&theirs));
            assert_eq!(ours, theirs, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} were compared");
}
