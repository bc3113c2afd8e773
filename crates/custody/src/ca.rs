//! The planet's CA: its key, its certificate, and the certificates that it
//! issues.
//!
//! rcgen writes them, because a certificate is a form that others read: what is
//! written by hand here would be right for our own reader first. It is handed
//! ring's key and never the secret itself.

use crate::authority::MOST_CAS;
use crate::certificate::Serial;
use crate::endorsement::Endorsement;
use crate::entropy;
use crate::folder::{self, KeyError, Made, failed};
use crate::heirs;
use crate::root::Root;
use crate::spiffe::Name;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::CertificateDer;
use std::path::Path;
use std::time::Duration;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};
use vocab::Millis;

/// A CA is endorsed and has a certificate for so long.
pub const CA_LIFE: Millis = Millis::hours(2 * 365 * 24);
/// A node's certificate lasts so long.
pub const LIFE: Millis = Millis::hours(24);
/// At most, so that what is revoked can be forgotten.
pub const MOST_LIFE: Millis = Millis::hours(7 * 24);
/// How far the clock of whoever reads a certificate may be behind.
const BEHIND: Millis = Millis::minutes(5);
/// The end of what a certificate's dates can say: the year 9999.
const LAST: Moment = Moment(253_402_300_799_000);

/// Where the CA's certificate is.
pub const CERTIFICATE: &str = "ca.pem";
/// Where the root's word for it is.
pub const ENDORSED: &str = "ca.endorsed";

/// Why there is no CA, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The root key is not here, and nobody else can endorse a CA.
    #[error(
        "the root key is not in {0}, and only it can endorse a CA: run `mycel trust init` where it is, and bring \
         ca.key, ca.pem and ca.endorsed here"
    )]
    NoRoot(String),
    /// Nodes read no more of them.
    #[error("{MOST_CAS} CAs are endorsed, and nodes read no more: those of before go as their certificates end")]
    Full,
    /// It cannot be written.
    #[error("a certificate cannot be made: {0}")]
    Certificate(String),
}

/// ring's key as rcgen takes it.
struct Signer(Ed25519KeyPair);

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

/// A key that somebody else has.
struct Public([u8; 32]);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

/// The CA, with its secret.
pub struct Ca {
    planet: PlanetId,
    key: SigningKey,
    issuer: Issuer<'static, Signer>,
}

impl Ca {
    /// A CA by its secret.
    ///
    /// # Errors
    /// When ring takes no such key.
    pub fn new(planet: PlanetId, secret: &Secret) -> Result<Self, CaError> {
        let signer = Ed25519KeyPair::from_seed_unchecked(secret.expose());
        let signer = Signer(signer.map_err(|why| CaError::Certificate(why.to_string()))?);
        let key = SigningKey::new(secret);
        let issuer = Issuer::new(own(planet, key.id()), signer);
        Ok(Self { planet, key, issuer })
    }

    /// The CA of a planet's folder of keys, made when there is none and the
    /// root key is there; then those that are to follow it are endorsed as well.
    /// Key, endorsement, certificate: in that order, and each is made again when
    /// it is missing. `made` is asked before a key is made.
    ///
    /// # Errors
    /// When the disk refuses, a key is damaged, or the root key is elsewhere.
    pub fn open(keys: &Path, planet: PlanetId, now: Moment, made: &mut Made<'_>) -> Result<Self, CaError> {
        let ca = Self::new(planet, &folder::secret_as(keys, "ca", made)?)?;
        let root = Root::here(keys)?;
        heirs::install_all(keys, &ca, root.as_ref(), now, made)?;
        Ok(ca)
    }

    /// Its key.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.key.id()
    }

    /// What signs its lists.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Which planet's it is.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// From when until when something that is made now and lasts so long holds:
    /// it begins a little earlier, for whoever's clock is behind.
    #[must_use]
    pub fn life(&self, now: Moment, life: Millis) -> (Moment, Moment) {
        // In whole seconds, which is all that a certificate can say.
        let whole = |moment: Moment| Moment(moment.min(LAST).0 / 1_000 * 1_000);
        (whole(Moment(now.0.saturating_sub(BEHIND.0.min(life.0 / 4)))), whole(now.after(life)))
    }

    /// Its own certificate.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn certify(&self, from: Moment, until: Moment) -> Result<CertificateDer<'static>, CaError> {
        let mut asks = own(self.planet, self.id());
        last(&mut asks, from, until);
        asks.serial_number = Some(serial()?);
        let uri = Endorsement::domain(self.planet).try_into().map_err(no)?;
        asks.subject_alt_names = vec![SanType::URI(uri)];
        asks.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        asks.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let made = asks.self_signed(self.issuer.key()).map_err(no)?;
        Ok(made.der().clone())
    }

    /// A certificate of a node. That the key may bear the name is for whoever
    /// asks to know.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn issue(
        &self,
        name: &Name,
        key: AgentId,
        serial: Serial,
        (from, until): (Moment, Moment),
    ) -> Result<CertificateDer<'static>, CaError> {
        let mut asks = CertificateParams::default();
        last(&mut asks, from, until);
        asks.serial_number = Some(SerialNumber::from_slice(&serial.0));
        asks.distinguished_name = called(&format!("mycel {}", name.role()));
        asks.subject_alt_names = vec![SanType::URI(name.to_string().try_into().map_err(no)?)];
        asks.is_ca = IsCa::ExplicitNoCa;
        asks.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        asks.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let made = asks.signed_by(&Public(key.0), &self.issuer).map_err(no)?;
        Ok(made.der().clone())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn no(why: rcgen::Error) -> CaError {
    CaError::Certificate(why.to_string())
}

/// What a CA is called: another one of the same planet is called otherwise.
fn own(planet: PlanetId, key: AgentId) -> CertificateParams {
    let mut asks = CertificateParams::default();
    let tag: String = key.to_string().chars().take(16).collect();
    asks.distinguished_name = called(&format!("mycel ca {tag} of {planet}"));
    asks
}

fn called(what: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, what);
    name
}

fn serial() -> Result<SerialNumber, CaError> {
    let entropy = entropy::bytes().map_err(failed("draw entropy"))?;
    Ok(SerialNumber::from_slice(&Serial::of(entropy).0))
}

/// Its dates, as rcgen takes them: whole seconds, and none after the last.
fn last(asks: &mut CertificateParams, from: Moment, until: Moment) {
    let date = |moment: Moment| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(moment.min(LAST).0 / 1_000);
    (asks.not_before, asks.not_after) = (date(from), date(until));
}

/// A certificate as PEM.
#[must_use]
pub fn pem(der: &CertificateDer<'_>) -> String {
    use base64ct::{Base64, Encoding as _};
    let text = Base64::encode_string(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, other) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = other;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
