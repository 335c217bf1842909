//! From a value to WAVE text, by the writer of `wasm-wave`.
//!
//! That writer asks for values through a trait whose methods are expected to panic
//! when a value is of another type. These do not: the value has been checked
//! before, and were it wrong all the same, it would come out as zeros and blanks.

use std::borrow::Cow;

use wasm_wave::wasm::{WasmType, WasmTypeKind, WasmValue};

use crate::value::{TypeDef, TypeId, Types, Value};

/// `None` if the type has no text.
pub(super) fn write(types: &Types, id: TypeId, value: &Value) -> Option<String> {
    wasm_wave::to_string(&View { types, id, value: Cow::Borrowed(value) }).ok()
}

/// A value beside its type. The number taken out of a run of numbers is the only
/// value that is owned; all others, which may have parts, are borrowed.
#[derive(Clone)]
struct View<'a> {
    types: &'a Types,
    id: TypeId,
    value: Cow<'a, Value>,
}

/// All that the writer wants to know of a type.
#[derive(Clone)]
struct Kind(WasmTypeKind);

impl WasmType for Kind {
    fn kind(&self) -> WasmTypeKind {
        self.0
    }
}

type Part<'s, 'a> = Cow<'s, View<'a>>;

impl<'a> View<'a> {
    fn def(&self) -> &'a TypeDef {
        self.types.get(self.id)
    }

    fn inner(&self) -> Option<&'a Value> {
        match &self.value {
            Cow::Borrowed(value) => Some(value),
            Cow::Owned(_) => None,
        }
    }

    fn part<'s>(&self, id: TypeId, value: Cow<'a, Value>) -> Part<'s, 'a> {
        Cow::Owned(View { types: self.types, id, value })
    }

    /// The case that a variant, enum, option or result is in.
    fn case<'s>(&self) -> (u32, &'a str, Option<Part<'s, 'a>>) {
        let Some(Value::Variant { case, payload }) = self.inner() else {
            return (0, "", None);
        };
        let (name, ty) = self.def().cases().and_then(|cases| cases.get(*case)).unwrap_or_default();
        let payload = ty.zip(payload.as_deref());
        (*case, name, payload.map(|(ty, value)| self.part(ty, Cow::Borrowed(value))))
    }

    fn fields(&self) -> &'a [Value] {
        match self.inner() {
            Some(Value::Record(values)) => values,
            _ => &[],
        }
    }
}

macro_rules! plain {
    ($($method:ident -> $ty:ty: $case:ident),* $(,)?) => {$(
        fn $method(&self) -> $ty {
            match *self.value {
                Value::$case(value) => value,
                _ => Default::default(),
            }
        }
    )*};
}

impl<'a> WasmValue for View<'a> {
    type Type = Kind;

    fn kind(&self) -> WasmTypeKind {
        match self.def() {
            TypeDef::Bool => WasmTypeKind::Bool,
            TypeDef::S8 => WasmTypeKind::S8,
            TypeDef::U8 => WasmTypeKind::U8,
            TypeDef::S16 => WasmTypeKind::S16,
            TypeDef::U16 => WasmTypeKind::U16,
            TypeDef::S32 => WasmTypeKind::S32,
            TypeDef::U32 => WasmTypeKind::U32,
            TypeDef::S64 => WasmTypeKind::S64,
            TypeDef::U64 => WasmTypeKind::U64,
            TypeDef::F32 => WasmTypeKind::F32,
            TypeDef::F64 => WasmTypeKind::F64,
            TypeDef::Char => WasmTypeKind::Char,
            TypeDef::String => WasmTypeKind::String,
            TypeDef::List(_) | TypeDef::FixedList(..) => WasmTypeKind::List,
            TypeDef::Map(..) => WasmTypeKind::Map,
            TypeDef::Record(_) => WasmTypeKind::Record,
            TypeDef::Tuple(_) => WasmTypeKind::Tuple,
            TypeDef::Variant(_) => WasmTypeKind::Variant,
            TypeDef::Enum(_) => WasmTypeKind::Enum,
            TypeDef::Option(_) => WasmTypeKind::Option,
            TypeDef::Result { .. } => WasmTypeKind::Result,
            TypeDef::Flags(_) => WasmTypeKind::Flags,
            TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Async(_) => WasmTypeKind::Unsupported,
        }
    }

    plain! {
        unwrap_bool -> bool: Bool,
        unwrap_s8 -> i8: S8,
        unwrap_u8 -> u8: U8,
        unwrap_s16 -> i16: S16,
        unwrap_u16 -> u16: U16,
        unwrap_s32 -> i32: S32,
        unwrap_u32 -> u32: U32,
        unwrap_s64 -> i64: S64,
        unwrap_u64 -> u64: U64,
        unwrap_f32 -> f32: F32,
        unwrap_f64 -> f64: F64,
        unwrap_char -> char: Char,
    }

    fn unwrap_string(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.value.as_str().unwrap_or_default())
    }

    fn unwrap_list(&self) -> Box<dyn Iterator<Item = Cow<'_, Self>> + '_> {
        use crate::value::List;
        let (TypeDef::List(ty) | TypeDef::FixedList(ty, _)) = *self.def() else {
            return Box::new(std::iter::empty());
        };
        match self.inner() {
            Some(Value::List(List::Values(values))) => {
                Box::new(values.iter().map(move |value| self.part(ty, Cow::Borrowed(value))))
            }
            Some(Value::List(numbers)) => {
                Box::new(numbers.iter().map(move |value| self.part(ty, Cow::Owned(value))))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    fn unwrap_record(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Cow<'_, Self>)> + '_> {
        let TypeDef::Record(fields) = self.def() else {
            return Box::new(std::iter::empty());
        };
        Box::new(fields.iter().zip(self.fields()).map(|(field, value)| {
            (Cow::Borrowed(&*field.name), self.part(field.ty, Cow::Borrowed(value)))
        }))
    }

    fn unwrap_tuple(&self) -> Box<dyn Iterator<Item = Cow<'_, Self>> + '_> {
        let TypeDef::Tuple(types) = self.def() else {
            return Box::new(std::iter::empty());
        };
        let values = types.iter().zip(self.fields());
        Box::new(values.map(|(ty, value)| self.part(*ty, Cow::Borrowed(value))))
    }

    fn unwrap_variant(&self) -> (Cow<'_, str>, Option<Cow<'_, Self>>) {
        let (_, name, payload) = self.case();
        (Cow::Borrowed(name), payload)
    }

    fn unwrap_enum(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.case().1)
    }

    fn unwrap_option(&self) -> Option<Cow<'_, Self>> {
        self.case().2
    }

    fn unwrap_result(&self) -> Result<Option<Cow<'_, Self>>, Option<Cow<'_, Self>>> {
        match self.case() {
            (0, _, payload) => Ok(payload),
            (_, _, payload) => Err(payload),
        }
    }

    fn unwrap_flags(&self) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
        let (TypeDef::Flags(labels), Value::Flags(bits)) = (self.def(), &*self.value) else {
            return Box::new(std::iter::empty());
        };
        let set = labels.iter().zip(0u32..32).filter(move |(_, bit)| bits >> bit & 1 == 1);
        Box::new(set.map(|(label, _)| Cow::Borrowed(&**label)))
    }

    fn unwrap_map(&self) -> Box<dyn Iterator<Item = (Cow<'_, Self>, Cow<'_, Self>)> + '_> {
        let (TypeDef::Map(k, v), Some(Value::Map(entries))) = (self.def(), self.inner()) else {
            return Box::new(std::iter::empty());
        };
        Box::new(entries.iter().map(|(key, value)| {
            (self.part(*k, Cow::Borrowed(key)), self.part(*v, Cow::Borrowed(value)))
        }))
    }
}
