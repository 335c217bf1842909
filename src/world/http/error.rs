//! What has gone wrong, in the words of HTTP.

use std::{error::Error, io};

use futures_rustls::rustls;

use crate::command::HttpError;

/// Where an exchange was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Head,
    Body,
}

/// An error of the HTTP library.
pub(super) fn of_hyper(error: &hyper::Error, part: Part) -> HttpError {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(own) = inner.downcast_ref::<HttpError>() {
            return own.clone();
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return of_io(error, part);
        }
        source = inner.source();
    }
    if error.is_parse_too_large() {
        return HttpError::ResponseHeaderSectionSize(None);
    }
    if error.is_incomplete_message() && part == Part::Body {
        return HttpError::ResponseIncomplete;
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return HttpError::ConnectionTerminated;
    }
    if error.is_timeout() { HttpError::ResponseTimeout } else { HttpError::ProtocolError }
}

/// An error of a connection that is there.
pub(super) fn of_io(error: &io::Error, part: Part) -> HttpError {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    match (error.kind(), part) {
        (io::ErrorKind::TimedOut, _) => HttpError::ConnectionReadTimeout,
        (io::ErrorKind::UnexpectedEof, Part::Body) => HttpError::ResponseIncomplete,
        (io::ErrorKind::InvalidData, Part::Body) => HttpError::ProtocolError,
        _ => HttpError::ConnectionTerminated,
    }
}

pub(super) fn of_tls(error: &rustls::Error) -> HttpError {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            HttpError::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => HttpError::TlsAlertReceived {
            id: Some(u8::from(*alert)),
            message: Some(format!("{alert:?}")),
        },
        _ => HttpError::TlsProtocolError,
    }
}

/// An error while a connection was made.
pub(super) fn of_connect(error: &io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => HttpError::ConnectionRefused,
        io::ErrorKind::TimedOut => HttpError::ConnectionTimeout,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            HttpError::DestinationIpUnroutable
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            HttpError::ConnectionTerminated
        }
        io::ErrorKind::PermissionDenied => HttpError::DestinationIpProhibited,
        _ => HttpError::DestinationUnavailable,
    }
}
