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
//!
//! Reading and writing recurse along the type, whose depth is bounded.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde_json::{Map, Number, Value as Json};

use super::{
    FormatError, List, Scalar, Type, TypeDef, TypeId, Types, Value,
    check::case_of,
    example::brief,
    path::{Locate, Located, Path},
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
    Ok(write(ty.types(), ty.id(), value))
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
    let types = ty.types();
    let mut reader = Reader { types, omitted: 0 };
    if types.depth(ty.id()) > Types::MAX_DEPTH {
        let note = format!("the type is nested more than {} deep", Types::MAX_DEPTH);
        return Err(reader.wrong(ty.id(), json, note));
    }
    reader.value(ty.id(), json)
}

/// A JSON value that stands for no value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonError {
    /// Where: a JSON pointer.
    pub path: Path,
    /// The type expected there, in WIT syntax.
    pub expected: String,
    /// What stands there, shortened.
    pub found: String,
    /// Why that is not right, where it is not plain.
    pub note: Option<String>,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JsonError {}

impl Located for JsonError {
    fn path(&mut self) -> &mut Path {
        &mut self.path
    }
}

/// Whether `some(x)` of an option of this type needs a wrapper: its `null` is taken.
fn nullable(types: &Types, id: TypeId) -> bool {
    matches!(types.get(id), TypeDef::Option(_))
}

/// The value has been checked; `null` stands for whatever would not fit.
fn write(types: &Types, id: TypeId, value: &Value) -> Json {
    let object = |key: &str, value| Json::Object(Map::from_iter([(key.to_owned(), value)]));
    match (types.get(id), value) {
        (_, Value::Bool(v)) => Json::Bool(*v),
        (_, Value::S8(v)) => Json::from(*v),
        (_, Value::U8(v)) => Json::from(*v),
        (_, Value::S16(v)) => Json::from(*v),
        (_, Value::U16(v)) => Json::from(*v),
        (_, Value::S32(v)) => Json::from(*v),
        (_, Value::U32(v)) => Json::from(*v),
        (_, Value::S64(v)) => Json::from(*v),
        (_, Value::U64(v)) => Json::from(*v),
        (_, Value::F32(v)) => float(shortest(*v)),
        (_, Value::F64(v)) => float(*v),
        (_, Value::Char(v)) => Json::String(v.to_string()),
        (_, Value::String(v)) => Json::String(v.clone()),
        (TypeDef::List(ty) | TypeDef::FixedList(ty, _), Value::List(list)) => match list {
            List::Values(values) => values.iter().map(|v| write(types, *ty, v)).collect(),
            numbers => numbers.iter().map(|v| write(types, *ty, &v)).collect(),
        },
        (TypeDef::Map(k, v), Value::Map(entries)) => {
            if let TypeDef::String = types.get(*k) {
                let entries = entries.iter().filter_map(|(key, value)| {
                    Some((key.as_str()?.to_owned(), write(types, *v, value)))
                });
                return Json::Object(entries.collect());
            }
            let pair =
                |(key, value)| Json::Array(vec![write(types, *k, key), write(types, *v, value)]);
            entries.iter().map(|(key, value)| pair((key, value))).collect()
        }
        (TypeDef::Record(fields), Value::Record(values)) => {
            let entries = fields.iter().zip(values);
            Json::Object(
                entries.map(|(f, v)| (f.name.to_string(), write(types, f.ty, v))).collect(),
            )
        }
        (TypeDef::Tuple(ids), Value::Record(values)) => {
            ids.iter().zip(values).map(|(id, value)| write(types, *id, value)).collect()
        }
        (def, Value::Variant { case, payload }) => {
            let (name, ty) = case_of(def, *case).unwrap_or_default();
            let payload = ty.zip(payload.as_deref()).map(|(ty, value)| write(types, ty, value));
            match def {
                TypeDef::Enum(_) => Json::from(name),
                TypeDef::Option(ty) => match payload {
                    Some(value) if nullable(types, *ty) => object("some", value),
                    payload => payload.unwrap_or(Json::Null),
                },
                TypeDef::Variant(_) => {
                    let tag = ("tag".to_owned(), Json::from(name));
                    let value = payload.map(|value| ("value".to_owned(), value));
                    Json::Object([tag].into_iter().chain(value).collect())
                }
                _ => object(name, payload.unwrap_or(Json::Null)),
            }
        }
        (TypeDef::Flags(labels), Value::Flags(bits)) => {
            let set = labels.iter().zip(0u32..32).filter(|(_, bit)| bits >> bit & 1 == 1);
            set.map(|(label, _)| Json::from(&**label)).collect()
        }
        _ => Json::Null,
    }
}

/// The `f64` that reads like the `f32`: 0.1, not 0.10000000149011612.
fn shortest(value: f32) -> f64 {
    let exact = f64::from(value);
    value.to_string().parse().ok().filter(|v: &f64| *v as f32 == value).unwrap_or(exact)
}

fn float(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => Json::from("NaN"),
        None if value > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

struct Reader<'a> {
    types: &'a Types,
    omitted: usize,
}

/// How many fields that the JSON leaves out are filled in; see the same in `wave`.
const MAX_OMITTED: usize = 1 << 20;

type Read<T> = Result<T, JsonError>;

impl Reader<'_> {
    fn value(&mut self, id: TypeId, json: &Json) -> Read<Value> {
        let types = self.types;
        if let Some(scalar) = Scalar::of(types.get(id)) {
            return self.number(id, scalar, json);
        }
        match (types.get(id), json) {
            (TypeDef::Bool, Json::Bool(v)) => Ok(Value::Bool(*v)),
            (TypeDef::String, Json::String(v)) => Ok(Value::String(v.clone())),
            (TypeDef::Char, Json::String(v)) => {
                let mut chars = v.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Value::Char(c)),
                    _ => Err(self.wrong(id, json, "a char is a string of one character")),
                }
            }
            (TypeDef::List(element), Json::Array(items)) => self.list(*element, items),
            (TypeDef::FixedList(element, len), Json::Array(items)) => {
                if u32::try_from(items.len()) != Ok(*len) {
                    return Err(self.wrong(id, json, format!("{} elements", items.len())));
                }
                self.list(*element, items)
            }
            (TypeDef::Tuple(ids), Json::Array(items)) => {
                if ids.len() != items.len() {
                    let note = format!("{} elements instead of {}", items.len(), ids.len());
                    return Err(self.wrong(id, json, note));
                }
                let items = ids.iter().zip(items).enumerate();
                let values = items.map(|(i, (ty, item))| self.value(*ty, item).at(i));
                Ok(Value::Record(values.collect::<Read<_>>()?))
            }
            (TypeDef::Map(k, v), json) => self.map(id, *k, *v, json),
            (TypeDef::Record(fields), Json::Object(object)) => {
                if let Some(name) =
                    object.keys().find(|name| !fields.iter().any(|field| *field.name == ***name))
                {
                    return Err(self.wrong(id, json, format!("there is no field `{name}`")));
                }
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push(match object.get(&*field.name) {
                        Some(json) => self.value(field.ty, json).inside(&field.name)?,
                        None if nullable(types, field.ty) => {
                            self.omitted = self.omitted.saturating_add(1);
                            if self.omitted > MAX_OMITTED {
                                return Err(self.wrong(id, json, "too many fields are left out"));
                            }
                            Value::NONE
                        }
                        None => {
                            let note = format!("the field `{}` is missing", field.name);
                            return Err(self.wrong(id, json, note));
                        }
                    });
                }
                Ok(Value::Record(values))
            }
            (TypeDef::Variant(_), Json::Object(object)) => {
                let Some(Json::String(tag)) = object.get("tag") else {
                    let note = r#"a variant is {"tag": "case", "value": ...}"#;
                    return Err(self.wrong(id, json, note));
                };
                if let Some(other) = object.keys().find(|key| *key != "tag" && *key != "value") {
                    let note = format!(r#"`{other}` beside "tag" and "value""#);
                    return Err(self.wrong(id, json, note));
                }
                self.case(id, json, tag, object.get("value"))
            }
            (TypeDef::Enum(_), Json::String(label)) => self.case(id, json, label, None),
            (TypeDef::Option(_), Json::Null) => Ok(Value::NONE),
            (TypeDef::Option(ty), json) if nullable(types, *ty) => match json.as_object() {
                Some(object) if object.len() == 1 && object.contains_key("some") => {
                    let inner = object.get("some").unwrap_or(&Json::Null);
                    Ok(Value::some(self.value(*ty, inner).inside("some")?))
                }
                _ => Err(self.wrong(id, json, r#"an option in an option is {"some": ...}"#)),
            },
            (TypeDef::Option(ty), json) => Ok(Value::some(self.value(*ty, json)?)),
            (TypeDef::Result { ok, err }, Json::Object(object)) => {
                let mut entries = object.iter();
                let (case, name, ty, payload) = match (entries.next(), entries.next()) {
                    (Some((name, payload)), None) if name == "ok" => (0, "ok", *ok, payload),
                    (Some((name, payload)), None) if name == "err" => (1, "err", *err, payload),
                    _ => return Err(self.wrong(id, json, RESULT)),
                };
                let payload = match ty {
                    Some(ty) => Some(Box::new(self.value(ty, payload).inside(name)?)),
                    None if payload.is_null() => None,
                    None => {
                        let note = format!("`{name}` carries nothing, so it is null");
                        return Err(self.wrong(id, json, note));
                    }
                };
                Ok(Value::Variant { case, payload })
            }
            (TypeDef::Result { .. }, json) => Err(self.wrong(id, json, RESULT)),
            (TypeDef::Flags(labels), Json::Array(items)) => {
                let mut bits = 0u32;
                for (i, item) in items.iter().enumerate() {
                    let label = item.as_str().unwrap_or_default();
                    let index = labels.iter().position(|other| **other == *label);
                    let index = index.and_then(|index| u32::try_from(index).ok());
                    match index.and_then(|index| 1u32.checked_shl(index)) {
                        Some(bit) if bits & bit == 0 => bits |= bit,
                        Some(_) => {
                            return Err(self.wrong(id, item, "this flag stands here twice")).at(i);
                        }
                        None => return Err(self.wrong(id, item, "there is no such flag")).at(i),
                    }
                }
                Ok(Value::Flags(bits))
            }
            (TypeDef::Own(_) | TypeDef::Borrow(_), json) => {
                Err(self.wrong(id, json, "a handle cannot be written as JSON"))
            }
            (_, json) => Err(self.error(id, json, None)),
        }
    }

    fn list(&mut self, element: TypeId, items: &[Json]) -> Read<Value> {
        let Some(scalar) = Scalar::of(self.types.get(element)) else {
            let values = items.iter().enumerate().map(|(i, v)| self.value(element, v).at(i));
            return Ok(Value::List(List::Values(values.collect::<Read<_>>()?)));
        };
        let mut bytes = Vec::with_capacity(items.len().saturating_mul(scalar.size()));
        for (i, item) in items.iter().enumerate() {
            let value = self.number(element, scalar, item).at(i)?;
            if !scalar.write(&value, &mut bytes) {
                return Err(self.error(element, item, None)).at(i);
            }
        }
        Ok(Value::List(List::Scalars(scalar, bytes)))
    }

    fn map(&mut self, id: TypeId, key: TypeId, value: TypeId, json: &Json) -> Read<Value> {
        if let TypeDef::String = self.types.get(key) {
            let Json::Object(object) = json else { return Err(self.error(id, json, None)) };
            let entries = object.iter().map(|(name, json)| {
                Ok((Value::String(name.clone()), self.value(value, json).inside(name)?))
            });
            return Ok(Value::Map(entries.collect::<Read<_>>()?));
        }
        let Json::Array(items) = json else { return Err(self.error(id, json, None)) };
        let mut entries: Vec<(Value, Value)> = Vec::new();
        // As in WAVE, and in an object, the last of the entries of one key counts.
        let mut places = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            let Some([k, v]) = item.as_array().map(Vec::as_slice) else {
                return Err(self.wrong(id, item, "an entry is an array of key and value")).at(i);
            };
            let k = self.value(key, k).at(0).at(i)?;
            let v = self.value(value, v).at(1).at(i)?;
            match places.entry(write(self.types, key, &k).to_string()) {
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push((k, v));
                }
                Entry::Occupied(place) => {
                    if let Some(entry) = entries.get_mut(*place.get()) {
                        entry.1 = v;
                    }
                }
            }
        }
        Ok(Value::Map(entries))
    }

    /// The case called `name` of a variant or enum.
    fn case(&mut self, id: TypeId, json: &Json, name: &str, payload: Option<&Json>) -> Read<Value> {
        let types = self.types;
        let mut cases = (0u32..).map_while(|i| Some((i, case_of(types.get(id), i)?)));
        let Some((case, (_, ty))) = cases.find(|(_, (other, _))| *other == name) else {
            return Err(self.wrong(id, json, format!("there is no case `{name}`")));
        };
        let payload = match (ty, payload) {
            (Some(ty), Some(payload)) => Some(Box::new(self.value(ty, payload).inside("value")?)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(self.wrong(id, json, format!(r#"`{name}` needs a "value""#)));
            }
            (None, Some(_)) => {
                return Err(self.wrong(id, json, format!(r#"`{name}` has no "value""#)));
            }
        };
        Ok(Value::Variant { case, payload })
    }

    fn number(&self, id: TypeId, scalar: Scalar, json: &Json) -> Read<Value> {
        macro_rules! integer {
            ($case:ident, $ty:ident, $name:literal) => {
                match json.as_number().map(whole) {
                    None => Err(self.error(id, json, None)),
                    Some(None) => {
                        Err(self.wrong(id, json, "not a whole number, or not an exact one"))
                    }
                    Some(Some(number)) => $ty::try_from(number).map(Value::$case).map_err(|_| {
                        let range = format!("{} goes from {} to {}", $name, $ty::MIN, $ty::MAX);
                        self.wrong(id, json, range)
                    }),
                }
            };
        }
        match scalar {
            Scalar::S8 => integer!(S8, i8, "an s8"),
            Scalar::U8 => integer!(U8, u8, "a u8"),
            Scalar::S16 => integer!(S16, i16, "an s16"),
            Scalar::U16 => integer!(U16, u16, "a u16"),
            Scalar::S32 => integer!(S32, i32, "an s32"),
            Scalar::U32 => integer!(U32, u32, "a u32"),
            Scalar::S64 => integer!(S64, i64, "an s64"),
            Scalar::U64 => integer!(U64, u64, "a u64"),
            Scalar::F32 | Scalar::F64 => {
                let value = match (json, json.as_str()) {
                    (_, Some("NaN")) => f64::NAN,
                    (_, Some("Infinity")) => f64::INFINITY,
                    (_, Some("-Infinity")) => f64::NEG_INFINITY,
                    (Json::Number(number), _) => number.as_f64().unwrap_or(f64::NAN),
                    _ => {
                        let note = r#"a number, "NaN", "Infinity" or "-Infinity""#;
                        return Err(self.wrong(id, json, note));
                    }
                };
                if scalar == Scalar::F64 {
                    return Ok(Value::F64(value));
                }
                let narrow = value as f32;
                if narrow.is_infinite() && value.is_finite() {
                    let note = format!("the largest is {:e}", f32::MAX);
                    return Err(self.wrong(id, json, note));
                }
                Ok(Value::F32(if narrow.is_nan() { f32::NAN } else { narrow }))
            }
        }
    }

    fn wrong(&self, id: TypeId, json: &Json, note: impl Into<String>) -> JsonError {
        self.error(id, json, Some(note.into()))
    }

    fn error(&self, id: TypeId, json: &Json, note: Option<String>) -> JsonError {
        let found = match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => json.to_string(),
            Json::String(text) if text.len() <= 40 => json.to_string(),
            Json::String(_) => "a long string".to_owned(),
            Json::Array(items) => format!("an array of {}", items.len()),
            Json::Object(object) => format!("an object of {}", object.len()),
        };
        JsonError { path: Path::default(), expected: brief(self.types, id), found, note }
    }
}

const RESULT: &str = r#"a result is {"ok": ...} or {"err": ...}"#;

/// The integer that a JSON number is; a float only where it is exact.
fn whole(number: &Number) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
}
