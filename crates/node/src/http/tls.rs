//! TLS 1.3, and what names a connection.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ConnectionCommon, ServerConfig, crypto, version};
use trust::attach::Channel;

/// The acceptor of a certificate and its key.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let at = |path: &Path, why: String| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {why}; PEM is read", path.display()))
    };
    let text = fs::read(certificate).map_err(|error| at(certificate, error.to_string()))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| at(certificate, format!("no certificate: {error}")))?;
    let text = fs::read(key).map_err(|error| at(key, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|error| at(key, format!("no private key: {error}")))?;
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| at(certificate, error.to_string()))?;
    let config = config.with_no_client_auth().with_single_cert(chain, secret);
    let mut config = config.map_err(|error| at(certificate, format!("does not go with the key: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What both ends derive the connection's name to be (RFC 9266).
pub(crate) fn channel<D>(connection: &ConnectionCommon<D>) -> io::Result<Channel> {
    let name = connection.export_keying_material([0; 32], wire::EXPORTER, Some(b""));
    name.map(Channel).map_err(io::Error::other)
}
