//! Trees become values.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
};

use serde_json::Value as Json;

use super::{Misfit, Tree, nullable, write};
use crate::value::{
    Field, List, Scalar, TypeDef, TypeId, Types, Value,
    example::brief,
    path::{Locate, Path},
};

pub(in crate::value) type Read<T> = Result<T, Misfit>;

pub(in crate::value) struct Reader<'a> {
    pub types: &'a Types,
    omitted: usize,
}

/// How many fields and elements that a tree leaves out are filled in; see the same
/// in `wave`.
const MAX_OMITTED: usize = 1 << 20;

/// Holes that a list may have even if there is not much beside them.
const MAX_HOLES: usize = 10;

impl<'a> Reader<'a> {
    pub fn new(types: &'a Types) -> Reader<'a> {
        Reader { types, omitted: 0 }
    }

    pub fn value<T: Tree>(&mut self, id: TypeId, tree: &T) -> Read<Value> {
        let types = self.types;
        match types.get(id) {
            TypeDef::Bool => match tree.as_bool() {
                Some(v) => Ok(Value::Bool(v)),
                None => Err(self.error(id, tree, None)),
            },
            TypeDef::String => match tree.as_text() {
                Some(v) => Ok(Value::String(v.to_owned())),
                None => Err(self.error(id, tree, None)),
            },
            TypeDef::Char => {
                let mut chars = match tree.as_text() {
                    Some(text) => text.chars(),
                    None => return Err(self.error(id, tree, None)),
                };
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Value::Char(c)),
                    _ => Err(self.wrong(id, tree, "a char is a string of one character")),
                }
            }
            TypeDef::List(element) => self.list(id, *element, None, tree),
            TypeDef::FixedList(element, len) => self.list(id, *element, Some(*len), tree),
            TypeDef::Tuple(ids) => {
                let last = ids.iter().rposition(|id| !nullable(types, *id));
                let least = last.map_or(0, |last| last.saturating_add(1));
                let items = self.items(id, tree, Some((least, ids.len())))?;
                if ids.len() != items.len() {
                    let note = format!("{} elements instead of {}", items.len(), ids.len());
                    return Err(self.wrong(id, tree, note));
                }
                let items = ids.iter().zip(&*items).enumerate();
                let values = items.map(|(i, (ty, item))| self.value(*ty, item).at(i));
                Ok(Value::Record(values.collect::<Read<_>>()?))
            }
            TypeDef::Map(k, v) => tree.read_map(self, id, *k, *v),
            TypeDef::Record(fields) => match tree.as_record() {
                Some(entries) => self.record(id, fields, tree, &entries),
                None => Err(self.error(id, tree, None)),
            },
            TypeDef::Variant(_) => self.variant(id, tree),
            TypeDef::Enum(_) => match tree.as_text() {
                Some(label) => self.case(id, tree, label, None),
                None => Err(self.error(id, tree, None)),
            },
            TypeDef::Option(_) if tree.is_nil() => Ok(Value::NONE),
            TypeDef::Option(ty) if nullable(types, *ty) => match tree.as_record().as_deref() {
                Some([("some", inner)]) => Ok(Value::some(self.value(*ty, *inner).inside("some")?)),
                _ => Err(self.wrong(id, tree, T::WORDS.option)),
            },
            TypeDef::Option(ty) => Ok(Value::some(self.value(*ty, tree)?)),
            TypeDef::Result { ok, err } => self.result(id, *ok, *err, tree),
            TypeDef::Flags(labels) => self.flags(id, labels, tree),
            TypeDef::Own(_) | TypeDef::Borrow(_) => {
                let note = format!("a handle cannot be written as {}", T::WORDS.name);
                Err(self.wrong(id, tree, note))
            }
            def @ (TypeDef::S8
            | TypeDef::U8
            | TypeDef::S16
            | TypeDef::U16
            | TypeDef::S32
            | TypeDef::U32
            | TypeDef::S64
            | TypeDef::U64
            | TypeDef::F32
            | TypeDef::F64
            | TypeDef::Async(_)) => match Scalar::of(def) {
                Some(scalar) => self.number(id, scalar, tree),
                None => Err(self.error(id, tree, None)),
            },
        }
    }

    fn list<T: Tree>(
        &mut self,
        id: TypeId,
        element: TypeId,
        len: Option<u32>,
        tree: &T,
    ) -> Read<Value> {
        let scalar = Scalar::of(self.types.get(element));
        let bytes = if scalar == Some(Scalar::U8) { tree.as_bytes() } else { None };
        let wrong_length =
            |found: usize| len.is_some_and(|len| u32::try_from(found) != Ok(len)).then_some(found);
        if let Some(bytes) = bytes {
            return match wrong_length(bytes.len()) {
                Some(found) => Err(self.wrong(id, tree, format!("{found} elements"))),
                None => Ok(Value::from(bytes.to_vec())),
            };
        }
        let known = len.and_then(|len| usize::try_from(len).ok());
        let known = known.map(|len| (if nullable(self.types, element) { 0 } else { len }, len));
        let items = self.items(id, tree, known)?;
        if let Some(found) = wrong_length(items.len()) {
            return Err(self.wrong(id, tree, format!("{found} elements")));
        }
        let Some(scalar) = scalar else {
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

    /// The items of a list or tuple. What a form may leave out is nil: in the middle
    /// if it has positions, and at the end if `known`, the least number of items
    /// and the length, says how many there have to be.
    pub fn items<'t, T: Tree>(
        &mut self,
        id: TypeId,
        tree: &'t T,
        known: Option<(usize, usize)>,
    ) -> Read<Cow<'t, [T]>> {
        let full = |found: usize| match known {
            Some((least, len)) if T::SPARSE && (least..len).contains(&found) => len,
            _ => found,
        };
        if let Some(items) = tree.as_list() {
            let len = full(items.len());
            if len == items.len() {
                return Ok(Cow::Borrowed(items));
            }
            self.omit(id, tree, len.saturating_sub(items.len()))?;
            let mut items = items.to_vec();
            items.resize(len, T::nil());
            return Ok(Cow::Owned(items));
        }
        let Some(positions) = tree.as_positions() else {
            return Err(self.error(id, tree, None));
        };
        let (len, count) = (full(positions.len), positions.items.len());
        if known.is_none() && !positions.exact && len > MAX_HOLES && len / 2 > count {
            let note = format!("too many holes for a list: {count} of the positions up to {len}");
            return Err(self.wrong(id, tree, note));
        }
        self.omit(id, tree, len.saturating_sub(count))?;
        let mut items = vec![T::nil(); len];
        for (at, item) in positions.items {
            if let Some(place) = items.get_mut(at) {
                *place = item.clone();
            }
        }
        Ok(Cow::Owned(items))
    }

    /// So many values are left out.
    fn omit<T: Tree>(&mut self, id: TypeId, tree: &T, count: usize) -> Read<()> {
        self.omitted = self.omitted.saturating_add(count);
        match self.omitted > MAX_OMITTED {
            true => Err(self.wrong(id, tree, "too many values are left out")),
            false => Ok(()),
        }
    }

    fn record<T: Tree>(
        &mut self,
        id: TypeId,
        fields: &[Field],
        tree: &T,
        entries: &[(&str, &T)],
    ) -> Read<Value> {
        let known = |name: &str| fields.iter().any(|field| *field.name == *name);
        if let Some((name, _)) = entries.iter().find(|(name, _)| !known(name)) {
            return Err(self.wrong(id, tree, format!("there is no field `{name}`")));
        }
        let mut values = Vec::with_capacity(fields.len());
        let mut taken = 0usize;
        for field in fields {
            let entry = entries.iter().find(|(name, _)| **name == *field.name);
            values.push(match entry {
                Some((_, tree)) => {
                    taken = taken.saturating_add(1);
                    self.value(field.ty, *tree).inside(&field.name)?
                }
                None if nullable(self.types, field.ty) => {
                    self.omit(id, tree, 1)?;
                    Value::NONE
                }
                None => {
                    let note = format!("the field `{}` is missing", field.name);
                    return Err(self.wrong(id, tree, note));
                }
            });
        }
        if taken != entries.len() {
            return Err(self.wrong(id, tree, "a field is given twice"));
        }
        Ok(Value::Record(values))
    }

    fn variant<T: Tree>(&mut self, id: TypeId, tree: &T) -> Read<Value> {
        let Some(entries) = tree.as_record() else { return Err(self.error(id, tree, None)) };
        let get = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|entry| entry.1);
        let Some(tag) = get("tag").and_then(T::as_text) else {
            return Err(self.wrong(id, tree, T::WORDS.variant));
        };
        if let Some((other, _)) = entries.iter().find(|(key, _)| *key != "tag" && *key != "value") {
            let note = format!(r#"`{other}` beside "tag" and "value""#);
            return Err(self.wrong(id, tree, note));
        }
        self.case(id, tree, tag, get("value"))
    }

    /// The case called `name` of a variant or enum.
    fn case<T: Tree>(
        &mut self,
        id: TypeId,
        tree: &T,
        name: &str,
        payload: Option<&T>,
    ) -> Read<Value> {
        let types = self.types;
        let cases = types.get(id).cases();
        let mut cases = (0u32..).map_while(|i| Some((i, cases?.get(i)?)));
        let Some((case, (_, ty))) = cases.find(|(_, (other, _))| *other == name) else {
            return Err(self.wrong(id, tree, format!("there is no case `{name}`")));
        };
        let payload = match (ty, payload) {
            (Some(ty), Some(payload)) => Some(Box::new(self.value(ty, payload).inside("value")?)),
            (None, None) => None,
            (Some(ty), None) if T::SPARSE && nullable(types, ty) => Some(Box::new(Value::NONE)),
            (None, Some(payload)) if T::SPARSE && payload.is_nil() => None,
            (Some(_), None) => {
                return Err(self.wrong(id, tree, format!(r#"`{name}` needs a "value""#)));
            }
            (None, Some(_)) => {
                return Err(self.wrong(id, tree, format!(r#"`{name}` has no "value""#)));
            }
        };
        Ok(Value::Variant { case, payload })
    }

    fn result<T: Tree>(
        &mut self,
        id: TypeId,
        ok: Option<TypeId>,
        err: Option<TypeId>,
        tree: &T,
    ) -> Read<Value> {
        let (case, name, ty, payload) = match tree.as_record().as_deref() {
            Some([("ok", payload)]) => (0, "ok", ok, *payload),
            Some([("err", payload)]) => (1, "err", err, *payload),
            _ => return Err(self.wrong(id, tree, T::WORDS.result)),
        };
        let payload = match ty {
            Some(ty) => Some(Box::new(self.value(ty, payload).inside(name)?)),
            None if payload.is_nil() || (T::SPARSE && payload.as_bool() == Some(true)) => None,
            None => {
                let note = format!("`{name}` carries nothing, so it is {}", T::WORDS.nil);
                return Err(self.wrong(id, tree, note));
            }
        };
        Ok(Value::Variant { case, payload })
    }

    fn flags<T: Tree>(&self, id: TypeId, labels: &[Box<str>], tree: &T) -> Read<Value> {
        let Some(items) = tree.as_list() else { return Err(self.error(id, tree, None)) };
        let mut bits = 0u32;
        for (i, item) in items.iter().enumerate() {
            let label = item.as_text().unwrap_or_default();
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

    fn number<T: Tree>(&self, id: TypeId, scalar: Scalar, tree: &T) -> Read<Value> {
        macro_rules! integer {
            ($case:ident, $ty:ident, $name:literal) => {
                match tree.as_integer() {
                    None => Err(self.error(id, tree, None)),
                    Some(None) => {
                        Err(self.wrong(id, tree, "not a whole number, or not an exact one"))
                    }
                    Some(Some(number)) => $ty::try_from(number).map(Value::$case).map_err(|_| {
                        let range = format!("{} goes from {} to {}", $name, $ty::MIN, $ty::MAX);
                        self.wrong(id, tree, range)
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
            Scalar::F32 => {
                let value = tree.as_float(true).map_err(|note| self.error(id, tree, note))?;
                let narrow = value as f32;
                if narrow.is_infinite() && value.is_finite() {
                    let note = format!("the largest is {:e}", f32::MAX);
                    return Err(self.wrong(id, tree, note));
                }
                Ok(Value::F32(if narrow.is_nan() { f32::NAN } else { narrow }))
            }
            Scalar::F64 => {
                let value = tree.as_float(false).map_err(|note| self.error(id, tree, note))?;
                Ok(Value::F64(if value.is_nan() { f64::NAN } else { value }))
            }
        }
    }

    pub fn wrong<T: Tree>(&self, id: TypeId, tree: &T, note: impl Into<String>) -> Misfit {
        self.error(id, tree, Some(note.into()))
    }

    pub fn error<T: Tree>(&self, id: TypeId, tree: &T, note: Option<String>) -> Misfit {
        let (expected, found) = (brief(self.types, id), tree.found());
        Misfit { path: Path::default(), expected, found, note }
    }
}

/// The entries of a map. As in WAVE, and in an object, the last of the entries of
/// one key counts.
#[derive(Default)]
pub(in crate::value) struct Entries {
    entries: Vec<(Value, Value)>,
    places: BTreeMap<String, usize>,
}

impl Entries {
    pub fn insert(&mut self, types: &Types, key: TypeId, k: Value, v: Value) {
        match self.places.entry(write::<Json>(types, key, &k).to_string()) {
            Entry::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push((k, v));
            }
            Entry::Occupied(place) => {
                if let Some(entry) = self.entries.get_mut(*place.get()) {
                    entry.1 = v;
                }
            }
        }
    }

    pub fn into_value(self) -> Value {
        Value::Map(self.entries)
    }
}
