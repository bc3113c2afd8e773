//! The index follows the log: one thread that reads what has become durable,
//! in the one order of the log, and writes the rows that follow from it.
//!
//! It must never write a row for what is not durable, and never let one
//! damaged entry stop the others: the block that it hits is sealed, and the
//! rest goes on. After a kill it goes on from where its rows say that it was.
//!
//! Erasures are carried out here, because only what is durable comes by, and all
//! of it: the keys go before the row that says so, so that a kill in between
//! finds the entry again. Keys that cannot be destroyed stop the index, and with
//! it everything that would be taken in.

use crate::below::{Index, MARKS, batch};
use crate::wake::{Bells, Progress};
use block::index::{Change, Fold, Space, StanceRow};
use block::kinds::{Cursor, Matter, Trouble};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Damage, Log, Loss, Position, ReadError, RealDisk, Records as _, Tail};
use trust::{AgentId, BlockRef, RegionTag};

/// Entries that are folded into one batch of rows: enough that a busy block
/// costs a few rows, and a batch some megabytes.
const MOST_ENTRIES: u64 = 8_192;
/// Between two tries to open records again that failed: a disk that is full
/// stays so for longer.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of entries that are folded into one batch.
const MOST_BYTES: usize = 8 << 20;

/// How long entries are gathered before they are folded, while somebody waits
/// for a message or for a chain to grow.
const GATHER: Duration = Duration::from_millis(5);
/// The same while nobody does: the longer, the fewer rows for as many entries.
/// Whoever waits for the index itself never waits for this.
const GATHER_ALONE: Duration = Duration::from_millis(25);

const FOLLOWED: &[u8] = b"followed";

/// Which region each shard is of.
pub(crate) type Regions = BTreeMap<u32, RegionTag>;

/// Called for a block whose chain is damaged.
pub(crate) type OnDamage = dyn Fn(BlockRef, &str) + Send;

/// Called for an erasure that stands in the log.
pub(crate) type OnErasure = dyn Fn(&StanceRow) -> Result<(), Trouble> + Send;

/// Whom the follower tells.
pub(crate) struct Told {
    pub(crate) damage: Box<OnDamage>,
    pub(crate) erasure: Box<OnErasure>,
}

/// Whoever follows.
pub(crate) struct Follower {
    log: Arc<Log<RealDisk>>,
    tail: Tail<RealDisk>,
    index: Arc<Index>,
    progress: Arc<Progress>,
    bells: Arc<Bells>,
    regions: Regions,
    told: Told,
    fold: Fold,
    folded_bytes: usize,
    next: BTreeMap<u32, u64>,
    /// Whether it came further than its rows say.
    moved: bool,
    position: Option<Position>,
}

/// Where a batch stands that a cursor is in.
pub(crate) const fn position(place: Cursor) -> Position {
    Position { segment: place.segment, offset: place.offset }
}

fn shard_key(shard: u32) -> Vec<u8> {
    [&b"shard"[..], &shard.to_be_bytes()].concat()
}

/// Where the index had followed to, by its rows.
pub(crate) fn followed(index: &Index) -> Result<Option<Position>, Trouble> {
    let row = index.records.get(MARKS, FOLLOWED).map_err(|error| Trouble(error.to_string()))?;
    Ok(row.and_then(|row| {
        let (segment, offset) = row.split_first_chunk()?;
        let offset = u64::from_be_bytes(offset.try_into().ok()?);
        Some(Position { segment: u64::from_be_bytes(*segment), offset })
    }))
}

/// What the index knows of a shard, by its rows.
pub(crate) fn followed_shard(index: &Index, shard: u32) -> Result<u64, Trouble> {
    let row = index.records.get(MARKS, &shard_key(shard)).map_err(|error| Trouble(error.to_string()))?;
    Ok(row.and_then(|row| row.try_into().ok()).map_or(0, u64::from_be_bytes))
}

impl Follower {
    /// Goes on where the rows say that it was.
    pub(crate) fn new(
        log: Arc<Log<RealDisk>>,
        index: Arc<Index>,
        progress: Arc<Progress>,
        bells: Arc<Bells>,
        regions: Regions,
        told: Told,
    ) -> Result<Self, Trouble> {
        let (fold, folded_bytes, moved) = (Fold::default(), 0, false);
        let (tail, next, position) = (log.tail(None), BTreeMap::new(), None);
        let mut new =
            Self { log, tail, index, progress, bells, regions, told, fold, folded_bytes, next, moved, position };
        new.begin()?;
        Ok(new)
    }

    /// Stands where the rows say.
    fn begin(&mut self) -> Result<(), Trouble> {
        let followed = followed(&self.index)?;
        for shard in self.regions.keys() {
            let known = followed_shard(&self.index, *shard)?;
            self.next.insert(*shard, known);
            self.progress.reached(*shard, known);
        }
        (self.fold, self.folded_bytes, self.moved) = (Fold::default(), 0, false);
        (self.tail, self.position) = (self.log.tail(followed), followed);
        Ok(())
    }

    /// Follows to the end of what is durable.
    pub(crate) fn catch_up(&mut self) -> Result<(), Trouble> {
        self.tail.refresh();
        while let Some(read) = self.tail.next() {
            match read {
                Ok(entry) => self.one(&entry)?,
                Err(ReadError::Damaged(damage)) => self.damaged(&damage),
                Err(ReadError::Pruned { .. }) => {}
                Err(error) => return Err(Trouble(error.to_string())),
            }
            if self.fold.entries() >= MOST_ENTRIES || self.folded_bytes >= MOST_BYTES {
                self.commit()?;
            }
        }
        self.commit()
    }

    /// Follows until there is nothing more to come. Records that failed are
    /// opened again, however often that takes.
    pub(crate) fn run(mut self) {
        while self.progress.wait_for_work() {
            self.progress.gather(if self.bells.anybody() { GATHER } else { GATHER_ALONE });
            if let Err(trouble) = self.catch_up()
                && !self.mend(trouble)
            {
                return;
            }
        }
        if let Err(trouble) = self.catch_up().and_then(|()| self.persist()) {
            self.progress.stuck(trouble.to_string());
        }
    }

    /// Tries until the index goes on, from where its rows say that it was;
    /// whether it does, or the planet stops.
    fn mend(&mut self, mut trouble: Trouble) -> bool {
        tracing::error!(why = %trouble, "the index cannot go on");
        loop {
            self.progress.stuck(trouble.to_string());
            if !self.progress.wait_to_try_again(PAUSE) {
                return false;
            }
            let again = self.index.records.again().map_err(|error| Trouble(error.to_string()));
            match again.and_then(|()| self.begin()).and_then(|()| self.catch_up()) {
                Ok(()) => break,
                Err(other) => trouble = other,
            }
        }
        self.index.recount_all();
        self.progress.goes_on();
        tracing::warn!("the index goes on");
        true
    }

    fn persist(&self) -> Result<(), Trouble> {
        self.index.records.persist().map_err(|error| Trouble(error.to_string()))
    }

    fn one(&mut self, entry: &store::Entry) -> Result<(), Trouble> {
        self.position = Some(entry.position);
        let next = self.next.entry(entry.shard).or_insert(0);
        if entry.sequence < *next {
            return Ok(());
        }
        *next = entry.sequence + 1;
        self.moved = true;
        let Some(region) = self.regions.get(&entry.shard) else { return Ok(()) };
        let block = BlockRef { region: *region, index: entry.block };
        let mut head = match self.fold.head(block) {
            Some(head) => *head,
            None => self.index.head(block)?,
        };
        let place = Cursor { segment: entry.position.segment, offset: entry.position.offset, sequence: entry.sequence };
        match head.follow(&entry.bytes) {
            Ok(read) => self.fold.add(&read, head.link, place),
            Err(broken) => self.seal(block, &format!("its chain is damaged: {broken}")),
        }
        self.folded_bytes += entry.bytes.len();
        Ok(())
    }

    /// What is damaged is passed by: whoever waits for the index to come to the
    /// end of the log would wait for ever.
    fn damaged(&mut self, damage: &Damage) {
        let passed = match damage.what {
            Loss::Entry { shard, sequence, .. } => Some((shard, sequence)),
            Loss::Entries { shard, last, .. } => Some((shard, last)),
            _ => None,
        };
        if let Some((shard, last)) = passed {
            let next = self.next.entry(shard).or_insert(0);
            self.moved |= *next <= last;
            *next = last.saturating_add(1).max(*next);
        }
        if let Loss::Entry { shard, block, .. } = damage.what
            && let Some(region) = self.regions.get(&shard)
        {
            self.seal(BlockRef { region: *region, index: block }, &damage.to_string());
        }
    }

    fn seal(&self, block: BlockRef, reason: &str) {
        // Whoever reads what is damaged seals its block again, so a failure
        // here loses nothing.
        if self.index.seal(block, Some(reason)).is_ok() {
            (self.told.damage)(block, reason);
        }
    }

    /// Carries out the erasures among these rows.
    fn erase(&self, changes: &[Change]) -> Result<(), Trouble> {
        let stances = changes.iter().filter(|change| change.space == Space::Stances);
        let rows = stances.filter_map(|change| StanceRow::read(&change.key, change.value.as_deref()?));
        for row in rows.filter(|row| row.matter == Matter::Erasure) {
            (self.told.erasure)(&row)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        if !std::mem::take(&mut self.moved) {
            return Ok(());
        }
        let grown: Vec<BlockRef> = self.fold.blocks().copied().collect();
        let changes = std::mem::take(&mut self.fold).finish(&*self.index)?;
        self.erase(&changes)?;
        let agent_of = |key: &[u8]| key.first_chunk().map(|agent| AgentId(*agent));
        let inboxes = changes.iter().filter(|change| change.space == Space::Inbox);
        let (came, went): (Vec<_>, Vec<_>) = inboxes.partition(|change| change.value.is_some());
        let came: Vec<AgentId> = came.iter().filter_map(|change| agent_of(&change.key)).collect();
        let went: Vec<AgentId> = went.iter().filter_map(|change| agent_of(&change.key)).collect();
        let mut rows = batch(changes);
        for (shard, next) in &self.next {
            rows.put(MARKS, shard_key(*shard), next.to_be_bytes());
        }
        if let Some(position) = self.position {
            rows.put(MARKS, FOLLOWED, [position.segment.to_be_bytes(), position.offset.to_be_bytes()].concat());
        }
        self.index.records.write(rows).map_err(|error| Trouble(error.to_string()))?;
        self.folded_bytes = 0;
        self.index.recount(went);
        for (shard, next) in &self.next {
            self.progress.reached(*shard, *next);
        }
        self.bells.agents(&came);
        self.bells.blocks(grown.iter());
        Ok(())
    }
}
