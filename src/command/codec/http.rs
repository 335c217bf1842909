//! Requests, responses, and what goes wrong with them.

use super::{Coded, DecodeError, Problem, Reader, Writer, coded_enum, coded_struct};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::command::http::{
    FieldSize, HttpCommand, HttpError, IncomingRequest, IncomingResponse, Method, OutgoingRequest,
    OutgoingResponse, RequestHead, ResponseHead, Scheme, Timeouts,
};

coded_enum! { HttpCommand {
    0 = NewBody { length, of_response };
    1 = Send(request);
    2 = Response(exchange);
    3 = Finish { body, trailers };
    4 = Cut(body);
    5 = PassOver(body);
    6 = Trailers(body);
    7 = Respond { to, response };
    8 = Close(handle);
} }

coded_struct! { OutgoingRequest { head, body, timeouts } }

coded_struct! { IncomingRequest { head, body, respond_to } }

coded_struct! { OutgoingResponse { head, body } }

coded_struct! { IncomingResponse { head, body } }

coded_struct! { RequestHead { method, scheme, authority, path_with_query, headers } }

coded_struct! { ResponseHead { status, headers } }

coded_enum! { Method {
    0 = Get;
    1 = Head;
    2 = Post;
    3 = Put;
    4 = Delete;
    5 = Connect;
    6 = Options;
    7 = Trace;
    8 = Patch;
    9 = Other(name);
} }

coded_enum! { Scheme {
    0 = Http;
    1 = Https;
    2 = Other(name);
} }

coded_struct! { Timeouts { connect, first_byte, between_bytes } }

coded_struct! { FieldSize { name, size } }

coded_enum! { HttpError {
    0 = DnsTimeout;
    1 = DnsError { rcode, info_code };
    2 = DestinationNotFound;
    3 = DestinationUnavailable;
    4 = DestinationIpProhibited;
    5 = DestinationIpUnroutable;
    6 = ConnectionRefused;
    7 = ConnectionTerminated;
    8 = ConnectionTimeout;
    9 = ConnectionReadTimeout;
    10 = ConnectionWriteTimeout;
    11 = ConnectionLimitReached;
    12 = TlsProtocolError;
    13 = TlsCertificateError;
    14 = TlsAlertReceived { id, message };
    15 = RequestDenied;
    16 = RequestLengthRequired;
    17 = RequestBodySize(size);
    18 = RequestMethodInvalid;
    19 = RequestUriInvalid;
    20 = RequestUriTooLong;
    21 = RequestHeaderSectionSize(size);
    22 = RequestHeaderSize(size);
    23 = RequestTrailerSectionSize(size);
    24 = RequestTrailerSize(size);
    25 = ResponseIncomplete;
    26 = ResponseHeaderSectionSize(size);
    27 = ResponseHeaderSize(size);
    28 = ResponseBodySize(size);
    29 = ResponseTrailerSectionSize(size);
    30 = ResponseTrailerSize(size);
    31 = ResponseTransferCoding(coding);
    32 = ResponseContentCoding(coding);
    33 = ResponseTimeout;
    34 = UpgradeFailed;
    35 = ProtocolError;
    36 = LoopDetected;
    37 = ConfigurationError;
    38 = InternalError(message);
} }
