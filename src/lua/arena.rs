//! Memory at the same addresses in each run, for a process that is recorded.
//!
//! Lua hashes a table or a function that is a key by the lower 32 bits of its address:
//! the order of `next`, when a table grows, and with that when garbage is collected
//! follow from them. So an arena lies at a multiple of 4 GiB, and where a block lies in
//! it follows from the blocks before, their sizes and their order, and from nothing else.
//!
//! A block is taken from those of its size class that were given back, the last one first,
//! or from the end. Up to 1 KiB a class is 16 bytes wide, above it a quarter of a power of
//! two. Blocks are not joined, so that an arena takes more memory than the system's
//! allocator where a program needs many of one size and later many of another. Pages of
//! large blocks go back to the system; all others may be [twice](SPREAD) as many as the
//! limit of what is in use, whatever a program does with sizes.
//!
//! The addresses are taken without memory behind them, and pages are opened as they are
//! needed. A process of 64 bits has room for some 30 000 arenas.
#![expect(unsafe_code, reason = "an allocator")]

#[cfg(not(all(unix, target_pointer_width = "64")))]
use self::nowhere::Window;
#[cfg(all(unix, target_pointer_width = "64"))]
use self::window::Window;

/// Addresses of an arena, and what its beginning is a multiple of.
const SPAN: usize = 1 << 32;
/// Where the first block lies.
const FIRST: usize = 4 << 10;
/// Bytes that are opened at once, at least.
const OPENED: usize = 256 << 10;
/// The largest block of the classes that are 16 bytes wide, and how many they are.
const SMALL: usize = 1 << 10;
const SMALL_CLASSES: usize = SMALL / 16;
/// Classes up to blocks of 2 GiB.
const CLASSES: usize = SMALL_CLASSES + 21 * 4;
/// So much may lie behind an arena in any case.
const LEAST: usize = 1 << 20;
/// Blocks from which on their pages go back to the system.
const LARGE: usize = 1 << 20;
/// Memory may lie behind so many times the bytes that may be in use.
const SPREAD: usize = 2;

/// An arena.
#[derive(Debug)]
pub(super) struct Arena {
    window: Window,
    /// Where the next block lies that is of none before.
    top: usize,
    /// Up to where there is memory.
    opened: usize,
    /// The last block of each class that was given back; 0 if there is none.
    free: [u32; CLASSES],
    /// Bytes that were asked for, and how many there may be.
    used: usize,
    limit: usize,
    /// Bytes of blocks whose pages have gone back.
    away: usize,
    /// How many blocks were made, and where the first one ends.
    made: u64,
    first: usize,
    trace: u64,
}

impl Arena {
    /// An arena without a limit.
    ///
    /// # Errors
    ///
    /// With why the system does not give the addresses.
    pub fn new() -> Result<Arena, String> {
        Ok(Arena {
            window: Window::new()?,
            top: FIRST,
            opened: 0,
            free: [0; CLASSES],
            used: 0,
            limit: usize::MAX,
            away: 0,
            made: 0,
            first: 0,
            trace: 0,
        })
    }

    /// Limits the bytes that are in use.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Blocks that were made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The first block, as it is now: where it begins, and its length.
    pub fn first(&self) -> (*mut u8, usize) {
        (self.window.at(FIRST), self.first)
    }

    /// A hash of what has been made, resized and given back, where, how large and in which
    /// order: two arenas with the same number were used alike.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Bytes that are in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Makes, resizes or gives back a block, as Lua asks for it: `old` is its size, if
    /// there is a block, and `new` the one that it is to have. Null if there is no room.
    ///
    /// # Safety
    ///
    /// `block` is null, or a block of this arena with the size `old` that is used no more,
    /// unless null is returned and `new` is not 0.
    pub unsafe fn resize(&mut self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        let old = if block.is_null() { 0 } else { old };
        if new > old && self.used.saturating_sub(old).saturating_add(new) > self.limit {
            return std::ptr::null_mut();
        }
        let (before, after) = (class(old), class(new));
        let to = if new == 0 {
            std::ptr::null_mut()
        } else if !block.is_null() && before == after {
            block
        } else {
            let to = self.make(after);
            match (to.is_null(), block.is_null()) {
                // What becomes smaller never fails.
                (true, false) if new <= old => block,
                (true, _) => return to,
                (false, true) => to,
                (false, false) => {
                    // SAFETY: both blocks have as many bytes, and are two.
                    unsafe { to.copy_from_nonoverlapping(block, old.min(new)) };
                    to
                }
            }
        };
        if !block.is_null() && to != block {
            // SAFETY: the caller gives the block away.
            unsafe { self.give_back(block, before) };
        }
        self.used = self.used.saturating_sub(old).saturating_add(new);
        for what in [self.window.offset(block), self.window.offset(to), old as u64, new as u64] {
            self.trace = (self.trace ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        to
    }

    /// A block of a class, or null.
    fn make(&mut self, class: Option<(usize, usize)>) -> *mut u8 {
        let Some((class, size)) = class else { return std::ptr::null_mut() };
        let Some(free) = self.free.get_mut(class) else { return std::ptr::null_mut() };
        let at = *free as usize;
        if at > 0 {
            let block = self.window.at(at);
            // SAFETY: a block that was given back begins with the one before it.
            *free = unsafe { block.cast::<u32>().read() };
            self.made = self.made.saturating_add(1);
            if size >= LARGE {
                self.away = self.away.saturating_sub(size);
            }
            return block;
        }
        let (at, end) = (self.top, self.top.saturating_add(size));
        if end.saturating_sub(self.away) > self.limit.saturating_mul(SPREAD).max(LEAST) {
            return std::ptr::null_mut();
        }
        if end > self.opened {
            // More at a time, the more there is.
            let more = (end - self.opened).max(OPENED).max(self.opened / 4);
            let more = more.next_multiple_of(OPENED).min(SPAN - self.opened);
            if end > SPAN || !self.window.open(self.opened, more) {
                return std::ptr::null_mut();
            }
            self.opened = self.opened.saturating_add(more);
        }
        self.top = end;
        if self.made == 0 {
            self.first = size;
        }
        self.made = self.made.saturating_add(1);
        self.window.at(at)
    }

    /// # Safety
    ///
    /// A block of this class, which is used no more.
    unsafe fn give_back(&mut self, block: *mut u8, class: Option<(usize, usize)>) {
        let Some((class, size)) = class else { return };
        let at = self.window.offset(block);
        let (Some(free), Ok(at)) = (self.free.get_mut(class), u32::try_from(at)) else { return };
        if size >= LARGE {
            self.window.forget(block, size);
            self.away = self.away.saturating_add(size);
        }
        // SAFETY: a block has at least 16 bytes, at a multiple of 16.
        unsafe { block.cast::<u32>().write(*free) };
        *free = at;
    }
}

/// The class of blocks of this size, and the size that they have.
fn class(size: usize) -> Option<(usize, usize)> {
    if size <= SMALL {
        let steps = size.div_ceil(16).max(1);
        return Some((steps - 1, steps * 16));
    }
    let log = (size - 1).ilog2() as usize;
    let step = 1_usize << (log - 2);
    let steps = (size - 1) / step + 1;
    let class = SMALL_CLASSES + (log - 10) * 4 + (steps - 5);
    (class < CLASSES).then(|| (class, steps * step))
}

#[cfg(all(unix, target_pointer_width = "64"))]
mod window {
    use std::{ffi::c_void, ptr};

    use rustix::mm::{
        Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
    };

    use super::SPAN;

    /// Addresses from a multiple of [`SPAN`] on.
    #[derive(Debug)]
    pub(super) struct Window(*mut u8);

    // SAFETY: the pages are this window's alone.
    unsafe impl Send for Window {}

    impl Window {
        pub fn new() -> Result<Window, String> {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: no address is given, so that no mapping is replaced.
            let start =
                unsafe { mmap_anonymous(ptr::null_mut(), 2 * SPAN, ProtFlags::empty(), flags) };
            let start = start.map_err(|errno| {
                format!("the system gives no addresses for its memory: {errno}")
            })?;
            let head = start.align_offset(SPAN).min(SPAN);
            let window = start.wrapping_byte_add(head);
            // SAFETY: what lies before and behind the window are pages of the new mapping,
            // which nobody knows. That they stay would be no more than untidy.
            unsafe {
                if head > 0 {
                    let _ = munmap(start, head);
                }
                if head < SPAN {
                    let _ = munmap(window.wrapping_byte_add(SPAN), SPAN - head);
                }
            }
            Ok(Window(window.cast()))
        }

        /// The address at an offset.
        pub fn at(&self, offset: usize) -> *mut u8 {
            self.0.wrapping_add(offset)
        }

        /// The offset of an address of the window; 0 if there is none.
        pub fn offset(&self, address: *mut u8) -> u64 {
            match address.is_null() {
                true => 0,
                false => address.addr().wrapping_sub(self.0.addr()) as u64,
            }
        }

        /// Puts memory behind addresses; false if there is none.
        pub fn open(&self, from: usize, len: usize) -> bool {
            let access = MprotectFlags::READ | MprotectFlags::WRITE;
            let start = self.at(from).cast::<c_void>();
            // SAFETY: addresses of this window, in which nothing lies yet.
            unsafe { mprotect(start, len, access) }.is_ok()
        }

        /// Gives the pages of a block back; what it holds is lost.
        pub fn forget(&self, block: *mut u8, len: usize) {
            let head = block.align_offset(4096).min(len);
            let (start, len) = (block.wrapping_add(head), (len - head) & !4095);
            // SAFETY: whole pages of a block of this window that nobody uses. Where it
            // fails they stay, which is no more than memory.
            let _ = unsafe { madvise(start.cast::<c_void>(), len, Advice::DontNeed) };
        }
    }

    impl Drop for Window {
        fn drop(&mut self) {
            // SAFETY: nobody refers to what lies in the arena any more.
            let _ = unsafe { munmap(self.0.cast::<c_void>(), SPAN) };
        }
    }
}

#[cfg(not(all(unix, target_pointer_width = "64")))]
mod nowhere {
    /// Addresses that are not to be had here.
    #[derive(Debug)]
    pub(super) struct Window;

    impl Window {
        pub fn new() -> Result<Window, String> {
            Err("its memory has to lie at given addresses, for which there is no room on this \
                 system: it takes one of 64 bits, and Unix"
                .to_owned())
        }

        pub fn at(&self, _: usize) -> *mut u8 {
            std::ptr::null_mut()
        }

        pub fn offset(&self, _: *mut u8) -> u64 {
            0
        }

        pub fn open(&self, _: usize, _: usize) -> bool {
            false
        }

        pub fn forget(&self, _: *mut u8, _: usize) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_into_its_class_and_wastes_at_most_a_quarter() {
        let mut before = 0;
        for size in 1..5000 {
            let (class, _) = class(size).unwrap();
            assert!(class == before || class == before + 1, "{size}");
            before = class;
        }
        let large = (10..31).flat_map(|log| {
            let power = 1_usize << log;
            [power - 1, power, power + 1, power + power / 4, power + power / 4 + 1]
        });
        for size in (1..5000).chain(large) {
            let (class, room) = class(size).unwrap();
            assert!(room >= size && room <= size / 4 * 5 + 16, "{size} in {room}");
            assert!(class < CLASSES, "{size}");
        }
        assert_eq!((class(1 << 31).map(|it| it.0), class(usize::MAX)), (Some(CLASSES - 1), None));
    }

    #[cfg(all(unix, target_pointer_width = "64"))]
    #[test]
    fn blocks_lie_where_they_lay_the_last_time() {
        let run = || {
            let mut arena = Arena::new().unwrap();
            let (mut blocks, mut random) = (Vec::new(), 1_u64);
            let mut places = Vec::new();
            for _ in 0..20_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let size = match random >> 60 {
                    0 => (random >> 30) as usize % (2 << 20),
                    _ => (random >> 30) as usize % 300,
                } + 1;
                // SAFETY: blocks of this arena with their sizes, each given back once.
                unsafe {
                    match (random >> 50) % 3 {
                        0 if !blocks.is_empty() => {
                            let at = (random >> 20) as usize % blocks.len();
                            let (block, old): (*mut u8, usize) = blocks.swap_remove(at);
                            assert_eq!(block.read(), old as u8);
                            arena.resize(block, old, 0);
                        }
                        1 if !blocks.is_empty() => {
                            let at = (random >> 20) as usize % blocks.len();
                            let (block, old) = blocks[at];
                            let block = arena.resize(block, old, size);
                            assert_eq!(block.read(), old as u8);
                            block.write(size as u8);
                            blocks[at] = (block, size);
                        }
                        _ => {
                            let block = arena.resize(std::ptr::null_mut(), 5, size);
                            block.write_bytes(size as u8, size);
                            places.push(block.addr() as u32);
                            blocks.push((block, size));
                        }
                    }
                }
            }
            (places, arena.trace(), arena.used())
        };
        assert_eq!(run(), run());
    }

    #[cfg(all(unix, target_pointer_width = "64"))]
    #[test]
    fn who_asks_for_more_than_the_limit_gets_nothing_and_loses_nothing() {
        let mut arena = Arena::new().unwrap();
        arena.set_limit(1000);
        // SAFETY: blocks of this arena with their sizes.
        unsafe {
            let block = arena.resize(std::ptr::null_mut(), 0, 600);
            assert!(arena.resize(std::ptr::null_mut(), 0, 600).is_null());
            assert!(arena.resize(block, 600, 1001).is_null());
            assert!(!arena.resize(block, 600, 1000).is_null());
            assert_eq!(arena.used(), 1000);
        }
    }

    /// A program fills its memory with blocks of one size, gives them back, and takes the
    /// next size.
    #[cfg(all(unix, target_pointer_width = "64"))]
    #[test]
    fn memory_of_one_size_after_the_other_is_bounded() {
        const LIMIT: usize = 8 << 20;
        let mut arena = Arena::new().unwrap();
        arena.set_limit(LIMIT);
        for size in (4..24).map(|log| 1_usize << log) {
            let mut blocks = Vec::new();
            loop {
                // SAFETY: no block is given away.
                let block = unsafe { arena.resize(std::ptr::null_mut(), 0, size) };
                if block.is_null() {
                    break;
                }
                blocks.push(block);
            }
            for block in blocks {
                // SAFETY: a block of this size, which is used no more.
                unsafe { arena.resize(block, size, 0) };
            }
            let held = arena.top - arena.away;
            assert!(held <= SPREAD * LIMIT + FIRST, "{held} bytes at blocks of {size}");
        }
        assert_eq!(arena.used(), 0);
    }
}
