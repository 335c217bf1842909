//! The canonical ABI's view of a WIT function: which core types it flattens to,
//! and which of `memory` and `cabi_realloc` it needs.
//!
//! wit-parser has a flattening of its own, which knows nothing of 64-bit
//! memories, recurses without a limit and does some work many times over; this
//! one visits each type once.

use super::error::AdaptError;
use std::collections::HashMap;
use wasmparser::ValType;
use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeId};

/// Parameters beyond this many core values are passed through memory.
pub(super) const MAX_FLAT_PARAMS: usize = 16;
const MAX_FLAT_RESULTS: usize = 1;
/// Types may nest this deep.
const DEEPEST: usize = 64;
/// Types may consist of this many others. Beyond about ten times as many, the
/// component would not be valid.
const MOST_NODES: u64 = 100_000;
/// Values may take about this many bytes in memory, without what their strings
/// and lists point to.
const MOST_BYTES: u64 = 1 << 26;

/// The core signature of a function and the canonical options it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FuncAbi {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
    /// Why `memory` is needed, if it is.
    pub memory: Option<&'static str>,
    /// Why `cabi_realloc` is needed, if it is.
    pub realloc: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Flat {
    /// The core values, or nothing if there are more than a signature holds.
    types: Option<Vec<ValType>>,
    /// True if strings or lists occur.
    pointers: bool,
    depth: usize,
    /// How many types this one consists of, counting each use.
    nodes: u64,
    /// About how many bytes a value takes in memory.
    bytes: u64,
}

impl Flat {
    fn one(ty: ValType) -> Self {
        Self { types: Some(vec![ty]), nodes: 1, bytes: 8, ..Self::default() }
    }

    fn empty() -> Self {
        Self { types: Some(Vec::new()), nodes: 1, ..Self::default() }
    }

    /// A pointer and a length, with elements of type `element` behind them.
    fn pair(pointer: ValType, element: &Self) -> Self {
        Self {
            types: Some(vec![pointer, pointer]),
            pointers: true,
            depth: element.depth,
            nodes: element.nodes.saturating_add(1),
            bytes: 16,
        }
    }

    fn absorb(&mut self, part: &Self) {
        self.pointers |= part.pointers;
        self.depth = self.depth.max(part.depth);
        self.nodes = self.nodes.saturating_add(part.nodes);
    }
}

/// Flattens the types of one [`Resolve`].
pub(super) struct Abi<'r> {
    resolve: &'r Resolve,
    pointer: ValType,
    known: HashMap<TypeId, Flat>,
}

impl<'r> Abi<'r> {
    /// `pointer` is the core type of addresses: `i64` for 64-bit memories.
    pub(super) fn new(resolve: &'r Resolve, pointer: ValType) -> Self {
        Self { resolve, pointer, known: HashMap::new() }
    }

    /// The signature of a module's export that implements `func`.
    pub(super) fn lift(&mut self, func: &Function) -> Result<FuncAbi, AdaptError> {
        let (params, result) = self.sides(func)?;
        let mut memory = None;
        let mut realloc = None;
        if result.pointers {
            memory = Some("its result holds strings or lists");
        }
        if params.pointers {
            realloc = Some("its parameters hold strings or lists");
        }
        let flat_params = match params.types {
            Some(types) => types,
            None => {
                realloc = Some("it takes more than 16 core values, which go through memory");
                vec![self.pointer]
            }
        };
        let results = match result.types {
            Some(types) if types.len() <= MAX_FLAT_RESULTS => types,
            _ => {
                memory = Some("its result is more than one core value, which goes through memory");
                vec![self.pointer]
            }
        };
        Ok(FuncAbi { params: flat_params, results, memory: memory.or(realloc), realloc })
    }

    /// The signature under which a module imports `func`.
    pub(super) fn lower(&mut self, func: &Function) -> Result<FuncAbi, AdaptError> {
        let (params, result) = self.sides(func)?;
        let mut memory = None;
        let realloc = result.pointers.then_some("its result holds strings or lists");
        if params.pointers {
            memory = Some("its parameters hold strings or lists");
        }
        let mut flat_params = match params.types {
            Some(types) => types,
            None => {
                memory = Some("it takes more than 16 core values, which go through memory");
                vec![self.pointer]
            }
        };
        let results = match result.types {
            Some(types) if types.len() <= MAX_FLAT_RESULTS => types,
            _ => {
                memory = Some("its result is more than one core value, which goes through memory");
                flat_params.push(self.pointer);
                Vec::new()
            }
        };
        Ok(FuncAbi { params: flat_params, results, memory: memory.or(realloc), realloc })
    }

    /// Checks a named type that may not occur in any function.
    pub(super) fn check(&mut self, id: TypeId, name: &str) -> Result<(), AdaptError> {
        match self.flat(Type::Id(id), 0) {
            Ok(_) => Ok(()),
            Err(problem) => Err(AdaptError::unsupported(problem.text(&format!("type `{name}`")))),
        }
    }

    fn sides(&mut self, func: &Function) -> Result<(Flat, Flat), AdaptError> {
        let named =
            |e: Problem| AdaptError::unsupported(e.text(&format!("function `{}`", func.name)));
        let params = self.product(func.params.iter().map(|p| p.ty), 0).map_err(named)?;
        let result = self.product(func.result, 0).map_err(named)?;
        Ok((params, result))
    }

    fn product(
        &mut self,
        types: impl IntoIterator<Item = Type>,
        depth: usize,
    ) -> Result<Flat, Problem> {
        let mut all = Flat::empty();
        for ty in types {
            let flat = self.flat(ty, depth)?;
            all.absorb(&flat);
            all.bytes = all.bytes.saturating_add(flat.bytes);
            all.types = match (all.types, flat.types) {
                (Some(mut all), Some(more)) => {
                    all.extend(more);
                    (all.len() <= MAX_FLAT_PARAMS).then_some(all)
                }
                _ => None,
            };
        }
        Ok(all)
    }

    fn sum(
        &mut self,
        cases: impl IntoIterator<Item = Option<Type>>,
        depth: usize,
    ) -> Result<Flat, Problem> {
        let mut all = Flat::empty();
        for ty in cases.into_iter().flatten() {
            let flat = self.flat(ty, depth)?;
            all.absorb(&flat);
            all.bytes = all.bytes.max(flat.bytes);
            all.types = match (all.types, flat.types) {
                (Some(mut all), Some(case)) => {
                    for (i, ty) in case.into_iter().enumerate() {
                        match all.get_mut(i) {
                            Some(slot) => *slot = join(*slot, ty),
                            None => all.push(ty),
                        }
                    }
                    Some(all)
                }
                _ => None,
            };
        }
        all.bytes = all.bytes.saturating_add(8);
        if let Some(types) = &mut all.types {
            types.insert(0, ValType::I32);
        }
        all.types = all.types.filter(|types| types.len() <= MAX_FLAT_PARAMS);
        Ok(all)
    }

    fn flat(&mut self, ty: Type, depth: usize) -> Result<Flat, Problem> {
        let id = match ty {
            Type::Bool
            | Type::S8
            | Type::U8
            | Type::S16
            | Type::U16
            | Type::S32
            | Type::U32
            | Type::Char => return Ok(Flat::one(ValType::I32)),
            Type::U64 | Type::S64 => return Ok(Flat::one(ValType::I64)),
            Type::F32 => return Ok(Flat::one(ValType::F32)),
            Type::F64 => return Ok(Flat::one(ValType::F64)),
            Type::String => return Ok(Flat::pair(self.pointer, &Flat::empty())),
            Type::ErrorContext => return Err(Problem::Async("error-context")),
            Type::Id(id) => id,
        };
        if let Some(known) = self.known.get(&id) {
            return if known.depth.saturating_add(depth) > DEEPEST {
                Err(Problem::Deep)
            } else {
                Ok(known.clone())
            };
        }
        if depth > DEEPEST {
            return Err(Problem::Deep);
        }
        let resolve = self.resolve;
        let inner = depth.saturating_add(1);
        let mut flat = match resolve.types.get(id).map(|def| &def.kind) {
            Some(TypeDefKind::Type(ty)) => self.flat(*ty, inner)?,
            Some(TypeDefKind::Record(r)) => self.product(r.fields.iter().map(|f| f.ty), inner)?,
            Some(TypeDefKind::Tuple(t)) => self.product(t.types.iter().copied(), inner)?,
            Some(TypeDefKind::Flags(flags)) => {
                let words = flags.flags.len().div_ceil(32);
                let types = (words <= MAX_FLAT_PARAMS).then(|| vec![ValType::I32; words]);
                Flat { types, ..Flat::one(ValType::I32) }
            }
            Some(TypeDefKind::Variant(v)) => self.sum(v.cases.iter().map(|c| c.ty), inner)?,
            Some(TypeDefKind::Enum(_)) => Flat::one(ValType::I32),
            Some(TypeDefKind::Option(ty)) => self.sum([None, Some(*ty)], inner)?,
            Some(TypeDefKind::Result(r)) => self.sum([r.ok, r.err], inner)?,
            Some(TypeDefKind::List(ty)) => {
                let element = self.flat(*ty, inner)?;
                Flat::pair(self.pointer, &element)
            }
            Some(TypeDefKind::Map(key, value)) => {
                let entry = self.product([*key, *value], inner)?;
                Flat::pair(self.pointer, &entry)
            }
            Some(TypeDefKind::FixedLengthList(ty, length)) => {
                let element = self.flat(*ty, inner)?;
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                let types = element
                    .types
                    .filter(|types| types.len().saturating_mul(length) <= MAX_FLAT_PARAMS);
                Flat {
                    types: types.map(|types| types.repeat(length)),
                    bytes: element.bytes.saturating_mul(u64::try_from(length).unwrap_or(u64::MAX)),
                    ..element
                }
            }
            Some(TypeDefKind::Handle(_) | TypeDefKind::Resource) => Flat::one(ValType::I32),
            Some(TypeDefKind::Future(_)) => return Err(Problem::Async("future")),
            Some(TypeDefKind::Stream(_)) => return Err(Problem::Async("stream")),
            Some(TypeDefKind::Unknown) | None => return Err(Problem::Unknown),
        };
        flat.depth = flat.depth.saturating_add(1);
        if flat.nodes > MOST_NODES || flat.bytes > MOST_BYTES {
            return Err(Problem::Large);
        }
        self.known.insert(id, flat.clone());
        Ok(flat)
    }
}

fn join(a: ValType, b: ValType) -> ValType {
    match (a, b) {
        (a, b) if a == b => a,
        (ValType::I32 | ValType::F32, ValType::I32 | ValType::F32) => ValType::I32,
        _ => ValType::I64,
    }
}

enum Problem {
    Deep,
    Large,
    Async(&'static str),
    Unknown,
}

impl Problem {
    fn text(&self, user: &str) -> String {
        match self {
            Self::Deep => format!(
                "the types of the WIT {user} nest more than {DEEPEST} deep; use \
                 flatter types"
            ),
            Self::Large => format!(
                "a type in the WIT {user} is too large: it consists of more than \
                 {MOST_NODES} others, or a value of it takes more than {MOST_BYTES} bytes; use \
                 lists instead of repetition"
            ),
            Self::Async(ty) => format!(
                "the WIT {user} uses `{ty}`, which raw modules cannot have; use \
                 `list` or `result`, or build the module as a component"
            ),
            Self::Unknown => format!(
                "the WIT {user} uses a type that is defined nowhere; define it in \
                 the WIT text"
            ),
        }
    }
}
