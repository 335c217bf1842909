//! What a program made of Rust's standard library does with WASI. The first
//! argument names the test; what it prints is the same on every run, and it
//! ends with a message and code 101 where something is not as it should be.

mod files;
mod stdio;
mod world;

use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["files", dir] => files::files(dir)?,
        ["modes", dir] => files::modes(dir)?,
        ["times", dir] => files::times(dir)?,
        ["dirs", dir] => files::dirs(dir)?,
        ["many", dir, count] => files::many(dir, count.parse()?)?,
        ["links", dir] => files::links(dir)?,
        ["large", dir, mib] => files::large(dir, mib.parse()?)?,
        ["paths", dir] => files::paths(dir),
        ["read-only", dir] => files::read_only(dir),
        ["cat", ref paths @ ..] => files::cat(paths)?,
        ["time"] => world::time(),
        ["sleep", millis] => world::sleep(millis.parse()?),
        ["args", ..] => world::args(),
        ["env"] => world::env(),
        ["cwd", ref steps @ ..] => world::cwd(steps),
        ["random"] => world::random(),
        ["panic", message] => panic!("{message}"),
        ["abort"] => std::process::abort(),
        ["exit", code] => std::process::exit(code.parse()?),
        ["return", code] => return Ok(ExitCode::from(code.parse::<u8>()?)),
        ["fail", message] => return Err(message.into()),
        ["lines"] => stdio::lines()?,
        ["count"] => stdio::count()?,
        ["mixed"] => stdio::mixed()?,
        ["partial"] => stdio::partial()?,
        ["big", size] => stdio::big(size.parse()?)?,
        ["terminal"] => stdio::terminal(),
        _ => return Err(format!("no such test: {args:?}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the adapter to WASI 0.2 asks for its memory. Without this it takes
/// whole pages, which an older C library then believes to be its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    use std::alloc::{Layout, alloc, realloc};
    if size == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    unsafe {
        if old_size == 0 {
            alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
        }
    }
}
