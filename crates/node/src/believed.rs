//! Whose word is taken here: the operator's, and that of gateways that vouch
//! for agents. Each is told once by a public key, and followed from there by
//! its line, see `custody::lineage`; both files are looked at again and again,
//! so that a key is followed without a start.
//!
//! It must never forget somebody because a file cannot be read just now, nor
//! believe a key that no file leads to: that a CA has signed a gateway's
//! certificate does not make it one that speaks for agents here.

use crate::home::{HomeError, failed};
use crate::rotation::AGAIN;
use custody::folder::{known, read_public};
use custody::lineage::{self, Followed};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use trust::{AgentId, Moment, PlanetId};

const OPERATOR: &str = "operator";

/// A key's name, itself, and its line as text.
type Told = (String, AgentId, String);

struct Held {
    operator: Followed,
    gateways: Vec<Followed>,
}

/// What was last looked at.
struct Seen {
    /// The files whose word is taken.
    taken: Vec<Told>,
    /// Others, whose word could not be, and looks until that is tried again.
    refused: Option<(Vec<Told>, u32)>,
}

/// Whose word is taken.
pub(crate) struct Believed {
    keys: PathBuf,
    planet: PlanetId,
    seen: Mutex<Seen>,
    held: RwLock<Held>,
}

impl Believed {
    /// Reads a folder of keys, which has an operator's.
    pub(crate) fn read(keys: &Path, planet: PlanetId, now: Moment) -> Result<Self, HomeError> {
        let told = told(keys)?;
        let held = RwLock::new(held(keys, planet, &told, now)?);
        Ok(Self { keys: keys.to_owned(), planet, seen: Mutex::new(Seen { taken: told, refused: None }), held })
    }

    /// Looks at the files again; what cannot be read changes nothing, and is tried
    /// again after a minute, or as soon as it is another.
    pub(crate) fn look(&self, now: Moment) -> Result<(), HomeError> {
        let told = told(&self.keys)?;
        let mut seen = self.seen();
        if seen.taken == told {
            seen.refused = None;
            return Ok(());
        }
        if let Some((_, wait)) = seen.refused.as_mut().filter(|(refused, _)| *refused == told)
            && *wait > 0
        {
            // What is wrong is said now and then, and not at each look.
            *wait -= 1;
            return Ok(());
        }
        let held = held(&self.keys, self.planet, &told, now);
        match held {
            Ok(held) => {
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
                *seen = Seen { taken: told, refused: None };
                Ok(())
            }
            Err(why) => {
                seen.refused = Some((told, AGAIN));
                Err(why)
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is the operator, by the key of today or, for as long as
    /// they overlap, by the one before.
    pub(crate) fn is_operator(&self, agent: AgentId, now: Moment) -> bool {
        self.held().operator.believes(agent, now)
    }

    /// The gateways whose word is taken now.
    pub(crate) fn gateways(&self, now: Moment) -> Vec<AgentId> {
        self.held().gateways.iter().flat_map(|gateway| gateway.all(now).collect::<Vec<_>>()).collect()
    }
}

fn nobody(keys: &Path) -> HomeError {
    let file = keys.join("operator.pub").display().to_string();
    HomeError::Damaged { file, what: "nobody says who the operator is".to_owned() }
}

fn told(keys: &Path) -> Result<Vec<Told>, HomeError> {
    let what = || format!("read {}", keys.display());
    let mut names = vec![OPERATOR.to_owned()];
    for file in std::fs::read_dir(keys).map_err(failed(what()))? {
        let name = file.map_err(failed(what()))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".pub")).unwrap_or_default();
        if name.starts_with("gateway-") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let of = |name: String| {
        let key = match name.as_str() {
            OPERATOR => known(keys, OPERATOR)?.ok_or_else(|| nobody(keys))?,
            name => read_public(&keys.join(format!("{name}.pub")))?,
        };
        let line = lineage::letters(keys, &name)?;
        Ok((name, key, line))
    };
    names.into_iter().map(of).collect()
}

fn held(keys: &Path, planet: PlanetId, told: &[Told], now: Moment) -> Result<Held, HomeError> {
    let (mut operator, mut gateways) = (None, Vec::new());
    for (name, key, line) in told {
        let damaged = |what: String| HomeError::Damaged { file: lineage::file(keys, name).display().to_string(), what };
        let statements = lineage::parse(line).ok_or_else(|| damaged("it is no line of keys".to_owned()))?;
        let followed = Followed::new(*key, &statements, planet, now).map_err(|why| damaged(why.to_string()))?;
        if name == OPERATOR { operator = Some(followed) } else { gateways.push(followed) }
    }
    Ok(Held { operator: operator.ok_or_else(|| nobody(keys))?, gateways })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use custody::folder::write_public;

    #[test]
    fn a_line_that_cannot_be_followed_now_is_tried_again_and_told_of_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, now) = (folder.path(), Moment(1_800_000_000_000));
        let key = |seed| trust::sign::SigningKey::new(&trust::Secret::take(&mut [seed; 32]));
        write_public(keys, OPERATOR, key(1).id()).unwrap();
        let believed = Believed::read(keys, PlanetId([7; 16]), now).unwrap();
        let line = lineage::file(keys, OPERATOR);
        std::fs::write(&line, "no line\n").unwrap();
        let mut told = Vec::new();
        for look in 0..=2 * AGAIN + 2 {
            if believed.look(now).is_err() {
                told.push(look);
            }
            assert!(believed.is_operator(key(1).id(), now), "it stays as it was");
        }
        assert_eq!(told, [0, AGAIN + 1, 2 * AGAIN + 2]);
        // As soon as it is another, nobody waits.
        std::fs::remove_file(&line).unwrap();
        believed.look(now).unwrap();
        std::fs::write(&line, "none either\n").unwrap();
        assert!(believed.look(now).is_err());
    }
}
