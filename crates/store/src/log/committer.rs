//! Which appends go into the next write. Pure: no disk, no thread, no clock.
//!
//! It must never let two appends have one sequence, never reorder a shard, and
//! never move a shard on before its group is known to be durable: what is
//! planned can fail, and then it must be as if it had never been asked.
//!
//! Why one committer: a sync takes as long for one append as for a thousand,
//! so the appends that arrive during one sync wait together for the next. Two
//! committers would halve the groups and order their syncs by luck.

use super::AppendError;
use super::format::{Image, MAX_SHARDS, Place, ShardState};
use crate::number::{size, wide};
use std::collections::{BTreeMap, VecDeque};

/// An append that waits, and whom to tell.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    pub(crate) token: T,
    pub(crate) shard: u32,
    pub(crate) first: u64,
    pub(crate) epoch: u64,
    pub(crate) image: Image,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Plan<T> {
    /// Nothing waits.
    Idle,
    /// The next append does not fit in the segment.
    Rotate,
    /// Write these bytes at the end, sync, and settle.
    Write(Group<T>),
}

/// What is written together.
#[derive(Debug)]
pub(crate) struct Group<T> {
    /// Each with where it begins in its segment.
    pub(crate) appends: Vec<(Pending<T>, u64)>,
    /// How each of its shards will stand.
    pub(crate) shards: BTreeMap<u32, ShardState>,
}

/// Where the end of the log is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) place: Place,
    pub(crate) at: u64,
    /// Where the segment is full.
    pub(crate) limit: u64,
}

/// The shards, and the appends that wait.
#[derive(Debug)]
pub(crate) struct Committer<T> {
    shards: BTreeMap<u32, ShardState>,
    waiting: VecDeque<Pending<T>>,
    /// The most bytes in one write: past this the disk is busy enough, and
    /// more would only make the first of them wait.
    group_bytes: u64,
}

impl<T> Committer<T> {
    pub(crate) fn new(shards: BTreeMap<u32, ShardState>, group_bytes: usize) -> Self {
        Self { shards, waiting: VecDeque::new(), group_bytes: wide(group_bytes) }
    }

    /// Where the shards stand durably.
    pub(crate) fn shards(&self) -> &BTreeMap<u32, ShardState> {
        &self.shards
    }

    pub(crate) fn push(&mut self, pending: Pending<T>) {
        self.waiting.push_back(pending);
    }

    /// What waits is taken out, to be refused.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Pending<T>> {
        self.waiting.drain(..)
    }

    /// Lays the next group into `buffer`.
    pub(crate) fn plan(
        &mut self,
        end: End,
        fresh: u64,
        buffer: &mut Vec<u8>,
        refuse: &mut impl FnMut(T, AppendError),
    ) -> Plan<T> {
        buffer.clear();
        let mut group = Group { appends: Vec::new(), shards: BTreeMap::new() };
        while let Some(next) = self.waiting.front() {
            let length = wide(next.image.bytes.len());
            let at = end.at + wide(buffer.len());
            let fits = at + length <= end.limit;
            if !group.appends.is_empty() && (!fits || wide(buffer.len()) + length > self.group_bytes) {
                break;
            }
            let state = self.admit(next, &group.shards);
            let too_long = length > fresh;
            if !fits && !too_long && state.is_ok() {
                return Plan::Rotate;
            }
            let Some(mut next) = self.waiting.pop_front() else {
                break;
            };
            match state {
                Err(why) => refuse(next.token, why),
                Ok(_) if too_long && !fits => {
                    refuse(next.token, AppendError::TooLong { limit: size(fresh) });
                }
                Ok(state) => {
                    group.shards.insert(next.shard, state);
                    let back = u32::try_from(at - end.at).unwrap_or(u32::MAX);
                    next.image.place(end.place, at, back);
                    buffer.extend_from_slice(&next.image.bytes);
                    group.appends.push((next, at));
                }
            }
        }
        if group.appends.is_empty() { Plan::Idle } else { Plan::Write(group) }
    }

    /// How the shard stands after this append, if it may be.
    fn admit(&self, append: &Pending<T>, ahead: &BTreeMap<u32, ShardState>) -> Result<ShardState, AppendError> {
        let shard = append.shard;
        let known = ahead.get(&shard).or_else(|| self.shards.get(&shard)).copied();
        if known.is_none() {
            let new = ahead.keys().filter(|shard| !self.shards.contains_key(shard)).count();
            if self.shards.len() + new >= MAX_SHARDS {
                return Err(AppendError::Shards { limit: MAX_SHARDS });
            }
        }
        let state = known.unwrap_or_default();
        if append.epoch < state.epoch {
            return Err(AppendError::Epoch { shard, epoch: append.epoch, newest: state.epoch });
        }
        if state.sealed && append.epoch == state.epoch {
            return Err(AppendError::Sealed { shard, epoch: append.epoch });
        }
        if append.first != state.next {
            return Err(AppendError::Sequence { shard, expected: append.first, next: state.next });
        }
        let sealed = append.image.count == 0;
        Ok(ShardState { next: state.next + u64::from(append.image.count), epoch: append.epoch, sealed })
    }

    /// A group is durable.
    pub(crate) fn settle(&mut self, shards: BTreeMap<u32, ShardState>) {
        self.shards.extend(shards);
    }
}
