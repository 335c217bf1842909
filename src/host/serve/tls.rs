//! Certificates and keys, from files to what a connection needs.

use std::{fs, io, path::Path, sync::Arc};

use futures_rustls::{
    TlsAcceptor,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    rustls::{ServerConfig, crypto::ring::default_provider},
};

use crate::{
    command::{ErrorKind, ProcessError},
    registry::HttpTls,
};

/// The largest file of certificates or keys.
const LARGEST: u64 = 1 << 20;

/// What begins TLS on connections.
///
/// # Errors
///
/// If one of the files cannot be read, or the two do not belong together.
pub(super) fn acceptor(tls: &HttpTls) -> Result<TlsAcceptor, ProcessError> {
    let HttpTls { cert, key } = tls;
    let wrong = |path: &Path, why: &dyn std::fmt::Display| {
        let why = format!("{}: {why}", path.display());
        ProcessError::new(ErrorKind::Invalid, why)
    };
    let bytes = |path: &Path| read(path).map_err(|why| wrong(path, &why));
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(cert)?).collect();
    let certs = certs.map_err(|why| wrong(cert, &format!("no certificate in PEM: {why}")))?;
    if certs.is_empty() {
        return Err(wrong(cert, &"there is no certificate in it; it has to be in PEM"));
    }
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|why| wrong(key, &format!("no private key in PEM: {why}")))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| ProcessError::new(ErrorKind::Internal, format!("TLS: {why}")))?
        .with_no_client_auth()
        .with_single_cert(certs, private)
        .map_err(|why| wrong(key, &format!("it does not fit {}: {why}", cert.display())))?;
    let mut config = config;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let len = fs::metadata(path)?.len();
    if len > LARGEST {
        return Err(io::Error::other(format!("it has {len} bytes, at most {LARGEST} are read")));
    }
    fs::read(path)
}
