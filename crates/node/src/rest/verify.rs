//! Whether everything in a data directory is what was written: every byte of
//! the log by its checksum, every chain by its links, and the index by what
//! the log makes of itself.

use super::model::Model;
use super::{AtRest, Kept, RestError};
use crate::below::{Index, batch};
use crate::engine::BlockAt;
use crate::follower::followed_shard;
use block::chain::{Entry, Head};
use block::index::Fold;
use block::kinds::{Cursor, Trouble};
use std::collections::{BTreeMap, BTreeSet};
use store::{Damage, Loss, Position, Records as _};
use trust::BlockRef;

/// Entries that are folded at once.
const STRIDE: u64 = 8_192;
/// Faults that are told one by one; the rest is counted.
const MOST_FAULTS: usize = 1_000;

/// Something that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// The block that it hits, where that is known.
    pub block: Option<BlockAt>,
    /// The file of the log.
    pub file: Option<String>,
    /// Where in it.
    pub offset: Option<u64>,
}

impl Fault {
    fn of_block(block: &BlockAt, what: impl Into<String>) -> Self {
        Self { what: what.into(), block: Some(block.clone()), file: None, offset: None }
    }

    pub(super) fn of_entry(entry: &store::Entry, block: Option<&BlockAt>, what: impl Into<String>) -> Self {
        let Position { segment, offset } = entry.position;
        let file = Some(format!("{segment:016x}.log"));
        Self { what: what.into(), block: block.cloned(), file, offset: Some(offset) }
    }
}

/// What the index was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// There is none; the next start makes it.
    Absent,
    /// With all that follows from the log.
    Whole {
        /// Rows that were compared, beside those of chains.
        rows: u64,
    },
    /// With where chains stand and end: what the pruned entries made of the
    /// rest nothing can tell.
    Chains,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Segments of the log.
    pub segments: u64,
    /// Entries in them.
    pub entries: u64,
    /// Blocks whose chains were followed.
    pub blocks: u64,
    /// Whether the log was pruned.
    pub pruned: bool,
    /// Entries that the index has not followed yet.
    pub behind: u64,
    /// The index.
    pub index: Compared,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// How much more is.
    pub more: u64,
}

impl Checked {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    fn add(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS { self.faults.push(fault) } else { self.more += 1 }
    }
}

/// A chain: by the log, and as far as the index knows it.
struct Followed {
    block: BlockAt,
    head: Head,
    at_index: Head,
}

struct Walk<'a> {
    index: Option<&'a Index>,
    model: Option<Model>,
    /// What the index knows of each shard.
    known: Vec<u64>,
    chains: BTreeMap<BlockRef, Followed>,
    broken: BTreeSet<BlockRef>,
    fold: Fold,
    /// Where entries stand that are still to be compared, from one on.
    places: BTreeMap<BlockRef, (u64, Vec<Cursor>)>,
    found: Checked,
}

impl AtRest {
    /// Reads and compares everything. `progress` is told how many entries are
    /// done.
    ///
    /// # Errors
    /// When the disk refuses; what is damaged is no error, but what is asked
    /// for.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Checked, RestError> {
        let verified = self.log.verify()?;
        let mut walk = self.walk(verified.segments)?;
        // The walk tells what it meets; these are beside what it reads.
        let beside = verified.damage.iter().chain(&self.recovery.damage);
        for damage in beside.filter(|damage| matches!(damage.what, Loss::Copy | Loss::Mark)) {
            walk.found.add(self.damage(damage));
        }
        let (mut trouble, mut done) = (None, 0);
        self.each(&mut |read| {
            done += 1;
            progress(done);
            trouble = walk.one(read).err();
            trouble.is_none()
        })?;
        trouble.map_or(Ok(()), Err)?;
        walk.commit()?;
        self.finish(walk)
    }

    fn walk(&self, segments: u64) -> Result<Walk<'_>, RestError> {
        let (index, pruned) = (self.index.as_ref(), self.log.first() > 1);
        let known = match index {
            Some(index) => self.numbers().map(|shard| followed_shard(index, shard)).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let model = if index.is_some() && !pruned { Some(Model::new(&self.place)?) } else { None };
        let (faults, more, compared) = (Vec::new(), 0, Compared::Absent);
        let found = Checked { segments, entries: 0, blocks: 0, pruned, behind: 0, index: compared, faults, more };
        let (chains, broken, places) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Walk { index, model, known, chains, broken, fold: Fold::default(), places, found })
    }

    fn finish(&self, mut walk: Walk<'_>) -> Result<Checked, RestError> {
        walk.found.blocks = u64::try_from(walk.chains.len()).unwrap_or(u64::MAX);
        let Some(index) = &self.index else { return Ok(walk.found) };
        for (shard, known) in self.numbers().zip(&walk.known) {
            let next = self.log.shard(shard).next;
            walk.found.behind += next.saturating_sub(*known);
            if *known > next {
                let what = format!("the index knows {known} entries of shard {shard}, and the log has {next}");
                walk.found.add(Fault { what, block: None, file: None, offset: None });
            }
        }
        for (of, chain) in walk.chains.iter().filter(|(of, _)| !walk.broken.contains(of)) {
            let row = index.head(*of)?;
            if row != chain.at_index {
                let (row, log) = (row.sequence, chain.at_index.sequence);
                let what = format!("the index ends its chain at entry {row}, and the log at another, {log}");
                walk.found.add(Fault::of_block(&chain.block, what));
            }
        }
        walk.found.index = Compared::Chains;
        if let Some(model) = walk.model.take() {
            let rows = model.compare(index, &mut |of, what| {
                // What is broken was told, and its rows end there.
                if of.is_none_or(|of| !walk.broken.contains(&of)) {
                    let block = of.and_then(|of| walk.chains.get(&of)).map(|chain| chain.block.clone());
                    walk.found.add(Fault { what, block, file: None, offset: None });
                }
            })?;
            walk.found.index = Compared::Whole { rows };
        }
        Ok(walk.found)
    }

    /// Damage, with its block.
    pub(super) fn damage(&self, damage: &Damage) -> Fault {
        let block = match damage.what {
            Loss::Entry { shard, block, .. } => self.block(shard, block).map(|(block, _)| block),
            _ => None,
        };
        let what = format!("{} bytes are damaged: {}", damage.length, damage.what);
        Fault { what, block, file: Some(damage.file.clone()), offset: Some(damage.offset) }
    }
}

impl Walk<'_> {
    fn one(&mut self, read: Result<Kept, Fault>) -> Result<(), Trouble> {
        let kept = match read {
            Ok(kept) => kept,
            Err(fault) => {
                self.found.add(fault);
                return Ok(());
            }
        };
        self.found.entries += 1;
        if self.broken.contains(&kept.of) {
            return Ok(());
        }
        if !self.chains.contains_key(&kept.of) {
            let head = self.begin(&kept)?;
            let (block, at_index) = (kept.block.clone(), head);
            self.chains.insert(kept.of, Followed { block, head, at_index });
        }
        let Some(chain) = self.chains.get_mut(&kept.of) else { return Ok(()) };
        let entry = match chain.head.follow(&kept.entry.bytes) {
            Ok(entry) => entry,
            Err(broken) => {
                let what = format!("its chain is broken: {broken}");
                self.found.add(Fault::of_entry(&kept.entry, Some(&kept.block), what));
                self.broken.insert(kept.of);
                return Ok(());
            }
        };
        let shard = usize::try_from(kept.entry.shard).unwrap_or(usize::MAX);
        if self.known.get(shard).is_some_and(|known| kept.entry.sequence < *known) {
            let Position { segment, offset } = kept.entry.position;
            let place = Cursor { segment, offset, sequence: kept.entry.sequence };
            chain.at_index = chain.head;
            self.fold.add(&entry, chain.head.link, place);
            let (_, places) = self.places.entry(kept.of).or_insert((entry.sequence, Vec::new()));
            places.push(place);
        }
        if self.fold.entries() >= STRIDE { self.commit() } else { Ok(()) }
    }

    /// Where a chain begins that is met for the first time: at its beginning,
    /// or behind what was pruned of it.
    fn begin(&self, kept: &Kept) -> Result<Head, Trouble> {
        let beginning = Head::before_the_first(kept.of);
        let first = Entry::decode(&kept.entry.bytes).ok().filter(|first| first.sequence > 1 && self.found.pruned);
        let Some(first) = first else { return Ok(beginning) };
        let (sequence, epoch, time) = (first.sequence - 1, first.epoch, first.time);
        let claimed = Head { block: kept.of, sequence, epoch, time, link: first.previous };
        // Without an index nobody can tell what was pruned of this one.
        let Some(index) = self.index else { return Ok(claimed) };
        Ok(match index.anchor(kept.of)? {
            Some(anchor) if anchor.sequence < first.sequence => anchor,
            // Its rows are gone already, and its segment not yet.
            Some(_) => claimed,
            None => beginning,
        })
    }

    /// Compares where the last entries stand, and lets the model follow them.
    fn commit(&mut self) -> Result<(), Trouble> {
        let Some(index) = self.index else { return Ok(()) };
        for (of, (first, places)) in std::mem::take(&mut self.places) {
            let from = first.max(index.oldest(of)?);
            let wanted: Vec<_> = (first..).zip(places).filter(|(sequence, _)| *sequence >= from).collect();
            let rows = index.places(of, from, wanted.len())?;
            let differs = wanted.iter().enumerate().find(|(at, pair)| rows.get(*at) != Some(pair));
            if let (Some((_, (sequence, _))), Some(chain)) = (differs, self.chains.get(&of)) {
                let what = format!("the index has entry {sequence} elsewhere than it stands, or not at all");
                self.found.add(Fault::of_block(&chain.block, what));
            }
        }
        let fold = std::mem::take(&mut self.fold);
        if let Some(model) = &self.model {
            let rows = batch(fold.finish(&model.index)?);
            model.index.records.write(rows).map_err(|error| Trouble(error.to_string()))?;
        }
        Ok(())
    }
}
