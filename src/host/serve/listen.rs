//! A server: the address it listens at, its connections, and its end.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use futures_rustls::TlsAcceptor;
use hyper::{server::conn::http1::Builder, service::service_fn};
use smol::{
    Timer,
    future::or,
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    answer::{Answerer, Peer},
    connection::{self, Activity, End, Ends},
    site::Site,
    tls,
};
use crate::{
    command::{ErrorKind, ProcessError},
    host::{Node, supervise::service::after},
    registry::{EntryKind, HttpService, Id, Lifecycle, Project},
    world::{Permit, Permits, transport::SmolTimer},
};

/// A server that can be started any number of times.
#[derive(Debug)]
pub struct Server {
    node: Node,
    /// The id of its entry.
    id: Arc<str>,
    entry: HttpService,
    /// The id of the host that its processes live on.
    host: Arc<str>,
    site: Arc<Site>,
}

/// A server that has been started.
#[derive(Debug)]
pub struct Listening {
    addr: SocketAddr,
    secure: bool,
    failed: Receiver<ProcessError>,
    /// Closed to end it.
    stop: Sender<()>,
    cut: Sender<()>,
    /// Closed when all connections have ended.
    over: Receiver<()>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// The server of an entry, with what the project has for it.
    pub fn of_project(node: &Node, project: &Project, id: &Id, entry: &HttpService) -> Server {
        let first = || {
            let hosts = project.entries().filter(|e| matches!(e.kind, EntryKind::ProcessHost(_)));
            hosts.map(|entry| entry.id.to_string()).next()
        };
        let host = entry.process_host.as_ref().map(Id::to_string).or_else(first);
        // Without one, what starts it says that there is none.
        let host = host.unwrap_or_default();
        Server::new(node, &id.to_string(), &host, entry.clone(), Site::of_project(project, id))
    }

    /// A server whose processes live on this host.
    pub fn new(node: &Node, id: &str, host: &str, entry: HttpService, site: Site) -> Server {
        let (node, id, host) = (node.clone(), id.into(), host.into());
        Server { node, id, entry, host, site: Arc::new(site) }
    }

    /// When it starts and stops.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.entry.lifecycle
    }

    /// The host that its processes live on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// If the address cannot be had, or a certificate or a directory cannot be opened.
    pub async fn listen(&self) -> Result<Listening, ProcessError> {
        let host = self.node.host(&self.host)?;
        for files in &self.site.files {
            files.check()?;
        }
        let tls = match self.entry.tls.clone() {
            Some(files) => Some(smol::unblock(move || tls::acceptor(&files)).await?),
            None => None,
        };
        let addr = &self.entry.addr;
        let complain = |error: io::Error| {
            let fix = match error.kind() {
                io::ErrorKind::AddrInUse => "; another program listens there",
                io::ErrorKind::PermissionDenied => {
                    "; ports below 1024 are for the system's administrator"
                }
                _ => "",
            };
            ProcessError {
                retryable: true,
                ..ProcessError::new(ErrorKind::Unavailable, format!("addr {addr}: {error}{fix}"))
            }
        };
        let listener = TcpListener::bind(addr).await.map_err(complain)?;
        // The standard library has the system keep no more than 128 that wait.
        #[cfg(unix)]
        rustix::net::listen(&listener, BACKLOG).map_err(|error| complain(error.into()))?;
        let own = listener.local_addr().map_err(complain)?;
        let ((stop, stopped), (cut, cutting)) =
            (async_channel::bounded(1), async_channel::bounded(1));
        let ((fail, failed), (last, over)) = (async_channel::bounded(1), async_channel::bounded(1));
        let connections = Arc::default();
        let doors = Doors {
            answerer: Arc::new(Answerer {
                server: self.id.clone(),
                node: self.node.clone(),
                host: self.host.clone(),
                site: self.site.clone(),
                limits: self.entry.limits,
                timeouts: self.entry.timeouts,
                open: Arc::default(),
            }),
            builder: Arc::new(builder(&self.entry)),
            tls,
            ends: Ends { stop: stopped, cut: cutting },
            _last: last,
            connections: Arc::clone(&connections),
        };
        let secure = doors.tls.is_some();
        host.executor.spawn("server", async move {
            // Who does not wait any more does not mind.
            if let Err(error) = doors.open(listener).await {
                let why = format!("no connections come in any more: {error}");
                drop(fail.try_send(ProcessError::new(ErrorKind::Unavailable, why)));
            }
        });
        let listening = Listening { addr: own, secure, failed, stop, cut, over, connections };
        let (process, url) = (&*self.id, listening.url());
        tracing::info!(target: "wippy::output", process, stream = "http", "listens at {url}");
        Ok(listening)
    }
}

/// Connections beyond those that there may be that are told so before they are closed.
const TURNED_AWAY: usize = 256;

/// Connections that wait to be taken.
#[cfg(unix)]
const BACKLOG: i32 = 1024;

/// How the HTTP library reads.
fn builder(entry: &HttpService) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(SmolTimer)
        // See `connection`.
        .header_read_timeout(None)
        .max_headers(entry.limits.max_headers)
        // Without `pipeline_flush`, which keeps back the answer to what is no HTTP.
        .max_buf_size(entry.limits.max_head);
    builder
}

/// Where connections come in.
#[derive(Clone)]
struct Doors {
    answerer: Arc<Answerer>,
    builder: Arc<Builder>,
    tls: Option<TlsAcceptor>,
    ends: Ends,
    /// Dropped with the last connection.
    _last: Sender<()>,
    connections: Arc<AtomicUsize>,
}

impl Doors {
    /// Takes connections until the end.
    async fn open(self, listener: TcpListener) -> io::Result<()> {
        let host = self.answerer.node.host(&self.answerer.host).map_err(io::Error::other)?;
        loop {
            let next = async { Some(listener.accept().await) };
            let stop = async {
                // Nothing is ever sent: this is the end of the channel.
                let _ = self.ends.stop.recv().await;
                None
            };
            let (stream, peer) = match or(stop, next).await {
                None => return Ok(()),
                Some(Ok(accepted)) => accepted,
                Some(Err(error)) => {
                    if !may_pass(&error) {
                        return Err(error);
                    }
                    tracing::warn!(service = &*self.answerer.server, "no connection: {error}");
                    Timer::after(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // Counted down when it ends.
            let mut place = Place::take(&self.connections);
            let most = self.answerer.limits.max_connections;
            if place.before >= most.saturating_add(TURNED_AWAY) {
                continue;
            }
            place.permit = Permits::of_system().take(place.before).ok();
            if place.before >= most || place.permit.is_none() {
                host.executor.spawn("connection", turn_away(stream, place));
                continue;
            }
            host.executor.spawn("connection", self.clone().serve(stream, peer, place));
        }
    }

    async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Without it answers are late, and no worse.
        drop(stream.set_nodelay(true));
        let address: Arc<str> = peer.to_string().into();
        let end = match &self.tls {
            None => {
                let rest = stream.clone();
                let end = self.exchange(stream, address.clone(), false).await;
                if let End::Done | End::Broken(_) = end {
                    linger(rest).await;
                }
                end
            }
            // In a box, so that those without TLS have no room for it.
            Some(tls) => match Box::pin(self.secured(tls, stream, address.clone())).await {
                Some(end) => end,
                None => return,
            },
        };
        if let End::Broken(error) = &end {
            tracing::debug!(peer = &*address, "a broken connection: {error}");
        }
        drop(place);
    }

    /// The same with TLS; nothing if the client and the server do not agree on it.
    async fn secured(
        &self,
        tls: &TlsAcceptor,
        stream: TcpStream,
        address: Arc<str>,
    ) -> Option<End> {
        let limit = self.answerer.timeouts.read;
        let late = async {
            after(limit).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let cut = async {
            let _ = self.ends.cut.recv().await;
            Err(io::ErrorKind::Interrupted.into())
        };
        match or(or(tls.accept(stream), late), cut).await {
            Ok(stream) => Some(self.exchange(stream, address, true).await),
            Err(error) => {
                tracing::debug!(peer = &*address, "no TLS: {error}");
                None
            }
        }
    }

    async fn exchange<T>(&self, stream: T, address: Arc<str>, secure: bool) -> End
    where
        T: smol::io::AsyncRead + smol::io::AsyncWrite + Unpin + Send,
    {
        let Doors { answerer, builder, ends, .. } = self;
        let activity = Arc::new(Activity::new(answerer.limits));
        let peer = Arc::new(Peer { address, activity: activity.clone(), secure });
        let service = service_fn(|request| {
            let (answerer, peer) = (answerer.clone(), peer.clone());
            async move { Ok(answerer.answer(request, &peer).await) }
        });
        connection::serve(stream, builder, &answerer.timeouts, activity, ends, service).await
    }
}

/// A connection among those that there may be.
struct Place {
    connections: Arc<AtomicUsize>,
    before: usize,
    /// An open file of the system.
    permit: Option<Permit>,
}

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Place {
        let before = connections.fetch_add(1, Relaxed);
        Place { connections: connections.clone(), before, permit: None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Relaxed);
    }
}

/// Tells a client that there is no room for it, if it listens.
async fn turn_away(mut stream: TcpStream, place: Place) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\
        retry-after: 1\r\nconnection: close\r\n\r\n";
    let tell = async {
        let _ = stream.write_all(BUSY).await;
        let _ = stream.close().await;
    };
    or(tell, after(Duration::from_secs(1))).await;
    linger(stream).await;
    drop(place);
}

/// Reads what a client still sends, for a while: to close a connection with something
/// unread is to take back what was written last, the reason for the end.
async fn linger(mut stream: TcpStream) {
    const MOST: usize = 1 << 20;
    let rest = async {
        let (mut buffer, mut read) = ([0_u8; 4096], 0_usize);
        // Nothing more can be read after an error.
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            read = read.saturating_add(count);
            if read > MOST {
                break;
            }
        }
    };
    or(rest, after(Duration::from_secs(1))).await;
}

/// Whether a connection may come after one that could not be taken.
fn may_pass(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}

impl Listening {
    /// The address, with the port that the system has chosen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a browser opens.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let host = match self.addr.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        };
        format!("{scheme}://{host}:{}/", self.addr.port())
    }

    /// Waits until it can listen no more; for ever if it can.
    pub(in crate::host) async fn failed(&self) -> ProcessError {
        match self.failed.recv().await {
            Ok(fault) => fault,
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes no more requests, and waits for those that are being answered, for so long
    /// at most. How many connections were there then.
    pub async fn stop(&self, limit: Duration) -> usize {
        self.stop.close();
        let over = async {
            // Nothing is ever sent.
            let _ = self.over.recv().await;
        };
        let begin = Instant::now();
        or(over, after(limit)).await;
        let open = self.connections.load(Relaxed);
        self.cut.close();
        if begin.elapsed() >= limit {
            // They end at once.
            let over = async {
                let _ = self.over.recv().await;
            };
            or(over, after(Duration::from_secs(5))).await;
        }
        open
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.close();
        self.cut.close();
    }
}
