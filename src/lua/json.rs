//! `json`: Lua values as JSON text. What JSON does not have is an error here, where
//! the JSON form of terms has a way to write it.

use mlua::{Function, Lua, MultiValue, Result, Value};
use serde_json::Value as Json;

use super::{
    kernel::Kernel,
    reply,
    values::{Giver, kind},
};
use crate::{
    dispatch::{Fault, Kind},
    value::{Term, term::from_json},
};

/// The longest text that is read.
const MAX_TEXT: usize = 16 << 20;

pub(super) fn primitive(lua: &Lua, kernel: &Kernel, name: &str) -> Result<Option<Function>> {
    let own = kernel.clone();
    let primitive = match name {
        "json_encode" => lua.create_function(move |lua, value: Value| match text(&own, &value) {
            Ok(text) => {
                Ok([Value::String(lua.create_string(text)?)].into_iter().collect::<MultiValue>())
            }
            Err(why) => reply::refused(lua, &own, &Fault::new(Kind::Invalid, why)),
        }),
        "json_decode" => lua.create_function(move |lua, value: Value| {
            let refuse = |why: String| reply::refused(lua, &own, &Fault::new(Kind::Invalid, why));
            let Value::String(text) = &value else {
                let kind = kind(&value);
                return refuse(format!("JSON text expected, got {kind}"));
            };
            let bytes = text.as_bytes();
            if bytes.len() > MAX_TEXT {
                return refuse(format!("more than {MAX_TEXT} bytes"));
            }
            own.budget.charge(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            match serde_json::from_slice::<Json>(&bytes) {
                Ok(json) => match from_json(&json) {
                    Ok(term) => reply::result(lua, &own, &term),
                    Err(error) => refuse(error.to_string()),
                },
                Err(error) => refuse(format!("no JSON: {error}")),
            }
        }),
        _ => return Ok(None),
    };
    primitive.map(Some)
}

/// A Lua value as JSON.
pub(super) fn text(kernel: &Kernel, value: &Value) -> std::result::Result<String, String> {
    let mut giver = Giver::new(&kernel.errors);
    let term = giver.term(value, "value")?;
    let json = json(term)?;
    let text = json.to_string();
    let cost = giver.nodes.saturating_mul(4).saturating_add(text.len() / 16);
    kernel.budget.charge(i64::try_from(cost).unwrap_or(i64::MAX));
    Ok(text)
}

fn json(term: Term) -> std::result::Result<Json, String> {
    Ok(match term {
        Term::Nil => Json::Null,
        Term::Bool(value) => value.into(),
        Term::Int(value) => value.into(),
        Term::Uint(value) => value.into(),
        Term::Float(value) => {
            let number = serde_json::Number::from_f64(value);
            Json::Number(number.ok_or_else(|| format!("JSON has no number {value}"))?)
        }
        Term::Text(text) => Json::String(text.into()),
        Term::Bytes(_) => return Err("JSON has no bytes that are not UTF-8".to_owned()),
        Term::List(items) => {
            Json::Array(items.into_iter().map(json).collect::<std::result::Result<_, _>>()?)
        }
        Term::Map(pairs) => match array_length(&pairs) {
            Some(length) => {
                let mut items = vec![Json::Null; length];
                for (key, value) in pairs {
                    let at = if let Term::Int(at) = key { usize::try_from(at).ok() } else { None };
                    let place = at.and_then(|at| items.get_mut(at.checked_sub(1)?));
                    if let Some(place) = place {
                        *place = json(value)?;
                    }
                }
                Json::Array(items)
            }
            None => {
                let mut object = serde_json::Map::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key = match key {
                        Term::Text(text) => text.into(),
                        Term::Int(key) => return Err(format!("the key {key}: {KEYS}")),
                        Term::Float(key) => return Err(format!("the key {key:?}: {KEYS}")),
                        Term::Bool(key) => return Err(format!("the key {key}: {KEYS}")),
                        _ => return Err("JSON has no bytes that are not UTF-8".to_owned()),
                    };
                    object.insert(key, json(value)?);
                }
                Json::Object(object)
            }
        },
    })
}

const KEYS: &str = "a JSON object has strings for keys, and an array no large holes; \
     write tostring(key), or json.null where there is nothing";

/// The length of the array that a table with a few holes stands for. Its entries
/// are sorted, integers before texts.
fn array_length(pairs: &[(Term, Term)]) -> Option<usize> {
    let ((Term::Int(1..), _), (Term::Int(last), _)) = (pairs.first()?, pairs.last()?) else {
        return None;
    };
    let last = usize::try_from(*last).ok()?;
    (last <= 10 || last / 2 <= pairs.len()).then_some(last)
}
