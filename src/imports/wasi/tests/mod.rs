//! What the functions promise, called one by one over a world in memory; and a
//! few real guests.

mod files;
mod guests;
mod paths;
mod streams;
mod wait;

use super::{
    Preopen, WasiConfig, WasiState,
    fake::{Guest, LINKER, World, borrow, errno, rep, result_of},
};
use crate::{
    command::{Errno, FileId},
    component::TrapKind,
    value::{TypeDef, Value},
};

#[test]
fn every_declared_function_has_a_body() {
    // Guests export it.
    assert_eq!(LINKER.unbound(), ["wasi:cli/run#run", "wasi:http/incoming-handler#handle"]);
}

#[test]
fn every_version_of_0_2_is_met() {
    for version in ["0.2.0", "0.2.3", "0.2.12", "0.2.99"] {
        for interface in ["io/streams", "cli/terminal-stdin", "filesystem/types", "random/random"] {
            assert!(LINKER.provides(&format!("wasi:{interface}@{version}")));
        }
    }
    assert!(!LINKER.provides("wasi:io/streams@0.3.0"));
}

/// `InsufficientMemory` as `insufficient-memory`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

#[test]
fn the_numbers_of_errors_and_kinds_are_those_of_the_wit() {
    use crate::command::FileKind;
    let enums = LINKER.types.iter().filter_map(|(_, def)| match def {
        TypeDef::Enum(labels) => Some(labels),
        _ => None,
    });
    let (mut errors, mut kinds) = (0, 0);
    for labels in enums {
        match (&*labels[0], &*labels[1]) {
            ("access", _) => {
                for (case, label) in labels.iter().enumerate() {
                    assert_eq!(kebab(&format!("{:?}", errno(case as u32))), **label);
                    assert_eq!(errno(case as u32) as usize, case);
                    errors += 1;
                }
            }
            ("unknown", "block-device") => {
                assert_eq!(&*labels[FileKind::Directory as usize], "directory");
                assert_eq!(&*labels[FileKind::SymbolicLink as usize], "symbolic-link");
                assert_eq!(&*labels[FileKind::RegularFile as usize], "regular-file");
                assert_eq!(&*labels[FileKind::Socket as usize], "socket");
                kinds += 1;
            }
            _ => {}
        }
    }
    assert_eq!((errors, kinds), (37, 1));
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| WasiState::new(config).unwrap_err().to_string();
    let config = || WasiConfig::default();
    assert_eq!(
        refused(WasiConfig { args: vec!["a\0b".to_owned()], ..config() }),
        r#""a\0b" contains a NUL"#
    );
    let env = [("A=B".to_owned(), String::new())].into();
    assert_eq!(refused(WasiConfig { env, ..config() }), r#""A=B" is no name for a variable"#);
    let cwd = Some("app".to_owned());
    assert_eq!(refused(WasiConfig { cwd, ..config() }), r#"cwd "app" is not an absolute path"#);
}

#[test]
fn the_environment_is_the_config() {
    let config = WasiConfig {
        args: vec!["tool".to_owned(), "-v".to_owned()],
        env: [("MODE".to_owned(), "fast=1".to_owned())].into(),
        cwd: Some("/app/./x/..".to_owned()),
        preopens: Vec::new(),
    };
    let mut guest = Guest::new(config, World::default());
    let mut get = |function| guest.call("cli/environment", function, vec![]).unwrap().unwrap();
    assert_eq!(get("get-arguments"), Value::from(vec![Value::from("tool"), Value::from("-v")]));
    let pair = Value::Record(vec!["MODE".into(), "fast=1".into()]);
    assert_eq!(get("get-environment"), Value::from(vec![pair]));
    assert_eq!(get("initial-cwd"), Value::some("/app"));

    let mut guest = Guest::new(WasiConfig::default(), World::default());
    let mut get = |function| guest.call("cli/environment", function, vec![]).unwrap().unwrap();
    assert_eq!(get("get-arguments"), Value::from(Vec::<Value>::new()));
    assert_eq!(get("initial-cwd"), Value::NONE);
}

#[test]
fn exit_ends_the_process_with_a_code() {
    let mut guest = Guest::new(WasiConfig::default(), World::default());
    let mut exit = |function, arg| guest.call("cli/exit", function, vec![arg]).unwrap_err().kind;
    assert_eq!(exit("exit", Value::ok(None)), TrapKind::Exit(0));
    assert_eq!(exit("exit", Value::err(None)), TrapKind::Exit(1));
    assert_eq!(exit("exit-with-code", Value::U8(42)), TrapKind::Exit(42));
}

#[test]
fn a_terminal_is_given_only_where_there_is_one() {
    let mut guest = Guest::new(WasiConfig::default(), World::default());
    for stream in ["stdin", "stdout", "stderr"] {
        let (interface, function) =
            (format!("cli/terminal-{stream}"), format!("get-terminal-{stream}"));
        let side = if stream == "stdin" { "terminal-input" } else { "terminal-output" };
        guest.world.terminal = false;
        assert_eq!(guest.call(&interface, &function, vec![]), Ok(Some(Value::NONE)));
        guest.world.terminal = true;
        let Some(Value::Variant { case: 1, payload: Some(handle) }) =
            guest.call(&interface, &function, vec![]).unwrap()
        else {
            panic!("no terminal")
        };
        guest.drop(&format!("cli/{side}"), side, rep(&handle)).unwrap();
    }
}

#[test]
fn random_numbers_come_from_outside() {
    let mut guest = Guest::new(WasiConfig::default(), World::default());
    let bytes = |from: u8, len: u8| Value::from((0..len).map(|i| i ^ from).collect::<Vec<_>>());
    let get = |guest: &mut Guest, interface: &str, function: &str, args| {
        guest.call(&format!("random/{interface}"), function, args)
    };
    let mut bytes_of = |interface, function, len: u64| {
        get(&mut guest, interface, function, vec![Value::U64(len)]).map(Option::unwrap)
    };
    assert_eq!(bytes_of("random", "get-random-bytes", 3), Ok(bytes(0, 3)));
    assert_eq!(bytes_of("random", "get-random-bytes", 0), Ok(bytes(0, 0)));
    assert_eq!(bytes_of("insecure", "get-insecure-random-bytes", 3), Ok(bytes(128, 3)));
    let Ok(Value::List(list)) = bytes_of("random", "get-random-bytes", (1 << 20) + 5) else {
        panic!()
    };
    assert_eq!(list.len(), (1 << 20) + 5);
    let trap = bytes_of("random", "get-random-bytes", u64::MAX).unwrap_err();
    assert!(trap.message.contains("random bytes at once"), "{trap}");
    let (low, high) = (0x0706_0504_0302_0100u64, 0x8786_8584_8382_8180u64);
    assert_eq!(get(&mut guest, "random", "get-random-u64", vec![]), Ok(Some(low.into())));
    assert_eq!(
        get(&mut guest, "insecure", "get-insecure-random-u64", vec![]),
        Ok(Some(high.into()))
    );
    let Ok(Some(Value::Record(seed))) = get(&mut guest, "insecure-seed", "insecure-seed", vec![])
    else {
        panic!()
    };
    assert_eq!(seed.len(), 2);
    assert_ne!(seed[0], seed[1]);
    // For ever, without asking again.
    let asked = guest.world.log.len();
    let again = get(&mut guest, "insecure-seed", "insecure-seed", vec![]);
    assert_eq!(again, Ok(Some(Value::Record(seed))));
    assert_eq!(guest.world.log.len(), asked);
}

/// Names of `open-flags` and `descriptor-flags`.
const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;
const READ: u32 = 1;
const WRITE: u32 = 2;
const MUTATE: u32 = 32;
