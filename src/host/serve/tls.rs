//! Certificates and keys, from files to what a connection needs.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_rustls::{
    TlsAcceptor,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    rustls::{ServerConfig, crypto::ring::default_provider},
};

use crate::{
    command::{ErrorKind, ProcessError},
    registry::{Entry, HttpTls, Problem},
};

/// The largest file of certificates or keys.
const LARGEST: u64 = 1 << 20;

/// Why one of the files cannot be used.
struct Unfit {
    field: &'static str,
    path: PathBuf,
    why: String,
}

impl Unfit {
    fn new(field: &'static str, path: &Path, why: impl fmt::Display) -> Unfit {
        Unfit { field, path: path.to_owned(), why: why.to_string() }
    }

    fn problem(self, entry: &Entry) -> Problem {
        let Unfit { field, path, why } = self;
        let (expected, fix) = match field {
            CERT => (
                "a file with a certificate in PEM",
                "name the file of the certificate; paths begin at the directory of wippy.lock",
            ),
            _ => (
                "a file with the private key of the certificate, in PEM",
                "name the file of the key; paths begin at the directory of wippy.lock",
            ),
        };
        entry.problem(field, format!("`{}`: {why}", path.display()), expected, fix)
    }

    fn error(self) -> ProcessError {
        let Unfit { field, path, why } = self;
        ProcessError::new(ErrorKind::Invalid, format!("{field} {}: {why}", path.display()))
    }
}

const CERT: &str = "tls.cert";
const KEY: &str = "tls.key";

/// What begins TLS on connections.
///
/// # Errors
///
/// If one of the files cannot be read, or the two do not belong together.
pub(super) fn acceptor(tls: &HttpTls) -> Result<TlsAcceptor, ProcessError> {
    let unfit = |unfit: Unfit| unfit.error();
    let (certs, key) = (certificates(&tls.cert).map_err(unfit)?, key(&tls.key).map_err(unfit)?);
    let config = config(tls, certs, key).map_err(unfit)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// All that is wrong with the files of an entry.
pub(in crate::host) fn check(entry: &Entry, tls: &HttpTls) -> Vec<Problem> {
    let unfit = match (certificates(&tls.cert), key(&tls.key)) {
        (Ok(certs), Ok(key)) => config(tls, certs, key).err().into_iter().collect(),
        (certs, key) => certs.err().into_iter().chain(key.err()).collect::<Vec<_>>(),
    };
    unfit.into_iter().map(|unfit| unfit.problem(entry)).collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unfit> {
    let bytes = read(path).map_err(|why| Unfit::new(CERT, path, why))?;
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certs {
        Ok(certs) if certs.is_empty() => {
            Err(Unfit::new(CERT, path, "it has no `BEGIN CERTIFICATE`"))
        }
        Ok(certs) => Ok(certs),
        Err(why) => Err(Unfit::new(CERT, path, format_args!("no certificate in PEM: {why}"))),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Unfit> {
    let bytes = read(path).map_err(|why| Unfit::new(KEY, path, why))?;
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|why| Unfit::new(KEY, path, format_args!("no private key in PEM: {why}")))
}

fn config(
    tls: &HttpTls,
    certs: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Unfit> {
    let HttpTls { cert: cert_path, key: key_path } = tls;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| Unfit::new(KEY, key_path, why))?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|why| {
            let why = format_args!("it does not fit {}: {why}", cert_path.display()).to_string();
            Unfit::new(KEY, key_path, why)
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let len = meta.len();
    if len > LARGEST {
        return Err(io::Error::other(format!("it has {len} bytes, at most {LARGEST} are read")));
    }
    fs::read(path)
}
