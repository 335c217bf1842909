//! The one way to standard error: a queue, and a thread that writes.
//!
//! Standard error may be a pipe that nobody empties. So whoever has something to say
//! leaves it here and goes on: no worker, and not the thread that stops the services,
//! ever waits for a reader. What the command itself says is kept until it is read;
//! the log has [`ROOM`], and lines beyond are counted, which is said in their place.
//!
//! The command waits at its end for the writer: as long as it takes if a signal would
//! end it meanwhile, else as long as something is read.

use crate::lock::{held, lock};
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use super::style;
use crate::world;

/// Bytes of the log that may wait.
const ROOM: usize = 1 << 20;

/// Bytes that the log says at once, such as a table of processes.
const LONGEST: usize = 256 << 10;

/// About so many bytes are written at a time.
const PIECE: usize = 8 << 10;

static QUEUE: Queue =
    Queue { state: Mutex::new(State::new()), more: Condvar::new(), less: Condvar::new() };

struct Queue {
    state: Mutex<State>,
    /// There is something to write.
    more: Condvar,
    /// Something has been written.
    less: Condvar,
}

struct State {
    waiting: VecDeque<String>,
    /// Bytes of those.
    bytes: usize,
    /// Lines of the log since there was room.
    lost: u64,
    /// Pieces that have been written.
    written: u64,
    /// A piece is being written.
    writing: bool,
    /// The thread has been started, or cannot be.
    writer: Option<bool>,
    /// Nobody reads any more.
    closed: bool,
}

impl State {
    const fn new() -> State {
        State {
            waiting: VecDeque::new(),
            bytes: 0,
            lost: 0,
            written: 0,
            writing: false,
            writer: None,
            closed: false,
        }
    }

    /// True if there is room for a text; else it counts as lost.
    fn has_room(&mut self, text: &str, room: usize) -> bool {
        let fits = self.bytes.saturating_add(text.len()) <= room;
        if !fits {
            self.lost = self.lost.saturating_add(1);
        }
        fits
    }

    fn add(&mut self, text: String) {
        self.bytes = self.bytes.saturating_add(text.len());
        self.waiting.push_back(text);
    }

    /// Adds what is to be known of lost lines.
    fn tell_lost(&mut self) {
        if self.lost > 0 {
            let lines = if self.lost == 1 { "line" } else { "lines" };
            let text = style::warning_line(&format!(
                "{} {lines} of the log were lost here, because nobody read them in time",
                self.lost
            ));
            self.lost = 0;
            self.add(text);
        }
    }

    /// Takes the next piece.
    fn take(&mut self) -> String {
        let mut piece = String::new();
        while let Some(text) = self.waiting.front()
            && (piece.is_empty() || piece.len().saturating_add(text.len()) <= PIECE)
        {
            self.bytes = self.bytes.saturating_sub(text.len());
            piece.push_str(text);
            self.waiting.pop_front();
        }
        piece
    }
}

/// Nothing panics while it holds the lock.
fn state() -> MutexGuard<'static, State> {
    lock(&QUEUE.state)
}

/// Writes lines that must not be lost.
pub(super) fn say(text: String) {
    put(String::new, text, usize::MAX);
}

/// Writes lines of the log, if there is room for them, and not more than that.
pub(super) fn log(text: String) {
    log_after(String::new, text);
}

/// The same after a head that is made when it is its turn: so times are in order.
pub(super) fn log_after(head: impl FnOnce() -> String, mut text: String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str(" [cut]\n");
    }
    put(head, text, ROOM);
}

fn put(head: impl FnOnce() -> String, mut text: String, room: usize) {
    let mut state = state();
    if state.closed || !state.has_room(&text, room) {
        return;
    }
    state.tell_lost();
    text.insert_str(0, &head());
    if *state.writer.get_or_insert_with(start) {
        state.add(text);
        drop(state);
        QUEUE.more.notify_one();
    } else {
        // Then there are no workers that could be held either.
        drop(state);
        drop(world::write_stderr(text.as_bytes()));
    }
}

fn start() -> bool {
    let builder = thread::Builder::new().name("stderr".to_owned()).stack_size(128 << 10);
    builder.spawn(write).is_ok()
}

/// Writes what comes, for ever.
fn write() {
    let mut state = state();
    loop {
        let piece = state.take();
        if piece.is_empty() {
            state.writing = false;
            QUEUE.less.notify_all();
            state = held(QUEUE.more.wait(state));
            continue;
        }
        state.writing = true;
        drop(state);
        let result = world::write_stderr(piece.as_bytes());
        state = self::state();
        state.written = state.written.wrapping_add(1);
        if result.is_err() {
            *state = State {
                closed: true,
                written: state.written,
                writer: state.writer,
                ..State::new()
            };
        }
        QUEUE.less.notify_all();
    }
}

/// Waits until all is written: as long as it takes, or as long as within this time
/// something is.
pub(super) fn finish(patience: Option<Duration>) {
    drop(finished(patience));
}

/// Copies this process when all is written, so that nothing is written twice. Of the copy
/// the writer is no part, so that it begins without one.
#[cfg(target_os = "linux")]
pub(super) fn while_copied<T>(copy: impl FnOnce() -> T, is_copy: impl FnOnce(&T) -> bool) -> T {
    // Held meanwhile: what another thread holds would never be let go in the copy.
    let mut state = finished(None);
    let copied = copy();
    if is_copy(&copied) {
        state.writer = None;
    }
    copied
}

/// The state when all is written.
fn finished(patience: Option<Duration>) -> MutexGuard<'static, State> {
    let mut state = state();
    state.tell_lost();
    QUEUE.more.notify_one();
    let (mut seen, mut since) = (state.written, Instant::now());
    while state.writer == Some(true) && (state.writing || !state.waiting.is_empty()) {
        state = match patience {
            None => held(QUEUE.less.wait(state)),
            Some(patience) => {
                if seen != state.written {
                    (seen, since) = (state.written, Instant::now());
                }
                let left = patience.saturating_sub(since.elapsed());
                if left.is_zero() {
                    return state;
                }
                let waited = QUEUE.less.wait_timeout(state, left);
                held(waited).0
            }
        };
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_room_are_counted_and_told_in_their_place() {
        let mut state = State::new();
        for i in 0..5 {
            let line = format!("line {i}\n");
            if state.has_room(&line, 16) {
                state.tell_lost();
                state.add(line);
            }
        }
        assert_eq!(state.take(), "line 0\nline 1\n");
        assert!(state.has_room("line 5\n", 16));
        state.tell_lost();
        state.add("line 5\n".to_owned());
        let told = state.take();
        assert!(told.contains(" 3 lines of the log were lost here"), "{told}");
        assert!(told.ends_with("\nline 5\n"), "{told}");
        assert_eq!((state.bytes, state.lost), (0, 0));
    }

    #[test]
    fn a_piece_is_one_text_or_several_short_ones() {
        let mut state = State::new();
        let long = "x".repeat(PIECE + 1);
        for text in ["a", &long, "b", "c"] {
            state.add(text.to_owned());
        }
        let pieces: Vec<String> = (0..4).map(|_| state.take()).collect();
        assert_eq!(pieces, ["a", &*long, "bc", ""]);
        const { assert!(LONGEST < ROOM, "an empty queue takes any line") };
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_copy_begins_without_a_writer() {
        let writer = || state().writer;
        say(String::new());
        assert!(while_copied(writer_is_held, |held| !held));
        assert_eq!(writer(), Some(true));
        while_copied(|| (), |()| true);
        assert_eq!(writer(), None);
    }

    fn writer_is_held() -> bool {
        QUEUE.state.try_lock().is_err()
    }
}
