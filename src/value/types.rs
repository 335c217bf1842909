//! The table of types that a component, or a host interface, speaks of.
//!
//! Types are interned: the same structure has the same [`TypeId`] within one
//! table, so equality inside a table is a comparison of numbers, and a type that
//! is used a million times is stored once. Across tables, [`Types::same`]
//! compares structures.

use std::{collections::HashMap, fmt, sync::Arc};

/// A type in a [`Types`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u32);

impl TypeId {
    /// The position in the table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A resource type, numbered within its [`Types`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u32);

/// The structure of one type. Children are ids in the same table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TypeDef {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(TypeId),
    /// `list<T, N>`
    FixedList(TypeId, u32),
    Map(TypeId, TypeId),
    Record(Box<[Field]>),
    Tuple(Box<[TypeId]>),
    Variant(Box<[Case]>),
    Enum(Box<[Box<str>]>),
    Option(TypeId),
    Result {
        ok: Option<TypeId>,
        err: Option<TypeId>,
    },
    Flags(Box<[Box<str>]>),
    Own(ResourceId),
    Borrow(ResourceId),
    /// A type of the asynchronous ABI (`stream`, `future`, `error-context`).
    /// It may be named in a signature; a value of it cannot be passed yet.
    Async(&'static str),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The field's kebab-case name.
    pub name: Box<str>,
    /// The field's type.
    pub ty: TypeId,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// The case's kebab-case name.
    pub name: Box<str>,
    /// The type of its payload, if it has one.
    pub ty: Option<TypeId>,
}

/// The cases of a variant, enum, option or result.
#[derive(Clone, Copy, Debug)]
pub enum Cases<'a> {
    /// Those of a variant.
    Variant(&'a [Case]),
    /// Those of an enum.
    Enum(&'a [Box<str>]),
    /// The two of an option or result: names, and types of payloads.
    Two([(&'static str, Option<TypeId>); 2]),
}

impl<'a> Cases<'a> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "a type has cases")]
    pub fn len(&self) -> usize {
        match self {
            Cases::Variant(cases) => cases.len(),
            Cases::Enum(labels) => labels.len(),
            Cases::Two(cases) => cases.len(),
        }
    }

    /// The name of a case, and the type of its payload if it has one.
    pub fn get(&self, index: u32) -> Option<(&'a str, Option<TypeId>)> {
        let at = usize::try_from(index).ok()?;
        match self {
            Cases::Variant(cases) => cases.get(at).map(|case| (&*case.name, case.ty)),
            Cases::Enum(labels) => labels.get(at).map(|label| (&**label, None)),
            Cases::Two(cases) => cases.get(at).copied(),
        }
    }
}

impl TypeDef {
    /// The cases, if it is a variant, enum, option or result.
    pub fn cases(&self) -> Option<Cases<'_>> {
        match self {
            TypeDef::Variant(cases) => Some(Cases::Variant(cases)),
            TypeDef::Enum(labels) => Some(Cases::Enum(labels)),
            TypeDef::Option(ty) => Some(Cases::Two([("none", None), ("some", Some(*ty))])),
            TypeDef::Result { ok, err } => Some(Cases::Two([("ok", *ok), ("err", *err)])),
            TypeDef::Bool
            | TypeDef::S8
            | TypeDef::U8
            | TypeDef::S16
            | TypeDef::U16
            | TypeDef::S32
            | TypeDef::U32
            | TypeDef::S64
            | TypeDef::U64
            | TypeDef::F32
            | TypeDef::F64
            | TypeDef::Char
            | TypeDef::String
            | TypeDef::List(_)
            | TypeDef::FixedList(..)
            | TypeDef::Map(..)
            | TypeDef::Record(_)
            | TypeDef::Tuple(_)
            | TypeDef::Flags(_)
            | TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Async(_) => None,
        }
    }
}

/// The signature of a component function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct FuncType {
    /// Names and types of the parameters.
    pub params: Box<[Field]>,
    /// The type of the result, if there is one.
    pub result: Option<TypeId>,
    /// Declared `async`.
    pub is_async: bool,
}

/// An append-only, interning table of types.
#[derive(Clone, Debug, Default)]
pub struct Types {
    defs: Vec<TypeDef>,
    /// The nesting depth of each type, by [`TypeId`].
    depths: Vec<u32>,
    interned: HashMap<TypeDef, TypeId>,
    /// Names of resource types, by [`ResourceId`]; used in messages.
    resources: Vec<Box<str>>,
}

impl Types {
    /// The deepest nesting that readable forms, checks and messages follow. Code
    /// that decodes types from outside refuses a deeper one, so that every
    /// recursion over a type, or over a value along its type, has a known end.
    ///
    /// WAVE text allows the same depth.
    pub const MAX_DEPTH: u32 = 100;

    /// The id of `def`, which is added if it is new.
    pub fn intern(&mut self, def: TypeDef) -> TypeId {
        if let Some(id) = self.interned.get(&def) {
            return *id;
        }
        // A table of 2^32 types would need more memory than any input that we accept.
        let id = TypeId(u32::try_from(self.defs.len()).unwrap_or(u32::MAX));
        self.depths.push(self.depth_of(&def));
        self.defs.push(def.clone());
        self.interned.insert(def, id);
        id
    }

    /// The structure of `id`.
    ///
    /// # Panics
    ///
    /// If `id` comes from another, larger table.
    #[expect(clippy::indexing_slicing, reason = "ids come from this table")]
    pub fn get(&self, id: TypeId) -> &TypeDef {
        &self.defs[id.index()]
    }

    /// How deep `id` is nested: 1 for a number, 2 for a list of numbers.
    pub fn depth(&self, id: TypeId) -> u32 {
        self.depths.get(id.index()).copied().unwrap_or(u32::MAX)
    }

    fn depth_of(&self, def: &TypeDef) -> u32 {
        let deepest = |ids: &mut dyn Iterator<Item = TypeId>| {
            ids.map(|id| self.depth(id)).max().unwrap_or(0).saturating_add(1)
        };
        match def {
            TypeDef::List(ty) | TypeDef::FixedList(ty, _) | TypeDef::Option(ty) => {
                deepest(&mut [*ty].into_iter())
            }
            TypeDef::Map(key, value) => deepest(&mut [*key, *value].into_iter()),
            TypeDef::Record(fields) => deepest(&mut fields.iter().map(|field| field.ty)),
            TypeDef::Tuple(types) => deepest(&mut types.iter().copied()),
            TypeDef::Variant(cases) => deepest(&mut cases.iter().filter_map(|case| case.ty)),
            TypeDef::Result { ok, err } => deepest(&mut ok.iter().chain(err).copied()),
            TypeDef::Bool
            | TypeDef::S8
            | TypeDef::U8
            | TypeDef::S16
            | TypeDef::U16
            | TypeDef::S32
            | TypeDef::U32
            | TypeDef::S64
            | TypeDef::U64
            | TypeDef::F32
            | TypeDef::F64
            | TypeDef::Char
            | TypeDef::String
            | TypeDef::Enum(_)
            | TypeDef::Flags(_)
            | TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Async(_) => 1,
        }
    }

    /// The number of types. Children come before the types that use them.
    pub fn len(&self) -> usize {
        self.defs.len()
    }

    /// True if the table is empty.
    pub fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }

    /// All types with their ids, children first.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &TypeDef)> {
        (0u32..).map(TypeId).zip(&self.defs)
    }

    /// Adds a new resource type, distinct from all others. `name` is for messages.
    pub fn add_resource(&mut self, name: &str) -> ResourceId {
        let id = ResourceId(u32::try_from(self.resources.len()).unwrap_or(u32::MAX));
        self.resources.push(name.into());
        id
    }

    /// The name of a resource type, for messages.
    pub fn resource_name(&self, id: ResourceId) -> &str {
        self.resources.get(id.0 as usize).map_or("resource", |name| name)
    }

    /// The number of resource types.
    pub fn resource_count(&self) -> usize {
        self.resources.len()
    }

    /// True if type `a` of this table and type `b` of `other` have the same
    /// structure, names included. `resource` decides about pairs of resource types.
    pub fn same(
        &self,
        a: TypeId,
        other: &Types,
        b: TypeId,
        resource: &mut dyn FnMut(ResourceId, ResourceId) -> bool,
    ) -> bool {
        // Equal structures are equally deep.
        if self.depth(a) != other.depth(b) {
            return false;
        }
        let mut opt = |a: Option<TypeId>, b: Option<TypeId>| match (a, b) {
            (Some(a), Some(b)) => self.same(a, other, b, resource),
            (None, None) => true,
            _ => false,
        };
        match (self.get(a), other.get(b)) {
            (TypeDef::List(a), TypeDef::List(b)) | (TypeDef::Option(a), TypeDef::Option(b)) => {
                opt(Some(*a), Some(*b))
            }
            (TypeDef::FixedList(a, n), TypeDef::FixedList(b, m)) => {
                n == m && opt(Some(*a), Some(*b))
            }
            (TypeDef::Map(ak, av), TypeDef::Map(bk, bv)) => {
                opt(Some(*ak), Some(*bk)) && opt(Some(*av), Some(*bv))
            }
            (TypeDef::Record(a), TypeDef::Record(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|(a, b)| a.name == b.name && opt(Some(a.ty), Some(b.ty)))
            }
            (TypeDef::Tuple(a), TypeDef::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| opt(Some(*a), Some(*b)))
            }
            (TypeDef::Variant(a), TypeDef::Variant(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|(a, b)| a.name == b.name && opt(a.ty, b.ty))
            }
            (TypeDef::Result { ok: a, err: ae }, TypeDef::Result { ok: b, err: be }) => {
                opt(*a, *b) && opt(*ae, *be)
            }
            (TypeDef::Own(a), TypeDef::Own(b)) | (TypeDef::Borrow(a), TypeDef::Borrow(b)) => {
                resource(*a, *b)
            }
            // The rest has no children.
            (a, b) => a == b,
        }
    }

    /// `id` in WIT syntax. A type without a name in WIT (a record in the middle
    /// of a signature) is spelled out: `record { x: u32 }`. Whatever is nested
    /// more than [`Types::MAX_DEPTH`] deep is written `...`.
    pub fn display(&self, id: TypeId) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| self.write(f, id))
    }

    /// A signature in WIT syntax: `func(name: string) -> u32`.
    pub fn display_func<'a>(&'a self, func: &'a FuncType) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            f.write_str(if func.is_async { "async func(" } else { "func(" })?;
            for (i, param) in func.params.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                write!(f, "{comma}{}: {}", param.name, self.display(param.ty))?;
            }
            f.write_str(")")?;
            match func.result {
                Some(ty) => write!(f, " -> {}", self.display(ty)),
                None => Ok(()),
            }
        })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, id: TypeId) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, labels: &[Box<str>]| {
            write!(f, "{word} {{ {} }}", labels.join(", "))
        };
        if self.depth(id) > Types::MAX_DEPTH {
            return f.write_str("...");
        }
        match self.get(id) {
            TypeDef::Bool => f.write_str("bool"),
            TypeDef::S8 => f.write_str("s8"),
            TypeDef::U8 => f.write_str("u8"),
            TypeDef::S16 => f.write_str("s16"),
            TypeDef::U16 => f.write_str("u16"),
            TypeDef::S32 => f.write_str("s32"),
            TypeDef::U32 => f.write_str("u32"),
            TypeDef::S64 => f.write_str("s64"),
            TypeDef::U64 => f.write_str("u64"),
            TypeDef::F32 => f.write_str("f32"),
            TypeDef::F64 => f.write_str("f64"),
            TypeDef::Char => f.write_str("char"),
            TypeDef::String => f.write_str("string"),
            TypeDef::List(ty) => write!(f, "list<{}>", self.display(*ty)),
            TypeDef::FixedList(ty, n) => write!(f, "list<{}, {n}>", self.display(*ty)),
            TypeDef::Map(k, v) => write!(f, "map<{}, {}>", self.display(*k), self.display(*v)),
            TypeDef::Record(fields) => {
                f.write_str("record { ")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", field.name, self.display(field.ty))?;
                }
                f.write_str(" }")
            }
            TypeDef::Tuple(types) => {
                f.write_str("tuple<")?;
                for (i, ty) in types.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", self.display(*ty))?;
                }
                f.write_str(">")
            }
            TypeDef::Variant(cases) => {
                f.write_str("variant { ")?;
                for (i, case) in cases.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, case.name)?;
                    if let Some(ty) = case.ty {
                        write!(f, "({})", self.display(ty))?;
                    }
                }
                f.write_str(" }")
            }
            TypeDef::Enum(labels) => list(f, "enum", labels),
            TypeDef::Flags(labels) => list(f, "flags", labels),
            TypeDef::Option(ty) => write!(f, "option<{}>", self.display(*ty)),
            TypeDef::Result { ok, err } => match (ok, err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{}>", self.display(*ok)),
                (None, Some(err)) => write!(f, "result<_, {}>", self.display(*err)),
                (Some(ok), Some(err)) => {
                    write!(f, "result<{}, {}>", self.display(*ok), self.display(*err))
                }
            },
            TypeDef::Own(id) => f.write_str(self.resource_name(*id)),
            TypeDef::Borrow(id) => write!(f, "borrow<{}>", self.resource_name(*id)),
            TypeDef::Async(name) => f.write_str(name),
        }
    }
}

/// A type together with its table: what the readable forms of a value need.
#[derive(Clone, Debug)]
pub struct Type {
    types: Arc<Types>,
    id: TypeId,
}

impl Type {
    /// The type `id` of `types`.
    pub fn new(types: Arc<Types>, id: TypeId) -> Type {
        Type { types, id }
    }

    /// The table.
    pub fn types(&self) -> &Arc<Types> {
        &self.types
    }

    /// The id in the table.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// The structure.
    pub fn def(&self) -> &TypeDef {
        self.types.get(self.id)
    }

    /// Another type of the same table.
    pub fn child(&self, id: TypeId) -> Type {
        Type { types: self.types.clone(), id }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.types.write(f, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_structure_has_one_id() {
        let mut types = Types::default();
        let u8_ = types.intern(TypeDef::U8);
        let a = types.intern(TypeDef::List(u8_));
        let b = types.intern(TypeDef::List(u8_));
        assert_eq!(a, b);
        assert_eq!(types.display(a).to_string(), "list<u8>");
        assert_eq!((types.depth(u8_), types.depth(a)), (1, 2));
    }

    #[test]
    fn a_type_nested_without_end_can_still_be_shown() {
        let mut types = Types::default();
        let mut ty = types.intern(TypeDef::U8);
        for _ in 0..100_000 {
            ty = types.intern(TypeDef::Option(ty));
        }
        assert_eq!(types.depth(ty), 100_001);
        assert_eq!(types.display(ty).to_string(), "...");
    }
}
