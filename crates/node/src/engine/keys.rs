//! The keys of a region while its planet runs: the one that leases are made
//! with, and the one before it for as long as leases from before are good; and
//! the one that the node signs with.

use super::start::StartError;
use crate::home::Home;
use crate::keyring::WrapKeys;
use planet::Planet;
use std::sync::{Arc, PoisonError, RwLock};
use trust::lease::Lease;
use trust::rotation::Statement;
use trust::sign::SigningKey;
use trust::{Moment, RegionalKey};
use vocab::{CellId, Millis};

/// What takes part in checking a lease.
type CellKeys = Vec<trust::CellKey>;

struct Held {
    present: RegionalKey,
    /// And until when it is believed.
    before: Option<(RegionalKey, Moment)>,
}

/// A region's keys.
pub(crate) struct Keys(RwLock<Arc<Held>>);

/// How long the key before is believed: as the planet says, and not so short
/// that a lease which it made outlasts it.
pub(crate) fn overlap(planet: &Planet) -> Millis {
    let asked = planet.keys.as_ref().map_or(OVERLAP, |keys| keys.overlap.value);
    asked.max(Millis(super::LEASE.0 + SLACK.0))
}

/// When the planet says nothing.
const OVERLAP: Millis = Millis::days(7);

/// Clocks, and the time between a key's last use and its going.
const SLACK: Millis = Millis::minutes(1);

const _: () = assert!(super::LEASE.0 + SLACK.0 <= Lease::LONGEST.0, "leases end before their keys do");

impl Keys {
    pub(crate) fn new(present: RegionalKey, before: Option<(RegionalKey, Moment)>) -> Self {
        Self(RwLock::new(Arc::new(Held { present, before })))
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What leases of a cell are made with.
    pub(crate) fn making(&self, cell: CellId) -> trust::CellKey {
        self.held().present.cell(cell)
    }

    /// What leases of a cell are checked with.
    pub(crate) fn checking(&self, cell: CellId, now: Moment) -> CellKeys {
        let held = self.held();
        let before = held.before.as_ref().filter(|(_, until)| now < *until).map(|(key, _)| key.cell(cell));
        std::iter::once(held.present.cell(cell)).chain(before).collect()
    }

    /// The next key takes the place of the present one, which is believed for a
    /// while.
    pub(crate) fn next(&self, present: RegionalKey, before: RegionalKey, until: Moment) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Held { present, before: Some((before, until)) });
    }
}

/// What a node signs with, and how it follows from the node's first key.
pub(crate) struct NodeKey {
    pub(crate) key: SigningKey,
    pub(crate) line: Vec<Statement>,
}

/// The same while another may take its place. Whoever signs several things that
/// belong together takes it once.
pub(crate) struct NodeKeys(RwLock<Arc<NodeKey>>);

impl NodeKeys {
    pub(crate) fn new(key: SigningKey, line: Vec<Statement>) -> Self {
        Self(RwLock::new(Arc::new(NodeKey { key, line })))
    }

    pub(crate) fn present(&self) -> Arc<NodeKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn next(&self, key: SigningKey, line: Vec<Statement>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(NodeKey { key, line });
    }
}

/// A region's keys: for leases, and for the owners' keys. What a rotation that a
/// kill cut short has begun is there, too.
pub(super) fn read(home: &Home, id: &str, planet: &Planet) -> Result<(Option<Arc<Keys>>, WrapKeys), StartError> {
    let (present, others) = (home.regional(id)?, home.others(id)?);
    let wraps = |key: &RegionalKey| (key.id(), key.wrapping());
    let before = others.before.as_ref().map(|(key, _)| wraps(key));
    let all = std::iter::once(wraps(&present)).chain(others.next.as_ref().map(wraps)).chain(before);
    let all = all.collect();
    let overlap = overlap(planet);
    let before = others.before.map(|(key, since)| (key, since.after(overlap)));
    Ok((Some(Arc::new(Keys::new(present, before))), all))
}
