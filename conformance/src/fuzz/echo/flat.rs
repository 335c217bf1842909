//! The core values that a component value is, by the rules of the canonical ABI. It is
//! written here once more, so that a fault in the engine's own rules is seen.

use wippy::value::{Field, TypeDef, TypeId, Types};

/// A type of core values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    I32,
    I64,
    F32,
    F64,
}

impl Core {
    pub fn name(self) -> &'static str {
        match self {
            Core::I32 => "i32",
            Core::I64 => "i64",
            Core::F32 => "f32",
            Core::F64 => "f64",
        }
    }
}

/// Parameters beyond so many are in memory.
const MOST_PARAMS: usize = 16;

/// The signature of a core function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub params: Vec<Core>,
    pub result: Option<Core>,
    /// The parameters are in memory, and the first is where.
    pub spilled: bool,
    /// The result is in memory; a function that is imported is told where, by its last
    /// parameter, and one that is exported tells it.
    pub returned: bool,
}

/// The signature of an imported or of an exported function.
pub fn signature(
    types: &Types,
    params: &[TypeId],
    result: Option<TypeId>,
    pointer: Core,
    imported: bool,
) -> Signature {
    let mut flat = Vec::new();
    params.iter().for_each(|ty| flatten(types, *ty, pointer, &mut flat));
    let spilled = flat.len() > MOST_PARAMS;
    if spilled {
        flat = vec![pointer];
    }
    let mut results = Vec::new();
    if let Some(ty) = result {
        flatten(types, ty, pointer, &mut results);
    }
    let returned = results.len() > 1;
    let result = match (returned, imported) {
        (true, true) => {
            flat.push(pointer);
            None
        }
        (true, false) => Some(pointer),
        (false, _) => results.first().copied(),
    };
    Signature { params: flat, result, spilled, returned }
}

fn flatten(types: &Types, ty: TypeId, pointer: Core, out: &mut Vec<Core>) {
    let def = types.get(ty);
    if let Some(cases) = def.cases() {
        let mut all: Vec<Core> = Vec::new();
        for at in 0..cases.len() as u32 {
            let Some((_, Some(payload))) = cases.get(at) else { continue };
            let mut case = Vec::new();
            flatten(types, payload, pointer, &mut case);
            for (at, ty) in case.into_iter().enumerate() {
                match all.get_mut(at) {
                    Some(slot) => *slot = join(*slot, ty),
                    None => all.push(ty),
                }
            }
        }
        out.push(Core::I32);
        out.extend(all);
        return;
    }
    match def {
        TypeDef::Bool
        | TypeDef::S8
        | TypeDef::U8
        | TypeDef::S16
        | TypeDef::U16
        | TypeDef::S32
        | TypeDef::U32
        | TypeDef::Char
        | TypeDef::Flags(_)
        | TypeDef::Own(_)
        | TypeDef::Borrow(_)
        | TypeDef::Async(_) => out.push(Core::I32),
        TypeDef::S64 | TypeDef::U64 => out.push(Core::I64),
        TypeDef::F32 => out.push(Core::F32),
        TypeDef::F64 => out.push(Core::F64),
        TypeDef::String | TypeDef::List(_) | TypeDef::Map(..) => out.extend([pointer; 2]),
        TypeDef::FixedList(inner, length) => {
            for _ in 0..*length {
                flatten(types, *inner, pointer, out);
            }
        }
        TypeDef::Record(fields) => {
            fields.iter().for_each(|Field { ty, .. }| flatten(types, *ty, pointer, out));
        }
        TypeDef::Tuple(inner) => inner.iter().for_each(|ty| flatten(types, *ty, pointer, out)),
        TypeDef::Variant(_) | TypeDef::Enum(_) | TypeDef::Option(_) | TypeDef::Result { .. } => {
            unreachable!("these have cases")
        }
    }
}

fn join(a: Core, b: Core) -> Core {
    match (a, b) {
        (a, b) if a == b => a,
        (Core::I32 | Core::F32, Core::I32 | Core::F32) => Core::I32,
        _ => Core::I64,
    }
}
