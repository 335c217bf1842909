//! Files and directories, in a directory that the test may fill.

use std::ffi::{CString, c_char, c_int};
use std::fmt::Debug;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The outcome of a call: its value or the kind of its error.
fn show<T: Debug>(what: &str, outcome: io::Result<T>) {
    match outcome {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!("{what}: {:?}", error.kind()),
    }
}

/// The same where the value does not matter.
fn done<T>(what: &str, outcome: io::Result<T>) {
    match outcome {
        Ok(_) => println!("{what}: done"),
        Err(error) => println!("{what}: {:?}", error.kind()),
    }
}

fn kind(path: &Path) -> io::Result<&'static str> {
    let kind = fs::symlink_metadata(path)?.file_type();
    Ok(match () {
        () if kind.is_dir() => "directory",
        () if kind.is_file() => "file",
        () if kind.is_symlink() => "link",
        () => "other",
    })
}

fn names(dir: impl AsRef<Path>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let mark = match () {
            () if kind.is_dir() => "/",
            () if kind.is_symlink() => "@",
            () => "",
        };
        names.push(format!("{}{mark}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names)
}

pub fn files(dir: &str) -> io::Result<()> {
    let dir = Path::new(dir);
    let path = dir.join("text.txt");

    fs::write(&path, "one\ntwo\n")?;
    println!("write and read: {:?}", fs::read_to_string(&path)?);
    println!("length: {}", fs::metadata(&path)?.len());

    OpenOptions::new().append(true).open(&path)?.write_all(b"three\n")?;
    println!("append: {:?}", fs::read_to_string(&path)?);

    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    println!("seek from start: {}", file.seek(SeekFrom::Start(4))?);
    let mut three = [0; 3];
    file.read_exact(&mut three)?;
    println!("read there: {:?}", String::from_utf8_lossy(&three));
    println!("position: {}", file.stream_position()?);
    println!("seek from here: {}", file.seek(SeekFrom::Current(-3))?);
    file.write_all(b"TWO")?;
    println!("seek from end: {}", file.seek(SeekFrom::End(-6))?);
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("read there: {rest:?}");
    show("seek before the start", file.seek(SeekFrom::Current(-1000)));
    println!("position: {}", file.stream_position()?);

    println!("seek beyond the end: {}", file.seek(SeekFrom::Start(20))?);
    println!("read there: {}", file.read(&mut three)?);
    file.write_all(b"!")?;
    println!("with a hole: {:?}", fs::read_to_string(&path)?);

    file.set_len(3)?;
    println!("cut: {:?}", fs::read_to_string(&path)?);
    file.set_len(5)?;
    println!("extended: {:?}", fs::read_to_string(&path)?);
    file.sync_data()?;
    file.sync_all()?;
    println!("synchronised");
    println!("length by handle: {}", file.metadata()?.len());
    drop(file);

    // Reading by lines, writing by pieces.
    let mut file = File::create(dir.join("lines.txt"))?;
    for number in 1..=1000 {
        writeln!(file, "line {number}")?;
    }
    drop(file);
    let lines = BufReader::new(File::open(dir.join("lines.txt"))?).lines();
    let last = lines.map(|line| line.unwrap()).last();
    println!("last of the lines: {last:?}");

    println!("copy: {}", fs::copy(&path, dir.join("copy.txt"))?);
    fs::rename(dir.join("copy.txt"), dir.join("moved.txt"))?;
    println!("after the move: {:?}", names(dir)?);
    fs::write(dir.join("other.txt"), "other")?;
    fs::rename(dir.join("other.txt"), dir.join("moved.txt"))?;
    println!("moved over: {:?}", fs::read_to_string(dir.join("moved.txt"))?);

    // An open file is there after its name is gone.
    let mut file = File::open(dir.join("moved.txt"))?;
    fs::remove_file(dir.join("moved.txt"))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("removed, still open: {text:?}");
    drop(file);

    show("open what is not there", File::open(dir.join("moved.txt")));
    show("remove what is not there", fs::remove_file(dir.join("moved.txt")));
    show("read a directory", fs::read(dir));
    done("write to a directory", fs::write(dir, "x"));
    show("below a file", fs::read(path.join("below")));
    show("text of bytes", {
        fs::write(dir.join("bytes"), [0xff, 0xfe])?;
        fs::read_to_string(dir.join("bytes"))
    });
    println!("exists: {:?}, {:?}", path.try_exists()?, dir.join("none").try_exists()?);

    for name in ["text.txt", "lines.txt", "bytes"] {
        fs::remove_file(dir.join(name))?;
    }
    println!("at the end: {:?}", names(dir)?);
    Ok(())
}

/// All ways to open a file.
pub fn modes(dir: &str) -> io::Result<()> {
    let path = Path::new(dir).join("modes.txt");
    let read = || fs::read_to_string(&path);

    done("open", OpenOptions::new().read(true).open(&path));
    done("open to write", OpenOptions::new().write(true).open(&path));
    done("create new", File::create_new(&path).and_then(|mut file| file.write_all(b"first")));
    done("create new again", File::create_new(&path));
    show("content", read());
    done("create without truncation", {
        OpenOptions::new().write(true).create(true).truncate(false).open(&path)
    });
    show("content", read());
    done("write at the start", {
        OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(b"F"))
    });
    show("content", read());
    let mut appender = OpenOptions::new().append(true).read(true).open(&path)?;
    appender.seek(SeekFrom::Start(0))?;
    appender.write_all(b" last")?;
    show("appended", read());
    let mut second = OpenOptions::new().append(true).open(&path)?;
    second.write_all(b", a")?;
    appender.write_all(b", b")?;
    show("two appenders", read());
    let mut text = String::new();
    appender.seek(SeekFrom::Start(6))?;
    appender.read_to_string(&mut text)?;
    show("read by the first", Ok(text));
    done("read a file open to write", {
        OpenOptions::new().write(true).open(&path).and_then(|mut file| file.read(&mut [0]))
    });
    done("write a file open to read", File::open(&path).and_then(|mut file| file.write(b"x")));
    done("cut a file open to read", File::open(&path).and_then(|file| file.set_len(0)));
    done("truncate", File::create(&path));
    show("content", read());
    done("truncate without writing", OpenOptions::new().read(true).truncate(true).open(&path));
    fs::remove_file(&path)
}

/// Times of files, set and read.
pub fn times(dir: &str) -> io::Result<()> {
    let path = Path::new(dir).join("times.txt");
    let start = SystemTime::now() - Duration::from_secs(3600);
    fs::write(&path, "x")?;
    let fresh = fs::metadata(&path)?;
    println!("modified lately: {}", fresh.modified()? > start);
    println!("accessed lately: {}", fresh.accessed()? > start);

    let stamp = UNIX_EPOCH + Duration::new(1_000_000_000, 123_000_000);
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_modified(stamp)?;
    println!("modified: {:?}", fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH));
    let both = FileTimes::new().set_accessed(stamp).set_modified(stamp + Duration::from_secs(1));
    file.set_times(both)?;
    let metadata = file.metadata()?;
    println!("accessed: {:?}", metadata.accessed()?.duration_since(UNIX_EPOCH));
    println!("modified: {:?}", metadata.modified()?.duration_since(UNIX_EPOCH));
    (&file).write_all(b"y")?;
    println!("modified lately: {}", fs::metadata(&path)?.modified()? > start);
    fs::remove_file(&path)
}

pub fn dirs(dir: &str) -> io::Result<()> {
    let dir = Path::new(dir);
    fs::create_dir_all(dir.join("a/b/c"))?;
    fs::create_dir_all(dir.join("a/b/c"))?;
    done("create again", fs::create_dir(dir.join("a")));
    done("create below nothing", fs::create_dir(dir.join("x/y")));
    for name in ["a/3.txt", "a/1.txt", "a/2.txt", "a/b/4.txt"] {
        fs::write(dir.join(name), name)?;
    }
    show("top", names(dir));
    show("a", names(dir.join("a")));
    show("a/b", names(dir.join("a/b")));
    show("a/b/c", names(dir.join("a/b/c")));
    show("a/./b/../b", names(dir.join("a/./b/../b")));
    show("a file", names(dir.join("a/1.txt")));
    show("nothing", names(dir.join("x")));
    show("kind of a", kind(&dir.join("a")));
    show("kind of a/1.txt", kind(&dir.join("a/1.txt")));

    done("remove a full one", fs::remove_dir(dir.join("a")));
    done("remove a file as directory", fs::remove_dir(dir.join("a/1.txt")));
    done("remove a directory as file", fs::remove_file(dir.join("a/b/c")));
    done("remove an empty one", fs::remove_dir(dir.join("a/b/c")));
    done("remove it again", fs::remove_dir(dir.join("a/b/c")));

    done("move a directory", fs::rename(dir.join("a/b"), dir.join("moved")));
    show("moved", names(dir.join("moved")));
    done("move into itself", fs::rename(dir.join("moved"), dir.join("moved/in")));
    done("move over a full one", fs::rename(dir.join("moved"), dir.join("a")));
    done("move a directory over a file", fs::rename(dir.join("moved"), dir.join("a/1.txt")));
    done("move a file over a directory", fs::rename(dir.join("a/1.txt"), dir.join("moved")));

    fs::remove_dir_all(dir.join("a"))?;
    fs::remove_dir_all(dir.join("moved"))?;
    done("remove all of nothing", fs::remove_dir_all(dir.join("a")));
    show("at the end", names(dir));
    Ok(())
}

/// More entries than one read of a directory brings in.
pub fn many(dir: &str, count: usize) -> io::Result<()> {
    let dir = Path::new(dir).join("many");
    fs::create_dir(&dir)?;
    for number in 0..count {
        fs::write(dir.join(format!("file-with-a-rather-long-name-{number:06}")), "")?;
    }
    let found = names(&dir)?;
    println!("{} names, first {:?}, last {:?}", found.len(), found[0], found[count - 1]);
    let mut distinct = found.clone();
    distinct.dedup();
    println!("{} distinct", distinct.len());

    for name in found {
        fs::remove_file(dir.join(name))?;
    }
    println!("left: {:?}", names(&dir)?);
    fs::remove_dir(&dir)
}

unsafe extern "C" {
    #[link_name = "symlink"]
    fn c_symlink(target: *const c_char, path: *const c_char) -> c_int;
}

/// std's own is unstable; it ends up here as well.
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    let target = CString::new(target)?;
    let path = CString::new(path.to_str().unwrap())?;
    match unsafe { c_symlink(target.as_ptr(), path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

pub fn links(dir: &str) -> io::Result<()> {
    let dir = Path::new(dir);
    let at = |name: &str| dir.join(name);
    fs::create_dir(at("d"))?;
    fs::write(at("d/file"), "content")?;

    done("link to a file", symlink("d/file", &at("to-file")));
    done("link to a directory", symlink("d", &at("to-dir")));
    done("link to a link", symlink("to-dir", &at("d/../to-link")));
    done("link up", symlink("../to-file", &at("d/up")));
    done("link to nothing", symlink("nothing", &at("broken")));
    done("link to itself", symlink("loop", &at("loop")));
    done("link out", symlink("../../../../etc/passwd", &at("out")));
    done("absolute link", symlink("/etc/passwd", &at("absolute")));
    done("over what is there", symlink("d", &at("to-dir")));
    done("empty target", symlink("", &at("empty")));

    show("all", names(dir));
    show("target", fs::read_link(at("to-file")));
    show("target of none", fs::read_link(at("d/file")));
    show("through a link", fs::read_to_string(at("to-file")));
    show("through a directory", fs::read_to_string(at("to-dir/file")));
    show("through two", fs::read_to_string(at("to-link/file")));
    show("through all", fs::read_to_string(at("to-link/up")));
    show("names through a link", names(at("to-dir")));
    show("nothing", fs::read_to_string(at("broken")));
    done("around", fs::read_to_string(at("loop")));
    show("out", fs::read_to_string(at("out")));
    show("absolute", fs::read_to_string(at("absolute")));
    show("write out", fs::write(at("out"), "x"));
    show("create through", fs::write(at("broken"), "made"));
    show("what was made", fs::read_to_string(at("nothing")));
    show("kind of a link", kind(&at("to-file")));
    show("length of a link", fs::symlink_metadata(at("to-file")).map(|metadata| metadata.len()));
    show("length through it", fs::metadata(at("to-file")).map(|metadata| metadata.len()));
    done("remove a link as directory", fs::remove_dir(at("to-dir")));

    done("second name", fs::hard_link(at("d/file"), at("second")));
    done("second name again", fs::hard_link(at("d/file"), at("second")));
    done("second name of a directory", fs::hard_link(at("d"), at("second-d")));
    done("second name of a link", fs::hard_link(at("to-file"), at("second-link")));
    show("kind of it", kind(&at("second-link")));
    fs::write(at("second"), "changed")?;
    show("by the first name", fs::read_to_string(at("d/file")));
    done("rename a link", fs::rename(at("to-file"), at("renamed")));
    show("kind of it", kind(&at("renamed")));

    fs::remove_dir_all(at("d"))?;
    show("last name", fs::read_to_string(at("second")));
    for name in names(dir)? {
        fs::remove_file(at(name.trim_end_matches('@')))?;
    }
    show("at the end", names(dir));
    Ok(())
}

/// Blocks written and read in any order.
pub fn large(dir: &str, mib: u32) -> io::Result<()> {
    let path = Path::new(dir).join("large.bin");
    let block = |number: u32| {
        let mut bytes = vec![0u8; 1 << 20];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = (at as u32).wrapping_mul(number + 7).to_le_bytes()[1];
        }
        bytes
    };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    for number in 0..mib {
        file.write_all(&block(number))?;
    }
    println!("wrote {}", file.metadata()?.len());
    let mut bytes = vec![0; 1 << 20];
    for number in (0..mib).rev() {
        file.seek(SeekFrom::Start(u64::from(number) << 20))?;
        file.read_exact(&mut bytes)?;
        assert!(bytes == block(number), "block {number} came back changed");
    }
    println!("read them backwards");
    file.rewind()?;
    let total = io::copy(&mut file, &mut io::sink())?;
    println!("read all {total}");
    drop(file);
    fs::remove_file(&path)
}

/// Paths that lead out, or are no paths.
pub fn paths(dir: &str) {
    let long = "x".repeat(300);
    let longer = "x/".repeat(3000);
    let deep = "../".repeat(40) + "etc/passwd";
    let names = [
        "..",
        "../..",
        "../etc/passwd",
        &deep,
        "a/../../..",
        "./..",
        ".",
        "",
        "./",
        "a/..",
        "a/../a",
        "a/.",
        "a//b",
        "b.txt/",
        "b.txt/.",
        "b.txt/..",
        "a/",
        "a/b",
        "a/b/",
        "/",
        "//",
        "\\",
        "c:\\",
        "a\\b",
        "nul\0byte",
        " ",
        "ü",
        &long,
        &longer,
    ];
    for name in names {
        let path = format!("{dir}/{name}");
        let shown: String = name.chars().take(20).collect();
        show(&format!("{shown:?}"), kind(Path::new(&path)));
    }
    for path in ["", "/", ".", "..", "/..", "/etc", "/proc/self", "/dev/null", "relative"] {
        show(&format!("{path:?} as it is"), kind(Path::new(path)));
    }
}

/// Each way to change something in a directory that may only be read. It holds
/// `file`, `link` to it, and the directories `empty` and `full`.
pub fn read_only(dir: &str) {
    let at = |name: &str| Path::new(dir).join(name);
    show("read", fs::read_to_string(at("file")));
    show("list", names(at("full")));
    done("open to write", OpenOptions::new().write(true).open(at("file")));
    done("open to append", OpenOptions::new().append(true).open(at("file")));
    done("open to read and write", OpenOptions::new().read(true).write(true).open(at("file")));
    done("truncate", File::create(at("file")));
    done("create", File::create(at("new")));
    done("create new", File::create_new(at("new")));
    done("create what is there", File::create_new(at("file")));
    done("write through the link", fs::write(at("link"), "x"));
    done("set length", File::open(at("file")).and_then(|file| file.set_len(0)));
    done("set times", File::open(at("file")).and_then(|file| file.set_modified(UNIX_EPOCH)));
    done("create directory", fs::create_dir(at("new")));
    done("create directory that is there", fs::create_dir(at("empty")));
    done("remove directory", fs::remove_dir(at("empty")));
    done("remove file", fs::remove_file(at("file")));
    done("remove link", fs::remove_file(at("link")));
    done("remove what is not there", fs::remove_file(at("new")));
    done("rename", fs::rename(at("file"), at("new")));
    done("rename inside", fs::rename(at("full/inner"), at("full/other")));
    done("second name", fs::hard_link(at("file"), at("new")));
    done("symbolic link", symlink("file", &at("new")));
    done("remove all", fs::remove_dir_all(at("full")));
    done("copy in", fs::copy(at("file"), at("new")));
    show("still there", fs::read_to_string(at("file")));
    show("list", names(dir));
}

/// The files' contents, one after the other.
pub fn cat(paths: &[&str]) -> io::Result<()> {
    for path in paths {
        io::copy(&mut File::open(path)?, &mut io::stdout())?;
    }
    Ok(())
}
