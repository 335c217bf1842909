//! From errors of the operating system to [`Errno`].
//!
//! By table, because guests compare these codes: a name that means something
//! else than what happened is a bug in somebody's `match`. The table goes by the
//! code of the operating system, which is finer than [`io::ErrorKind`]; the kind
//! serves for errors that libraries make up. One of those matters most: cap-std
//! says of a path that leads out of its directory that permission is denied, and
//! gives no code. That is [`Errno::NotPermitted`], as `wasi:filesystem` has it,
//! and no [`Errno::Access`].

use super::super::Errno;
use std::io::{self, ErrorKind};

/// What to tell a guest about an error.
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

/// `EMFILE` and `ENFILE` have no name in `wasi:filesystem`; what is lacking is
/// room in a table, so they count as memory.
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
        (Os::MFILE.raw_os_error(), Errno::InsufficientMemory),
        (Os::NFILE.raw_os_error(), Errno::InsufficientMemory),
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
    (4, Errno::InsufficientMemory), // ERROR_TOO_MANY_OPEN_FILES
    (6, Errno::BadDescriptor),      // ERROR_INVALID_HANDLE
    (21, Errno::Busy),              // ERROR_NOT_READY
    (32, Errno::Access),            // ERROR_SHARING_VIOLATION
    (50, Errno::Unsupported),       // ERROR_NOT_SUPPORTED
    (111, Errno::NameTooLong),      // ERROR_BUFFER_OVERFLOW
    (131, Errno::Invalid),          // ERROR_NEGATIVE_SEEK
    (206, Errno::NameTooLong),      // ERROR_FILENAME_EXCED_RANGE
    (1314, Errno::NotPermitted),    // ERROR_PRIVILEGE_NOT_HELD
    (1921, Errno::Loop),            // ERROR_CANT_RESOLVE_FILENAME
];

#[cfg(not(any(unix, windows)))]
const CODES: &[(i32, Errno)] = &[];
