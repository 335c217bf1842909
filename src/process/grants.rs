//! What a process may import: the groups that an entry's `imports` names.
//!
//! A component built by any toolchain imports half of WASI whether it uses it or
//! not. Refusing to link it would make nothing run; linking it to everything
//! would make `imports` a decoration. So each import is decided here, once, at
//! link time: one that no group covers becomes a stub, and a call of the stub
//! says which line would have helped.
//!
//! | written | covers |
//! | --- | --- |
//! | `wasi:io` | every interface of the package |
//! | `wasi:io/streams` | this interface |
//! | `wasi:io@0.2.0`, `wasi:io/streams@0.2` | the same in compatible versions |
//! | `wasi:poll` | `wasi:io/poll`, which `wasi:io` includes |
//! | `wasi1`, `preview1`, `wasi_snapshot_preview1`, `wasi_unstable` | preview 1, for core modules: all of it |
//! | `wasi:cli`, `wasi:clocks`, … | for core modules: the part of preview 1 that does the same |
//! | `funcs` | `wippy:runtime/funcs` |
//! | `log` | the function `log` that is imported by itself |
//!
//! Groups are the entry's own: nothing here is shared between entries.

use std::fmt;

use semver::Version;

use crate::component::{Linker, compatible, split_version};

/// The instance that a core module's preview 1 imports become.
const PREVIEW1: &str = "wippy:core/wasi-snapshot-preview1";

/// The same of its older name, `wasi_unstable`.
const UNSTABLE: &str = "wippy:core/wasi-unstable";

/// The names of the group for preview 1; the first is the one to write.
const PREVIEW1_NAMES: [&str; 4] = ["wasi1", "preview1", "wasi_snapshot_preview1", "wasi_unstable"];

/// The name of the group for functions of the application, as the original writes it.
const FUNCS: (&str, &str) = ("funcs", "wippy:runtime/funcs");

/// The packages of 0.2 of which any one enables a function of preview 1, by how
/// its name begins; the first line that fits counts.
const PREVIEW1_PARTS: [(&str, &[&str]); 10] = [
    ("args-", &["wasi:cli"]),
    ("environ-", &["wasi:cli"]),
    ("proc-", &["wasi:cli"]),
    ("clock-", &["wasi:clocks"]),
    ("poll-", &["wasi:clocks", "wasi:io"]),
    ("random-", &["wasi:random"]),
    ("path-", &["wasi:filesystem"]),
    ("sock-", &["wasi:sockets"]),
    // Standard streams and files have these in common.
    ("fd-", &["wasi:filesystem", "wasi:cli", "wasi:io"]),
    ("sched-", &["wasi:cli", "wasi:clocks", "wasi:io", "wasi:filesystem", "wasi:random"]),
];

/// The imports that one entry enables.
///
/// ```
/// use wippy::process::Grants;
///
/// let grants = Grants::new("app:worker", ["wasi:io", "wasi:cli/exit"]);
/// assert!(grants.allows("wasi:io/streams@0.2.3"));
/// assert!(grants.allows("wasi:cli/exit@0.2.3"));
/// assert!(!grants.allows("wasi:cli/stdout@0.2.3"));
/// ```
#[derive(Clone, Debug)]
pub struct Grants {
    /// The owner's name in messages; nothing if all is granted.
    entry: Option<String>,
    groups: Vec<Group>,
}

/// One line of an entry's `imports`.
#[derive(Clone, Debug)]
struct Group {
    written: String,
    /// Without its version.
    name: String,
    version: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    Any,
    Exact(Version),
    /// The beginning of a version: `0.2`.
    Prefix(String),
}

impl Grants {
    /// The grants of an entry: the groups that its `imports` lists. `entry` is
    /// what messages call it.
    pub fn new<S: AsRef<str>>(
        entry: impl Into<String>,
        imports: impl IntoIterator<Item = S>,
    ) -> Grants {
        let groups = imports.into_iter().map(|line| Group::new(line.as_ref())).collect();
        Grants { entry: Some(entry.into()), groups }
    }

    /// Everything that the linker has. For a file that somebody runs by hand,
    /// without an entry that could name anything.
    pub fn all() -> Grants {
        Grants { entry: None, groups: Vec::new() }
    }

    /// The owner and the lines that they were made with; nothing if all is granted.
    pub fn written(&self) -> Option<(String, Vec<String>)> {
        let entry = self.entry.clone()?;
        Some((entry, self.groups.iter().map(|group| group.written.clone()).collect()))
    }

    /// True if an import of this name works: `wasi:io/streams@0.2.3`, a function
    /// of it (`wasi:io/streams@0.2.3#[method]input-stream.read`), or the name of a
    /// function that is imported by itself.
    pub fn allows(&self, import: &str) -> bool {
        let (interface, function) = match import.split_once('#') {
            Some((interface, function)) => (interface, Some(function)),
            None => (import, None),
        };
        self.entry.is_none()
            || self.groups.iter().any(|group| group.covers(interface))
            || (is_preview1(interface) && self.allows_preview1(function))
    }

    /// True if the groups of 0.2 enable a function of preview 1, or any of it.
    fn allows_preview1(&self, function: Option<&str>) -> bool {
        let within = |package: &str| {
            self.groups.iter().any(|group| {
                let rest = group.name.strip_prefix(package);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        PREVIEW1_PARTS
            .iter()
            .find(|(prefix, _)| function.is_none_or(|function| function.starts_with(prefix)))
            .is_some_and(|(_, packages)| match function {
                Some(_) => packages.iter().any(|package| within(package)),
                None => PREVIEW1_PARTS.iter().flat_map(|(_, p)| p.iter()).any(|p| within(p)),
            })
    }

    /// Why an import does not work, for
    /// [`Component::link_with`](crate::component::Component::link_with); nothing
    /// if it does.
    pub fn deny(&self, linker: &Linker, import: &str) -> Option<String> {
        let interface = import.split_once('#').map_or(import, |(interface, _)| interface);
        let provided = linker.provides(interface);
        match &self.entry {
            Some(entry) if !self.allows(import) => {
                let group = group_of(interface);
                let though = match provided {
                    true => "",
                    false => " (but this version of wippy does not provide it yet)",
                };
                Some(format!(
                    "entry `{entry}` does not enable it; add `- {group}` to its `imports`{though}"
                ))
            }
            _ if !provided => Some("this version of wippy does not provide it".to_owned()),
            _ => None,
        }
    }

    /// The lines of `imports` that cover none of these imports.
    pub fn unused<'a>(&'a self, imports: &'a [String]) -> impl Iterator<Item = &'a str> {
        let preview1 = imports.iter().any(|import| is_preview1(import));
        let part = move |group: &Group| preview1 && group.name.starts_with("wasi:");
        self.groups
            .iter()
            .filter(move |group| !part(group) && !imports.iter().any(|i| group.covers(i)))
            .map(|group| group.written.as_str())
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            None => f.write_str("all"),
            Some(_) if self.groups.is_empty() => f.write_str("none"),
            Some(_) => {
                let written: Vec<&str> = self.groups.iter().map(|g| g.written.as_str()).collect();
                f.write_str(&written.join(", "))
            }
        }
    }
}

impl Group {
    fn new(line: &str) -> Group {
        let written = line.trim();
        let (name, version) = match written.split_once('@') {
            None => (written, Wanted::Any),
            Some((name, text)) => match Version::parse(text) {
                Ok(version) => (name, Wanted::Exact(version)),
                Err(_) => (name, Wanted::Prefix(text.to_owned())),
            },
        };
        let name = match name {
            name if PREVIEW1_NAMES.contains(&name) => PREVIEW1,
            "wasi:poll" => "wasi:io/poll",
            name if name == FUNCS.0 => FUNCS.1,
            name => name,
        };
        Group { written: written.to_owned(), name: name.to_owned(), version }
    }

    fn covers(&self, import: &str) -> bool {
        let (name, version) = split_version(import);
        let name = if is_preview1(name) { PREVIEW1 } else { name };
        let package = name.split_once('/').map(|(package, _)| package);
        (self.name == name || package == Some(&self.name))
            && match &self.version {
                Wanted::Any => true,
                Wanted::Exact(wanted) => compatible(Some(wanted), version.as_ref()),
                Wanted::Prefix(prefix) => import.split_once('@').is_some_and(|(_, version)| {
                    version
                        .strip_prefix(prefix.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                }),
            }
    }
}

/// True for the instance that imports of preview 1 become, under either name.
fn is_preview1(interface: &str) -> bool {
    interface == PREVIEW1 || interface == UNSTABLE
}

/// The group to write in `imports` for an import.
///
/// ```
/// use wippy::process::group_of;
///
/// assert_eq!(group_of("wasi:io/streams@0.2.3"), "wasi:io");
/// assert_eq!(group_of("wippy:process/mailbox@0.1.0"), "wippy:process");
/// assert_eq!(group_of("wippy:core/wasi-snapshot-preview1"), "wasi1");
/// assert_eq!(group_of("log"), "log");
/// ```
pub fn group_of(import: &str) -> String {
    let (name, _) = split_version(import);
    match name.split_once('/') {
        _ if is_preview1(name) => PREVIEW1_NAMES[0].to_owned(),
        // What a core module imports has no package of its own.
        Some(("wippy:core", _)) | None => name.to_owned(),
        Some((package, _)) => package.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(group: &str, import: &str) -> bool {
        Grants::new("app:x", [group]).allows(import)
    }

    #[test]
    fn a_package_covers_its_interfaces_in_every_version() {
        assert!(allows("wasi:io", "wasi:io/streams@0.2.0"));
        assert!(allows("wasi:io", "wasi:io/poll@0.3.0"));
        assert!(allows("wasi:io", "wasi:io/error"));
        assert!(!allows("wasi:io", "wasi:iota/streams@0.2.0"));
        assert!(!allows("wasi", "wasi:io/streams@0.2.0"));
        assert!(!allows("", "wasi:io/streams@0.2.0"));
        assert!(allows("my:own", "my:own/log"));
        assert!(allows("wippy:process", "wippy:process/mailbox@0.1.0"));
        assert!(!allows("wippy:process", "wippy:core/process"));
        assert!(!allows("wippy:process/life", "wippy:process/mailbox@0.1.0"));
    }

    #[test]
    fn poll_is_one_interface_of_io() {
        assert!(allows("wasi:poll", "wasi:io/poll@0.2.0"));
        assert!(!allows("wasi:poll", "wasi:io/streams@0.2.0"));
    }

    #[test]
    fn groups_enable_their_part_of_preview_1() {
        let p1 = |function: &str| format!("wippy:core/wasi-snapshot-preview1#{function}");
        assert!(allows("wasi1", &p1("path-open")));
        assert!(allows("wasi:filesystem", &p1("path-open")));
        assert!(allows("wasi:filesystem", &p1("fd-read")));
        assert!(allows("wasi:cli", &p1("fd-write")));
        assert!(allows("wasi:cli", &p1("proc-exit")));
        assert!(!allows("wasi:cli", &p1("path-open")));
        assert!(!allows("wasi:io", &p1("clock-time-get")));
        assert!(allows("wasi:cli", "wippy:core/wasi-snapshot-preview1"));
        assert!(!allows("my:own", "wippy:core/wasi-snapshot-preview1"));
    }

    #[test]
    fn versions_narrow() {
        assert!(allows("wasi:io@0.2.0", "wasi:io/streams@0.2.6"));
        assert!(!allows("wasi:io@0.2.0", "wasi:io/streams@0.3.0"));
        assert!(allows("wasi:io/streams@0.2", "wasi:io/streams@0.2.6"));
        assert!(!allows("wasi:io/streams@0.2", "wasi:io/streams@0.20.0"));
        assert!(!allows("wasi:io/streams@0.2", "wasi:io/streams"));
        assert!(!allows("wasi:io/streams", "wasi:io/poll@0.2.6"));
    }

    #[test]
    fn preview_1_has_three_names() {
        for name in PREVIEW1_NAMES {
            assert!(allows(name, PREVIEW1), "{name}");
            assert!(!allows(name, "wippy:core/env"));
        }
    }

    #[test]
    fn the_reason_is_the_line_to_add() -> Result<(), Box<dyn std::error::Error>> {
        let mut linker = Linker::default();
        linker.declare("package wasi:cli@0.2.3; interface exit { exit: func(); }")?;
        let none = Grants::new("app:x", [""; 0]);
        let reason = "entry `app:x` does not enable it; add `- wasi:cli` to its `imports`";
        assert_eq!(none.deny(&linker, "wasi:cli/exit@0.2.0").as_deref(), Some(reason));
        let reason = none.deny(&linker, "wasi:http/types@0.2.0").unwrap_or_default();
        assert!(reason.contains("add `- wasi:http`") && reason.contains("not provide"), "{reason}");

        let reason = "this version of wippy does not provide it";
        for grants in [Grants::new("app:x", ["wasi:http", "wasi:cli"]), Grants::all()] {
            assert_eq!(grants.deny(&linker, "wasi:http/types@0.2.0").as_deref(), Some(reason));
            assert_eq!(grants.deny(&linker, "wasi:cli/exit@0.2.0"), None);
        }
        Ok(())
    }

    #[test]
    fn unused_groups_are_found() {
        let grants = Grants::new("app:x", ["wasi:io", "wasi:http", "wasi:poll"]);
        let imports = ["wasi:io/poll@0.2.0".to_owned()];
        assert_eq!(grants.unused(&imports).collect::<Vec<_>>(), ["wasi:http"]);
        assert_eq!(grants.to_string(), "wasi:io, wasi:http, wasi:poll");
    }
}
