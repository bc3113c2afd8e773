//! An index in memory that follows a log as far as it is let.

use super::planet::{BLOCKS, Mistake};
use block::chain::{Head, OpId};
use block::index::{self, Fold, Rows, SeatRow, Space};
use block::kinds::{ClassTag, Cursor, Matter, Room, Stance, Stored, Tag, Trouble, View};
use block::shard::{Below, Earlier, Loaded};
use sim::VirtualDisk;
use std::cell::Cell;
use std::collections::BTreeMap;
use store::{Batch, Loss, Memory, Position, ReadError, Records, Writer};
use trust::{AgentId, BlockRef, Moment, RegionTag};

/// Messages that an inbox holds: few, so that sends fail for a while.
const MOST_MESSAGES: usize = 2;

pub(crate) fn block_of(index: u64) -> BlockRef {
    BlockRef { region: RegionTag(*b"a region"), index }
}

#[derive(Default)]
pub(crate) struct Index {
    pub(crate) records: Memory,
    pub(crate) mistake: Mistake,
    /// How far each shard was followed.
    pub(crate) next: BTreeMap<u32, u64>,
    pub(crate) from: Option<Position>,
    /// Blocks whose chain is damaged.
    pub(crate) damaged: Vec<u64>,
    /// How often somebody asked for room: every third time there is none.
    pub(crate) asked: Cell<u64>,
}

fn space(space: Space) -> store::Space {
    store::Space(space.name())
}

/// The end of all keys that begin with a prefix no longer than any key.
fn end(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[255; 64]].concat()
}

impl Index {
    fn get(&self, of: Space, key: &[u8]) -> Option<Vec<u8>> {
        self.records.get(space(of), key).unwrap()
    }

    pub(crate) fn prefixed(&self, of: Space, prefix: &[u8]) -> Vec<store::Row> {
        let from = if prefix.is_empty() { &[0][..] } else { prefix };
        self.records.scan(space(of), from, Some(&end(prefix)), usize::MAX).unwrap()
    }

    /// Follows by at most so many entries, folded together.
    pub(crate) fn follow<T>(&mut self, writer: &Writer<VirtualDisk, T>, most: usize) -> Result<(), String> {
        let mut fold = Fold::default();
        let mut heads: BTreeMap<u64, Head> = BTreeMap::new();
        let mut stopped = None;
        for read in writer.tail(self.from) {
            let entry = match read {
                Ok(entry) => entry,
                Err(ReadError::Damaged(damage)) => {
                    if let Loss::Entry { shard, sequence, block } = damage.what {
                        self.damaged.push(block);
                        self.next.insert(shard, sequence + 1);
                    }
                    continue;
                }
                Err(error) => {
                    // What was read before the disk stopped is folded.
                    stopped = Some(error.to_string());
                    break;
                }
            };
            let next = self.next.entry(entry.shard).or_default();
            if entry.sequence < *next {
                continue;
            }
            *next = entry.sequence + 1;
            self.from = Some(entry.position);
            let head = heads.entry(entry.block).or_insert_with(|| self.load(block_of(entry.block)).unwrap().head);
            let Position { segment, offset } = entry.position;
            match head.follow(&entry.bytes) {
                Ok(read) => fold.add(&read, head.link, Cursor { segment, offset, sequence: entry.sequence }),
                Err(_) => self.damaged.push(entry.block),
            }
            if fold.entries() >= most as u64 {
                break;
            }
        }
        let mut batch = Batch::default();
        for change in fold.finish(self).map_err(|trouble| trouble.to_string())? {
            match change.value {
                Some(value) => batch.put(space(change.space), change.key, value),
                None => batch.delete(space(change.space), change.key),
            }
        }
        self.records.write(batch).map_err(|error| error.to_string())?;
        stopped.map_or(Ok(()), Err)
    }

    /// The rows as they mean, however they were folded.
    pub(crate) fn meaning(&self) -> BTreeMap<(Space, Vec<u8>), Vec<u8>> {
        let mut meant: BTreeMap<(Space, Vec<u8>), Vec<u8>> = BTreeMap::new();
        for space in Space::ALL {
            for (key, value) in self.prefixed(space, &[]) {
                let run = matches!(space, Space::Chain | Space::Names);
                let kept = if run { key[..key.len() - 8].to_vec() } else { key };
                meant.entry((space, kept)).or_default().extend(value);
            }
        }
        meant
    }

    pub(crate) fn seats(&self) -> Vec<(BlockRef, SeatRow)> {
        let rows = self.prefixed(Space::Seats, &[]);
        rows.iter().map(|(key, value)| SeatRow::read(key, value).unwrap()).collect()
    }

    pub(crate) fn inbox_of(&self, agent: AgentId) -> Vec<Cursor> {
        let rows = self.prefixed(Space::Inbox, &agent.0);
        rows.iter().map(|(key, _)| Cursor::from_bytes(&key[32..]).unwrap()).collect()
    }
}

impl Rows for Index {
    type Error = Trouble;

    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.get(space, key))
    }

    fn inbox(&self, agent: AgentId, up_to: Cursor) -> Result<Vec<Vec<u8>>, Trouble> {
        let keys = self.prefixed(Space::Inbox, &agent.0).into_iter().map(|(key, _)| key);
        Ok(keys.filter(|key| key[32..] <= up_to.to_bytes()[..]).collect())
    }
}

impl View for Index {
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble> {
        Ok(self.get(Space::Records, &index::record_key(block, owner, tag)).and_then(|row| index::stored(&row)))
    }

    fn stance(&self, block: BlockRef, agent: AgentId, on: (Matter, ClassTag)) -> Result<Option<Stance>, Trouble> {
        let key = index::stance_key(block, agent, on);
        let row = self.get(Space::Stances, &key);
        Ok(row.map(|row| index::StanceRow::read(&key, &row).unwrap().stance))
    }

    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble> {
        self.asked.set(self.asked.get() + 1);
        let full = self.inbox_of(to).len() >= MOST_MESSAGES || self.asked.get().is_multiple_of(3);
        Ok(if full { Room::Full } else { Room::Kept })
    }
}

impl Below for Index {
    fn load(&self, block: BlockRef) -> Result<Loaded, Trouble> {
        let key = index::block_key(block);
        let head = self.get(Space::Heads, &key).and_then(|row| index::head(block, &row));
        let head = head.unwrap_or_else(|| Head::before_the_first(block));
        let seats = self.prefixed(Space::Seats, &key).into_iter().map(|(key, value)| {
            let (_, seat) = SeatRow::read(&key, &value).unwrap();
            let (newest, last) = self.last(block, seat.agent).unwrap().unwrap_or((0, Moment(0)));
            (seat, newest, last)
        });
        let sealed = self.damaged.contains(&block.index).then(|| "damaged".to_owned());
        assert!(block.index % 10 < BLOCKS);
        Ok(Loaded { head, seats: seats.collect(), sealed })
    }

    fn last(&self, block: BlockRef, agent: AgentId) -> Result<Option<(u64, Moment)>, Trouble> {
        let last = self.get(Space::Last, &index::last_key(block, agent)).and_then(|row| index::last(&row));
        if self.mistake == Mistake::ForgetsTheRate {
            return Ok(last.map(|(newest, _)| (newest, Moment(0))));
        }
        Ok(last)
    }

    fn known(&self, block: BlockRef, agent: AgentId, op: OpId) -> Result<Option<Earlier>, Trouble> {
        if self.mistake == Mistake::SkipsTheLookup {
            return Ok(None);
        }
        let rows = self.prefixed(Space::Names, &index::last_key(block, agent));
        let mut all: Vec<_> = rows.iter().flat_map(|(_, value)| index::names(value)).collect();
        all.sort_by_key(|named| named.sequence);
        let Some(at) = all.iter().position(|named| named.id == op) else { return Ok(None) };
        let newer = u32::try_from(all.len() - 1 - at).unwrap().min(64);
        Ok(Some(Earlier { sequence: all[at].sequence, outcome: all[at].outcome, newer }))
    }
}
