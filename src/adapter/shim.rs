//! The small core modules that stand around the adapted one.
//!
//! *Shim and fixup.* A function that takes a string must know the memory that
//! the string is in, and that memory only exists once the module is
//! instantiated, which needs its imports first. So such an import is at first an
//! empty slot: the shim exports functions that call through a table, the module
//! is instantiated with those, and the fixup fills the table with the real
//! functions, made with the module's memory. A module whose own start function
//! calls such an import traps. Linking takes the detour out again where it can.
//!
//! *Trap.* Exports functions that are nothing but `unreachable`, for imports
//! whose types no component function can have.
//!
//! *Start.* Calls the module's initializer as its start function, so that it
//! runs like any instantiation, in slices.

use super::error::AdaptError;
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, HeapType, ImportSection, Module, RefType, StartSection,
    TableSection, TableType, TypeSection, ValType,
};
use wasmparser::FuncType;

/// The name under which shim and fixup share the table.
pub(super) const TABLE: &str = "$imports";

/// The export name of slot `i`.
pub(super) fn slot(i: usize) -> String {
    i.to_string()
}

/// The shim for functions of these types.
pub(super) fn shim(types: &[&FuncType]) -> Result<Module, AdaptError> {
    let mut parts = Parts::default();
    for (i, ty) in types.iter().enumerate() {
        let index = parts.function(ty)?;
        let mut body = Function::new([]);
        for local in (0u32..).take(ty.params().len()) {
            body.instructions().local_get(local);
        }
        body.instructions().i32_const(index.cast_signed()).call_indirect(0, index).end();
        parts.code.function(&body);
        parts.exports.export(&slot(i), ExportKind::Func, index);
    }
    let mut tables = TableSection::new();
    tables.table(table_type(types.len()));
    parts.exports.export(TABLE, ExportKind::Table, 0);
    let mut module = Module::new();
    module.section(&parts.types).section(&parts.functions).section(&tables);
    module.section(&parts.exports).section(&parts.code);
    Ok(module)
}

/// The fixup for the shim of the same types. Its imports come from a module with
/// an empty name.
pub(super) fn fixup(types: &[&FuncType]) -> Result<Module, AdaptError> {
    let mut parts = Parts::default();
    let mut imports = ImportSection::new();
    let mut indices = Vec::with_capacity(types.len());
    for (i, ty) in types.iter().enumerate() {
        let index = parts.ty(ty)?;
        imports.import("", &slot(i), EntityType::Function(index));
        indices.push(index);
    }
    imports.import("", TABLE, EntityType::Table(table_type(types.len())));
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(indices.into()));
    let mut module = Module::new();
    module.section(&parts.types).section(&imports).section(&elements);
    Ok(module)
}

/// A module that exports one trapping function per type.
pub(super) fn trap(types: &[&FuncType]) -> Result<Module, AdaptError> {
    let mut parts = Parts::default();
    for (i, ty) in types.iter().enumerate() {
        let index = parts.function(ty)?;
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        parts.code.function(&body);
        parts.exports.export(&slot(i), ExportKind::Func, index);
    }
    let mut module = Module::new();
    module.section(&parts.types).section(&parts.functions);
    module.section(&parts.exports).section(&parts.code);
    Ok(module)
}

/// A module whose start function is its one import, `""` `""`.
pub(super) fn start() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import("", "", EntityType::Function(0));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&StartSection { function_index: 0 });
    module
}

fn table_type(len: usize) -> TableType {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: len,
        maximum: Some(len),
        shared: false,
    }
}

/// Sections under construction. Function `i` has type `i`: sharing types would
/// save a few bytes and cost a map.
#[derive(Default)]
struct Parts {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
}

impl Parts {
    fn ty(&mut self, ty: &FuncType) -> Result<u32, AdaptError> {
        let side = |types: &[wasmparser::ValType]| {
            types.iter().map(|ty| val_type(*ty)).collect::<Result<Vec<_>, _>>()
        };
        let (params, results) = (side(ty.params())?, side(ty.results())?);
        let index = self.types.len();
        self.types.ty().function(params, results);
        Ok(index)
    }

    fn function(&mut self, ty: &FuncType) -> Result<u32, AdaptError> {
        let index = self.ty(ty)?;
        self.functions.function(index);
        Ok(index)
    }
}

fn val_type(ty: wasmparser::ValType) -> Result<ValType, AdaptError> {
    use wasmparser::ValType as V;
    Ok(match ty {
        V::I32 => ValType::I32,
        V::I64 => ValType::I64,
        V::F32 => ValType::F32,
        V::F64 => ValType::F64,
        V::V128 => ValType::V128,
        V::Ref(ty) => {
            let heap_type = match ty.heap_type() {
                wasmparser::HeapType::Abstract {
                    shared: false,
                    ty: wasmparser::AbstractHeapType::Func,
                } => HeapType::FUNC,
                wasmparser::HeapType::Abstract {
                    shared: false,
                    ty: wasmparser::AbstractHeapType::Extern,
                } => HeapType::EXTERN,
                _ => {
                    return Err(AdaptError::new(
                        super::error::AdaptErrorKind::Import,
                        format!(
                            "the module imports a function that takes or gives {ty}, which does \
                             not exist outside the module; use i32, i64, f32 or f64"
                        ),
                    ));
                }
            };
            ValType::Ref(RefType { nullable: ty.is_nullable(), heap_type })
        }
    })
}
