//! The index is a fold of the log: in whatever groups it is folded, however
//! far it lags, and whether or not blocks go and come back, nobody can tell.
#![allow(clippy::unwrap_used)]

mod support;

use block::index::{Fold, Space};
use block::kinds::Cursor;
use block::queue::Op;
use block::shard::Answer;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{Kept, NOW, Rows, World, add, delete, erase, get, message, of, op_at, put, put_asking, rules, say};
use vocab::Millis;

/// What somebody does, beside what happens to the index and the blocks.
#[derive(Debug, Clone)]
enum Step {
    Op(u64, u8, u16, What),
    Cancel(u64, u8, u16),
    Renew(u64, u8),
    Leave(u64, u8),
    Full(bool),
    Expire(u64, u8, u8),
    Later(u16),
    Flush,
    // What nobody may notice.
    Follow(usize),
    Evict(u64),
    Restart,
}

#[derive(Debug, Clone)]
enum What {
    Put(u8, u8),
    Get(u8),
    Delete(u8),
    Send(u8),
    Ack(u8),
    PutAsking(u8, u8),
    Say(&'static str, bool),
    Erase,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || (0u64..2, 0u8..3, 0u16..40);
    let what = prop_oneof![
        4 => (0u8..4, any::<u8>()).prop_map(|(key, value)| What::Put(key, value)),
        2 => (0u8..4).prop_map(What::Get),
        1 => (0u8..4).prop_map(What::Delete),
        2 => (0u8..3).prop_map(What::Send),
        1 => any::<u8>().prop_map(What::Ack),
        3 => (0u8..4, any::<u8>()).prop_map(|(key, value)| What::PutAsking(key, value)),
        2 => any::<bool>().prop_map(|given| What::Say("consent", given)),
        1 => any::<bool>().prop_map(|out| What::Say("opt-out", out)),
        1 => Just(What::Erase),
    ];
    let step = prop_oneof![
        12 => (place(), what).prop_map(|((block, who, number), what)| Step::Op(block, who, number, what)),
        1 => place().prop_map(|(block, who, number)| Step::Cancel(block, who, number)),
        1 => (0u64..2, 0u8..3).prop_map(|(block, who)| Step::Renew(block, who)),
        1 => (0u64..2, 0u8..3).prop_map(|(block, who)| Step::Leave(block, who)),
        1 => any::<bool>().prop_map(Step::Full),
        2 => (0u64..2, 0u8..3, 0u8..4).prop_map(|(block, who, key)| Step::Expire(block, who, key)),
        2 => (0u16..3_000).prop_map(Step::Later),
        3 => Just(Step::Flush),
        3 => (1usize..20).prop_map(Step::Follow),
        2 => (0u64..2).prop_map(Step::Evict),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..150)
}

fn op(number: u16, who: u8, what: &What) -> Op {
    let (number, who) = (u128::from(number), who + 1);
    match *what {
        What::Put(key, value) => put(number, who, key, &[value; 5]),
        What::Get(key) => get(number, who, key),
        What::Delete(key) => delete(number, who, key),
        What::Send(to) => message(number, who, to),
        What::Ack(at) => {
            let cursor = Cursor { segment: 1, offset: u64::from(at), sequence: u64::from(at) };
            op_at(NOW, number, "ack", who, cursor.to_bytes().to_vec())
        }
        What::PutAsking(key, value) => put_asking(number, who, key, &[value; 5]),
        What::Say(kind, stands) => say(number, who, kind, stands),
        What::Erase => erase(number, who),
    }
}

/// What each op was answered, under whatever token.
fn run(steps: &[Step], noticed: bool) -> (World, Vec<String>) {
    let mut world = World::with(rules(1_000));
    let mut fencing = BTreeMap::new();
    let mut asked = Vec::new();
    for step in steps {
        if matches!(step, Step::Op(..) | Step::Evict(_) | Step::Restart) {
            // A limit that is read from the chain is stricter by the time that
            // an op waited before it ended: at a thousand a second, one step.
            world.tick(1);
        }
        match step {
            Step::Op(block, who, number, what) => {
                let seat = (*block, *who);
                fencing.entry(seat).or_insert_with(|| world.seat(*block, *who, who + 1));
                asked.push(world.op((*block, *who, fencing[&seat]), op(*number, *who, what)));
            }
            Step::Cancel(block, who, number) => {
                asked.push(world.cancel(*block, of(&op(*number, *who, &What::Get(0)))));
            }
            Step::Renew(block, who) if fencing.contains_key(&(*block, *who)) => {
                asked.push(world.renew(*block, *who, who + 1));
            }
            Step::Leave(block, who) if fencing.remove(&(*block, *who)).is_some() => {
                asked.push(world.leave(*block, *who));
            }
            Step::Expire(block, who, key) => asked.push(world.expire(*block, who + 1, *key)),
            Step::Full(full) => world.rows.full.set(*full),
            Step::Later(wait) => world.tick(u64::from(*wait)),
            Step::Flush => world.flush(),
            Step::Follow(entries) if noticed => world.follow(*entries),
            Step::Evict(block) if noticed => _ = world.shard.evict(*block),
            // What waits is lost with the process, which everybody notices.
            Step::Restart if noticed && (0..2).all(|block| world.shard.waiting(block).is_empty()) => {
                world.flush();
                world.restart();
            }
            _ => {}
        }
    }
    world.rows.full.set(false);
    world.tick(1_000);
    world.tick(1_000);
    world.flush();
    let answers = asked.iter().map(|token| format!("{:?}", world.answer(*token))).collect();
    (world, answers)
}

/// The rows as they mean: runs of places and of names in one piece each.
fn meaning(rows: &Rows) -> Kept {
    let mut meant = Kept::new();
    for ((space, key), value) in rows.rows.borrow().iter() {
        let run = matches!(space, Space::Chain | Space::Names);
        let kept = if run { &key[..key.len() - 8] } else { &key[..] };
        if *space == Space::Chain {
            let first = u64::from_be_bytes(key[16..].try_into().unwrap());
            let before = meant.get(&(*space, kept.to_vec())).map_or(0, |run| run.len() as u64 / 24);
            assert_eq!(before + 1, first, "a run of places has a gap");
        }
        meant.entry((*space, kept.to_vec())).or_default().extend(value);
    }
    meant
}

fn folded(log: &[(u64, Vec<u8>)], groups: &[usize]) -> Rows {
    let rows = Rows::default();
    let (mut at, mut groups) = (0, groups.iter().cycle());
    while at < log.len() {
        let to = log.len().min(at + groups.next().unwrap());
        let mut fold = Fold::default();
        for (place, (_, bytes)) in log.iter().enumerate().take(to).skip(at) {
            add(&mut fold, place, bytes);
        }
        rows.apply(fold);
        at = to;
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_tell_where_the_index_is_and_which_blocks_are_loaded(steps in steps()) {
        let (plain, answers) = run(&steps, false);
        let (moved, other) = run(&steps, true);
        prop_assert_eq!(&plain.log, &moved.log);
        prop_assert_eq!(&plain.notices, &moved.notices);
        // An op that was asked for again may hear of it in two ways.
        for (one, other) in answers.iter().zip(&other) {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn any_grouping_folds_to_the_same_rows(steps in steps(), groups in prop::collection::vec(1usize..30, 1..10)) {
        let (world, _) = run(&steps, true);
        let each = meaning(&folded(&world.log, &[1]));
        prop_assert_eq!(&each, &meaning(&folded(&world.log, &[usize::MAX / 2])));
        prop_assert_eq!(&each, &meaning(&folded(&world.log, &groups)));
    }

    /// Every read sees what the writes before it left, wherever it is kept.
    #[test]
    fn records_are_a_map_under_an_index_that_lags(
        asks in prop::collection::vec((0u8..3, 0u8..4, any::<u8>(), 0u8..6, 0u8..3), 1..150)
    ) {
        let mut world = World::new();
        let seats: Vec<_> = (0..3).map(|who| (0, who, world.seat(0, who, who + 1))).collect();
        let mut model = BTreeMap::new();
        for (number, (who, key, value, how, happens)) in (0u16..).zip(asks) {
            let what = match how {
                0..3 => What::Put(key, value),
                3..5 => What::Get(key),
                _ => What::Delete(key),
            };
            let token = world.op(seats[usize::from(who)], op(number, who, &what));
            match happens {
                0 => world.flush(),
                1 => world.follow(2),
                _ => {}
            }
            let before = match &what {
                What::Put(..) => model.insert((who, key), (token, value)),
                What::Delete(_) => model.remove(&(who, key)),
                _ => model.get(&(who, key)).copied(),
            };
            world.flush();
            let ended = world.ended(token);
            let writer = before.map_or(0, |(token, _)| world.ended(token).sequence);
            prop_assert_eq!(&ended.result, &writer.to_be_bytes());
            if matches!(what, What::Get(_)) {
                let read = ended.record.as_ref().map(|record| record.envelope.clone());
                prop_assert_eq!(read, before.map(|(_, value)| vec![value; 5]));
            }
        }
        world.follow_all();
        prop_assert_eq!(world.shard.unfollowed(), 0);
        prop_assert_eq!(world.rows.prefixed(Space::Records, &[]).len(), model.len());
    }
}

/// What is acknowledged beyond what has come does not reach what comes later.
#[test]
fn an_acknowledgement_reaches_only_what_stood_before_it() {
    let ack = |number, at| {
        let cursor = Cursor { segment: at, ..Cursor::default() };
        op_at(NOW, number, "ack", 2, cursor.to_bytes().to_vec())
    };
    let mut world = World::new();
    let (from, to) = ((0, 0, world.seat(0, 0, 1)), (1, 0, world.seat(1, 0, 2)));
    for (seat, op) in [
        (from, message(1, 1, 2)),
        (to, ack(2, u64::MAX)),
        (from, message(3, 1, 2)),
        (to, ack(4, 0)),
        (from, message(5, 1, 2)),
    ] {
        let token = world.op(seat, op);
        world.flush();
        assert!(matches!(world.answer(token), Answer::Ended(_)));
    }
    for groups in [1, 2, 3, 100] {
        assert_eq!(folded(&world.log, &[groups]).prefixed(Space::Inbox, &[2; 32]).len(), 2);
    }
}

/// The lease of a slot that was given long ago is prolonged in a row that says
/// who holds it and since when.
#[test]
fn a_renewal_keeps_holder_and_fencing() {
    let mut world = World::new();
    let fencing = world.seat(0, 0, 1);
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        world.now = world.now.after(Millis::minutes(10));
        let token = world.renew(0, 0, 1);
        world.flush();
        assert_eq!(world.answer(token), &Answer::Written(fencing));
        world.follow_all();
        let seats = block::shard::Below::load(&world.rows, support::block(0)).unwrap().seats;
        assert_eq!((seats[0].0.fencing, seats[0].0.until), (fencing, world.now.after(Millis::hours(1))));
    }
}
