//! A module so changed that all it does can be seen: each function is exported as one
//! without parameters that gives a number for all its results, and `state` gives one for
//! all globals and memories.

use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemArg,
    MemArgTarget, Module, RawSection, SectionId, TypeSection, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload};

/// The function that tells the state.
pub const STATE: &str = "state";

/// The name of the export of a function.
pub fn name(at: usize) -> String {
    format!("f{at}")
}

/// A module that can be seen, and how many functions it has.
#[derive(Clone, Debug)]
pub struct Wrapped {
    pub bytes: Vec<u8>,
    pub functions: usize,
}

/// What a module has.
#[derive(Default)]
struct Found {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    globals: Vec<wasmparser::ValType>,
    memories: Vec<wasmparser::MemoryType>,
    /// Sections as they are, but for those that are written anew.
    raw: Vec<(u8, std::ops::Range<usize>)>,
}

/// Changes a module that imports nothing. `choose` gives the arguments of its functions.
///
/// # Errors
///
/// If it cannot be read, or has more than what is understood here.
pub fn wrap(bytes: &[u8], choose: &mut dyn FnMut() -> u64) -> Result<Wrapped, String> {
    let found = Found::new(bytes).map_err(|error| error.to_string())?;
    let wrong = |error: wasm_encoder::reencode::Error| error.to_string();
    if found.functions.is_empty() {
        return Err("it has no functions".to_owned());
    }
    let mut reencoder = RoundtripReencoder;
    let mut module = Module::new();
    let nothing = u32::try_from(found.types.len()).map_err(|error| error.to_string())?;
    let count = found.functions.len();
    let mut sections: Vec<(u8, Option<std::ops::Range<usize>>)> =
        found.raw.iter().map(|(id, range)| (*id, Some(range.clone()))).collect();
    let exports = SectionId::Export as u8;
    let at = sections.iter().position(|(id, _)| order(*id) > order(exports));
    sections.insert(at.unwrap_or(sections.len()), (exports, None));
    for (id, range) in sections {
        let data = range.map(|range| bytes.get(range).unwrap_or_default());
        match (id, data) {
            (1, Some(data)) => {
                let mut types = TypeSection::new();
                types.ty().function([], [ValType::I64]);
                module.section(&RawSection { id, data: &more(data, &types)? });
            }
            (3, Some(data)) => {
                let mut functions = FunctionSection::new();
                for _ in 0..=count {
                    functions.function(nothing);
                }
                module.section(&RawSection { id, data: &more(data, &functions)? });
            }
            (7, None) => {
                let mut section = ExportSection::new();
                for at in 0..count {
                    section.export(&name(at), ExportKind::Func, (count + at) as u32);
                }
                section.export(STATE, ExportKind::Func, (2 * count) as u32);
                module.section(&section);
            }
            (10, Some(data)) => {
                let mut code = CodeSection::new();
                for (at, ty) in found.functions.iter().enumerate() {
                    let ty = found.types.get(*ty as usize).and_then(Option::as_ref);
                    let ty = ty.ok_or("a function has no type")?;
                    let function = caller(&mut reencoder, at as u32, ty, choose).map_err(wrong)?;
                    code.function(&function);
                }
                code.function(&state(&found));
                module.section(&RawSection { id, data: &more(data, &code)? });
            }
            (id, Some(data)) => {
                module.section(&RawSection { id, data });
            }
            (_, None) => {}
        }
    }
    Ok(Wrapped { bytes: module.finish(), functions: count })
}

/// Where a section stands among the others.
fn order(id: u8) -> u8 {
    match id {
        0 => 0,
        // The tags are between memories and globals, the count of data before the code.
        13 => 11,
        12 => 19,
        id => id * 2,
    }
}

/// A section with the items of another after its own.
fn more(data: &[u8], others: &impl wasm_encoder::Encode) -> Result<Vec<u8>, String> {
    let read = |data: &[u8]| -> Result<(u32, usize), String> {
        let mut reader = wasmparser::BinaryReader::new(data, 0);
        let count = reader.read_var_u32().map_err(|error| error.to_string())?;
        Ok((count, reader.current_position()))
    };
    // Its encoding begins with its length.
    let mut encoded = Vec::new();
    others.encode(&mut encoded);
    let (_, begin) = read(&encoded)?;
    let added = encoded.get(begin..).unwrap_or_default();
    let ((count, at), (extra, from)) = (read(data)?, read(added)?);
    let mut all = Vec::new();
    wasm_encoder::Encode::encode(&(count + extra), &mut all);
    all.extend(data.get(at..).unwrap_or_default());
    all.extend(added.get(from..).unwrap_or_default());
    Ok(all)
}

impl Found {
    fn new(bytes: &[u8]) -> Result<Found, wasmparser::BinaryReaderError> {
        let mut found = Found::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(types) => {
                    for group in types.clone() {
                        for ty in group?.types() {
                            found.types.push(match &ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => Some(ty.clone()),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions.clone() {
                        found.functions.push(ty?);
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.clone() {
                        found.globals.push(global?.ty.content_type);
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories.clone() {
                        found.memories.push(memory?);
                    }
                }
                Payload::ExportSection(_) | Payload::CustomSection(_) => continue,
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                found.raw.push((id, place(range.start)..place(range.end)));
            }
        }
        Ok(found)
    }
}

const MIX: i64 = 0x5851_f42d_4c95_7f2d;

/// The local in which a number is made of all that is seen, and one for what is mixed in.
struct Hash {
    sum: u32,
    next: u32,
    vector: u32,
}

impl Hash {
    /// Mixes in the value on the stack.
    fn add(&self, f: &mut Function, ty: wasmparser::ValType) {
        let mut i = f.instructions();
        match ty {
            wasmparser::ValType::I32 => drop(i.i64_extend_i32_u()),
            wasmparser::ValType::I64 => {}
            wasmparser::ValType::F32 => drop(i.i32_reinterpret_f32().i64_extend_i32_u()),
            wasmparser::ValType::F64 => drop(i.i64_reinterpret_f64()),
            wasmparser::ValType::V128 => {
                i.local_tee(self.vector).i64x2_extract_lane(0);
                i.local_get(self.vector).i64x2_extract_lane(1).i64_const(17).i64_rotl().i64_xor();
            }
            wasmparser::ValType::Ref(_) => drop(i.ref_is_null().i64_extend_i32_u()),
        }
        i.local_set(self.next);
        i.local_get(self.sum).i64_const(MIX).i64_mul().i64_const(29).i64_rotl();
        i.local_get(self.next).i64_xor().local_set(self.sum);
    }
}

/// A function that calls another with what is chosen.
fn caller(
    reencoder: &mut RoundtripReencoder,
    function: u32,
    ty: &FuncType,
    choose: &mut dyn FnMut() -> u64,
) -> Result<Function, wasm_encoder::reencode::Error> {
    let mut f = Function::new([(2, ValType::I64), (1, ValType::V128)]);
    for param in ty.params() {
        let bits = match choose() % 4 {
            0 => choose() % 70_000,
            _ => choose(),
        };
        let mut i = f.instructions();
        match param {
            wasmparser::ValType::I32 => drop(i.i32_const(bits as i32)),
            wasmparser::ValType::I64 => drop(i.i64_const(bits as i64)),
            // Of the NaNs the canonical one.
            wasmparser::ValType::F32 => {
                let float = f32::from_bits(bits as u32);
                let float = if float.is_nan() { f32::from_bits(0x7fc0_0000) } else { float };
                i.f32_const(float.into());
            }
            wasmparser::ValType::F64 => {
                let float = f64::from_bits(bits);
                let float = if float.is_nan() { f64::from_bits(0x7ff8 << 48) } else { float };
                i.f64_const(float.into());
            }
            wasmparser::ValType::V128 => {
                i.v128_const(i128::from(bits) << 64 | i128::from(choose()));
            }
            wasmparser::ValType::Ref(ty) => {
                let heap = reencoder.heap_type(ty.heap_type())?;
                i.ref_null(heap);
            }
        }
    }
    f.instructions().call(function);
    let hash = Hash { sum: 0, next: 1, vector: 2 };
    for result in ty.results().iter().rev() {
        hash.add(&mut f, *result);
    }
    f.instructions().local_get(hash.sum).end();
    Ok(f)
}

fn state(found: &Found) -> Function {
    let mut f = Function::new([(3, ValType::I64), (1, ValType::V128), (1, ValType::I32)]);
    let (hash, at, narrow) = (Hash { sum: 0, next: 1, vector: 3 }, 2, 4);
    for (global, ty) in found.globals.iter().enumerate() {
        f.instructions().global_get(global as u32);
        hash.add(&mut f, *ty);
    }
    for (index, memory) in found.memories.iter().enumerate() {
        let index = index as u32;
        f.instructions().memory_size(index);
        let size =
            if memory.memory64 { wasmparser::ValType::I64 } else { wasmparser::ValType::I32 };
        hash.add(&mut f, size);
        // Eight bytes at a time, from the end on.
        let mut i = f.instructions();
        i.memory_size(index);
        if !memory.memory64 {
            i.i64_extend_i32_u();
        }
        i.i64_const(16).i64_shl().local_set(at);
        i.block(BlockType::Empty).loop_(BlockType::Empty);
        i.local_get(at).i64_eqz().br_if(1);
        i.local_get(at).i64_const(8).i64_sub().local_set(at);
        i.local_get(at);
        if !memory.memory64 {
            i.i32_wrap_i64().local_tee(narrow);
        }
        let target = MemArgTarget::Memory(index);
        i.i64_load(MemArg { offset: 0, align: 3, target, ordering: None });
        hash.add(&mut f, wasmparser::ValType::I64);
        f.instructions().br(0).end().end();
    }
    f.instructions().local_get(hash.sum).end();
    f
}
