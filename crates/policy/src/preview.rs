//! What moves when regions are drained: the same tables, ranked with and without
//! them.

use crate::residency::{ClassNumber, Purpose};
use crate::route::{Policy, Request, Standing, decide};
use crate::set::{RegionNumber, RegionSet};
use crate::table::{Now, OriginNumber, Table};

/// The origins of a class that leave one region for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The class.
    pub class: ClassNumber,
    /// Whence.
    pub from: RegionNumber,
    /// Where to; `None` when they are refused.
    pub to: Option<RegionNumber>,
    /// Which origins.
    pub origins: Vec<OriginNumber>,
}

/// Who goes where when `drained` is drained too. `table` is ranked for `now`;
/// its copy is ranked again, so that nothing is learnt that the gateway would
/// not do.
#[must_use]
pub fn drain(policy: &Policy, table: &Table, now: &Now<'_>, drained: RegionSet) -> Vec<Move> {
    let standing = Standing { drained: now.standing.drained.or(drained), ..now.standing };
    let mut after = table.clone();
    after.rebuild(&policy.settings, &Now { standing, ..*now });
    let mut moves: Vec<Move> = Vec::new();
    for (class, _) in policy.residency.iter() {
        for origin in (0..=u32::MAX).map(OriginNumber).take(table.origins()) {
            let request = Request { origin, class, purpose: Purpose::Store, home: None };
            let Ok(from) = decide(policy, table, &now.standing, &request) else { continue };
            let to = decide(policy, &after, &standing, &request).ok();
            if to == Some(from) {
                continue;
            }
            match moves.iter_mut().find(|known| (known.class, known.from, known.to) == (class, from, to)) {
                Some(known) => known.origins.push(origin),
                None => moves.push(Move { class, from, to, origins: vec![origin] }),
            }
        }
    }
    moves
}
