//! The numbers of errors.

use crate::command::Errno;

/// An `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub u16);

impl Code {
    pub const SUCCESS: Code = Code(0);
    pub const BADF: Code = Code(8);
    pub const ILSEQ: Code = Code(25);
    pub const INVAL: Code = Code(28);
    pub const MFILE: Code = Code(33);
    pub const NAMETOOLONG: Code = Code(37);
    pub const NOTDIR: Code = Code(54);
    pub const NOTSOCK: Code = Code(57);
    pub const NOTSUP: Code = Code(58);
    pub const OVERFLOW: Code = Code(61);
    pub const PERM: Code = Code(63);
    pub const SPIPE: Code = Code(70);
}

impl From<Errno> for Code {
    fn from(errno: Errno) -> Code {
        Code(match errno {
            Errno::Access => 2,
            Errno::WouldBlock => 6,
            Errno::Already => 7,
            Errno::BadDescriptor => return Code::BADF,
            Errno::Busy => 10,
            Errno::Deadlock => 16,
            Errno::Quota => 19,
            Errno::Exist => 20,
            Errno::FileTooLarge => 22,
            Errno::IllegalByteSequence => return Code::ILSEQ,
            Errno::InProgress => 26,
            Errno::Interrupted => 27,
            Errno::Invalid => return Code::INVAL,
            Errno::Io => 29,
            Errno::IsDirectory => 31,
            Errno::Loop => 32,
            Errno::TooManyLinks => 34,
            Errno::MessageSize => 35,
            Errno::NameTooLong => return Code::NAMETOOLONG,
            Errno::NoDevice => 43,
            Errno::NoEntry => 44,
            Errno::NoLock => 46,
            Errno::InsufficientMemory => 48,
            Errno::InsufficientSpace => 51,
            Errno::NotDirectory => return Code::NOTDIR,
            Errno::NotEmpty => 55,
            Errno::NotRecoverable => 56,
            Errno::Unsupported => return Code::NOTSUP,
            Errno::NoTty => 59,
            Errno::NoSuchDevice => 60,
            Errno::Overflow => return Code::OVERFLOW,
            // `rofs` exists, but to engines of 0.1 a read-only directory is one
            // whose changes are not permitted, and guests know it as that.
            Errno::NotPermitted | Errno::ReadOnly => return Code::PERM,
            Errno::Pipe => 64,
            Errno::InvalidSeek => return Code::SPIPE,
            Errno::TooManyOpen => return Code::MFILE,
            Errno::TextFileBusy => 74,
            Errno::CrossDevice => 75,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::wasi::fake::errno;

    #[test]
    fn errors_have_different_numbers() {
        let mut codes: Vec<u16> = (0..37).map(|case| Code::from(errno(case)).0).collect();
        codes.sort_unstable();
        codes.dedup();
        // Two are one.
        assert_eq!(codes.len(), 36);
        assert!(codes.iter().all(|code| (1..=76).contains(code)));
    }
}
