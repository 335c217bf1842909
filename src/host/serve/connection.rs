//! One connection: how long a client may take for what.
//!
//! The HTTP library sees heads and bodies; here is what it does not look at. A client
//! may be silent between two requests for `idle`, may take `read` for a whole head from
//! its first byte on, and may leave what is written to it unread for `write`: in all, but
//! what it takes earns it time, so that nobody holds a place by taking a byte now and
//! then. Bodies have their own bounds, where they are read.
//!
//! A connection has one timer. It is set anew only when it has gone off, so that a
//! request costs nothing for it: it goes off at least as often as the shortest of these
//! times, and so knows of whatever has begun since.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_channel::Receiver;
use hyper::{Request, Response, body::Incoming, server::conn::http1::Builder, service::Service};
use smol::{
    Timer,
    io::{AsyncRead, AsyncWrite},
};

use super::body::{Cut, Sent};
use crate::{
    lock::lock,
    registry::{HttpLimits, HttpTimeouts},
    world::transport::Io,
};

/// What a connection does at present.
#[derive(Debug)]
pub(super) struct Activity {
    phase: Mutex<Phase>,
    debt: Mutex<Debt>,
    /// There is one.
    owes: AtomicBool,
    limits: HttpLimits,
}

/// The time that a client has kept the server waiting with what it has written.
#[derive(Debug, Default)]
struct Debt {
    /// A write waits since then.
    since: Option<Instant>,
    /// Waits before that, without the time that has been earned.
    owed: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing has come since then.
    Idle(Instant),
    /// A head is coming, since then.
    Head(Instant),
    /// So many requests are being answered.
    Busy(usize),
}

impl Activity {
    pub fn new(limits: HttpLimits) -> Activity {
        // Whoever connects is to say something soon.
        let phase = Mutex::new(Phase::Head(Instant::now()));
        Activity { phase, debt: Mutex::default(), owes: AtomicBool::new(false), limits }
    }

    /// A head is there.
    pub fn asked(&self) {
        let mut phase = lock(&self.phase);
        let before = match *phase {
            Phase::Busy(count) => count,
            Phase::Idle(_) | Phase::Head(_) => 0,
        };
        *phase = Phase::Busy(before.saturating_add(1));
    }

    /// A response has been written, or will not be.
    pub fn answered(&self) {
        let mut phase = lock(&self.phase);
        if let Phase::Busy(count) = *phase {
            *phase = match count.saturating_sub(1) {
                0 => Phase::Idle(Instant::now()),
                count => Phase::Busy(count),
            };
        }
    }

    fn bytes_came(&self) {
        let mut phase = lock(&self.phase);
        if let Phase::Idle(_) = *phase {
            *phase = Phase::Head(Instant::now());
        }
    }

    /// The client has taken so many bytes, or lets a write wait.
    fn wrote(&self, taken: Poll<usize>) {
        match taken {
            Poll::Pending => {
                lock(&self.debt).since.get_or_insert_with(Instant::now);
                self.owes.store(true, Relaxed);
            }
            Poll::Ready(taken) if self.owes.load(Relaxed) => {
                let mut debt = lock(&self.debt);
                let waited = debt.since.take().map_or(Duration::ZERO, |since| since.elapsed());
                // Without a least rate each piece is looked at for itself.
                let earned = self.limits.earned(taken as u64).unwrap_or(Duration::MAX);
                debt.owed = debt.owed.saturating_add(waited).saturating_sub(earned);
                self.owes.store(!debt.owed.is_zero(), Relaxed);
            }
            Poll::Ready(_) => {}
        }
    }

    /// When the client has taken too long, if nothing changes.
    fn deadline(&self, timeouts: &HttpTimeouts) -> Option<Instant> {
        let phase = match *lock(&self.phase) {
            Phase::Idle(since) => since.checked_add(timeouts.idle),
            Phase::Head(since) => since.checked_add(timeouts.read),
            Phase::Busy(_) => None,
        };
        let debt = lock(&self.debt);
        let left = timeouts.write.saturating_sub(debt.owed);
        let taken = debt.since.and_then(|since| since.checked_add(left));
        phase.into_iter().chain(taken).min()
    }
}

/// A stream whose activity is noted.
struct Noted<T> {
    stream: T,
    activity: Arc<Activity>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Noted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(1..)) = read {
            self.activity.bytes_came();
        }
        read
    }
}

/// How many bytes have been written.
fn count(wrote: &Poll<io::Result<usize>>) -> Poll<usize> {
    match wrote {
        Poll::Pending => Poll::Pending,
        Poll::Ready(wrote) => Poll::Ready(wrote.as_ref().map_or(0, |wrote| *wrote)),
    }
}

/// The same, where no bytes are counted.
fn none(done: &Poll<io::Result<()>>) -> Poll<usize> {
    if done.is_pending() { Poll::Pending } else { Poll::Ready(0) }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.wrote(count(&wrote));
        wrote
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.activity.wrote(count(&wrote));
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.activity.wrote(none(&flushed));
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_close(cx);
        self.activity.wrote(none(&closed));
        closed
    }
}

/// What ends connections from outside; each is the end of a channel.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// No more requests; those that are being answered are.
    pub stop: Receiver<()>,
    /// At once.
    pub cut: Receiver<()>,
}

/// Why a connection has ended.
#[derive(Debug)]
pub(super) enum End {
    Done,
    /// The client, or the network, has broken the protocol or the connection.
    Broken(hyper::Error),
    /// The client has taken too long.
    Late,
    Cut,
}

/// Serves a connection until it ends.
pub(super) async fn serve<T, S>(
    stream: T,
    builder: &Builder,
    timeouts: &HttpTimeouts,
    activity: Arc<Activity>,
    ends: &Ends,
    service: S,
) -> End
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service<Request<Incoming>, Response = Response<Sent>, Error = Cut> + Send,
{
    let io = Io(Noted { stream, activity: activity.clone() });
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut stop = pin!(ends.stop.recv());
    let mut cut = pin!(ends.cut.recv());
    let shortest = timeouts.read.min(timeouts.write).min(timeouts.idle);
    // Bounds how often, whatever is configured.
    let shortest = shortest.max(Duration::from_millis(10));
    let after = |wait| Instant::now().checked_add(wait).map_or_else(Timer::never, Timer::at);
    let mut timer = after(shortest);
    let mut stopping = false;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended.map_or_else(End::Broken, |()| End::Done));
        }
        if stopping {
            if cut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Cut);
            }
        } else if stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            connection.as_mut().graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        while Pin::new(&mut timer).poll(cx).is_ready() {
            let (now, deadline) = (Instant::now(), activity.deadline(timeouts));
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(End::Late);
            }
            timer = match (deadline, now.checked_add(shortest)) {
                (Some(one), Some(other)) => Timer::at(one.min(other)),
                (None, Some(at)) | (Some(at), None) => Timer::at(at),
                (None, None) => Timer::never(),
            };
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::HttpService;

    /// The seconds that a client may still leave a write waiting, after it has let one
    /// wait for so many seconds and then taken so many bytes.
    fn left(min_rate: u64, waits: &[(u64, usize)]) -> u64 {
        let HttpService { timeouts, limits, .. } = HttpService::at("127.0.0.1:0");
        let activity = Activity::new(HttpLimits { min_rate, ..limits });
        activity.asked();
        for (seconds, taken) in waits {
            activity.wrote(Poll::Pending);
            let long_ago = Instant::now().checked_sub(Duration::from_secs(*seconds));
            lock(&activity.debt).since = long_ago;
            activity.wrote(Poll::Ready(*taken));
            assert_eq!(activity.deadline(&timeouts), None);
        }
        activity.wrote(Poll::Pending);
        let deadline = activity.deadline(&timeouts).unwrap();
        let left = deadline.saturating_duration_since(Instant::now());
        // The test itself takes a moment.
        left.as_secs_f64().ceil() as u64
    }

    #[test]
    fn what_a_client_takes_earns_it_time() {
        assert_eq!(left(1024, &[]), 30);
        assert_eq!(left(1024, &[(20, 1)]), 10);
        assert_eq!(left(1024, &[(10, 1), (10, 1)]), 10);
        assert_eq!(left(1024, &[(20, 1), (20, 1)]), 0);
        assert_eq!(left(1024, &[(20, 5 << 10)]), 15);
        assert_eq!(left(1024, &[(20, 1 << 20)]), 30);
        // Nobody saves time up.
        assert_eq!(left(1024, &[(1, 1 << 20), (20, 1)]), 10);
        // Without a least rate each piece has all the time.
        assert_eq!(left(0, &[(20, 1), (20, 1)]), 30);
    }
}
