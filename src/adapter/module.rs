//! Reads as much of a core module as the adapter has to know: what it imports
//! and exports, with types, and the names of parameters for those modules that
//! come without WIT. Function bodies are skipped, not looked at; whether they
//! are valid is found out where they are translated.

use super::error::{AdaptError, AdaptErrorKind, quote};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};
use wasmparser::{
    Chunk, CompositeInnerType, Encoding, ExternalKind, FuncType, Imports, KnownCustom, Name,
    Parser, Payload, TypeRef, ValType, WasmFeatures,
};

/// Modules above this size cannot be nested in a component.
const LARGEST: usize = 1 << 30;

/// A core module, as far as the adapter looks at it.
#[derive(Default)]
pub(super) struct CoreModule<'a> {
    pub imports: Vec<CoreImportItem<'a>>,
    /// Exported functions, in the order of the export section.
    pub functions: Vec<CoreExport<'a>>,
    by_name: HashMap<&'a str, usize>,
    /// The exported memory called `memory`.
    pub memory: Option<Memory>,
    /// Names of exported memories, for messages.
    pub memories: Vec<&'a str>,
    /// Parameter names by function index, from the name section.
    parameter_names: HashMap<u32, Vec<(u32, &'a str)>>,
}

/// An imported item of a core module.
pub(super) struct CoreImportItem<'a> {
    pub module: &'a str,
    pub name: &'a str,
    /// The name under which the component gives it to the module, where an import
    /// before it has the same names: a component has no two of the same.
    pub alias: Option<String>,
    pub ty: ImportType,
}

/// The kind of the item.
pub(super) enum ImportType {
    Func(FuncType),
    /// Anything else: "memory", "table", "global" or "tag".
    Other(&'static str),
}

/// An exported function.
pub(super) struct CoreExport<'a> {
    pub name: &'a str,
    pub index: u32,
    pub ty: FuncType,
    /// True if the type stands alone: types in a recursion group or with
    /// supertypes (garbage-collected languages have them) differ from all others
    /// even if they look the same.
    pub plain: bool,
}

/// The memory that strings and lists live in.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub memory64: bool,
    pub shared: bool,
}

impl<'a> CoreModule<'a> {
    /// Reads `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, AdaptError> {
        if bytes.len() >= LARGEST {
            return Err(broken(format!(
                "the module has {} bytes, more than the {LARGEST} that a component can hold",
                bytes.len()
            )));
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(broken(
                "found something else than WebAssembly: a module begins with the bytes 00 61 73 6d",
            ));
        }
        let mut reader = Reader::default();
        reader.run(bytes).map_err(|problem| match problem {
            Problem::Format(e) => broken(format!(
                "the module is damaged or cut short: {} (at byte {:#x}); build or copy it again",
                e.message(),
                e.offset()
            )),
            Problem::Text(text) => broken(text),
        })?;
        reader.finish()
    }

    /// The exported function `name`.
    pub(super) fn function(&self, name: &str) -> Option<&CoreExport<'a>> {
        self.by_name.get(name).and_then(|i| self.functions.get(*i))
    }

    /// The names given to the first parameters of a function, by position.
    pub(super) fn parameter_names(&self, function: u32) -> &[(u32, &'a str)] {
        self.parameter_names.get(&function).map_or(&[], Vec::as_slice)
    }

    /// The core type of a pointer into `memory`.
    pub(super) fn pointer(&self) -> ValType {
        match self.memory {
            Some(Memory { memory64: true, .. }) => ValType::I64,
            _ => ValType::I32,
        }
    }
}

fn broken(text: impl Into<String>) -> AdaptError {
    AdaptError::new(AdaptErrorKind::Module, text)
}

/// Prints a core signature as the text format does: `(func (param i32))`.
pub(super) struct Signature<'a> {
    pub params: &'a [ValType],
    pub results: &'a [ValType],
}

impl<'a> Signature<'a> {
    pub(super) fn of(ty: &'a FuncType) -> Self {
        Self { params: ty.params(), results: ty.results() }
    }
}

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Core functions may have a thousand parameters; nobody reads those.
        const SHOWN: usize = 24;
        f.write_str("(func")?;
        for (word, types) in [("param", self.params), ("result", self.results)] {
            if types.is_empty() {
                continue;
            }
            write!(f, " ({word}")?;
            for ty in types.iter().take(SHOWN) {
                write!(f, " {ty}")?;
            }
            if let Some(more) = types.len().checked_sub(SHOWN).filter(|n| *n > 0) {
                write!(f, " ...{more} more")?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

enum Problem {
    Format(wasmparser::Error),
    Text(String),
}

impl From<wasmparser::Error> for Problem {
    fn from(e: wasmparser::Error) -> Self {
        Self::Format(e)
    }
}

#[derive(Default)]
struct Reader<'a> {
    module: CoreModule<'a>,
    /// Function types, and whether they stand alone.
    types: Vec<Option<(FuncType, bool)>>,
    /// Type index of each function, imported ones first.
    functions: Vec<u32>,
    memories: Vec<Memory>,
    exports: Vec<(&'a str, ExternalKind, u32)>,
}

impl<'a> Reader<'a> {
    fn run(&mut self, mut data: &'a [u8]) -> Result<(), Problem> {
        let mut parser = Parser::new(0);
        parser.set_features(WasmFeatures::all());
        loop {
            let (payload, consumed) = match parser.parse(data, true)? {
                Chunk::Parsed { payload, consumed } => (payload, consumed),
                Chunk::NeedMoreData(_) => {
                    return Err(Problem::Text(
                        "the module is cut short; build or copy it again".into(),
                    ));
                }
            };
            data = data.get(consumed..).unwrap_or_default();
            match payload {
                Payload::Version { encoding: Encoding::Component, .. } => {
                    return Err(Problem::Text(
                        "found a component, expected a core module: components bring their own \
                         types; remove the `wit` text and use the file as it is"
                            .into(),
                    ));
                }
                Payload::CodeSectionStart { size, .. } => {
                    parser.skip_section();
                    data =
                        usize::try_from(size).ok().and_then(|size| data.get(size..)).ok_or_else(
                            || Problem::Text("the module is cut short in its code section".into()),
                        )?;
                }
                Payload::End(_) => return Ok(()),
                payload => self.payload(payload)?,
            }
        }
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Problem> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let group = group?;
                    let alone = !group.is_explicit_rec_group();
                    for ty in group.into_types() {
                        let plain = alone && ty.is_final && ty.supertype_idxs.is_empty();
                        self.types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some((ty, plain)),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for imports in section {
                    let import = match imports? {
                        Imports::Single(_, import) => import,
                        Imports::Compact1 { module, .. } | Imports::Compact2 { module, .. } => {
                            return Err(Problem::Text(format!(
                                "the imports from {} are in the compact form of the \
                                 `compact-imports` proposal, which this engine does not have; \
                                 build the module without it",
                                quote(module)
                            )));
                        }
                    };
                    let ty = match import.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            match self.func_type(ty)? {
                                (ty, true) => ImportType::Func(ty),
                                (_, false) => {
                                    ImportType::Other("function with a type of a recursion group")
                                }
                            }
                        }
                        TypeRef::FuncExact(ty) => {
                            self.functions.push(ty);
                            ImportType::Other("function with an exact type")
                        }
                        TypeRef::Memory(ty) => {
                            self.memories.push(Memory { memory64: ty.memory64, shared: ty.shared });
                            ImportType::Other("memory")
                        }
                        TypeRef::Table(_) => ImportType::Other("table"),
                        TypeRef::Global(_) => ImportType::Other("global"),
                        TypeRef::Tag(_) => ImportType::Other("exception tag"),
                    };
                    let (module, name) = (import.module, import.name);
                    self.module.imports.push(CoreImportItem { module, name, alias: None, ty });
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    let ty = ty?;
                    self.memories.push(Memory { memory64: ty.memory64, shared: ty.shared });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::CustomSection(section) => {
                // A broken name section breaks nothing but names.
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names {
                        let Ok(name) = name else { break };
                        if let Name::Local(functions) = name {
                            self.locals(functions);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn locals(&mut self, functions: wasmparser::IndirectNameMap<'a>) {
        for function in functions {
            let Ok(function) = function else { return };
            let mut names = Vec::new();
            for local in function.names {
                let Ok(local) = local else { return };
                // Locals follow the parameters; sixteen is all that is used.
                if local.index < 16 && names.len() < 16 {
                    names.push((local.index, local.name));
                }
            }
            self.module.parameter_names.insert(function.index, names);
        }
    }

    fn func_type(&self, index: u32) -> Result<(FuncType, bool), Problem> {
        usize::try_from(index)
            .ok()
            .and_then(|i| self.types.get(i))
            .and_then(Clone::clone)
            .ok_or_else(|| {
                Problem::Text(format!(
                    "the module is damaged: a function has type {index}, which is not a function \
                     type of the module"
                ))
            })
    }

    fn finish(mut self) -> Result<CoreModule<'a>, AdaptError> {
        name_duplicates(&mut self.module.imports);
        for (name, kind, index) in std::mem::take(&mut self.exports) {
            let position = usize::try_from(index).unwrap_or(usize::MAX);
            let missing = |what: &str| {
                broken(format!(
                    "the module is damaged: its export {} is {what} {index}, which does not exist",
                    quote(name)
                ))
            };
            match kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let ty = *self.functions.get(position).ok_or_else(|| missing("function"))?;
                    let (ty, plain) =
                        self.func_type(ty).map_err(|_| missing("a function of type"))?;
                    let slot = self.module.functions.len();
                    if self.module.by_name.insert(name, slot).is_some() {
                        return Err(broken(format!(
                            "the module is damaged: it exports {} twice",
                            quote(name)
                        )));
                    }
                    self.module.functions.push(CoreExport { name, index, ty, plain });
                }
                ExternalKind::Memory => {
                    let memory = *self.memories.get(position).ok_or_else(|| missing("memory"))?;
                    if name == "memory" {
                        self.module.memory = Some(memory);
                    }
                    self.module.memories.push(name);
                }
                _ => {}
            }
        }
        Ok(self.module)
    }
}

/// Gives names to the imports that have those of one before.
fn name_duplicates(imports: &mut [CoreImportItem<'_>]) {
    let all: HashSet<_> = imports.iter().map(|import| (import.module, import.name)).collect();
    if all.len() == imports.len() {
        return;
    }
    // How often each has been seen, and the last number given to it.
    let mut seen: HashMap<_, usize> = HashMap::new();
    for import in imports {
        let (module, name) = (import.module, import.name);
        let Some(number) = seen.get_mut(&(module, name)) else {
            seen.insert((module, name), 1);
            continue;
        };
        import.alias = loop {
            *number += 1;
            let alias = format!("{name} {number}");
            if !all.contains(&(module, alias.as_str())) {
                break Some(alias);
            }
        };
    }
}
