//! `--invoke 'f(1, "a")'`: a function and its arguments in one word, as in WAVE.

use super::exit::Failure;
use crate::{
    component::Function,
    value::{Type, TypeDef, Value, wave},
};

/// The name of the function, and what stands between its brackets.
pub(super) fn split(invoke: &str) -> (&str, Option<&str>) {
    match invoke.split_once('(') {
        Some((name, rest)) => match rest.trim_end().strip_suffix(')') {
            Some(inside) => (name.trim(), Some(inside)),
            None => (invoke, None),
        },
        None => (invoke, None),
    }
}

/// True if this is no name of a function, but looks like a call that is not whole.
pub(super) fn is_cut(method: &str) -> bool {
    method.contains(['(', ')'])
}

/// The words that say the same as the arguments, for a function of these types: a text is
/// taken out of its quotes.
pub(super) fn words(function: &Function, inside: &str) -> Result<Vec<String>, Failure> {
    let params = &function.ty().params;
    let words = pieces(inside).into_iter().enumerate().map(|(i, piece)| {
        if piece.is_empty() {
            let at = i.saturating_add(1);
            return Err(Failure::usage(format!("--invoke: there is nothing for argument {at}")));
        }
        let Some(param) = params.get(i) else { return Ok(piece.to_owned()) };
        let ty = Type::new(function.types().clone(), param.ty);
        if *ty.def() != TypeDef::String {
            return Ok(piece.to_owned());
        }
        match wave::parse(&ty, piece) {
            Ok(Value::String(text)) => Ok(text),
            Ok(_) => Ok(piece.to_owned()),
            Err(error) => Err(Failure::usage(format!(
                "--invoke: argument {}, <{}>: {error}\n    fix:      write texts in quotes: \"…\"",
                i.saturating_add(1),
                param.name
            ))),
        }
    });
    words.collect()
}

/// The parts between commas that are neither in quotes nor in brackets.
fn pieces(inside: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{' | '<') => depth = depth.saturating_add(1),
            (None, ')' | ']' | '}' | '>') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                found.push(inside.get(start..at).unwrap_or_default().trim());
                start = at.saturating_add(1);
            }
            (None, _) => {}
        }
    }
    let last = inside.get(start..).unwrap_or_default().trim();
    // One comma may stand at the end.
    if !last.is_empty() {
        found.push(last);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_name_and_arguments() {
        assert_eq!(split("f"), ("f", None));
        assert_eq!(split("a:b/c@1.0.0#f(1)"), ("a:b/c@1.0.0#f", Some("1")));
        assert_eq!(split("[method]x.y"), ("[method]x.y", None));
        assert_eq!(split("f("), ("f(", None));
    }

    #[test]
    fn commas_within_a_value_do_not_part_arguments() {
        assert_eq!(
            pieces("1, \"a, (\\\"b\", [1, 2], some((3, 4)), 'x'"),
            ["1", "\"a, (\\\"b\"", "[1, 2]", "some((3, 4))", "'x'"]
        );
        assert_eq!(pieces(""), Vec::<&str>::new());
        assert_eq!(pieces("1,"), ["1"]);
    }
}
