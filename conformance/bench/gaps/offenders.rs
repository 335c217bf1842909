//! What holds a thread, or would: guests as text, and modules that are made.

use wasm_encoder::{
    CodeSection, DataSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

/// Runs for ever, and does nothing else.
pub const LOOP: &str = r#"(module (func (export "run") (loop $on (br $on))))"#;

/// Pages of 500 MB.
const LARGE: u32 = 7_630;

/// Grows to so many pages, a few at a time, then does `work` for ever.
fn grown(pages: u32, work: &str) -> String {
    format!(
        r#"(module
          (memory (export "memory") 1)
          (func (export "run")
            (loop $grow
              (if (i32.eq (memory.grow (i32.const 70)) (i32.const -1)) (then (unreachable)))
              (br_if $grow (i32.lt_u (memory.size) (i32.const {pages}))))
            (loop $on {work} (br $on))))"#
    )
}

pub fn fill() -> String {
    grown(LARGE, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 500000000))")
}

pub fn copy() -> String {
    grown(LARGE, "(memory.copy (i32.const 1) (i32.const 0) (i32.const 499999999))")
}

/// A segment of 64 MB, again and again.
pub fn init() -> Vec<u8> {
    const BYTES: u32 = 64_000_000;
    let mut data = DataSection::new();
    data.passive(std::iter::repeat_n(7, BYTES as usize));
    let mut run = Function::new([]);
    run.instructions()
        .loop_(wasm_encoder::BlockType::Empty)
        .i32_const(0)
        .i32_const(0)
        .i32_const(BYTES as i32)
        .memory_init(0, 0)
        .br(0)
        .end()
        .end();
    module(1_000, vec![run], Some(data))
}

/// Asks for so many pages at once.
pub fn grow(pages: u32) -> String {
    format!(
        r#"(module
          (memory (export "memory") 1)
          (func (export "run") (drop (memory.grow (i32.const {pages})))))"#
    )
}

/// Has so many pages from the beginning.
pub fn first_memory(pages: u32) -> String {
    format!(r#"(module (memory (export "memory") {pages}) (func (export "run")))"#)
}

/// A table of ten million, and `work` with it for ever.
pub fn table(work: &str) -> String {
    format!(
        r#"(module
          (table $t 1 funcref)
          (func (export "run")
            (drop (table.grow $t (ref.null func) (i32.const 9999999)))
            (loop $on {work} (br $on))))"#
    )
}

pub const TABLE_FILL: &str = "(table.fill $t (i32.const 0) (ref.null func) (i32.const 10000000))";
pub const TABLE_COPY: &str = "(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 9999999))";

/// Returns 256 MiB of numbers, and the type of that.
pub fn numbers() -> (String, &'static str) {
    let text = r#"(module
      (memory (export "memory") 4097)
      (func (export "run") (result i32)
        (i32.store (i32.const 0) (i32.const 8))
        (i32.store (i32.const 4) (i32.const 67108864))
        (i32.const 0)))"#;
    (text.to_owned(), "run: func() -> list<u32>;")
}

/// Returns a million short texts, and the type of that.
pub fn texts() -> (String, &'static str) {
    let text = r#"(module
      (memory (export "memory") 200)
      (func (export "run") (result i32) (local $at i32)
        (local.set $at (i32.const 8))
        (loop $on
          (i32.store (local.get $at) (i32.const 0))
          (i32.store offset=4 (local.get $at) (i32.const 7))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $on (i32.lt_u (local.get $at) (i32.const 8000008))))
        (i32.store (i32.const 0) (i32.const 8))
        (i32.store (i32.const 4) (i32.const 1000000))
        (i32.const 0)))"#;
    (text.to_owned(), "run: func() -> list<string>;")
}

/// A module with functions of some memory, the last of which is `run`.
fn module(pages: u64, functions: Vec<Function>, data: Option<DataSection>) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in &functions {
        declared.function(0);
        code.function(function);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, functions.len() as u32 - 1);
    exports.export("memory", ExportKind::Memory, 0);
    module.section(&types).section(&declared).section(&memories).section(&exports);
    if let Some(data) = &data {
        module.section(&wasm_encoder::DataCountSection { count: data.len() });
    }
    module.section(&code);
    if let Some(data) = &data {
        module.section(data);
    }
    module.finish()
}

/// A function of about so many bytes, that adds numbers up.
fn long(bytes: usize, last: impl FnOnce(&mut Function)) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    // A round has seven bytes.
    for _ in 0..bytes / 7 {
        function.instructions().local_get(0).i32_const(1_234).i32_add().local_set(0);
    }
    last(&mut function);
    function.instructions().end();
    function
}

/// One function of 6 MB.
pub fn large_function() -> Vec<u8> {
    module(1, vec![long(6_000_000, |_| {})], None)
}

/// So many functions of 1 kB, the last of which calls the first of them and traps.
pub fn large_module(functions: u32) -> Vec<u8> {
    let mut functions: Vec<Function> = (0..functions).map(|_| long(1_000, |_| {})).collect();
    functions.push(long(7, |function| {
        for called in 0..100 {
            function.instructions().call(called);
        }
        function.instructions().unreachable();
    }));
    module(1, functions, None)
}

/// Compares texts of NULs.
pub const LUA_COMPARE: &str = r#"
    local a = string.rep("\0", 12000000)
    local b = a .. "x"
    return { main = function() while true do local _ = a < b end end }
"#;

/// Looks long keys up.
pub const LUA_KEYS: &str = r#"
    local a, t = string.rep("\0", 12000000), {}
    return { main = function() while true do t[a .. "y"] = nil end end }
"#;
