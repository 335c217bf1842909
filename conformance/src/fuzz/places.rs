//! Files, as guests of WASI ask for them: calls in any order and with any arguments,
//! in a directory that has links out of it.
//!
//! Nothing outside of the directory is changed, and nothing in one that may only be read;
//! each call answers with an error that there is; and in a fresh copy of the directory the
//! same calls have the same answers, and leave the same behind.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arbitrary::Unstructured;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wippy::{
    adapter::{AdaptOptions, adapt},
    component::{Component, Engine, LinkedComponent, Linker},
    imports::wasi::{Preopen, WasiConfig},
    process::{Call, Fuel, Limits, Start, WasmProcess, run as run_process},
    world::{Input, Output, Streams, SystemDispatcher},
};
use wit_component::ComponentEncoder;

/// Calls of one guest.
const CALLS: usize = 24;

/// The errors that there are.
const ERRORS: u32 = 77;

/// Paths, one behind the other in the guest's memory.
const PATHS: [&str; 26] = [
    "a",
    "dir",
    "dir/b",
    "dir/",
    "link",
    "link/",
    "out",
    "out/",
    "out/secret",
    "out/new",
    "up",
    "up/outside/secret",
    "abs",
    "abs/secret",
    "loop",
    "new",
    "new/",
    "dir/new",
    ".",
    "..",
    "../outside/secret",
    "dir/../../outside/secret",
    "/",
    "",
    "dir/out2",
    "dir/./b",
];

/// Where the paths begin, where a result goes, where errors are noted, where bytes are.
const AT: (u32, u32, u32, u32) = (1024, 4096, 8192, 16384);

/// A function of WASI 0.1, by its parameters.
struct Function {
    name: &'static str,
    params: &'static [Param],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Param {
    /// A descriptor.
    Fd,
    /// A path and its length.
    Path,
    /// A few bits, in 32.
    Flags(u32),
    /// The same in 64.
    Rights,
    /// A number, in 64 bits.
    Long,
    /// Pieces of memory, and how many.
    Vectors,
    /// Bytes of memory, and how many.
    Buffer,
    /// Where a number goes.
    Result,
    /// Where what is known of a file goes.
    Stat,
}

use Param::{Buffer, Fd, Flags, Long, Path as P, Result as R, Rights, Stat, Vectors};

const FUNCTIONS: [Function; 26] = [
    Function {
        name: "path_open",
        params: &[Fd, Flags(1), P, Flags(15), Rights, Rights, Flags(31), R],
    },
    Function { name: "path_create_directory", params: &[Fd, P] },
    Function { name: "path_remove_directory", params: &[Fd, P] },
    Function { name: "path_unlink_file", params: &[Fd, P] },
    Function { name: "path_rename", params: &[Fd, P, Fd, P] },
    Function { name: "path_symlink", params: &[P, Fd, P] },
    Function { name: "path_link", params: &[Fd, Flags(1), P, Fd, P] },
    Function { name: "path_readlink", params: &[Fd, P, Buffer, R] },
    Function { name: "path_filestat_get", params: &[Fd, Flags(1), P, Stat] },
    Function { name: "path_filestat_set_times", params: &[Fd, Flags(1), P, Long, Long, Flags(15)] },
    Function { name: "fd_write", params: &[Fd, Vectors, R] },
    Function { name: "fd_pwrite", params: &[Fd, Vectors, Long, R] },
    Function { name: "fd_read", params: &[Fd, Vectors, R] },
    Function { name: "fd_pread", params: &[Fd, Vectors, Long, R] },
    Function { name: "fd_seek", params: &[Fd, Long, Flags(2), R] },
    Function { name: "fd_tell", params: &[Fd, R] },
    Function { name: "fd_close", params: &[Fd] },
    Function { name: "fd_renumber", params: &[Fd, Fd] },
    Function { name: "fd_filestat_get", params: &[Fd, Stat] },
    Function { name: "fd_filestat_set_size", params: &[Fd, Long] },
    Function { name: "fd_filestat_set_times", params: &[Fd, Long, Long, Flags(15)] },
    Function { name: "fd_fdstat_set_flags", params: &[Fd, Flags(31)] },
    Function { name: "fd_allocate", params: &[Fd, Long, Long] },
    Function { name: "fd_advise", params: &[Fd, Long, Long, Flags(5)] },
    Function { name: "fd_sync", params: &[Fd] },
    Function { name: "fd_readdir", params: &[Fd, Buffer, Long, R] },
];

impl Param {
    fn types(self) -> &'static str {
        match self {
            Param::Fd | Param::Flags(_) | Param::Result | Param::Stat => "i32",
            Param::Path | Param::Vectors | Param::Buffer => "i32 i32",
            Param::Rights | Param::Long => "i64",
        }
    }

    /// Instructions for an argument.
    fn argument(self, bytes: &mut Unstructured<'_>) -> String {
        let mut below = |most: u32| bytes.int_in_range(0..=most).unwrap_or(0);
        match self {
            // The directory, what has been opened in it, and what there is not.
            Param::Fd => format!("(i32.const {})", [3, 3, 3, 4, 5, 6, 4, 1, 9][below(8) as usize]),
            Param::Path => {
                let which = below(PATHS.len() as u32 - 1) as usize;
                let at = AT.0 + 64 * which as u32;
                format!("(i32.const {at}) (i32.const {})", PATHS[which].len())
            }
            Param::Flags(mask) => format!("(i32.const {})", below(mask)),
            Param::Rights => match below(3) {
                0 => format!("(i64.const {})", 1u64 << below(29)),
                _ => "(i64.const 0x1fffffff)".to_owned(),
            },
            Param::Long => {
                let odd = ["0", "1", "7", "100", "-1", "4096", "70000", "0x7fffffffffffffff"];
                format!("(i64.const {})", odd[below(odd.len() as u32 - 1) as usize])
            }
            Param::Vectors => format!("(i32.const 512) (i32.const {})", below(2)),
            Param::Buffer => {
                let lengths = [0, 1, 10, 24, 4096];
                format!("(i32.const {}) (i32.const {})", AT.3, lengths[below(4) as usize])
            }
            Param::Result | Param::Stat => format!("(i32.const {})", AT.1),
        }
    }
}

/// The guest, as text, whose function has this name. What it is told is written to its
/// stdout.
fn guest(bytes: &mut Unstructured<'_>, name: &str) -> String {
    let mut text = "(module\n".to_owned();
    for Function { name, params } in &FUNCTIONS {
        let params: Vec<&str> = params.iter().map(|param| param.types()).collect();
        let params = params.join(" ");
        writeln!(
            text,
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {params}) (result i32)))"
        )
        .expect("it grows");
    }
    text += "(memory (export \"memory\") 2)\n";
    for (at, path) in PATHS.iter().enumerate() {
        writeln!(text, "(data (i32.const {}) {path:?})", AT.0 + 64 * at as u32).expect("it grows");
    }
    // Two pieces of memory: some bytes, and none.
    text += "(data (i32.const 512) \"\\00\\40\\00\\00\\06\\00\\00\\00\\00\\40\\00\\00\\00\\00\\00\\00\")\n";
    text += "(data (i32.const 16384) \"hello\\n\")\n";
    writeln!(text, "(func (export {name:?})").expect("it grows");
    let count = 1 + bytes.int_in_range(0..=CALLS as u32 - 1).unwrap_or(0);
    for at in 0..count {
        let which = bytes.int_in_range(0..=FUNCTIONS.len() * 2 - 1).unwrap_or(0);
        // Much is opened, for the rest to have something.
        let function = FUNCTIONS.get(which).unwrap_or(&FUNCTIONS[which % 2 * (which % 3)]);
        let arguments: Vec<String> =
            function.params.iter().map(|param| param.argument(bytes)).collect();
        let note = AT.2 + 16 * at;
        writeln!(
            text,
            "(i64.store (i32.const {}) (i64.const 0)) (i64.store (i32.const {}) (i64.const 0))\n\
             (i32.store (i32.const {note}) (call ${} {}))",
            AT.1,
            AT.1 + 32,
            function.name,
            arguments.join(" ")
        )
        .expect("it grows");
        // Of a file its kind and size; else the number.
        let from = match function.params.contains(&Param::Stat) {
            true => [16, 32],
            false => [0, 0],
        };
        for (at, from) in [4, 8].into_iter().zip(from) {
            writeln!(
                text,
                "(i32.store (i32.const {}) (i32.load (i32.const {})))",
                note + at,
                AT.1 + from
            )
            .expect("it grows");
        }
    }
    let (begin, length) = (AT.2, 16 * count);
    writeln!(
        text,
        "(i32.store (i32.const 256) (i32.const {begin})) (i32.store (i32.const 260) (i32.const {length}))\n\
         (drop (call $fd_write (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 264)))))"
    )
    .expect("it grows");
    text
}

static LINKER: LazyLock<Linker> = LazyLock::new(|| {
    let mut linker = Linker::default();
    wippy::imports::wasi::add_to_linker(&mut linker).expect("all of WASI is declared");
    linker
});

/// WASI 0.1.
pub fn wasi1(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let read_only = bytes.ratio(1, 3).unwrap_or(false);
    let text = guest(&mut bytes, "run");
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let adapted = adapt(&module, &AdaptOptions::default()).expect("it is adapted");
    check(adapted.component, read_only, &text);
}

/// WASI 0.2, by way of the public adapter: it makes calls of 0.2 of those of 0.1.
pub fn wasi2(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let read_only = bytes.ratio(1, 3).unwrap_or(false);
    let text = guest(&mut bytes, "_start");
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let made = || {
        ComponentEncoder::default()
            .module(&module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?
            .encode()
    };
    check(made().expect("a component can be made of it"), read_only, &text);
}

/// Runs it in two places that are the same.
fn check(component: Vec<u8>, read_only: bool, text: &str) {
    let component = Component::new(&Engine::default(), component).expect("it is loaded");
    let program = component.link(&LINKER).expect("it is linked");
    let (one, other) = (Place::new(), Place::new());
    let (first, second) = (one.run(&program, read_only), other.run(&program, read_only));
    assert_eq!(first, second, "in a fresh copy\n{text}");
    assert_eq!(one.tree("mount"), other.tree("mount"), "in a fresh copy\n{text}");
    assert_eq!(one.tree("outside"), one.outside, "outside\n{text}");
    assert_eq!(other.tree("outside"), other.outside, "outside\n{text}");
    if read_only {
        assert_eq!(one.tree("mount"), one.mount, "what may only be read\n{text}");
    }
    for note in first.chunks_exact(16) {
        let error = u32::from_le_bytes([note[0], note[1], note[2], note[3]]);
        assert!(error < ERRORS, "error {error}\n{text}");
    }
}

/// A directory for a guest, with another beside it that is none of its business.
struct Place {
    path: PathBuf,
    outside: Vec<String>,
    mount: Vec<String>,
}

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("wippy-places-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(path.join("mount/dir"))?;
            fs::create_dir_all(path.join("outside/within"))?;
            fs::write(path.join("outside/secret"), "not for guests")?;
            fs::write(path.join("mount/a"), "the first file")?;
            fs::write(path.join("mount/dir/b"), "another")?;
            let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, path.join(at));
            link("a", "mount/link")?;
            link("../outside", "mount/out")?;
            link("..", "mount/up")?;
            link("loop", "mount/loop")?;
            link("../../outside", "mount/dir/out2")?;
            let abs = path.join("outside");
            std::os::unix::fs::symlink(abs, path.join("mount/abs"))
        };
        make().expect("a directory can be made");
        let mut place = Place { path, outside: Vec::new(), mount: Vec::new() };
        (place.outside, place.mount) = (place.tree("outside"), place.tree("mount"));
        place
    }

    /// What lies in one of the two: names, kinds, contents; outside the times, too.
    fn tree(&self, which: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut todo = vec![self.path.join(which)];
        while let Some(dir) = todo.pop() {
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for entry in entries.flatten() {
                all.push(self.told(&entry.path(), which == "outside"));
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    todo.push(entry.path());
                }
            }
        }
        all.sort();
        all
    }

    fn told(&self, path: &Path, with_times: bool) -> String {
        let name = path.strip_prefix(&self.path).unwrap_or(path).display();
        let Ok(about) = fs::symlink_metadata(path) else { return format!("{name}: gone") };
        let times = match (with_times, about.modified()) {
            (true, Ok(time)) => format!(" {time:?} {:?}", about.permissions()),
            _ => String::new(),
        };
        if about.is_symlink() {
            let to = fs::read_link(path).unwrap_or_default();
            // The place itself has another name each time.
            let to = to.strip_prefix(&self.path).unwrap_or(&to).to_path_buf();
            return format!("{name}: to {}{times}", to.display());
        }
        match about.is_dir() {
            true => format!("{name}: a directory"),
            false => {
                let length = about.len();
                let content =
                    if length > 1 << 20 { Vec::new() } else { fs::read(path).unwrap_or_default() };
                format!("{name}: {length} bytes {:?}{times}", String::from_utf8_lossy(&content))
            }
        }
    }

    /// What the guest is told.
    fn run(&self, program: &LinkedComponent, read_only: bool) -> Vec<u8> {
        let output = Arc::new(Mutex::new(Vec::new()));
        let world = SystemDispatcher::new(Streams {
            stdin: Input::Bytes(Vec::new()),
            stdout: Output::Buffer(output.clone()),
            stderr: Output::Null,
        });
        let mount = self.path.join("mount");
        let dir = cap_std::fs::Dir::open_ambient_dir(mount, cap_std::ambient_authority());
        let dir = world.add_dir(dir.expect("it is there"), read_only);
        let preopens = vec![Preopen { guest: "/".to_owned(), dir, read_only }];
        let mut start = Start::from(Call::new("run", Vec::new()));
        start.data.wasi = Some(WasiConfig { preopens, ..WasiConfig::default() });
        start.data.limits = Limits { max_memory: 64 << 20, max_fuel: Some(50_000_000) };
        let mut process = WasmProcess::start(program, start).expect("it can be called");
        let outcome = run_process(&mut process, Fuel(100_000), |command| {
            smol::block_on(world.later(command))
        });
        assert!(outcome.is_ok(), "{outcome:?}");
        output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
