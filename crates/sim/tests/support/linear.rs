//! Whether what concurrent clients saw of records is linearizable.
//!
//! The chain is the witness: one order of all ops that took effect. A history
//! is linearizable when *some* order of them obeys the register and never
//! turns round two ops of which one had returned before the other was asked
//! for; this holds the chain's order to both. So a history that passes is
//! linearizable, by definition. One that is refused could be so by another
//! order still, but the chain would have lied about it, which is as bad. A
//! search over all orders would say less and cost more.

use std::collections::BTreeMap;

/// What an op did to its register, and what it says that it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    Put(Vec<u8>),
    Delete,
    /// What was read, if its client heard so.
    Get(Option<Option<Vec<u8>>>),
}

/// An op that took effect, in the order of the chain.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Its place in the chain.
    pub(crate) place: u64,
    /// When it was asked for, and when its first answer came.
    pub(crate) asked: u64,
    pub(crate) answered: Option<u64>,
    pub(crate) did: Did,
    /// The place of the writer of what was there, as the chain's entry says.
    pub(crate) saw: u64,
}

/// Checks the history of one register.
pub(crate) fn check(events: &[Event]) -> Result<(), String> {
    let (mut value, mut writer, mut latest) = (None, 0, 0);
    let mut writers = BTreeMap::new();
    for event in events {
        if writers.insert(event.place, ()).is_some() {
            return Err(format!("two ops at place {}", event.place));
        }
        if event.answered.is_some_and(|answered| answered < latest) {
            return Err(format!(
                "the op at place {} had returned before one in front of it was asked for",
                event.place
            ));
        }
        latest = latest.max(event.asked);
        if event.saw != writer {
            return Err(format!(
                "the op at place {} saw what {} wrote, and {writer} was the last",
                event.place, event.saw
            ));
        }
        match &event.did {
            Did::Put(new) => (value, writer) = (Some(new.clone()), event.place),
            Did::Delete => (value, writer) = (None, 0),
            Did::Get(Some(read)) if *read != value => return Err(format!("place {} read {read:?}", event.place)),
            Did::Get(_) => {}
        }
    }
    Ok(())
}
