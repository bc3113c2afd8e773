//! How a key that signs gives its place to the next one: its own signature and
//! the next one's say so, and nobody has to be told by hand.
//!
//! | on the disk, in this order | is |
//! |---|---|
//! | `NAME.next.key`, with its sealed copy | the next key |
//! | `NAME.next.request`, `NAME.next.pem` | its certificate, where the present one has one |
//! | `NAME.line` | that it follows, see `lineage` |
//! | `NAME.before.key`, then `NAME.key` | they change places, see `succession` |
//! | `NAME.pem` | its certificate is where the last one's was |
//!
//! Each is one file, whole, so a kill anywhere leaves the old key or the new
//! one, and the next look goes on. It must never use a key that nobody could
//! follow to, nor one without the certificate that it needs.

use crate::authority::{Authority, Expected};
use crate::certificate::Certificate;
use crate::folder::{self, KeyError, failed};
use crate::lineage;
use crate::request::Request;
use crate::spiffe::Name;
use crate::succession;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use trust::rotation::{LONGEST_NOTICE, LONGEST_OVERLAP, Line, Statement};
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

/// A request that nobody has answered is made again.
const AGAIN: u64 = 10_000;
/// How long beyond its time a key may have waited, such as one whose planet was
/// down, where that comes to more than a year.
const DOWN: Millis = Millis::days(30);
/// What waits for a person. A clock that is wrong by so much cannot be told from
/// a planet that was down; and whoever follows a line takes no statement that is
/// dated more than a year ahead, nor any behind it.
const TOO_OLD: &str =
    "somebody to ask for it: by the clock the key is more than a year old; if that is right, `mycel trust rotate`";
/// How much longer than its last certificate a key is believed.
const SLACK: Millis = Millis::minutes(10);

/// A key that signs, and when it is to give its place away.
#[derive(Debug)]
pub struct Signer {
    /// The folder of keys.
    pub keys: PathBuf,
    /// What its files are called.
    pub name: String,
    /// The planet.
    pub planet: PlanetId,
    /// How long a key is used.
    pub every: Millis,
    /// How long it is believed after that; 30 days at most.
    pub overlap: Millis,
    /// Looks between telling of the next key and using it: whoever has to know
    /// of it has looked then.
    pub notice: u32,
    /// Whether no age makes it due now, because it was just rotated.
    pub rests: bool,
    /// How many of them there were.
    told: u32,
    /// When the next key's certificate was last asked for.
    asked: Option<Moment>,
}

/// What is done around a rotation by whoever knows more than a folder of keys.
pub trait Around {
    /// Enters that one key is to follow another, and whether somebody asked for
    /// it; nobody says so before.
    ///
    /// # Errors
    /// With the reason why it cannot be entered: then it is not done.
    fn enter(&mut self, _from: AgentId, _to: AgentId, _asked: bool) -> Result<(), String> {
        Ok(())
    }

    /// Brings the line to whoever has to know the next key before it is used;
    /// whether it is on its way to all of them.
    ///
    /// # Errors
    /// When the disk refuses.
    fn tell(&mut self) -> Result<bool, KeyError> {
        Ok(true)
    }
}

/// Nobody has to know, and nothing is entered.
impl Around for () {}

/// What came of a look.
#[derive(Debug)]
pub enum Looked {
    /// Nothing is due.
    Rests,
    /// It goes on when this has come.
    Waits(&'static str),
    /// A key has given its place to another.
    Turned {
        /// Which,
        from: AgentId,
        /// and to which.
        to: SigningKey,
        /// How that follows from the first one.
        line: Vec<Statement>,
    },
}

impl Signer {
    /// A key in a folder.
    #[must_use]
    pub const fn new(keys: PathBuf, name: String, planet: PlanetId, every: Millis, overlap: Millis) -> Self {
        Self { keys, name, planet, every, overlap, notice: 0, rests: false, told: 0, asked: None }
    }

    /// Looks once, and does what is due. Where the clock is not `settled`, nothing
    /// is due by age; nor is it where the key is older than whoever follows its
    /// line would believe.
    ///
    /// # Errors
    /// When the disk refuses, or a file is not what it has to be; the next look
    /// goes on where this one was.
    pub fn look(&mut self, (now, settled): (Moment, bool), around: &mut dyn Around) -> Result<Looked, KeyError> {
        let (keys, name) = (self.keys.clone(), self.name.clone());
        let (keys, name) = (keys.as_path(), name.as_str());
        let begun = succession::begun(keys, name)?.is_some();
        if !begun {
            self.certificate_takes_its_place()?;
            if settled {
                self.end_overlap(now)?;
            }
        }
        if !begun && !succession::is_asked(keys, name) {
            let age = succession::age(keys, name, now)?.unwrap_or_default();
            let is_due = settled && !self.rests && age >= self.every;
            if !is_due || age >= self.oldest() {
                (self.told, self.asked) = (0, None);
                return Ok(if is_due { Looked::Waits(TOO_OLD) } else { Looked::Rests });
            }
        }
        let nothing = || KeyError::Damaged {
            file: keys.join(format!("{name}.key")).display().to_string(),
            what: "it is not there, and there is a next one".to_owned(),
        };
        let present = SigningKey::new(&folder::existing(keys, name)?.ok_or_else(nothing)?);
        let next = SigningKey::new(&succession::begin(keys, name)?);
        if next.id() == present.id() {
            // A copy of it that was brought back under the name that it had before.
            succession::withdraw(keys, name)?;
            return Ok(Looked::Rests);
        }
        let certificate = self.certificate(&format!("{name}.pem"))?;
        if let Some(certificate) = &certificate
            && !self.is_certified(&certificate.name, next.id(), now)
        {
            self.request(&next, certificate.name.clone(), now)?;
            return Ok(Looked::Waits("the next key's certificate"));
        }
        if !self.is_stated(&present, &next)? {
            let asked = succession::is_asked(keys, name);
            let entered = around.enter(present.id(), next.id(), asked).map_err(io::Error::other);
            entered.map_err(failed("enter in the audit log that a key is rotated"))?;
        }
        let line = self.state(&present, &next, now, certificate.as_ref())?;
        // Whoever asked sees the next key until it is done, and the entry says who did: a kill has it done once.
        succession::answer(keys, name)?;
        if !around.tell()? {
            return Ok(Looked::Waits("the CA's office to hear of the next key"));
        }
        if self.told < self.notice {
            self.told += 1;
            return Ok(Looked::Waits("everybody to know the next key"));
        }
        succession::finish(keys, name)?;
        self.certificate_takes_its_place()?;
        (self.told, self.asked) = (0, None);
        Ok(Looked::Turned { from: present.id(), to: next, line })
    }

    /// By its age no key is rotated that is as old as this.
    fn oldest(&self) -> Millis {
        Millis(self.every.0.saturating_add(DOWN.0).max(LONGEST_NOTICE.0))
    }

    fn certificate(&self, called: &str) -> Result<Option<Certificate>, KeyError> {
        let file = self.keys.join(called);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(failed(format!("read {}", file.display())))?,
        };
        let damaged = |why: &dyn std::fmt::Display| {
            let (file, what) = (file.display().to_string(), format!("it is no certificate of a node: {why}"));
            KeyError::Damaged { file, what }
        };
        Certificate::read_pem(&text).map(Some).map_err(|why| damaged(&why))
    }

    /// Whether the next key has a certificate that everybody believes now.
    fn is_certified(&self, name: &Name, key: AgentId, now: Moment) -> bool {
        let file = self.keys.join(format!("{}.next.pem", self.name));
        let Ok(der) = CertificateDer::from_pem_file(file) else { return false };
        let expected = Expected { role: name.role(), region: name.region().map(str::to_owned) };
        let judged = Authority::read(&self.keys).ok().and_then(|known| known.judge(&der, &[], &expected, now).ok());
        judged.is_some_and(|found| found.key == key && found.name == *name)
    }

    /// Asks for the next key's certificate, as `credentials` asks for others.
    fn request(&mut self, next: &SigningKey, name: Name, now: Moment) -> Result<(), KeyError> {
        if self.asked.is_some_and(|asked| now.0.abs_diff(asked.0) < AGAIN) {
            return Ok(());
        }
        let file = self.keys.join(format!("{}.next.request", self.name));
        let last = fs::read_to_string(&file).ok().and_then(|text| Request::read(&text).ok());
        let last = last.filter(|last| last.key == next.id());
        folder::replace(&file, Request::after(last.as_ref(), next, name, now).text().as_bytes())?;
        self.asked = Some(now);
        Ok(())
    }

    fn is_stated(&self, present: &SigningKey, next: &SigningKey) -> Result<bool, KeyError> {
        let known = lineage::read(&self.keys, &self.name)?;
        Ok(known.last().is_some_and(|last| last.old == present.id() && last.new == next.id()))
    }

    /// Says that one follows the other, once; the line from then on.
    fn state(
        &self,
        present: &SigningKey,
        next: &SigningKey,
        now: Moment,
        certificate: Option<&Certificate>,
    ) -> Result<Vec<Statement>, KeyError> {
        let damaged = |what: String| lineage::damaged(&self.keys, &self.name, what);
        let mut known = lineage::read(&self.keys, &self.name)?;
        if self.is_stated(present, next)? {
            return Ok(known);
        }
        if let Some(other) = known.iter().find(|said| said.old == present.id()) {
            // To say otherwise now would be a fork.
            return Err(damaged(format!("{} is to follow, and its key is not here as a next one", other.new)));
        }
        if known.last().is_some_and(|last| last.new != present.id()) {
            // The key was replaced by hand: what is in the file is another line.
            known.clear();
        }
        let first = |_| damaged("its key is none".to_owned());
        let as_of = lineage::as_of(&known, now);
        let line = Line::read(&known, as_of).map_err(|why| damaged(why.to_string()))?;
        let mut line = line.map_or_else(|| Line::new(self.planet, present.id()).map_err(first), Ok)?;
        // After a clock was set back a key still begins no sooner than the one before it.
        let from = now.max(known.last().map_or(now, |last| last.from));
        // A certificate that outlived its key's time would still be believed.
        let certified = certificate.map(|held| Millis(held.until.since(held.from).0.saturating_add(SLACK.0)));
        let overlap = self.overlap.max(certified.unwrap_or_default()).min(LONGEST_OVERLAP);
        let said = line.rotate(present, next, from, from.after(overlap));
        line.accept(&said, as_of).map_err(|why| damaged(why.to_string()))?;
        known.push(said);
        lineage::write(&self.keys, &self.name, &known)?;
        Ok(known)
    }

    /// What a kill between two names leaves is put right: the certificate of the
    /// key that has its place now.
    fn certificate_takes_its_place(&self) -> Result<(), KeyError> {
        let of = |ending: &str| self.keys.join(format!("{}{ending}", self.name));
        if let Some(next) = self.certificate(&format!("{}.next.pem", self.name))? {
            let (from, to) = (of(".next.pem"), of(".pem"));
            if folder::known(&self.keys, &self.name)? == Some(next.key) {
                fs::rename(&from, &to).map_err(failed(format!("rename {}", from.display())))?;
            } else {
                succession::remove(&from)?;
            }
            succession::sync(&self.keys)?;
        }
        succession::remove(&of(".next.request"))
    }

    /// Destroys the key before once nobody believes it any more.
    fn end_overlap(&self, now: Moment) -> Result<(), KeyError> {
        if succession::before(&self.keys, &self.name)?.is_none() {
            return Ok(());
        }
        let until = lineage::read(&self.keys, &self.name)?.last().map(|last: &Statement| last.until);
        if until.is_none_or(|until| until <= now) {
            succession::forget(&self.keys, &self.name)?;
            tracing::info!(key = self.name, "the key before its present one was destroyed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::sealed;
    use std::time::{Duration, UNIX_EPOCH};

    /// A process that starts with a clock that is wrong knows nothing of it, and
    /// what is stated once stands: clients would not follow it before its time.
    #[test]
    fn no_age_has_a_key_say_what_clients_would_not_follow() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, right) = (folder.path(), Moment(1_800_000_000_000));
        let planet = PlanetId::of_root(sealed::root(keys).unwrap());
        let first = SigningKey::new(&folder::secret(keys, "node").unwrap()).id();
        let made = fs::File::options().write(true).open(keys.join("node.key")).unwrap();
        made.set_modified(UNIX_EPOCH + Duration::from_millis(right.0)).unwrap();
        let every = Millis::days(90);
        let mut signer = Signer::new(keys.to_owned(), "node".to_owned(), planet, every, Millis::days(7));
        for days in [365, 500, 5_000] {
            let looked = signer.look((right.after(Millis::days(days)), true), &mut ()).unwrap();
            assert!(matches!(looked, Looked::Waits(what) if what.contains("trust rotate")), "{days}: {looked:?}");
        }
        assert_eq!(lineage::read(keys, "node").unwrap(), []);
        let mut turned = |now| match signer.look((now, true), &mut ()).unwrap() {
            Looked::Turned { to, .. } => to.id(),
            other => panic!("{other:?}"),
        };
        // By the last clock by which it is due it says what everybody follows whose clock is right.
        let second = turned(right.after(Millis(Millis::days(365).0 - 1)));
        let mut line = Line::new(planet, first).unwrap();
        line.accept(&lineage::read(keys, "node").unwrap()[0], right).unwrap();
        assert_eq!(line.newest(), second);
        // Whoever knows better asks for it.
        succession::ask(keys, "node").unwrap();
        assert_ne!(turned(right.after(Millis::days(5_000))), second);
    }
}
