//! What the machine has: memory for all hosts together.

use std::sync::OnceLock;

/// The memory that processes may have where nobody says otherwise: three quarters of
/// the machine's, or of what this program may have of it. Looked up once; without a
/// limit where the system does not say.
pub(in crate::host) fn memory_share() -> u64 {
    static SHARE: OnceLock<u64> = OnceLock::new();
    *SHARE.get_or_init(|| memory().map_or(u64::MAX, |bytes| bytes / 4 * 3))
}

/// Bytes of memory.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let total = read("/proc/meminfo").and_then(|text| total_of(&text));
    // Of a container, as it sees itself; the word `max` is no number.
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let groups = groups.iter().filter_map(|path| read(path)?.trim().parse().ok());
    total.into_iter().chain(groups).min()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn memory() -> Option<u64> {
    None
}

/// `MemTotal` of `/proc/meminfo`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn total_of(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        let text = "MemTotal:       24684404 kB\nMemFree:        22463936 kB\n";
        assert_eq!(total_of(text), Some(24_684_404 << 10));
        assert_eq!(total_of("MemFree: 1 kB"), None);
        assert_eq!(total_of("MemTotal: x kB"), None);
        assert!(memory_share() > 0);
    }
}
