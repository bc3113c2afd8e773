//! A chain that was changed in any way is not that chain any more.

#![allow(clippy::unwrap_used)]

use block::chain::{Broken, Entry, Head, Link, MOST_BYTES, NoEntry, OpId, Outcome};
use proptest::prelude::*;
use trust::{AgentId, BlockRef, Moment, RegionTag};

fn block(index: u64) -> BlockRef {
    BlockRef { region: RegionTag::of("eu"), index }
}

/// An entry that follows `head`.
fn next<'b>(head: &Head, epoch: u64, now: u64, payload: &'b [u8]) -> Entry<'b> {
    Entry {
        block: head.block,
        sequence: head.sequence + 1,
        epoch,
        time: head.next_time(Moment(now)),
        agent: AgentId([7; 32]),
        id: OpId::new(Moment(now), 5),
        kind: 1,
        outcome: Outcome::Done,
        tries: 1,
        previous: head.link,
        payload,
        result: b"ok",
    }
}

fn bytes(entry: &Entry<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes).unwrap();
    bytes
}

/// A chain of so many entries, as bytes.
fn chain(block: BlockRef, entries: u64) -> Vec<Vec<u8>> {
    let mut head = Head::before_the_first(block);
    let entry = |number: u64| {
        let payload = number.to_be_bytes();
        let encoded = bytes(&next(&head, 1 + number / 4, 1_000 + number, &payload));
        head.follow(&encoded).unwrap();
        encoded
    };
    (0..entries).map(entry).collect()
}

fn check(block: BlockRef, entries: &[Vec<u8>]) -> Result<Head, Broken> {
    let mut head = Head::before_the_first(block);
    for entry in entries {
        head.follow(entry)?;
    }
    Ok(head)
}

#[test]
fn a_whole_chain_is_followed_to_its_end() {
    let head = check(block(3), &chain(block(3), 20)).unwrap();
    assert_eq!((head.sequence, head.epoch, head.time), (20, 5, Moment(1_019)));
}

#[test]
fn entries_dropped_swapped_doubled_or_moved_are_named() {
    let good = chain(block(3), 8);
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut entries = good.clone();
        change(&mut entries);
        check(block(3), &entries).unwrap_err()
    };
    assert_eq!(changed(&|entries| _ = entries.remove(3)), Broken::NotNext { expected: 4, found: 5 });
    assert_eq!(changed(&|entries| entries.swap(2, 3)), Broken::NotNext { expected: 3, found: 4 });
    assert_eq!(changed(&|entries| entries.insert(2, entries[1].clone())), Broken::NotNext { expected: 3, found: 2 });
    assert_eq!(check(block(4), &good).unwrap_err(), Broken::OtherBlock(1));
    // The same entries on another beginning.
    let other = chain(block(4), 8);
    assert_eq!(
        check(block(3), &[vec![good[0].clone()], vec![other[1].clone()]].concat()).unwrap_err(),
        Broken::OtherBlock(2)
    );
}

#[test]
fn a_replaced_entry_breaks_the_link_of_the_next() {
    let mut entries = chain(block(3), 8);
    let mut head = check(block(3), &entries[..4]).unwrap();
    let forged = bytes(&next(&head, 2, 1_004, b"another payload"));
    head.follow(&forged).unwrap();
    entries[4] = forged;
    assert_eq!(check(block(3), &entries).unwrap_err(), Broken::Unlinked(6));
}

#[test]
fn a_replaced_writer_cannot_write_and_time_does_not_run_back() {
    let mut head = Head::before_the_first(block(0));
    let first = bytes(&next(&head, 7, 5_000, b""));
    head.follow(&first).unwrap();
    let late = bytes(&next(&head, 6, 6_000, b""));
    assert_eq!(head.follow(&late).unwrap_err(), Broken::OldEpoch { sequence: 2, found: 6, newest: 7 });
    // A clock that stepped back writes the time of the entry before.
    assert_eq!(next(&head, 7, 1, b"").time, Moment(5_000));
    let backwards = bytes(&Entry { time: Moment(4_999), ..next(&head, 7, 1, b"") });
    assert_eq!(head.follow(&backwards).unwrap_err(), Broken::Backwards(2));
}

#[test]
fn what_is_too_large_is_not_written() {
    let payload = vec![0; MOST_BYTES + 1];
    let entry = next(&Head::before_the_first(block(0)), 1, 1, &payload);
    assert!(matches!(entry.encode(&mut Vec::new()), Err(NoEntry::Field(_))));
}

proptest! {
    #[test]
    fn an_entry_has_one_encoding(
        numbers in any::<[u64; 5]>(), region in any::<[u8; 8]>(), agent in any::<[u8; 32]>(), id in any::<u128>(),
        previous in any::<[u8; 32]>(), kind in any::<u8>(), tries in any::<u8>(), done in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..200), result in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let [index, sequence, epoch, time, _] = numbers;
        let outcome = if done { Outcome::Done } else { Outcome::Failed };
        let entry = Entry {
            block: BlockRef { region: RegionTag(region), index }, sequence, epoch, time: Moment(time), agent: AgentId(agent),
            id: OpId(id), kind, outcome, tries, previous: Link(previous), payload: &payload, result: &result,
        };
        let encoded = bytes(&entry);
        prop_assert_eq!(Entry::decode(&encoded), Ok(entry));
        prop_assert!(Entry::decode(&encoded[..encoded.len() - 1]).is_err());
        prop_assert!(Entry::decode(&[&encoded[..], &[0]].concat()).is_err());
    }

    #[test]
    fn any_bytes_that_decode_encode_to_themselves(mut bytes_in in prop::collection::vec(any::<u8>(), 0..300)) {
        if let [version, _, outcome, ..] = bytes_in.as_mut_slice() {
            (*version, *outcome) = (1, *outcome % 2 + 1);
        }
        if let Ok(entry) = Entry::decode(&bytes_in) {
            prop_assert_eq!(bytes(&entry), bytes_in);
        }
    }

    #[test]
    fn any_flipped_bit_breaks_the_chain(entry in 0usize..6, bit in any::<prop::sample::Index>()) {
        let mut entries = chain(block(3), 7);
        let bit = bit.index(entries[entry].len() * 8);
        entries[entry][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(check(block(3), &entries).is_err());
    }
}
