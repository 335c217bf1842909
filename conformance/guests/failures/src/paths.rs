//! What is asked of paths.

use crate::files::{TOO_LATE, TOO_MANY_NANOSECONDS};
use crate::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags,
};
use crate::{FOLLOW, READ, WRITE, code, no_follow, none, say, told};

type At = fn(&Descriptor, &str) -> Result<(), ErrorCode>;

const KEEP: NewTimestamp = NewTimestamp::NoChange;

/// Every function that takes a path, and both paths of those that take two.
const FUNCTIONS: &[(&str, At)] = &[
    ("open-at", |dir, path| dir.open_at(FOLLOW, path, none(), READ).map(drop)),
    ("open-at to create", |dir, path| {
        dir.open_at(FOLLOW, path, OpenFlags::CREATE, WRITE).map(drop)
    }),
    ("stat-at", |dir, path| dir.stat_at(no_follow(), path).map(drop)),
    ("stat-at with links", |dir, path| dir.stat_at(FOLLOW, path).map(drop)),
    ("metadata-hash-at", |dir, path| dir.metadata_hash_at(FOLLOW, path).map(drop)),
    ("set-times-at", |dir, path| dir.set_times_at(FOLLOW, path, KEEP, NewTimestamp::Now)),
    ("create-directory-at", |dir, path| dir.create_directory_at(path)),
    ("remove-directory-at", |dir, path| dir.remove_directory_at(path)),
    ("unlink-file-at", |dir, path| dir.unlink_file_at(path)),
    ("readlink-at", |dir, path| dir.readlink_at(path).map(drop)),
    ("rename-at from", |dir, path| dir.rename_at(path, dir, "new")),
    ("rename-at to", |dir, path| dir.rename_at("file", dir, path)),
    ("link-at from", |dir, path| dir.link_at(no_follow(), path, dir, "new")),
    ("link-at to", |dir, path| dir.link_at(no_follow(), "file", dir, path)),
    ("symlink-at", |dir, path| dir.symlink_at("target", path)),
    ("symlink-at to", |dir, path| {
        match path.is_empty() || path.starts_with('/') || path.contains('\0') {
            true => dir.symlink_at(path, "new"),
            // A link may name what is not there, and what it may not lead to.
            false => dir.symlink_at(path, "new").and_then(|()| dir.unlink_file_at("new")),
        }
    }),
];

/// Paths that no function finds anything at, or makes anything at.
pub fn everywhere(dir: &Descriptor) {
    let long_name = "n".repeat(256);
    let long_path = "p/".repeat(3000);
    for (what, path) in [
        ("empty", ""),
        ("in a missing directory", "none/x"),
        ("below a file", "file/x"),
        ("below a link to nothing", "dangling/x"),
        ("below a loop", "loop/x"),
        ("out", ".."),
        ("out by a link", "out/x"),
        ("absolute", "/file"),
        ("by an absolute link", "absolute/x"),
        ("with a NUL", "file\0"),
        ("a name of 256 bytes", &long_name),
        ("a path of 6000 bytes", &long_path),
    ] {
        for (function, at) in FUNCTIONS {
            say(&format!("descriptor.{function}, {what}: {}", code(&at(dir, path))));
        }
    }
}

/// What each function minds by itself.
pub fn one_by_one(dir: &Descriptor, fixed: &Descriptor) {
    opens(dir, fixed);
    looks(dir, fixed);
    removes(dir, fixed);
    renames(dir, fixed);
    links(dir, fixed);
}

fn opens(dir: &Descriptor, fixed: &Descriptor) {
    const CREATE: OpenFlags = OpenFlags::CREATE;
    const EXCLUSIVE: OpenFlags = OpenFlags::EXCLUSIVE;
    const TRUNCATE: OpenFlags = OpenFlags::TRUNCATE;
    const DIRECTORY: OpenFlags = OpenFlags::DIRECTORY;
    const MUTATE: DescriptorFlags = DescriptorFlags::MUTATE_DIRECTORY;
    let function = "descriptor.open-at";
    for (what, follow, path, how, flags) in [
        ("what is missing", FOLLOW, "none", none(), READ),
        ("what is missing, to write", FOLLOW, "none", none(), WRITE),
        ("an existing one exclusively", FOLLOW, "file", CREATE | EXCLUSIVE, WRITE),
        ("an existing directory exclusively", FOLLOW, "dir", CREATE | EXCLUSIVE, WRITE),
        ("a link exclusively", FOLLOW, "dangling", CREATE | EXCLUSIVE, WRITE),
        ("exclusively without creating", FOLLOW, "file", EXCLUSIVE, READ),
        ("a file as a directory", FOLLOW, "file", DIRECTORY, READ),
        ("a file with a slash", FOLLOW, "file/", none(), READ),
        ("a link as a directory", no_follow(), "link", DIRECTORY, READ),
        ("a directory to write", FOLLOW, "dir", none(), WRITE),
        ("a directory to create", FOLLOW, "dir", CREATE, WRITE),
        ("a directory to create and read", FOLLOW, "dir", CREATE, READ),
        ("a directory to cut", FOLLOW, "dir", TRUNCATE, WRITE),
        ("a directory to be created", FOLLOW, "new", CREATE | DIRECTORY, READ),
        ("a directory to be cut", FOLLOW, "dir", TRUNCATE | DIRECTORY, READ),
        ("a file with a slash to create", FOLLOW, "new/", CREATE, WRITE),
        ("a link without following", no_follow(), "link", none(), READ),
        ("a link to nothing", FOLLOW, "dangling", none(), READ),
        ("a loop", FOLLOW, "loop", none(), READ),
        ("a link that leads out", FOLLOW, "out", none(), READ),
        ("an absolute link", FOLLOW, "absolute", none(), READ),
    ] {
        told(function, what, dir.open_at(follow, path, how, flags));
    }
    for (what, path, how, flags) in [
        ("to write", "file", none(), WRITE),
        ("to read and write", "file", none(), READ | WRITE),
        ("to create", "new", CREATE, WRITE),
        ("to create and read", "new", CREATE, READ),
        ("what is there to create", "file", CREATE, READ),
        ("to cut", "file", TRUNCATE, READ),
        ("a directory to change", "dir", DIRECTORY, MUTATE | READ),
        ("what is missing to write", "none", none(), WRITE),
        ("what is missing", "none", none(), READ),
    ] {
        let what = format!("in a read-only directory, {what}");
        told(function, &what, fixed.open_at(FOLLOW, path, how, flags));
    }
}

fn looks(dir: &Descriptor, fixed: &Descriptor) {
    for (what, path) in
        [("what is missing", "none"), ("a link to nothing", "dangling"), ("a loop", "loop")]
    {
        told("descriptor.stat-at", what, dir.stat_at(FOLLOW, path));
        told("descriptor.metadata-hash-at", what, dir.metadata_hash_at(FOLLOW, path));
        told("descriptor.set-times-at", what, dir.set_times_at(FOLLOW, path, KEEP, KEEP));
        told(
            "descriptor.set-times-at",
            &format!("{what}, to now"),
            dir.set_times_at(FOLLOW, path, NewTimestamp::Now, NewTimestamp::Now),
        );
    }
    told("descriptor.stat-at", "a file with a slash", dir.stat_at(FOLLOW, "file/"));
    let function = "descriptor.set-times-at";
    told(
        function,
        "too many nanoseconds",
        dir.set_times_at(FOLLOW, "file", TOO_MANY_NANOSECONDS, KEEP),
    );
    told(function, "too late", dir.set_times_at(FOLLOW, "file", KEEP, TOO_LATE));
    told(
        function,
        "in a read-only directory",
        fixed.set_times_at(FOLLOW, "file", NewTimestamp::Now, KEEP),
    );
    let function = "descriptor.readlink-at";
    told(function, "a file", dir.readlink_at("file"));
    told(function, "a directory", dir.readlink_at("dir"));
    told(function, "what is missing", dir.readlink_at("none"));
    told(function, "an absolute link", dir.readlink_at("absolute"));
    told(function, "a link that leads out", dir.readlink_at("out"));
}

fn removes(dir: &Descriptor, fixed: &Descriptor) {
    let function = "descriptor.create-directory-at";
    for (what, path) in [
        ("where a directory is", "dir"),
        ("where a file is", "file"),
        ("where a link to nothing is", "dangling"),
        ("itself", "."),
    ] {
        told(function, what, dir.create_directory_at(path));
    }
    told(function, "in a read-only directory", fixed.create_directory_at("new"));
    let function = "descriptor.remove-directory-at";
    for (what, path) in [
        ("what is missing", "none"),
        ("a file", "file"),
        ("a file with a slash", "file/"),
        ("a link", "link"),
        ("a link to a directory", "to-dir"),
        ("one that is not empty", "full"),
        ("itself", "."),
        ("a directory by its dot", "dir/."),
    ] {
        told(function, what, dir.remove_directory_at(path));
    }
    told(function, "in a read-only directory", fixed.remove_directory_at("dir"));
    let function = "descriptor.unlink-file-at";
    for (what, path) in [
        ("what is missing", "none"),
        ("a directory", "dir"),
        ("a directory with a slash", "dir/"),
        ("a file with a slash", "file/"),
        ("a link to a directory with a slash", "to-dir/"),
        ("itself", "."),
    ] {
        told(function, what, dir.unlink_file_at(path));
    }
    told(function, "in a read-only directory", fixed.unlink_file_at("file"));
}

fn renames(dir: &Descriptor, fixed: &Descriptor) {
    let function = "descriptor.rename-at";
    for (what, from, to) in [
        ("what is missing", "none", "new"),
        ("into a missing directory", "file", "none/new"),
        ("below a file", "file", "ten/new"),
        ("a file over a directory", "file", "dir"),
        ("a directory over a file", "dir", "file"),
        ("a directory over one that is not empty", "dir", "full"),
        ("a directory into itself", "full", "full/new"),
        ("a file with a slash", "file/", "new"),
        ("a file to a name with a slash", "file", "new/"),
        ("itself", ".", "new"),
        ("to itself", "dir", "."),
        ("to the same name", "file", "file"),
    ] {
        let renamed = dir.rename_at(from, dir, to);
        if renamed.is_ok() {
            dir.rename_at(to.trim_end_matches('/'), dir, from).expect("there is a way back");
        }
        told(function, what, renamed);
    }
    told(function, "out of a read-only directory", fixed.rename_at("file", dir, "new"));
    told(function, "into a read-only directory", dir.rename_at("file", fixed, "new"));
    told(function, "in a read-only directory", fixed.rename_at("file", fixed, "new"));
}

fn links(dir: &Descriptor, fixed: &Descriptor) {
    let function = "descriptor.link-at";
    for (what, from, to) in [
        ("what is missing", "none", "new"),
        ("into a missing directory", "file", "none/new"),
        ("below a file", "file", "ten/new"),
        ("a directory", "dir", "new"),
        ("where a file is", "file", "ten"),
        ("to the same name", "file", "file"),
        ("where a directory is", "file", "dir"),
        ("where a link to nothing is", "file", "dangling"),
        ("to a name with a slash", "file", "new/"),
        ("a file with a slash", "file/", "new"),
    ] {
        let linked = dir.link_at(no_follow(), from, dir, to);
        if linked.is_ok() {
            dir.unlink_file_at(to.trim_end_matches('/')).expect("there is a way back");
        }
        told(function, what, linked);
    }
    for (what, from) in
        [("what a loop leads to", "loop"), ("what is out", "out"), ("nothing", "dangling")]
    {
        told(function, &format!("{what}, by its link"), dir.link_at(FOLLOW, from, dir, "new"));
    }
    told(function, "out of a read-only directory", fixed.link_at(no_follow(), "file", dir, "new"));
    told(function, "into a read-only directory", dir.link_at(no_follow(), "file", fixed, "new"));
    let function = "descriptor.symlink-at";
    for (what, target, path) in [
        ("where a file is", "x", "file"),
        ("where a directory is", "x", "dir"),
        ("where a link to nothing is", "x", "dangling"),
        ("in a missing directory", "x", "none/new"),
        ("with a slash", "x", "new/"),
        ("to an absolute path", "/file", "new"),
        ("to no path", "", "new"),
        ("to a NUL", "a\0b", "new"),
        ("itself", "x", "."),
    ] {
        told(function, what, dir.symlink_at(target, path));
    }
    told(function, "in a read-only directory", fixed.symlink_at("x", "new"));
}
