//! `http.service`: where requests come in, and how much of them is borne.

use super::{Reading, Want};
use crate::registry::{
    Id, Lifecycle,
    fields::{At, Fields},
    kinds::host::lifecycle,
};
use std::{path::PathBuf, time::Duration};

/// A server.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpService {
    /// Where it listens: a name or an IP address, and a port.
    pub addr: String,
    /// How long clients may take.
    pub timeouts: HttpTimeouts,
    /// How much they may send, and how many there may be.
    pub limits: HttpLimits,
    /// With TLS.
    pub tls: Option<HttpTls>,
    /// The `process.host` that the requests run on; the project's first if there is none.
    pub process_host: Option<Id>,
    /// When it starts and stops.
    pub lifecycle: Lifecycle,
}

/// How long clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// To send a head, and between two pieces of a body.
    pub read: Duration,
    /// Between two pieces of a response that are taken.
    pub write: Duration,
    /// From one request to the next.
    pub idle: Duration,
}

/// How much clients may send, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at a time.
    pub max_connections: usize,
    /// Requests that are being answered at a time.
    pub max_requests: usize,
    /// Bytes of a head.
    pub max_head: usize,
    /// Fields of a head.
    pub max_headers: usize,
    /// Bytes of a body that is handed over whole; one that is streamed has no limit.
    pub max_body: u64,
    /// Bytes a second that a client sends of such a body and takes of any answer, over
    /// the whole of it; 0 for none.
    pub min_rate: u64,
}

/// Files for TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTls {
    /// The certificate, and those that it leads to.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for HttpTimeouts {
    fn default() -> HttpTimeouts {
        HttpTimeouts {
            read: Duration::from_secs(10),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            max_connections: 10_000,
            max_requests: 1_000,
            max_head: 64 << 10,
            max_headers: 100,
            max_body: 10 << 20,
            min_rate: 1 << 10,
        }
    }
}

impl HttpLimits {
    /// The time that so many bytes may take; any if there is no least rate.
    pub(crate) fn earned(&self, bytes: u64) -> Option<Duration> {
        bytes.saturating_mul(1000).checked_div(self.min_rate).map(Duration::from_millis)
    }
}

impl HttpService {
    /// A server at an address, with the limits that hold where nothing is said.
    pub fn at(addr: &str) -> HttpService {
        HttpService {
            addr: addr.to_owned(),
            timeouts: HttpTimeouts::default(),
            limits: HttpLimits::default(),
            tls: None,
            process_host: None,
            lifecycle: Lifecycle { auto_start: true, ..Lifecycle::default() },
        }
    }
}

pub(in crate::registry::kinds) fn service(reading: &mut Reading<'_>) -> Option<HttpService> {
    let fields = &reading.fields;
    let fix = "add a line like this: addr: 127.0.0.1:8080";
    let addr = fields
        .required("addr", "the address to listen at", fix)
        .and_then(|text| addr(fields, text));
    let mut timeouts = HttpTimeouts::default();
    if let Some(own) = fields.fields("timeouts", "timeouts:\n  read: 10s") {
        timeouts.read = own.some_duration("read").unwrap_or(timeouts.read);
        timeouts.write = own.some_duration("write").unwrap_or(timeouts.write);
        timeouts.idle = own.some_duration("idle").unwrap_or(timeouts.idle);
        own.finish_strictly();
    }
    let limits = limits(fields);
    // Sizes of the original's own machinery.
    if let Some(host) = fields.fields("host", "host:\n  worker_count: 4") {
        host.finish_strictly();
    }
    let tls = tls(reading);
    let process_host = reading.fields.id("process_host", reading.id.namespace());
    let process_host = reading.refer(process_host, Want::Host);
    let lifecycle = lifecycle(reading);
    Some(HttpService { addr: addr?, timeouts, limits, tls: tls?, process_host, lifecycle })
}

/// An address with a port. `:8080` is all addresses of the machine.
fn addr(fields: &Fields<'_, '_>, text: At<&str>) -> Option<String> {
    let good = http_address(text.value);
    if good.is_none() {
        fields.report().error(
            text.line,
            &text.field,
            text.found,
            "an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080",
            "write it like this: addr: 127.0.0.1:8080",
        );
    }
    good
}

/// An address to listen at, if a text is one: `127.0.0.1:8080`, `[::1]:8080`,
/// `localhost:8080`, or `:8080` for all addresses of the machine.
pub(crate) fn http_address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match bare {
        Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'),
    };
    if !fits || port.parse::<u16>().is_err() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(if host.is_empty() { format!("0.0.0.0:{port}") } else { text.to_owned() })
}

fn limits(fields: &Fields<'_, '_>) -> HttpLimits {
    let mut limits = HttpLimits::default();
    let Some(own) = fields.fields("limits", "limits:\n  max_body: 1MiB") else { return limits };
    let count = |name, default: usize, most, example| match own.count(name, most, example) {
        None | Some(0) => default,
        Some(count) => usize::try_from(count).unwrap_or(default),
    };
    limits.max_connections = count("max_connections", limits.max_connections, 10_000_000, "10000");
    limits.max_requests = count("max_requests", limits.max_requests, 10_000_000, "1000");
    limits.max_headers = count("max_headers", limits.max_headers, 10_000, "100");
    // The library reads no less at a time.
    let (least, most) = (8 << 10, 16 << 20);
    if let Some(size) = own.size("max_head") {
        match usize::try_from(size) {
            Ok(size) if (least..=most).contains(&size) => limits.max_head = size,
            _ => own.report().error(
                own.line_of("max_head"),
                &own.path("max_head"),
                format!("{size} bytes"),
                format!("{least} to {most} bytes"),
                "write it like this: max_head: 64KiB",
            ),
        }
    }
    limits.max_body = own.size("max_body").unwrap_or(limits.max_body);
    limits.min_rate = own.size("min_rate").unwrap_or(limits.min_rate);
    own.finish_strictly();
    limits
}

/// Nothing if it is wrong; no TLS if there is none.
fn tls(reading: &Reading<'_>) -> Option<Option<HttpTls>> {
    let example = "tls:\n  mode: manual\n  cert: cert.pem\n  key: key.pem";
    let Some(own) = reading.fields.fields("tls", example) else {
        return (!reading.fields.has("tls")).then_some(None);
    };
    let mode = own.text("mode");
    let mut good = true;
    if let Some(mode) = mode.filter(|mode| mode.value != "manual") {
        let fix = match mode.value {
            "auto" => {
                "get a certificate by other means, and name its files:\nmode: manual\ncert: cert.pem\nkey: key.pem"
            }
            _ => "write it like this: mode: manual",
        };
        own.report().error(mode.line, &mode.field, mode.found, "manual", fix);
        good = false;
    }
    let file = |name, what: &str| {
        let fix = format!("add a line like this: {name}: {name}.pem");
        own.required(name, what, &fix).map(|text| reading.project.join(text.value))
    };
    let cert = file("cert", "the file of the certificate, in PEM");
    let key = file("key", "the file of its private key, in PEM");
    own.finish_strictly();
    let tls = HttpTls { cert: cert?, key: key? };
    good.then_some(Some(tls))
}
