//! Data through a guest and back.

use wippy::value::{List, Scalar, Value};

use super::{
    Result, guest,
    measure::{self, Contender},
    report::{Report, THEIRS, Target},
};

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
    fn value(&self) -> Value {
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

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    let bytes = Value::List(List::Scalars(Scalar::U8, bytes()));
    compare(rounds, report, "echo-bytes", "1 MiB list<u8>", &bytes)?;
    let records = records().iter().map(Rec::value).collect();
    let records = Value::List(List::Values(records));
    compare(rounds, report, "echo-records", "1000 records", &records)
}

fn compare(
    rounds: u32,
    report: &mut Report,
    method: &str,
    what: &str,
    value: &Value,
) -> Result<()> {
    let program = guest::program(FILE)?;
    let mut process = guest::process(&program)?;
    let mut contenders = vec![Contender::timed("process", || {
        // The arguments are given away, and the result is looked at, outside of
        // the measured time, like that of the others.
        let args = vec![value.clone()];
        let start = measure::thread_time();
        let found = guest::call(&mut process, method, args)?;
        let time = measure::thread_time() - start;
        match found.as_ref() == Some(value) {
            true => Ok(time),
            false => Err("other data came back".into()),
        }
    })];
    #[cfg(feature = "peers")]
    contenders.extend(super::peer::values(method)?);
    let times = measure::rounds(rounds, std::mem::take(&mut contenders))?;
    report.compare("values", what, &times, |_| (THEIRS, Some(Target::AtLeast(1.0))));
    Ok(())
}
