//! How much work linking is, in steps, and what is refused because of it.

use super::*;
use crate::component::{Component, DEFAULT_STACK, Engine, link::provided::Provided};

/// The steps of linking a component, or why it is not linked.
fn steps(text: &str) -> Result<usize, String> {
    let bytes = wat::parse_str(text).unwrap();
    let component = Component::new(&Engine::default(), bytes).map_err(|error| error.to_string())?;
    let Provided { core, def: root, .. } = component.provide();
    let budget = Budget::new(root.file.len());
    let linker = Linker::default();
    let interpreter =
        Interpreter { core, condemned: Arc::default(), max_slice: 1, max_stack: DEFAULT_STACK };
    match link_within(budget.clone(), interpreter, &root, &linker, &|_| None) {
        Ok(_) => Ok(budget.spent()),
        Err(Failure::Component(error)) => Err(error.to_string()),
        Err(Failure::Import(error)) => Err(error.to_string()),
    }
}

fn told(text: &str, why: &str) {
    let told = steps(text).unwrap_err();
    assert!(told.contains(why), "{told}");
}

const TOO_MUCH: &str = "linking needs more than";

/// Text that is written for each number.
fn each(count: usize, write: impl Fn(usize) -> String) -> String {
    (0..count).map(write).collect()
}

/// A type with so many parts, and a function on it, in so many instances.
fn instances(count: usize, ty: &str) -> String {
    let instances = "(instance (instantiate $c))".repeat(count);
    format!(
        r#"(component
          (component $c
            (core module $m (memory (export "memory") 1)
              (func (export "f") (param i32) unreachable)
              (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (type $r' (resource (rep i32)))
            (export $r "r" (type $r'))
            (type $t' {ty})
            (export $t "t" (type $t'))
            (func (export "f") (param "t" $t) (canon lift (core func $i "f")
              (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
          {instances})"#
    )
}

fn record(fields: usize, ty: &str) -> String {
    let fields = each(fields, |i| format!(r#"(field "f{i}" {ty})"#));
    format!("(record {fields})")
}

#[test]
fn a_large_type_is_looked_at_once_for_all_instances() {
    let of = |count| steps(&instances(count, &record(3_000, "string"))).unwrap();
    let (few, many) = (of(100), of(200));
    assert!(few > 3_000, "{few}");
    assert!(many - few < 100 * 100, "{few}, {many}");
}

#[test]
fn a_large_type_with_resources_is_another_in_each_instance_and_so_bounded() {
    let ty = record(1_000, "(own $r)");
    assert!(steps(&instances(10, &ty)).is_ok());
    told(&instances(2_000, &ty), TOO_MUCH);
}

#[test]
fn long_names_count() {
    let name = "n".repeat(40_000);
    let text = |count| {
        let instances = "(instance (instantiate $c))".repeat(count);
        format!(
            r#"(component
              (core module $m)
              (component $c (core module $m) (export "{name}" (core module $m)))
              {instances})"#
        )
    };
    assert!(steps(&text(10)).is_ok());
    told(&text(4_000), TOO_MUCH);
}

#[test]
fn many_functions_with_many_parameters_count() {
    let params = each(1_000, |i| format!(r#"(param "p{i}" u8)"#));
    let text = |count| {
        let lifts = r#"(func (type $t) (canon lift (core func $i "f")
                  (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#
            .repeat(count);
        format!(
            r#"(component
              (core module $m (memory (export "memory") 1)
                (func (export "f") (param i32) unreachable)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
              (core instance $i (instantiate $m))
              (type $t (func {params}))
              {lifts})"#
        )
    };
    assert!(steps(&text(10)).is_ok());
    told(&text(2_000), TOO_MUCH);
}

#[test]
fn instances_of_instances_are_bounded() {
    let mut text = String::from("(component $c (core module $m) (core instance (instantiate $m)))");
    for _ in 0..20 {
        text = format!(
            "(component $c {text} (instance (instantiate $c)) (instance (instantiate $c)))"
        );
    }
    told(&text.replacen("(component $c", "(component", 1), "more than 10000 component instances");
}

#[test]
fn components_are_not_nested_without_end() {
    // The text format has a bound of its own.
    let mut bytes = wasm_encoder::Component::new().finish();
    for _ in 0..1_000 {
        let mut outer = wasm_encoder::Component::new();
        let id = wasm_encoder::ComponentSectionId::Component as u8;
        outer.section(&wasm_encoder::RawSection { id, data: &bytes });
        bytes = outer.finish();
    }
    let error = Component::new(&Engine::default(), bytes).unwrap_err();
    assert!(error.to_string().contains("nested deeper than 100 levels"), "{error}");
}

#[test]
fn many_aliases_of_a_large_instance_are_cheap() {
    let exports = each(500, |i| format!(r#"(export "e{i}" (core module $m))"#));
    let text = |count| {
        let aliases = r#"(alias export $a "i" (instance))"#.repeat(count);
        format!(
            r#"(component
              (component $c
                (core module $m)
                (instance $i {exports})
                (export "i" (instance $i)))
              (instance $a (instantiate $c))
              {aliases})"#
        )
    };
    let (few, many) = (steps(&text(100)).unwrap(), steps(&text(900)).unwrap());
    // One for each alias, and not one for each export of what it is.
    assert!(many - few < 800 * 10, "{few}, {many}");
}

#[test]
fn a_variant_of_many_cases_is_no_trouble() {
    let cases = each(10_000, |i| format!(r#"(case "c{i}" string)"#));
    let text = instances(10, &format!("(variant {cases})"));
    // The case, and the text of one.
    let text = text.replace("(param i32) unreachable", "(param i32 i32 i32) unreachable");
    assert_eq!(steps(&text).map(drop), Ok(()));
}
