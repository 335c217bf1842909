//! The memory of a process that has been called and waits.
//!
//! Two children of this program make 10 000 of them and see how much anonymous
//! memory the kernel has given them: one makes processes, one makes bare wasmi
//! stores with instances of the same core modules and the same call. What the
//! guest itself uses is found in the second, where linear memory can be looked
//! at, in the kernel's page map. Both give back the pages that hold only zeros
//! after the call, as a host does with processes that wait.

use wippy::{host::release_zeros, process::Process};

use super::{
    Result,
    bare::Bare,
    brief::{COMPUTE, GREET, Guest, HELLO},
    guest, measure,
    report::{Figure, Report, Target},
};

const PROCESSES: u32 = 10_000;

/// Bytes that a process may take beyond the pages that its guest has touched.
const LIMIT: f64 = 12.0 * 1024.0;

const GUESTS: [Guest; 3] = [GREET, COMPUTE, HELLO];

pub fn measure(report: &mut Report) -> Result<()> {
    for guest in GUESTS {
        let ask = |who: &str| -> Result<Vec<f64>> {
            let usage = measure::child(&["idle", who, guest.file])?;
            Ok(usage.stdout.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
        };
        let [ours] = ask("process")?[..] else { return Err("one figure expected".into()) };
        let [bare, pages] = ask("bare")?[..] else { return Err("two figures expected".into()) };
        let mut row = |who: &str, bytes: f64, note: &str| {
            report.figure("idle", guest.file, who, Figure::Bytes(bytes), None, note);
        };
        row("process, all", ours, "");
        row("guest's pages", pages, "");
        row(
            "process, beyond",
            ours - pages,
            &Target::AtMost(LIMIT).note(ours - pages, Figure::Bytes),
        );
        row("wasmi, bare, beyond", bare - pages, "");
    }
    Ok(())
}

/// Prints the bytes per process, and for bare instances also those that are the
/// guest's.
pub fn child(args: &[String]) -> Result<()> {
    let [who, file] = args else { return Err("usage: idle WHO FILE".into()) };
    let guest = GUESTS.into_iter().find(|guest| guest.file == file).ok_or("no such guest")?;
    let each = |bytes: u64| bytes as f64 / f64::from(PROCESSES);
    if who == "process" {
        let program = guest::program(guest.file)?;
        let make = || -> Result<_> {
            let (mut process, _) = guest::start(&program, guest.method, (guest.args)())?;
            process.trim(&mut |memory| {
                release_zeros(memory);
            });
            Ok(process)
        };
        let first = make()?;
        let before = measure::resident()?;
        let processes = (0..PROCESSES).map(|_| make()).collect::<Result<Vec<_>>>()?;
        println!("{}", each(measure::resident()? - before));
        drop((first, processes));
    } else {
        let bare = Bare::new(&guest::bytes(guest.file)?)?;
        let make = || -> Result<_> {
            let mut instances = bare.instantiate()?;
            (guest.bare)(&mut instances)?;
            release_zeros(instances.memory()?.data_mut(&mut instances.store));
            Ok(instances)
        };
        let first = make()?;
        let before = measure::resident()?;
        let all = (0..PROCESSES).map(|_| make()).collect::<Result<Vec<_>>>()?;
        let total = measure::resident()? - before;
        let mut pages = 0;
        for instances in &all {
            pages += measure::pages_written(instances.memory()?.data(&instances.store))?;
        }
        println!("{} {}", each(total), each(pages));
        drop((first, all));
    }
    Ok(())
}
