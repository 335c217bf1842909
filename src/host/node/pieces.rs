//! Long work on a host's threads that lets others have their turns.

use std::time::{Duration, Instant};

/// Something long that is done in pieces: after each, others have turns, those that
/// have been woken by it before all.
pub(super) struct Pieces {
    begun: Instant,
    parts: u32,
    /// A piece has so many parts, however long they take.
    least: u32,
    /// And no more.
    exactly: bool,
}

/// Parts of a piece, at most, and how long it may take.
pub(super) const PARTS: u32 = 64;
const PIECE: Duration = Duration::from_micros(100);

impl Pieces {
    pub fn of_at_least(least: u32) -> Pieces {
        Pieces { begun: Instant::now(), parts: 0, least, exactly: false }
    }

    /// Pieces that do not depend on how long anything takes.
    pub fn of_exactly(parts: u32) -> Pieces {
        Pieces { exactly: true, ..Pieces::of_at_least(parts) }
    }

    /// A part has been done.
    pub async fn next(&mut self) {
        self.parts = self.parts.saturating_add(1);
        let is_over = self.parts >= self.least && (self.exactly || self.begun.elapsed() >= PIECE);
        if self.parts >= PARTS || is_over {
            smol::future::yield_now().await;
            *self = Pieces { exactly: self.exactly, ..Pieces::of_at_least(self.least) };
        }
    }
}
