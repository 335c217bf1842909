//! Prints WIT functions for error messages, as a user would write them.

use std::fmt::Write;
use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind};

/// `add: func(a: u32, b: u32) -> u32`, cut short if it gets long.
pub(super) fn function(resolve: &Resolve, func: &Function) -> String {
    const LONGEST: usize = 300;
    let mut out = format!("{}: func(", func.name);
    for (i, param) in func.params.iter().enumerate() {
        if out.len() > LONGEST {
            out.push_str(", ...");
            break;
        }
        if i > 0 {
            out.push_str(", ");
        }
        let _ = write!(out, "{}: ", param.name);
        ty(resolve, &param.ty, &mut out, 0);
    }
    out.push(')');
    if let Some(result) = &func.result {
        out.push_str(" -> ");
        ty(resolve, result, &mut out, 0);
    }
    out
}

fn ty(resolve: &Resolve, t: &Type, out: &mut String, depth: usize) {
    let id = match t {
        Type::Id(id) => id,
        Type::Bool => return out.push_str("bool"),
        Type::U8 => return out.push_str("u8"),
        Type::U16 => return out.push_str("u16"),
        Type::U32 => return out.push_str("u32"),
        Type::U64 => return out.push_str("u64"),
        Type::S8 => return out.push_str("s8"),
        Type::S16 => return out.push_str("s16"),
        Type::S32 => return out.push_str("s32"),
        Type::S64 => return out.push_str("s64"),
        Type::F32 => return out.push_str("f32"),
        Type::F64 => return out.push_str("f64"),
        Type::Char => return out.push_str("char"),
        Type::String => return out.push_str("string"),
        Type::ErrorContext => return out.push_str("error-context"),
    };
    let Some(def) = resolve.types.get(*id) else { return out.push('?') };
    if let Some(name) = &def.name {
        return out.push_str(name);
    }
    if depth > 8 || out.len() > 400 {
        return out.push_str("...");
    }
    let mut list = |word: &str, types: &[Option<&Type>]| {
        out.push_str(word);
        for (i, t) in types.iter().enumerate() {
            out.push_str(if i == 0 { "<" } else { ", " });
            match t {
                Some(t) => ty(resolve, t, out, depth.saturating_add(1)),
                None => out.push('_'),
            }
        }
        if !types.is_empty() {
            out.push('>');
        }
    };
    match &def.kind {
        TypeDefKind::Tuple(t) => list("tuple", &t.types.iter().map(Some).collect::<Vec<_>>()),
        TypeDefKind::Option(t) => list("option", &[Some(t)]),
        TypeDefKind::Result(r) => match (&r.ok, &r.err) {
            (None, None) => out.push_str("result"),
            (ok, None) => list("result", &[ok.as_ref()]),
            (ok, err) => list("result", &[ok.as_ref(), err.as_ref()]),
        },
        TypeDefKind::List(t) => list("list", &[Some(t)]),
        TypeDefKind::Map(k, v) => list("map", &[Some(k), Some(v)]),
        TypeDefKind::FixedLengthList(t, n) => {
            out.push_str("list<");
            ty(resolve, t, out, depth.saturating_add(1));
            let _ = write!(out, ", {n}>");
        }
        TypeDefKind::Handle(Handle::Own(r)) => list("own", &[Some(&Type::Id(*r))]),
        TypeDefKind::Handle(Handle::Borrow(r)) => list("borrow", &[Some(&Type::Id(*r))]),
        TypeDefKind::Type(t) => ty(resolve, t, out, depth.saturating_add(1)),
        other => out.push_str(other.as_str()),
    }
}
