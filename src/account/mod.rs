//! Accounts: what the host holds in memory for a process, counted before it is
//! allocated.
//!
//! Each process has one [`Account`], with its `limits.max_memory` as the limit:
//! linear memory and tables, lifted values, arguments that wait for an answer,
//! listings, handles, whatever a guest can make the host hold. So the limit is one
//! of their sum, and the host's memory is no way around it. The account of a
//! process lies under that of its host, which bounds all processes together.
//!
//! A clone is the same account. Who is about to hold something says so first, in
//! one of three ways:
//!
//! - [`Account::charge`] gives a [`Charge`] to keep beside the bytes, which gives
//!   them back when it is dropped. For buffers and values that have an owner.
//! - [`Charge::cover`] for what grows and shrinks in small steps, such as a table
//!   or a queue: the charge is kept a little larger than what is needed, so that
//!   most steps touch no counter that others use.
//! - [`Account::add`] and [`Account::sub`], where the bytes are counted already by
//!   whoever calls.
//!
//! All three fail with [`Exceeded`], which names the limit, and change nothing then:
//! the guest is told in the way that fits (growth fails, a call traps, an error is
//! returned). What is there already and only has to be counted goes to
//! [`Account::add_anyway`]. Where a list is made, charge once for the list and not
//! for each element.
//!
//! When the last clone of an account is dropped, its host has everything back that
//! was left on it. Nothing here panics, and counters stay at their ends instead of
//! passing them.
//!
//! An account also counts [places](Account::take_places) in tables: handles, open
//! files, timers, names. They are counted over all tables of a process, because
//! each table alone would be a way around the limit of the others.

mod charge;

#[cfg(test)]
mod tests;

pub use self::charge::Charge;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

/// Places in tables that a process may have, all of them together, unless its
/// bytes end before.
pub const MAX_PLACES: u64 = 1 << 20;

/// An account takes whole blocks of so many bytes from the one that it lies under,
/// so that the counter which all processes of a host share is left alone by most
/// charges.
const BLOCK: u64 = 4 << 10;

/// Bytes that [`Charge::cover`] leaves beyond those that are needed.
const SPARE: u64 = 1 << 10;

/// Room that is as good as any more: nobody who asks for it would do anything else.
const NEAR: u64 = 64 << 20;

/// A counter of bytes with a limit. See the [module documentation](self).
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    /// The limit's name, for messages.
    name: &'static str,
    limit: u64,
    used: AtomicU64,
    /// Bytes on this account that the system has back for the time being.
    away: AtomicU64,
    places: AtomicU64,
    /// The host has had less room than the process, and somebody was told.
    crowded: AtomicBool,
    under: Option<Account>,
}

/// There is no room for so many bytes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The name of the limit: `limits.max_memory`, `host.max_memory`.
    pub name: &'static str,
    /// The limit.
    pub limit: u64,
    /// Bytes that were in use.
    pub used: u64,
    /// Bytes that were asked for.
    pub asked: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exceeded { name, limit, used, asked } = self;
        write!(f, "{asked} bytes more than the {used} in use are beyond `{name}`, {limit} bytes")
    }
}

impl std::error::Error for Exceeded {}

impl Exceeded {
    /// The process itself has room: it is its host that has none.
    pub fn is_of_host(&self) -> bool {
        self.name == HOST
    }
}

/// The name of the limit of a host.
const HOST: &str = "host.max_memory";

impl Account {
    /// The account of a process: the limit is its `limits.max_memory`.
    pub fn new(limit: u64) -> Account {
        Account::named("limits.max_memory", limit, None)
    }

    /// The account of a host.
    pub fn of_host(limit: u64) -> Account {
        Account::named(HOST, limit, None)
    }

    /// An account for a process whose bytes are counted here as well.
    pub fn process(&self, limit: u64) -> Account {
        Account::named("limits.max_memory", limit, Some(self.clone()))
    }

    /// Another account with this limit and so many bytes more, under the same host.
    pub(crate) fn again(&self, more: u64) -> Account {
        let Inner { name, limit, under, .. } = &*self.0;
        Account::named(name, limit.saturating_add(more), under.clone())
    }

    fn named(name: &'static str, limit: u64, under: Option<Account>) -> Account {
        let zero = || AtomicU64::new(0);
        let (used, away, places, crowded) = (zero(), zero(), zero(), AtomicBool::new(false));
        Account(Arc::new(Inner { name, limit, used, away, places, crowded, under }))
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Bytes on the account.
    pub fn used(&self) -> u64 {
        visible(self.0.used.load(Relaxed))
    }

    /// Bytes up to the limit, or to that of the host if it is nearer.
    pub fn room(&self) -> u64 {
        let own = self.0.limit.saturating_sub(self.used());
        let Some(under) = &self.0.under else { return own };
        let room = under.room();
        if room < own.min(NEAR) {
            self.0.crowded.store(true, Relaxed);
        }
        own.min(room)
    }

    /// Whether the process, since this was asked last, has been told of less room than it
    /// has by itself, because its host has no more: what it did then depends on others.
    pub(crate) fn take_crowded(&self) -> bool {
        // Most never are.
        self.0.crowded.load(Relaxed) && self.0.crowded.swap(false, Relaxed)
    }

    /// Bytes on the account that are in the memory of the system: without what has
    /// been [sent away](Account::send_away).
    pub fn resident(&self) -> u64 {
        self.used().saturating_sub(self.0.away.load(Relaxed))
    }

    /// Places in tables that are taken.
    pub fn places(&self) -> u64 {
        self.0.places.load(Relaxed)
    }

    /// Counts bytes.
    ///
    /// # Errors
    ///
    /// If there is no room for them here or on the host's account; then nothing is
    /// counted.
    pub fn add(&self, bytes: u64) -> Result<(), Exceeded> {
        // Nothing more is no reason to fail where there is too much.
        if bytes == 0 {
            return Ok(());
        }
        let Inner { name, limit, used, under, .. } = &*self.0;
        let within = |used: u64| {
            let sum = used.cast_signed().checked_add(i64::try_from(bytes).ok()?)?;
            (visible(sum.cast_unsigned()) <= *limit).then_some(sum.cast_unsigned())
        };
        let before = used.fetch_update(Relaxed, Relaxed, within).map(visible);
        let before = before.map_err(|used| {
            let used = visible(used);
            Exceeded { name, limit: *limit, used, asked: bytes }
        })?;
        let Some(under) = under else { return Ok(()) };
        let more = blocks(before.saturating_add(bytes)).saturating_sub(blocks(before));
        if more == 0 {
            return Ok(());
        }
        let Err(exceeded) = under.add(more) else { return Ok(()) };
        self.0.crowded.store(true, Relaxed);
        // Others may have counted meanwhile: what the two changes of the own counter
        // have made of its blocks is what the other counter must see of them.
        let before = subtract(used, bytes);
        let less = blocks(before).saturating_sub(blocks(before.saturating_sub(bytes)));
        match less.checked_sub(more) {
            Some(less) => under.sub(less),
            None => under.add_anyway(more.saturating_sub(less)),
        }
        Err(Exceeded { asked: bytes, ..exceeded })
    }

    /// Counts bytes that are there already, beyond the limits if need be: then
    /// nothing else finds room.
    pub fn add_anyway(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let sum = |used: u64| Some(used.cast_signed().saturating_add(bytes).cast_unsigned());
        let before = self.0.used.fetch_update(Relaxed, Relaxed, sum).unwrap_or_else(|used| used);
        let (before, bytes) = (visible(before), bytes.cast_unsigned());
        if let Some(under) = &self.0.under {
            let more = blocks(before.saturating_add(bytes)).saturating_sub(blocks(before));
            if more > 0 {
                under.add_anyway(more);
            }
        }
    }

    /// Gives bytes back.
    pub fn sub(&self, bytes: u64) {
        let before = subtract(&self.0.used, bytes);
        if let Some(under) = &self.0.under {
            let less = blocks(before).saturating_sub(blocks(before.saturating_sub(bytes)));
            if less > 0 {
                under.sub(less);
            }
        }
    }

    /// Counts bytes until the charge is dropped.
    ///
    /// # Errors
    ///
    /// As for [`Account::add`].
    pub fn charge(&self, bytes: u64) -> Result<Charge, Exceeded> {
        self.add(bytes)?;
        Ok(Charge::of(self, bytes))
    }

    /// A charge of nothing, which can grow.
    pub fn open(&self) -> Charge {
        Charge::of(self, 0)
    }

    /// Takes places in a table; the bytes are charged for apart.
    ///
    /// # Errors
    ///
    /// If the process has [`MAX_PLACES`], with that number.
    pub fn take_places(&self, count: u64) -> Result<(), u64> {
        let within = |have: u64| have.checked_add(count).filter(|sum| *sum <= MAX_PLACES);
        self.0.places.fetch_update(Relaxed, Relaxed, within).map(drop).map_err(|_| MAX_PLACES)
    }

    /// Gives places back.
    pub fn give_places(&self, count: u64) {
        subtract(&self.0.places, count);
    }

    /// The system has so many of the bytes back, for as long as the process does
    /// nothing: its host can use them.
    pub fn send_away(&self, bytes: u64) {
        let Some(under) = &self.0.under else { return };
        let away = self.0.away.load(Relaxed);
        let bytes = bytes.min(blocks(self.used()).saturating_sub(away));
        self.0.away.store(away.saturating_add(bytes), Relaxed);
        under.sub(bytes);
    }

    /// The process goes on, and may use all of its memory. Whether some of it had
    /// been sent away.
    pub fn call_back(&self) -> bool {
        // Most have sent nothing away.
        if self.0.away.load(Relaxed) == 0 {
            return false;
        }
        let away = self.0.away.swap(0, Relaxed);
        if let Some(under) = &self.0.under {
            under.add_anyway(away);
        }
        true
    }

    /// True if the host has less than half of its memory left.
    pub fn is_pressed(&self) -> bool {
        self.0.under.as_ref().is_some_and(|host| host.used() > host.limit() / 2)
    }
}

/// Bytes that are taken from the account below for so many.
fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// Subtracts; what was there before. The counter of a host may be below zero for a
/// moment: a thread may give back what another is about to take for it.
fn subtract(counter: &AtomicU64, count: u64) -> u64 {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rest = |have: u64| Some(have.cast_signed().saturating_sub(count).cast_unsigned());
    visible(counter.fetch_update(Relaxed, Relaxed, rest).unwrap_or_else(|have| have))
}

/// The count that others see: nothing below zero.
fn visible(counter: u64) -> u64 {
    counter.cast_signed().max(0).cast_unsigned()
}

impl Default for Account {
    /// An account without a limit.
    fn default() -> Account {
        Account::new(u64::MAX)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} of {})", self.used(), self.limit())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(under) = &self.under {
            let left = blocks(visible(*self.used.get_mut()));
            under.sub(left.saturating_sub(*self.away.get_mut()));
        }
    }
}
