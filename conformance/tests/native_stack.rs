//! What a guest does takes no native stack, however long it goes on.

use wippy::{
    command::Reply,
    component::{Component, Engine, Linker},
    process::{Call, Fuel, WasmProcess, run},
    value::Value,
};

/// Instructions that leave a native frame would overflow this small stack.
#[test]
fn no_instruction_piles_up_on_the_native_stack() {
    let bodies = [
        "(drop (memory.grow (i32.const 0)))",
        "(memory.copy (i32.const 0) (i32.const 8) (i32.const 8))",
        "(memory.fill (i32.const 0) (i32.const 8) (i32.const 8))",
        "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))",
        "(drop (table.grow $t (ref.null func) (i32.const 0)))",
        "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
        "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))",
        "(table.set $t (i32.const 0) (table.get $t (i32.const 1)))",
        "(call $f)",
        "(call_indirect $t (i32.const 2))",
        "(global.set $g (f64.sqrt (f64.nearest (global.get $g))))",
        "(i64.store (i32.const 0) (i64.div_u (i64.load (i32.const 8)) (i64.const 3)))",
        "(v128.store (i32.const 0) (i8x16.add (v128.load (i32.const 16)) (v128.const i64x2 1 2)))",
        "(block $a (block $b (br_table $a $b (local.get $n))))",
        "(drop (select (i32.const 1) (i32.const 2) (local.get $n)))",
    ];
    for body in bodies {
        let core = format!(
            r#"(memory 1) (data $d "x") (table $t 3 1000 funcref) (global $g (mut f64) (f64.const 2))
            (elem (table $t) (i32.const 2) func $f) (func $f)
            (func (export "f") (param $n i32) (result i32)
                (loop $again {body}
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $again (local.get $n)))
                (local.get $n))"#
        );
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
            let text = format!(
                "(component (core module $m {core}) (core instance $i (instantiate $m))
                    (func (export \"f\") (param \"n\" u32) (result u32)
                        (canon lift (core func $i \"f\"))))"
            );
            let component = Component::new(&Engine::default(), wat::parse_str(text).unwrap());
            let program = component.unwrap().link(&Linker::default()).unwrap();
            let call = Call::new("f", vec![Value::U32(200_000)]);
            let mut process = WasmProcess::start(&program, call.into()).unwrap();
            run(&mut process, Fuel(u64::MAX), |_| Reply::Refused("no commands here".to_owned()))
        });
        let outcome = thread.unwrap().join().unwrap();
        assert_eq!(outcome, Ok(Some(Value::U32(0))), "{body}");
    }
}
