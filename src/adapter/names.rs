//! Names: core wasm allows any text, the Component Model allows kebab-case.
//!
//! A core name becomes a kebab name by cutting it into words wherever a
//! character is not a letter or a digit, and wherever a small letter is
//! followed by a capital (`getUserId` and `get_user_id` are both
//! `get-user-id`). The mapping loses information, so whoever uses it keeps the
//! pair of names; [`Unique`] makes sure that no two core names share a kebab
//! name, by the Component Model's own notion of sharing (`a-b` and `AB` count
//! as the same name).

use std::collections::{HashMap, HashSet};
use wasmparser::names::KebabString;

/// Longer names are cut: no tool prints them, and wasm limits them anyway.
const LONGEST: usize = 200;

/// True if `name` is a kebab name as it stands.
pub(super) fn is_kebab(name: &str) -> bool {
    name.len() <= LONGEST && KebabString::new(name).is_some()
}

/// The kebab form of a core name, or nothing if no word of it can be kept
/// (`"$$"`, `""`, `"名"`).
pub(super) fn kebab(name: &str) -> Option<String> {
    if is_kebab(name) {
        return Some(name.to_owned());
    }
    let mut out = String::new();
    let mut previous_small = false;
    for c in name.chars() {
        if out.len() >= LONGEST {
            break;
        }
        if !c.is_ascii_alphanumeric() {
            if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
            previous_small = false;
            continue;
        }
        if c.is_ascii_uppercase() && previous_small {
            out.push('-');
        }
        if c.is_ascii_digit() && out.is_empty() {
            out.push('n');
        }
        out.push(c.to_ascii_lowercase());
        previous_small = !c.is_ascii_uppercase();
    }
    while out.ends_with('-') {
        out.pop();
    }
    is_kebab(&out).then_some(out)
}

/// `my-func` as most languages' linkers want it: `my_func`.
pub(super) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// Hands out kebab names, each only once.
#[derive(Default)]
pub(super) struct Unique {
    taken: HashSet<KebabString>,
    /// The number to try next for names that were asked for before, so that a
    /// million names that all become `a` do not take a million steps each.
    next: HashMap<String, u64>,
}

impl Unique {
    /// Takes `name` if it is a kebab name that is still free.
    pub(super) fn take(&mut self, name: &str) -> bool {
        KebabString::new(name).is_some_and(|name| self.taken.insert(name))
    }

    /// The kebab form of `name`, with a number at the end if that is taken, and
    /// made up from `fallback` if there is no such form.
    pub(super) fn assign(&mut self, name: &str, fallback: &str) -> String {
        let base = kebab(name).unwrap_or_else(|| fallback.to_owned());
        if self.take(&base) {
            return base;
        }
        let mut n = self.next.get(&base).copied().unwrap_or(2);
        loop {
            let candidate = format!("{base}-x{n}");
            n = n.saturating_add(1);
            if self.take(&candidate) {
                self.next.insert(base, n);
                return candidate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_names_become_kebab_names() {
        for (core, wanted) in [
            ("answer", Some("answer")),
            ("my_func", Some("my-func")),
            ("getUserId", Some("get-user-id")),
            ("wasi_snapshot_preview1", Some("wasi-snapshot-preview1")),
            ("__wbindgen_throw", Some("wbindgen-throw")),
            ("3d", Some("n3d")),
            ("HTTP", Some("HTTP")),
            ("a\0b", Some("a-b")),
            ("$root", Some("root")),
            ("", None),
            ("$$", None),
            ("名", None),
        ] {
            assert_eq!(kebab(core).as_deref(), wanted, "{core:?}");
        }
    }

    #[test]
    fn every_output_is_a_kebab_name() {
        for c1 in "aZ9_-.$ é".chars() {
            for c2 in "aZ9_-.$ é".chars() {
                for c3 in "aZ9_-".chars() {
                    let core: String = [c1, c2, c3].into_iter().collect();
                    if let Some(name) = kebab(&core) {
                        assert!(is_kebab(&name), "{core:?} became {name:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_are_handed_out_once() {
        let mut names = Unique::default();
        assert_eq!(names.assign("my_func", "f"), "my-func");
        assert_eq!(names.assign("my.func", "f"), "my-func-x2");
        assert_eq!(names.assign("myfunc", "f"), "myfunc-x3");
        assert_eq!(names.assign("", "f"), "f");
    }
}
