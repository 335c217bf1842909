//! Giving the memory of waiting processes back.
//!
//! The interpreter writes the zeros of a new linear memory itself, so that all
//! of its pages become resident, though most guests use few of them. That is
//! quick with memory that the allocator recycles, and a process that runs needs
//! memory anyway. But ten thousand processes that wait would hold a gigabyte per
//! thousand, of zeros. So before a long wait the pages that are all zero are
//! given back to the kernel, which makes new ones, of zeros, when they are used.

/// Gives the pages of `memory` that hold only zeros back to the operating
/// system; how many bytes that are. The bytes stay what they are. For
/// [`Process::trim`](crate::process::Process::trim).
pub fn release_zeros(memory: &mut [u8]) -> u64 {
    #[cfg(target_os = "linux")]
    return linux::release_zeros(memory);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = memory;
        0
    }
}

#[cfg(target_os = "linux")]
mod linux {
    pub(in crate::host) fn release_zeros(memory: &mut [u8]) -> u64 {
        let mut released = 0u64;
        let page = rustix::param::page_size();
        let head = memory.as_ptr().align_offset(page).min(memory.len());
        let Some(pages) = memory.get_mut(head..) else { return 0 };
        let mut zeros = 0..0;
        for (i, bytes) in pages.chunks_exact(page).enumerate() {
            let start = i.saturating_mul(page);
            if is_zero(bytes) {
                if zeros.end != start {
                    zeros = start..start;
                }
                zeros.end = start.saturating_add(page);
            } else {
                released = released.saturating_add(give_back(pages, &zeros));
                zeros = 0..0;
            }
        }
        released.saturating_add(give_back(pages, &zeros))
    }

    fn is_zero(bytes: &[u8]) -> bool {
        // In blocks, of which the compiler makes wide comparisons.
        let (blocks, rest) = bytes.as_chunks::<64>();
        blocks.iter().all(|block| *block == [0; 64]) && rest.iter().all(|byte| *byte == 0)
    }

    fn give_back(pages: &[u8], zeros: &std::ops::Range<usize>) -> u64 {
        let Some(range) = pages.get(zeros.clone()).filter(|range| !range.is_empty()) else {
            return 0;
        };
        let address = range.as_ptr().cast_mut().cast();
        #[expect(unsafe_code, reason = "the kernel has no other call for this")]
        // SAFETY: the range consists of whole pages inside a block that the
        // caller holds exclusively. The allocator has it from anonymous private
        // mappings (the heap or mmap), for which this call means that the pages
        // read as zeros from now on, which is what they hold.
        let done =
            unsafe { rustix::mm::madvise(address, range.len(), rustix::mm::Advice::LinuxDontNeed) };
        // Failure changes nothing, and is no loss but of memory.
        match done {
            Ok(()) => range.len() as u64,
            Err(error) => {
                tracing::debug!(%error, "pages could not be given back");
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_stay_what_they_are() {
        let mut memory = vec![0u8; 1 << 20];
        for at in [0, 5000, 70_000, 300_001, (1 << 20) - 1] {
            memory[at] = 7;
        }
        let before = memory.clone();
        let released = release_zeros(&mut memory);
        assert!(memory == before);
        // All pages but five, and the ends.
        if cfg!(target_os = "linux") {
            assert!(released > 900_000 && released < 1 << 20, "{released}");
        }
        memory[100_000] = 1;
        assert_eq!(memory[100_000], 1);
    }
}
