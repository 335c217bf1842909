//! The answers to commands.
//!
//! Replies go by shape and not by family: bytes are bytes, whether a file, a stream
//! or the random numbers gave them. Whoever has asked knows which shape it wants and
//! takes it out with the method of that name; one of another shape becomes an
//! [`Unexpected`], which names what was asked for and what came.

use core::net::{IpAddr, SocketAddr};

use super::{
    Datagram, DirEntry, Errno, FileId, FileKind, HttpError, Interests, NetError, Pid, ProcessError,
    Ready, SharedEnding, Stat,
    http::{Fields, IncomingResponse},
};
use crate::value::Value;

/// The outside world's answer to a [`Command`](super::Command).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The result of a host function.
    Value(Option<Value>),
    /// It has been done.
    Done,
    /// A time or a duration, in nanoseconds.
    Time(u64),
    /// Bytes that were read.
    Bytes(Vec<u8>),
    /// How many bytes were written.
    Count(u64),
    /// Yes or no.
    Bool(bool),
    /// A path.
    Text(String),
    /// The interests that hold, of those that were waited for.
    Ready(Ready),
    /// An open file or directory.
    File {
        /// To be used in further commands, and closed at the end.
        id: FileId,
        /// Its kind.
        kind: FileKind,
    },
    /// Something else that is open now: to be used in further commands, and closed at
    /// the end.
    Handle(FileId),
    /// Kind, size and times of a file.
    Stat(Stat),
    /// Entries of a directory, without `.` and `..`.
    Entries(Vec<DirEntry>),
    /// A process.
    Pid(Pid),
    /// How a process has ended.
    Ended(SharedEnding),
    /// A response to a request.
    Response(Box<IncomingResponse>),
    /// What comes after a body, if anything does.
    Trailers(Option<Fields>),
    /// The outside world could not do it, and HTTP has a name for the reason.
    HttpError(Box<HttpError>),
    /// An address.
    Address(SocketAddr),
    /// The addresses of a name.
    Addresses(Vec<IpAddr>),
    /// Datagrams that have come.
    Datagrams(Vec<Datagram>),
    /// The outside world could not do it, and WASI has a name for the reason.
    NetError(NetError),
    /// The outside world could not do it, for a reason that guests understand.
    Failed(Errno),
    /// The host could not do it, or would not.
    ProcessError(ProcessError),
    /// There will be no answer; the process ends with a trap that says this.
    Refused(String),
}

/// A reply of another shape than the command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected(pub String);

/// Takes one shape out of a reply.
macro_rules! shapes {
    ($($(#[$doc:meta])* $method:ident: $shape:pat => $value:expr, $type:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $method(self) -> Result<$type, Unexpected> {
            let $shape = self else { return Err(self.instead_of(stringify!($method))) };
            Ok($value)
        }
    )*};
}

impl Reply {
    shapes! {
        /// The result of a host function.
        value: Reply::Value(value) => value, Option<Value>;
        /// Nothing more than that it has been done.
        done: Reply::Done => (), ();
        /// A time.
        time: Reply::Time(time) => time, u64;
        /// Bytes.
        bytes: Reply::Bytes(bytes) => bytes, Vec<u8>;
        /// A number of bytes.
        count: Reply::Count(count) => count, u64;
        /// Yes or no.
        truth: Reply::Bool(truth) => truth, bool;
        /// A path.
        text: Reply::Text(text) => text, String;
        /// The interests that hold.
        ready: Reply::Ready(ready) => ready, Ready;
        /// Something that is open now.
        file: Reply::File { id, kind } => (id, kind), (FileId, FileKind);
        /// Something else that is open now.
        handle: Reply::Handle(id) => id, FileId;
        /// A response.
        response: Reply::Response(response) => response, Box<IncomingResponse>;
        /// What comes after a body.
        trailers: Reply::Trailers(fields) => fields, Option<Fields>;
        /// An address.
        address: Reply::Address(address) => address, SocketAddr;
        /// The addresses of a name.
        addresses: Reply::Addresses(addresses) => addresses, Vec<IpAddr>;
        /// Datagrams that have come.
        datagrams: Reply::Datagrams(datagrams) => datagrams, Vec<Datagram>;
        /// Kind, size and times of a file.
        stat: Reply::Stat(stat) => stat, Stat;
        /// Entries of a directory.
        entries: Reply::Entries(entries) => entries, Vec<DirEntry>;
        /// A process.
        pid: Reply::Pid(pid) => pid, Pid;
        /// The end of a process.
        ended: Reply::Ended(ending) => ending, SharedEnding;
    }

    /// At most so many bytes.
    pub(crate) fn bytes_up_to(self, most: u64) -> Result<Vec<u8>, Unexpected> {
        let bytes = self.bytes()?;
        match bytes.len() as u64 {
            len if len <= most => Ok(bytes),
            len => Err(Unexpected(format!("{len} bytes have come where {most} were asked for"))),
        }
    }

    /// Exactly so many bytes.
    pub(crate) fn bytes_exactly(self, wanted: u64) -> Result<Vec<u8>, Unexpected> {
        let bytes = self.bytes()?;
        match bytes.len() as u64 {
            len if len == wanted => Ok(bytes),
            len => Err(Unexpected(format!("{len} bytes have come where {wanted} were asked for"))),
        }
    }

    /// A number of bytes of which there were so many.
    pub(crate) fn count_up_to(self, most: u64) -> Result<u64, Unexpected> {
        match self.count()? {
            count if count <= most => Ok(count),
            count => Err(Unexpected(format!("{count} bytes are done where there were {most}"))),
        }
    }

    /// The interests that hold, of those that were waited for: at least one of them.
    pub(crate) fn ready_of(self, on: &Interests, time: bool) -> Result<Ready, Unexpected> {
        let ready = self.ready()?;
        if !ready.on.is_within(on) {
            let why = format!("{:?} is ready where {on:?} was waited for", ready.on);
            return Err(Unexpected(why));
        }
        match ready {
            Ready { on, time: came } if !on.is_empty() || came && time => {
                Ok(Ready { on, time: came })
            }
            Ready { .. } => {
                Err(Unexpected("waiting has ended although nothing is ready".to_owned()))
            }
        }
    }

    /// The reply, unless the outside world could not do it.
    pub(crate) fn unless_failed(self) -> Result<Reply, Errno> {
        if let Reply::Failed(errno) = self { Err(errno) } else { Ok(self) }
    }

    /// Tells whether it could not be done now and can be waited for.
    pub(crate) fn is_not_yet(&self) -> bool {
        matches!(self, Reply::Failed(Errno::WouldBlock))
    }

    /// The reply, unless HTTP has failed.
    pub(crate) fn unless_http_error(self) -> Result<Reply, Box<HttpError>> {
        if let Reply::HttpError(error) = self { Err(error) } else { Ok(self) }
    }

    /// The reply, unless something with a socket has failed.
    pub(crate) fn unless_net_error(self) -> Result<Reply, NetError> {
        if let Reply::NetError(error) = self { Err(error) } else { Ok(self) }
    }

    /// The reply, unless the host could not do it, or would not.
    pub(crate) fn unless_process_error(self) -> Result<Reply, ProcessError> {
        if let Reply::ProcessError(error) = self { Err(error) } else { Ok(self) }
    }

    /// The reply as the unexpected one, for one who has asked for `wanted`.
    #[cold]
    pub(crate) fn instead_of(self, wanted: &str) -> Unexpected {
        Unexpected(match self {
            Reply::Refused(why) => why,
            Reply::Failed(errno) => {
                format!("a command for `{wanted}` cannot fail, and has failed: {errno:?}")
            }
            Reply::HttpError(error) => {
                format!("a command for `{wanted}` cannot fail, and has failed: {error:?}")
            }
            Reply::NetError(error) => {
                format!("a command for `{wanted}` cannot fail, and has failed: {error:?}")
            }
            Reply::ProcessError(error) => {
                format!("a command for `{wanted}` cannot fail, and has failed: {error}")
            }
            Reply::Value(_)
            | Reply::Done
            | Reply::Time(_)
            | Reply::Bytes(_)
            | Reply::Count(_)
            | Reply::Bool(_)
            | Reply::Text(_)
            | Reply::Ready(_)
            | Reply::File { .. }
            | Reply::Handle(_)
            | Reply::Response(_)
            | Reply::Trailers(_)
            | Reply::Address(_)
            | Reply::Addresses(_)
            | Reply::Datagrams(_)
            | Reply::Stat(_)
            | Reply::Entries(_)
            | Reply::Pid(_)
            | Reply::Ended(_) => {
                format!("a command for `{wanted}` has been answered with `{}`", self.name())
            }
        })
    }

    /// The name of its shape.
    fn name(&self) -> &'static str {
        match self {
            Reply::Value(_) => "value",
            Reply::Done => "done",
            Reply::Time(_) => "time",
            Reply::Bytes(_) => "bytes",
            Reply::Count(_) => "count",
            Reply::Bool(_) => "truth",
            Reply::Text(_) => "text",
            Reply::Ready(_) => "ready",
            Reply::File { .. } => "file",
            Reply::Handle(_) => "handle",
            Reply::Response(_) => "response",
            Reply::Trailers(_) => "trailers",
            Reply::HttpError(_) => "http-error",
            Reply::Address(_) => "address",
            Reply::Addresses(_) => "addresses",
            Reply::Datagrams(_) => "datagrams",
            Reply::NetError(_) => "net-error",
            Reply::Stat(_) => "stat",
            Reply::Entries(_) => "entries",
            Reply::Pid(_) => "pid",
            Reply::Ended(_) => "ended",
            Reply::Failed(_) => "failed",
            Reply::ProcessError(_) => "process-error",
            Reply::Refused(_) => "refused",
        }
    }
}
