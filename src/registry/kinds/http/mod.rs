//! `http.service`, `http.router`, `http.endpoint`, `http.static`: what answers
//! requests from outside.
//!
//! A service listens at an address. Routers belong to a service and put a prefix before
//! the paths of their endpoints; an endpoint names the program that answers, and files
//! of a directory are served by an `http.static`. `conflicts` looks at all of them
//! together: what two of them claim is an error of the second.

mod conflicts;
mod cors;
mod pattern;
mod service;

use super::{Reading, Want};
use crate::registry::{
    Id, Severity,
    fields::{At, read_id},
    path::clean_path,
    suggest::slip_of,
};

pub(in crate::registry) use self::conflicts::check as check_http;
#[cfg(feature = "cli")]
pub(crate) use self::service::http_address;
pub(super) use self::service::service;
pub use self::{
    cors::{Cors, Origins},
    pattern::{Pattern, Segment},
    service::{HttpLimits, HttpService, HttpTimeouts, HttpTls},
};

/// A group of endpoints below one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRouter {
    /// The service that it belongs to.
    pub server: Id,
    /// Stands before the paths of its endpoints: empty, or `/a/b`.
    pub prefix: String,
    /// What pages of other origins may do.
    pub cors: Option<Cors>,
}

/// A program that answers requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpEndpoint {
    /// The router that it belongs to.
    pub router: Id,
    /// In capital letters.
    pub method: String,
    /// Without the router's prefix.
    pub path: Pattern,
    /// The entry that answers.
    pub func: Id,
}

/// Files that are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpStatic {
    /// The service that it belongs to.
    pub server: Id,
    /// Where it begins: `/`, or `/a/b`.
    pub path: String,
    /// The `fs.directory` that the files are in.
    pub fs: Id,
    /// A directory within that; empty for all of it.
    pub directory: String,
    /// The file that stands for a directory; empty for none.
    pub index: String,
    /// Paths that lead to nothing are answered with the index of the whole.
    pub spa: bool,
    /// The `cache-control` field of the answers.
    pub cache: Option<String>,
}

/// Middleware that the original engine knows and this one does not have.
const OTHER_MIDDLEWARE: [&str; 13] = [
    "compress",
    "endpoint_firewall",
    "logger",
    "metrics",
    "ratelimit",
    "real_ip",
    "recoverer",
    "request_id",
    "resource_firewall",
    "sendfile",
    "timeout",
    "token_auth",
    "websocket_relay",
];

pub(super) fn router(reading: &mut Reading<'_>) -> Option<HttpRouter> {
    let server = owner(reading, "server", Want::HttpService, "http.service", "app:server");
    let fields = &reading.fields;
    let prefix = fields.text("prefix").map_or(Some(String::new()), |text| {
        let clean = text.value.trim_end_matches('/');
        match clean.is_empty() || pattern::is_plain(clean) {
            true => Some(clean.to_owned()),
            false => {
                fields.report().error(
                    text.line,
                    &text.field,
                    text.found,
                    "a path that begins with / and has no {names}",
                    "write it like this: prefix: /api",
                );
                None
            }
        }
    });
    let mut has_cors = false;
    for item in fields.texts("middleware", "middleware:\n  - cors") {
        let known = || std::iter::once("cors").chain(OTHER_MIDDLEWARE);
        if item.value == "cors" {
            has_cors = true;
        } else if OTHER_MIDDLEWARE.contains(&item.value) {
            fields.report().push(
                Severity::Warning,
                item.line,
                &item.field,
                format!("{}, which this engine does not have: it does nothing", item.found),
                "cors",
                "remove it, or do in the programs what it was there for",
            );
        } else {
            let slip = slip_of(item.value, known());
            let fix = match slip {
                Some(word) => format!("did you mean {word}?"),
                None => "remove it; this engine has no other middleware than cors".to_owned(),
            };
            fields.report().error(item.line, &item.field, item.found, "cors", fix);
        }
    }
    let cors = cors::read(fields, has_cors);
    Some(HttpRouter { server: server?, prefix: prefix?, cors })
}

pub(super) fn endpoint(reading: &mut Reading<'_>) -> Option<HttpEndpoint> {
    let router = owner(reading, "router", Want::HttpRouter, "http.router", "app:router");
    let method = method(reading);
    let fields = &reading.fields;
    let (expected, fix) =
        ("the path that it answers, such as /users/{id}", "add a line like this: path: /hello");
    let path = fields.required("path", expected, fix).and_then(|text| {
        text.value
            .parse::<Pattern>()
            .map_err(|why| {
                let found = format!("{}: {why}", text.found);
                let expected = "a path such as /users/{id} or /files/{rest...}";
                fields.report().error(
                    text.line,
                    &text.field,
                    found,
                    expected,
                    "write it like this: path: /hello",
                );
            })
            .ok()
    });
    let func = fields.required_id(
        "func",
        reading.id.namespace(),
        "the id of the entry that answers: a function.lua, or wasm with transport: wasi-http",
        "add a line like this: func: app:hello",
    );
    let func = reading.refer(func, Want::HttpFunction);
    Some(HttpEndpoint { router: router?, method: method?, path: path?, func: func? })
}

fn method(reading: &Reading<'_>) -> Option<String> {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];
    let fields = &reading.fields;
    let fix = "add a line like this: method: GET";
    let text = fields.required("method", "a method such as GET or POST", fix)?;
    let upper = text.value.to_ascii_uppercase();
    let is_token = !upper.is_empty() && upper.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let slip = slip_of(&upper, KNOWN).filter(|meant| *meant != upper);
    if is_token && slip.is_none() && upper == text.value {
        return Some(upper);
    }
    let fix = match (KNOWN.contains(&&*upper), slip) {
        (true, _) => format!("write it in capital letters: method: {upper}"),
        (false, Some(meant)) => format!("did you mean method: {meant}?"),
        (false, None) => "write it like this: method: GET".to_owned(),
    };
    let expected = "a method in capital letters, such as GET or POST";
    fields.report().error(text.line, &text.field, text.found, expected, fix);
    None
}

pub(super) fn files(reading: &mut Reading<'_>) -> Option<HttpStatic> {
    let server = owner(reading, "server", Want::HttpService, "http.service", "app:server");
    let fields = &reading.fields;
    let plain = |text: At<&str>, fix: &str| {
        let clean = text.value.trim_end_matches('/');
        if clean.is_empty() && text.value.starts_with('/') {
            return Some("/".to_owned());
        }
        if pattern::is_plain(clean) {
            return Some(clean.to_owned());
        }
        let expected = "a path that begins with / and has no {names}";
        fields.report().error(text.line, &text.field, text.found, expected, fix);
        None
    };
    let fix = "add a line like this: path: /";
    let path = fields
        .required("path", "where the files begin, such as /", fix)
        .and_then(|text| plain(text, "write it like this: path: /static"));
    let fs = fields.required_id(
        "fs",
        reading.id.namespace(),
        "the id of the fs.directory entry that the files are in",
        "add a line like this: fs: app:public",
    );
    let directory = fields.text("directory").map_or(Some(String::new()), |text| {
        let clean = clean_path(text.value);
        if clean.is_none() || text.value.contains('\0') {
            let expected = "a directory inside fs";
            let fix = "paths begin at the directory of fs and cannot leave it; leave the field out for all of it";
            fields.report().error(text.line, &text.field, text.found, expected, fix);
            return None;
        }
        clean.map(|clean| if clean == "." { String::new() } else { clean })
    });
    let (mut index, mut spa, mut cache) = ("index.html".to_owned(), false, None);
    if let Some(options) = fields.fields("static_options", "static_options:\n  spa: true") {
        if let Some(text) = options.text("index") {
            if text.value.contains(['/', '\\', '\0']) || text.value.starts_with("..") {
                let fix = "write it like this: index: index.html";
                let report = options.report();
                report.error(text.line, &text.field, text.found, "the name of a file", fix);
            } else {
                index = text.value.to_owned();
            }
        }
        spa = options.flag("spa").unwrap_or(false);
        cache = options.text("cache").and_then(|text| {
            let is_value = text.value.bytes().all(|b| matches!(b, b' '..=b'~'));
            if !is_value {
                options.report().error(
                    text.line,
                    &text.field,
                    text.found,
                    "the value of a cache-control field, in printable ASCII",
                    "write it like this: cache: public, max-age=3600",
                );
            }
            is_value.then(|| text.value.to_owned())
        });
        if spa && index.is_empty() {
            options.report().error(
                options.line_of("spa"),
                &options.path("spa"),
                "true, and no index that could be served",
                "an index beside it",
                "write it like this: index: index.html",
            );
        }
        options.finish_strictly();
    }
    let fs = reading.refer(fs, Want::Directory);
    Some(HttpStatic {
        server: server?,
        path: path?,
        fs: fs?,
        directory: directory?,
        index,
        spa,
        cache,
    })
}

/// The entry that this one belongs to: a field of it, or of its `meta`.
fn owner(
    reading: &mut Reading<'_>,
    name: &'static str,
    want: Want,
    kind: &str,
    example: &str,
) -> Option<Id> {
    let fields = &reading.fields;
    let own = fields.text(name);
    let text = own.or_else(|| fields.nested("meta").and_then(|meta| meta.text(name)));
    let Some(text) = text else {
        if !fields.has(name) {
            let expected = format!("the id of an {kind} entry, here or in meta");
            fields.missing(name, &expected, &format!("add a line like this: {name}: {example}"));
        }
        return None;
    };
    let id = read_id(fields.report(), text, reading.id.namespace());
    reading.refer(id, want)
}
