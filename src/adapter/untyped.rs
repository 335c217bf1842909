//! Modules without WIT: what can be called anyway.
//!
//! A core signature of numbers is a component signature of numbers, `i32` read
//! as `s32` and `i64` as `s64`. Such functions get a WIT text that is made up
//! here, and from there on take the same path as any other. Functions that
//! cannot be exported are reported with the reason, so that someone who calls
//! one learns why it is not there.

use super::{
    ExportName, LeftOut,
    abi::MAX_FLAT_PARAMS,
    module::{CoreExport, CoreModule, Signature},
    names::{Unique, kebab},
};
use std::{collections::HashMap, fmt::Write};
use wasmparser::ValType;

/// Without WIT, at most this many functions are exported.
const MOST: usize = 10_000;

/// The made-up WIT of a module.
#[derive(Default)]
pub(super) struct Untyped<'a> {
    /// `export` items.
    pub text: String,
    /// Which core export is behind each of them.
    pub core_names: HashMap<String, &'a str>,
    pub renamed: Vec<ExportName>,
    pub left_out: Vec<LeftOut>,
}

impl<'a> Untyped<'a> {
    pub(super) fn new(module: &'a CoreModule<'a>) -> Self {
        let mut bare = Self::default();
        let mut names = Unique::default();
        let mut callable = Vec::new();
        for function in &module.functions {
            match refusal(module, function) {
                Some(reason) => bare.leave_out(function, reason),
                None if callable.len() >= MOST => bare.leave_out(
                    function,
                    format!("{MOST} functions before it are exported; add a `wit` text"),
                ),
                None => callable.push(function),
            }
        }
        // A name that needs no change is nobody else's.
        let (exact, mapped): (Vec<_>, Vec<_>) =
            callable.into_iter().partition(|f| names.take_identifier(f.name));
        for function in exact {
            bare.export(module, function, function.name);
        }
        for function in mapped {
            let name = match function.name {
                "_start" => Some("run".to_owned()),
                name => kebab(name).filter(|name| wit_parser::validate_id(name).is_ok()),
            };
            match name {
                Some(name) if names.take_identifier(&name) => {
                    bare.export(module, function, &name);
                    bare.renamed.push(ExportName { core: function.name.to_owned(), name });
                }
                Some(name) => bare.leave_out(
                    function,
                    format!("its name in kebab-case, `{name}`, is the name of another export"),
                ),
                None => bare.leave_out(
                    function,
                    "its name has no letters that a kebab-case name could be made of; give it \
                     another one"
                        .into(),
                ),
            }
        }
        bare
    }

    fn leave_out(&mut self, function: &CoreExport<'_>, reason: String) {
        self.left_out.push(LeftOut { core: function.name.to_owned(), reason });
    }

    fn export(&mut self, module: &CoreModule<'_>, function: &CoreExport<'a>, name: &str) {
        let given = module.parameter_names(function.index);
        let mut taken = Unique::default();
        let _ = write!(self.text, "export %{name}: func(");
        for (i, ty) in function.ty.params().iter().enumerate() {
            let wanted = given
                .iter()
                .find(|(at, _)| usize::try_from(*at) == Ok(i))
                .and_then(|(_, name)| kebab(name))
                .filter(|name| taken.take_identifier(name));
            let _ = match wanted {
                Some(name) => write!(self.text, "%{name}: {}, ", scalar(*ty)),
                None => {
                    let name = taken.assign(&format!("p{i}"), "p");
                    write!(self.text, "%{name}: {}, ", scalar(*ty))
                }
            };
        }
        self.text.push(')');
        if let Some(ty) = function.ty.results().first() {
            let _ = write!(self.text, " -> {}", scalar(*ty));
        }
        self.text.push_str(";\n");
        self.core_names.insert(name.to_owned(), function.name);
    }
}

impl Unique {
    /// Takes `name` if it is an identifier of WIT and still free.
    fn take_identifier(&mut self, name: &str) -> bool {
        wit_parser::validate_id(name).is_ok() && self.take(name)
    }
}

/// Why some function types cannot be used.
pub(super) const NOT_PLAIN: &str = "its core type is part of a recursion group or has a supertype, \
                                    so that it differs from every type outside the module";

/// Why a core export does not become a component export.
fn refusal(module: &CoreModule<'_>, function: &CoreExport<'_>) -> Option<String> {
    let ty = &function.ty;
    match function.name {
        "_initialize" | "__wasm_call_ctors" => {
            return Some("it sets up the module, and runs by itself before anything else".into());
        }
        "_start" if !ty.params().is_empty() || !ty.results().is_empty() => {
            return Some(format!(
                "it is the entry point of a program, and should have the core signature (func), \
                 not {}",
                Signature::of(ty)
            ));
        }
        "_start" if module.function("run").is_some() => {
            return Some("it would be exported as `run`, and there is a `run` already".into());
        }
        name if name == "cabi_realloc" || name.starts_with("cabi_post_") => {
            return Some("it belongs to the canonical ABI, which calls it by itself".into());
        }
        _ => {}
    }
    if !function.plain {
        return Some(NOT_PLAIN.into());
    }
    let text = |what: &str| {
        Some(format!(
            "its core signature is {}, and {what}; without WIT only functions of at most 16 \
             numbers with at most one number as result can be called: add a `wit` text",
            Signature::of(ty)
        ))
    };
    if ty.params().iter().chain(ty.results()).any(|ty| scalar(*ty).is_empty()) {
        text("vectors and references have no meaning outside the module")
    } else if ty.results().len() > 1 {
        text("it has several results")
    } else if ty.params().len() > MAX_FLAT_PARAMS {
        text("it has more than 16 parameters")
    } else {
        None
    }
}

fn scalar(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "s32",
        ValType::I64 => "s64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 | ValType::Ref(_) => "",
    }
}
