//! Methods, schemes and errors, as values of the WIT and back.
//!
//! The numbers of the cases are those of `wit/wasi/http.wit`; a test compares the names.

use super::super::call::{Args, unexpected_argument};
use crate::{
    command::http::{FieldSize, Fields, HttpError, Method, Scheme},
    component::Trap,
    value::Value,
};

/// A case with a payload.
fn with(case: u32, payload: Value) -> Value {
    Value::Variant { case, payload: Some(Box::new(payload)) }
}

pub(super) fn from_method(method: &Method) -> Value {
    match method {
        Method::Get => Value::case(0),
        Method::Head => Value::case(1),
        Method::Post => Value::case(2),
        Method::Put => Value::case(3),
        Method::Delete => Value::case(4),
        Method::Connect => Value::case(5),
        Method::Options => Value::case(6),
        Method::Trace => Value::case(7),
        Method::Patch => Value::case(8),
        Method::Other(name) => with(9, name.as_str().into()),
    }
}

pub(super) fn to_method(args: &mut Args) -> Result<Method, Trap> {
    Ok(match args.case()? {
        (0, None) => Method::Get,
        (1, None) => Method::Head,
        (2, None) => Method::Post,
        (3, None) => Method::Put,
        (4, None) => Method::Delete,
        (5, None) => Method::Connect,
        (6, None) => Method::Options,
        (7, None) => Method::Trace,
        (8, None) => Method::Patch,
        (9, Some(Value::String(name))) => Method::Other(name),
        _ => return Err(unexpected_argument()),
    })
}

pub(super) fn from_scheme(scheme: &Scheme) -> Value {
    match scheme {
        Scheme::Http => Value::case(0),
        Scheme::Https => Value::case(1),
        Scheme::Other(name) => with(2, name.as_str().into()),
    }
}

pub(super) fn to_scheme(value: Value) -> Result<Scheme, Trap> {
    Ok(match Args::new(vec![value]).case()? {
        (0, None) => Scheme::Http,
        (1, None) => Scheme::Https,
        (2, Some(Value::String(name))) => Scheme::Other(name),
        _ => return Err(unexpected_argument()),
    })
}

/// Fields as a list of pairs.
pub(super) fn from_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Value {
    let pair = |(name, value): (&str, &[u8])| {
        Value::Record(vec![name.into(), Value::from(value.to_vec())])
    };
    Value::from(fields.map(pair).collect::<Vec<_>>())
}

/// A list of pairs.
pub(super) fn to_fields(args: &mut Args) -> Result<Fields, Trap> {
    let pair = |value| {
        let mut pair = Args::new(vec![value]).record()?;
        Ok((pair.string()?, pair.bytes()?))
    };
    args.list()?.into_iter().map(pair).collect()
}

fn option<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::NONE, Value::some)
}

fn from_size(FieldSize { name, size }: &FieldSize) -> Value {
    Value::Record(vec![option(name.as_deref()), option(*size)])
}

fn to_size(value: Value) -> Result<FieldSize, Trap> {
    let mut fields = Args::new(vec![value]).record()?;
    Ok(FieldSize { name: to_text(&mut fields)?, size: to_u32(&mut fields)? })
}

fn to_text(args: &mut Args) -> Result<Option<String>, Trap> {
    match args.option()? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(unexpected_argument()),
    }
}

fn to_u32(args: &mut Args) -> Result<Option<u32>, Trap> {
    match args.option()? {
        None => Ok(None),
        Some(Value::U32(number)) => Ok(Some(number)),
        Some(_) => Err(unexpected_argument()),
    }
}

/// An `error-code`.
pub(super) fn from_error(error: &HttpError) -> Value {
    use HttpError as E;
    match error {
        E::DnsTimeout => Value::case(0),
        E::DnsError { rcode, info_code } => {
            with(1, Value::Record(vec![option(rcode.as_deref()), option(*info_code)]))
        }
        E::DestinationNotFound => Value::case(2),
        E::DestinationUnavailable => Value::case(3),
        E::DestinationIpProhibited => Value::case(4),
        E::DestinationIpUnroutable => Value::case(5),
        E::ConnectionRefused => Value::case(6),
        E::ConnectionTerminated => Value::case(7),
        E::ConnectionTimeout => Value::case(8),
        E::ConnectionReadTimeout => Value::case(9),
        E::ConnectionWriteTimeout => Value::case(10),
        E::ConnectionLimitReached => Value::case(11),
        E::TlsProtocolError => Value::case(12),
        E::TlsCertificateError => Value::case(13),
        E::TlsAlertReceived { id, message } => {
            with(14, Value::Record(vec![option(*id), option(message.as_deref())]))
        }
        E::RequestDenied => Value::case(15),
        E::RequestLengthRequired => Value::case(16),
        E::RequestBodySize(size) => with(17, option(*size)),
        E::RequestMethodInvalid => Value::case(18),
        E::RequestUriInvalid => Value::case(19),
        E::RequestUriTooLong => Value::case(20),
        E::RequestHeaderSectionSize(size) => with(21, option(*size)),
        E::RequestHeaderSize(size) => with(22, option(size.as_ref().map(from_size))),
        E::RequestTrailerSectionSize(size) => with(23, option(*size)),
        E::RequestTrailerSize(size) => with(24, from_size(size)),
        E::ResponseIncomplete => Value::case(25),
        E::ResponseHeaderSectionSize(size) => with(26, option(*size)),
        E::ResponseHeaderSize(size) => with(27, from_size(size)),
        E::ResponseBodySize(size) => with(28, option(*size)),
        E::ResponseTrailerSectionSize(size) => with(29, option(*size)),
        E::ResponseTrailerSize(size) => with(30, from_size(size)),
        E::ResponseTransferCoding(coding) => with(31, option(coding.as_deref())),
        E::ResponseContentCoding(coding) => with(32, option(coding.as_deref())),
        E::ResponseTimeout => Value::case(33),
        E::UpgradeFailed => Value::case(34),
        E::ProtocolError => Value::case(35),
        E::LoopDetected => Value::case(36),
        E::ConfigurationError => Value::case(37),
        E::InternalError(message) => with(38, option(message.as_deref())),
    }
}

/// The error that an `error-code` is.
pub(super) fn to_error(value: Value) -> Result<HttpError, Trap> {
    use HttpError as E;
    let (case, payload) = Args::new(vec![value]).case()?;
    let some = payload.is_some();
    // Of a case without a payload, nothing is taken out of it.
    let mut payload = Args::new(payload.into_iter().collect());
    let plain = match case {
        0 => E::DnsTimeout,
        2 => E::DestinationNotFound,
        3 => E::DestinationUnavailable,
        4 => E::DestinationIpProhibited,
        5 => E::DestinationIpUnroutable,
        6 => E::ConnectionRefused,
        7 => E::ConnectionTerminated,
        8 => E::ConnectionTimeout,
        9 => E::ConnectionReadTimeout,
        10 => E::ConnectionWriteTimeout,
        11 => E::ConnectionLimitReached,
        12 => E::TlsProtocolError,
        13 => E::TlsCertificateError,
        15 => E::RequestDenied,
        16 => E::RequestLengthRequired,
        18 => E::RequestMethodInvalid,
        19 => E::RequestUriInvalid,
        20 => E::RequestUriTooLong,
        25 => E::ResponseIncomplete,
        33 => E::ResponseTimeout,
        34 => E::UpgradeFailed,
        35 => E::ProtocolError,
        36 => E::LoopDetected,
        37 => E::ConfigurationError,
        _ if !some => return Err(unexpected_argument()),
        1 => {
            let mut fields = payload.record()?;
            let rcode = to_text(&mut fields)?;
            let info_code = match fields.option()? {
                None => None,
                Some(Value::U16(code)) => Some(code),
                Some(_) => return Err(unexpected_argument()),
            };
            return Ok(E::DnsError { rcode, info_code });
        }
        14 => {
            let mut fields = payload.record()?;
            let id = match fields.option()? {
                None => None,
                Some(Value::U8(id)) => Some(id),
                Some(_) => return Err(unexpected_argument()),
            };
            return Ok(E::TlsAlertReceived { id, message: to_text(&mut fields)? });
        }
        17 | 28 => {
            let size = match payload.option()? {
                None => None,
                Some(Value::U64(size)) => Some(size),
                Some(_) => return Err(unexpected_argument()),
            };
            return Ok(if case == 17 {
                E::RequestBodySize(size)
            } else {
                E::ResponseBodySize(size)
            });
        }
        21 => return to_u32(&mut payload).map(E::RequestHeaderSectionSize),
        22 => return Ok(E::RequestHeaderSize(payload.option()?.map(to_size).transpose()?)),
        23 => return to_u32(&mut payload).map(E::RequestTrailerSectionSize),
        24 => return to_size(payload.value()?).map(E::RequestTrailerSize),
        26 => return to_u32(&mut payload).map(E::ResponseHeaderSectionSize),
        27 => return to_size(payload.value()?).map(E::ResponseHeaderSize),
        29 => return to_u32(&mut payload).map(E::ResponseTrailerSectionSize),
        30 => return to_size(payload.value()?).map(E::ResponseTrailerSize),
        31 => return to_text(&mut payload).map(E::ResponseTransferCoding),
        32 => return to_text(&mut payload).map(E::ResponseContentCoding),
        38 => return to_text(&mut payload).map(E::InternalError),
        _ => return Err(unexpected_argument()),
    };
    Ok(plain)
}
