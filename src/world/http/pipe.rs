//! Bodies that a process writes: what it has written and nobody has taken yet.
//!
//! The process has the [`Writer`], the HTTP library the [`OutgoingBody`]. Between them
//! there are at most [`CAPACITY`] bytes, on the account of the process. A writer that
//! goes without having finished cuts the body off, which whoever reads it sees, after all
//! that was written, as an error and not as an end; a reader that goes before it has all
//! that was promised closes the stream.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use event_listener::Event;
use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, SizeHint},
};

use super::super::{
    locked,
    stream::{Source, Stream, Waiting},
};
use crate::{
    account::{Account, Charge},
    command::{Errno, HttpError, Reply},
};

/// Bytes that may have been written and not taken.
pub(super) const CAPACITY: usize = 64 << 10;

/// A body between the one who writes it and the one who reads it.
pub(super) struct Pipe {
    state: Mutex<State>,
    /// There is room again, or nobody reads any more.
    room: Event,
}

struct State {
    chunks: VecDeque<Bytes>,
    size: usize,
    /// The number in `content-length`.
    length: Option<u64>,
    of_response: bool,
    written: u64,
    /// Bytes that have been taken.
    taken: u64,
    end: End,
    reader: Option<Waker>,
    /// Nobody reads any more.
    gone: bool,
    charge: Charge,
}

enum End {
    Open,
    Finished(Option<HeaderMap>),
    Cut,
}

impl State {
    /// Why so many bytes are not what was promised.
    fn wrong_size(&self, size: u64) -> HttpError {
        match self.of_response {
            true => HttpError::ResponseBodySize(Some(size)),
            false => HttpError::RequestBodySize(Some(size)),
        }
    }

    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.size)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

/// The side of the process. To drop it is to cut the body off, unless it is finished.
pub(super) struct Writer(Arc<Pipe>);

impl Writer {
    pub fn new(length: Option<u64>, of_response: bool, account: &Account) -> Writer {
        let state = State {
            chunks: VecDeque::new(),
            size: 0,
            length,
            of_response,
            written: 0,
            taken: 0,
            end: End::Open,
            reader: None,
            gone: false,
            charge: account.open(),
        };
        Writer(Arc::new(Pipe { state: Mutex::new(state), room: Event::new() }))
    }

    pub fn stream(&self) -> Arc<Pipe> {
        Arc::clone(&self.0)
    }

    /// The other side, once.
    pub fn reader(&self) -> OutgoingBody {
        OutgoingBody(Some(Arc::clone(&self.0)))
    }

    /// The end, with what comes after it.
    pub fn finish(&self, trailers: Option<HeaderMap>) -> Result<(), HttpError> {
        let mut state = locked(&self.0.state);
        let (End::Open, written) = (&state.end, state.written) else {
            // It has been cut off: by too many bytes, or by the process itself.
            return Err(state.wrong_size(state.written));
        };
        let whole = state.length.is_none_or(|length| length == written);
        state.end = if whole { End::Finished(trailers) } else { End::Cut };
        state.wake();
        if whole { Ok(()) } else { Err(state.wrong_size(written)) }
    }

    pub fn cut(&self) {
        let mut state = locked(&self.0.state);
        if let End::Open = state.end {
            state.end = End::Cut;
            state.wake();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Source for Pipe {
    fn is_readable(&self) -> bool {
        true
    }

    fn is_writable(&self) -> bool {
        let state = locked(&self.state);
        state.gone || state.room() > 0 || !matches!(state.end, End::Open)
    }

    fn readable(self: Arc<Self>) -> Waiting {
        Box::pin(std::future::ready(()))
    }

    fn writable(self: Arc<Self>) -> Waiting {
        Box::pin(async move {
            let listener = self.room.listen();
            if !self.is_writable() {
                listener.await;
            }
        })
    }
}

impl Stream for Pipe {
    fn read(&self, _: usize) -> Reply {
        Reply::Failed(Errno::BadDescriptor)
    }

    fn room(&self) -> Reply {
        let state = locked(&self.state);
        match (&state.end, state.gone) {
            (End::Open, false) => Reply::Count(state.room() as u64),
            (End::Open | End::Finished(_) | End::Cut, _) => Reply::Failed(Errno::Pipe),
        }
    }

    fn write(&self, mut bytes: Vec<u8>) -> Reply {
        let mut state = locked(&self.state);
        if state.gone || !matches!(state.end, End::Open) {
            return Reply::Failed(Errno::Pipe);
        }
        let total = state.written.saturating_add(bytes.len() as u64);
        if state.length.is_some_and(|length| total > length) {
            (state.written, state.end) = (total, End::Cut);
            state.wake();
            return Reply::HttpError(Box::new(state.wrong_size(total)));
        }
        bytes.truncate(state.room());
        let len = bytes.len();
        if len == 0 {
            return Reply::Failed(Errno::WouldBlock);
        }
        state.charge.add_anyway(len as u64);
        state.size = state.size.saturating_add(len);
        state.written = state.written.saturating_add(len as u64);
        state.chunks.push_back(bytes.into());
        state.wake();
        Reply::Count(len as u64)
    }
}

/// A body that the HTTP library reads: what a process writes, or nothing at all.
pub(crate) struct OutgoingBody(Option<Arc<Pipe>>);

impl OutgoingBody {
    /// No bytes.
    pub fn empty() -> OutgoingBody {
        OutgoingBody(None)
    }

    /// Nobody writes it.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Waits until there are bytes or an end, and tells whether there is anything to
    /// be sent.
    pub(super) async fn has_any(&self) -> bool {
        let Some(pipe) = &self.0 else { return false };
        poll_fn(|cx| {
            let mut state = locked(&pipe.state);
            match &state.end {
                _ if !state.chunks.is_empty() => Poll::Ready(true),
                End::Finished(trailers) => Poll::Ready(trailers.is_some()),
                End::Cut => Poll::Ready(true),
                End::Open => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Some(pipe) = &self.0 {
            let mut state = locked(&pipe.state);
            // Who has all that was promised goes without waiting for the end, which is
            // nothing that the process would have to know.
            state.gone = state.length != Some(state.taken);
            state.chunks.clear();
            let size = std::mem::take(&mut state.size);
            state.charge.sub(size as u64);
            drop(state);
            pipe.room.notify(usize::MAX);
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Some(pipe) = &self.0 else { return Poll::Ready(None) };
        let mut state = locked(&pipe.state);
        if let Some(chunk) = state.chunks.pop_front() {
            state.size = state.size.saturating_sub(chunk.len());
            state.taken = state.taken.saturating_add(chunk.len() as u64);
            state.charge.sub(chunk.len() as u64);
            drop(state);
            pipe.room.notify(usize::MAX);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match &mut state.end {
            End::Open => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            End::Cut => {
                let why = "the body has been cut off".to_owned();
                Poll::Ready(Some(Err(HttpError::InternalError(Some(why)))))
            }
            End::Finished(trailers) => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let Some(pipe) = &self.0 else { return true };
        let state = locked(&pipe.state);
        state.chunks.is_empty() && matches!(state.end, End::Finished(None))
    }

    fn size_hint(&self) -> SizeHint {
        let Some(pipe) = &self.0 else { return SizeHint::with_exact(0) };
        let state = locked(&pipe.state);
        match (&state.end, state.length) {
            (_, Some(length)) => SizeHint::with_exact(length.saturating_sub(state.taken)),
            (End::Finished(None), None) => SizeHint::with_exact(state.size as u64),
            (End::Open | End::Finished(_) | End::Cut, None) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &mut OutgoingBody) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    fn data(body: &mut OutgoingBody) -> Vec<u8> {
        match frame(body) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_taken_is_bounded_and_on_the_account() {
        let account = Account::default();
        let writer = Writer::new(None, false, &account);
        let (pipe, mut body) = (writer.stream(), writer.reader());
        assert_eq!(pipe.room(), Reply::Count(CAPACITY as u64));
        assert_eq!(pipe.write(vec![1; CAPACITY + 5]), Reply::Count(CAPACITY as u64));
        assert_eq!(pipe.write(vec![2]), Reply::Failed(Errno::WouldBlock));
        assert_eq!(pipe.room(), Reply::Count(0));
        assert!(!pipe.is_writable());
        assert_eq!(account.used(), CAPACITY as u64);
        assert_eq!(data(&mut body).len(), CAPACITY);
        assert!(pipe.is_writable());
        assert_eq!(account.used(), 0);
        assert_eq!(pipe.write(vec![2; 7]), Reply::Count(7));
        assert!(body.size_hint().exact().is_none());
        writer.finish(None).unwrap();
        assert_eq!(body.size_hint().exact(), Some(7));
        assert_eq!((data(&mut body), body.is_end_stream()), (vec![2; 7], true));
        assert!(matches!(frame(&mut body), Poll::Ready(None)));
    }

    #[test]
    fn a_body_without_an_end_is_cut_off() {
        let account = Account::default();
        let writer = Writer::new(None, true, &account);
        let mut body = writer.reader();
        writer.stream().write(vec![1]);
        assert_eq!(data(&mut body), [1]);
        assert!(matches!(frame(&mut body), Poll::Pending));
        drop(writer);
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn what_was_written_before_it_was_cut_off_is_sent_first() {
        let account = Account::default();
        let writer = Writer::new(None, true, &account);
        let mut body = writer.reader();
        writer.stream().write(vec![1]);
        writer.stream().write(vec![2]);
        drop(writer);
        assert_eq!((data(&mut body), data(&mut body)), (vec![1], vec![2]));
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn who_reads_no_more_closes_the_stream() {
        let account = Account::default();
        let writer = Writer::new(None, true, &account);
        let pipe = writer.stream();
        pipe.write(vec![1; CAPACITY]);
        let waiting = Arc::clone(&pipe).writable();
        drop(writer.reader());
        smol::block_on(waiting);
        assert_eq!(pipe.write(vec![1]), Reply::Failed(Errno::Pipe));
        assert_eq!(pipe.room(), Reply::Failed(Errno::Pipe));
        assert_eq!(account.used(), 0);
    }

    #[test]
    fn who_has_taken_all_goes_unnoticed() {
        let account = Account::default();
        let writer = Writer::new(Some(2), false, &account);
        let (pipe, mut body) = (writer.stream(), writer.reader());
        assert_eq!(pipe.write(vec![1, 2]), Reply::Count(2));
        assert_eq!(data(&mut body), [1, 2]);
        drop(body);
        assert_eq!(pipe.room(), Reply::Count(CAPACITY as u64));
        assert_eq!(writer.finish(None), Ok(()));
    }

    #[test]
    fn a_length_is_kept() {
        let account = Account::default();
        let short = Writer::new(Some(11), false, &account);
        let mut body = short.reader();
        assert_eq!(body.size_hint().exact(), Some(11));
        short.stream().write(vec![1; 3]);
        assert_eq!(short.finish(None), Err(HttpError::RequestBodySize(Some(3))));
        assert_eq!(data(&mut body), [1; 3]);
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Err(_)))));
        let long = Writer::new(Some(11), true, &account);
        let error = Box::new(HttpError::ResponseBodySize(Some(18)));
        assert_eq!(long.stream().write(vec![1; 18]), Reply::HttpError(error));
        assert_eq!(long.stream().write(vec![1]), Reply::Failed(Errno::Pipe));
        assert_eq!(long.finish(None), Err(HttpError::ResponseBodySize(Some(18))));
        let right = Writer::new(Some(2), true, &account);
        right.stream().write(vec![1, 2]);
        assert_eq!(right.finish(None), Ok(()));
    }
}
