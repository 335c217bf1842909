//! The sizes of the pieces in which memories and tables are made and grow: known to
//! the code that is written into modules, and to the limiter that this code asks.

/// Bytes of one table element in the interpreter.
pub(crate) const ELEMENT: usize = 8;

/// Pages that a memory grows by at once, when it grows by so many or more.
pub(crate) const STEP_PAGES: u32 = 32;

/// Elements that a table grows by at once, when it grows by so many or more.
pub(crate) const STEP_ELEMENTS: u32 = 64 << 10;

/// Added to the number of pages or elements that are going to be asked for.
pub(crate) const ASKING: u32 = 1 << 31;

/// The number has to be smaller than this.
pub(crate) const MAX_ASKED: u32 = 1 << 30;
