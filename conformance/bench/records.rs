//! The data of the measurements with values, for all engines.

use wippy::value::{List, Value};

/// The guest that gives them back.
pub const FILE: &str = "records.wasm";

/// A record of the guest's world.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "peers",
    derive(
        wasmtime::component::ComponentType,
        wasmtime::component::Lift,
        wasmtime::component::Lower
    )
)]
#[cfg_attr(feature = "peers", component(record))]
pub struct Rec {
    pub id: u64,
    pub name: String,
    pub tags: Vec<String>,
    pub score: f64,
}

impl Rec {
    pub fn value(&self) -> Value {
        let tags = self.tags.iter().cloned().map(Value::String).collect();
        Value::Record(vec![
            Value::U64(self.id),
            Value::String(self.name.clone()),
            Value::List(List::Values(tags)),
            Value::F64(self.score),
        ])
    }
}

/// 1 MiB.
pub fn bytes() -> Vec<u8> {
    (0..1u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

pub fn records() -> Vec<Rec> {
    let record = |id: u64| Rec {
        id,
        name: format!("record number {id}"),
        tags: (0..3).map(|tag| format!("tag {tag} of {id}")).collect(),
        score: id as f64 / 8.0,
    };
    (0..1000).map(record).collect()
}
