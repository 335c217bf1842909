//! From errors of the operating system to [`NetError`].

use crate::command::NetError;
use rustix::io::Errno as Os;

impl From<Os> for NetError {
    fn from(errno: Os) -> NetError {
        match errno {
            Os::AGAIN | Os::INTR => NetError::WouldBlock,
            // The same number on most systems.
            errno if errno == Os::WOULDBLOCK => NetError::WouldBlock,
            Os::PERM | Os::ACCESS => NetError::AccessDenied,
            Os::ADDRINUSE => NetError::AddressInUse,
            Os::ADDRNOTAVAIL => NetError::AddressNotBindable,
            Os::ALREADY => NetError::ConcurrencyConflict,
            Os::TIMEDOUT => NetError::Timeout,
            Os::CONNREFUSED => NetError::ConnectionRefused,
            Os::CONNRESET => NetError::ConnectionReset,
            Os::CONNABORTED => NetError::ConnectionAborted,
            Os::INVAL => NetError::InvalidArgument,
            Os::HOSTUNREACH | Os::HOSTDOWN | Os::NETDOWN | Os::NETUNREACH => {
                NetError::RemoteUnreachable
            }
            Os::ISCONN | Os::NOTCONN | Os::DESTADDRREQ => NetError::InvalidState,
            Os::NFILE | Os::MFILE => NetError::NewSocketLimit,
            Os::MSGSIZE => NetError::DatagramTooLarge,
            Os::NOMEM | Os::NOBUFS => NetError::OutOfMemory,
            Os::OPNOTSUPP
            | Os::NOPROTOOPT
            | Os::PFNOSUPPORT
            | Os::PROTONOSUPPORT
            | Os::PROTOTYPE
            | Os::SOCKTNOSUPPORT
            | Os::AFNOSUPPORT => NetError::NotSupported,
            _ => NetError::Unknown,
        }
    }
}

impl From<std::io::Error> for NetError {
    fn from(error: std::io::Error) -> NetError {
        Os::from_io_error(&error).map_or(NetError::Unknown, NetError::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_has_its_name() {
        assert_eq!(NetError::from(Os::CONNRESET), NetError::ConnectionReset);
        assert_eq!(NetError::from(Os::WOULDBLOCK), NetError::WouldBlock);
        assert_eq!(NetError::from(Os::XDEV), NetError::Unknown);
        let error = std::io::Error::from_raw_os_error(Os::ADDRINUSE.raw_os_error());
        assert_eq!(NetError::from(error), NetError::AddressInUse);
        assert_eq!(NetError::from(std::io::Error::other("x")), NetError::Unknown);
    }
}
