//! Fields that the original engine knows and this one does not use.
//!
//! Applications are written for both, so such a field is no mistake, only a note. One
//! table for all kinds; a field that comes to be used here is taken out of it.

use super::suggest::is_same;

/// A mapping, by its path in an entry without the numbers of lists, and its fields.
/// The path of an entry itself is empty.
type Known = (Of, &'static str, &'static [&'static str]);

/// Kinds of entries.
#[derive(Clone, Copy)]
enum Of {
    /// Those that can have a `lifecycle`.
    Services,
    /// Those that are called or run.
    Programs,
    /// This one.
    EntryKind(&'static str),
}

const KNOWN: &[Known] = &[
    (Of::Services, "", &["security"]),
    (Of::Services, "lifecycle", &["startup", "depends_on", "security"]),
    (Of::Programs, "", &["options", "security"]),
    (Of::EntryKind("process.service"), "", &["options", "network"]),
    (Of::EntryKind("http.service"), "", &["network"]),
    (Of::EntryKind("http.service"), "host", &["buffer_size", "worker_count"]),
];

/// Fields that restrain a process, and where they stand. Elsewhere they restrain
/// nothing, which is worse than a slip.
const PROTECTIONS: [(&str, &str); 12] = [
    ("read_only", "the items of wasi.mounts"),
    ("max_memory", "limits"),
    ("max_execution_ms", "limits"),
    ("max_fuel", "the limits of a process.wasm"),
    ("max_stack", "the limits of a process.wasm"),
    ("max_processes", "the host of a process.host"),
    ("queue_size", "the host of a process.host"),
    ("queue_bytes", "the host of a process.host"),
    ("limits", "a process entry"),
    ("imports", "a process entry"),
    ("mounts", "wasi"),
    ("requires", "lifecycle"),
];

/// Where a field stands that restrains, if a word is one.
pub(super) fn protection(word: &str) -> Option<(&'static str, &'static str)> {
    PROTECTIONS.into_iter().find(|(name, _)| is_same(word, name))
}

/// The fields of a mapping in an entry of a kind that only the original uses.
pub(super) fn foreign(kind: &str, path: &str) -> impl Iterator<Item = &'static str> {
    let path = without_numbers(path);
    let of_kind = move |of: Of| match of {
        Of::Services => {
            matches!(kind, "process.host" | "terminal.host" | "process.service" | "http.service")
        }
        Of::Programs => {
            matches!(
                kind,
                "process.wasm"
                    | "process.lua"
                    | "function.wasm"
                    | "function.wat"
                    | "function.lua"
                    | "library.lua"
            )
        }
        Of::EntryKind(one) => kind == one,
    };
    let here = KNOWN.iter().filter(move |(of, at, _)| of_kind(*of) && *at == path);
    here.flat_map(|(_, _, fields)| fields.iter().copied())
}

/// `wasi.mounts[2]` is `wasi.mounts`.
fn without_numbers(path: &str) -> String {
    path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_kind_and_path() {
        let has = |kind, path, field| foreign(kind, path).any(|known| known == field);
        assert!(has("process.service", "lifecycle", "depends_on"));
        assert!(!has("process.wasm", "lifecycle", "depends_on"));
        assert!(has("process.wasm", "", "options"));
        assert!(!has("process.wasm", "wasi", "options"));
        assert_eq!(protection("readOnly"), Some(("read_only", "the items of wasi.mounts")));
        assert_eq!(protection("writable"), None);
        assert_eq!(without_numbers("wasi.mounts[2].x[11]"), "wasi.mounts.x");
    }
}
