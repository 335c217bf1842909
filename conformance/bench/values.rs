//! Data through a guest and back.

use wippy::value::{List, Scalar, Value};

use super::{
    Result, guest,
    measure::{self, Contender},
    records::{FILE, Rec, bytes, records},
    report::{Report, THEIRS, Target},
};

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
