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
            origins.iter().any(|one| one.as_bytes() == origin.as_bytes()).then_some((origin, false))
        }
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
    if let Some(age) = cors.max_age {
        put(answer, header::ACCESS_CONTROL_MAX_AGE, &age.as_secs().to_string());
    }
}

fn put(answer: &mut HeaderMap, name: HeaderName, value: &str) {
    // The registry takes printable ASCII only.
    if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
        answer.insert(name, value);
    }
}
