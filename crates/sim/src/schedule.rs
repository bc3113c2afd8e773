//! Who goes next, when several could.
//!
//! It must never be fair by design: what is rare in production, one actor that
//! goes fifty times while another stands still, is to happen here.

use crate::Dice;

/// Picks among actors by weights that the seed chose once for the whole run,
/// so that runs differ in kind and not only in detail.
#[derive(Debug, Clone)]
pub struct Schedule {
    weights: Vec<u64>,
}

impl Schedule {
    /// A schedule for so many actors.
    #[must_use]
    pub fn new(actors: usize, dice: &mut Dice) -> Self {
        // From one to 64 times as often, even on a scale of doublings.
        Self { weights: (0..actors).map(|_| 1 << dice.below(7)).collect() }
    }

    /// The next actor.
    pub fn next(&self, dice: &mut Dice) -> usize {
        let mut at = dice.below(self.weights.iter().sum());
        for (actor, weight) in self.weights.iter().enumerate() {
            if at < *weight {
                return actor;
            }
            at -= weight;
        }
        0
    }
}
