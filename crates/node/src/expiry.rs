//! Records end when their class says so: one thread that looks through those of
//! classes, a few each second, and tells the lanes which are too old. The lane
//! looks again and writes the entry, so that a record ends in its block's chain
//! and nowhere else.
//!
//! It must never end a record that may be kept: it tells what to look at, and
//! the block decides. Whoever reads meets no record that is too old, however
//! far this is behind.

use crate::below::{Index, MARKS, after, batch, space};
use crate::clock::{Clock, Settled};
use crate::lane::Ask;
use crate::wake::Progress;
use block::index::{AgingRow, Space, block_key};
use block::kinds::{ClassTag, Trouble};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Records as _, Row};
use trust::{BlockRef, Moment};
use vocab::Millis;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Rows that one look reads, of about 90 bytes each; so many records end in a
/// second at most. A class of ten million records is gone through in three
/// hours, which is little beside the days that retention is counted in.
const STEP: usize = 1_024;
/// That every record of a class has its row, also those that were written
/// before there were any.
const FILLED: &[u8] = b"aging";

/// Tells a lane; what it has no room for is told again.
pub(crate) type Tell = dyn Fn(BlockRef, &dyn Fn((u32, u64)) -> Ask) -> bool + Send;

/// Whoever looks.
pub(crate) struct Expirer {
    pub(crate) index: Arc<Index>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) retention: BTreeMap<ClassTag, Millis>,
    pub(crate) tell: Box<Tell>,
    /// Where the next look begins.
    pub(crate) from: Vec<u8>,
    pub(crate) settled: Settled,
}

impl Expirer {
    /// Looks until the planet stops.
    pub(crate) fn run(mut self) {
        while self.progress.wait_to_try_again(LOOK) {
            let settled = self.settled.is(&self.clock);
            if !settled || self.progress.why_stuck().is_some() {
                continue;
            }
            if let Err(why) = self.look() {
                // Nothing is lost by it: the next look tries again.
                tracing::warn!(%why, "cannot look for records that are too old");
            }
        }
    }

    fn look(&mut self) -> Result<(), Trouble> {
        let rows = self.index.records.scan(space(Space::Aging), &self.from, None, STEP);
        let rows = rows.map_err(|error| Trouble(error.to_string()))?;
        let (old, next) = too_old(&rows, &self.retention, self.clock.now());
        for row in old {
            let told = (self.tell)(row.block, &|at| Ask::Expire { at, owner: row.owner, tag: row.tag });
            if !told {
                // From here again: the lane has enough to do.
                return Ok(());
            }
        }
        self.from = next;
        Ok(())
    }
}

/// Which of these rows are of records that are too old, and where to go on. The
/// rows of a block stand in the order of time: behind the first that no class
/// lets go yet, nothing of its block is too old.
fn too_old(rows: &[Row], retention: &BTreeMap<ClassTag, Millis>, now: Moment) -> (Vec<AgingRow>, Vec<u8>) {
    let beginning = vec![0];
    let Some(shortest) = retention.values().min() else { return (Vec::new(), beginning) };
    let (mut old, mut young) = (Vec::new(), None);
    for row in rows.iter().filter_map(|(key, value)| AgingRow::read(key, value)) {
        if young == Some(row.block) {
            continue;
        }
        if row.time.after(*shortest) > now {
            young = Some(row.block);
        } else if retention.get(&row.class).is_some_and(|kept| row.time.after(*kept) <= now) {
            old.push(row);
        }
    }
    let next = match rows.last() {
        Some((key, _)) if rows.len() == STEP => {
            let past = young.map(|block| after(&block_key(block))).filter(|past| past > key);
            past.unwrap_or_else(|| [key, &[0][..]].concat())
        }
        _ => beginning,
    };
    (old, next)
}

/// Makes the rows of records that were written before there were such rows: by
/// a version of this program that knew no end of records.
pub(crate) fn fill(index: &Index) -> Result<(), Trouble> {
    let trouble = |error: store::RecordsError| Trouble(error.to_string());
    if is_filled(index)? {
        return Ok(());
    }
    let write = |changes: &mut Vec<_>| index.records.write(batch(std::mem::take(changes))).map_err(trouble);
    let mut changes = Vec::new();
    index.all(Space::Records, |key, value| {
        changes.extend(AgingRow::of_record(key, value).map(|row| row.change()));
        if changes.len() < STEP { Ok(()) } else { write(&mut changes) }
    })?;
    write(&mut changes)?;
    let mut mark = Batch::default();
    mark.put(MARKS, FILLED, []);
    index.records.write(mark).and_then(|()| index.records.persist()).map_err(trouble)
}

/// Whether every record of a class has its row.
pub(crate) fn is_filled(index: &Index) -> Result<bool, Trouble> {
    let mark = index.records.get(MARKS, FILLED).map_err(|error| Trouble(error.to_string()))?;
    Ok(mark.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use block::kinds::Tag;
    use proptest::prelude::*;
    use trust::{AgentId, RegionTag};

    fn row((block, sequence, time, class): (u64, u64, u64, u8)) -> Row {
        let block = BlockRef { region: RegionTag([1; 8]), index: block };
        let class = ClassTag([class; 8]);
        let (time, owner, tag) = (Moment(time), AgentId([3; 32]), Tag([4; 16]));
        let change = AgingRow { block, sequence, time, class, owner, tag }.change();
        (change.key, change.value.unwrap())
    }

    proptest! {
        /// By a clock that is handed in: all that is too old is told, nothing
        /// else, and every row is looked at in the end.
        #[test]
        fn what_is_too_old_is_told_and_nothing_else(
            mut times in prop::collection::vec((0u64..4, 0u64..100, 1u8..4), 0..3_000), now in 0u64..200,
        ) {
            let retention = BTreeMap::from([(ClassTag([1; 8]), Millis(20)), (ClassTag([2; 8]), Millis(60))]);
            times.sort_unstable();
            let rows: Vec<_> = (1..).zip(times).map(|(at, (block, time, class))| (block, at, time, class)).collect();
            let kept: Vec<Row> = rows.iter().copied().map(row).collect();
            let (mut told, mut from, mut looks) = (Vec::new(), vec![0], 0);
            loop {
                let page: Vec<Row> = kept.iter().filter(|(key, _)| *key >= from).take(STEP).cloned().collect();
                let (old, next) = too_old(&page, &retention, Moment(now));
                told.extend(old.iter().map(|row| row.sequence));
                looks += 1;
                from = next;
                if from == [0] {
                    break;
                }
            }
            prop_assert!(looks <= kept.len() / STEP + 1);
            let lasts = |class| [20, 60].get(usize::from(class) - 1).copied();
            let wanted = rows.iter().filter(|(_, _, time, class)| lasts(*class).is_some_and(|lasts| time + lasts <= now));
            prop_assert_eq!(told, wanted.map(|row| row.1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_too_old_where_nothing_ends() {
        let rows = [row((0, 1, 0, 1))];
        assert_eq!(too_old(&rows, &BTreeMap::new(), Moment(u64::MAX)), (Vec::new(), vec![0]));
    }
}
