//! What the index knows, as shards and requests read it.

use crate::reopen::Reopened;
use block::chain::{Head, OpId};
use block::index::{self, Change, Message, Rows, SeatRow, Space, StanceRow, block_key};
use block::kinds::{ClassTag, Cursor, Matter, Room, Stance, Stored, Tag, Trouble, View};
use block::shard::{Below, Earlier, Loaded};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Batch, Records as _, RecordsError};
use trust::envelope::DataKey;
use trust::{AgentId, BlockRef, Moment};

/// Messages that wait in one inbox: as many as ops in a block.
pub(crate) const MOST_MESSAGES: usize = 1_000;

/// Inboxes whose number of messages is known at once.
const MOST_COUNTED: usize = 65_536;

/// What stands beside the index in the records: how far it has followed, and
/// which blocks are sealed.
pub(crate) const MARKS: store::Space = store::Space("marks");

const SEALED: &[u8] = b"sealed";
/// Where what is left of a chain that was pruned begins.
const ANCHOR: &[u8] = b"anchor";

/// The space of the records that holds these rows.
pub(crate) const fn space(space: Space) -> store::Space {
    store::Space(space.name())
}

/// All spaces of the records.
pub(crate) fn spaces() -> Vec<store::Space> {
    Space::ALL.into_iter().map(space).chain([MARKS]).collect()
}

/// Whether an agent holds a slot, and so may be sent messages.
pub(crate) type Holds = dyn Fn(AgentId) -> bool + Send + Sync;

/// The index, and what is counted beside it.
pub(crate) struct Index {
    pub(crate) records: Arc<Reopened>,
    holds: Box<Holds>,
    /// What seals words that people wrote: why a block is sealed.
    words: Option<DataKey>,
    /// How many messages wait, with those that are on their way.
    inboxes: Mutex<BTreeMap<AgentId, usize>>,
}

fn trouble(error: &RecordsError) -> Trouble {
    Trouble(error.to_string())
}

impl Index {
    pub(crate) fn new(records: Arc<Reopened>, holds: Box<Holds>) -> Self {
        Self { records, holds, words: None, inboxes: Mutex::new(BTreeMap::new()) }
    }

    /// The same, with the key to words that people wrote.
    pub(crate) fn with_words(self, words: DataKey) -> Self {
        Self { words: Some(words), ..self }
    }

    fn get(&self, of: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        self.records.get(space(of), key).map_err(|error| trouble(&error))
    }

    fn scan(&self, of: Space, from: &[u8], to: &[u8], most: usize) -> Result<Vec<store::Row>, Trouble> {
        self.records.scan(space(of), from, Some(to), most).map_err(|error| trouble(&error))
    }

    /// Where a chain ends.
    pub(crate) fn head(&self, block: BlockRef) -> Result<Head, Trouble> {
        let row = self.get(Space::Heads, &block_key(block))?;
        let Some(row) = row else { return Ok(Head::before_the_first(block)) };
        index::head(block, &row).ok_or_else(|| Trouble(format!("the index is damaged at the head of {block}")))
    }

    /// The last entry of a chain that was pruned: what is left links to it.
    pub(crate) fn anchor(&self, block: BlockRef) -> Result<Option<Head>, Trouble> {
        let row = self.records.get(MARKS, &anchor_key(block)).map_err(|error| trouble(&error))?;
        let Some(row) = row else { return Ok(None) };
        let read = index::head(block, &row);
        read.map(Some).ok_or_else(|| Trouble(format!("the index is damaged at the anchor of {block}")))
    }

    /// The first entry of a chain that is kept.
    pub(crate) fn oldest(&self, block: BlockRef) -> Result<u64, Trouble> {
        Ok(self.anchor(block)?.map_or(1, |anchor| anchor.sequence.saturating_add(1)))
    }

    /// Places in the log of a chain's entries, from a sequence on.
    pub(crate) fn places(&self, block: BlockRef, from: u64, most: usize) -> Result<Vec<(u64, Cursor)>, Trouble> {
        let prefix = block_key(block);
        let first = index::key(&[&prefix, &from.saturating_add(1).to_be_bytes()]);
        // The row that begins at or before it.
        let before = self.records.last(space(Space::Chain), &prefix, Some(&first)).map_err(|error| trouble(&error))?;
        let rest = self.scan(Space::Chain, &first, &after(&prefix), most)?;
        let mut places = Vec::new();
        for (key, value) in before.into_iter().chain(rest) {
            let Some(first) = key.get(16..).and_then(|key| key.try_into().ok()).map(u64::from_be_bytes) else {
                continue;
            };
            let row = (first..).zip(index::places(&value)).filter(|(sequence, _)| *sequence >= from);
            places.extend(row.take(most - places.len()));
            if places.len() >= most {
                break;
            }
        }
        Ok(places)
    }

    /// Why a block is sealed.
    pub(crate) fn sealed(&self, block: BlockRef) -> Result<Option<String>, Trouble> {
        let reason = self.records.get(MARKS, &sealed_key(block)).map_err(|error| trouble(&error))?;
        Ok(reason.map(|reason| self.read_words(&sealed_key(block), &reason)))
    }

    /// Words out of their envelope; those of before stand without one.
    fn read_words(&self, key: &[u8], row: &[u8]) -> String {
        let opened = self.words.as_ref().and_then(|words| words.open(key, row).ok());
        match (opened, row.first()) {
            (Some(words), _) => String::from_utf8_lossy(&words).into_owned(),
            // What somebody wrote begins with no such byte.
            (None, Some(..=8)) => "the reason is sealed, and keys/words.key does not open it".to_owned(),
            (None, _) => String::from_utf8_lossy(row).into_owned(),
        }
    }

    /// Writes down that a block is sealed, or no longer, durably.
    pub(crate) fn seal(&self, block: BlockRef, reason: Option<&str>) -> Result<(), Trouble> {
        let mut batch = Batch::default();
        match reason {
            Some(reason) => {
                let key = sealed_key(block);
                let row = match &self.words {
                    Some(words) => words.seal(&key, reason.as_bytes()).map_err(|why| Trouble(why.to_string()))?,
                    None => return Err(Trouble("the index is only looked at".to_owned())),
                };
                batch.put(MARKS, key, row);
            }
            None => batch.delete(MARKS, sealed_key(block)),
        }
        self.records.write(batch).and_then(|()| self.records.persist()).map_err(|error| trouble(&error))
    }

    /// Every seat.
    pub(crate) fn seats(&self, mut each: impl FnMut(BlockRef, SeatRow)) -> Result<(), Trouble> {
        self.all(Space::Seats, |key, value| {
            let seat = SeatRow::read(key, value);
            let (block, seat) = seat.ok_or_else(|| Trouble("the index is damaged at a seat".to_owned()))?;
            each(block, seat);
            Ok(())
        })
    }

    /// Every row of a space.
    pub(crate) fn all(&self, of: Space, each: impl FnMut(&[u8], &[u8]) -> Result<(), Trouble>) -> Result<(), Trouble> {
        self.between(of, (vec![0], None), each)
    }

    /// What agents have said of a matter; what one has, in every block.
    pub(crate) fn stances(
        &self,
        matter: Matter,
        agent: Option<AgentId>,
        mut each: impl FnMut(StanceRow) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let prefix = agent.map_or_else(|| vec![matter as u8], |agent| index::stances_key(matter, agent));
        let end = after(&prefix);
        self.between(Space::Stances, (prefix, Some(end)), |key, value| {
            each(StanceRow::read(key, value).ok_or_else(|| Trouble("the index is damaged at a stance".to_owned()))?)
        })
    }

    /// The rows between two keys, read in pieces.
    fn between(
        &self,
        of: Space,
        (mut from, end): (Vec<u8>, Option<Vec<u8>>),
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        const PIECE: usize = 10_000;
        loop {
            let rows = self.records.scan(space(of), &from, end.as_deref(), PIECE).map_err(|error| trouble(&error))?;
            for (key, value) in &rows {
                each(key, value)?;
            }
            match rows.last() {
                Some((key, _)) if rows.len() == PIECE => from = [key, &[0][..]].concat(),
                _ => return Ok(()),
            }
        }
    }

    /// Messages that wait for an agent, after a place.
    pub(crate) fn messages(
        &self,
        to: AgentId,
        after_place: Option<Cursor>,
        most: usize,
    ) -> Result<Vec<Message>, Trouble> {
        let from = match after_place {
            Some(cursor) => [index::key(&[&to.0, &cursor.to_bytes()]), vec![0]].concat(),
            None => to.0.to_vec(),
        };
        let rows = self.scan(Space::Inbox, &from, &after(&to.0), most)?;
        Ok(rows.iter().filter_map(|(key, value)| Message::read(key, value)).collect())
    }

    /// Names of an agent's ops in a block, the newest first.
    pub(crate) fn newest_names(
        &self,
        block: BlockRef,
        agent: AgentId,
        most: usize,
    ) -> Result<Vec<index::Named>, Trouble> {
        let prefix = index::last_key(block, agent);
        let mut end = after(&prefix);
        let mut names = Vec::new();
        while names.len() < most {
            let row = self.records.last(space(Space::Names), &prefix, Some(&end)).map_err(|error| trouble(&error))?;
            let Some((key, value)) = row else { break };
            names.extend(index::names(&value).rev().take(most - names.len()));
            end = key;
        }
        Ok(names)
    }

    /// When the first op of an agent in a block was made whose name is kept.
    pub(crate) fn first_name(&self, block: BlockRef, agent: AgentId) -> Result<Option<Moment>, Trouble> {
        let prefix = index::last_key(block, agent);
        let rows = self.scan(Space::Names, &prefix, &after(&prefix), 1)?;
        Ok(rows.first().and_then(|(_, value)| index::names(value).next()).map(|named| named.id.made()))
    }

    /// Messages were acknowledged or came: what was counted holds no more.
    pub(crate) fn recount(&self, agents: impl IntoIterator<Item = AgentId>) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        for agent in agents {
            inboxes.remove(&agent);
        }
    }

    pub(crate) fn recount_all(&self) {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn sealed_key(block: BlockRef) -> Vec<u8> {
    index::key(&[SEALED, &block_key(block)])
}

pub(crate) fn anchor_key(block: BlockRef) -> Vec<u8> {
    index::key(&[ANCHOR, &block_key(block)])
}

/// The first key behind all that begin with a prefix.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return end;
        }
        end.pop();
    }
    vec![u8::MAX; prefix.len() + 1]
}

impl View for Index {
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble> {
        let row = self.get(Space::Records, &index::record_key(block, owner, tag))?;
        Ok(row.and_then(|row| index::stored(&row)))
    }

    fn stance(&self, block: BlockRef, agent: AgentId, on: (Matter, ClassTag)) -> Result<Option<Stance>, Trouble> {
        let key = index::stance_key(block, agent, on);
        let Some(row) = self.get(Space::Stances, &key)? else { return Ok(None) };
        let read = StanceRow::read(&key, &row).map(|row| Some(row.stance));
        read.ok_or_else(|| Trouble(format!("the index is damaged at a stance in {block}")))
    }

    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble> {
        if !(self.holds)(to) {
            return Ok(Room::Nobody);
        }
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = match inboxes.get(&to) {
            Some(waiting) => *waiting,
            None => self.scan(Space::Inbox, &to.0, &after(&to.0), MOST_MESSAGES)?.len(),
        };
        if waiting >= MOST_MESSAGES {
            return Ok(Room::Full);
        }
        if inboxes.len() >= MOST_COUNTED {
            inboxes.pop_first();
        }
        inboxes.insert(to, waiting + 1);
        Ok(Room::Kept)
    }
}

impl Below for Index {
    fn load(&self, block: BlockRef) -> Result<Loaded, Trouble> {
        let prefix = block_key(block);
        let rows = self.scan(Space::Seats, &prefix, &after(&prefix), usize::from(vocab::Slot::MOST))?;
        let mut seats = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let Some((_, seat)) = SeatRow::read(&key, &value) else { continue };
            let (newest, last) = self.last(block, seat.agent)?.unwrap_or((0, Moment(0)));
            seats.push((seat, newest, last));
        }
        Ok(Loaded { head: self.head(block)?, seats, sealed: self.sealed(block)? })
    }

    fn last(&self, block: BlockRef, agent: AgentId) -> Result<Option<(u64, Moment)>, Trouble> {
        let row = self.get(Space::Last, &index::last_key(block, agent))?;
        Ok(row.as_deref().and_then(index::last))
    }

    fn known(&self, block: BlockRef, agent: AgentId, op: OpId) -> Result<Option<Earlier>, Trouble> {
        let prefix = index::names_key(block, agent, op);
        let rows = self.scan(Space::Names, &prefix, &after(&prefix), usize::MAX)?;
        let found = rows.iter().flat_map(|(_, value)| index::names(value)).find(|named| named.id == op);
        let Some(named) = found else { return Ok(None) };
        let newer = self.newest_names(block, agent, 64)?.iter().filter(|other| other.sequence > named.sequence).count();
        let newer = u32::try_from(newer).unwrap_or(u32::MAX);
        Ok(Some(Earlier { sequence: named.sequence, outcome: named.outcome, newer }))
    }
}

impl Rows for Index {
    type Error = Trouble;

    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        self.get(space, key)
    }

    fn inbox(&self, agent: AgentId, up_to: Cursor) -> Result<Vec<Vec<u8>>, Trouble> {
        let end = [index::key(&[&agent.0, &up_to.to_bytes()]), vec![0]].concat();
        Ok(self.scan(Space::Inbox, &agent.0, &end, usize::MAX)?.into_iter().map(|(key, _)| key).collect())
    }
}

/// The changes as one batch of the records.
pub(crate) fn batch(changes: Vec<Change>) -> Batch {
    let mut batch = Batch::default();
    for change in changes {
        match change.value {
            Some(value) => batch.put(space(change.space), change.key, value),
            None => batch.delete(space(change.space), change.key),
        }
    }
    batch
}
