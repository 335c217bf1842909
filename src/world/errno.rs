//! From errors of the operating system to [`Errno`].
//!
//! By table, because guests compare these codes: a name that means something
//! else than what happened is a bug in somebody's `match`. The table goes by the
//! code of the operating system, which is finer than [`io::ErrorKind`]; the kind
//! serves for errors that libraries make up. One of those matters most: cap-std
//! says of a path that leads out of its directory that permission is denied, and
//! gives no code. That is [`Errno::NotPermitted`], as `wasi:filesystem` has it,
//! and no [`Errno::Access`].

use crate::command::Errno;
use std::io::{self, ErrorKind};

/// The error number that tells a guest about an error.
pub(super) fn errno(error: &io::Error) -> Errno {
    if let Some(code) = error.raw_os_error() {
        if let Some((_, errno)) = CODES.iter().find(|(known, _)| *known == code) {
            return *errno;
        }
    } else if error.kind() == ErrorKind::PermissionDenied {
        return Errno::NotPermitted;
    }
    let kind = error.kind();
    KINDS.iter().find(|(known, _)| *known == kind).map_or(Errno::Io, |(_, errno)| *errno)
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        errno(&error)
    }
}

const KINDS: &[(ErrorKind, Errno)] = &[
    (ErrorKind::NotFound, Errno::NoEntry),
    (ErrorKind::PermissionDenied, Errno::Access),
    (ErrorKind::AlreadyExists, Errno::Exist),
    (ErrorKind::WouldBlock, Errno::WouldBlock),
    (ErrorKind::NotADirectory, Errno::NotDirectory),
    (ErrorKind::IsADirectory, Errno::IsDirectory),
    (ErrorKind::DirectoryNotEmpty, Errno::NotEmpty),
    (ErrorKind::ReadOnlyFilesystem, Errno::ReadOnly),
    (ErrorKind::InvalidInput, Errno::Invalid),
    (ErrorKind::InvalidData, Errno::IllegalByteSequence),
    (ErrorKind::StorageFull, Errno::InsufficientSpace),
    (ErrorKind::NotSeekable, Errno::InvalidSeek),
    (ErrorKind::QuotaExceeded, Errno::Quota),
    (ErrorKind::FileTooLarge, Errno::FileTooLarge),
    (ErrorKind::ResourceBusy, Errno::Busy),
    (ErrorKind::ExecutableFileBusy, Errno::TextFileBusy),
    (ErrorKind::Deadlock, Errno::Deadlock),
    (ErrorKind::CrossesDevices, Errno::CrossDevice),
    (ErrorKind::TooManyLinks, Errno::TooManyLinks),
    (ErrorKind::InvalidFilename, Errno::NoEntry),
    (ErrorKind::Interrupted, Errno::Interrupted),
    (ErrorKind::Unsupported, Errno::Unsupported),
    (ErrorKind::OutOfMemory, Errno::InsufficientMemory),
    (ErrorKind::BrokenPipe, Errno::Pipe),
    (ErrorKind::WriteZero, Errno::InsufficientSpace),
];

#[cfg(unix)]
const CODES: &[(i32, Errno)] = {
    use rustix::io::Errno as Os;
    &[
        (Os::ACCESS.raw_os_error(), Errno::Access),
        (Os::AGAIN.raw_os_error(), Errno::WouldBlock),
        (Os::WOULDBLOCK.raw_os_error(), Errno::WouldBlock),
        (Os::ALREADY.raw_os_error(), Errno::Already),
        (Os::BADF.raw_os_error(), Errno::BadDescriptor),
        (Os::BUSY.raw_os_error(), Errno::Busy),
        (Os::DEADLK.raw_os_error(), Errno::Deadlock),
        (Os::DQUOT.raw_os_error(), Errno::Quota),
        (Os::EXIST.raw_os_error(), Errno::Exist),
        (Os::FBIG.raw_os_error(), Errno::FileTooLarge),
        (Os::ILSEQ.raw_os_error(), Errno::IllegalByteSequence),
        (Os::INPROGRESS.raw_os_error(), Errno::InProgress),
        (Os::INTR.raw_os_error(), Errno::Interrupted),
        (Os::INVAL.raw_os_error(), Errno::Invalid),
        (Os::IO.raw_os_error(), Errno::Io),
        (Os::ISDIR.raw_os_error(), Errno::IsDirectory),
        (Os::LOOP.raw_os_error(), Errno::Loop),
        (Os::MLINK.raw_os_error(), Errno::TooManyLinks),
        (Os::MSGSIZE.raw_os_error(), Errno::MessageSize),
        (Os::NAMETOOLONG.raw_os_error(), Errno::NameTooLong),
        (Os::NODEV.raw_os_error(), Errno::NoDevice),
        (Os::NOENT.raw_os_error(), Errno::NoEntry),
        (Os::NOLCK.raw_os_error(), Errno::NoLock),
        (Os::NOMEM.raw_os_error(), Errno::InsufficientMemory),
        (Os::MFILE.raw_os_error(), Errno::TooManyOpen),
        (Os::NFILE.raw_os_error(), Errno::TooManyOpen),
        (Os::NOSPC.raw_os_error(), Errno::InsufficientSpace),
        (Os::NOTDIR.raw_os_error(), Errno::NotDirectory),
        (Os::NOTEMPTY.raw_os_error(), Errno::NotEmpty),
        (Os::NOTRECOVERABLE.raw_os_error(), Errno::NotRecoverable),
        (Os::NOTSUP.raw_os_error(), Errno::Unsupported),
        (Os::OPNOTSUPP.raw_os_error(), Errno::Unsupported),
        (Os::NOSYS.raw_os_error(), Errno::Unsupported),
        (Os::NOTTY.raw_os_error(), Errno::NoTty),
        (Os::NXIO.raw_os_error(), Errno::NoSuchDevice),
        (Os::OVERFLOW.raw_os_error(), Errno::Overflow),
        (Os::PERM.raw_os_error(), Errno::NotPermitted),
        (Os::PIPE.raw_os_error(), Errno::Pipe),
        (Os::ROFS.raw_os_error(), Errno::ReadOnly),
        (Os::SPIPE.raw_os_error(), Errno::InvalidSeek),
        (Os::TXTBSY.raw_os_error(), Errno::TextFileBusy),
        (Os::XDEV.raw_os_error(), Errno::CrossDevice),
    ]
};

/// Codes of the Win32 API that its error kinds do not tell apart.
#[cfg(windows)]
const CODES: &[(i32, Errno)] = &[
    (4, Errno::TooManyOpen),     // ERROR_TOO_MANY_OPEN_FILES
    (6, Errno::BadDescriptor),   // ERROR_INVALID_HANDLE
    (21, Errno::Busy),           // ERROR_NOT_READY
    (32, Errno::Access),         // ERROR_SHARING_VIOLATION
    (50, Errno::Unsupported),    // ERROR_NOT_SUPPORTED
    (111, Errno::NameTooLong),   // ERROR_BUFFER_OVERFLOW
    (131, Errno::Invalid),       // ERROR_NEGATIVE_SEEK
    (206, Errno::NameTooLong),   // ERROR_FILENAME_EXCED_RANGE
    (1314, Errno::NotPermitted), // ERROR_PRIVILEGE_NOT_HELD
    (1921, Errno::Loop),         // ERROR_CANT_RESOLVE_FILENAME
];

#[cfg(not(any(unix, windows)))]
const CODES: &[(i32, Errno)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_libraries_go_by_their_kind() {
        assert_eq!(errno(&ErrorKind::PermissionDenied.into()), Errno::NotPermitted);
        assert_eq!(errno(&ErrorKind::NotFound.into()), Errno::NoEntry);
        assert_eq!(errno(&ErrorKind::InvalidInput.into()), Errno::Invalid);
        assert_eq!(errno(&io::Error::other("?")), Errno::Io);
        assert_eq!(errno(&io::Error::from_raw_os_error(i32::MAX)), Errno::Io);
    }

    /// Errors as the system really gives them, beyond those that the tests of commands meet.
    #[test]
    #[cfg(unix)]
    fn errors_of_the_system_keep_their_names() {
        use std::{
            fs::{self, File, OpenOptions},
            io::{Read, Seek, SeekFrom, Write},
            os::unix::net::UnixListener,
        };
        let dir = std::env::temp_dir().join(format!("wippy-errno-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("full/inner")).unwrap();
        fs::write(dir.join("file"), "x").unwrap();
        let at = |name: &str| dir.join(name);
        let said = |result: io::Result<()>| errno(&result.unwrap_err());

        assert_eq!(said(File::open(at("none")).map(drop)), Errno::NoEntry);
        assert_eq!(said(File::open(at("file/x")).map(drop)), Errno::NotDirectory);
        assert_eq!(said(File::create(at("full")).map(drop)), Errno::IsDirectory);
        assert_eq!(said(File::create_new(at("file")).map(drop)), Errno::Exist);
        assert_eq!(said(fs::remove_dir(at("full"))), Errno::NotEmpty);
        assert_eq!(said(fs::remove_dir(at("full/."))), Errno::Invalid);
        assert_eq!(said(fs::rename(at("full"), at("full/inner/x"))), Errno::Invalid);
        assert_eq!(said(File::open(at(&"n".repeat(300))).map(drop)), Errno::NameTooLong);
        assert_eq!(said(File::open("a\0b").map(drop)), Errno::Invalid);
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        assert_eq!(said(File::open(at("loop")).map(drop)), Errno::Loop);
        let _listener = UnixListener::bind(at("socket")).unwrap();
        assert_eq!(said(File::open(at("socket")).map(drop)), Errno::NoSuchDevice);

        let mut file = File::open(at("file")).unwrap();
        assert_eq!(said(file.write(b"x").map(drop)), Errno::BadDescriptor);
        assert_eq!(said(file.seek(SeekFrom::Current(-9)).map(drop)), Errno::Invalid);
        assert_eq!(said(File::open(&dir).unwrap().read(&mut [0]).map(drop)), Errno::IsDirectory);
        let mut file = OpenOptions::new().write(true).open(at("file")).unwrap();
        assert_eq!(said(file.read(&mut [0]).map(drop)), Errno::BadDescriptor);
        // Beyond the largest file of any file system.
        let write = std::os::unix::fs::FileExt::write_at(&file, b"x", i64::MAX as u64);
        assert!(matches!(said(write.map(drop)), Errno::FileTooLarge | Errno::Invalid));

        let (reader, mut writer) = io::pipe().unwrap();
        let seek = rustix::fs::seek(&reader, rustix::fs::SeekFrom::Start(0));
        assert_eq!(said(seek.map(drop).map_err(io::Error::from)), Errno::InvalidSeek);
        drop(reader);
        assert_eq!(said(writer.write(b"x").map(drop)), Errno::Pipe);
        #[cfg(target_os = "linux")]
        {
            let running = OpenOptions::new().write(true).open(std::env::current_exe().unwrap());
            assert_eq!(said(running.map(drop)), Errno::TextFileBusy);
            assert_eq!(said(fs::write("/dev/full", "x")), Errno::InsufficientSpace);
            // Root may open it.
            if let Err(error) = File::open("/etc/shadow") {
                assert_eq!(errno(&error), Errno::Access);
            }
            let link = fs::hard_link("/proc/self/status", at("crossed"));
            assert_eq!(said(link), Errno::CrossDevice);
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
