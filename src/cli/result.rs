//! Results, as they are printed.

use super::{
    exit::{Exit, Failure},
    output,
};
use crate::{
    host::ProcessSpec,
    value::{Term, Type, TypeDef, Value, json, term, usage},
};

/// Prints a result. An `ok` looks like a result of its own; an `err` goes to
/// stderr.
pub(super) fn show(spec: &ProcessSpec, value: &Value, json: bool) -> Result<Exit, Failure> {
    let Some(ty) = spec.function.result() else { return Ok(Exit::Ok) };
    let (ty, value, failed) = match (ty.def(), value) {
        (TypeDef::Result { ok, err }, Value::Variant { case, payload }) => {
            let failed = *case != 0;
            let inner = if failed { *err } else { *ok };
            (inner.map(|inner| ty.child(inner)), payload.as_deref(), failed)
        }
        _ => (Some(ty), Some(value), false),
    };
    let text = match (ty, value) {
        (Some(ty), Some(value)) => Some(render(spec, &ty, value, json)?),
        _ if json => Some("null".to_owned()),
        _ => None,
    };
    if failed {
        return Err(match text {
            Some(text) => Failure::Returned { text, json },
            // Such a program has already said what went wrong.
            None if spec.raw_arguments => Failure::Silent(Exit::Err),
            None => Failure::Returned {
                text: format!("{}: the function returned err", spec.name),
                json,
            },
        });
    }
    if let Some(mut text) = text {
        text.push('\n');
        write_result(&text, json)?;
    }
    Ok(Exit::Ok)
}

fn render(spec: &ProcessSpec, ty: &Type, value: &Value, json: bool) -> Result<String, Failure> {
    let text = match json {
        true => json::to_json(ty, value).map(|json| json.to_string()),
        false => usage::render_result(ty, value),
    };
    text.map_err(|error| {
        let name = spec.function.full_name();
        Failure::usage(format!("{}: the result of `{name}` cannot be printed: {error}", spec.name))
    })
}

/// Prints what a process has ended itself with.
pub(super) fn show_term(name: &str, term: &Term, json: bool) -> Result<Exit, Failure> {
    let text = if let Term::Text(text) = term
        && !json
    {
        text.to_string()
    } else {
        term::to_json(term).map(|json| json.to_string()).map_err(|error| {
            Failure::usage(format!("{name}: the result cannot be printed: {error}"))
        })?
    };
    let is_json = json || !matches!(term, Term::Text(_));
    write_result(&format!("{text}\n"), is_json).map(|()| Exit::Ok)
}

fn write_result(text: &str, json: bool) -> Result<(), Failure> {
    if json { output::json(text) } else { output::result(text) }
}
