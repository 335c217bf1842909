//! Globals and tables under names of their own.
//!
//! The interpreter shows what a module exports and nothing else. What a process is, for
//! one who hashes it, is in its globals and tables too: so those that can change are
//! exported once more, under names that nobody asks for.

use wasm_encoder::ExportKind;

use super::{spaces::Spaces, unused_name};

/// How many of a module are shown; most have three or four.
const MOST: usize = 10_000;

/// Exports of all globals and tables of a module's own that can change.
pub(super) fn exports(spaces: &Spaces<'_>) -> Vec<(String, ExportKind, u32)> {
    let exports: std::collections::HashSet<&str> = spaces.exports.iter().copied().collect();
    let name = |what: &str, index: usize| {
        let name = format!("[{what} {index}]");
        // A look at all of them only where one has such a name.
        if exports.contains(&*name) { unused_name(&name, &spaces.exports) } else { name }
    };
    let globals = spaces.globals.iter().enumerate().skip(spaces.imported_globals);
    let globals = globals.filter(|(_, mutable)| **mutable);
    let globals = globals.map(|(index, _)| (ExportKind::Global, "global", index));
    let tables = (spaces.imported_tables..spaces.tables.len())
        .map(|index| (ExportKind::Table, "table", index));
    let all = globals.chain(tables).take(MOST);
    all.filter_map(|(kind, what, index)| {
        Some((name(what, index), kind, u32::try_from(index).ok()?))
    })
    .collect()
}
