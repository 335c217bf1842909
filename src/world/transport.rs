//! What the HTTP library asks of a runtime, on smol: connections and timers.
//!
//! The library knows no runtime. It has traits of its own for bytes in, bytes out and
//! the time; here are their implementations for any stream of smol's, a TCP connection
//! as well as TLS over one.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt;
use smol::{
    Timer,
    io::{AsyncRead, AsyncWrite},
};

/// A stream of smol's as one of the HTTP library's.
#[derive(Debug)]
pub(crate) struct Io<T>(pub T);

impl<T: AsyncRead + Unpin> rt::Read for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.initialize_unfilled();
        let most = room.len();
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, room))?;
        if read > most {
            return Poll::Ready(Err(io::Error::other("more bytes were read than there is room")));
        }
        // SAFETY: all bytes of the cursor have been initialized just now, and there are
        // at least so many of them.
        #[allow(unsafe_code)]
        unsafe {
            buf.advance(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> rt::Write for Io<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, pieces)
    }
}

/// The time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmolTimer;

struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl rt::Sleep for Sleep {}

impl rt::Timer for SmolTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        // A time that no clock reaches never comes.
        let timer = Instant::now().checked_add(duration).map_or_else(Timer::never, Timer::at);
        Box::pin(Sleep(timer))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(Timer::at(deadline)))
    }
}
