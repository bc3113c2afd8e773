//! Names of ops, each behind every earlier one: a block takes a name that is
//! newer than all of its agent's for new, and has to look for any other.

use block::chain::OpId;
use std::sync::{Mutex, PoisonError};
use trust::Moment;

/// The newest name: its millisecond, and which of that it was.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<(u64, u16)>);

impl Names {
    /// The next name.
    pub(crate) fn next(&self, now: Moment, entropy: u64) -> OpId {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (moment, count) = *newest;
        *newest = match count.checked_add(1) {
            _ if now.0 > moment => (now.0, 0),
            Some(count) => (moment, count),
            None => (moment.saturating_add(1), 0),
        };
        OpId::counted(Moment(newest.0), newest.1, entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_rise_whatever_the_clock_and_chance_do() {
        let (names, mut last) = (Names::default(), 0);
        for number in 0..200_000_u64 {
            let now = Moment(1_000 + number % 7);
            let name = names.next(now, u64::MAX - number).0 >> 64;
            assert!(name > last, "{number}");
            last = name;
        }
    }
}
