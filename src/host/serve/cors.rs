//! What pages of other origins may do, in the words of heads.

use hyper::{
    HeaderMap, Method,
    header::{self, HeaderName, HeaderValue},
};

use crate::registry::{Cors, Origins};

/// The origin that a request comes from, if it may ask: what is to be allowed.
fn allowed<'h>(cors: &Cors, asked: &'h HeaderMap) -> Option<(&'h HeaderValue, bool)> {
    let origin = asked.get(header::ORIGIN)?;
    match &cors.origins {
        Origins::All => Some((origin, true)),
        Origins::Some(origins) => {
            let asked = origin.to_str().ok()?;
            origins.iter().any(|one| covers(one, asked)).then_some((origin, false))
        }
    }
}

/// Whether an origin is one of those that an entry means: `https://example.com` is that one
/// alone, `example.com` that host with every scheme and port, `*.example.com` those below it.
fn covers(one: &str, origin: &str) -> bool {
    if one.contains("://") || one == "null" {
        return one == origin;
    }
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let has_port = one.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port {
        return one.eq_ignore_ascii_case(authority);
    }
    match one.strip_prefix("*.") {
        Some(parent) => host
            .to_ascii_lowercase()
            .strip_suffix(&parent.to_ascii_lowercase())
            .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => one.eq_ignore_ascii_case(host),
    }
}

/// Whether a request only asks what it may do.
pub(super) fn is_preflight(method: &Method, asked: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && asked.contains_key(header::ORIGIN)
        && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds what the client's browser has to know to a response.
pub(super) fn decorate(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) {
    // Another origin gets another answer, unless all get the same.
    if let Origins::Some(_) = cors.origins {
        answer.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let Some((origin, all)) = allowed(cors, asked) else { return };
    let origin = if all { HeaderValue::from_static("*") } else { origin.clone() };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    put(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose.join(", "));
}

/// Answers a request that only asks what it may do.
pub(super) fn preflight(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) {
    decorate(cors, asked, answer);
    if allowed(cors, asked).is_none() {
        return;
    }
    put(answer, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods.join(", "));
    match (cors.headers.is_empty(), asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS)) {
        (true, Some(wanted)) => {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        (true, None) => {}
        (false, _) => put(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers.join(", ")),
    }
    put(answer, header::ACCESS_CONTROL_MAX_AGE, &cors.max_age.as_secs().to_string());
}

fn put(answer: &mut HeaderMap, name: HeaderName, value: &str) {
    // The registry takes printable ASCII only.
    if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
        answer.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn origins_are_named_whole_or_by_their_host() {
        let cases = [
            ("https://example.com", "https://example.com", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.com:8443", false),
            ("localhost", "http://localhost:3000", true),
            ("localhost", "https://localhost", true),
            ("localhost", "http://localhost.evil.test", false),
            ("localhost:3000", "http://localhost:3000", true),
            ("localhost:3000", "http://localhost:3001", false),
            ("*.example.com", "https://a.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("*.example.com", "https://badexample.com", false),
            ("*.example.com", "https://.example.com", false),
            ("example.com", "null", false),
            ("null", "null", true),
        ];
        for (one, origin, expected) in cases {
            assert_eq!(covers(one, origin), expected, "{one} {origin}");
        }
    }
}
