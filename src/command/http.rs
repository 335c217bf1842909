//! Commands about requests and responses.
//!
//! A process makes a request with [`HttpCommand::Send`] and has an exchange then, a
//! handle that is readable when the response, or an error, has come. Bodies are byte
//! streams that the outside world holds, so reading, writing and waiting is what
//! [`StreamCommand`](super::StreamCommand) is for; what only bodies have is here: how
//! they begin, trailers, and a proper end. A process that answers a request has been
//! started with it, as an [`IncomingRequest`], and does so with
//! [`HttpCommand::Respond`].
//!
//! Heads and trailers are names and values in their order. What HTTP demands of them
//! is checked by who asks, and once more by who answers.

use super::FileId;

/// The fields of a head, or trailers: names in small letters, values of any bytes that
/// HTTP allows.
pub type Fields = Vec<(String, Vec<u8>)>;

/// Asks something about an exchange or a body. A failure of HTTP is
/// [`Reply::HttpError`](super::Reply::HttpError); what cannot be answered yet is
/// [`Errno::WouldBlock`](super::Errno::WouldBlock), and waited for with
/// [`Interest::Readable`](super::Interest::Readable).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HttpCommand {
    /// Makes a body that the process will write. It can be written before it is sent.
    /// [`Reply::Handle`](super::Reply::Handle)
    NewBody {
        /// It belongs to a response.
        of_response: bool,
        /// It will have so many bytes.
        length: Option<u64>,
    },
    /// Begins an exchange. [`Reply::Handle`](super::Reply::Handle): the exchange
    Send(Box<OutgoingRequest>),
    /// The response of an exchange, once. [`Reply::Response`](super::Reply::Response)
    Response(FileId),
    /// Ends a body that the process writes. [`Reply::Done`](super::Reply::Done)
    Finish {
        /// The body.
        body: FileId,
        /// The fields that come after it.
        trailers: Fields,
    },
    /// Ends such a body in the middle: whoever reads it sees that it is cut off.
    /// [`Reply::Done`](super::Reply::Done)
    Cut(FileId),
    /// Reads a body to its end without giving it to the process. It is readable when the
    /// end has come. [`Reply::Done`](super::Reply::Done)
    PassOver(FileId),
    /// The fields that have come after a body that is passed over.
    /// [`Reply::Trailers`](super::Reply::Trailers)
    Trailers(FileId),
    /// Answers the request that the process has been started with, once.
    /// [`Reply::Done`](super::Reply::Done), also if nobody waits for it any more.
    Respond {
        /// [`IncomingRequest::respond_to`].
        to: FileId,
        /// The answer, or why there is none.
        response: Result<OutgoingResponse, HttpError>,
    },
    /// Closes an exchange, a body, or what is to be answered. An exchange whose response
    /// has not been taken is given up; a body that has not been finished is cut off.
    /// [`Reply::Done`](super::Reply::Done)
    Close(FileId),
}

impl HttpCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            HttpCommand::NewBody { .. } => "http-body",
            HttpCommand::Send(_) => "http-send",
            HttpCommand::Response(_) => "http-response",
            HttpCommand::Finish { .. } => "http-finish",
            HttpCommand::Cut(_) => "http-cut",
            HttpCommand::PassOver(_) => "http-pass-over",
            HttpCommand::Trailers(_) => "http-trailers",
            HttpCommand::Respond { .. } => "http-respond",
            HttpCommand::Close(_) => "http-close",
        }
    }
}

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingRequest {
    /// All but the body.
    pub head: RequestHead,
    /// A body that was made with [`HttpCommand::NewBody`]; none if there is none.
    pub body: Option<FileId>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// A request as a process is started with it.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingRequest {
    /// All but the body.
    pub head: RequestHead,
    /// The body, to be read; none if there is none.
    pub body: Option<FileId>,
    /// To be answered with [`HttpCommand::Respond`]. When it is closed
    /// without, or the process ends, the one who has asked is told that there is no
    /// answer.
    pub respond_to: FileId,
}

/// A response as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingResponse {
    /// All but the body.
    pub head: ResponseHead,
    /// A body that was made with [`HttpCommand::NewBody`]; none if there is none.
    pub body: Option<FileId>,
}

/// A response as it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingResponse {
    /// All but the body.
    pub head: ResponseHead,
    /// The body, to be read.
    pub body: FileId,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The thing to be done.
    pub method: Method,
    /// HTTPS if none is given to an outgoing one; an incoming one has it.
    pub scheme: Option<Scheme>,
    /// The host, perhaps with a port. Of an incoming request, what its `host` field says.
    pub authority: Option<String>,
    /// The thing that is asked for.
    pub path_with_query: Option<String>,
    /// The fields; `host` is not among those of an outgoing request.
    pub headers: Fields,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// The fields.
    pub headers: Fields,
}

/// The thing to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    /// A token.
    Other(String),
}

impl Method {
    /// As it is written in a request.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Other(name) => name,
        }
    }
}

impl From<&str> for Method {
    fn from(name: &str) -> Method {
        const NAMED: [Method; 9] = [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Connect,
            Method::Options,
            Method::Trace,
            Method::Patch,
        ];
        let named = NAMED.into_iter().find(|method| method.as_str() == name);
        named.unwrap_or_else(|| Method::Other(name.to_owned()))
    }
}

/// How a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scheme {
    Http,
    Https,
    Other(String),
}

/// How long to wait, in nanoseconds; the outside world's own time where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Option<u64>,
    /// From then until the head of the response has come.
    pub first_byte: Option<u64>,
    /// Until more of the body comes, when it is waited for.
    pub between_bytes: Option<u64>,
}

/// Why an exchange or a body has failed: the cases of `error-code` in `wasi:http`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HttpError {
    DnsTimeout,
    DnsError { rcode: Option<String>, info_code: Option<u16> },
    DestinationNotFound,
    DestinationUnavailable,
    DestinationIpProhibited,
    DestinationIpUnroutable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionReadTimeout,
    ConnectionWriteTimeout,
    ConnectionLimitReached,
    TlsProtocolError,
    TlsCertificateError,
    TlsAlertReceived { id: Option<u8>, message: Option<String> },
    RequestDenied,
    RequestLengthRequired,
    RequestBodySize(Option<u64>),
    RequestMethodInvalid,
    RequestUriInvalid,
    RequestUriTooLong,
    RequestHeaderSectionSize(Option<u32>),
    RequestHeaderSize(Option<FieldSize>),
    RequestTrailerSectionSize(Option<u32>),
    RequestTrailerSize(FieldSize),
    ResponseIncomplete,
    ResponseHeaderSectionSize(Option<u32>),
    ResponseHeaderSize(FieldSize),
    ResponseBodySize(Option<u64>),
    ResponseTrailerSectionSize(Option<u32>),
    ResponseTrailerSize(FieldSize),
    ResponseTransferCoding(Option<String>),
    ResponseContentCoding(Option<String>),
    ResponseTimeout,
    UpgradeFailed,
    ProtocolError,
    LoopDetected,
    ConfigurationError,
    InternalError(Option<String>),
}

/// Which field is too large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSize {
    /// Its name.
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: Option<u32>,
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for HttpError {}
