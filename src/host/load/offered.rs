//! The exports of a program that its author has written, and those of its toolchain.
//!
//! Languages whose engine is in the component export what the toolchain has used to put
//! the program in: nobody else has a use for it.

use crate::component::{Function, LinkedComponent};

/// The interface, the function and the first parameters of those.
const TOOLCHAIN: [(Option<&str>, &str, &[&str]); 2] = [
    // componentize-qjs
    (None, "init", &["shim", "script"]),
    // componentize-py
    (Some("exports"), "init", &["app-name"]),
];

/// True if a function is its toolchain's, and not its author's.
pub fn is_of_toolchain(function: &Function) -> bool {
    TOOLCHAIN.iter().any(|(interface, name, params)| {
        let own = function.ty().params.iter().map(|param| &*param.name);
        function.interface() == *interface
            && function.name() == *name
            && own.take(params.len()).eq(params.iter().copied())
    })
}

/// The functions that somebody may want to call from outside: neither those of the
/// toolchain, nor constructors and methods, which need a resource.
pub fn offered(program: &LinkedComponent) -> Vec<Function> {
    let wanted =
        |function: &Function| !function.name().starts_with('[') && !is_of_toolchain(function);
    program.functions().filter(wanted).collect()
}
