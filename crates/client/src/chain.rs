//! Reading a chain without believing whoever serves it: every entry links to
//! the one before, and the end is signed.

use crate::error::Error;
use block::chain::{Head, Link};
use trust::sign::{PublicKey, Signature};
use trust::{AgentId, BlockRef, RegionTag};
use wire::tell;

/// Where a reader of a chain stands. What it has seen cannot be taken back: a
/// chain that no longer goes through there is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    block: tell::Block,
    head: Head,
    /// Whether it may begin where the node says that the chain does.
    anchored: bool,
}

/// Entries that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The bytes of each, as they are hashed: `block::chain::Entry::decode` reads them.
    pub entries: Vec<Vec<u8>>,
    /// Where the chain ends, by the node's word.
    pub end: u64,
}

impl Follow {
    /// From the first entry on.
    #[must_use]
    pub fn begin(block: tell::Block) -> Self {
        let names = BlockRef { region: RegionTag::of(&block.region), index: block.index };
        Self { block, head: Head::before_the_first(names), anchored: false }
    }

    /// From the oldest entry on that is kept: where older ones were pruned, the
    /// node's signature over the last of them is believed.
    #[must_use]
    pub fn from_the_oldest(block: tell::Block) -> Self {
        Self { anchored: true, ..Self::begin(block) }
    }

    /// From a head on that was checked before.
    #[must_use]
    pub const fn resume(block: tell::Block, head: Head) -> Self {
        Self { block, head, anchored: false }
    }

    /// Whose chain it is.
    #[must_use]
    pub const fn block(&self) -> &tell::Block {
        &self.block
    }

    /// The last entry that was checked: to be kept for `resume`.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The entry that comes next.
    pub(crate) const fn next(&self) -> u64 {
        self.head.sequence.saturating_add(1)
    }

    /// Where to read on; nothing when that is where the chain is kept from.
    pub(crate) fn from(&self) -> Option<u64> {
        if self.anchored { None } else { Some(self.next()) }
    }

    /// Where the chain is read on: at the node's anchor, if it may.
    fn start(&self, told: &tell::Chain, node: AgentId) -> Result<Head, Error> {
        match &told.anchor {
            Some(anchor) if self.anchored && told.oldest == anchor.sequence.saturating_add(1) => {
                signed(anchor, self.head.block, node)?;
                Ok(Head { sequence: anchor.sequence, link: Link(anchor.link.0), ..self.head })
            }
            _ => Ok(self.head),
        }
    }

    /// Checks what was served; stays where it is when that does not hold.
    pub(crate) fn take(&mut self, told: tell::Chain, node: AgentId) -> Result<Stretch, Error> {
        let broken = |what: String| Error::Chain(what);
        if told.block != self.block {
            return Err(broken("it is another block's".to_owned()));
        }
        let mut head = self.start(&told, node)?;
        if told.oldest > head.sequence.saturating_add(1) {
            let (next, oldest) = (self.next(), told.oldest);
            return Err(broken(format!(
                "entry {next} was pruned, and {oldest} is the oldest: begin at a head that you know"
            )));
        }
        for entry in &told.entries {
            head.follow(&entry.bytes.0).map_err(|error| broken(error.to_string()))?;
        }
        signed(&told.head, self.head.block, node)?;
        let end = told.head.sequence;
        if head.sequence > end {
            return Err(broken(format!("its node says that it ends at {end}, and entry {} was read", head.sequence)));
        }
        if head.sequence == end && head.link.0 != told.head.link.0 {
            return Err(broken(format!("its node signs another entry {end}")));
        }
        (self.head, self.anchored) = (head, false);
        Ok(Stretch { entries: told.entries.into_iter().map(|entry| entry.bytes.0).collect(), end })
    }
}

fn signed(head: &tell::Head, block: BlockRef, node: AgentId) -> Result<(), Error> {
    let bad = |what: &str| Error::Chain(what.to_owned());
    if head.node.0 != node.0 {
        return Err(bad("its head is signed by another node"));
    }
    let key = PublicKey::new(node).map_err(|_| bad("its node's name is no key"))?;
    let message = wire::chain_head(block, head.sequence, Link(head.link.0));
    let signature = Signature(head.signature.0);
    key.verify(wire::CHAIN_HEAD, &message, &signature).map_err(|_| bad("the node's signature does not hold"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use block::chain::{Entry, OpId, Outcome, link};
    use trust::sign::SigningKey;
    use trust::{Moment, Secret};
    use wire::{Base64, Hex};

    fn node() -> SigningKey {
        SigningKey::new(&Secret::take(&mut [7; 32]))
    }

    fn block() -> tell::Block {
        tell::Block { region: "eu".to_owned(), index: 3 }
    }

    fn entries(many: u64) -> Vec<Vec<u8>> {
        let mut head = *Follow::begin(block()).head();
        let mut entries = Vec::new();
        for sequence in 1..=many {
            let entry = Entry {
                block: head.block,
                sequence,
                epoch: 1,
                time: Moment(sequence),
                agent: node().id(),
                id: OpId(u128::from(sequence)),
                kind: 6,
                outcome: Outcome::Done,
                tries: 1,
                previous: head.link,
                payload: b"sealed",
                result: b"",
            };
            let mut bytes = Vec::new();
            entry.encode(&mut bytes).unwrap();
            head.follow(&bytes).unwrap();
            entries.push(bytes);
        }
        entries
    }

    fn served(entries: &[Vec<u8>], all: &[Vec<u8>]) -> tell::Chain {
        let tell = |bytes: &Vec<u8>| tell::Entry {
            bytes: Base64(bytes.clone()),
            sequence: 0,
            epoch: 0,
            time: 0,
            agent: Hex([0; 32]),
            id: Hex([0; 16]),
            kind: String::new(),
            outcome: tell::OpState::Done,
            tries: 0,
            previous: Hex([0; 32]),
            link: Hex([0; 32]),
            payload: 0,
            result: 0,
        };
        let sequence = u64::try_from(all.len()).unwrap();
        let begin = Follow::begin(block()).head;
        let end = all.last().map_or(begin.link, |last| link(last));
        let signature = node().sign(wire::CHAIN_HEAD, &wire::chain_head(begin.block, sequence, end));
        let head = tell::Head { sequence, link: Hex(end.0), signature: Hex(signature.0), node: Hex(node().id().0) };
        tell::Chain { block: block(), entries: entries.iter().map(tell).collect(), head, oldest: 1, anchor: None }
    }

    #[test]
    fn an_honest_chain_is_followed() {
        let all = entries(5);
        let mut follow = Follow::begin(block());
        assert_eq!(follow.take(served(&all[..2], &all), node().id()).unwrap().entries, all[..2]);
        assert_eq!(follow.next(), 3);
        assert_eq!(follow.take(served(&all[2..], &all), node().id()).unwrap().end, 5);
        assert!(follow.take(served(&[], &all), node().id()).unwrap().entries.is_empty());
    }

    #[test]
    fn a_chain_that_was_changed_is_told() {
        let all = entries(5);
        let check = |told: tell::Chain, what: &str| {
            let mut follow = Follow::begin(block());
            follow.take(served(&all[..2], &all), node().id()).unwrap();
            let before = follow.clone();
            let error = follow.take(told, node().id()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            assert_eq!(follow, before, "it stays where it was");
        };
        check(served(&all[3..], &all), "entry 3 is missing");
        check(served(&[], &all[..1]), "entry 2 was read");
        let mut other = all.clone();
        other[1][50] ^= 1;
        check(served(&[], &other[..2]), "signs another entry 2");
        let mut forged = served(&all[2..], &all);
        forged.entries[0].bytes.0[60] ^= 1;
        check(forged, "does not hold");
        let mut unsigned = served(&all[2..], &all);
        unsigned.head.signature.0[9] ^= 1;
        check(unsigned, "signature does not hold");
        check(tell::Chain { oldest: 4, ..served(&all[3..], &all) }, "entry 3 was pruned");
    }
}
