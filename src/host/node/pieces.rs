//! Long work on a host's threads that lets others have their turns.

use std::time::{Duration, Instant};

/// Something long that is done in pieces: after each, others have turns, those that
/// have been woken by it before all.
pub(super) struct Pieces {
    begun: Instant,
    parts: u32,
    /// A piece has so many parts, however long they take.
    least: u32,
}

/// Parts of a piece, at most, and how long it may take.
pub(super) const PARTS: u32 = 64;
const PIECE: Duration = Duration::from_micros(100);

impl Pieces {
    pub fn of_at_least(least: u32) -> Pieces {
        Pieces { begun: Instant::now(), parts: 0, least }
    }

    /// A part has been done.
    pub async fn next(&mut self) {
        self.parts = self.parts.saturating_add(1);
        let is_over = self.parts >= self.least && self.begun.elapsed() >= PIECE;
        if self.parts >= PARTS || is_over {
            smol::future::yield_now().await;
            *self = Pieces::of_at_least(self.least);
        }
    }
}
