//! Calls of the prelude to commands about requests, and what comes of them.

use mlua::{Lua, Result, Table, Value};

use super::request::Request;
use crate::{
    command::{
        Command, ErrorKind, FileId, HttpCommand, HttpError, Interest, Interests, ProcessError,
        StreamCommand, Wait,
        http::{Fields, IncomingResponse, OutgoingRequest, RequestHead, Scheme, Timeouts},
    },
    value::Term,
};

impl<I: Iterator<Item = Value>> Request<'_, I> {
    /// The command about requests of this name, if there is one.
    pub(super) fn exchange(&mut self) -> std::result::Result<Option<Command>, String> {
        let name = self.name;
        let handle = |request: &mut Self| FileId(request.number());
        Ok(Some(match name {
            "http_body" => {
                let length = Some(self.number());
                HttpCommand::NewBody { of_response: false, length }.into()
            }
            "http_send" => HttpCommand::Send(Box::new(self.outgoing()?)).into(),
            "http_response" => HttpCommand::Response(handle(self)).into(),
            "http_finish" => {
                HttpCommand::Finish { body: handle(self), trailers: Vec::new() }.into()
            }
            "http_close" => HttpCommand::Close(handle(self)).into(),
            "stream_read" => {
                let stream = handle(self);
                let len = self.length();
                StreamCommand::Read { stream, len }.into()
            }
            "stream_write" => {
                let stream = handle(self);
                let value = self.next();
                let text = value.as_string().map(|text| text.as_bytes().to_vec());
                let bytes = text.unwrap_or_default();
                self.size = self.size.saturating_add(bytes.len());
                StreamCommand::Write { stream, bytes }.into()
            }
            "readable" => {
                let on = Interests::of(Interest::Readable(handle(self)));
                Wait { on, until: Some(self.number()) }.into()
            }
            "writable" => {
                let on = Interests::of(Interest::Writable(handle(self)));
                Wait { on, until: Some(self.number()) }.into()
            }
            _ => return Ok(None),
        }))
    }

    fn outgoing(&mut self) -> std::result::Result<OutgoingRequest, String> {
        let method = self.text("a method")?;
        let scheme = match self.text("a scheme")?.as_str() {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        };
        let authority = Some(self.text("a host")?);
        let path_with_query = Some(self.content("a path")?);
        let headers = self.fields()?;
        let body = self.next().as_integer().and_then(|id| u64::try_from(id).ok()).map(FileId);
        let ns = Some(self.number());
        let timeouts = Timeouts { connect: ns, first_byte: ns, between_bytes: ns };
        let head = RequestHead {
            method: method.as_str().into(),
            scheme: Some(scheme),
            authority,
            path_with_query,
            headers,
        };
        Ok(OutgoingRequest { head, body, timeouts })
    }

    /// A list of names and values.
    fn fields(&mut self) -> std::result::Result<Fields, String> {
        let terms = self.one("the fields")?;
        let Term::List(list) = terms else { return Ok(Vec::new()) };
        let field = |pair: Term| match pair {
            Term::List(pair) => match <[Term; 2]>::try_from(pair) {
                Ok([Term::Text(name), Term::Text(value)]) => {
                    Some((name.into(), value.as_bytes().to_vec()))
                }
                Ok([Term::Text(name), Term::Bytes(value)]) => Some((name.into(), value.into_vec())),
                _ => None,
            },
            _ => None,
        };
        list.into_iter()
            .map(|pair| field(pair).ok_or("a field is a name and a value".to_owned()))
            .collect()
    }
}

/// A response as a program sees it.
pub(super) fn response(lua: &Lua, response: &IncomingResponse) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 3)?;
    table.raw_set("status", response.head.status)?;
    table.raw_set("body", i64::try_from(response.body.0).unwrap_or(i64::MAX))?;
    let headers = lua.create_table_with_capacity(response.head.headers.len(), 0)?;
    for (at, (name, value)) in (1_i64..).zip(&response.head.headers) {
        let pair = [lua.create_string(name)?, lua.create_string(value)?];
        headers.raw_set(at, lua.create_sequence_from(pair)?)?;
    }
    table.raw_set("headers", headers)?;
    Ok(table)
}

/// What has gone wrong with a request, in the words of processes.
pub(super) fn fault(error: &HttpError) -> ProcessError {
    use HttpError as E;
    let kind = match error {
        E::DnsTimeout
        | E::ConnectionTimeout
        | E::ConnectionReadTimeout
        | E::ConnectionWriteTimeout
        | E::ResponseTimeout => ErrorKind::Timeout,
        E::DestinationIpProhibited | E::RequestDenied => ErrorKind::PermissionDenied,
        E::RequestLengthRequired
        | E::RequestBodySize(_)
        | E::RequestMethodInvalid
        | E::RequestUriInvalid
        | E::RequestUriTooLong
        | E::RequestHeaderSectionSize(_)
        | E::RequestHeaderSize(_)
        | E::RequestTrailerSectionSize(_)
        | E::RequestTrailerSize(_) => ErrorKind::Invalid,
        E::DnsError { .. }
        | E::DestinationNotFound
        | E::DestinationUnavailable
        | E::DestinationIpUnroutable
        | E::ConnectionRefused
        | E::ConnectionTerminated
        | E::ConnectionLimitReached => ErrorKind::Unavailable,
        E::TlsProtocolError
        | E::TlsCertificateError
        | E::TlsAlertReceived { .. }
        | E::ResponseIncomplete
        | E::ResponseHeaderSectionSize(_)
        | E::ResponseHeaderSize(_)
        | E::ResponseBodySize(_)
        | E::ResponseTrailerSectionSize(_)
        | E::ResponseTrailerSize(_)
        | E::ResponseTransferCoding(_)
        | E::ResponseContentCoding(_)
        | E::UpgradeFailed
        | E::ProtocolError
        | E::LoopDetected
        | E::ConfigurationError
        | E::InternalError(_) => ErrorKind::Internal,
    };
    ProcessError::new(kind, format!("the request has failed: {error}"))
}
