//! Bodies that a process reads.
//!
//! Nothing is read ahead: the process's own reading and waiting polls the body, one piece
//! at a time, so whoever sends it is held up by a process that does not read. The time
//! between two pieces counts only while the process waits for one.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::body::{Body, Bytes, Incoming};
use smol::Timer;

use super::{
    super::{
        locked,
        stream::{Source, Stream, Waiting},
    },
    client::{Client, Connection},
    error::{Part, of_hyper},
    head,
};
use crate::{
    account::Charge,
    command::{Errno, HttpError, Reply, http::Fields},
};

/// Pieces that are passed over at a time, before others have a turn.
const PASSED_OVER: usize = 64;

/// A body that a process reads.
pub(super) struct InBody(Mutex<State>);

struct State {
    body: Option<Incoming>,
    chunk: Bytes,
    /// How it has ended.
    end: Option<Result<Option<Fields>, Box<HttpError>>>,
    /// Nobody wants the bytes.
    passed_over: bool,
    between_bytes: Option<Duration>,
    timer: Option<Timer>,
    /// Where it comes from, to be given back when all has been read.
    connection: Option<(Arc<Client>, Connection)>,
    waker: Option<Waker>,
    of_request: bool,
    charge: Charge,
}

impl InBody {
    /// The body of a response; `charge` is for the exchange.
    pub fn of_response(
        body: Incoming,
        between_bytes: Duration,
        connection: (Arc<Client>, Connection),
        charge: Charge,
    ) -> InBody {
        InBody::new(body, Some(between_bytes), Some(connection), charge)
    }

    /// The body of a request.
    pub fn of_request(body: Incoming, between_bytes: Duration, charge: Charge) -> InBody {
        InBody::new(body, Some(between_bytes), None, charge)
    }

    fn new(
        body: Incoming,
        between_bytes: Option<Duration>,
        connection: Option<(Arc<Client>, Connection)>,
        charge: Charge,
    ) -> InBody {
        let state = State {
            body: Some(body),
            chunk: Bytes::new(),
            end: None,
            passed_over: false,
            between_bytes,
            timer: None,
            of_request: connection.is_none(),
            connection,
            waker: None,
            charge,
        };
        InBody(Mutex::new(state))
    }

    /// From now on it is only read to its end.
    pub fn pass_over(&self) {
        let mut state = locked(&self.0);
        state.passed_over = true;
        state.take(usize::MAX);
    }

    /// The trailers, or why there are none yet.
    pub fn trailers(&self) -> Reply {
        let mut state = locked(&self.0);
        state.look();
        match &state.end {
            Some(Ok(fields)) => Reply::Trailers(fields.clone()),
            Some(Err(error)) => Reply::HttpError(error.clone()),
            None => Reply::Failed(Errno::WouldBlock),
        }
    }
}

impl State {
    /// Polls without waiting. Whoever waits is still told.
    fn look(&mut self) -> bool {
        let waker = self.waker.clone();
        let waker = waker.as_ref().unwrap_or(Waker::noop());
        self.poll(&mut Context::from_waker(waker)).is_ready()
    }

    /// Ready when there are bytes or an end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..PASSED_OVER {
            let Some(body) = &mut self.body else { return Poll::Ready(()) };
            if !self.chunk.is_empty() {
                return Poll::Ready(());
            }
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer = None;
                    match frame.into_data() {
                        Ok(_) if self.passed_over => {}
                        Ok(chunk) => {
                            self.charge.add_anyway(chunk.len() as u64);
                            self.chunk = chunk;
                        }
                        Err(frame) => {
                            let map = frame.into_trailers().unwrap_or_default();
                            let fields = head::fields(&map);
                            self.end(fields.map(Some).map_err(|size| match self.of_request {
                                true => HttpError::RequestTrailerSectionSize(Some(size)),
                                false => HttpError::ResponseTrailerSectionSize(Some(size)),
                            }));
                        }
                    }
                }
                Poll::Ready(Some(Err(error))) => self.end(Err(of_hyper(&error, Part::Body))),
                Poll::Ready(None) => self.end(Ok(None)),
                Poll::Pending => {
                    let Some(between_bytes) = self.between_bytes else { return Poll::Pending };
                    let timer = self.timer.get_or_insert_with(|| Timer::after(between_bytes));
                    match Pin::new(timer).poll(cx) {
                        Poll::Ready(_) => self.end(Err(HttpError::ConnectionReadTimeout)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn end(&mut self, end: Result<Option<Fields>, HttpError>) {
        self.body = None;
        if let Some((client, connection)) = self.connection.take()
            && end.is_ok()
        {
            client.give_back(connection);
        }
        self.end = Some(end.map_err(Box::new));
    }

    fn take(&mut self, len: usize) -> Bytes {
        let taken = self.chunk.split_to(len.min(self.chunk.len()));
        self.charge.sub(taken.len() as u64);
        taken
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Read to its end, although nobody has looked for that.
        if self.body.as_ref().is_some_and(Body::is_end_stream)
            && let Some((client, connection)) = self.connection.take()
        {
            client.give_back(connection);
        }
    }
}

impl Source for InBody {
    fn is_readable(&self) -> bool {
        locked(&self.0).look()
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn readable(self: Arc<Self>) -> Waiting {
        Box::pin(poll_fn(move |cx| {
            let mut state = locked(&self.0);
            state.waker = Some(cx.waker().clone());
            state.poll(cx)
        }))
    }

    fn writable(self: Arc<Self>) -> Waiting {
        Box::pin(std::future::ready(()))
    }
}

impl Stream for InBody {
    fn read(&self, len: usize) -> Reply {
        let mut state = locked(&self.0);
        state.look();
        if !state.chunk.is_empty() {
            return Reply::Bytes(state.take(len).to_vec());
        }
        match &state.end {
            Some(Ok(_)) => Reply::Bytes(Vec::new()),
            Some(Err(error)) => Reply::HttpError(error.clone()),
            None => Reply::Failed(Errno::WouldBlock),
        }
    }

    fn room(&self) -> Reply {
        Reply::Failed(Errno::BadDescriptor)
    }

    fn write(&self, _: Vec<u8>) -> Reply {
        Reply::Failed(Errno::BadDescriptor)
    }
}
