//! The name section of a core module.

use std::collections::HashMap;

use wasmparser::{KnownCustom, Name, Parser, Payload};

/// The names of functions by their indices.
pub(in crate::component) fn name_section(bytes: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    each_name(bytes, |index, name| {
        names.insert(index, name.to_owned());
    });
    names
}

/// Calls `f` with all functions that the module has names for.
pub(in crate::component) fn each_name<'a>(module: &'a [u8], mut f: impl FnMut(u32, &'a str)) {
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Name(section) = section.as_known() else { continue };
        for subsection in section.into_iter().map_while(Result::ok) {
            if let Name::Function(map) = subsection {
                for naming in map.into_iter().map_while(Result::ok) {
                    f(naming.index, naming.name);
                }
            }
        }
    }
}
