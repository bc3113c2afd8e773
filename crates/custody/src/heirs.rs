//! CAs that follow each other: `ca.key` issues, and `ca.next-1.key` and those
//! behind it take its place one after the other. The root has endorsed all of
//! them ahead, so that its key stays in its safe from one year to the next.
//!
//! It must never put a CA in its place that nodes were not told of: an heir
//! stands in `ca.pem` and `ca.endorsed`, which every node is brought, long before
//! it issues anything. Nor may it forget a CA that somebody's certificate is
//! still from.
//!
//! Whoever steals `ca.key` steals the heirs beside it: against that there is
//! [`begin_anew`], which takes the root key and believes none of them any more.
//!
//! Each step is one file, whole. What a kill cuts short [`settle`] ends.

use crate::authority::{Authority, AuthorityError, MOST_CAS, REVOKED};
use crate::ca::{CA_LIFE, CERTIFICATE, Ca, CaError, ENDORSED, MOST_LIFE, pem};
use crate::certificate;
use crate::endorsement::Endorsement;
use crate::folder::{self, KeyError, Made, existing, failed};
use crate::office::{alone, revocations};
use crate::revocation::{NotRevoked, Revocations};
use crate::root::Root;
use crate::{scratch, sealed, succession};
use rustls::pki_types::CertificateDer;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};
use vocab::Millis;

/// CAs that are endorsed ahead: with ninety days each they last for a year, and
/// with the present one and those whose certificates have not ended they are
/// fewer than a node believes at once.
pub const AHEAD: usize = 3;
/// The present CA.
const CA: &str = "ca";
/// What the names of heirs begin with; a number follows.
const HEIR: &str = "ca.next-";
/// How long nodes beside the CA have to read of an heir before it issues.
pub const HEARD: Millis = Millis::seconds(5);
/// How far the clock of whoever reads a certificate may be behind.
const BEHIND: Millis = Millis::minutes(5);

/// Why no heir takes the CA's place. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum NotInherited {
    /// There is none.
    #[error(
        "no CA is endorsed to follow the present one: `mycel trust init`, where the root key is and no planet runs, \
         endorses the next ones, as soon as CAs of before have ended: a node believes {MOST_CAS} at most"
    )]
    Nobody,
    /// Nodes may not have read of it.
    #[error("nodes are still told of the CA that is to follow; it takes its place in {0}")]
    NotYet(Millis),
    /// It could not be entered, and so was not done.
    #[error("it cannot be entered in the audit log: {0}")]
    NotEntered(String),
    /// The CA cannot.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// Whom nodes believe cannot be read.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl From<KeyError> for NotInherited {
    fn from(why: KeyError) -> Self {
        Self::Ca(why.into())
    }
}

/// The heirs' names in a folder of keys, the next one first.
///
/// # Errors
/// When the disk refuses.
pub fn names(keys: &Path) -> Result<Vec<String>, KeyError> {
    let number = |name: &String| name.strip_prefix(HEIR).and_then(|number| number.parse::<u32>().ok());
    let mut found: Vec<_> =
        sealed::names(keys, ".key")?.into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Has nodes believe the present CA, and those that are to follow it: where the
/// root key is, these are made until there are enough.
pub(crate) fn install_all(
    keys: &Path,
    ca: &Ca,
    root: Option<&Root>,
    now: Moment,
    made: &mut Made<'_>,
) -> Result<(), CaError> {
    let _alone = alone(keys)?;
    install(keys, ca, root, now)?;
    root.map_or(Ok(()), |root| make_ahead(keys, ca.planet(), root, now, made))
}

fn make_ahead(keys: &Path, planet: PlanetId, root: &Root, now: Moment, made: &mut Made<'_>) -> Result<(), CaError> {
    let mut known = names(keys)?;
    let last = known.last().and_then(|name| name.strip_prefix(HEIR)?.parse::<u32>().ok()).unwrap_or(0);
    // What a node does not read is not written: those of before leave room in time.
    let room = MOST_CAS.saturating_sub(endorsements(keys)?.len());
    let missing = AHEAD.saturating_sub(known.len()).min(room);
    known.extend((last.saturating_add(1)..).take(missing).map(|number| format!("{HEIR}{number}")));
    for name in known {
        match install(keys, &Ca::new(planet, &folder::secret_as(keys, &name, made)?)?, Some(root), now) {
            // One that a kill has left without its endorsement waits for room as well.
            Err(CaError::Full) => break,
            installed => installed?,
        }
    }
    Ok(())
}

/// Has nodes believe a CA: the root's word, then its certificate; what is there
/// stays.
fn install(keys: &Path, ca: &Ca, root: Option<&Root>, now: Moment) -> Result<(), CaError> {
    let mut said = endorsements(keys)?;
    if !said.iter().any(|said| said.ca == ca.id()) {
        let root = root.ok_or_else(|| CaError::NoRoot(keys.display().to_string()))?;
        if said.len() >= MOST_CAS {
            return Err(CaError::Full);
        }
        let (from, until) = ca.life(now, CA_LIFE);
        said.push(Endorsement::make(root, ca.planet(), ca.id(), from, until)?);
        write_endorsements(keys, &said)?;
    }
    let mut ders = certificates(keys)?;
    if !ders.iter().any(|(key, _)| *key == ca.id()) {
        for said in said.iter().filter(|said| said.ca == ca.id()).take(1) {
            ders.push((ca.id(), ca.certify(said.from, said.until)?));
        }
        write_certificates(keys, &ders)?;
    }
    Ok(())
}

fn damaged(file: &Path, what: &dyn std::fmt::Display) -> KeyError {
    KeyError::Damaged { file: file.display().to_string(), what: what.to_string() }
}

/// A file of everybody's, or nothing where there is none.
fn text(file: &Path) -> Result<String, KeyError> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(failed(format!("read {}", file.display()))),
    }
}

fn endorsements(keys: &Path) -> Result<Vec<Endorsement>, KeyError> {
    let file = keys.join(ENDORSED);
    Endorsement::read_all(&text(&file)?).map_err(|why| damaged(&file, &why))
}

fn write_endorsements(keys: &Path, said: &[Endorsement]) -> Result<(), KeyError> {
    let text: String = said.iter().map(Endorsement::text).collect();
    folder::replace(&keys.join(ENDORSED), text.as_bytes())
}

/// The CAs' certificates, each with its key.
fn certificates(keys: &Path) -> Result<Vec<(AgentId, CertificateDer<'static>)>, KeyError> {
    let file = keys.join(CERTIFICATE);
    let found = certificate::read_all(&text(&file)?).map_err(|why| damaged(&file, &why))?;
    let of = |der| Ok((certificate::key_of(&der).map_err(|why| damaged(&file, &why))?, der));
    found.into_iter().map(of).collect()
}

fn write_certificates(keys: &Path, ders: &[(AgentId, CertificateDer<'_>)]) -> Result<(), KeyError> {
    let text: String = ders.iter().map(|(_, der)| pem(der)).collect();
    folder::replace(&keys.join(CERTIFICATE), text.as_bytes())
}

fn present(keys: &Path, planet: PlanetId) -> Result<Ca, NotInherited> {
    let secret = existing(keys, CA)?.ok_or_else(|| damaged(&keys.join("ca.key"), &"it is not there"))?;
    Ok(Ca::new(planet, &secret)?)
}

/// The next heir takes the CA's place; who gave it up, and who has it. `enter`
/// is asked before anything is done, and nothing is when it refuses.
///
/// # Errors
/// With the reason why none does.
pub fn inherit(
    keys: &Path,
    planet: PlanetId,
    now: Moment,
    enter: impl FnOnce(AgentId, AgentId) -> Result<(), String>,
) -> Result<(AgentId, AgentId), NotInherited> {
    let _alone = alone(keys)?;
    settle_alone(keys, planet, now)?;
    let name = names(keys)?.into_iter().next().ok_or(NotInherited::Nobody)?;
    let secret = existing(keys, &name)?.ok_or(NotInherited::Nobody)?;
    let next = Ca::new(planet, &secret)?;
    // One that was cut short before the root had endorsed it is no heir.
    if !Authority::read(keys)?
        .cas()
        .iter()
        .any(|(key, from, until)| *key == next.id() && (*from..=*until).contains(&now))
    {
        return Err(NotInherited::Nobody);
    }
    let told = succession::made(&keys.join(CERTIFICATE))?.map_or(HEARD, |told| now.since(told));
    if told < HEARD {
        return Err(NotInherited::NotYet(Millis(HEARD.0 - told.0)));
    }
    let before = present(keys, planet)?;
    enter(before.id(), next.id()).map_err(NotInherited::NotEntered)?;
    take_place(keys, &secret)?;
    settle_alone(keys, planet, now)?;
    Ok((before.id(), next.id()))
}

/// Replaces the CA and all heirs by ones that are made now, and believes none of
/// those before from now on: what they have issued is worth nothing, and nodes
/// ask for other certificates as soon as they read of it. `enter` and `made` are
/// asked before a key takes that place, and before those that follow it are made.
///
/// # Errors
/// When the disk refuses; then it is to be done again.
pub fn begin_anew(
    keys: &Path,
    planet: PlanetId,
    root: &Root,
    now: Moment,
    (enter, made): (impl FnOnce(AgentId, AgentId) -> Result<(), String>, &mut Made<'_>),
) -> Result<(AgentId, AgentId), NotInherited> {
    let _alone = alone(keys)?;
    settle_alone(keys, planet, now)?;
    let before = present(keys, planet)?;
    let secret = folder::drawn()?;
    let next = Ca::new(planet, &secret)?;
    enter(before.id(), next.id()).map_err(NotInherited::NotEntered)?;
    for name in names(keys)? {
        scratch::destroy(keys, &name)?;
    }
    // Room for one more; the present one issues until its place is taken.
    forget_all_but(keys, &[before.id()])?;
    install(keys, &next, Some(root), now)?;
    take_place(keys, &secret)?;
    settle_alone(keys, planet, now)?;
    forget_all_but(keys, &[next.id()])?;
    make_ahead(keys, planet, root, now, made)?;
    Ok((before.id(), next.id()))
}

/// Puts a secret in the CA's place. The one before is overwritten, once it has
/// no name any more.
fn take_place(keys: &Path, next: &Secret) -> Result<(), KeyError> {
    let (file, before) = (keys.join("ca.key"), leaving(keys));
    fs::hard_link(&file, &before).map_err(failed(format!("link {}", before.display())))?;
    folder::keep(keys, CA, next)?;
    scratch::wipe(&before)
}

/// A second name of the CA's key while it loses the first.
fn leaving(keys: &Path) -> PathBuf {
    keys.join("ca.leaving")
}

/// Ends what a kill has cut short, and lets go of CAs whose last certificates
/// have ended.
///
/// # Errors
/// When the disk refuses, or a key is damaged.
pub fn settle(keys: &Path, planet: PlanetId, now: Moment) -> Result<(), NotInherited> {
    let _alone = alone(keys)?;
    settle_alone(keys, planet, now)
}

fn settle_alone(keys: &Path, planet: PlanetId, now: Moment) -> Result<(), NotInherited> {
    let file = keys.join("ca.key");
    let inode = |file: &Path| fs::metadata(file).map(|found| found.ino()).ok();
    let before = leaving(keys);
    if inode(&before).is_some() {
        // Two names of one file: it did not lose its place yet.
        if inode(&before) == inode(&file) { succession::remove(&before)? } else { scratch::wipe(&before)? }
    }
    scratch::clear(keys)?;
    let ca = present(keys, planet)?;
    let mut known = vec![ca.id()];
    for name in names(keys)? {
        let Some(secret) = existing(keys, &name)? else { continue };
        let heir = SigningKey::new(&secret).id();
        if heir == ca.id() { scratch::destroy(keys, &name)? } else { known.push(heir) }
    }
    let list = revocations(keys, &ca)?;
    if list.number > own_number(keys) || list.number > 0 && list.by != ca.id() {
        // By a CA that will be forgotten: signed by this one it is believed on.
        let signed = list.with(ca.key(), &[], "signed anew", now);
        let signed = signed.map_err(|why: NotRevoked| damaged(&keys.join(REVOKED), &why))?;
        folder::replace(&keys.join(REVOKED), signed.text().as_bytes())?;
    }
    let since = succession::age(keys, CA, now)?.unwrap_or_default();
    if since.0 > MOST_LIFE.0 + BEHIND.0 {
        forget_all_but(keys, &known)?;
    }
    Ok(())
}

/// The number of the list that is in this folder itself; 0 without one.
fn own_number(keys: &Path) -> u64 {
    let text = fs::read_to_string(keys.join(REVOKED)).ok();
    text.and_then(|text| Revocations::read(&text).ok()).map_or(0, |list| list.number)
}

/// Lets nodes believe these CAs and no other.
fn forget_all_but(keys: &Path, known: &[AgentId]) -> Result<(), KeyError> {
    let (mut ders, mut said) = (certificates(keys)?, endorsements(keys)?);
    let (all, words) = (ders.len(), said.len());
    ders.retain(|(key, _)| known.contains(key));
    said.retain(|said| known.contains(&said.ca));
    // First the certificates: each of them has to be endorsed.
    if ders.len() < all {
        write_certificates(keys, &ders)?;
    }
    if said.len() < words {
        write_endorsements(keys, &said)?;
    }
    Ok(())
}
