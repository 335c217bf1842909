//! Changes to core modules before the interpreter sees them, each because of
//! something that the interpreter cannot do otherwise.
//!
//! * **Start functions.** wasmi runs a module's start function inside
//!   instantiation, where it cannot be suspended. The start section is taken out
//!   and the function exported, to be called like any other, in slices.
//! * **`table.grow`.** When it runs out of fuel, wasmi 2.0 forgets at which
//!   instruction it was and resumes after the last call (or at the beginning) of
//!   the function. So each use is moved into a function of its own, where the
//!   instruction after the last call is the `table.grow`. Very few modules have
//!   one, and the others are not touched.

use std::collections::BTreeMap;

use wasm_encoder::{
    CodeSection, Function, FunctionSection, Instruction, Module, RawSection, TypeSection,
    reencode::{self, Reencode},
};
use wasmparser::{Operator, Parser, Payload, TableType, TypeRef};

use super::error::LoadError;

/// The module without its start section and with the function `start` exported
/// as `name`.
pub(super) fn export_start(bytes: &[u8], start: u32, name: &str) -> Result<Vec<u8>, LoadError> {
    let mut module = Module::new();
    let mut exports = wasm_encoder::ExportSection::new();
    let mut done = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::ExportSection(section) = &payload {
            reencode::RoundtripReencoder
                .parse_export_section(&mut exports, section.clone())
                .map_err(malformed)?;
            continue;
        }
        if let Payload::StartSection { .. } = payload {
            exports.export(name, wasm_encoder::ExportKind::Func, start);
            module.section(&exports);
            done = true;
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let data = usize::try_from(range.start)
                .ok()
                .zip(usize::try_from(range.end).ok())
                .and_then(|(start, end)| bytes.get(start..end))
                .ok_or_else(|| LoadError::new("a section lies outside of its module"))?;
            module.section(&RawSection { id, data });
        }
    }
    match done {
        true => Ok(module.finish()),
        false => Err(LoadError::new("the module has lost its start section")),
    }
}

fn malformed(error: reencode::Error) -> LoadError {
    LoadError::new(format!("a core module cannot be rewritten: {error}"))
}

/// Whether a function body may contain a `table.grow`: a prefix byte, then 15 as
/// a LEB128 number, which may be padded. The bytes may also mean something else.
pub(super) fn may_grow_tables(body: &[u8]) -> bool {
    memchr::memchr_iter(0xfc, body).any(|at| matches!(body.get(at + 1), Some(0x0f | 0x8f)))
}

/// The module with each `table.grow` in a function of its own.
pub(super) fn guard_table_grow(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let Some(mut guard) = Guard::new(bytes)? else { return Ok(bytes.to_vec()) };
    let mut module = Module::new();
    guard.parse_core_module(&mut module, Parser::new(0), bytes).map_err(malformed)?;
    Ok(module.finish())
}

/// Adds, behind all that the module has, a function that does nothing and one
/// function for each table that is grown.
struct Guard {
    types: u32,
    funcs: u32,
    /// The tables that are grown.
    tables: BTreeMap<u32, TableType>,
}

impl Guard {
    /// `None` if nothing has to be done.
    fn new(bytes: &[u8]) -> Result<Option<Guard>, LoadError> {
        let mut guard = Guard { types: 0, funcs: 0, tables: BTreeMap::new() };
        let mut tables = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => guard.types = section.count(),
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                                guard.funcs = guard.funcs.saturating_add(1);
                            }
                            TypeRef::Table(ty) => tables.push(ty),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    guard.funcs = guard.funcs.saturating_add(section.count());
                }
                Payload::TableSection(section) => {
                    for table in section {
                        tables.push(table?.ty);
                    }
                }
                Payload::CodeSectionEntry(body) if may_grow_tables(body.as_bytes()) => {
                    for operator in body.get_operators_reader()? {
                        if let Operator::TableGrow { table } = operator? {
                            let ty = tables.get(table as usize);
                            let ty = ty.ok_or_else(|| LoadError::new("unknown table"))?;
                            guard.tables.insert(table, *ty);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok((!guard.tables.is_empty()).then_some(guard))
    }

    /// The index of the function that grows `table`.
    fn helper(&self, table: u32) -> Option<u32> {
        let position = self.tables.keys().position(|key| *key == table)?;
        self.funcs.checked_add(1)?.checked_add(u32::try_from(position).ok()?)
    }
}

impl Reencode for Guard {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        for ty in self.tables.clone().into_values() {
            let index = match ty.table64 {
                true => wasm_encoder::ValType::I64,
                false => wasm_encoder::ValType::I32,
            };
            let element = wasm_encoder::ValType::Ref(self.ref_type(ty.element_type)?);
            types.ty().function([element, index], [index]);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_function_section(self, functions, section)?;
        for (offset, _) in (0u32..=u32::MAX).zip(0..=self.tables.len()) {
            functions.function(self.types.saturating_add(offset));
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_code_section(self, code, section)?;
        let mut nothing = Function::new([]);
        nothing.instruction(&Instruction::End);
        code.function(&nothing);
        for table in self.tables.keys() {
            let mut grow = Function::new([]);
            grow.instruction(&Instruction::Call(self.funcs))
                .instruction(&Instruction::LocalGet(0))
                .instruction(&Instruction::LocalGet(1))
                .instruction(&Instruction::TableGrow(*table))
                .instruction(&Instruction::End);
            code.function(&grow);
        }
        Ok(())
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, reencode::Error> {
        if let Operator::TableGrow { table } = operator
            && let Some(helper) = self.helper(table)
        {
            return Ok(Instruction::Call(helper));
        }
        reencode::utils::instruction(self, operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_function_becomes_an_export() {
        let wat = r#"(module (func $f) (start $f) (func (export "g")))"#;
        let bytes = wat::parse_str(wat).unwrap();
        let bytes = export_start(&bytes, 0, "begin").unwrap();
        wasmparser::validate(&bytes).unwrap();
        let text = format!("{:?}", Parser::new(0).parse_all(&bytes).collect::<Vec<_>>());
        assert!(!text.contains("StartSection"), "{text}");
    }

    #[test]
    fn table_grow_is_moved_out_and_the_rest_stays() {
        let wat = r#"(module
            (import "a" "b" (func))
            (table $t 1 10 funcref)
            (func (export "grow") (param i32) (result i32)
                (table.grow $t (ref.null func) (local.get 0))))"#;
        let bytes = guard_table_grow(&wat::parse_str(wat).unwrap()).unwrap();
        wasmparser::validate(&bytes).unwrap();
        let guard = Guard::new(&bytes).unwrap().unwrap();
        assert_eq!((guard.types, guard.funcs), (4, 4));
    }
}
