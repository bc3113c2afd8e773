//! TLS 1.3 between nodes: each shows its certificate, and believes only whom
//! it expects.
//!
//! It must never be resumed: a session that is begun again shows no
//! certificate, so a revoked one would come in with it.

use crate::authority::{Expected, Refused};
use crate::credentials::{Credentials, Shown};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{self, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConfig,
    SignatureScheme, version,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use trust::Moment;

/// Between two lines in the log about who was refused: whoever is refused can
/// come again at once.
const SAID: u64 = 1_000;

const SCHEMES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::ring::ED25519],
    mapping: &[(SignatureScheme::ED25519, &[webpki::ring::ED25519])],
};

/// Whom one end of a connection believes.
#[derive(Debug)]
struct Verifier {
    credentials: Arc<Credentials>,
    expected: Expected,
    /// When somebody refused was last written down.
    said: AtomicU64,
    /// How many were not, since.
    unsaid: AtomicU64,
}

impl Verifier {
    fn new(credentials: &Arc<Credentials>, expected: Expected) -> Arc<Self> {
        let credentials = Arc::clone(credentials);
        Arc::new(Self { credentials, expected, said: AtomicU64::new(0), unsaid: AtomicU64::new(0) })
    }

    fn judge(&self, der: &CertificateDer<'_>, between: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let now = Moment(u64::try_from(Duration::from_secs(now.as_secs()).as_millis()).unwrap_or(u64::MAX));
        match self.credentials.authority().judge(der, between, &self.expected, now) {
            Ok(_) => Ok(()),
            Err(refused) => {
                self.say(&refused, now);
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused)))))
            }
        }
    }

    fn say(&self, refused: &Refused, now: Moment) {
        let said = self.said.load(Relaxed);
        // A clock that was set back is no reason to be silent.
        if now.0.abs_diff(said) < SAID || self.said.compare_exchange(said, now.0, Relaxed, Relaxed).is_err() {
            self.unsaid.fetch_add(1, Relaxed);
            return;
        }
        let more = self.unsaid.swap(0, Relaxed);
        let region = self.expected.region.as_deref().unwrap_or("any");
        tracing::warn!(why = %refused, expected = %self.expected.role, region, more, "a node's certificate is refused");
    }
}

/// A connection between nodes is TLS 1.3 or none.
fn never() -> Error {
    Error::General("nodes speak TLS 1.3".to_owned())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &SCHEMES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(end_entity, intermediates, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &SCHEMES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ResolvesServerCert for Credentials {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().certified)
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        schemes.contains(&SignatureScheme::ED25519).then(|| Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl TimeProvider for Credentials {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.now().0)))
    }
}

/// How a node lets in whom it expects.
///
/// # Errors
/// When rustls has no TLS 1.3.
pub fn server(credentials: &Arc<Credentials>, expected: Expected) -> Result<ServerConfig, Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let clock = Arc::clone(credentials);
    let config = ServerConfig::builder_with_details(provider, clock).with_protocol_versions(&[&version::TLS13])?;
    let config = config.with_client_cert_verifier(Verifier::new(credentials, expected));
    let mut config = config.with_cert_resolver(Arc::clone(credentials) as _);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// How a node comes to whom it expects, and what it shows there at first: see
/// [`showing`].
///
/// # Errors
/// When rustls has no TLS 1.3.
pub fn client(credentials: &Arc<Credentials>, expected: Expected) -> Result<ClientConfig, Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let clock = Arc::clone(credentials);
    let config = ClientConfig::builder_with_details(provider, clock).with_protocol_versions(&[&version::TLS13])?;
    let config = config.dangerous().with_custom_certificate_verifier(Verifier::new(credentials, expected));
    let mut config = config.with_client_cert_resolver(Arc::new(credentials.shown()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// The same for one connection, on which this is shown: whoever signs there does
/// so with the key of its handshake, also when another has taken its place since.
#[must_use]
pub fn showing(config: &ClientConfig, shown: &Shown) -> ClientConfig {
    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(shown.clone());
    config
}
