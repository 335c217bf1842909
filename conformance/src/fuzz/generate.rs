//! Types that bytes choose, and values of them.

use arbitrary::Unstructured;
use wippy::value::{
    Case, Field, List, Resource, ResourceId, Scalar, Type, TypeDef, TypeId, Types, Value,
};

/// Levels of a type.
const DEPTH: u32 = 4;

/// Parts of a type, elements of a value.
const WIDTH: usize = 6;

/// Elements of all lists of a value together, about.
pub const ELEMENTS: usize = 2_000;

/// The types that are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    /// Handles of this resource.
    pub handles: Option<ResourceId>,
    /// Borrowed handles too, which no result has.
    pub borrows: bool,
    /// Maps.
    pub maps: bool,
}

const SIMPLE: [TypeDef; 13] = [
    TypeDef::Bool,
    TypeDef::S8,
    TypeDef::U8,
    TypeDef::S16,
    TypeDef::U16,
    TypeDef::S32,
    TypeDef::U32,
    TypeDef::S64,
    TypeDef::U64,
    TypeDef::F32,
    TypeDef::F64,
    TypeDef::Char,
    TypeDef::String,
];

/// Types that a map can have as keys: numbers but for floats, and texts.
const KEYS: [TypeDef; 11] = [
    TypeDef::Bool,
    TypeDef::S8,
    TypeDef::U8,
    TypeDef::S16,
    TypeDef::U16,
    TypeDef::S32,
    TypeDef::U32,
    TypeDef::S64,
    TypeDef::U64,
    TypeDef::Char,
    TypeDef::String,
];

/// A type of these kinds.
pub fn ty(types: &mut Types, bytes: &mut Unstructured<'_>, depth: u32, kinds: Kinds) -> TypeId {
    let choice = bytes.int_in_range(0..=28).unwrap_or(0u8);
    if let (25 | 26, Some(id)) = (choice, kinds.handles) {
        let borrows = choice == 26 && kinds.borrows;
        return types.intern(if borrows { TypeDef::Borrow(id) } else { TypeDef::Own(id) });
    }
    if choice < 13 || choice == 25 || choice == 26 || depth >= DEPTH {
        let def = SIMPLE[usize::from(choice) % SIMPLE.len()].clone();
        return types.intern(def);
    }
    let width = bytes.int_in_range(1..=WIDTH).unwrap_or(1);
    let labels = |name: &str, width: usize| {
        (0..width).map(|i| format!("{name}{i}").into_boxed_str()).collect()
    };
    if choice >= 27 && kinds.maps {
        let key = bytes.choose(&KEYS).unwrap_or(&KEYS[0]).clone();
        let key = types.intern(key);
        // It may hold no handles.
        let value = ty(types, bytes, depth + 1, Kinds { handles: None, ..kinds });
        return types.intern(TypeDef::Map(key, value));
    }
    let mut inner = |types: &mut Types| ty(types, bytes, depth + 1, kinds);
    let def = match choice {
        13 | 14 => TypeDef::List(inner(types)),
        15 => TypeDef::FixedList(inner(types), width as u32),
        16 | 17 => {
            let field = |i| Field { name: format!("f{i}").into(), ty: inner(types) };
            TypeDef::Record((0..width).map(field).collect())
        }
        18 => TypeDef::Tuple((0..width).map(|_| inner(types)).collect()),
        19 | 20 => {
            let case = |i| {
                let ty = (i % 3 != 2).then(|| inner(types));
                Case { name: format!("c{i}").into(), ty }
            };
            TypeDef::Variant((0..width).map(case).collect())
        }
        21 => TypeDef::Enum(labels("e", wide(width))),
        22 => TypeDef::Option(inner(types)),
        23 => {
            let ok = (!width.is_multiple_of(3)).then(|| inner(types));
            let err = (!width.is_multiple_of(2)).then(|| inner(types));
            TypeDef::Result { ok, err }
        }
        _ => TypeDef::Flags(labels("g", wide(width).min(32))),
    };
    types.intern(def)
}

/// Now and then many: where a byte, or two, no longer do.
fn wide(width: usize) -> usize {
    match width {
        WIDTH => 300,
        5 => 17,
        few => few,
    }
}

/// Makes values.
pub struct Values<'a, 'b> {
    /// What chooses them.
    pub bytes: &'a mut Unstructured<'b>,
    /// Floats may be NaN, of which there is one.
    pub nan: bool,
    /// The representation of the next handle; without it, a type with handles has no
    /// values.
    pub next: Option<u32>,
    /// Elements of lists that may still be made.
    pub left: usize,
}

/// A value of a type; none if that has handles, or is asynchronous. No float is NaN.
pub fn value(ty: &Type, bytes: &mut Unstructured<'_>) -> Option<Value> {
    Values { bytes, nan: false, next: None, left: ELEMENTS }.value(ty)
}

impl Values<'_, '_> {
    fn width(&mut self) -> usize {
        let width = match self.bytes.int_in_range(0..=4 * WIDTH).unwrap_or(0) {
            // Longer than what a loop does at a time.
            long if long == 4 * WIDTH => 70,
            width => width % (WIDTH + 1),
        };
        let width = width.min(self.left);
        self.left -= width;
        width
    }

    fn number(&mut self) -> u64 {
        match self.bytes.int_in_range(0..=7u8).unwrap_or(0) {
            0 => u64::MAX,
            1 => 1 << 63,
            2 => self.bytes.arbitrary::<u8>().unwrap_or(0).into(),
            _ => self.bytes.arbitrary::<u64>().unwrap_or(0),
        }
    }

    /// A value of a type; none if it is of a kind that cannot be made.
    pub fn value(&mut self, ty: &Type) -> Option<Value> {
        Some(match ty.def() {
            TypeDef::Bool => Value::Bool(self.number() % 2 == 1),
            TypeDef::S8 => Value::S8(self.number() as i8),
            TypeDef::U8 => Value::U8(self.number() as u8),
            TypeDef::S16 => Value::S16(self.number() as i16),
            TypeDef::U16 => Value::U16(self.number() as u16),
            TypeDef::S32 => Value::S32(self.number() as i32),
            TypeDef::U32 => Value::U32(self.number() as u32),
            TypeDef::S64 => Value::S64(self.number() as i64),
            TypeDef::U64 => Value::U64(self.number()),
            TypeDef::F32 => {
                let float = f32::from_bits(self.number() as u32);
                let nan = if self.nan { f32::NAN } else { 0.0 };
                Value::F32(if float.is_nan() { nan } else { float })
            }
            TypeDef::F64 => {
                let float = f64::from_bits(self.number());
                let nan = if self.nan { f64::NAN } else { 0.0 };
                Value::F64(if float.is_nan() { nan } else { float })
            }
            TypeDef::Char => Value::Char(self.char()),
            TypeDef::String => Value::String(self.text()),
            TypeDef::List(inner) => {
                let length = self.width();
                self.list(ty, *inner, length)?
            }
            TypeDef::FixedList(inner, length) => self.list(ty, *inner, *length as usize)?,
            TypeDef::Map(key, of) => {
                let length = self.width();
                let (key, of) = (ty.child(*key), ty.child(*of));
                let mut entries: Vec<(Value, Value)> = Vec::new();
                for _ in 0..length {
                    let entry = (self.value(&key)?, self.value(&of)?);
                    if entries.iter().all(|known| known.0 != entry.0) {
                        entries.push(entry);
                    }
                }
                Value::Map(entries)
            }
            TypeDef::Record(fields) => self.all(ty, fields.iter().map(|field| field.ty))?,
            TypeDef::Tuple(types) => self.all(ty, types.iter().copied())?,
            TypeDef::Flags(labels) => {
                let mask = if labels.len() >= 32 { u32::MAX } else { (1 << labels.len()) - 1 };
                Value::Flags(self.number() as u32 & mask)
            }
            TypeDef::Variant(_)
            | TypeDef::Enum(_)
            | TypeDef::Option(_)
            | TypeDef::Result { .. } => {
                let cases = ty.def().cases()?;
                let case = (self.number() % cases.len() as u64) as u32;
                let (_, payload) = cases.get(case)?;
                let payload = match payload {
                    Some(inner) => Some(Box::new(self.value(&ty.child(inner))?)),
                    None => None,
                };
                Value::Variant { case, payload }
            }
            TypeDef::Own(id) => Value::Own(self.handle(*id)?),
            TypeDef::Borrow(id) => Value::Borrow(self.handle(*id)?),
            TypeDef::Async(_) => return None,
        })
    }

    fn handle(&mut self, ty: ResourceId) -> Option<Resource> {
        let rep = self.next?;
        self.next = Some(rep + 1);
        Some(Resource { ty, rep })
    }

    fn char(&mut self) -> char {
        match self.bytes.int_in_range(0..=5u8).unwrap_or(0) {
            // Of one byte, of one in Latin-1, of two, three and four in UTF-8.
            0..=1 => char::from(self.bytes.int_in_range(0..=0x7f).unwrap_or(b'c')),
            2 => char::from(self.bytes.int_in_range(0x80..=0xff).unwrap_or(0xe9)),
            3 => *self.bytes.choose(&['\u{100}', 'ж', '\u{7ff}']).unwrap_or(&'ж'),
            4 => {
                *self.bytes.choose(&['\u{800}', '\u{d7ff}', '\u{e000}', '\u{ffff}']).unwrap_or(&'€')
            }
            _ => *self.bytes.choose(&['\u{10000}', '😀', '\u{10ffff}']).unwrap_or(&'😀'),
        }
    }

    fn text(&mut self) -> String {
        let length = self.width();
        // Mostly of one sort, so that the narrow encodings are met.
        if self.bytes.ratio(1, 3).unwrap_or(false) {
            return (0..length).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
        }
        if self.bytes.ratio(1, 3).unwrap_or(false) {
            return (0..length).map(|i| char::from(0xe0 + (i % 26) as u8)).collect();
        }
        (0..length).map(|_| self.char()).collect()
    }

    fn all(&mut self, ty: &Type, types: impl Iterator<Item = TypeId>) -> Option<Value> {
        let values = types.map(|inner| self.value(&ty.child(inner))).collect::<Option<_>>()?;
        Some(Value::Record(values))
    }

    fn list(&mut self, ty: &Type, inner: TypeId, length: usize) -> Option<Value> {
        let inner = ty.child(inner);
        let values = (0..length).map(|_| self.value(&inner)).collect::<Option<Vec<_>>>()?;
        let Some(scalar) = Scalar::of(inner.def()) else {
            return Some(Value::List(List::Values(values)));
        };
        let mut run = Vec::new();
        for value in &values {
            scalar.write(value, &mut run);
        }
        Some(Value::List(List::Scalars(scalar, run)))
    }
}
