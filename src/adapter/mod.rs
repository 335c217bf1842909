//! Turns a raw core module, with or without WIT text, into a component, so that
//! everything after this sees components only.
//!
//! ```
//! use wippy::adapter::{AdaptOptions, adapt};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let module = wat::parse_str(r#"
//!     (module
//!         (func (export "add") (param i32 i32) (result i32)
//!             local.get 0
//!             local.get 1
//!             i32.add))"#)?;
//! let wit = "add: func(a: u32, b: u32) -> u32";
//! let adapted = adapt(&module, &AdaptOptions { wit: Some(wit), packages: &[] })?;
//! assert!(adapted.component.starts_with(b"\0asm\x0d\0\x01\0"));
//!
//! let error = adapt(&module, &AdaptOptions { wit: Some("sub: func()"), packages: &[] });
//! assert!(error.unwrap_err().to_string().contains("`add` (func (param i32 i32) (result i32))"));
//! # Ok(())
//! # }
//! ```
//!
//! # Exports
//!
//! The WIT function `my-func` is the core export `my-func` or else `my_func`; a
//! function of an interface is `ns:pkg/iface@version#my-func` (any compatible
//! version), or its bare name if no other function has it. Strings, lists and
//! large values go through the exported `memory` and `cabi_realloc`;
//! `cabi_post_my-func` runs after the result has been read. 64-bit memories make
//! pointers `i64`. `_initialize` (or `__wasm_call_ctors` in a module without
//! `_start`) runs once, before anything else.
//!
//! Without WIT, exported functions on numbers can be called (`i32` is `s32`),
//! and `_start` is called `run`. [`Adapted::left_out`] tells about the others.
//!
//! # Imports
//!
//! A core import that the WIT text imports too is given its WIT type: module
//! `$root` (or `env`) for functions, `ns:pkg/iface@version` for interfaces. So is
//! an import from an interface of [`AdaptOptions::packages`], whether the WIT
//! text mentions it or not, except in whole `world` documents.
//!
//! Any other imported function `field` of `module` becomes an import of the
//! component: function `field` of the instance `wippy:core/module`, both in
//! kebab-case, with the same numbers as parameters and result. It is an import
//! like any other: a host may provide it, and if none does, calling it traps.
//! [`Adapted::core_imports`] has the original names. This includes
//! `wasi_snapshot_preview1`: host functions of these instances see the memory of
//! the module that calls them
//! ([`HostCx::memory`](crate::component::HostCx::memory)).
//!
//! Memories, tables, globals and exception tags cannot be imported: there is
//! nobody a process could share them with.
//!
//! # Parts
//!
//! `module` reads the core module, `text` and `wit` the WIT; `plan`, `exports` and
//! `imports` bring both together and find everything that does not fit; `types`,
//! `shim` and `encode` write, and `repeat` where the module imports something
//! twice. Nothing is written that the component validator would refuse, except for
//! what is wrong inside the module's functions.

mod abi;
mod duplicate_imports;
mod encode;
mod error;
mod exports;
mod imports;
mod module;
mod names;
mod plan;
mod shim;
mod show;
mod text;
mod types;
mod untyped;
mod wit;

pub use self::{
    error::{AdaptError, AdaptErrorKind},
    wit::WitPackage,
};

use self::{
    error::listing, module::CoreModule, plan::Plan, text::Document, untyped::Untyped, wit::Resolved,
};
use std::collections::HashMap;
use wasmparser::FuncType;
use wit_parser::WorldId;

/// The WIT that the adapter may be given beside the module: its own, and packages.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdaptOptions<'a> {
    /// The module's WIT text: a list of items as in a world, such as
    /// `answer: func() -> s32;`, or a whole document. Blank text is no text.
    pub wit: Option<&'a str>,
    /// Packages that the WIT text and the module's imports may refer to.
    pub packages: &'a [WitPackage<'a>],
}

/// A component made from a core module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapted {
    /// The component binary.
    pub component: Vec<u8>,
    /// Core imports that no WIT describes, and what they became.
    pub core_imports: Vec<CoreImport>,
    /// Exports whose name had to change (only without WIT).
    pub renamed: Vec<ExportName>,
    /// Exported functions that cannot be called (only without WIT).
    pub left_out: Vec<LeftOut>,
}

/// A core import that no WIT describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreImport {
    /// The core module name, such as `env`.
    pub module: String,
    /// The field name, such as `log_number`.
    pub name: String,
    /// Its core type.
    pub ty: FuncType,
    /// The part of the component that it became.
    pub source: CoreImportSource,
}

/// The part of the component that a core import became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreImportSource {
    /// A component import.
    Component {
        /// The imported instance, such as `wippy:core/env`.
        instance: String,
        /// Its function, such as `log-number`.
        function: String,
    },
    /// A function that traps when it is called, because no component function
    /// can have its type.
    Trap {
        /// The reason, which lies in its type, such as "it has more than one result".
        reason: &'static str,
    },
}

/// A core export under a new name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportName {
    /// The core export.
    pub core: String,
    /// The component export.
    pub name: String,
}

/// A core export that the component does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The core export.
    pub core: String,
    /// Why it is left out, as a sentence without its full stop.
    pub reason: String,
}

/// Makes a component from the core module `module`.
pub fn adapt(module: &[u8], options: &AdaptOptions<'_>) -> Result<Adapted, AdaptError> {
    let core = CoreModule::read(module)?;
    let wit = options.wit.filter(|wit| !wit.trim().is_empty());
    let mentioned = |name: &str| {
        let path = name.split('@').next().unwrap_or(name);
        wit.is_some_and(|wit| wit.contains(path))
    };
    let modules = core.imports.iter().map(|i| i.module).filter(|name| !mentioned(name));
    let imports = wit::known_imports(modules, options.packages);
    let (document, bare) = match wit {
        Some(wit) => (Document::new(wit, &imports)?, Untyped::default()),
        None => {
            let bare = Untyped::new(&core);
            (Document::generated(&format!("{}{imports}", bare.text)), bare)
        }
    };
    let resolved = wit::resolve(&document, options.packages)?;
    let plan = choose(&core, &resolved, &bare.core_names)?;
    if plan.exports.is_empty() && wit.is_some() {
        return Err(AdaptError::new(
            AdaptErrorKind::World,
            "the WIT text exports no function; write those that the module exports, such as \
             `answer: func() -> s32;`",
        ));
    }
    let module = duplicate_imports::rename(module, &core)?;
    let (component, core_imports) = encode::encode(&plan, &module)?;
    Ok(Adapted { component, core_imports, renamed: bare.renamed, left_out: bare.left_out })
}

/// Looks at a WIT text without a module.
///
/// # Errors
///
/// If it is no WIT, or names what is not there.
pub fn check_wit(wit: &str, packages: &[WitPackage<'_>]) -> Result<(), AdaptError> {
    let imports = wit::known_imports(std::iter::empty(), packages);
    wit::resolve(&Document::new(wit, &imports)?, packages).map(|_| ())
}

/// Plans the one world that is meant: the only one, or the only one that fits.
fn choose<'a>(
    core: &'a CoreModule<'a>,
    resolved: &'a Resolved,
    core_names: &HashMap<String, &'a str>,
) -> Result<Plan<'a>, AdaptError> {
    let plan = |world: WorldId| Plan::new(core, &resolved.resolve, world, core_names);
    if let [(_, world)] = resolved.worlds.as_slice() {
        return plan(*world);
    }
    let mut fitting = Vec::new();
    let mut reasons = Vec::new();
    for (name, world) in &resolved.worlds {
        match plan(*world) {
            Ok(plan) if plan.exports.is_empty() => {
                reasons.push(format!("{name}: exports nothing"));
            }
            Ok(plan) => {
                reasons.push(format!("{name}: fits"));
                fitting.push(plan);
            }
            Err(error) => {
                let text = error.to_string();
                let first = text.split(['\n', ';']).next().unwrap_or_default();
                reasons.push(format!("{name}: {first}"));
            }
        }
    }
    if fitting.len() == 1
        && let Some(plan) = fitting.pop()
    {
        return Ok(plan);
    }
    Err(AdaptError::new(
        AdaptErrorKind::World,
        format!(
            "the WIT text has {} worlds, and {} with the module, so it is not clear which one is \
             meant:{}\nLeave the one in that the module implements.",
            resolved.worlds.len(),
            if fitting.is_empty() { "none of them agrees" } else { "several of them agree" },
            listing(reasons, 20)
        ),
    ))
}
