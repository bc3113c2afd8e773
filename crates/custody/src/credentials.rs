//! What a node shows, and whom it believes, kept new by a thread of its own:
//! a certificate is asked for at two thirds of the last one's life, and a new
//! one, another CA or a longer list of what is revoked is taken from the next
//! handshake on. So is another key, once its certificate is there: see `signer`.
//! Connections that are open stay.
//!
//! Everything comes and goes by files in the node's folder of keys, so that it
//! does not matter who carries them: the CA's office beside it, or a person.
//!
//! | file | is |
//! |---|---|
//! | `NAME.key` | the node's secret |
//! | `NAME.request` | what it asks the CA for |
//! | `NAME.pem` | its certificate |
//! | `ca.pem`, `ca.endorsed`, `revoked` | whom it believes |

use crate::authority::{Authority, AuthorityError, Expected, REVOKED};
use crate::ca::{CERTIFICATE, ENDORSED};
use crate::certificate::Certificate;
use crate::folder::{self, KeyError};
use crate::request::Request;
use crate::spiffe::Name;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, Secret};
use zeroize::Zeroizing;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(500);
/// The same while there is no certificate at all.
const FIRST_LOOK: Duration = Duration::from_millis(20);
/// A request that nobody has answered is made again.
const AGAIN: u64 = 10_000;
/// Between two lines in the log about the same trouble.
const SAID: u64 = 60_000;

/// Why a node has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    /// A file of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Whom to believe is not known.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Nobody has answered.
    #[error(
        "no certificate has come for {name}: bring {request} to the CA, `mycel trust issue` answers it, and what it \
         answers belongs into {certificate}"
    )]
    Unanswered {
        /// Who asks.
        name: Name,
        /// Where its request is.
        request: String,
        /// Where the answer is expected.
        certificate: String,
    },
}

/// What a node is, and where it keeps it.
#[derive(Clone)]
pub struct Node {
    /// The folder of keys.
    pub keys: PathBuf,
    /// What its files are called.
    pub files: String,
    /// What it is called in its certificate.
    pub name: Name,
}

impl Node {
    fn file(&self, ending: &str) -> PathBuf {
        self.keys.join(format!("{}.{ending}", self.files))
    }

    /// Where its request is.
    #[must_use]
    pub fn request(&self) -> PathBuf {
        self.file("request")
    }

    /// Where its certificate is.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.file("pem")
    }
}

/// What tells one state of a file from another.
pub(crate) type Stamp = Option<(u64, u64, i64, i64)>;

pub(crate) fn stamp(file: &Path) -> Stamp {
    fs::metadata(file).ok().map(|found| (found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

/// Waits in a thread of its own, or before there is anything else to do.
#[allow(clippy::disallowed_methods)]
fn pause(time: Duration) {
    thread::sleep(time);
}

struct Held {
    certificate: Certificate,
    shown: Shown,
}

/// What one handshake shows, and the key that it is for.
#[derive(Clone)]
pub struct Shown {
    /// The node's key.
    pub key: Arc<SigningKey>,
    pub(crate) certified: Arc<CertifiedKey>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("key", &self.key.id()).finish_non_exhaustive()
    }
}

/// The key in the node's folder.
struct Own {
    secret: Secret,
    /// With no certificate.
    shown: Shown,
}

impl Own {
    fn new(secret: Secret) -> Result<Self, KeyError> {
        let shown = Shown { key: Arc::new(SigningKey::new(&secret)), certified: certified(&secret, Vec::new())? };
        Ok(Self { secret, shown })
    }
}

/// What was last seen of the files.
#[derive(Default)]
struct Seen {
    authority: [Stamp; 3],
    key: Stamp,
    certificate: [Stamp; 2],
    /// When the last request was made.
    asked: Option<Moment>,
    said: Option<Moment>,
}

type Told = Box<dyn Fn(&Authority) + Send + Sync>;

/// What a node shows, and whom it believes.
pub struct Credentials {
    node: Node,
    clock: Clock,
    own: RwLock<Arc<Own>>,
    held: RwLock<Option<Held>>,
    authority: RwLock<Arc<Authority>>,
    seen: Mutex<Seen>,
    told: Mutex<Vec<Told>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.node.name).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A secret in the form that rustls takes, which is wiped.
fn pkcs8(secret: &Secret) -> Zeroizing<[u8; 48]> {
    const FRONT: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let mut der = Zeroizing::new([0; 48]);
    der[..16].copy_from_slice(&FRONT);
    der[16..].copy_from_slice(secret.expose());
    der
}

fn certified(secret: &Secret, chain: Vec<CertificateDer<'static>>) -> Result<Arc<CertifiedKey>, KeyError> {
    let der = pkcs8(secret);
    let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(&der[..]));
    let key = key.map_err(|why| KeyError::Damaged { file: "a node's key".to_owned(), what: why.to_string() })?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

impl Credentials {
    /// Takes what is in a node's folder, asks for what is missing, and waits
    /// for it for a while at most. A thread keeps it new from then on, for as
    /// long as somebody holds it.
    ///
    /// # Errors
    /// When a key is damaged, whom to believe is not known, or no certificate
    /// comes.
    pub fn obtain(node: Node, clock: Clock, patience: Duration) -> Result<Arc<Self>, NoCredentials> {
        let secret = folder::secret(&node.keys, &node.files)?;
        let own = RwLock::new(Arc::new(Own::new(secret)?));
        let mut seen = Seen { key: stamp(&node.file("key")), ..Seen::default() };
        let deadline = patience.as_millis() / FIRST_LOOK.as_millis();
        let mut looks = 0;
        let authority = loop {
            seen.authority = authority_stamps(&node.keys);
            // The CA's office may be just about to bring it.
            match Authority::read(&node.keys) {
                Ok(authority) => break authority,
                Err(error) if looks >= deadline || node.keys.join(CERTIFICATE).exists() => return Err(error.into()),
                Err(_) => {}
            }
            looks += 1;
            pause(FIRST_LOOK);
        };
        let (held, seen) = (RwLock::new(None), Mutex::new(seen));
        let (authority, told) = (RwLock::new(Arc::new(authority)), Mutex::default());
        let credentials = Arc::new(Self { node, clock, own, held, authority, seen, told });
        credentials.look();
        while credentials.certificate().is_none() {
            if looks >= deadline {
                let (request, certificate) = (&credentials.node.request(), &credentials.node.certificate());
                return Err(NoCredentials::Unanswered {
                    name: credentials.node.name.clone(),
                    request: request.display().to_string(),
                    certificate: certificate.display().to_string(),
                });
            }
            looks += 1;
            pause(FIRST_LOOK);
            credentials.look();
        }
        let known = Arc::downgrade(&credentials);
        let keep = move || {
            while let Some(credentials) = known.upgrade() {
                credentials.look();
                drop(credentials);
                pause(LOOK);
            }
        };
        let named = thread::Builder::new().name("credentials".to_owned()).spawn(keep);
        named.map_err(folder::failed("start a thread"))?;
        Ok(credentials)
    }

    /// Who it is.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.node.name
    }

    /// Its key. What it shows may be the one before, until this has a certificate.
    #[must_use]
    pub fn key(&self) -> AgentId {
        self.own().shown.key.id()
    }

    fn own(&self) -> Arc<Own> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time, by its clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.clock)()
    }

    /// What its certificate says.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| held.certificate.clone())
    }

    /// What it shows.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map_or_else(|| self.own().shown.clone(), |held| held.shown.clone())
    }

    /// Whom it believes.
    #[must_use]
    pub fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.authority.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells somebody whenever whom to believe has changed.
    pub fn on_change(&self, told: impl Fn(&Authority) + Send + Sync + 'static) {
        locked(&self.told).push(Box::new(told));
    }

    /// Looks at the files once: what changed is taken, and what is due is
    /// asked for.
    pub fn look(&self) {
        let mut seen = locked(&self.seen);
        let now = self.now();
        let looked = self.look_at_authority(&mut seen).and_then(|()| self.look_at_key(&mut seen));
        let looked = looked.and_then(|()| self.look_at_certificate(&mut seen, now));
        if let Err(why) = looked
            && seen.said.is_none_or(|said| now.0.abs_diff(said.0) >= SAID)
        {
            seen.said = Some(now);
            tracing::error!(node = %self.node.name, %why, "a node's certificate is not kept new");
        }
    }

    fn look_at_authority(&self, seen: &mut Seen) -> Result<(), NoCredentials> {
        let stamps = authority_stamps(&self.node.keys);
        if stamps == seen.authority {
            return Ok(());
        }
        let mut read = Authority::read(&self.node.keys)?;
        let known = self.authority();
        if read.revoked().number < known.revoked().number {
            // An older list, or none: what was revoked stays so.
            read = read.with(known.revoked().clone()).map_err(|why| AuthorityError::Damaged {
                file: self.node.keys.join(REVOKED).display().to_string(),
                what: format!("it is older than what is known, and of that {why}"),
            })?;
        }
        seen.authority = stamps;
        // Whether the certificate is good is asked again.
        seen.certificate = [None; 2];
        let read = Arc::new(read);
        *self.authority.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        self.let_go(&read);
        for told in locked(&self.told).iter() {
            told(&read);
        }
        Ok(())
    }

    /// A certificate of a CA that is believed no longer is of no use to anybody,
    /// and another is asked for at once.
    fn let_go(&self, authority: &Authority) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let stranger = |held: &Held| {
            let der = held.shown.certified.cert.first();
            der.is_some_and(|der| authority.is_signed(der, held.certificate.from).is_err())
        };
        if held.as_ref().is_some_and(stranger) {
            *held = None;
        }
    }

    /// Takes another key that has the place of the last one.
    fn look_at_key(&self, seen: &mut Seen) -> Result<(), NoCredentials> {
        let stamp = stamp(&self.node.file("key"));
        if stamp == seen.key {
            return Ok(());
        }
        // One that was moved away is no other one.
        if let Some(secret) = folder::existing(&self.node.keys, &self.node.files)? {
            let own = Own::new(secret)?;
            if own.shown.key.id() != self.key() {
                *self.own.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(own);
                (seen.certificate, seen.asked) = ([None; 2], None);
            }
        }
        seen.key = stamp;
        Ok(())
    }

    fn look_at_certificate(&self, seen: &mut Seen, now: Moment) -> Result<(), NoCredentials> {
        // The second is where a key's first certificate is, until its key has its place.
        let files = [self.node.certificate(), self.node.file("next.pem")];
        let stamps = [stamp(&files[0]), stamp(&files[1])];
        if stamps != seen.certificate {
            // One key's as well as the other's may have changed: both are looked at.
            seen.certificate = stamps;
            if files.iter().any(|file| self.take(file, now)) {
                // It was answered: what is due from now on is asked for at once.
                seen.asked = None;
            }
        }
        let is_due = self.certificate().is_none_or(|held| held.key != self.key() || held.is_due(now));
        let waits = seen.asked.is_some_and(|asked| now.0.abs_diff(asked.0) < AGAIN);
        if is_due && !waits {
            let last = fs::read_to_string(self.node.request()).ok().and_then(|text| Request::read(&text).ok());
            let last = last.filter(|last| last.key == self.key());
            let own = self.own();
            let request = Request::after(last.as_ref(), &own.shown.key, self.node.name.clone(), now);
            folder::replace(&self.node.request(), request.text().as_bytes())?;
            seen.asked = Some(now);
        }
        Ok(())
    }

    /// Takes a certificate when it is this node's and good at this time; whether
    /// it was.
    fn take(&self, file: &Path, now: Moment) -> bool {
        let Ok(text) = fs::read_to_string(file) else { return false };
        let Ok(der) = CertificateDer::from_pem_slice(text.as_bytes()) else { return false };
        let expected = Expected { role: self.node.name.role(), region: self.node.name.region().map(str::to_owned) };
        let own = self.own();
        let found = match self.authority().judge(&der, &[], &expected, now) {
            Ok(found) if found.key == own.shown.key.id() && found.name == self.node.name => found,
            // The present key's while the next one waits for its place, and the other way round.
            Ok(found) if found.name == self.node.name => return false,
            Ok(found) => {
                tracing::warn!(node = %self.node.name, name = %found.name, "a certificate is another node's");
                return false;
            }
            Err(why) => {
                tracing::info!(node = %self.node.name, %why, "a certificate in the folder of keys is not used");
                return false;
            }
        };
        let Ok(certified) = certified(&own.secret, vec![der]) else { return false };
        let shown = Shown { key: Arc::clone(&own.shown.key), certified };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Held { certificate: found, shown });
        true
    }
}

fn authority_stamps(keys: &Path) -> [Stamp; 3] {
    [CERTIFICATE, ENDORSED, REVOKED].map(|name| stamp(&keys.join(name)))
}
