//! Values as JSON.
//!
//! | type | JSON |
//! | --- | --- |
//! | `bool` | `true`, `false` |
//! | integers | a number; all 64 bits of a `u64` or `s64`, though many readers of JSON keep only 53 |
//! | `f32`, `f64` | a number, or the strings `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `char`, `string` | a string |
//! | `list<T>`, `list<T, N>`, `tuple<...>` | an array |
//! | `map<string, V>` | an object |
//! | `map<K, V>` | an array of `[key, value]` |
//! | `record` | an object with the WIT's own kebab-case names, in their order |
//! | `variant` | `{"tag": "case", "value": v}`; no `"value"` for a case without a payload |
//! | `enum` | the name of the case |
//! | `option<T>` | `null`, or the value |
//! | `option<option<T>>` | `null`, or `{"some": x}` with the inner option as `x` |
//! | `result<T, E>` | `{"ok": v}` or `{"err": v}`, `v` being `null` where there is no payload |
//! | `flags` | an array of names |
//! | handles, asynchronous types | none |
//!
//! `option<T>` in this form says `null` for `none`, so an option in an option needs
//! something that tells `none` from `some(none)`: hence its `{"some": null}`.
//!
//! Reading takes a little more: fields of type `option` may be left out, and a
//! number without a fraction may be written as a float (`3.0`), as some programs do.
//! Nothing unknown is skipped: a field or a name that the type lacks is an error.

use serde_json::{Map, Number, Value as Json};

use super::{
    FormatError, Type, TypeDef, TypeId, Types, Value,
    path::Locate,
    tree::{self, Entries, Misfit, Read, Reader, Tree, Words, nullable},
    wave,
};

/// The JSON form of a value of type `ty`.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Field, Type, TypeDef, Types, Value, json};
///
/// let mut types = Types::default();
/// let u32_ = types.intern(TypeDef::U32);
/// let field = |name: &str| Field { name: name.into(), ty: u32_ };
/// let point = types.intern(TypeDef::Record([field("x"), field("y")].into()));
/// let point = Type::new(Arc::new(types), point);
///
/// let value = Value::Record(vec![Value::U32(1), Value::U32(2)]);
/// let text = json::to_json(&point, &value)?.to_string();
/// assert_eq!(text, r#"{"x":1,"y":2}"#);
/// # Ok::<(), wippy::value::FormatError>(())
/// ```
pub fn to_json(ty: &Type, value: &Value) -> Result<Json, FormatError> {
    wave::writable(ty, value)?;
    Ok(tree::write(ty.types(), ty.id(), value))
}

/// The value of type `ty` that a JSON value stands for.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Type, TypeDef, Types, Value, json};
///
/// let mut types = Types::default();
/// let u8_ = types.intern(TypeDef::U8);
/// let list = types.intern(TypeDef::List(u8_));
/// let ty = Type::new(Arc::new(types), list);
///
/// let value = json::from_json(&ty, &serde_json::json!([1, 2, 3]))?;
/// assert_eq!(value, Value::from(vec![1u8, 2, 3]));
///
/// let error = json::from_json(&ty, &serde_json::json!([1, 300])).unwrap_err();
/// assert_eq!(error.to_string(), "/1: expected u8, found 300 (a u8 goes from 0 to 255)");
/// # Ok::<(), json::JsonError>(())
/// ```
pub fn from_json(ty: &Type, json: &Json) -> Result<Value, JsonError> {
    tree::read(ty, json)
}

/// A JSON value that stands for no value of the type.
pub type JsonError = Misfit;

impl Tree for Json {
    const WORDS: Words = Words {
        name: "JSON",
        nil: "null",
        variant: r#"a variant is {"tag": "case", "value": ...}"#,
        result: r#"a result is {"ok": ...} or {"err": ...}"#,
        option: r#"an option in an option is {"some": ...}"#,
    };
    const SPARSE: bool = false;

    fn nil() -> Json {
        Json::Null
    }

    fn bool(value: bool) -> Json {
        Json::Bool(value)
    }

    fn integer(value: i128) -> Json {
        Number::from_i128(value).map_or(Json::Null, Json::Number)
    }

    fn f32(value: f32) -> Json {
        Json::f64(shortest(value))
    }

    fn f64(value: f64) -> Json {
        match Number::from_f64(value) {
            Some(number) => Json::Number(number),
            None if value.is_nan() => Json::from("NaN"),
            None if value > 0.0 => Json::from("Infinity"),
            None => Json::from("-Infinity"),
        }
    }

    fn text(text: &str) -> Json {
        Json::from(text)
    }

    fn list(items: impl Iterator<Item = Json>) -> Json {
        items.collect()
    }

    fn bytes(_: &[u8]) -> Option<Json> {
        None
    }

    fn record<'a>(fields: impl Iterator<Item = (&'a str, Json)>) -> Json {
        Json::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }

    fn map(types: &Types, key: TypeId, value: TypeId, entries: &[(Value, Value)]) -> Json {
        let write = |ty, value| tree::write::<Json>(types, ty, value);
        if let TypeDef::String = types.get(key) {
            return Json::record(
                entries.iter().filter_map(|(k, v)| Some((k.as_str()?, write(value, v)))),
            );
        }
        entries.iter().map(|(k, v)| Json::Array(vec![write(key, k), write(value, v)])).collect()
    }

    fn is_nil(&self) -> bool {
        self.is_null()
    }

    fn as_bool(&self) -> Option<bool> {
        Json::as_bool(self)
    }

    fn as_text(&self) -> Option<&str> {
        self.as_str()
    }

    fn as_integer(&self) -> Option<Option<i128>> {
        self.as_number().map(whole)
    }

    fn as_float(&self, _: bool) -> Result<f64, Option<String>> {
        match self {
            Json::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
            json => json.as_str().and_then(float_of_name).ok_or_else(|| Some(FLOAT.to_owned())),
        }
    }

    fn as_list(&self) -> Option<&[Json]> {
        self.as_array().map(Vec::as_slice)
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        None
    }

    fn as_record(&self) -> Option<Vec<(&str, &Json)>> {
        let entries = self.as_object()?.iter();
        Some(entries.map(|(name, value)| (name.as_str(), value)).collect())
    }

    fn read_map(&self, reader: &mut Reader<'_>, ty: TypeId, k: TypeId, v: TypeId) -> Read<Value> {
        if let TypeDef::String = reader.types.get(k) {
            let Json::Object(object) = self else { return Err(reader.error(ty, self, None)) };
            let entries = object.iter().map(|(name, json)| {
                Ok((Value::String(name.clone()), reader.value(v, json).inside(name)?))
            });
            return Ok(Value::Map(entries.collect::<Read<_>>()?));
        }
        match self {
            Json::Array(items) => read_pairs(reader, ty, k, v, items),
            _ => Err(reader.error(ty, self, None)),
        }
    }

    fn found(&self) -> String {
        match self {
            Json::Null | Json::Bool(_) | Json::Number(_) => self.to_string(),
            Json::String(text) if text.len() <= 40 => self.to_string(),
            Json::String(_) => "a long string".to_owned(),
            Json::Array(items) => format!("an array of {}", items.len()),
            Json::Object(object) => format!("an object of {}", object.len()),
        }
    }
}

/// A map that is written as a list of keys and values.
pub(super) fn read_pairs<T: Tree>(
    reader: &mut Reader<'_>,
    ty: TypeId,
    key: TypeId,
    value: TypeId,
    items: &[T],
) -> Read<Value> {
    let mut entries = Entries::default();
    let least = if nullable(reader.types, value) { 1 } else { 2 };
    for (i, item) in items.iter().enumerate() {
        let pair = reader.items(ty, item, Some((least, 2))).unwrap_or_default();
        let [k, v] = &*pair else {
            return Err(reader.wrong(ty, item, "an entry is an array of key and value")).at(i);
        };
        let k = reader.value(key, k).at(0).at(i)?;
        let v = reader.value(value, v).at(1).at(i)?;
        entries.insert(reader.types, key, k, v);
    }
    Ok(entries.into_value())
}

/// The JSON that a float is written as.
pub(super) const FLOAT: &str = r#"a number, "NaN", "Infinity" or "-Infinity""#;

/// The float that no number stands for.
pub(super) fn float_of_name(name: &str) -> Option<f64> {
    match name {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The `f64` that reads like the `f32`: 0.1, not 0.10000000149011612.
fn shortest(value: f32) -> f64 {
    let exact = f64::from(value);
    value.to_string().parse().ok().filter(|v: &f64| *v as f32 == value).unwrap_or(exact)
}

/// The integer that a JSON number is; a float only where it is exact.
fn whole(number: &Number) -> Option<i128> {
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    number.as_f64().and_then(whole_float)
}

/// The integer that a float is, as far as floats tell neighbours apart.
pub(super) fn whole_float(float: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
}
