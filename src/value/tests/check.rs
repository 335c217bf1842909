//! What fits a type, and what is said of what does not.

use super::World;
use crate::value::{List, Resource, ResourceId, Scalar, TypeDef, Value, check, check::check_with};

#[test]
fn values_that_do_not_fit() {
    let mut world = World::new();
    let u8_ = world.id(TypeDef::U8);
    let string = world.id(TypeDef::String);
    let char_ = world.id(TypeDef::Char);
    let bytes = world.list(TypeDef::U8);
    let words = world.list(TypeDef::U16);
    let strings = world.list(TypeDef::String);
    let two = world.id(TypeDef::FixedList(u8_, 2));
    let item = world.record(&[("id", u8_), ("a/b", string)]);
    let items = world.id(TypeDef::List(item));
    let order = world.record(&[("items", items)]);
    let pair = world.tuple(&[u8_, string]);
    let shape = world.variant(&[("dot", None), ("text", Some(string))]);
    let color = world.enumeration(&["red", "green"]);
    let option = world.option(u8_);
    let result = world.result(Some(string), None);
    let flags = world.flags(&["read", "write"]);
    let map = world.map(TypeDef::U8, TypeDef::String);
    let stream = world.id(TypeDef::Async("stream"));

    let variant =
        |case, payload: Option<Value>| Value::Variant { case, payload: payload.map(Box::new) };
    let scalars = |scalar, bytes: &[u8]| Value::List(List::Scalars(scalar, bytes.to_vec()));
    let record = |values: &[Value]| Value::Record(values.to_vec());

    for (ty, value, message) in [
        (u8_, Value::S8(1), "expected u8, found an s8"),
        (char_, "a".into(), "expected char, found a string"),
        (strings, Value::from(vec!["a".into(), Value::U8(1)]), "/1: expected string, found a u8"),
        (strings, Value::from(vec![1u8]), "expected list<string>, found a list of u8 numbers"),
        (bytes, scalars(Scalar::S8, &[1]), "expected list<u8>, found a list of s8 numbers"),
        (
            words,
            scalars(Scalar::U16, &[1]),
            "expected list<u16>, found 1 bytes, which are no whole number of elements",
        ),
        (bytes, Value::from(vec![Value::U8(1), Value::U16(2)]), "/1: expected u8, found a u16"),
        (two, Value::from(vec![1u8, 2, 3]), "expected list<u8, 2>, found a list of length 3"),
        (
            item,
            record(&[]),
            "expected record { id: u8, a/b: string }, found a record or tuple of 0",
        ),
        // The path is a JSON pointer.
        (
            order,
            record(&[Value::from(vec![record(&[Value::U8(0), Value::U8(0)])])]),
            "/items/0/a~1b: expected string, found a u8",
        ),
        (pair, record(&[Value::U8(0), Value::U8(0)]), "/1: expected string, found a u8"),
        (
            shape,
            variant(2, None),
            "expected variant { dot, text(string) }, found case number 2, where the last is 1",
        ),
        (
            shape,
            variant(0, Some("".into())),
            "expected variant { dot, text(string) }, found `dot` with a payload",
        ),
        (
            shape,
            variant(1, None),
            "expected variant { dot, text(string) }, found `text` without its payload",
        ),
        (shape, variant(1, Some(Value::U8(0))), "/text: expected string, found a u8"),
        (
            color,
            variant(u32::MAX, None),
            "expected enum { red, green }, found case number 4294967295, where the last is 1",
        ),
        (
            color,
            variant(0, Some("".into())),
            "expected enum { red, green }, found `red` with a payload",
        ),
        (option, Value::some("x"), "/some: expected u8, found a string"),
        (option, variant(2, None), "expected option<u8>, found case number 2, where the last is 1"),
        (option, Value::U8(1), "expected option<u8>, found a u8"),
        (result, Value::ok(Some(Value::U8(1))), "/ok: expected string, found a u8"),
        (
            result,
            Value::err(Some("x".into())),
            "expected result<string>, found `err` with a payload",
        ),
        (
            flags,
            Value::Flags(0b110),
            "expected flags { read, write }, found bits 0x4, which have no label",
        ),
        (
            map,
            Value::Map(vec![(Value::U8(0), Value::U8(0))]),
            "/0/value: expected string, found a u8",
        ),
        (map, Value::Map(vec![("".into(), "".into())]), "/0/key: expected u8, found a string"),
        (stream, Value::U8(0), "expected stream, found a u8"),
    ] {
        assert_eq!(check(&world.ty(ty), &value).unwrap_err().to_string(), message);
    }
}

#[test]
fn both_forms_of_a_list_of_numbers_fit() {
    let mut world = World::new();
    let words = world.list(TypeDef::U16);
    let ty = world.ty(words);
    assert_eq!(check(&ty, &Value::List(List::Scalars(Scalar::U16, vec![1, 0]))), Ok(()));
    assert_eq!(check(&ty, &Value::from(vec![Value::U16(1)])), Ok(()));
    assert_eq!(check(&ty, &Value::from(Vec::<Value>::new())), Ok(()));
}

#[test]
fn all_32_bits_of_flags_can_be_used() {
    let mut world = World::new();
    for count in [31, 32, 33] {
        let labels: Vec<String> = (0..count).map(|i| format!("f{i}")).collect();
        let flags = world.flags(&labels.iter().map(String::as_str).collect::<Vec<_>>());
        let fits = check(&world.ty(flags), &Value::Flags(u32::MAX)).is_ok();
        assert_eq!(fits, count >= 32, "{count}");
    }
}

#[test]
fn handles_fit_by_their_resource_type() {
    let mut world = World::new();
    let file = world.handle("file");
    let socket = world.handle("socket");
    let (file, socket) = (world.ty(file), world.ty(socket));
    let TypeDef::Own(id) = *file.def() else { unreachable!() };
    let value = Value::Own(Resource { ty: id, rep: 7 });
    assert_eq!(check(&file, &value), Ok(()));
    assert_eq!(
        check(&socket, &value).unwrap_err().to_string(),
        "expected socket, found a handle to another resource"
    );
    assert!(check(&file, &Value::Borrow(Resource { ty: id, rep: 7 })).is_err());
    // Another numbering of resource types.
    assert_eq!(check_with(&socket, &value, &mut |_, r| r.ty == ResourceId(0)), Ok(()));
}
