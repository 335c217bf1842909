//! The canonical ABI: how component values lie in memory and travel in core
//! values (CanonicalABI.md of the Component Model specification).
//!
//! [`Layouts`] answers questions about a type, once per type; [`lift`] reads
//! values out of a guest, [`lower`] writes them into one.

pub(crate) mod lift;
pub(crate) mod lower;
mod string;

use crate::{
    account::Account,
    value::{ResourceId, TypeDef, TypeId, Types},
};

/// How a string lies in the memory of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
    /// `latin1+utf16`
    Compact,
}

/// Core parameters that a component function's parameters may take up before
/// they go through memory.
pub(crate) const MAX_FLAT_PARAMS: usize = 16;

/// The same for results.
pub(crate) const MAX_FLAT_RESULTS: usize = 1;

/// The longest string or list, in bytes, that is lifted.
pub(crate) const MAX_BYTE_LENGTH: u64 = (1 << 28) - 1;

/// The work that a value counts for, in bytes that could be copied instead: about as
/// much as making one takes. Those that are no more than a function has core values
/// count nothing.
pub(crate) const VALUE_WORK: u64 = 128;

/// Where a value is, or goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The next core values.
    Flat,
    /// At an address whose bounds have been checked.
    At(u64),
}

impl Place {
    /// Where the next member of a tuple is; this place is what comes after it.
    fn next(&mut self, ty: TypeId, layouts: &Layouts, ptr64: bool) -> Place {
        let Place::At(at) = self else { return Place::Flat };
        let layout = layouts.get(ty, ptr64);
        let place = align_address(*at, layout.align);
        *at = place.saturating_add(u64::from(layout.size));
        Place::At(place)
    }

    /// The work of a value here.
    fn work(self) -> u64 {
        match self {
            Place::Flat => 0,
            Place::At(_) => VALUE_WORK,
        }
    }
}

/// The core types that component values flatten to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreType {
    I32,
    I64,
    F32,
    F64,
}

impl From<CoreType> for wasmi::ValType {
    fn from(ty: CoreType) -> wasmi::ValType {
        match ty {
            CoreType::I32 => wasmi::ValType::I32,
            CoreType::I64 => wasmi::ValType::I64,
            CoreType::F32 => wasmi::ValType::F32,
            CoreType::F64 => wasmi::ValType::F64,
        }
    }
}

impl CoreType {
    /// The tightest type that can carry both: CanonicalABI.md, `join`.
    fn join(self, other: CoreType) -> CoreType {
        use CoreType::{F32, I32, I64};
        match (self, other) {
            (a, b) if a == b => a,
            (I32, F32) | (F32, I32) => I32,
            _ => I64,
        }
    }
}

/// How a type lies in memory and in core values.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Bytes in memory.
    pub size: u32,
    /// 1, 2, 4 or 8.
    pub align: u32,
    /// Offset of a variant's payload.
    pub payload: u32,
    /// The core values that carry it, if they are at most [`MAX_FLAT_PARAMS`].
    pub flat: Option<Box<[CoreType]>>,
    /// Contains a handle.
    pub handles: bool,
}

/// The layouts of all types of a table, for 32-bit and for 64-bit pointers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layouts {
    ptr32: Vec<Layout>,
    ptr64: Vec<Layout>,
}

impl Layouts {
    /// Lays out the types that were added to `types` since the last time.
    pub fn update(&mut self, types: &Types) {
        for (_, def) in types.iter().skip(self.ptr32.len()) {
            let layout = layout(def, &self.ptr32, 4);
            self.ptr32.push(layout);
            let layout = self::layout(def, &self.ptr64, 8);
            self.ptr64.push(layout);
        }
    }

    /// The layout of a type.
    #[expect(clippy::indexing_slicing, reason = "`update` has seen each id of the table")]
    pub fn get(&self, id: TypeId, ptr64: bool) -> &Layout {
        if ptr64 { &self.ptr64[id.index()] } else { &self.ptr32[id.index()] }
    }

    /// The layout of the tuple of some types.
    pub fn tuple(&self, types: &[TypeId], ptr64: bool) -> Layout {
        product(types.iter().map(|id| self.get(*id, ptr64)))
    }
}

/// `value` rounded up to a multiple of `align`, a power of two.
fn align_to(value: u32, align: u32) -> u32 {
    // Sizes are below 2^30 (see `product`), so that this cannot overflow.
    value.saturating_add(align - 1) & !(align - 1)
}

/// The same for an address, which has 64 bits in a 64-bit memory.
pub(crate) fn align_address(address: u64, align: u32) -> u64 {
    let align = u64::from(align);
    address.saturating_add(align - 1) & !(align - 1)
}

/// The bytes of the discriminant of a variant with so many cases.
pub(crate) fn discriminant_size(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

#[expect(clippy::indexing_slicing, reason = "a type comes after those that it consists of")]
fn layout(def: &TypeDef, known: &[Layout], pointer: u32) -> Layout {
    use CoreType::{F32, F64, I32, I64};
    let get = |id: TypeId| &known[id.index()];
    let scalar = |size: u32, flat: CoreType| Layout {
        size,
        align: size,
        payload: 0,
        flat: Some([flat].into()),
        handles: false,
    };
    match def {
        TypeDef::Bool | TypeDef::S8 | TypeDef::U8 => scalar(1, I32),
        TypeDef::S16 | TypeDef::U16 => scalar(2, I32),
        TypeDef::S32 | TypeDef::U32 | TypeDef::Char | TypeDef::Async(_) => scalar(4, I32),
        TypeDef::S64 | TypeDef::U64 => scalar(8, I64),
        TypeDef::F32 => scalar(4, F32),
        TypeDef::F64 => scalar(8, F64),
        TypeDef::Own(_) | TypeDef::Borrow(_) => Layout { handles: true, ..scalar(4, I32) },
        TypeDef::String => list(pointer, false),
        TypeDef::List(element) => list(pointer, get(*element).handles),
        TypeDef::Map(key, value) => list(pointer, get(*key).handles || get(*value).handles),
        TypeDef::FixedList(element, length) => {
            let element = get(*element);
            let count = *length as usize;
            let flat = element.flat.as_ref().and_then(|flat| {
                let len = flat.len().checked_mul(count).filter(|len| *len <= MAX_FLAT_PARAMS)?;
                Some(flat.iter().copied().cycle().take(len).collect())
            });
            Layout { size: element.size.saturating_mul(*length), flat, ..element.clone() }
        }
        TypeDef::Record(fields) => product(fields.iter().map(|field| get(field.ty))),
        TypeDef::Tuple(types) => product(types.iter().map(|id| get(*id))),
        TypeDef::Flags(labels) => scalar(
            match labels.len() {
                0..=8 => 1,
                9..=16 => 2,
                _ => 4,
            },
            I32,
        ),
        TypeDef::Enum(labels) => scalar(discriminant_size(labels.len()), I32),
        TypeDef::Variant(cases) => sum(cases.len(), cases.iter().filter_map(|c| c.ty).map(get)),
        TypeDef::Option(ty) => sum(2, [get(*ty)].into_iter()),
        TypeDef::Result { ok, err } => sum(2, [ok, err].into_iter().flatten().map(|id| get(*id))),
    }
}

fn list(pointer: u32, handles: bool) -> Layout {
    let flat = if pointer == 8 { CoreType::I64 } else { CoreType::I32 };
    Layout {
        size: 2 * pointer,
        align: pointer,
        payload: 0,
        flat: Some([flat, flat].into()),
        handles,
    }
}

/// Sizes saturate; the validator has refused types beyond 2^28 bytes.
fn product<'a>(parts: impl Iterator<Item = &'a Layout>) -> Layout {
    let mut whole = Layout { size: 0, align: 1, payload: 0, flat: None, handles: false };
    let mut flat = Some(Vec::new());
    for part in parts {
        whole.size = align_to(whole.size, part.align).saturating_add(part.size);
        whole.align = whole.align.max(part.align);
        whole.handles |= part.handles;
        match (&mut flat, &part.flat) {
            (Some(all), Some(more)) if all.len() + more.len() <= MAX_FLAT_PARAMS => {
                all.extend(more.iter().copied());
            }
            _ => flat = None,
        }
    }
    whole.size = align_to(whole.size, whole.align);
    whole.flat = flat.map(Into::into);
    whole
}

fn sum<'a>(cases: usize, payloads: impl Iterator<Item = &'a Layout>) -> Layout {
    let discriminant = discriminant_size(cases);
    let (mut size, mut align) = (0, 1);
    let mut handles = false;
    let mut flat = Some(vec![CoreType::I32]);
    for payload in payloads {
        size = size.max(payload.size);
        align = align.max(payload.align);
        handles |= payload.handles;
        match (&mut flat, &payload.flat) {
            (Some(all), Some(more)) if more.len() < MAX_FLAT_PARAMS => {
                for (i, ty) in more.iter().enumerate() {
                    match all.get_mut(i + 1) {
                        Some(have) => *have = have.join(*ty),
                        None => all.push(*ty),
                    }
                }
            }
            _ => flat = None,
        }
    }
    let payload = align_to(discriminant, align);
    let align = align.max(discriminant);
    Layout {
        size: align_to(payload.saturating_add(size), align),
        align,
        payload,
        flat: flat.map(Into::into),
        handles,
    }
}

/// Handles as lifting and lowering see them; the tables themselves belong to the
/// process.
pub(crate) trait Handles {
    /// The account that all is on that is held for the process.
    fn account(&self) -> &Account;
    /// Takes an owned handle out of the guest's table; its representation.
    fn lift_own(&mut self, ty: ResourceId, index: u32) -> Result<u32, super::Trap>;
    /// Lends a handle of the guest's table for the present call.
    fn lift_borrow(&mut self, ty: ResourceId, index: u32) -> Result<u32, super::Trap>;
    /// Puts an owned handle into the guest's table.
    fn lower_own(&mut self, ty: ResourceId, rep: u32) -> Result<u32, super::Trap>;
    /// Gives the guest a borrowed handle for the present call.
    fn lower_borrow(&mut self, ty: ResourceId, rep: u32) -> Result<u32, super::Trap>;
}
