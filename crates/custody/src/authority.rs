//! Whom a node believes: the CAs of its planet that the root has endorsed, less
//! what they have revoked.
//!
//! Everything that says whether a certificate is good is in one function, which
//! is handed the time.

use crate::ca::{CERTIFICATE, ENDORSED};
use crate::certificate::{self, Certificate, NoCertificate, Serial};
use crate::endorsement::Endorsement;
use crate::folder::{self, KeyError, failed};
use crate::revocation::Revocations;
use crate::spiffe::{Name, Role};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::path::Path;
use std::time::Duration;
use trust::{AgentId, Moment, PlanetId};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// CAs of a planet at once: the present one, those endorsed to follow it, those
/// before it whose certificates have not ended, and room.
pub const MOST_CAS: usize = 8;
/// Where the list of what is revoked is.
pub const REVOKED: &str = "revoked";

/// Which node is expected at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// What it does.
    pub role: Role,
    /// Of which region; of any or of none when nobody cares.
    pub region: Option<String>,
}

impl Expected {
    /// The host of a region.
    #[must_use]
    pub fn host_of(region: &str) -> Self {
        Self { role: Role::Block, region: Some(region.to_owned()) }
    }

    /// A gateway, wherever it is.
    #[must_use]
    pub const fn gateway() -> Self {
        Self { role: Role::Gateway, region: None }
    }
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none that a CA of a planet makes.
    #[error(transparent)]
    Malformed(#[from] NoCertificate),
    /// It is of another planet.
    #[error("it is of another planet: {0}")]
    OtherPlanet(Name),
    /// The node does something else.
    #[error("it is for another role: {0} is not {1}")]
    OtherRole(Name, Role),
    /// It is of another region.
    #[error("it is for another region: {0} is not of {1}")]
    OtherRegion(Name, String),
    /// It comes with others, and this planet's CA signs every one itself.
    #[error("it comes with certificates between it and a CA, and there are none")]
    Between,
    /// No CA of this planet has signed it.
    #[error("no CA of this planet has signed it: {0}")]
    Stranger(String),
    /// It ended.
    #[error("{0} ended {1} ago")]
    Expired(Name, vocab::Millis),
    /// It has not begun.
    #[error("{0} begins in {1}: one of the clocks is wrong")]
    NotYet(Name, vocab::Millis),
    /// The CA itself is no CA at this time.
    #[error("no CA of this planet holds at this time: it ended, or it has not begun")]
    CaExpired,
    /// It was revoked.
    #[error("{name} is revoked ({what}): {reason}")]
    Revoked {
        /// Whose it is.
        name: Name,
        /// By what.
        what: String,
        /// Why, in the words of whoever revoked it.
        reason: String,
    },
}

/// Why a node cannot tell whom to believe.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The root's public key is not there.
    #[error("{0} has neither root.pub nor root.key: without it no CA can be believed")]
    NoRoot(String),
    /// A file is not what it has to be.
    #[error("{file}: {what}; {}", folder::instead(file))]
    Damaged {
        /// Which.
        file: String,
        /// What is wrong.
        what: String,
    },
}

/// A CA that is believed for a while.
#[derive(Debug, Clone)]
struct Anchor {
    der: CertificateDer<'static>,
    key: AgentId,
    from: Moment,
    until: Moment,
}

/// Whom a node believes.
#[derive(Debug, Clone)]
pub struct Authority {
    planet: PlanetId,
    anchors: Vec<Anchor>,
    revoked: Revocations,
}

/// The planet's root as a folder of keys knows it.
///
/// # Errors
/// When it does not, or the disk refuses.
pub fn root(keys: &Path) -> Result<AgentId, AuthorityError> {
    folder::known(keys, "root")?.ok_or_else(|| AuthorityError::NoRoot(keys.display().to_string()))
}

/// What a file in a folder of keys says.
fn text(keys: &Path, name: &str) -> Result<String, KeyError> {
    let file = keys.join(name);
    std::fs::read_to_string(&file).map_err(failed(format!("read {}", file.display())))
}

impl Authority {
    /// Those of these certificates that the root has endorsed, and nothing
    /// revoked.
    ///
    /// # Errors
    /// With the reason, when one is not endorsed or none is there.
    pub fn new(
        root: AgentId,
        planet: PlanetId,
        cas: &[CertificateDer<'static>],
        endorsed: &[Endorsement],
    ) -> Result<Self, String> {
        if cas.is_empty() || cas.len() > MOST_CAS {
            return Err(format!("there is one CA, and {MOST_CAS} at most, and here are {}", cas.len()));
        }
        let anchors = cas.iter().map(|der| anchor(der, root, planet, endorsed)).collect::<Result<_, _>>()?;
        Ok(Self { planet, anchors, revoked: Revocations::none(planet) })
    }

    /// Whom the planet's root has endorsed, as a folder of keys says, and nothing
    /// revoked.
    ///
    /// # Errors
    /// When a file is missing, damaged, or not endorsed by the planet's root.
    pub fn endorsed(keys: &Path) -> Result<Self, AuthorityError> {
        let root = root(keys)?;
        let (endorsed, cas) = (text(keys, ENDORSED)?, text(keys, CERTIFICATE)?);
        Self::of(root, (&cas, &endorsed, None), keys)
    }

    /// What a folder of keys says. The list of what is revoked may be missing:
    /// then nothing is.
    ///
    /// # Errors
    /// When a file is missing, damaged, or not endorsed by the planet's root.
    pub fn read(keys: &Path) -> Result<Self, AuthorityError> {
        let (root, endorsed, cas) = (root(keys)?, text(keys, ENDORSED)?, text(keys, CERTIFICATE)?);
        let list = keys.join(REVOKED);
        let revoked = match std::fs::read_to_string(&list) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            text => Some(text.map_err(failed(format!("read {}", list.display())))?),
        };
        Self::of(root, (&cas, &endorsed, revoked.as_deref()), keys)
    }

    /// The same of texts, which stand or are to stand in a folder.
    ///
    /// # Errors
    /// When one is not what it has to be.
    pub(crate) fn of(
        root: AgentId,
        (cas, endorsed, revoked): (&str, &str, Option<&str>),
        keys: &Path,
    ) -> Result<Self, AuthorityError> {
        let damaged = |name: &str, what: String| {
            let file = keys.join(name).display().to_string();
            AuthorityError::Damaged { file, what }
        };
        let said = Endorsement::read_all(endorsed).map_err(|why| damaged(ENDORSED, why.to_string()))?;
        let found = certificate::read_all(cas).map_err(|why| damaged(CERTIFICATE, why))?;
        let authority = Self::new(root, PlanetId::of_root(root), &found, &said);
        let authority = authority.map_err(|why| damaged(CERTIFICATE, why))?;
        let Some(revoked) = revoked else { return Ok(authority) };
        let revoked = Revocations::read(revoked).map_err(|why| damaged(REVOKED, why.to_string()))?;
        authority.with(revoked).map_err(|why| damaged(REVOKED, why.to_owned()))
    }

    /// The same, less what a list revokes.
    ///
    /// # Errors
    /// With the reason, when it is another planet's or no CA's that is believed.
    pub fn with(mut self, revoked: Revocations) -> Result<Self, &'static str> {
        if revoked.planet != self.planet {
            return Err("it is another planet's");
        }
        if !self.anchors.iter().any(|anchor| anchor.key == revoked.by) {
            return Err("no CA of this planet has signed it");
        }
        self.revoked = revoked;
        Ok(self)
    }

    /// Which planet it is.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// What is revoked.
    #[must_use]
    pub const fn revoked(&self) -> &Revocations {
        &self.revoked
    }

    /// The CAs' keys, and from when until when each is believed.
    #[must_use]
    pub fn cas(&self) -> Vec<(AgentId, Moment, Moment)> {
        self.anchors.iter().map(|anchor| (anchor.key, anchor.from, anchor.until)).collect()
    }

    /// Whether a certificate, or its key, is revoked, and why.
    ///
    /// # Errors
    /// When it is.
    pub fn not_revoked(&self, name: &Name, serial: Serial, key: AgentId) -> Result<(), Refused> {
        let Some(entry) = self.revoked.of(serial, key) else { return Ok(()) };
        let (what, reason) = (entry.what.to_string(), entry.reason.clone());
        Err(Refused::Revoked { name: name.clone(), what, reason })
    }

    /// What a node's certificate says, once it is believed: it is of this
    /// planet, for what is expected, signed by a CA, of this time, and not
    /// revoked.
    ///
    /// # Errors
    /// With the first of these that it is not.
    pub fn judge(
        &self,
        der: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        expected: &Expected,
        now: Moment,
    ) -> Result<Certificate, Refused> {
        let found = Certificate::read(der)?;
        if found.name.planet() != self.planet {
            return Err(Refused::OtherPlanet(found.name));
        }
        if found.name.role() != expected.role {
            return Err(Refused::OtherRole(found.name, expected.role));
        }
        if let Some(region) = expected.region.as_deref().filter(|region| found.name.region() != Some(region)) {
            return Err(Refused::OtherRegion(found.name, region.to_owned()));
        }
        if !between.is_empty() {
            return Err(Refused::Between);
        }
        // By webpki's clock a certificate holds until its last second has ended.
        self.is_signed(der, found.from)?;
        if now < found.from {
            return Err(Refused::NotYet(found.name, found.from.since(now)));
        }
        if now > found.until {
            return Err(Refused::Expired(found.name, now.since(found.until)));
        }
        self.not_revoked(&found.name, found.serial, found.key)?;
        // webpki believes a CA for ever, so this asks whether one holds now.
        let holds = |anchor: &&Anchor| anchor.from <= now && now <= anchor.until;
        let cas: Vec<&Anchor> = self.anchors.iter().filter(holds).collect();
        if cas.is_empty() {
            return Err(Refused::CaExpired);
        }
        signed_by(&cas, der, found.from).map_err(|why| Refused::Stranger(why.to_string()))?;
        Ok(found)
    }

    /// Whether any CA has signed it, also one that has ended: who has not is
    /// told that, before it is told anything else.
    pub(crate) fn is_signed(&self, der: &CertificateDer<'_>, at: Moment) -> Result<(), Refused> {
        let all: Vec<&Anchor> = self.anchors.iter().collect();
        signed_by(&all, der, at).map_err(|why| Refused::Stranger(why.to_string()))
    }
}

/// Whether one of these CAs has signed a certificate, as of a time.
fn signed_by(cas: &[&Anchor], der: &CertificateDer<'_>, at: Moment) -> Result<(), webpki::Error> {
    let cas = cas.iter().map(|ca| anchor_from_trusted_cert(&ca.der)).collect::<Result<Vec<_>, _>>()?;
    let time = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
    let read = EndEntityCert::try_from(der)?;
    // Of the one usage that all have; both ends of a connection are nodes.
    let usage = KeyUsage::client_auth();
    read.verify_for_usage(&[webpki::ring::ED25519], &cas, &[], time, usage, None, None).map(|_| ())
}

fn anchor(
    der: &CertificateDer<'static>,
    root: AgentId,
    planet: PlanetId,
    endorsed: &[Endorsement],
) -> Result<Anchor, String> {
    let read = EndEntityCert::try_from(der).map_err(|why| why.to_string())?;
    let key = certificate::key(&read).map_err(|why| why.to_string())?;
    let mut names = read.valid_uri_names();
    if names.next() != Some(Endorsement::domain(planet).as_str()) || names.next().is_some() {
        return Err("the CA's certificate is another planet's".to_owned());
    }
    let said = endorsed.iter().filter(|said| said.ca == key && said.planet == planet);
    let said = said.into_iter().find(|said| said.verify(root).is_ok());
    let said = said.ok_or("the planet's root has not endorsed this CA")?;
    let (from, until) = certificate::dates(der).ok_or("the CA's certificate has no dates")?;
    Ok(Anchor { der: der.clone(), key, from: from.max(said.from), until: until.min(said.until) })
}
