//! Clocks, memory, rounds and child processes.

use std::{
    fs, io, mem,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::Result;

/// The processor time that this thread has used.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Resident memory of this process without what files back, in bytes, exact:
/// `statm` lags behind by some pages per thread.
pub fn resident() -> Result<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let field = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = field.and_then(|rest| rest.split_whitespace().next()).ok_or("no such field")?;
    Ok(kib.parse::<u64>()? << 10)
}

/// Memory that the machine could give, in bytes.
pub fn available() -> Result<u64> {
    let all = fs::read_to_string("/proc/meminfo")?;
    let field = all.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = field.and_then(|rest| rest.split_whitespace().next()).ok_or("no such field")?;
    Ok(kib.parse::<u64>()? << 10)
}

/// Something to be measured against others.
pub struct Contender<'a> {
    pub name: String,
    run: Box<dyn FnMut() -> Result<Duration> + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender whose every run takes the processor time of `work`, divided
    /// by `times`, the number of times that `work` does the thing.
    pub fn new(
        name: impl Into<String>,
        times: u32,
        mut work: impl FnMut() -> Result<()> + 'a,
    ) -> Contender<'a> {
        Contender::timed(name, move || {
            let start = thread_time();
            work()?;
            Ok((thread_time() - start) / times)
        })
    }

    /// A contender that takes its time itself.
    pub fn timed(
        name: impl Into<String>,
        run: impl FnMut() -> Result<Duration> + 'a,
    ) -> Contender<'a> {
        Contender { name: name.into(), run: Box::new(run) }
    }
}

/// The times of one contender, one for each round.
pub struct Times {
    pub name: String,
    rounds: Vec<f64>,
}

impl Times {
    /// The median, in seconds.
    pub fn median(&self) -> f64 {
        median(self.rounds.iter().copied())
    }

    /// How many times as long as `other` this takes.
    pub fn ratio(&self, other: &Times) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b))
    }
}

/// Lets all contenders run in turns, after a first turn that does not count.
pub fn rounds(count: u32, mut contenders: Vec<Contender<'_>>) -> Result<Vec<Times>> {
    let mut times: Vec<Times> = contenders
        .iter()
        .map(|contender| Times { name: contender.name.clone(), rounds: Vec::new() })
        .collect();
    for round in 0..=count {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let time = (contender.run)().map_err(|why| format!("{}: {why}", contender.name))?;
            if round > 0 {
                times.rounds.push(time.as_secs_f64());
            }
        }
    }
    Ok(times)
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => (values[len / 2 - 1] + values[len / 2]) / 2.0,
    }
}

/// The cost of a child process.
pub struct Usage {
    pub wall: Duration,
    pub cpu: Duration,
    /// The most memory that was resident at a time, in bytes.
    pub peak: u64,
    pub stdout: String,
    pub success: bool,
}

/// Runs a command to its end, with its errors going where they are said to go.
pub fn command(program: &Path, args: &[&str], stderr: Stdio) -> Result<Usage> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|why| format!("{}: {why}", program.display()))?;
    let stdout = io::read_to_string(child.stdout.take().ok_or("no stdout")?)?;
    let (mut status, pid) = (0, libc::pid_t::try_from(child.id())?);
    // SAFETY: rusage is a struct of numbers, for which zeros are a value; wait4
    // is given pointers to variables that live through the call, and a child of
    // ours that nobody else waits for.
    let (usage, waited) = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        let waited = libc::wait4(pid, &mut status, 0, &mut usage);
        (usage, waited)
    };
    let wall = start.elapsed();
    if waited != pid {
        return Err(io::Error::last_os_error().into());
    }
    Ok(Usage {
        wall,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss)? << 10,
        stdout,
        success: status == 0,
    })
}

fn duration(time: libc::timeval) -> Duration {
    let micros = Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0));
    Duration::from_secs(time.tv_sec.unsigned_abs()) + micros
}

/// Runs a task of this program in a process of its own.
pub fn child(args: &[&str]) -> Result<Usage> {
    let program = std::env::current_exe()?;
    let args: Vec<&str> = ["bench", "--child"].iter().chain(args).copied().collect();
    let usage = command(&program, &args, Stdio::inherit())?;
    match usage.success {
        true => Ok(usage),
        false => Err(format!("the child process failed: {}", args.join(" ")).into()),
    }
}

/// How many bytes of `memory` are in pages that have been written, as the
/// kernel's page map tells. A page that has only been read is not there; the
/// first page, which begins with the allocator's header, counts if there is a
/// byte in it that is not zero.
pub fn pages_written(memory: &[u8]) -> Result<u64> {
    const PAGE: usize = 4096;
    /// Documentation/admin-guide/mm/pagemap.rst: the page is present, and mapped
    /// here only, which the kernel's page of zeros is not.
    const PRESENT: u64 = 1 << 63 | 1 << 56;
    let head = memory.as_ptr().align_offset(PAGE).min(memory.len());
    let (head, rest) = memory.split_at(head);
    let mut entries = vec![0; rest.len().div_ceil(PAGE) * 8];
    let first = rest.as_ptr().addr() / PAGE * 8;
    fs::File::open("/proc/self/pagemap")?.read_exact_at(&mut entries, first as u64)?;
    let written = |entry: &&[u8; 8]| u64::from_le_bytes(**entry) & PRESENT == PRESENT;
    let pages = entries.as_chunks().0.iter().filter(written).count();
    let head = usize::from(head.iter().any(|byte| *byte != 0));
    Ok(((pages + head) * PAGE) as u64)
}

/// The time of each part, from the times at which they were done.
pub fn parts(loaded: Duration, linked: Duration, all: Duration) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "load {:.1}, link {:.1}, instantiate {:.1} ms",
        ms(loaded),
        ms(linked - loaded),
        ms(all - linked)
    )
}
