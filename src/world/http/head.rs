//! Heads, from the words of commands to those of the HTTP library and back.

use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{HOST, HeaderName, HeaderValue, TRANSFER_ENCODING},
};

use super::pipe::OutgoingBody;
use crate::command::{
    HttpError,
    http::{Fields, RequestHead},
};

/// Bytes of fields that a head may have that comes in, with [`FIELD`] for each.
const MAX_FIELDS: usize = 128 << 10;

/// The size of a field besides its name and value.
const FIELD: usize = 32;

/// A request in origin form: the path alone, and the authority as `host`.
pub(super) fn request(
    head: RequestHead,
    body: OutgoingBody,
) -> Result<Request<OutgoingBody>, HttpError> {
    let authority = head.authority.ok_or(HttpError::RequestUriInvalid)?;
    let path = head.path_with_query.ok_or(HttpError::RequestUriInvalid)?;
    if !path.starts_with('/') && path != "*" {
        return Err(HttpError::RequestUriInvalid);
    }
    let mut request = Request::new(body);
    let method = Method::from_bytes(head.method.as_str().as_bytes());
    *request.method_mut() = method.map_err(|_| HttpError::RequestMethodInvalid)?;
    // Through the parts: text that begins with two slashes would be taken for a host.
    let mut parts = hyper::http::uri::Parts::default();
    parts.path_and_query = Some(path.parse().map_err(|_| HttpError::RequestUriInvalid)?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| HttpError::RequestUriInvalid)?;
    let host = HeaderValue::try_from(authority).map_err(|_| HttpError::RequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    add_fields(request.headers_mut(), head.headers)?;
    Ok(request)
}

/// Says that the body has no length, where the HTTP library would leave it out.
pub(super) fn set_chunked(request: &mut Request<OutgoingBody>) {
    request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
}

/// Trailers as they are sent; nothing if there are none.
pub(super) fn trailers(fields: Fields) -> Result<Option<HeaderMap>, HttpError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut map = HeaderMap::new();
    add_fields(&mut map, fields)?;
    Ok(Some(map))
}

/// Adds fields in their order.
pub(crate) fn add_fields(map: &mut HeaderMap, fields: Fields) -> Result<(), HttpError> {
    let invalid = |_| HttpError::ProtocolError;
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| HttpError::ProtocolError)?;
        let value = HeaderValue::try_from(value).map_err(invalid)?;
        let added = map.try_append(name, value);
        added.map_err(|_| HttpError::RequestHeaderSectionSize(None))?;
    }
    Ok(())
}

/// Fields that have come in, in their order.
///
/// # Errors
///
/// If they are larger than guests may be given, with their size.
pub(crate) fn fields(map: &HeaderMap) -> Result<Fields, u32> {
    let size = |(name, value): (&HeaderName, &HeaderValue)| {
        FIELD.saturating_add(name.as_str().len()).saturating_add(value.len())
    };
    let size = map.iter().map(size).fold(0, usize::saturating_add);
    if size > MAX_FIELDS {
        return Err(u32::try_from(size).unwrap_or(u32::MAX));
    }
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    Ok(map.iter().map(field).collect())
}
