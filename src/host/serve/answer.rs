//! From a request to a response: which entry answers, and what is answered when none
//! does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderValue},
};

use super::{
    body::{Content, Exchange, Sent},
    connection::Activity,
    cors,
    site::{Found, Site},
};
use crate::{
    host::Node,
    registry::{HttpLimits, HttpTimeouts},
    visible,
};

/// A response before it is sent.
pub(super) type Answer = Response<Content>;

/// Answers the requests of a server.
pub(super) struct Answerer {
    /// The id of the server's entry.
    pub server: Arc<str>,
    pub node: Node,
    /// The id of the host that processes live on.
    pub host: Arc<str>,
    pub site: Arc<Site>,
    pub limits: HttpLimits,
    pub timeouts: HttpTimeouts,
    /// Requests that are being answered.
    pub open: Arc<AtomicUsize>,
}

/// Who asks.
pub(super) struct Peer {
    /// Address and port.
    pub address: Arc<str>,
    pub activity: Arc<Activity>,
    /// The connection has TLS.
    pub secure: bool,
}

/// Characters of a path that the access log shows.
const SHOWN: usize = 512;

impl Answerer {
    /// The response to a request.
    pub async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Sent> {
        peer.activity.asked();
        let before = self.open.fetch_add(1, Relaxed);
        let mut exchange = Exchange {
            server: self.server.clone(),
            peer: peer.address.clone(),
            asked: asked(&request),
            begun: Instant::now(),
            status: None,
            pid: None,
            error: None,
            bytes: 0,
            cut: None,
            open: self.open.clone(),
            activity: peer.activity.clone(),
        };
        let answer = match before >= self.limits.max_requests {
            true => busy("the server answers as many requests as it can at a time"),
            false => self.routed(request, &mut exchange, peer.secure).await,
        };
        exchange.status = Some(answer.status().as_u16());
        answer.map(|content| Sent::new(content, exchange))
    }

    async fn routed(
        &self,
        request: Request<Incoming>,
        exchange: &mut Exchange,
        secure: bool,
    ) -> Answer {
        if let Some(wrong) = check_host(&request) {
            return plain(StatusCode::BAD_REQUEST, wrong);
        }
        if has_other_coding(request.headers()) {
            let why = "the body has another transfer coding than chunked";
            return closing(StatusCode::NOT_IMPLEMENTED, why);
        }
        if !can_meet(&request) {
            return plain(StatusCode::EXPECTATION_FAILED, "no expectation is met but 100-continue");
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if method == Method::CONNECT {
            return plain(StatusCode::NOT_IMPLEMENTED, "this server is no proxy");
        }
        match self.site.find(method.as_str(), &path) {
            Found::Endpoint(endpoint) => {
                let cors = endpoint.cors.as_ref();
                // An endpoint of its own for OPTIONS decides for itself.
                if let Some(cors) = cors
                    && endpoint.method != "OPTIONS"
                    && cors::is_preflight(&method, request.headers())
                {
                    return preflight(|answer| cors::preflight(cors, request.headers(), answer));
                }
                let asked = cors.map(|_| request.headers().clone());
                let mut answer = self.call(endpoint, request, exchange, secure).await;
                if let (Some(cors), Some(asked)) = (cors, asked) {
                    cors::decorate(cors, &asked, answer.headers_mut());
                }
                answer
            }
            Found::Others { cors: Some(cors), .. }
                if cors::is_preflight(&method, request.headers()) =>
            {
                preflight(|answer| cors::preflight(cors, request.headers(), answer))
            }
            Found::Others { allowed, .. } => {
                let allowed: Vec<&str> = allowed.into_iter().collect();
                let allowed = allowed.join(", ");
                let mut answer = match method == Method::OPTIONS {
                    true => empty(StatusCode::NO_CONTENT),
                    false => plain(StatusCode::METHOD_NOT_ALLOWED, format!("allowed: {allowed}")),
                };
                if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                    answer.headers_mut().insert(header::ALLOW, allowed);
                }
                answer
            }
            Found::Nothing => match self.site.files.iter().find(|files| files.covers(&path)) {
                Some(files) => files.answer(&method, &path, request.headers()).await,
                None => plain(StatusCode::NOT_FOUND, "there is nothing at this path"),
            },
        }
    }
}

fn preflight(fill: impl FnOnce(&mut HeaderMap)) -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    fill(answer.headers_mut());
    answer
}

/// What is wrong with the `host` of a request, which other servers on the way may read in
/// another way.
fn check_host(request: &Request<Incoming>) -> Option<&'static str> {
    if request.uri().authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Some("there is a user before the host");
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Some("there are several host fields"),
        (None, None) if request.version() == Version::HTTP_11 => Some("there is no host field"),
        (Some(host), None) => {
            let fits =
                |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+,;=".contains(byte);
            (!host.as_bytes().iter().all(fits)).then_some("the host field is no name")
        }
        (None, None) => None,
    }
}

/// True if a body is coded in a way that would be left in it: the HTTP library takes off
/// chunks, and does not mind what else, or how often, it has been coded.
fn has_other_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    first.is_some_and(|coding| !chunked(coding)) || codings.next().is_some()
}

/// True if the client's expectation can be met. HTTP/1.0 has none.
fn can_meet(request: &Request<Incoming>) -> bool {
    let known = |expected: &HeaderValue| expected.as_bytes().eq_ignore_ascii_case(b"100-continue");
    request.version() < Version::HTTP_11
        || request.headers().get_all(header::EXPECT).iter().all(known)
}

/// Method and path as the access log shows them.
fn asked(request: &Request<Incoming>) -> String {
    let uri = request.uri();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (method, _) = visible::head(request.method().as_str(), 32);
    let (path, whole) = visible::head(path, SHOWN);
    format!("{method} {path}{}", if whole { "" } else { "…" })
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Content::EMPTY);
    *answer.status_mut() = status;
    answer
}

/// A response of one line of text.
pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Answer {
    let mut text = text.into();
    text.push('\n');
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), Content::of(text))
}

/// The same, after which nothing more is read.
pub(super) fn closing(status: StatusCode, text: &str) -> Answer {
    let mut answer = plain(status, text);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// A response with a body of a type.
pub(super) fn typed(status: StatusCode, kind: HeaderValue, content: Content) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The response of a server that has no room.
pub(super) fn busy(why: &str) -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, why);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
