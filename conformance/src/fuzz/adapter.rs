//! Core modules with WIT text: the text stands before the module.

use wasmparser::{Validator, WasmFeatures};
use wippy::{
    adapter::{AdaptOptions, adapt},
    component::{Component, Engine, LoadErrorKind},
};

pub fn run(data: &[u8]) {
    let at = data.windows(4).position(|bytes| bytes == b"\0asm").unwrap_or(0);
    let (wit, module) = data.split_at(at);
    let Ok(wit) = std::str::from_utf8(wit) else { return };
    let Ok(adapted) = adapt(module, &AdaptOptions { wit: Some(wit), packages: &[] }) else {
        return;
    };
    let valid =
        |bytes: &[u8]| Validator::new_with_features(WasmFeatures::all()).validate_all(bytes);
    if valid(module).is_err() {
        return;
    }
    if let Err(error) = valid(&adapted.component) {
        panic!("the adapter has made an invalid component of a valid module: {error}");
    }
    match Component::new(&Engine::default(), adapted.component) {
        Ok(_) => {}
        Err(error) => {
            let kind = error.kind();
            assert!(kind == LoadErrorKind::Unsupported, "an adapted module is refused: {error}");
        }
    }
}
