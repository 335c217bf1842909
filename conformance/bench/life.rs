//! A whole process: spawn, one call, close.

use wippy::{component::LinkedComponent, process::Process};

use super::{
    Result,
    bare::Bare,
    brief::{COMPUTE, GREET, Guest},
    guest,
    measure::{self, Contender},
    report::{OURS, Report, THEIRS, Target},
};

const BARE: &str = "wasmi, bare";

/// Lives in one measurement.
const LIVES: u32 = 200;

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    for guest in [GREET, COMPUTE] {
        let program = guest::program(guest.file)?;
        let bare = Bare::new(&guest::bytes(guest.file)?)?;
        let mut contenders = vec![
            Contender::new("process", LIVES, || {
                (0..LIVES).try_for_each(|_| life(&program, &guest))
            }),
            Contender::new(BARE, LIVES, || {
                (0..LIVES).try_for_each(|_| (guest.bare)(&mut bare.instantiate()?))
            }),
        ];
        #[cfg(feature = "peers")]
        contenders.extend(super::peer::lives(&guest, LIVES)?);
        let times = measure::rounds(rounds, std::mem::take(&mut contenders))?;
        report.compare("life", guest.file, &times, |who| match who {
            BARE => (OURS, Some(Target::AtMost(2.0))),
            _ => (THEIRS, Some(Target::AtLeast(1.0))),
        });
    }
    Ok(())
}

fn life(program: &LinkedComponent, guest: &Guest) -> Result<()> {
    let (mut process, found) = guest::start(program, guest.method, (guest.args)())?;
    process.close();
    guest::expect(found, Some((guest.result)()))
}
