//! Certificates by the name that a client asks for, read again without a
//! restart: a handshake takes what is there when it begins.

use crate::http::Tls;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, crypto, version};

/// Certificates of one gateway: each handshake looks through them.
const MOST: usize = 64;

/// The certificates of a gateway.
pub(crate) struct Certificates {
    files: Vec<Tls>,
    keys: RwLock<Vec<Arc<CertifiedKey>>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files.
    pub(crate) fn read(files: &[Tls]) -> io::Result<Self> {
        if files.len() > MOST {
            let what = format!("{} certificates are too many: a gateway has {MOST} at most", files.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(Self { files: files.to_vec(), keys: RwLock::new(all(files)?) })
    }

    /// Reads them again: all of them, or what was there stays.
    pub(crate) fn read_again(&self) -> io::Result<()> {
        let keys = all(&self.files)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let named = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let is_for = |key: &&Arc<CertifiedKey>| {
            let certificate = key.end_entity_cert().ok().and_then(|own| ParsedCertificate::try_from(own).ok());
            let (Some(certificate), Some(name)) = (certificate, &named) else { return false };
            verify_server_name(&certificate, name).is_ok()
        };
        keys.iter().find(is_for).or_else(|| keys.first()).cloned()
    }
}

fn all(files: &[Tls]) -> io::Result<Vec<Arc<CertifiedKey>>> {
    files.iter().map(|tls| certified(&tls.certificate, &tls.key).map(Arc::new)).collect()
}

fn certified(certificate: &Path, key: &Path) -> io::Result<CertifiedKey> {
    let at = |path: &Path, why: String| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {why}; PEM is read", path.display()))
    };
    let text = fs::read(certificate).map_err(|error| at(certificate, error.to_string()))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| at(certificate, format!("no certificate: {error}")))?;
    let text = fs::read(key).map_err(|error| at(key, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|error| at(key, format!("no private key: {error}")))?;
    let provider = crypto::ring::default_provider();
    CertifiedKey::from_der(chain, secret, &provider)
        .map_err(|error| at(certificate, format!("does not go with the key: {error}")))
}

/// An acceptor of TLS 1.3 that takes them.
pub(crate) fn acceptor(certificates: &Arc<Certificates>) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(io::Error::other)?;
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
