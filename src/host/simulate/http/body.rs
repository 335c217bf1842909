//! Bodies on their way from one process of a run to another.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::super::wire::PIPE;
use crate::{
    command::{Errno, HttpError, Reply, http::Fields},
    lock::lock,
};

/// A body between who writes it and who reads it. A clone is the same.
#[derive(Clone, Debug)]
pub(in super::super) struct Body(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    bytes: VecDeque<u8>,
    /// The number in `content-length`.
    length: Option<u64>,
    of_response: bool,
    written: u64,
    end: End,
    /// Nobody reads any more.
    gone: bool,
    /// What comes after this many more bytes is lost.
    lost_after: Option<usize>,
}

#[derive(Clone, Debug)]
enum End {
    Open,
    Finished(Option<Fields>),
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
}

impl Body {
    /// One that is written piece by piece.
    pub fn new(length: Option<u64>, of_response: bool) -> Body {
        Body(Arc::new(Mutex::new(State {
            bytes: VecDeque::new(),
            length,
            of_response,
            written: 0,
            end: End::Open,
            gone: false,
            lost_after: None,
        })))
    }

    /// One that is there as a whole.
    pub fn whole(bytes: Vec<u8>) -> Body {
        let body = Body::new(Some(bytes.len() as u64), true);
        {
            let state = &mut *lock(&body.0);
            (state.bytes, state.end) = (bytes.into(), End::Finished(None));
        }
        body
    }

    /// Its length, if that is known before.
    pub fn length(&self) -> Option<u64> {
        lock(&self.0).length
    }

    /// From here on it is cut off after so many bytes.
    pub fn lose_after(&self, bytes: usize) {
        lock(&self.0).lost_after = Some(bytes);
    }

    pub fn write(&self, bytes: &[u8]) -> Reply {
        let state = &mut *lock(&self.0);
        if state.gone || !matches!(state.end, End::Open) {
            return Reply::Failed(Errno::Pipe);
        }
        let total = state.written.saturating_add(bytes.len() as u64);
        if state.length.is_some_and(|length| total > length) {
            state.end = End::Cut;
            return Reply::HttpError(Box::new(state.wrong_size(total)));
        }
        let room = PIPE.saturating_sub(state.bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Reply::Failed(Errno::WouldBlock);
        }
        let some = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        state.bytes.extend(some);
        state.written = state.written.saturating_add(some.len() as u64);
        Reply::Count(some.len() as u64)
    }

    pub fn room(&self) -> Reply {
        let state = &*lock(&self.0);
        match (&state.end, state.gone) {
            (End::Open, false) => Reply::Count(PIPE.saturating_sub(state.bytes.len()) as u64),
            (End::Open | End::Finished(_) | End::Cut, _) => Reply::Failed(Errno::Pipe),
        }
    }

    pub fn is_writable(&self) -> bool {
        let state = &*lock(&self.0);
        state.gone || !matches!(state.end, End::Open) || state.bytes.len() < PIPE
    }

    /// The end, with what comes after it.
    pub fn finish(&self, trailers: Fields) -> Result<(), HttpError> {
        let state = &mut *lock(&self.0);
        let whole = state.length.is_none_or(|length| length == state.written);
        if !matches!(state.end, End::Open) || !whole {
            state.end = End::Cut;
            return Err(state.wrong_size(state.written));
        }
        state.end = End::Finished((!trailers.is_empty()).then_some(trailers));
        Ok(())
    }

    /// Ends it in the middle, unless it has its end.
    pub fn cut(&self) {
        let state = &mut *lock(&self.0);
        if let End::Open = state.end {
            state.end = End::Cut;
        }
    }

    /// Nobody reads any more.
    pub fn leave(&self) {
        let state = &mut *lock(&self.0);
        state.gone = true;
        state.bytes.clear();
    }

    /// True if who reads it has gone before its end.
    pub fn is_left(&self) -> bool {
        let state = &*lock(&self.0);
        state.gone && matches!(state.end, End::Open)
    }

    /// True if nothing more is written to it.
    pub fn is_written(&self) -> bool {
        !matches!(lock(&self.0).end, End::Open)
    }

    pub fn is_readable(&self) -> bool {
        let state = &*lock(&self.0);
        !state.bytes.is_empty() || state.lost_after == Some(0) || !matches!(state.end, End::Open)
    }

    pub fn read(&self, len: usize) -> Reply {
        let state = &mut *lock(&self.0);
        let lost = || Reply::HttpError(Box::new(HttpError::ResponseIncomplete));
        let len = len.min(state.bytes.len()).min(state.lost_after.unwrap_or(usize::MAX));
        if len > 0 {
            state.lost_after = state.lost_after.map(|left| left.saturating_sub(len));
            return Reply::Bytes(state.bytes.drain(..len).collect());
        }
        match (&state.end, state.lost_after) {
            (_, Some(0)) => {
                state.gone = true;
                lost()
            }
            (End::Open, _) => Reply::Failed(Errno::WouldBlock),
            (End::Finished(_), _) if state.bytes.is_empty() => Reply::Bytes(Vec::new()),
            (End::Finished(_), _) => Reply::Failed(Errno::WouldBlock),
            (End::Cut, _) => lost(),
        }
    }

    /// Reads it to its end without giving it to anybody.
    pub fn pass_over(&self) {
        lock(&self.0).bytes.clear();
    }

    pub fn trailers(&self) -> Reply {
        let state = &*lock(&self.0);
        match &state.end {
            End::Finished(fields) if state.lost_after != Some(0) => Reply::Trailers(fields.clone()),
            End::Open => Reply::Failed(Errno::WouldBlock),
            End::Finished(_) | End::Cut => {
                Reply::HttpError(Box::new(HttpError::ResponseIncomplete))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_their_order_and_then_the_end() {
        let body = Body::new(None, true);
        assert!(!body.is_readable());
        assert_eq!(body.read(9), Reply::Failed(Errno::WouldBlock));
        assert_eq!(body.write(b"abc"), Reply::Count(3));
        assert_eq!(body.read(2), Reply::Bytes(b"ab".to_vec()));
        let trailers = vec![("sum".to_owned(), b"6".to_vec())];
        assert_eq!(body.finish(trailers.clone()), Ok(()));
        assert_eq!(body.read(2), Reply::Bytes(b"c".to_vec()));
        assert_eq!(body.read(2), Reply::Bytes(Vec::new()));
        assert_eq!(body.trailers(), Reply::Trailers(Some(trailers)));
        assert_eq!(body.write(b"d"), Reply::Failed(Errno::Pipe));
    }

    #[test]
    fn there_is_only_so_much_room_and_a_length_is_kept() {
        let body = Body::new(Some(3), false);
        assert_eq!(
            body.write(b"1234"),
            Reply::HttpError(HttpError::RequestBodySize(Some(4)).into())
        );
        let short = Body::new(Some(3), true);
        assert_eq!(short.write(b"12"), Reply::Count(2));
        assert_eq!(short.finish(Vec::new()), Err(HttpError::ResponseBodySize(Some(2))));
        let body = Body::new(None, true);
        assert_eq!(body.write(&vec![0; PIPE + 1]), Reply::Count(PIPE as u64));
        assert!(!body.is_writable());
        assert_eq!(body.write(b"1"), Reply::Failed(Errno::WouldBlock));
        body.leave();
        assert!(body.is_left() && body.is_writable());
        assert_eq!(body.write(b"1"), Reply::Failed(Errno::Pipe));
    }

    #[test]
    fn what_is_cut_has_no_end() {
        let lost = Reply::HttpError(Box::new(HttpError::ResponseIncomplete));
        let body = Body::whole(b"abc".to_vec());
        body.lose_after(2);
        assert_eq!(body.read(9), Reply::Bytes(b"ab".to_vec()));
        assert_eq!((body.read(9), body.trailers()), (lost.clone(), lost.clone()));
        let body = Body::new(None, true);
        body.write(b"a");
        body.cut();
        assert_eq!((body.read(9), body.read(9)), (Reply::Bytes(b"a".to_vec()), lost));
    }
}
