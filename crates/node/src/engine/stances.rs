//! What an agent has said of residency classes, and of what it had sealed.

use super::read::trouble;
use super::{Engine, Refusal, Stance};
use block::index::StanceRow;
use block::kinds::Matter;
use std::collections::BTreeMap;
use trust::{AgentId, BlockRef};

impl Engine {
    /// What an agent has said last, in each block, the newest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn stances(&self, agent: AgentId, most: usize) -> Result<Vec<Stance>, Refusal> {
        self.all_caught_up().await?;
        let (mut rows, mut erased) = (Vec::new(), BTreeMap::new());
        for matter in [Matter::Erasure, Matter::Consent, Matter::OptOut] {
            let each = |row: StanceRow| {
                if matter == Matter::Erasure {
                    erased.insert(row.block, row.stance.sequence);
                }
                rows.push(row);
                Ok(())
            };
            self.0.index.stances(matter, Some(agent), each).map_err(|why| trouble(&why))?;
        }
        rows.sort_by_key(|row| std::cmp::Reverse((row.stance.time, row.place)));
        rows.truncate(most);
        Ok(rows.iter().map(|row| self.stance(row, &erased)).collect())
    }

    fn stance(&self, row: &StanceRow, erased: &BTreeMap<BlockRef, u64>) -> Stance {
        let ended = erased.get(&row.block).is_some_and(|erased| *erased > row.stance.sequence);
        let class = self.0.classes.iter().find(|(_, tag)| *tag == row.class);
        Stance {
            matter: row.matter,
            class: class.map(|(name, _)| name.clone()),
            stands: row.stance.stands && !(ended && row.matter == Matter::Consent),
            block: row.block,
            sequence: row.stance.sequence,
            time: row.stance.time,
        }
    }

    /// Waits until the erasures of a block that are durable now are carried out:
    /// the index follows them only then.
    pub(super) async fn carried_out(&self, block: BlockRef) -> Result<(), Refusal> {
        self.caught_up(self.at(block)?.0).await
    }
}
