//! Large blocks of memory in large pages.
//!
//! The interpreter writes the zeros of a new linear memory itself. With pages of 4
//! KiB the kernel is entered for each of them: 4 000 times and eleven milliseconds
//! for the 17 MB that a C program with a large stack begins with, ten times as long
//! as the writing. So blocks of a few megabytes are mapped here, at addresses where
//! the kernel can use its large pages (2 MiB), and it is told that they are wanted.
//! Where it has none the blocks are as good as others.
//!
//! Growing such a block moves its pages, not its bytes.
//!
//! Blocks below 4 MiB are the system's, which uses them again. The memory of a small
//! guest in Rust has 1.1 MB, and room for twice as much as soon as it grows: to map and
//! to clear a large page for each of its lives takes longer than all else that it does.
//!
//! The command has this as its allocator; other programs that run components can
//! do the same:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: wippy::host::LargePages = wippy::host::LargePages;
//! # fn main() { assert_eq!(vec![7u8; 5 << 20][4 << 20], 7) }
//! ```
#![allow(unsafe_code, reason = "an allocator is unsafe; what it gains is measured above")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but for blocks of 4 MiB or more, on Linux.
#[derive(Clone, Copy, Debug, Default)]
pub struct LargePages;

/// Bytes from which on a block is mapped here: smaller ones come and go often, and
/// a large page that is used in part is memory lost.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// Bytes of a large page.
#[cfg(target_os = "linux")]
const PAGE: usize = 2 << 20;

#[cfg(target_os = "linux")]
fn is_large(size: usize, align: usize) -> bool {
    size >= LARGE && align <= PAGE
}

#[cfg(not(target_os = "linux"))]
fn is_large(_: usize, _: usize) -> bool {
    false
}

// SAFETY: a block belongs to the system's allocator or to `mapped`, which is decided
// by its layout alone, and both fulfil the contract: blocks that are mapped are of the
// size that was asked for, or larger, at a multiple of 2 MiB, and nobody else's. The
// reason: a first memory of 17 MB takes a third of the time.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout.size(), layout.align()) {
            true => mapped::map(layout.size()),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_large(layout.size(), layout.align()) {
            // New pages are zero.
            true => mapped::map(layout.size()),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match is_large(layout.size(), layout.align()) {
            // SAFETY: the block has this layout, so that it was mapped.
            true => unsafe { mapped::unmap(block, layout.size()) },
            // SAFETY: the caller's promise, and it was not mapped.
            false => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (is_large(layout.size(), layout.align()), is_large(size, layout.align())) {
            // SAFETY: the caller's promise, and the block was not mapped.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            // SAFETY: the block was mapped with this size.
            (true, true) => unsafe { mapped::remap(block, layout.size(), size) },
            (false, true) | (true, false) => {
                // SAFETY: the caller promises that the size, rounded up to the
                // alignment, does not overflow.
                let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
                // SAFETY: the size is not zero, as the caller promises.
                let to = unsafe { self.alloc(new) };
                if !to.is_null() {
                    // SAFETY: both blocks have so many bytes, and are two.
                    unsafe { to.copy_from_nonoverlapping(block, size.min(layout.size())) };
                    // SAFETY: the caller gives this block away.
                    unsafe { self.dealloc(block, layout) };
                }
                to
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod mapped {
    use std::{ffi::c_void, ptr};

    use rustix::mm::{
        Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap_fixed, munmap,
    };

    use super::PAGE;

    /// Whole large pages for so many bytes.
    fn rounded(size: usize) -> Option<usize> {
        size.checked_next_multiple_of(PAGE)
    }

    /// A block, or null.
    pub(in crate::host) fn map(size: usize) -> *mut u8 {
        let Some(len) = rounded(size) else { return ptr::null_mut() };
        let Some(start) = place(len) else { return ptr::null_mut() };
        // SAFETY: the pages are ours and new; advice does not change what is in them.
        // Where there are no large pages it fails, which is no loss.
        let _ = unsafe { madvise(start, len, Advice::LinuxHugepage) };
        start.cast()
    }

    /// New pages at a multiple of a large page's size.
    fn place(len: usize) -> Option<*mut c_void> {
        let more = len.checked_add(PAGE)?;
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: no address is given, so that no mapping is replaced.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), more, access, flags) }.ok()?;
        let head = start.align_offset(PAGE).min(PAGE);
        let block = start.wrapping_byte_add(head);
        let end = block.wrapping_byte_add(len);
        // SAFETY: what lies before and behind the block are pages of the new mapping,
        // which nobody knows.
        unsafe {
            if head > 0 {
                let _ = munmap(start, head);
            }
            if head < PAGE {
                let _ = munmap(end, PAGE - head);
            }
        }
        Some(block)
    }

    /// # Safety
    ///
    /// The block was made by [`map`] or [`remap`] with this size.
    pub(in crate::host) unsafe fn unmap(block: *mut u8, size: usize) {
        if let Some(len) = rounded(size) {
            // SAFETY: these pages are the block's, and the caller gives it away.
            let _ = unsafe { munmap(block.cast(), len) };
        }
    }

    /// The block with another size, perhaps elsewhere; null, and the block as it was, if
    /// there is no memory.
    ///
    /// # Safety
    ///
    /// As for [`unmap`].
    pub(in crate::host) unsafe fn remap(block: *mut u8, size: usize, new: usize) -> *mut u8 {
        let (Some(old), Some(len)) = (rounded(size), rounded(new)) else {
            return ptr::null_mut();
        };
        if len == old {
            return block;
        }
        if len < old {
            // SAFETY: the block keeps the pages before these, which are its own.
            let _ = unsafe { munmap(block.wrapping_byte_add(len).cast(), old - len) };
            return block;
        }
        let Some(to) = place(len) else { return ptr::null_mut() };
        // SAFETY: moves all pages of the block to those that have just been made for it,
        // and makes the rest new. What was advised moves with them.
        let moved = unsafe {
            let flags = MremapFlags::MAYMOVE;
            mremap_fixed(block.cast(), old, len, flags, to)
        };
        match moved {
            Ok(to) => to.cast(),
            Err(_) => {
                // SAFETY: nothing has been moved there.
                let _ = unsafe { munmap(to, len) };
                ptr::null_mut()
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod mapped {
    pub(in crate::host) fn map(_: usize) -> *mut u8 {
        std::ptr::null_mut()
    }

    pub(in crate::host) unsafe fn unmap(_: *mut u8, _: usize) {}

    pub(in crate::host) unsafe fn remap(_: *mut u8, _: usize, _: usize) -> *mut u8 {
        std::ptr::null_mut()
    }
}

#[cfg(test)]
#[expect(clippy::undocumented_unsafe_blocks, reason = "blocks of a known layout, used in turn")]
mod tests {
    use super::*;

    /// A block that grows and shrinks over the sizes, from the allocator itself.
    fn over(sizes: &[usize]) {
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let mut size = sizes[0];
        let mut block = unsafe { LargePages.alloc_zeroed(layout(size)) };
        assert!(!block.is_null());
        let mut filled = 0u8;
        for next in sizes {
            let bytes = unsafe { std::slice::from_raw_parts_mut(block, size) };
            filled += 1;
            bytes.fill(filled);
            block = unsafe { LargePages.realloc(block, layout(size), *next) };
            assert!(!block.is_null());
            let kept = size.min(*next);
            size = *next;
            let bytes = unsafe { std::slice::from_raw_parts(block, size) };
            assert!(bytes[..kept].iter().all(|byte| *byte == filled), "{size}");
        }
        unsafe { LargePages.dealloc(block, layout(size)) };
    }

    #[test]
    fn blocks_keep_their_bytes_as_they_grow_and_shrink() {
        let mib = 1 << 20;
        over(&[100, mib, 3 * mib, 9 * mib + 5, 9 * mib + 6, 40 * mib, 5 * mib, 2 * mib, mib, 10]);
        over(&[4 * mib, 4 * mib + 1, 6 * mib, 6 * mib + 1, 4 * mib - 1, 4 * mib]);
    }

    #[test]
    fn new_blocks_are_zero() {
        let layout = Layout::from_size_align(7 << 20, 4096).unwrap();
        let block = unsafe { LargePages.alloc_zeroed(layout) };
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        assert!(bytes.iter().all(|byte| *byte == 0));
        assert_eq!(block.align_offset(4096), 0);
        unsafe { LargePages.dealloc(block, layout) };
    }

    #[test]
    fn what_cannot_be_had_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize - 7, 8).unwrap();
        assert!(unsafe { LargePages.alloc(layout) }.is_null());
    }
}
