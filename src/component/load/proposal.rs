//! Proposals of WebAssembly that this engine does not have, by the names that people
//! know. A file that uses one of them is not invalid, and is not told so.

use wasmparser::{
    BinaryReaderError, FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures,
};

use crate::component::engine::features;

/// The proposals that may be missing.
const PROPOSALS: [(WasmFeatures, &str); 15] = [
    (WasmFeatures::EXCEPTIONS, "exception handling"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "the older form of exception handling"),
    (WasmFeatures::THREADS, "threads and shared memory"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
    (WasmFeatures::GC, "garbage collection"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::MEMORY_CONTROL, "memory control"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
    (WasmFeatures::COMPACT_IMPORTS, "compact imports"),
    (WasmFeatures::ACQUIRE_RELEASE_ATOMICS, "acquire-release atomics"),
    (WasmFeatures::CM_VALUES, "values of the Component Model"),
    (WasmFeatures::CM_GC, "garbage collection in the Component Model"),
];

/// The names of the proposals that bytes use beyond what the engine has.
pub(crate) fn missing(bytes: &[u8]) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut known = features();
    while let Err(error) = validate(bytes, known) {
        // Where the parser already stumbles, it does not know what it lacks.
        let alone = || {
            let mut all = PROPOSALS.iter().filter(|(feature, _)| !known.contains(*feature));
            all.find(|(feature, _)| validate(bytes, known | *feature).is_ok())
        };
        let lacks = match error.missing_wasm_feature() {
            Some(lacks) => lacks,
            None => alone().map_or(WasmFeatures::empty(), |(feature, _)| *feature),
        };
        if known.contains(lacks) {
            break;
        }
        let named = PROPOSALS.iter().filter(|(feature, _)| lacks.intersects(*feature));
        names.extend(named.map(|(_, name)| *name));
        known |= lacks;
    }
    names
}

fn validate(bytes: &[u8], features: WasmFeatures) -> Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    for payload in parser.parse_all(bytes) {
        if let ValidPayload::Func(func, body) = validator.payload(&payload?)? {
            let mut validator = func.into_validator(std::mem::take(&mut allocations));
            validator.validate(&body)?;
            allocations = validator.into_allocations();
        }
    }
    Ok(())
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`.
pub(crate) fn in_words(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Component, Engine, LoadErrorKind};

    #[test]
    fn what_this_engine_lacks_is_named() {
        let cases = [
            ("(tag $t) (func (throw $t))", "exception handling"),
            ("(func (try_table))", "exception handling"),
            ("(tag $t) (func try catch $t end)", "exception handling"),
            ("(memory 1 1 shared)", "threads and shared memory"),
            (
                "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
                "threads and shared memory",
            ),
            (
                "(type $s (struct (field i32))) (func (drop (struct.new_default $s)))",
                "garbage collection",
            ),
            ("(type $a (array i8))", "garbage collection"),
            ("(func (drop (ref.i31 (i32.const 0))))", "garbage collection"),
            (
                "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
                "typed function references",
            ),
            ("(type $f (func)) (type $c (cont $f))", "stack switching"),
            ("(memory 1 (pagesize 1))", "custom page sizes"),
            (
                "(func (param i64 i64 i64 i64) (result i64 i64)
                (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
                "wide arithmetic",
            ),
        ];
        for (core, name) in cases {
            let bytes = wat::parse_str(format!("(component (core module {core}))")).unwrap();
            let error = Component::new(&Engine::default(), bytes).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::Unsupported, "{core}: {error}");
            let text = error.to_string();
            assert!(text.contains(name) && text.contains("does not have"), "{core}: {text}");
        }
    }

    #[test]
    fn what_is_invalid_is_not_taken_for_a_proposal() {
        let bytes = wat::parse_str("(component (core module (func (result i32))))").unwrap();
        assert_eq!(missing(&bytes), [""; 0]);
        assert_eq!(missing(b"\0asm rubbish"), [""; 0]);
        assert_eq!(in_words(&["a", "b", "c"]), "a, b and c");
    }
}
