//! Resolves a WIT document: parses it, adds the packages it depends on, and
//! finds the worlds that it may mean.
//!
//! A module built against `wasi:io@0.2.0` and a host that has the text of
//! `wasi:io@0.2.6` understand each other, because versions on one semver track
//! are compatible. wit-parser wants the very version, so the known package is
//! relabelled with the version that the user's text asks for, in itself and in
//! all packages that build on it; one package never occurs in two versions of
//! one track.

use super::{
    error::{AdaptError, AdaptErrorKind, listing},
    text::Document,
};
use std::collections::{BTreeMap, BTreeSet};
use wit_parser::{
    PackageName, Resolve, ResolveErrorKind, SourceMap, UnresolvedPackage, UnresolvedPackageGroup,
    WorldId,
};

/// Worlds of one text beyond this many are refused.
const MOST_WORLDS: usize = 50;

/// The WIT text of a package that a module's own WIT text may refer to.
#[derive(Clone, Copy, Debug)]
pub struct WitPackage<'a> {
    /// Its name with version, such as `wasi:io@0.2.6`.
    pub name: &'a str,
    /// The whole document, beginning with `package ...;`.
    pub text: &'a str,
}

/// A resolved document and the worlds in it.
pub(super) struct Resolved {
    pub resolve: Resolve,
    /// The worlds of the user's own packages, with names for messages.
    pub worlds: Vec<(String, WorldId)>,
}

/// Parses `document` against the known `packages`.
pub(super) fn resolve(
    document: &Document,
    packages: &[WitPackage<'_>],
) -> Result<Resolved, AdaptError> {
    let group = parse(document)?;
    if group.main.worlds.len() == 0 && group.nested.iter().all(|p| p.worlds.len() == 0) {
        let world = world_of_interfaces(&group)?;
        let appended = document.clone_with(&world);
        return resolve_group(document, parse(&appended)?, packages);
    }
    resolve_group(document, group, packages)
}

fn parse(document: &Document) -> Result<UnresolvedPackageGroup, AdaptError> {
    let mut sources = SourceMap::new();
    sources.push_str("wit", document.text.as_str());
    sources.parse().map_err(|(_, error)| {
        let span = error.kind().span();
        let offset = if span.is_known() { to_usize(span.start()) } else { 0 };
        document.error(offset, &error.kind().to_string())
    })
}

/// A document with interfaces only means that its one interface is exported.
fn world_of_interfaces(group: &UnresolvedPackageGroup) -> Result<String, AdaptError> {
    let mut names = Vec::new();
    for (package, main) in
        std::iter::once((&group.main, true)).chain(group.nested.iter().map(|p| (p, false)))
    {
        for (_, interface) in package.interfaces.iter() {
            // Interfaces of other packages stand here without a package.
            let Some(name) = &interface.name else { continue };
            let foreign = package.foreign_deps.values().any(|deps| {
                deps.values().any(|(item, _)| match item {
                    wit_parser::AstItem::Interface(id) => {
                        package.interfaces.get(*id).is_some_and(|i| std::ptr::eq(i, interface))
                    }
                    wit_parser::AstItem::World(_) => false,
                })
            });
            if !foreign {
                let path = if main { name.clone() } else { package.name.interface_id(name) };
                names.push((path, name.clone()));
            }
        }
    }
    match names.as_slice() {
        [(path, name)] => Ok(format!("world {name}-alone {{ export {path}; }}")),
        [] => Err(AdaptError::new(
            AdaptErrorKind::World,
            "the WIT text has neither a world nor an interface nor a function; write the functions \
             that the module exports, such as `answer: func() -> s32;`",
        )),
        several => Err(AdaptError::new(
            AdaptErrorKind::World,
            format!(
                "the WIT text has {} interfaces and no world, so it is not clear which of them the \
                 module exports:{}\nAdd a world, such as `world module {{ export {}; }}`",
                several.len(),
                listing(several.iter().map(|(path, _)| path), 20),
                several.first().map_or("name", |(path, _)| path.as_str()),
            ),
        )),
    }
}

fn resolve_group(
    document: &Document,
    mut main: UnresolvedPackageGroup,
    packages: &[WitPackage<'_>],
) -> Result<Resolved, AdaptError> {
    let own: BTreeSet<PackageName> =
        std::iter::once(&main.main).chain(&main.nested).map(|p| p.name.clone()).collect();
    let deps = dependencies(&mut main, &own, packages)?;
    let end_of_main = document.text.len();
    let mut resolve = Resolve::new();
    resolve.push_groups(main, deps).map_err(|error| {
        let span = error.kind().span();
        let offset = if span.is_known() { to_usize(span.start()) } else { 0 };
        let mut text = match error.kind() {
            ResolveErrorKind::PackageNotFound { requested, .. } => format!(
                "the package `{requested}` is not known here{}",
                if packages.is_empty() {
                    String::new()
                } else {
                    format!("; these are:{}", listing(packages.iter().map(|p| p.name), 40))
                }
            ),
            kind => kind.to_string(),
        };
        if offset <= end_of_main {
            document.error(offset, &text)
        } else {
            text.insert_str(0, "a package that the WIT text depends on: ");
            AdaptError::new(AdaptErrorKind::World, text)
        }
    })?;
    let mut worlds = Vec::new();
    let count: usize = resolve
        .packages
        .iter()
        .filter(|(_, p)| own.contains(&p.name))
        .map(|(_, p)| p.worlds.len())
        .sum();
    if count > MOST_WORLDS {
        return Err(AdaptError::new(
            AdaptErrorKind::World,
            format!(
                "the WIT text has {count} worlds, and at most {MOST_WORLDS} are looked at; leave \
                 the one in that the module implements"
            ),
        ));
    }
    for (_, package) in resolve.packages.iter().filter(|(_, p)| own.contains(&p.name)) {
        for (name, id) in &package.worlds {
            worlds.push((package.name.interface_id(name), *id));
        }
    }
    Ok(Resolved { resolve, worlds })
}

/// Name, and the part of the version that must agree.
pub(super) type Track = (String, String, Option<String>);

fn track(name: &PackageName) -> Track {
    let version = name.version.as_ref().map(|v| PackageName::version_compat_track_string(v).0);
    (name.namespace.clone(), name.name.clone(), version)
}

/// Collects the packages that `main` needs, directly or not, each relabelled
/// with the version that is asked for first.
fn dependencies(
    main: &mut UnresolvedPackageGroup,
    own: &BTreeSet<PackageName>,
    packages: &[WitPackage<'_>],
) -> Result<Vec<UnresolvedPackageGroup>, AdaptError> {
    // The user's own packages come first on their tracks.
    let mut wanted: BTreeMap<Track, PackageName> =
        own.iter().map(|name| (track(name), name.clone())).collect();
    let mut queue = Vec::new();
    for package in std::iter::once(&mut main.main).chain(&mut main.nested) {
        relabel(package, own, &mut wanted, &mut queue);
    }
    let mut groups = Vec::new();
    while let Some(name) = queue.pop() {
        let wanted_track = track(&name);
        let known = packages
            .iter()
            .find(|p| parse_name(p.name).is_some_and(|known| track(&known) == wanted_track));
        // A package that is not known is reported by wit-parser, with its place.
        let Some(known) = known else { continue };
        let mut sources = SourceMap::new();
        sources.push_str(known.name, known.text);
        let mut group = sources.parse().map_err(|(sources, error)| {
            AdaptError::new(
                AdaptErrorKind::World,
                format!("the WIT of the package `{}`: {}", known.name, error.render(&sources)),
            )
        })?;
        group.main.name.version.clone_from(&name.version);
        for package in std::iter::once(&mut group.main).chain(&mut group.nested) {
            relabel(package, own, &mut wanted, &mut queue);
        }
        groups.push(group);
    }
    Ok(groups)
}

fn relabel(
    package: &mut UnresolvedPackage,
    own: &BTreeSet<PackageName>,
    wanted: &mut BTreeMap<Track, PackageName>,
    queue: &mut Vec<PackageName>,
) {
    let deps = std::mem::take(&mut package.foreign_deps);
    for (name, items) in deps {
        if own.contains(&name) {
            package.foreign_deps.insert(name, items);
            continue;
        }
        let chosen = wanted.entry(track(&name)).or_insert_with(|| {
            queue.push(name.clone());
            name.clone()
        });
        let chosen = chosen.clone();
        if package.foreign_deps.contains_key(&chosen) {
            // Both versions in one package: they stay apart.
            queue.push(name.clone());
            package.foreign_deps.insert(name, items);
        } else {
            package.foreign_deps.insert(chosen, items);
        }
    }
}

/// `wasi:io@0.2.6`, taken apart.
fn parse_name(name: &str) -> Option<PackageName> {
    let (path, version) = match name.split_once('@') {
        Some((path, version)) => (path, Some(semver::Version::parse(version).ok()?)),
        None => (name, None),
    };
    let (namespace, name) = path.split_once(':')?;
    Some(PackageName { namespace: namespace.to_owned(), name: name.to_owned(), version })
}

/// True if the interface names `a` and `b` (`ns:pkg/iface@version`) mean the
/// same interface up to compatible versions.
pub(super) fn same_interface(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (interface_track(a), interface_track(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The parts of an interface name that must agree.
pub(super) fn interface_track(name: &str) -> Option<(Track, &str)> {
    let (path, version) = name.split_once('@').map_or((name, None), |(p, v)| (p, Some(v)));
    let (package, interface) = path.split_once('/')?;
    let mut package = parse_name(package)?;
    if let Some(version) = version {
        package.version = Some(semver::Version::parse(version).ok()?);
    }
    Some((track(&package), interface))
}

/// Those names among `modules` that are interfaces of known packages, as items
/// for a world that imports them.
pub(super) fn known_imports<'a>(
    modules: impl IntoIterator<Item = &'a str>,
    packages: &[WitPackage<'_>],
) -> String {
    let mut out = String::new();
    let mut seen = BTreeSet::new();
    for module in modules {
        let Some((wanted, interface)) = interface_track(module) else { continue };
        let known = packages
            .iter()
            .filter(|p| parse_name(p.name).is_some_and(|name| track(&name) == wanted))
            .any(|p| {
                // Cheap, and wrong only for interfaces inside nested packages.
                p.text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '%')).any({
                    let mut after_interface = false;
                    move |word| {
                        let hit = after_interface && word.trim_start_matches('%') == interface;
                        if !word.is_empty() {
                            after_interface = word == "interface";
                        }
                        hit
                    }
                })
            });
        if known && seen.insert((wanted, interface)) {
            out.push_str(&format!("import {};\n", escape_path(module)));
        }
    }
    out
}

/// Interface paths with every identifier marked as one, for those that are
/// keywords.
fn escape_path(path: &str) -> String {
    let (names, version) = path.split_once('@').map_or((path, None), |(n, v)| (n, Some(v)));
    let mut out = String::from("%");
    for c in names.chars() {
        out.push(c);
        if matches!(c, ':' | '/') {
            out.push('%');
        }
    }
    if let Some(version) = version {
        out.push('@');
        out.push_str(version);
    }
    out
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_meet_on_their_semver_track() {
        assert!(same_interface("wasi:io/poll@0.2.0", "wasi:io/poll@0.2.6"));
        assert!(same_interface("a:b/c", "a:b/c"));
        assert!(!same_interface("wasi:io/poll@0.2.0", "wasi:io/poll@0.3.0"));
        assert!(!same_interface("wasi:io/poll@0.2.0", "wasi:io/streams@0.2.0"));
        assert!(!same_interface("wasi:io/poll@0.2.0", "wasi:io/poll"));
        assert!(!same_interface("env", "wasi:io/poll"));
    }

    #[test]
    fn known_interfaces_are_imported() {
        let packages = [WitPackage {
            name: "wasi:io@0.2.6",
            text: "package wasi:io@0.2.6; interface poll {}",
        }];
        assert_eq!(
            known_imports(["env", "wasi:io/poll@0.2.0", "wasi:io/x@0.2.0"], &packages),
            "import %wasi:%io/%poll@0.2.0;\n"
        );
    }
}
