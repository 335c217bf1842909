//! What is asked of open files and directories.

use crate::wasi::clocks::wall_clock::Datetime;
use crate::wasi::filesystem::types::{Advice, Descriptor, DescriptorType, NewTimestamp};
use crate::{FOLLOW, READ, WRITE, end, no_follow, none, open, say, told};

/// The largest offset that systems have, and the first that none has.
const LAST: u64 = i64::MAX as u64;
const BEYOND: u64 = LAST + 1;

pub const TOO_MANY_NANOSECONDS: NewTimestamp =
    NewTimestamp::Timestamp(Datetime { seconds: 1, nanoseconds: 1_000_000_000 });
pub const TOO_LATE: NewTimestamp =
    NewTimestamp::Timestamp(Datetime { seconds: u64::MAX, nanoseconds: 0 });

pub fn run(work: &Descriptor, fixed: &Descriptor) {
    let dir = open(work, "dir", READ);
    let reader = open(work, "file", READ);
    let writer = open(work, "file", WRITE);
    let still = open(fixed, "file", READ);
    contents(&dir, &reader, &writer, &still);
    streams(&dir, &reader, &writer, &still);
    about(&dir, &reader, &writer, &still, fixed);
    base(&reader, work);
    lives(work);
}

fn contents(dir: &Descriptor, reader: &Descriptor, writer: &Descriptor, still: &Descriptor) {
    let function = "descriptor.read";
    told(function, "a directory", dir.read(1, 0));
    told(function, "a file open for writing", writer.read(1, 0));
    told(function, "no bytes of a directory", dir.read(0, 0));
    told(function, "no bytes of a file open for writing", writer.read(0, 0));
    let past = reader.read(1, 1000).map(|(bytes, end)| (bytes.len(), end));
    say(&format!("{function}, past the end: {past:?}"));
    told(function, "from the last offset", reader.read(1, LAST));
    told(function, "from beyond the last offset", reader.read(1, BEYOND));
    told(function, "from the highest number", reader.read(1, u64::MAX));
    told(function, "as much as there is", reader.read(u64::MAX, 0));

    let function = "descriptor.write";
    told(function, "a directory", dir.write(b"x", 0));
    told(function, "a file open for reading", reader.write(b"x", 0));
    told(function, "a file of a read-only directory", still.write(b"x", 0));
    told(function, "no bytes to a directory", dir.write(b"", 0));
    told(function, "no bytes to a file open for reading", reader.write(b"", 0));
    told(function, "to the last offset", writer.write(b"xyz", LAST));
    told(function, "to beyond the last offset", writer.write(b"xyz", BEYOND));
    told(function, "to the highest number", writer.write(b"xyz", u64::MAX));

    let function = "descriptor.set-size";
    told(function, "a directory", dir.set_size(0));
    told(function, "a file open for reading", reader.set_size(0));
    told(function, "a file of a read-only directory", still.set_size(0));
    told(function, "beyond the last offset", writer.set_size(BEYOND));
    told(function, "the highest number", writer.set_size(u64::MAX));

    let function = "descriptor.read-directory";
    told(function, "a file", reader.read_directory());
    told(function, "a file of a read-only directory", still.read_directory());
}

fn streams(dir: &Descriptor, reader: &Descriptor, writer: &Descriptor, still: &Descriptor) {
    let function = "descriptor.read-via-stream";
    told(function, "a directory", dir.read_via_stream(0));
    told(function, "a file open for writing", writer.read_via_stream(0));
    told(function, "from the highest number", reader.read_via_stream(u64::MAX));
    let function = "descriptor.write-via-stream";
    told(function, "a directory", dir.write_via_stream(0));
    told(function, "a file open for reading", reader.write_via_stream(0));
    told(function, "a file of a read-only directory", still.write_via_stream(0));
    told(function, "to the highest number", writer.write_via_stream(u64::MAX));
    let function = "descriptor.append-via-stream";
    told(function, "a directory", dir.append_via_stream());
    told(function, "a file open for reading", reader.append_via_stream());
    told(function, "a file of a read-only directory", still.append_via_stream());
}

fn about(
    dir: &Descriptor,
    reader: &Descriptor,
    writer: &Descriptor,
    still: &Descriptor,
    fixed: &Descriptor,
) {
    let function = "descriptor.advise";
    told(function, "a directory", dir.advise(0, 0, Advice::Normal));
    told(function, "a file", reader.advise(0, 0, Advice::WillNeed));
    told(function, "a file of a read-only directory", still.advise(0, 1, Advice::DontNeed));
    told(function, "from beyond the last offset", reader.advise(BEYOND, 0, Advice::Normal));
    told(function, "a length beyond all", reader.advise(0, u64::MAX, Advice::Normal));
    told(function, "an end beyond 64 bits", reader.advise(u64::MAX, u64::MAX, Advice::Random));

    let all = [("a directory", dir), ("a file open for reading", reader)];
    let all = all.into_iter().chain([("a file open for writing", writer)]);
    for (what, it) in all.chain([("a file of a read-only directory", still)]) {
        told("descriptor.sync", what, it.sync());
        told("descriptor.sync-data", what, it.sync_data());
        told("descriptor.get-type", what, it.get_type());
        told("descriptor.get-flags", what, it.get_flags());
        told("descriptor.stat", what, it.stat());
        told("descriptor.metadata-hash", what, it.metadata_hash());
    }

    let function = "descriptor.set-times";
    let (keep, now) = (NewTimestamp::NoChange, NewTimestamp::Now);
    told(function, "too many nanoseconds", writer.set_times(TOO_MANY_NANOSECONDS, keep));
    told(function, "the same of the other", writer.set_times(keep, TOO_MANY_NANOSECONDS));
    told(function, "too late", writer.set_times(keep, TOO_LATE));
    told(function, "a file open for reading", reader.set_times(now, now));
    told(function, "a directory", dir.set_times(now, now));
    told(function, "a file of a read-only directory", still.set_times(now, now));
    told(function, "no change there", still.set_times(keep, keep));
    told(function, "a read-only directory", fixed.set_times(now, now));

    let function = "descriptor.is-same-object";
    say(&format!("{function}, a file and a directory: {}", reader.is_same_object(dir)));
    say(&format!("{function}, a file opened twice: {}", reader.is_same_object(writer)));
    say(&format!("{function}, files of two directories: {}", reader.is_same_object(still)));
}

/// Paths begin at a directory.
fn base(file: &Descriptor, dir: &Descriptor) {
    let of = "beginning at a file";
    let keep = NewTimestamp::NoChange;
    told("descriptor.open-at", of, file.open_at(FOLLOW, "x", none(), READ));
    told("descriptor.stat-at", of, file.stat_at(FOLLOW, "x"));
    told("descriptor.metadata-hash-at", of, file.metadata_hash_at(FOLLOW, "x"));
    told("descriptor.set-times-at", of, file.set_times_at(FOLLOW, "x", keep, keep));
    told("descriptor.create-directory-at", of, file.create_directory_at("x"));
    told("descriptor.remove-directory-at", of, file.remove_directory_at("x"));
    told("descriptor.unlink-file-at", of, file.unlink_file_at("x"));
    told("descriptor.readlink-at", of, file.readlink_at("x"));
    told("descriptor.symlink-at", of, file.symlink_at("x", "y"));
    told("descriptor.rename-at", of, file.rename_at("x", dir, "y"));
    told("descriptor.rename-at", "ending at a file", dir.rename_at("file", file, "y"));
    told("descriptor.link-at", of, file.link_at(no_follow(), "x", dir, "y"));
    told("descriptor.link-at", "ending at a file", dir.link_at(no_follow(), "file", file, "y"));
}

/// What is made from a descriptor lives without it.
fn lives(work: &Descriptor) {
    let file = open(work, "file", READ);
    let input = file.read_via_stream(0).expect("a stream");
    drop(file);
    say(&format!("descriptor, dropped before its stream: {}", end(&input.blocking_read(1))));
    let dir = open(work, "full", READ);
    let listing = dir.read_directory().expect("a listing");
    drop(dir);
    let entry = listing.read_directory_entry().map(|entry| entry.map(|entry| entry.name));
    say(&format!("descriptor, dropped before its listing: {entry:?}"));
    let function = "directory-entry-stream.read-directory-entry";
    say(&format!("{function}, at the end: {:?}", listing.read_directory_entry()));
    say(&format!("{function}, once more: {:?}", listing.read_directory_entry()));
    // Files that are gone are there as long as they are open.
    let file = open(work, "gone", READ);
    told("descriptor.unlink-file-at", "an open file", work.unlink_file_at("gone"));
    told("descriptor.read", "a file that is gone", file.read(1, 0));
    let links =
        file.stat().map(|stat| (stat.type_ == DescriptorType::RegularFile, stat.link_count));
    say(&format!("descriptor.stat, a file that is gone: {links:?}"));
    // A directory that is gone is empty.
    let dir = open(work, "left", READ);
    told("descriptor.remove-directory-at", "an open directory", work.remove_directory_at("left"));
    told("descriptor.create-directory-at", "in one that is gone", dir.create_directory_at("x"));
    told("descriptor.stat-at", "in one that is gone", dir.stat_at(FOLLOW, "x"));
}

/// As many as there may be.
pub fn many(dir: &Descriptor) {
    let file = || dir.open_at(no_follow(), "file", none(), READ);
    let mut all = Vec::new();
    let error = loop {
        match file() {
            Ok(file) if all.len() < 10_000 => all.push(file),
            other => break other,
        }
    };
    // Some systems allow only a few.
    let number = if all.len() > 100 { "more than 100" } else { "a few" };
    told("descriptor.open-at", &format!("after {number} files"), error);
    all.pop();
    told("descriptor.open-at", "after one has been closed", file());
    drop(all);
    let mut all = Vec::new();
    let error = loop {
        match dir.read_directory() {
            Ok(listing) if all.len() < 10_000 => all.push(listing),
            other => break other,
        }
    };
    told("descriptor.read-directory", &format!("after {} listings", all.len()), error);
    told("descriptor.open-at", "after these", file());
    all.pop();
    told("descriptor.read-directory", "after one has been dropped", dir.read_directory());
}
