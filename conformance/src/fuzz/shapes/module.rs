//! A module with functions of our own shapes, that imports nothing.

use arbitrary::Unstructured;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements,
    FunctionSection, GlobalSection, GlobalType, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

use super::code::Code;

/// What the functions can speak of.
#[derive(Clone, Debug)]
pub struct Around {
    /// The signatures, one for each function.
    pub signatures: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// The type of each global; the first counts down.
    pub globals: Vec<ValType>,
    /// The memories; whether addresses are of 64 bits.
    pub memories: Vec<bool>,
    /// Pieces of data that are passive.
    pub data: u32,
    /// Elements of the only table.
    pub elements: u32,
}

/// The types of values.
const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// Calls and rounds of loops until a module ends itself.
const FUEL: i32 = 3_000;

pub fn one_of(bytes: &mut Unstructured<'_>) -> ValType {
    *bytes.choose(&TYPES).unwrap_or(&ValType::I32)
}

/// A module that bytes choose.
pub fn module(bytes: &mut Unstructured<'_>) -> Vec<u8> {
    let mut below = |n: usize| bytes.int_in_range(0..=n).unwrap_or(0);
    let (functions, globals, memories) = (1 + below(5), below(4), 1 + below(2));
    let pages: Vec<(u64, u64)> =
        (0..memories).map(|_| (1 + below(1) as u64, 2 + below(14) as u64)).collect();
    let wide: Vec<bool> = (0..memories).map(|_| below(3) == 3).collect();
    let elements = 8 + below(8) as u32;
    let mut signatures = Vec::new();
    for _ in 0..functions {
        let of = |bytes: &mut Unstructured<'_>, most: usize| {
            let count = bytes.int_in_range(0..=most).unwrap_or(0);
            (0..count).map(|_| one_of(bytes)).collect::<Vec<_>>()
        };
        // Results that are alike are what tail calls need.
        let results = match bytes.ratio(1, 2).unwrap_or(false) {
            true => vec![ValType::I32],
            false => of(bytes, 2),
        };
        signatures.push((of(bytes, 5), results));
    }
    let mut all = vec![ValType::I32];
    all.extend((0..globals).map(|_| one_of(bytes)));
    let around = Around { signatures, globals: all, memories: wide, data: 2, elements };
    encode(bytes, &around, &pages)
}

fn encode(bytes: &mut Unstructured<'_>, around: &Around, pages: &[(u64, u64)]) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    for (at, (params, results)) in around.signatures.iter().enumerate() {
        types.ty().function(params.iter().copied(), results.iter().copied());
        functions.function(at as u32);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: around.elements.into(),
        maximum: Some(32),
        shared: false,
    });
    let mut memories = MemorySection::new();
    for (memory64, (minimum, most)) in around.memories.iter().zip(pages) {
        memories.memory(MemoryType {
            minimum: *minimum,
            maximum: Some((*most).max(*minimum)),
            memory64: *memory64,
            shared: false,
            page_size_log2: None,
        });
    }
    let mut globals = GlobalSection::new();
    for (at, val_type) in around.globals.iter().enumerate() {
        let init = match val_type {
            ValType::I32 => ConstExpr::i32_const(if at == 0 { FUEL } else { -7 }),
            ValType::I64 => ConstExpr::i64_const(1 << 40),
            ValType::F32 => ConstExpr::f32_const(1.5.into()),
            ValType::F64 => ConstExpr::f64_const((-0.0).into()),
            ValType::V128 => ConstExpr::v128_const(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            ValType::Ref(_) => continue,
        };
        globals.global(GlobalType { val_type: *val_type, mutable: true, shared: false }, &init);
    }
    // Some places of the table are left empty.
    let mut elements = ElementSection::new();
    let indices: Vec<u32> =
        (0..around.elements.min(6)).map(|at| at % around.signatures.len() as u32).collect();
    elements.active(None, &ConstExpr::i32_const(1), Elements::Functions(indices.into()));
    let mut code = CodeSection::new();
    for at in 0..around.signatures.len() {
        code.function(&Code::function(bytes, around, at));
    }
    let mut data = DataSection::new();
    let some: Vec<u8> = (0..64u8).map(|at| at.wrapping_mul(37)).collect();
    for _ in 0..around.data {
        data.passive(some.iter().copied());
    }
    let at = match around.memories.first() {
        Some(true) => ConstExpr::i64_const(256),
        _ => ConstExpr::i32_const(256),
    };
    data.active(0, &at, some);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&elements)
        .section(&DataCountSection { count: around.data + 1 })
        .section(&code)
        .section(&data);
    module.finish()
}
