//! Readers of what has been written elsewhere.

use std::sync::Arc;

use wippy::{
    command::{Command, Mail, Reply, codec},
    lua::{LuaConfig, LuaProgram},
    process::Event,
    replay::journal::{Blocks, JournalReader},
    value::{Field, Type, TypeDef, Types, check, json, term, wave},
};

/// Commands and what answers them, in their binary form.
pub fn codec(data: &[u8]) {
    fn one<T: codec::Coded + PartialEq + std::fmt::Debug>(data: &[u8]) {
        let Ok(value) = codec::decode::<T>(data) else { return };
        let bytes = codec::encode(&value).expect("what has been read can be written");
        let back = codec::decode::<T>(&bytes).expect("what has been written can be read");
        // In words, in which a NaN is equal to itself.
        assert_eq!(format!("{back:?}"), format!("{value:?}"));
        assert_eq!(codec::encode(&back).ok(), Some(bytes));
    }
    one::<Command>(data);
    one::<Reply>(data);
    one::<Mail>(data);
    one::<Event>(data);
}

/// A journal, and one whose checksums are right.
pub fn journal(data: &[u8]) {
    read(data);
    let mut blocks = Blocks::default();
    blocks.add_coded(data);
    let mut whole = Vec::new();
    blocks.take(&mut whole);
    read(&whole);
}

fn read(bytes: &[u8]) {
    let Ok(mut reader) = JournalReader::new(bytes) else { return };
    // Each record takes a byte at least.
    for _ in 0..=bytes.len() {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => return drop(error.to_string()),
        }
    }
    panic!("there are more records than bytes");
}

/// Types that values are read as.
fn types() -> Vec<Type> {
    let mut types = Types::default();
    let text = types.intern(TypeDef::String);
    let number = types.intern(TypeDef::S32);
    let float = types.intern(TypeDef::F64);
    let list = types.intern(TypeDef::List(text));
    let option = types.intern(TypeDef::Option(list));
    let result = types.intern(TypeDef::Result { ok: Some(option), err: Some(number) });
    let flags = types.intern(TypeDef::Flags(["a", "b"].map(Into::into).into()));
    let fields = [("r", result), ("f", float), ("g", flags), ("o", option)];
    let fields = fields.map(|(name, ty)| Field { name: name.into(), ty });
    let record = types.intern(TypeDef::Record(fields.into()));
    let records = types.intern(TypeDef::List(record));
    let types = Arc::new(types);
    [text, number, float, list, option, result, flags, record, records]
        .map(|id| Type::new(types.clone(), id))
        .into()
}

/// Text of values.
pub fn wave(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for ty in types() {
        match wave::parse(&ty, text) {
            Ok(value) => {
                check(&ty, &value).expect("what has been read is of its type");
                let again = wave::format(&ty, &value).expect("what has been read can be written");
                let back = wave::parse(&ty, &again).expect("what has been written can be read");
                assert_eq!(format!("{back:?}"), format!("{value:?}"), "{again}");
            }
            Err(error) => drop(error.to_string()),
        }
    }
}

/// JSON of values.
pub fn json(data: &[u8]) {
    let Ok(read) = serde_json::from_slice(data) else { return };
    for ty in types() {
        match json::from_json(&ty, &read) {
            Ok(value) => {
                check(&ty, &value).expect("what has been read is of its type");
                let written = json::to_json(&ty, &value).expect("it can be written");
                let back = json::from_json(&ty, &written).expect("it can be read again");
                assert_eq!(format!("{back:?}"), format!("{value:?}"), "{written}");
            }
            Err(error) => drop(error.to_string()),
        }
    }
    if let Ok(told) = term::from_json(&read) {
        let written = term::to_json(&told).expect("a term of JSON is JSON");
        assert_eq!(term::from_json(&written).as_ref(), Ok(&told));
    }
}

/// Sources in Lua are compiled, never run here.
pub fn lua(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let config = LuaConfig {
        name: "fuzz:lua".to_owned(),
        source: source.to_owned(),
        method: "main".to_owned(),
        ..LuaConfig::default()
    };
    if let Err(error) = LuaProgram::new(&config) {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < 64 << 10, "an error of {} bytes", text.len());
    }
}
