//! What keys and certificates a planet's directory has, and how each is.
//!
//! It must never show a secret. How old a key is and who could read it the file
//! itself says.

mod books;
mod missing;

pub(super) use books::list;

use super::used::Used;
use crate::failure::Failure;
use custody::KeyError;
use custody::authority::{Authority, AuthorityError, root};
use custody::ca::CERTIFICATE;
use custody::certificate::Certificate;
use custody::folder;
use custody::revocation::Revocations;
use custody::vault;
use planet::Keys;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use trust::{Moment, PlanetId};
use vocab::Millis;

/// How a key or a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Good,
    /// Its owner is not the only one who can read it.
    Open,
    /// It is older than the planet lets a key be.
    Late,
    /// A certificate has ended.
    Expired,
    /// It was taken back.
    Revoked(String),
    /// It was taken back and has given its place to another: nothing is to be
    /// done, and it goes when its overlap ends.
    Replaced(String),
    /// A token keeps it, and is not open.
    Closed(String),
    /// It is not wrapped, beside keys that are.
    Plain,
    /// It cannot be read.
    Damaged(String),
    /// It was there, as what is beside it shows.
    Missing(&'static str),
}

impl State {
    /// Whether nothing is to be done.
    pub(super) const fn is_good(&self) -> bool {
        matches!(self, Self::Good | Self::Replaced(_))
    }

    pub(super) fn word(&self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::Open => "OPEN to others".to_owned(),
            Self::Late => "LATE".to_owned(),
            Self::Expired => "EXPIRED".to_owned(),
            Self::Revoked(reason) => format!("REVOKED: {reason}"),
            Self::Replaced(reason) => format!("good: another took its place; revoked: {reason}"),
            Self::Closed(why) => format!("CLOSED: {why}"),
            Self::Plain => "PLAIN: not wrapped".to_owned(),
            Self::Damaged(why) => format!("DAMAGED: {why}"),
            Self::Missing(what) => format!("MISSING: {what}"),
        }
    }
}

/// How long keys are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    signing: Millis,
    data: Millis,
}

impl Ages {
    /// What a planet file says, or what it would say.
    pub(super) fn of(keys: Option<&Keys>) -> Self {
        let usual = Self { signing: Millis::days(90), data: Millis::days(30) };
        keys.map_or(usual, |keys| Self { signing: keys.rotation.value, data: keys.data_rotation.value })
    }
}

/// A key or a certificate.
pub(super) struct Item {
    /// What it is.
    pub(super) what: &'static str,
    /// What it is for.
    pub(super) purpose: &'static str,
    /// Where, below the planet's directory.
    pub(super) file: String,
    /// The public key, or the serial of the certificate.
    pub(super) names: Option<String>,
    pub(super) mode: u32,
    pub(super) age: Millis,
    /// When a key is to be replaced, and when a certificate ends.
    pub(super) until: Option<Moment>,
    pub(super) state: State,
    /// The token that has it, or has wrapped it.
    pub(super) token: Option<String>,
}

impl Item {
    pub(super) const fn is_there(&self) -> bool {
        !matches!(self.state, State::Missing(_))
    }

    /// Where it is kept.
    pub(super) fn kept(&self) -> String {
        match &self.token {
            None => "file".to_owned(),
            Some(token) if self.file.ends_with(".key") => format!("wrapped by {token}"),
            Some(token) => format!("in {token}"),
        }
    }
}

/// What a secret is, what it is for, and how long it is used.
fn known(name: &str, ages: Ages) -> (&'static str, &'static str, Option<Millis>) {
    let (signing, data) = (Some(ages.signing), Some(ages.data));
    match name {
        "root" => ("root key", "names the planet and endorses its CA; needed for nothing from day to day", None),
        "recovery" => ("recovery key", "brings the other keys back, where the root is in a token; to be split", None),
        "operator" => ("operator's key", "signs what an operator asks: bans, backups, erasures", signing),
        "ca" => ("CA's key", "signs the certificates of nodes, and the list of what is revoked", signing),
        "audit" => {
            ("audit log's key", "signs the checkpoints of the log beside it; that replaces it by itself", signing)
        }
        "audit.entries" => {
            ("audit entries' key", "opens what the log's entries say; it has no successor, which would need it", None)
        }
        "words" => ("words' key", "opens what people wrote of sealed blocks", None),
        _ if name.starts_with("ca.next-") => {
            ("next CA's key", "takes the CA's place; the root has endorsed it already", None)
        }
        "node" => ("node's key", "what a host shows gateways, and signs checkpoints with", signing),
        _ if name.starts_with("region-") && name.ends_with(".before") => {
            ("region's key before", "opens what it made, until the overlap has passed", None)
        }
        _ if name.ends_with(".before") => {
            ("key before", "is believed beside the present one, until that is over", None)
        }
        _ if name.ends_with(".next") => ("next key", "takes the place of the present one any moment", None),
        _ if name.starts_with("gateway") => ("gateway's key", "what a gateway shows hosts, and vouches with", signing),
        _ if name.starts_with("region-") => ("region's key", "makes leases and wraps the keys of owners' data", data),
        _ => ("key", "not one of the planet's own", None),
    }
}

/// Everything below a planet's directory, in the order of its files.
pub(super) fn read(data: &Path, ages: Ages, now: Moment) -> Result<Vec<Item>, Failure> {
    let own = data.join("keys");
    // One that cannot be read is told of as that.
    let revoked = list(&own).ok().flatten();
    let look = Look { data, ages, now, revoked, used: Used::of(data, now) };
    let mut items: Vec<Item> = look.root(&own)?.into_iter().collect();
    items.extend(look.folder(&own)?);
    look.books(&own, &mut items)?;
    look.missing(&own, &mut items)?;
    for above in ["gateways", "regions"] {
        for region in folders(&data.join(above))? {
            let keys = region.join("keys");
            items.extend(look.folder(&keys)?);
            look.books(&keys, &mut items)?;
            look.missing(&keys, &mut items)?;
        }
    }
    if items.is_empty() {
        let what = format!("{} has no keys", data.display());
        return Err(Failure::told(what, "`mycel trust init planet.toml` makes them; --data names another directory"));
    }
    Ok(items)
}

/// Whose planet's keys they are.
pub(super) fn planet(data: &Path) -> Option<PlanetId> {
    root(&data.join("keys")).ok().map(PlanetId::of_root)
}

/// The folders in a folder, by name; none where there is none.
fn folders(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = files(place)?;
    found.retain(|path| path.is_dir());
    Ok(found)
}

fn files(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let list = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list.map_err(|error| Failure::file("read", place, &error))?,
    };
    let paths = list.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(|error| Failure::file("read", place, &error))?;
    paths.sort();
    Ok(paths)
}

struct Look<'a> {
    data: &'a Path,
    ages: Ages,
    now: Moment,
    revoked: Option<Revocations>,
    used: Used,
}

impl Look<'_> {
    fn folder(&self, folder: &Path) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        for file in files(folder)? {
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let seen = |error| Failure::file("read", &file, &error);
            match ending {
                "key" => items.push(self.key(&file, &name).map_err(seen)?),
                // The CA's own is brought to every region; it is shown once.
                "pem" if file.ends_with(CERTIFICATE) && folder != self.data.join("keys") => {}
                "pem" if file.ends_with(CERTIFICATE) => items.push(self.ca(folder, &file).map_err(seen)?),
                "pem" => items.push(self.certificate(&file).map_err(seen)?),
                _ => {}
            }
        }
        Ok(items)
    }

    fn item(&self, file: &Path, what: &'static str, purpose: &'static str) -> io::Result<Item> {
        let found = fs::metadata(file)?;
        let written = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let written = Moment(u64::try_from(written.as_millis()).unwrap_or(u64::MAX));
        let name = file.strip_prefix(self.data).unwrap_or(file).display().to_string();
        let (mode, age) = (found.permissions().mode() & 0o777, self.now.since(written));
        let state = State::Good;
        Ok(Item { what, purpose, file: name, names: None, mode, age, until: None, state, token: None })
    }

    /// The root key, where it is in a token.
    fn root(&self, keys: &Path) -> Result<Option<Item>, Failure> {
        let Some(place) = vault::place(keys)? else { return Ok(None) };
        let (what, purpose, _) = known("root", self.ages);
        let file = keys.join(vault::FILE);
        let mut item = self.item(&file, what, purpose).map_err(|error| Failure::file("read", &file, &error))?;
        item.token = Some(place.label);
        match vault::open(keys) {
            Ok(root) => item.names = root.map(|root| root.id().to_string()),
            Err(KeyError::Token { why, .. }) => item.state = State::Closed(why.to_string()),
            Err(why) => item.state = State::Damaged(why.to_string()),
        }
        Ok(Some(item))
    }

    fn key(&self, file: &Path, name: &str) -> io::Result<Item> {
        let folder = file.parent().unwrap_or(file);
        let (what, purpose, used) = known(name, self.ages);
        // What nobody uses nobody rotates, and it is not late.
        let used = used.filter(|_| self.used.has(folder, name));
        let mut item = self.item(file, what, purpose)?;
        let above = file.parent().map_or(Ok(0o700), |folder| fs::metadata(folder).map(|found| found.mode()))?;
        let public = folder::known(folder, name);
        let place = vault::place(folder).ok().flatten();
        let is_wrapped = folder::read_private(file).is_ok_and(|text| text.is_some_and(|text| vault::is_wrapped(&text)));
        item.token = place.as_ref().filter(|_| is_wrapped).map(|place| place.label.clone());
        item.until = used.map(|used| Moment(self.now.0.saturating_sub(item.age.0)).after(used));
        item.names = public.as_ref().ok().and_then(|key| *key).map(|key| key.to_string());
        let closed = is_wrapped && matches!(folder::contents(folder, name), Err(KeyError::Token { .. }));
        // A region's key signs nothing, and so has no public half to show.
        if what.starts_with("region's") {
            item.names = None;
        }
        let revoked = public.as_ref().ok().and_then(|key| self.revoked(None, (*key)?));
        item.state = match (public, revoked, item.until) {
            // Somebody who can write to the folder can put another key there.
            _ if item.mode & 0o077 != 0 || above & 0o022 != 0 => State::Open,
            // Why, the root's line says.
            _ if closed => State::Closed("its token is not open".to_owned()),
            (Err(KeyError::Damaged { what, .. }), ..) => State::Damaged(what),
            (Err(why), ..) => State::Damaged(why.to_string()),
            _ if place.is_some() && !is_wrapped => State::Plain,
            // Whoever holds the key in its place is believed, and this one is not.
            (_, Some(reason), _) if name.ends_with(".before") => State::Replaced(reason),
            (_, Some(reason), _) => State::Revoked(reason),
            (_, _, Some(until)) if self.now > until => State::Late,
            _ => State::Good,
        };
        Ok(item)
    }

    fn revoked(&self, serial: Option<custody::certificate::Serial>, key: trust::AgentId) -> Option<String> {
        let serial = serial.unwrap_or(custody::certificate::Serial([0; 16]));
        self.revoked.as_ref()?.of(serial, key).map(|entry| entry.reason.clone())
    }

    /// Whether somebody uses the key of a certificate.
    fn is_used(&self, certificate: &Path) -> bool {
        let name = certificate.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        self.used.has(certificate.parent().unwrap_or(certificate), name)
    }

    fn certificate(&self, file: &Path) -> io::Result<Item> {
        let mut item = self.item(file, "certificate", "what a node shows other nodes; it renews it by itself")?;
        match Certificate::read_pem(&fs::read_to_string(file)?) {
            Err(why) => item.state = State::Damaged(why.to_string()),
            Ok(found) => {
                (item.until, item.names) = (Some(found.until), Some(found.serial.to_string()));
                if let Some(reason) = self.revoked(Some(found.serial), found.key) {
                    item.state = State::Revoked(reason);
                } else if self.now > found.until && self.is_used(file) {
                    item.state = State::Expired;
                }
            }
        }
        Ok(item)
    }

    fn ca(&self, folder: &Path, file: &Path) -> io::Result<Item> {
        let mut item = self.item(file, "CA's certificate", "whom nodes believe, as the root key has endorsed it")?;
        match Authority::endorsed(folder) {
            Err(AuthorityError::Damaged { what, .. }) => item.state = State::Damaged(what),
            Err(why) => item.state = State::Damaged(why.to_string()),
            Ok(authority) => {
                let present = folder::known(folder, "ca").ok().flatten();
                let mut all = authority.cas();
                // Where the CA is, the one that is in its place; elsewhere the one that lasts longest.
                all.sort_by_key(|(key, _, until)| (Some(*key) == present, *until));
                if present.is_some_and(|present| all.iter().all(|(key, ..)| *key != present)) {
                    item.state = State::Damaged("the CA whose key is beside it is not in it".to_owned());
                } else if let Some((key, _, until)) = all.pop() {
                    (item.until, item.names) = (Some(until), Some(key.to_string()));
                    item.state = if self.now > until { State::Expired } else { State::Good };
                }
            }
        }
        Ok(item)
    }
}
