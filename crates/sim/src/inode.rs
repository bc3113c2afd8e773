//! A file of the virtual disk: what a program sees, and what would survive.
//!
//! It must never let an unsynced change survive a crash for certain, nor a
//! synced one be lost: between these two anything may happen, by the dice.

use crate::Dice;

/// What a disk writes wholly or not at all.
const SECTOR: usize = 512;

/// A change that was not synced.
#[derive(Debug, Clone)]
enum Change {
    /// The bytes of one sector, or a part of it.
    Sector { offset: usize, bytes: Vec<u8> },
    /// Another length.
    Length(usize),
}

/// How a crash treats the unsynced changes of one file.
#[derive(Debug, Clone, Copy)]
enum Fate {
    None,
    All,
    Prefix,
    Each,
    /// All but one sector: the hardest to notice.
    AllButOne,
}

/// A file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

impl Inode {
    pub(crate) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.seen.len() < end {
            self.resize(end);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        let mut at = offset;
        while at < end {
            let to = end.min((at / SECTOR + 1) * SECTOR);
            self.changes.push(Change::Sector { offset: at, bytes: bytes[at - offset..to - offset].to_vec() });
            at = to;
        }
    }

    pub(crate) fn resize(&mut self, length: usize) {
        self.seen.resize(length, 0);
        self.changes.push(Change::Length(length));
    }

    pub(crate) fn sync(&mut self) {
        // Only what is dirty is written: pages that a failed sync marked clean
        // stay lost, whatever a program sees of them.
        self.durable.resize(self.seen.len(), 0);
        for change in self.changes.drain(..) {
            if let Change::Sector { offset, bytes } = change {
                self.durable[offset..offset + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }

    /// What a program goes on seeing, whatever the disk has kept.
    pub(crate) fn show(&mut self, seen: Vec<u8>) {
        self.seen = seen;
    }

    /// Turns a bit over, on the platter and in the cache.
    pub(crate) fn flip(&mut self, offset: usize, bit: u8) -> bool {
        let mask = 1 << (bit % 8);
        for bytes in [&mut self.seen, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
        offset < self.seen.len()
    }

    /// The power fails: some of what was not synced is there, some is not.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        let mut changes = std::mem::take(&mut self.changes);
        let fates = [Fate::None, Fate::All, Fate::Prefix, Fate::Each, Fate::AllButOne];
        match fates[dice.index(fates.len())] {
            Fate::None => changes.clear(),
            Fate::All => {}
            Fate::Prefix => changes.truncate(dice.index(changes.len() + 1)),
            Fate::Each => {
                let odds = 2 + dice.below(4);
                changes.retain(|_| !dice.one_in(odds));
                dice.shuffle(&mut changes);
            }
            Fate::AllButOne if !changes.is_empty() => {
                let lost = dice.index(changes.len());
                changes.remove(lost);
            }
            Fate::AllButOne => {}
        }
        // Lengths first: a sector behind the end of its file is not seen.
        for change in &changes {
            if let Change::Length(length) = change {
                self.durable.resize(*length, 0);
            }
        }
        for change in changes {
            if let Change::Sector { offset, bytes } = change
                && let Some(place) = self.durable.get_mut(offset..offset + bytes.len())
            {
                place.copy_from_slice(&bytes);
            }
        }
        self.seen.clone_from(&self.durable);
    }
}
