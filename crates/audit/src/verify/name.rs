//! What happened to entries, from what they are and what they should be.

use std::collections::BTreeMap;
use std::fmt;
use trust::merkle::Node;

/// Entries that are compared with one another at the end; more than anybody
/// reads.
const MOST: usize = 4_096;

/// How an entry is not the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is another one.
    Changed,
    /// It is not there, and what follows has moved up.
    Dropped,
    /// It was never signed, and what follows has moved down.
    Inserted,
    /// It and another one changed places.
    Swapped(u64),
    /// It is the entry that should be at another place.
    Moved(u64),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("was changed: it is not the one that was signed"),
            Self::Dropped => f.write_str("was dropped: it is not there, and what follows has moved up"),
            Self::Inserted => f.write_str("was inserted: nobody signed it, and what follows has moved down"),
            Self::Swapped(other) => write!(f, "was swapped with entry {other}"),
            Self::Moved(from) => write!(f, "was reordered: it is the one that was signed as entry {from}"),
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Namer {
    /// By how much the entries have moved since the last drop or insertion.
    moved: i8,
    named: Vec<(u64, How)>,
    /// Those that are others: what stands there, and what should.
    others: BTreeMap<u64, (Node, Node)>,
    /// Those for which there was no room.
    uncounted: Vec<u64>,
}

fn agree(ours: &[Node], signed: &[Node]) -> bool {
    !ours.is_empty() && !signed.is_empty() && ours.iter().zip(signed).all(|(one, other)| one == other)
}

impl Namer {
    /// Compares the leaves of one bundle with those that were signed; they
    /// differ.
    pub(super) fn compare(&mut self, first: u64, ours: &[Node], signed: &[Node]) {
        let place = |at: usize| first + crate::number::wide(at);
        match self.moved {
            // What moved up or down is told once, where it began.
            1 if signed.len() == 1 && ours.is_empty() || agree(ours, &signed[1..]) => return,
            -1 if agree(ours.get(1..).unwrap_or_default(), signed) || ours.len() == 1 => return,
            _ => {}
        }
        let differs = ours.iter().zip(signed).position(|(one, other)| one != other);
        let at = differs.unwrap_or(ours.len().min(signed.len()));
        let (left, should) = (&ours[at..], &signed[at..]);
        if is_permutation(left, should) {
            // Found at the end, with those of other bundles.
        } else if agree(left, should.get(1..).unwrap_or_default()) || left.len() + 1 == should.len() && left.is_empty()
        {
            self.moved = 1;
            // The last of a bundle is where the first of the next stands.
            let before = at == 0 && self.before(first).is_some_and(|(here, _)| Some(&here) == signed.first());
            let began = self.began(before, place(at));
            self.named.push((began, How::Dropped));
            return;
        } else if agree(left.get(1..).unwrap_or_default(), should) || should.is_empty() {
            self.moved = -1;
            let before = at == 0 && self.before(first).is_some_and(|(_, should)| Some(&should) == ours.first());
            let began = self.began(before, place(at));
            self.named.push((began, How::Inserted));
            return;
        }
        for (at, (one, other)) in ours.iter().zip(signed).enumerate().filter(|(_, (one, other))| one != other) {
            if self.others.len() < MOST {
                self.others.insert(place(at), (*one, *other));
            } else {
                self.uncounted.push(place(at));
            }
        }
        for gone in ours.len()..signed.len() {
            self.named.push((place(gone), How::Dropped));
        }
        for more in signed.len()..ours.len() {
            self.named.push((place(more), How::Inserted));
        }
    }

    /// What is with the entry ahead of a bundle, when it is another one.
    fn before(&self, first: u64) -> Option<(Node, Node)> {
        self.others.get(&first.checked_sub(1)?).copied()
    }

    /// Where entries began to move: here, or with the one before.
    fn began(&mut self, before: bool, at: u64) -> u64 {
        if before {
            self.others.remove(&(at - 1));
            return at - 1;
        }
        at
    }

    /// All that was found, by place.
    pub(super) fn finish(self) -> Vec<(u64, How)> {
        let signed: BTreeMap<Node, u64> = self.others.iter().map(|(at, (_, should))| (*should, *at)).collect();
        let mut named = self.named;
        for (at, (here, should)) in &self.others {
            let how = match signed.get(here) {
                Some(from) if self.others.get(from).is_some_and(|(there, _)| there == should) => {
                    // Told once, by the first of the two.
                    if from < at {
                        continue;
                    }
                    How::Swapped(*from)
                }
                Some(from) => How::Moved(*from),
                None => How::Changed,
            };
            named.push((*at, how));
        }
        named.extend(self.uncounted.into_iter().map(|at| (at, How::Changed)));
        named.sort_by_key(|(at, _)| *at);
        named
    }
}

fn is_permutation(ours: &[Node], signed: &[Node]) -> bool {
    let sorted = |nodes: &[Node]| {
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes
    };
    ours.len() == signed.len() && sorted(ours) == sorted(signed)
}
