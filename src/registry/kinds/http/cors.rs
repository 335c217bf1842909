//! What pages of other origins may do: the middleware `cors` of a router.

use crate::registry::{
    Severity,
    fields::Fields,
    yaml::{Data, Node},
};
use std::time::Duration;

/// What pages of other origins may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Who may ask.
    pub origins: Origins,
    /// The methods that they may use.
    pub methods: Vec<String>,
    /// The fields that they may send; those that they ask for, if there are none.
    pub headers: Vec<String>,
    /// The fields of an answer that they may see.
    pub expose: Vec<String>,
    /// They may send cookies and the like.
    pub credentials: bool,
    /// For so long they need not ask again.
    pub max_age: Duration,
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Everybody.
    All,
    /// These, such as `https://example.com`, `localhost` or `*.example.com`.
    Some(Vec<String>),
}

const OPTIONS: [&str; 6] = [
    "cors.allow.origins",
    "cors.allow.methods",
    "cors.allow.headers",
    "cors.allow.credentials",
    "cors.expose.headers",
    "cors.max.age",
];

/// Reads the `options` of a router, as far as they are those of `cors`.
pub(super) fn read(fields: &Fields<'_, '_>, has_cors: bool) -> Option<Cors> {
    let example = "options:\n  cors.allow.origins: https://example.com";
    let options = fields.fields("options", example);
    let mut cors = Cors {
        origins: Origins::All,
        methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
            .map(str::to_owned)
            .into(),
        headers: Vec::new(),
        expose: Vec::new(),
        credentials: false,
        max_age: Duration::from_secs(86_400),
    };
    if let Some(options) = options {
        if let Some(origins) = list(&options, OPTIONS[0]) {
            cors.origins = match origins.iter().any(|origin| origin == "*") {
                true => Origins::All,
                false => Origins::Some(origins),
            };
        }
        cors.methods = list(&options, OPTIONS[1]).unwrap_or(cors.methods);
        cors.headers = list(&options, OPTIONS[2]).unwrap_or_default();
        cors.headers.retain(|name| name != "*");
        cors.credentials = flag(&options, OPTIONS[3]);
        cors.expose = list(&options, OPTIONS[4]).unwrap_or_default();
        cors.max_age = max_age(&options, OPTIONS[5]).unwrap_or(cors.max_age);
        let any = OPTIONS.iter().any(|name| options.has(name));
        if any && !has_cors {
            options.report().push(
                Severity::Error,
                options.line(),
                "options",
                "options of cors, which is not among the middleware",
                "cors in middleware, or no such options",
                "add:\nmiddleware:\n  - cors",
            );
        }
        if has_cors && cors.credentials && cors.origins == Origins::All {
            options.report().error(
                options.line_of(OPTIONS[3]),
                &options.path(OPTIONS[3]),
                "true, with pages of every origin",
                "origins that are named, where they may use the cookies of a user",
                "write it like this: cors.allow.origins: https://example.com",
            );
        }
        options.finish_prefixed("cors.");
    }
    has_cors.then_some(cors)
}

/// Words between commas, or a list of them, fit for a field of a head.
fn list(options: &Fields<'_, '_>, name: &'static str) -> Option<Vec<String>> {
    let node = options.raw(name)?;
    let wrong = |found: &Node| {
        let fix = format!("write it like this: {name}: \"GET, POST\"");
        let found = crate::registry::fields::describe(found);
        let expected = "words of printable characters between commas, or a list of them";
        options.report().error(options.line_of(name), &options.path(name), found, expected, fix);
    };
    let mut words = Vec::new();
    let mut take = |node: &Node| match &node.data {
        Data::Text(text) if text.value.bytes().all(|b| matches!(b, b' '..=b'~')) => {
            let parts = text.value.split(',').map(str::trim).filter(|part| !part.is_empty());
            words.extend(parts.map(str::to_owned));
        }
        Data::Text(_)
        | Data::Null
        | Data::Bool(_)
        | Data::Int(_)
        | Data::Float(_)
        | Data::List(_)
        | Data::Map(_) => wrong(node),
    };
    if let Data::List(items) = &node.data {
        items.iter().for_each(take);
    } else {
        take(node);
    }
    Some(words)
}

/// `true`, or the same in quotes.
fn flag(options: &Fields<'_, '_>, name: &'static str) -> bool {
    match options.raw(name).map(|node| &node.data) {
        Some(Data::Text(text)) if text.value == "true" => true,
        Some(Data::Text(text)) if text.value == "false" => false,
        _ => options.flag(name).unwrap_or(false),
    }
}

/// Seconds, or a duration.
fn max_age(options: &Fields<'_, '_>, name: &'static str) -> Option<Duration> {
    let seconds = match &options.raw(name)?.data {
        Data::Int(seconds) => u64::try_from(*seconds).ok(),
        Data::Text(text) => text.value.parse().ok(),
        Data::Null | Data::Bool(_) | Data::Float(_) | Data::List(_) | Data::Map(_) => None,
    };
    seconds.map(Duration::from_secs).or_else(|| options.duration(name))
}
