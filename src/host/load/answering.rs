//! How the function of an entry with `transport: wasi-http` answers requests: told from
//! its type.

use crate::{
    component::Function,
    host::node::program::{Answering, BodyParam},
    registry::{Entry, Problem},
    value::{TypeDef, TypeId},
};

/// A function that cannot answer requests.
#[derive(Debug)]
pub(in crate::host) struct NoAnswer {
    pub found: String,
}

impl NoAnswer {
    /// As a problem of the entry that names the function.
    pub fn problem(&self, entry: &Entry) -> Box<Problem> {
        Box::new(entry.problem(
            "method",
            &*self.found,
            "a function for transport: wasi-http: it takes nothing, a string, an option<string> \
             or a list<u8>; or wasi:http/incoming-handler#handle",
            "change the function, or remove the transport if it takes values",
        ))
    }
}

/// How this function answers requests.
///
/// # Errors
///
/// If it takes something else than a body.
pub(in crate::host) fn answering(function: &Function) -> Result<Answering, NoAnswer> {
    let interface = function.interface().unwrap_or_default();
    let handler = "wasi:http/incoming-handler";
    if interface == handler || interface.strip_prefix(handler).is_some_and(|v| v.starts_with('@')) {
        return Ok(Answering::Streaming);
    }
    let types = function.types();
    let param = |id: TypeId| {
        let (own, inner) = (types.get(id), |id: &TypeId| types.get(*id));
        if *own == TypeDef::String {
            Some(BodyParam::Text)
        } else if let TypeDef::Option(id) = own {
            (*inner(id) == TypeDef::String).then_some(BodyParam::OptionalText)
        } else if let TypeDef::List(id) = own {
            (*inner(id) == TypeDef::U8).then_some(BodyParam::Bytes)
        } else {
            None
        }
    };
    let body = match &*function.ty().params {
        [] => Some(BodyParam::None),
        [only] => param(only.ty),
        _ => None,
    };
    body.map(Answering::Whole).ok_or_else(|| NoAnswer {
        found: format!("{}: {}", function.full_name(), types.display_func(function.ty())),
    })
}
