//! Bodies of responses, and what is known when they have been sent.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Instant,
};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::{call::Waits, connection::Activity, files::Reading};
use crate::{command::Pid, visible, world::OutgoingBody};

/// The body of a response.
pub(super) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// A part of a file.
    File(Reading),
    /// Pieces, as a process writes them.
    Stream(OutgoingBody, Option<Waits>),
}

impl Content {
    pub const EMPTY: Content = Content::Whole(None);

    pub fn of(bytes: impl Into<Bytes>) -> Content {
        let bytes = bytes.into();
        Content::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

/// Why the rest of a body does not come: the connection is cut.
#[derive(Debug)]
pub(super) struct Cut(pub String);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Cut {
        match never {}
    }
}

/// A body on its way, which ends its exchange.
pub(super) struct Sent {
    content: Content,
    exchange: Exchange,
    /// Why the rest does not come, until that has been told.
    failed: Option<Cut>,
}

impl Sent {
    pub fn new(content: Content, exchange: Exchange) -> Sent {
        Sent { content, exchange, failed: None }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(cut) = self.failed.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        let polled: Poll<Option<Result<Frame<Bytes>, Cut>>> = match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Content::File(reading) => reading.poll(cx).map(|read| {
                read.map(|bytes| bytes.map(Frame::data).map_err(|error| Cut(error.to_string())))
            }),
            Content::Stream(body, waits) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                // What the process still does after its answer is its own affair.
                if let (None, Some(waits)) = (&frame, waits) {
                    waits.no_more();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| Cut(format!("{error:?}")))))
            }
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let len = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.exchange.bytes = self.exchange.bytes.saturating_add(len);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(cut))) => {
                self.exchange.cut = Some(cut.to_string());
                // The HTTP library drops what it has not sent yet when it is told, and
                // sends it when there is nothing at the moment.
                self.failed = Some(cut);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other @ (Poll::Ready(None) | Poll::Pending) => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::File(reading) => reading.left() == 0,
            Content::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.content {
            Content::Whole(bytes) => bytes.as_ref().map_or(0, Bytes::len) as u64,
            Content::File(reading) => reading.left(),
            Content::Stream(body, _) => return body.size_hint(),
        })
    }
}

/// A request that is being answered. Its end is written to the access log.
pub(super) struct Exchange {
    pub server: Arc<str>,
    pub peer: Arc<str>,
    /// Method and path, to be shown.
    pub asked: String,
    pub begun: Instant,
    pub status: Option<u16>,
    pub pid: Option<Pid>,
    /// What the client is not told.
    pub error: Option<String>,
    pub bytes: u64,
    pub cut: Option<String>,
    /// Requests that are being answered, this one among them.
    pub open: Arc<AtomicUsize>,
    pub activity: Arc<Activity>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
        self.activity.answered();
        let Exchange { server, peer, asked, status, pid, bytes, error, cut, begun, .. } = self;
        let pid = pid.as_ref().map(tracing::field::display);
        let took = begun.elapsed();
        let process = &**server;
        // Without a status the client has gone before there was one.
        let status = status.map_or("gone".to_owned(), |status| status.to_string());
        let why = error.as_ref().or(cut.as_ref());
        let why = why.map(|why| format!(": {}", visible::name(why))).unwrap_or_default();
        tracing::info!(
            target: "wippy::output", process, stream = "http", pid,
            "{peer} {asked} {status} {bytes} {took:.1?}{why}"
        );
    }
}
