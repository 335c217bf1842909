//! Commands about files and directories.
//!
//! Paths are relative to an open directory and stay below it: a path that leads
//! out, by `..`, as an absolute path or through a symbolic link, fails with
//! [`Errno::NotPermitted`]. Who answers sees to that; who asks cleans paths and
//! knows which directories are read-only.

/// An open file or directory of the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// Something to do with a file or a directory. Each may fail with
/// [`Reply::Failed`](super::Reply::Failed).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FsCommand {
    /// Opens or creates. [`Reply::File`](super::Reply::File)
    Open {
        /// Where `path` begins.
        dir: FileId,
        /// The path to open; `.` is the directory itself.
        path: String,
        /// Follow a symbolic link at the end of the path.
        follow: bool,
        /// How.
        flags: OpenFlags,
    },
    /// Closes. [`Reply::Done`](super::Reply::Done)
    Close(FileId),
    /// Reads at an offset. [`Reply::Bytes`](super::Reply::Bytes); none mean the end.
    Read {
        /// A file.
        file: FileId,
        /// Where, in bytes from the beginning.
        offset: u64,
        /// At most so many bytes.
        len: u32,
    },
    /// Writes at an offset. [`Reply::Count`](super::Reply::Count)
    Write {
        /// A file.
        file: FileId,
        /// Where, in bytes from the beginning; at the end if `None`.
        offset: Option<u64>,
        /// The bytes themselves.
        bytes: Vec<u8>,
    },
    /// Kind, size and times of an open file. [`Reply::Stat`](super::Reply::Stat)
    Stat(FileId),
    /// Kind, size and times of what a path names. [`Reply::Stat`](super::Reply::Stat)
    StatAt {
        /// Where `path` begins.
        dir: FileId,
        /// The path.
        path: String,
        /// Follow a symbolic link at the end of the path.
        follow: bool,
    },
    /// Cuts or extends with zeros. [`Reply::Done`](super::Reply::Done)
    SetSize {
        /// A file.
        file: FileId,
        /// In bytes.
        size: u64,
    },
    /// Sets the times of an open file. [`Reply::Done`](super::Reply::Done)
    SetTimes {
        /// A file or directory.
        file: FileId,
        /// The time of the last access.
        accessed: NewTime,
        /// The time of the last change of the contents.
        modified: NewTime,
    },
    /// Sets the times of what a path names. [`Reply::Done`](super::Reply::Done)
    SetTimesAt {
        /// Where `path` begins.
        dir: FileId,
        /// The path.
        path: String,
        /// Follow a symbolic link at the end of the path.
        follow: bool,
        /// The time of the last access.
        accessed: NewTime,
        /// The time of the last change of the contents.
        modified: NewTime,
    },
    /// Begins to list a directory: what is opened is the list, to be closed at the
    /// end. [`Reply::File`](super::Reply::File)
    OpenDir(FileId),
    /// Some more entries of a list that has been opened, not very many; none mean the
    /// end. [`Reply::Entries`](super::Reply::Entries)
    ReadDir(FileId),
    /// Makes a directory. [`Reply::Done`](super::Reply::Done)
    CreateDir {
        /// Where `path` begins.
        dir: FileId,
        /// The path.
        path: String,
    },
    /// Removes an empty directory. [`Reply::Done`](super::Reply::Done)
    RemoveDir {
        /// Where `path` begins.
        dir: FileId,
        /// The path.
        path: String,
    },
    /// Removes a file or a link. [`Reply::Done`](super::Reply::Done)
    Unlink {
        /// Where `path` begins.
        dir: FileId,
        /// The path.
        path: String,
    },
    /// Gives another name. [`Reply::Done`](super::Reply::Done)
    Rename {
        /// Where `path` begins.
        dir: FileId,
        /// The old path.
        path: String,
        /// Where `to_path` begins.
        to_dir: FileId,
        /// The new path.
        to_path: String,
    },
    /// Gives a further name. [`Reply::Done`](super::Reply::Done)
    Link {
        /// Where `path` begins.
        dir: FileId,
        /// The old path.
        path: String,
        /// Follow a symbolic link at the end of the old path.
        follow: bool,
        /// Where `to_path` begins.
        to_dir: FileId,
        /// The new path.
        to_path: String,
    },
    /// Makes a symbolic link. [`Reply::Done`](super::Reply::Done)
    Symlink {
        /// The text of the link: a relative path.
        target: String,
        /// Where `path` begins.
        dir: FileId,
        /// The link.
        path: String,
    },
    /// Reads a symbolic link. [`Reply::Text`](super::Reply::Text)
    ReadLink {
        /// Where `path` begins.
        dir: FileId,
        /// The link.
        path: String,
    },
    /// Waits until everything is on the disk. [`Reply::Done`](super::Reply::Done)
    Sync {
        /// A file or directory.
        file: FileId,
        /// The contents only, without the times.
        data_only: bool,
    },
    /// Says how a part of a file will be used. [`Reply::Done`](super::Reply::Done)
    Advise {
        /// A file.
        file: FileId,
        /// The beginning of the part.
        offset: u64,
        /// Its length; 0 means up to the end.
        len: u64,
        /// How it will be used.
        advice: Advice,
    },
}

/// How something is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenFlags {
    /// Contents may be read.
    pub read: bool,
    /// Contents may be changed.
    pub write: bool,
    /// Make a file if there is none.
    pub create: bool,
    /// Fail if there is something already.
    pub exclusive: bool,
    /// Make it empty.
    pub truncate: bool,
    /// Fail if it is not a directory.
    pub directory: bool,
    /// Each write reaches the disk before it is done: the data.
    pub data_sync: bool,
    /// The same for data and times.
    pub file_sync: bool,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FileKind {
    Unknown,
    BlockDevice,
    CharacterDevice,
    Directory,
    Fifo,
    SymbolicLink,
    RegularFile,
    Socket,
}

/// Kind, size and times of a file. Times are nanoseconds since 1970-01-01T00:00:00Z;
/// there are none for earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stat {
    /// Its kind.
    pub kind: FileKind,
    /// The device that it is on.
    pub device: u64,
    /// Its number on the device.
    pub inode: u64,
    /// The number of its names.
    pub links: u64,
    /// Its size in bytes; of a link, that of its text.
    pub size: u64,
    /// The last access.
    pub accessed: Option<u64>,
    /// The last change of the contents.
    pub modified: Option<u64>,
    /// The last change of anything.
    pub changed: Option<u64>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DirEntry {
    /// Its name.
    pub name: String,
    /// Its kind; a link is not followed.
    pub kind: FileKind,
    /// Its number on the device.
    pub inode: u64,
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NewTime {
    /// Leave it.
    Keep,
    /// The present time.
    Now,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    At(u64),
}

/// How a part of a file will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}

/// Why something with a file failed: the names of `error-code` in
/// `wasi:filesystem`, each with the `errno` of WASI 0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Errno {
    Access,
    WouldBlock,
    Already,
    BadDescriptor,
    Busy,
    Deadlock,
    Quota,
    Exist,
    FileTooLarge,
    IllegalByteSequence,
    InProgress,
    Interrupted,
    Invalid,
    Io,
    IsDirectory,
    Loop,
    TooManyLinks,
    MessageSize,
    NameTooLong,
    NoDevice,
    NoEntry,
    NoLock,
    InsufficientMemory,
    InsufficientSpace,
    NotDirectory,
    NotEmpty,
    NotRecoverable,
    Unsupported,
    NoTty,
    NoSuchDevice,
    Overflow,
    NotPermitted,
    Pipe,
    ReadOnly,
    InvalidSeek,
    TextFileBusy,
    CrossDevice,
    /// Too many open files. Of 0.1 only; 0.2 has no name for it, where it is
    /// [`Errno::Quota`].
    TooManyOpen,
}
