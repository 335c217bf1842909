//! Connections to servers, which the processes of a program share.
//!
//! A connection that has served an exchange to its end waits for the next one to the same
//! server, for at most [`IDLE_TIME`], and there are never more than [`MAX_IDLE`] that
//! wait. Each connection has a permit out of the open files of the system, and a task of
//! its own that moves its bytes.
//!
//! A name is resolved first, and then what it stands for is judged and connected to: what
//! was judged is what is used.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};
use hyper::client::conn::http1::{Builder, SendRequest};
use smol::{Async, Task, Timer};

use super::{
    super::{
        fs::{Permit, Permits},
        locked,
        transport::Io,
    },
    error::{of_connect, of_tls},
    pipe::OutgoingBody,
};
use crate::command::HttpError;

/// Connections that wait for a next exchange, of all servers.
const MAX_IDLE: usize = 256;

/// How long a connection waits for its next exchange.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Bytes of the head of a response.
const MAX_HEAD: usize = 192 << 10;

/// Fields of a response.
const MAX_FIELDS: usize = 4096;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
}

impl Target {
    /// The server that an authority names.
    pub fn new(authority: &str, tls: bool) -> Option<Target> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if tls => 443,
            None => 80,
        };
        Some(Target { tls, host: host.to_ascii_lowercase(), port })
    }
}

/// A connection to a server.
pub(super) struct Connection {
    pub sender: SendRequest<OutgoingBody>,
    target: Target,
    pub peer: SocketAddr,
    /// Moves the bytes, until this is dropped.
    _driver: Task<()>,
    _permit: Permit,
}

/// Makes connections, and keeps those that wait.
pub struct Client {
    tls: Arc<ClientConfig>,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Default for Client {
    /// It trusts the certificate authorities that browsers trust.
    fn default() -> Client {
        Client::trusting(RootCertStore::empty())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// It trusts the certificate authorities that browsers trust, and these.
    ///
    /// # Errors
    ///
    /// If the text, in PEM, has no certificate or one that is none.
    pub fn with_authorities(pem: &[u8]) -> Result<Client, String> {
        use futures_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("it has no `BEGIN CERTIFICATE`".to_owned());
        }
        Ok(Client::trusting(roots))
    }

    fn trusting(mut roots: RootCertStore) -> Client {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Client { tls: Arc::new(config), idle: Mutex::new(Vec::new()) }
    }

    /// The one of all processes that have been given none of their own.
    pub(super) fn shared() -> Arc<Client> {
        static SHARED: std::sync::OnceLock<Arc<Client>> = std::sync::OnceLock::new();
        Arc::clone(SHARED.get_or_init(Arc::default))
    }

    /// A connection that waits, to an address that may be connected to.
    pub(super) fn take_idle(
        &self,
        target: &Target,
        allowed: &dyn Fn(SocketAddr) -> bool,
    ) -> Option<Connection> {
        let mut idle = locked(&self.idle);
        let old = drop_old(&mut idle);
        let fits = |(_, it): &(Instant, Connection)| it.target == *target && allowed(it.peer);
        let found = idle.iter().rposition(fits).map(|at| idle.remove(at).1);
        drop(idle);
        drop(old);
        found.filter(|connection| connection.sender.is_ready())
    }

    /// Keeps a connection for the next exchange.
    pub(super) fn give_back(self: &Arc<Self>, mut connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        if connection.sender.is_ready() {
            return self.keep(connection);
        }
        // What is left of the last exchange takes a moment.
        let client = Arc::clone(self);
        let soon = async move {
            let ready = async { connection.sender.ready().await.is_ok() };
            let never = async {
                Timer::after(Duration::from_secs(1)).await;
                false
            };
            if smol::future::or(ready, never).await {
                client.keep(connection);
            }
        };
        smol::spawn(soon).detach();
    }

    fn keep(self: &Arc<Self>, connection: Connection) {
        let mut idle = locked(&self.idle);
        let old = drop_old(&mut idle);
        let first = idle.is_empty();
        let surplus = (idle.len() >= MAX_IDLE).then(|| idle.remove(0));
        idle.push((Instant::now(), connection));
        drop(idle);
        drop((old, surplus));
        if first {
            let client = Arc::downgrade(self);
            let sweep = async move {
                loop {
                    Timer::after(IDLE_TIME / 4).await;
                    let Some(client) = client.upgrade() else { return };
                    let mut idle = locked(&client.idle);
                    let old = drop_old(&mut idle);
                    let empty = idle.is_empty();
                    drop(idle);
                    drop(old);
                    if empty {
                        return;
                    }
                }
            };
            smol::spawn(sweep).detach();
        }
    }

    /// A permit for a connection. If there is none, connections that wait give theirs.
    fn permit(&self, own: usize) -> Result<Permit, HttpError> {
        let permits = Permits::of_system();
        permits.take(own).or_else(|_| {
            drop(std::mem::take(&mut *locked(&self.idle)));
            permits.take(own).map_err(|_| HttpError::ConnectionLimitReached)
        })
    }

    /// A new connection, for a process that has `own` exchanges.
    pub(super) async fn connect(
        &self,
        target: Target,
        own: usize,
        addresses: Vec<SocketAddr>,
    ) -> Result<Connection, HttpError> {
        let permit = self.permit(own)?;
        let mut failed = HttpError::DestinationNotFound;
        for peer in addresses {
            match Async::<TcpStream>::connect(peer).await {
                Ok(stream) => return self.begin(stream, target, peer, permit).await,
                Err(error) => failed = of_connect(&error),
            }
        }
        Err(failed)
    }

    async fn begin(
        &self,
        stream: Async<TcpStream>,
        target: Target,
        peer: SocketAddr,
        permit: Permit,
    ) -> Result<Connection, HttpError> {
        // A connection without is slower, and nothing else.
        let _ = stream.get_ref().set_nodelay(true);
        let (sender, driver) = match target.tls {
            false => handshake(stream).await?,
            true => {
                let name = ServerName::try_from(target.host.clone());
                let name = name.map_err(|_| HttpError::TlsCertificateError)?;
                let tls = TlsConnector::from(Arc::clone(&self.tls));
                let stream = tls.connect(name, stream).await;
                handshake(stream.map_err(|error| tls_failed(&error))?).await?
            }
        };
        Ok(Connection { sender, target, peer, _driver: driver, _permit: permit })
    }
}

/// An error while TLS was agreed upon.
fn tls_failed(error: &io::Error) -> HttpError {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(tls) => of_tls(tls),
        None => HttpError::ConnectionTerminated,
    }
}

async fn handshake<T>(stream: T) -> Result<(SendRequest<OutgoingBody>, Task<()>), HttpError>
where
    T: smol::io::AsyncRead + smol::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD);
    let made = builder.handshake(Io(stream)).await;
    let (sender, connection) = made.map_err(|_| HttpError::ConnectionTerminated)?;
    let driver = smol::spawn(async move {
        // Whoever has an exchange on it is told of the error.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a server has failed");
        }
    });
    Ok((sender, driver))
}

/// Takes out those that have waited too long, or have been closed.
fn drop_old(idle: &mut Vec<(Instant, Connection)>) -> Vec<(Instant, Connection)> {
    let now = Instant::now();
    let is_old = |(since, it): &mut (Instant, Connection)| {
        now.duration_since(*since) > IDLE_TIME || it.sender.is_closed()
    };
    idle.extract_if(.., is_old).collect()
}

/// The addresses of a host.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = smol::net::resolve((host, port)).await;
    let found = found.map_err(|_| HttpError::DnsError { rcode: None, info_code: None })?;
    if found.is_empty() { Err(HttpError::DestinationNotFound) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_names_a_server() {
        let target = |authority, tls| {
            let Target { host, port, .. } = Target::new(authority, tls)?;
            Some((host, port))
        };
        assert_eq!(target("Example.com", false), Some(("example.com".to_owned(), 80)));
        assert_eq!(target("example.com", true), Some(("example.com".to_owned(), 443)));
        assert_eq!(target("[::1]:8080", true), Some(("::1".to_owned(), 8080)));
        assert_eq!(target("[::1]", false), Some(("::1".to_owned(), 80)));
        assert_eq!(target("a:99999", false), None);
        assert_eq!(target("[::1", false), None);
    }

    #[test]
    fn authorities_come_out_of_pem() {
        let refused = |pem: &[u8]| Client::with_authorities(pem).unwrap_err();
        assert!(refused(b"").contains("no `BEGIN CERTIFICATE`"));
        assert!(
            !refused(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").is_empty()
        );
    }
}
