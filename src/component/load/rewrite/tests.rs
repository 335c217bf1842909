use super::*;

fn rewritten(wat: &str) -> (Vec<u8>, Rewritten<'static>) {
    let bytes = wat::parse_str(wat).unwrap();
    let new = rewrite(bytes.clone().leak(), Changes { mends: true, shows_state: false }).unwrap();
    let mut validator =
        wasmparser::Validator::new_with_features(crate::component::engine::features());
    validator.validate_all(&new.bytes).unwrap();
    (bytes, new)
}

/// How often an instruction occurs in the functions that the module had.
fn count(wat: &str, instruction: &str) -> usize {
    let (old, new) = rewritten(wat);
    let functions = Spaces::new(&old).unwrap();
    let own = functions.funcs.len() - functions.imported_funcs;
    let text = format!("{:?}", {
        let spaces = Spaces::new(&new.bytes).unwrap();
        let (_, code) = *spaces.sections.iter().find(|(id, _)| *id == CODE_SECTION).unwrap();
        let reader = CodeSectionReader::new(BinaryReader::new(code, 0)).unwrap();
        let bodies = reader.into_iter().take(own).map(|body| {
            let operators = body.unwrap().get_operators_reader().unwrap();
            operators.into_iter().map(|operator| format!("{:?}", operator.unwrap()))
        });
        bodies.flatten().collect::<Vec<_>>()
    });
    text.matches(instruction).count()
}

#[test]
fn what_needs_nothing_stays_as_it_is() {
    let (_, new) = rewritten(
        "(module (memory 1) (func (export \"f\") (param i32)
            (i32.store offset=70000 (local.get 0) (i32.const 1))
            (i32.store offset=70000 (i32.const 0) (local.get 0))
            (i32.store (local.get 0) (local.get 0))
            (drop (memory.grow (i32.const 1)))
            (memory.fill (local.get 0) (i32.const 0) (i32.const 64))))",
    );
    assert!(matches!(new.bytes, Cow::Borrowed(_)));
    assert_eq!((new.start, new.first), (None, 0));
}

#[test]
fn a_start_function_becomes_an_export() {
    let (_, new) =
        rewritten(r#"(module (func $f) (start $f) (func (export "g")) (func (export "[start]")))"#);
    assert_eq!(new.start.as_deref(), Some("[start]'"));
    assert_eq!(Spaces::new(&new.bytes).unwrap().start, None);
}

#[test]
fn table_grow_is_moved_out_and_the_rest_stays() {
    let wat = r#"(module
        (import "a" "b" (func))
        (table $t 1 10 funcref)
        (func (export "grow") (param i32) (result i32)
            (table.grow $t (ref.null func) (local.get 0))))"#;
    assert_eq!(count(wat, "TableGrow"), 0);
    assert_eq!(count(wat, "Call "), 1);
}

#[test]
fn only_stores_that_may_meet_the_same_variable_twice_are_changed() {
    let changed = |memory: &str, store: &str| {
        count(
            &format!(
                "(module (memory $m {memory}) (memory $n {memory})
                    (func $i (result i32) (i32.const 0))
                    (func (param $a i32) (param $l i64) (local $b i32) {store}))"
            ),
            "LocalSet",
        )
    };
    let yes = [
        ("1", "(i32.store offset=65536 (local.get $a) (local.get $a))"),
        ("1", "(i32.store8 $n (local.tee $a (i32.load (local.get $b))) (local.get $a))"),
        ("1", "(i32.store $n (local.get $a) (local.tee $a (local.get $a)))"),
        ("1", "(i64.store $n (local.get $a) (i64.extend_i32_u (local.get $a)))"),
        (
            "1",
            "(i64.store32 $n (local.get $a) (i64.shl (i64.extend_i32_u (local.get $a)) (i64.const 0)))",
        ),
        ("i64 1", "(i64.store16 $n (local.get $l) (local.get $l))"),
        ("i64 1", "(i32.store $n (local.get $l) (i32.wrap_i64 (local.get $l)))"),
        ("1", "(i32.store $n (local.get $a) (block (result i32) (local.get $a)))"),
    ];
    for (memory, store) in yes {
        assert_eq!(changed(memory, store), 1, "{store}");
    }
    let no = [
        ("1", "(i32.store offset=65535 (local.get $a) (local.get $a))"),
        ("1", "(i32.store $n (local.get $a) (local.get $b))"),
        ("1", "(i32.store $n (local.get $a) (i32.add (local.get $a) (i32.const 4)))"),
        ("1", "(i32.store $n (local.get $a) (i32.load (local.get $a)))"),
        ("1", "(i32.store $n (local.get $a) (call $i))"),
        ("1", "(i32.store $n (i32.const 8) (local.get $a))"),
        ("1", "(f32.store $n (local.get $a) (f32.reinterpret_i32 (local.get $a)))"),
        ("1", "(i32.store $n (local.get $a) (i32.shl (local.get $a) (i32.const 2)))"),
    ];
    for (memory, store) in no {
        assert_eq!(changed(memory, store), 0, "{store}");
    }
}

#[test]
fn a_comparison_before_a_select_is_written_in_another_way() {
    let of = |condition: &str, instruction: &str| {
        let wat = format!(
            "(module (memory 1) (func $i (result i32) (i32.const 0)) (elem declare func $i)
                (func (param $a i32) (param $b i32) (result i32)
                    (select (i32.const 8) (i32.const 9) {condition})))"
        );
        count(&wat, instruction)
    };
    assert_eq!(of("(i32.eqz (local.get $a))", "I32LtU"), 1);
    assert_eq!(of("(i32.eqz (call $i))", "I32Eqz"), 0);
    assert_eq!(of("(i32.ne (local.get $a) (i32.const 0))", "I32Xor"), 1);
    assert_eq!(of("(i32.eq (i32.const 0) (local.get $a))", "I32LtU"), 1);
    for passed in [
        "(i32.eqz (local.get $a)) (nop) (nop)",
        "(loop (result i32) (i32.eqz (call $i)))",
        "(i32.or (i32.const 0) (i32.eqz (local.get $a)))",
        "(i32.and (i32.ne (i32.const 0) (local.get $a)) (local.get $b))",
        "(ref.is_null (ref.func $i))",
    ] {
        assert_eq!(of(passed, "LocalSet"), 1, "{passed}");
    }
    for plain in [
        "(i32.and (local.get $a) (i32.const 1))",
        "(i32.and (i32.eqz (local.get $a)) (call $i))",
        "(i32.eqz (local.get $a)) (drop) (i32.and (local.get $a) (i32.const 1))",
        "(i32.eq (local.get $a) (i32.const 7))",
        "(i32.ne (local.get $a) (local.get $b))",
        "(i32.eq (i32.load (local.get $a)) (local.get $b))",
        "(i32.lt_u (local.get $a) (i32.const 0))",
    ] {
        assert_eq!(of(plain, "I32Xor") + of(plain, "LocalSet"), 0, "{plain}");
    }
}

#[test]
fn operands_that_can_be_had_again_are_not_kept() {
    let sets = |operands: &str| {
        let wat = format!(
            "(module (memory 1) (func $i (result i32) (i32.const 0))
                (func (param i32 i32 i32) (memory.copy {operands})))"
        );
        (count(&wat, "LocalSet"), count(&wat, "Call "))
    };
    assert_eq!(sets("(local.get 0) (local.get 1) (local.get 2)"), (0, 1));
    assert_eq!(sets("(local.get 0) (i32.const 5) (local.get 2)"), (0, 1));
    assert_eq!(sets("(local.get 0) (i32.load (local.get 1)) (local.get 2)"), (2, 1));
    assert_eq!(sets("(local.get 0) (local.get 1) (i32.load (local.get 2))"), (3, 1));
    assert_eq!(sets("(local.get 0) (local.get 1) (i32.const 65536)"), (0, 0));
    assert_eq!(sets("(local.get 0) (local.get 1) (i32.const 65537)"), (0, 1));
}

#[test]
fn a_large_memory_is_declared_small_and_its_data_placed_by_code() {
    let (_, new) = rewritten(
        r#"(module (memory 33 40) (table 70000 funcref) (func $f)
            (elem (i32.const 69999) $f) (data (i32.const 8) "x") (start $f))"#,
    );
    assert_eq!(new.first, 33 * 65_536 + 70_000 * 8);
    assert!(new.start.is_some());
    let spaces = Spaces::new(&new.bytes).unwrap();
    assert_eq!((spaces.memories[0].initial, spaces.memories[0].maximum), (0, Some(40)));
    assert_eq!(spaces.tables[0].initial, 0);
}

#[test]
fn no_memory_may_have_more_bytes_than_can_be_counted() {
    let (_, new) = rewritten("(module (memory i64 0 0x1000000000000))");
    assert_eq!(Spaces::new(&new.bytes).unwrap().memories[0].maximum, Some(1 << 47));
}

/// The result of a module's function `f`, as the interpreter runs it, or its trap, and
/// the contents of its memory then.
fn run(wasm: &[u8], args: [i32; 3]) -> (Result<i32, String>, Vec<u8>) {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm).unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    let instance = wasmi::Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(i32, i32, i32), i32>(&store, "f").unwrap();
    let [a, b, c] = args;
    let result = f.call(&mut store, (a, b, c)).map_err(|error| error.to_string());
    let memory = instance.get_memory(&store, "m").unwrap();
    (result, memory.data(&store).to_vec())
}

#[test]
fn segments_are_copied_as_before() {
    let data = "abcdefgh".repeat(8400);
    let elems = "$one $two $three ".repeat(3000);
    let module = |drop: &str, body: &str| {
        format!(
            "(module (memory (export \"m\") 2) (table 10000 funcref) (type $t (func (result i32)))
                (func $one (result i32) (i32.const 1))
                (func $two (result i32) (i32.const 2))
                (func $three (result i32) (i32.const 3))
                (data \"{data}\") (elem func {elems})
                (func (export \"f\") (param i32 i32 i32) (result i32) {drop}
                    ({body} 0 (local.get 0) (local.get 1) (local.get 2))
                    (call_indirect (type $t) (i32.sub (i32.add (local.get 0) (local.get 2)) (i32.const 1)))))"
        )
    };
    let mut succeeded = 0;
    for (body, end, room) in [("memory.init", 67_200, 131_072), ("table.init", 9_000, 10_000)] {
        for drop in ["", "(data.drop 0) (elem.drop 0)"] {
            let (old, new) = rewritten(&module(drop, body));
            let cases = [
                [0, 0, end],
                [7, 3, end - 3],
                [room - end, 0, end],
                [room - end + 1, 0, end],
                [0, 0, end + 1],
                [0, 1, end],
                [0, -1, end],
                [-1, 0, end],
                [0, 0, -1],
                [5, end, 0],
                [5, end + 1, 0],
                [3, 2, 1],
            ];
            for args in cases {
                let (before, after) = (run(&old, args), run(&new.bytes, args));
                assert!(before == after, "{body} {drop} {args:?}: {:?}, {:?}", before.0, after.0);
                succeeded += usize::from(before.0.is_ok());
            }
        }
    }
    assert!(succeeded >= 4, "{succeeded}");
}

#[test]
fn memory_is_moved_as_before() {
    let module = |body: &str| {
        format!(
            "(module (memory (export \"m\") 6) (memory $n 6)
                (func (export \"f\") (param i32 i32 i32) (result i32) (local i32)
                    (loop (i32.store (local.get 3) (i32.mul (local.get 3) (i32.const 0x9e3779b1)))
                        (local.set 3 (i32.add (local.get 3) (i32.const 4)))
                        (br_if 0 (i32.lt_u (local.get 3) (i32.const 393216))))
                    {body} (i32.const 0)))"
        )
    };
    let bodies = [
        "(memory.copy (local.get 0) (local.get 1) (local.get 2))",
        "(memory.copy $n 0 (local.get 0) (local.get 1) (local.get 2))
            (memory.copy 0 $n (local.get 1) (local.get 0) (local.get 2))",
        "(memory.fill (local.get 0) (local.get 1) (local.get 2))",
        "(memory.fill (local.get 0) (local.get 1) (i32.const 65537))",
        "(memory.copy (i32.add (local.get 0) (i32.const 1)) (local.tee 1 (local.get 1)) (local.get 2))",
    ];
    let end = 393_216;
    let mut cases = Vec::new();
    for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 200_001, -1, end, end + 1] {
        for [to, from] in [[0, 0], [0, 1], [1, 0], [7, 65_543], [65_543, 7], [100_000, 3], [-1, 5]]
        {
            cases.push([to, from, len]);
        }
        cases.extend([[end - len, 0, len], [0, end - len, len], [end - len + 1, 0, len]]);
    }
    let mut succeeded = 0;
    for body in bodies {
        let (old, new) = rewritten(&module(body));
        for args in &cases {
            let (before, after) = (run(&old, *args), run(&new.bytes, *args));
            assert!(before == after, "{body} {args:?}: {:?}, {:?}", before.0, after.0);
            succeeded += usize::from(before.0.is_ok());
        }
    }
    assert!(succeeded > 200, "{succeeded}");
}
