#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (conformance::fuzz::target("wasi2").run)(data));
