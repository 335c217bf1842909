//! The `wippy` command; see [`wippy::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_large_blocks_lazy();
    wippy::cli::main()
}

/// Fixes glibc's threshold for blocks that come straight from the kernel.
///
/// Linear memories are large and mostly untouched. Fresh from the kernel their
/// pages cost nothing until they are used, and are zero without anybody writing
/// them. But glibc raises its threshold to the size of the first such block
/// that is freed; from then on it recycles heap for the next memories and
/// zeroes them by hand. Measured: 1.1 MiB per live process instead of 2.8 KiB.
/// Setting the threshold, even to its default, switches that adaptation off.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_large_blocks_lazy() {
    const THRESHOLD: libc::c_int = 128 << 10;
    // SAFETY: mallopt only changes parameters of the allocator. It is not safe
    // to call while another thread allocates; this is the first thing that
    // `main` does, so there is no other thread. Failure (0) leaves the defaults.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_large_blocks_lazy() {}
