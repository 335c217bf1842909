//! What running inside a process, in slices, costs a computation.

use wasmi::{WasmParams, WasmResults};
use wippy::value::Value;

use super::{
    Result,
    bare::{Bare, Instances},
    guest,
    measure::{self, Contender},
    report::{OURS, Report, THEIRS, Target},
};

const BARE: &str = "wasmi, bare";

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    let u32s = |values: &[u32]| values.iter().map(|v| Value::U32(*v)).collect::<Vec<_>>();
    kernel(rounds, report, "hash", 2u32, u32s(&[2]), |v: u32| Value::U32(v))?;
    kernel(rounds, report, "sieve", 3_000_000u32, u32s(&[3_000_000]), |v: u32| Value::U32(v))?;
    kernel(rounds, report, "matrix", (120u32, 4u32), u32s(&[120, 4]), |v: f64| Value::F64(v))?;
    kernel(rounds, report, "calls", 26u32, u32s(&[26]), |v: u32| Value::U32(v))
}

fn kernel<P, R>(
    rounds: u32,
    report: &mut Report,
    name: &str,
    params: P,
    args: Vec<Value>,
    value: fn(R) -> Value,
) -> Result<()>
where
    P: WasmParams + Copy,
    R: WasmResults,
{
    let program = guest::program("kernels-component.wasm")?;
    let bare = Bare::new(&guest::bytes("kernels.wasm")?)?;

    let mut process = guest::process(&program)?;
    let mut instances = bare.instantiate()?;
    let expected = value(bare_call::<P, R>(&mut instances, name, params)?);
    let mut contenders = vec![
        Contender::new("process", 1, || {
            let found = guest::call(&mut process, name, args.clone())?;
            guest::expect(found.as_ref(), Some(&expected))
        }),
        Contender::new(BARE, 1, || {
            let found = value(bare_call::<P, R>(&mut instances, name, params)?);
            guest::expect(&found, &expected)
        }),
    ];
    #[cfg(feature = "peers")]
    contenders.push(super::peer::kernel("kernels-component.wasm", name, &args, &expected)?);
    let times = measure::rounds(rounds, std::mem::take(&mut contenders))?;
    report.compare("kernels", name, &times, |who| match who {
        BARE => (OURS, Some(Target::AtMost(1.05))),
        _ => (THEIRS, Some(Target::AtLeast(3.0))),
    });
    Ok(())
}

fn bare_call<P: WasmParams, R: WasmResults>(
    instances: &mut Instances,
    name: &str,
    params: P,
) -> Result<R> {
    let func = instances.func::<P, R>(name)?;
    instances.store.set_fuel(u64::MAX)?;
    Ok(func.call(&mut instances.store, params)?)
}
