//! Values of any type: as text, as JSON, as bytes, and through a guest that gives back
//! what it is given.

use std::{fmt::Write, sync::Arc};

use arbitrary::Unstructured;
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Instruction, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};
use wippy::{
    adapter::{AdaptOptions, adapt},
    command::{Command, HostCall, Reply},
    component::{Component, Engine, LinkedComponent, Linker},
    process::{self, Call, Fuel, WasmProcess},
    value::{Type, TypeDef, TypeId, Types, Value, check, json, term, wave},
};
use wit_parser::{
    Resolve,
    abi::{AbiVariant, WasmSignature, WasmType},
};

use super::generate::{self, Kinds};

pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut types = Types::default();
    let kinds = Kinds { maps: true, ..Kinds::default() };
    let id = generate::ty(&mut types, &mut bytes, 0, kinds);
    let ty = Type::new(Arc::new(types), id);
    let Some(value) = generate::value(&ty, &mut bytes) else { return };
    check(&ty, &value).expect("a value is of its type");

    let text = wave::format(&ty, &value).expect("a value can be written");
    assert_eq!(wave::parse(&ty, &text).as_ref(), Ok(&value), "{text}");
    let written = json::to_json(&ty, &value).expect("a value can be written as JSON");
    assert_eq!(json::from_json(&ty, &written).as_ref(), Ok(&value), "{written}");
    let told = term::from_value(&ty, &value).expect("a value can be told");
    // A term says less than a type does: an option in an option is none, say.
    if let Ok(back) = term::to_value(&ty, &told) {
        assert_eq!(term::from_value(&ty, &back).as_ref(), Ok(&told), "{told:?}");
    }

    let guest = echo(&ty);
    for slice in [1_000, 1_000_000] {
        assert_eq!(through(&guest, &value, slice), value, "{text} in slices of {slice}");
    }
}

/// A value, given to the guest, given by the guest to the host, and all the way back.
fn through(guest: &LinkedComponent, value: &Value, slice: u64) -> Value {
    let call = Call::new("demo:echo/it#echo", vec![value.clone()]);
    let mut process = WasmProcess::start(guest, call.into()).expect("it can be called");
    let outcome = process::run(&mut process, Fuel(slice), |command| match command {
        Command::Call(HostCall { mut args, .. }) => Reply::Value(args.pop()),
        other => panic!("it asks for {other:?}"),
    });
    outcome.expect("it ends well").expect("it has a result")
}

/// WIT with a function that takes and returns a value of this type.
fn wit(ty: &Type) -> String {
    let mut text = "package demo:echo;\ninterface it {\n".to_owned();
    for (id, def) in ty.types().iter() {
        let name = |id: &TypeId| named(ty, *id);
        let own = named(ty, id);
        let parts = match def {
            TypeDef::Record(fields) => {
                let parts =
                    fields.iter().map(|field| format!("{}: {}", field.name, name(&field.ty)));
                ("record", parts.collect::<Vec<_>>())
            }
            TypeDef::Variant(cases) => {
                let parts = cases.iter().map(|case| match &case.ty {
                    Some(ty) => format!("{}({})", case.name, name(ty)),
                    None => case.name.to_string(),
                });
                ("variant", parts.collect())
            }
            TypeDef::Enum(labels) => ("enum", labels.iter().map(ToString::to_string).collect()),
            TypeDef::Flags(labels) => ("flags", labels.iter().map(ToString::to_string).collect()),
            _ => continue,
        };
        writeln!(text, "  {} {own} {{ {} }}", parts.0, parts.1.join(", ")).expect("text grows");
    }
    let of = named(ty, ty.id());
    writeln!(text, "  echo: func(it: {of}) -> {of};\n}}").expect("text grows");
    text
}

/// A type as it is written in WIT.
pub fn named(ty: &Type, id: TypeId) -> String {
    let name = |id: &TypeId| named(ty, *id);
    let or_none = |id: &Option<TypeId>| id.as_ref().map_or("_".to_owned(), name);
    match ty.types().get(id) {
        TypeDef::Record(_) | TypeDef::Variant(_) | TypeDef::Enum(_) | TypeDef::Flags(_) => {
            format!("t{}", id.index())
        }
        TypeDef::List(inner) => format!("list<{}>", name(inner)),
        TypeDef::FixedList(inner, length) => format!("list<{}, {length}>", name(inner)),
        TypeDef::Map(key, value) => format!("map<{}, {}>", name(key), name(value)),
        TypeDef::Tuple(types) => {
            format!("tuple<{}>", types.iter().map(name).collect::<Vec<_>>().join(", "))
        }
        TypeDef::Option(inner) => format!("option<{}>", name(inner)),
        TypeDef::Result { ok: None, err: None } => "result".to_owned(),
        TypeDef::Result { ok, err: None } => format!("result<{}>", or_none(ok)),
        TypeDef::Result { ok, err } => format!("result<{}, {}>", or_none(ok), or_none(err)),
        _ => ty.types().display(id).to_string(),
    }
}

/// A component that hands what it is given to the host, and back what the host returns.
fn echo(ty: &Type) -> LinkedComponent {
    let package = wit(ty);
    let mut resolve = Resolve::default();
    let id = resolve.push_str("echo.wit", &package).expect("the WIT is in order");
    let (_, interface) = resolve.packages[id].interfaces.first().expect("there is one");
    let function = &resolve.interfaces[*interface].functions["echo"];
    let export = resolve.wasm_signature(AbiVariant::GuestExport, function);
    let import = resolve.wasm_signature(AbiVariant::GuestImport, function);
    let document = format!("{package}\nworld w {{ import it; export it; }}");
    let options = AdaptOptions { wit: Some(&document), packages: &[] };
    let adapted = adapt(&module(&export, &import), &options)
        .unwrap_or_else(|error| panic!("the guest is not adapted: {error}\n{document}"));
    let mut linker = Linker::default();
    linker.declare(&package).expect("the host has the same WIT");
    linker.suspending("demo:echo/it", "echo").expect("the function is there");
    Component::new(&Engine::default(), adapted.component)
        .unwrap_or_else(|error| panic!("the guest is not loaded: {error}\n{document}"))
        .link(&linker)
        .expect("it is linked")
}

/// Where the host returns what does not fit into a result.
const RETURNED: i32 = 16;

/// Pages of the guest's memory. What it is given to hold comes from the second on.
const PAGES: u64 = 64;

fn module(export: &WasmSignature, import: &WasmSignature) -> Vec<u8> {
    let of = |types: &[WasmType]| types.iter().map(core).collect::<Vec<_>>();
    let mut types = TypeSection::new();
    types.ty().function(of(&import.params), of(&import.results));
    types.ty().function(of(&export.params), of(&export.results));
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("demo:echo/it", "echo", wasm_encoder::EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1).function(2);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: PAGES,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let free = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(free, &ConstExpr::i32_const(64 << 10));
    let mut exports = ExportSection::new();
    exports
        .export("demo:echo/it#echo", ExportKind::Func, 1)
        .export("cabi_realloc", ExportKind::Func, 2)
        .export("memory", ExportKind::Memory, 0);

    let mut echo = Function::new([]);
    for at in 0..export.params.len() as u32 {
        echo.instruction(&Instruction::LocalGet(at));
    }
    if import.retptr {
        echo.instruction(&Instruction::I32Const(RETURNED));
    }
    echo.instruction(&Instruction::Call(0));
    if export.retptr {
        echo.instruction(&Instruction::I32Const(RETURNED));
    }
    echo.instruction(&Instruction::End);

    // (free + align - 1) & -align, and so many bytes from there.
    let mut realloc = Function::new([(1, ValType::I32)]);
    realloc
        .instructions()
        .global_get(0)
        .local_get(2)
        .i32_add()
        .i32_const(1)
        .i32_sub()
        .i32_const(0)
        .local_get(2)
        .i32_sub()
        .i32_and()
        .local_tee(4)
        .local_get(3)
        .i32_add()
        .global_set(0)
        .local_get(4)
        .end();
    let mut code = CodeSection::new();
    code.function(&echo).function(&realloc);

    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

fn core(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
