//! Consent, opting out and erasure: what an agent has said stands from its
//! entry on, in its block, until it says otherwise.
#![allow(clippy::unwrap_used)]

mod support;

use block::chain::{Entry, OpId, Outcome};
use block::index::{Space, StanceRow, stances_key};
use block::kinds::{ClassTag, Closed, Matter, by_name, demanded};
use block::queue::Op;
use block::shard::{Answer, Why};
use proptest::prelude::*;
use support::{KEPT, NOW, World, agent, delete, erase, get, message, op_at, put, put_asking, say};
use trust::erasure::Demand;
use trust::sign::SigningKey;
use trust::{PlanetId, Secret};

fn stances(world: &World, matter: Matter) -> Vec<StanceRow> {
    let rows = world.rows.prefixed(Space::Stances, &stances_key(matter, agent(1)));
    rows.iter().map(|(key, value)| StanceRow::read(key, value).unwrap()).collect()
}

#[test]
fn a_class_that_needs_consent_is_refused_until_it_stands_and_again_when_it_is_taken_back() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let refused = |world: &mut World, number: u128| {
        let token = world.op(seat, put_asking(number, 1, 1, b"never"));
        world.flush();
        let Why::Consent(why) = world.refused(token) else { panic!("{:?}", world.refused(token)) };
        assert!(why.contains("`mycel op consent --class asks`"), "{why}");
    };
    let done = |world: &mut World, op| {
        let token = world.op(seat, op);
        world.flush();
        assert_eq!(world.ended(token).outcome, Outcome::Done);
        world.ended(token).clone()
    };
    refused(&mut world, 1);
    done(&mut world, put(2, 1, 2, b"of no class"));
    done(&mut world, say(3, 1, "consent", true));
    let kept = done(&mut world, put_asking(4, 1, 1, b"agreed"));
    done(&mut world, say(5, 1, "consent", false));
    refused(&mut world, 6);
    // What was kept stays.
    assert_eq!(done(&mut world, get(7, 1, 1)).record.unwrap().sequence, kept.sequence);
    // Opting out is no end of consent, and none of it.
    done(&mut world, say(8, 1, "consent", true));
    done(&mut world, say(9, 1, "opt-out", true));
    done(&mut world, put_asking(10, 1, 1, b"agreed"));
    // Nothing of what was refused is in the chain.
    assert_eq!(world.chain(0).len(), 8);
}

#[test]
fn an_erasure_ends_what_was_agreed_and_not_what_was_opted_out_of() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    for op in [say(1, 1, "consent", true), say(2, 1, "opt-out", true), erase(3, 1)] {
        world.op(seat, op);
    }
    for followed in [false, true] {
        if followed {
            world.flush();
            world.restart();
        }
        let token = world.op(seat, put_asking(4, 1, 1, b"never"));
        world.flush();
        assert!(matches!(world.refused(token), Why::Consent(_)));
    }
    let [erased] = stances(&world, Matter::Erasure)[..] else { panic!() };
    assert_eq!((erased.stance.sequence, erased.class), (4, ClassTag::NONE));
    assert_eq!(erased.place.sequence, 3, "where in the log it stands");
    assert!(stances(&world, Matter::OptOut)[0].stance.stands);
    world.tick(10);
    world.op(seat, say(5, 1, "consent", true));
    let token = world.op(seat, put_asking(6, 1, 1, b"anew"));
    world.flush();
    assert_eq!(world.ended(token).outcome, Outcome::Done);
}

fn demand(of: u8) -> Demand {
    let by = SigningKey::new(&Secret::take(&mut [7; 32]));
    Demand::make(&by, PlanetId([1; 16]), agent(of), NOW)
}

/// It asks for no slot and no rate, says who demanded it, and is written once,
/// whether or not the index has followed.
#[test]
fn a_demand_is_carried_out_once_in_its_owners_name_and_is_in_the_chain() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.op(seat, say(1, 1, "consent", true));
    let id = OpId::new(NOW, 77);
    let first = world.demand(0, &demand(1), id);
    let meanwhile = world.demand(0, &demand(1), id);
    world.flush();
    let ended = world.ended(first).clone();
    assert_eq!((ended.outcome, ended.sequence, &ended.result[..]), (Outcome::Done, 3, &[0, 1][..]));
    let before = Answer::Before(Outcome::Done, 3);
    assert_eq!(*world.answer(meanwhile), before);
    for _ in 0..2 {
        world.restart();
        let again = world.demand(0, &demand(1), id);
        world.flush();
        assert_eq!(*world.answer(again), before);
    }
    assert_eq!(world.chain(0).len(), 2);
    let entry = Entry::decode(&world.log[2].1).unwrap();
    assert_eq!((entry.agent, demanded(&entry)), (agent(1), Some(demand(1))));
    assert_eq!(demanded(&Entry { agent: agent(2), ..entry }), None, "it is about another");
    assert_eq!(demanded(&Entry { payload: &[], ..entry }), None, "the agent's own op");
    let [erased] = stances(&world, Matter::Erasure)[..] else { panic!() };
    assert_eq!(erased.stance.sequence, 3);
    let token = world.op(seat, put_asking(9, 1, 1, b"never"));
    world.flush();
    assert!(matches!(world.refused(token), Why::Consent(_)));
    // Nobody sends another op under its name.
    let named = world.op(seat, Op { id, ..erase(10, 1) });
    world.flush();
    assert_eq!(*world.answer(named), before);
}

#[test]
fn a_block_that_is_sealed_takes_no_demand_and_one_that_is_empty_does() {
    let mut world = World::new();
    world.seal(0, Some("a test"));
    let refused = world.demand(0, &demand(1), OpId::new(NOW, 1));
    let taken = world.demand(3, &demand(1), OpId::new(NOW, 1));
    world.flush();
    assert!(matches!(world.refused(refused), Why::Sealed(_)));
    assert_eq!(world.ended(taken).sequence, 1);
}

/// A rule of the planet closes classes to an agent; which class a record is of
/// is known only at the op's turn.
#[test]
fn a_record_of_a_closed_class_is_neither_replaced_nor_deleted() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let closed = || Closed::new(vec![(ClassTag::of("asks"), "it is closed".to_owned())]);
    let mut outcome = |op| {
        let token = world.op(seat, op);
        world.flush();
        (world.ended(token).outcome, String::from_utf8_lossy(&world.ended(token).result).into_owned())
    };
    let refused = (Outcome::Failed, "it is closed".to_owned());
    outcome(say(1, 1, "consent", true));
    outcome(put_asking(2, 1, 1, b"bound"));
    outcome(put(3, 1, 2, b"free"));
    assert_eq!(outcome(Op { closed: closed(), ..put(4, 1, 1, b"taken") }), refused);
    assert_eq!(outcome(Op { closed: closed(), ..delete(5, 1, 1) }), refused);
    // What is of no class, and what is not there, is free.
    assert_eq!(outcome(Op { closed: closed(), ..put(6, 1, 2, b"free") }).0, Outcome::Done);
    assert_eq!(outcome(Op { closed: closed(), ..delete(7, 1, 2) }).0, Outcome::Done);
    assert_eq!(outcome(Op { closed: closed(), ..delete(8, 1, 3) }).0, Outcome::Done);
    assert_eq!(outcome(delete(9, 1, 1)).0, Outcome::Done);
}

/// What stands is what stands when the op has its turn, behind what waits.
#[test]
fn what_waits_in_front_counts() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let ops = [
        message(1, 1, 2),
        say(2, 1, "consent", true),
        put_asking(3, 1, 1, b"a"),
        erase(4, 1),
        put_asking(5, 1, 1, b"b"),
    ];
    let tokens = ops.map(|op| world.op(seat, op));
    world.rows.full.set(false);
    world.tick(1_000);
    world.flush();
    let outcomes = tokens.map(|token| world.ended(token).outcome);
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::Done, Outcome::Done, Outcome::Failed]);
    assert!(String::from_utf8_lossy(&world.ended(tokens[4]).result).contains("mycel op consent"));
}

#[test]
fn what_one_agreed_to_holds_for_itself_in_its_block() {
    let mut world = World::new();
    let (here, there) = ((0, 0, world.seat(0, 0, 1)), (1, 0, world.seat(1, 0, 1)));
    let other = (0, 1, world.seat(0, 1, 2));
    world.op(here, say(1, 1, "consent", true));
    for (seat, who, good) in [(here, 1, true), (there, 1, false), (other, 2, false)] {
        let token = world.op(seat, put_asking(2, who, 1, b"x"));
        world.flush();
        assert_eq!(matches!(world.answer(token), Answer::Ended(_)), good, "{seat:?}");
    }
}

/// In its millisecond a record is too old, to whoever reads and to the router;
/// one that was written anew is not.
#[test]
fn a_record_expires_in_its_millisecond_and_only_once() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.op(seat, say(1, 1, "consent", true));
    let kept = world.op(seat, put_asking(2, 1, 1, b"old"));
    world.op(seat, put_asking(3, 1, 2, b"written anew"));
    world.op(seat, put(4, 1, 3, b"of no class"));
    let aging = |world: &World| world.rows.prefixed(Space::Aging, &[]).len();
    world.flush();
    world.follow_all();
    assert_eq!(aging(&world), 2);
    let expires = |world: &mut World, key| {
        let token = world.expire(0, 1, key);
        world.flush();
        match world.answer(token) {
            Answer::Written(_) => true,
            Answer::Refused(Why::NotTooOld) => false,
            other => panic!("{other:?}"),
        }
    };
    let read = |world: &mut World, number, key| {
        let token = world.op(seat, op_at(world.now, number, "get", 1, vec![key; 16]));
        world.flush();
        world.ended(token).record.clone().map(|record| record.sequence)
    };
    world.tick(KEPT.0 - 1);
    let anew = op_at(world.now, 5, "put", 1, [&[2; 16][..], &ClassTag::of("asks").0, b"anew"].concat());
    world.op(seat, anew);
    assert!(!expires(&mut world, 1));
    assert_eq!(read(&mut world, 6, 1), Some(world.ended(kept).sequence));
    world.tick(1);
    assert_eq!(read(&mut world, 7, 1), None, "before its entry is written");
    let entries = world.log.len();
    assert!(expires(&mut world, 1) && !expires(&mut world, 1) && !expires(&mut world, 2) && !expires(&mut world, 3));
    assert_eq!(world.log.len(), entries + 1);
    assert!(read(&mut world, 8, 2).is_some() && read(&mut world, 9, 3).is_some());
    world.restart();
    // The limit that is read from the chain is stricter.
    world.tick(10);
    assert_eq!(read(&mut world, 10, 1), None);
    assert_eq!((aging(&world), world.rows.prefixed(Space::Records, &[]).len()), (1, 2));
    // What is deleted grows no older.
    world.tick(1);
    world.op(seat, delete(11, 1, 2));
    world.flush();
    world.follow_all();
    assert_eq!(aging(&world), 0);
}

proptest! {
    #[test]
    fn a_payload_is_a_stance_or_refused(kind in prop::sample::select(vec!["consent", "opt-out", "erase"]), payload: Vec<u8>) {
        let read = (by_name(kind).unwrap().effect)(&payload);
        let stance = payload.len() == 9 && payload[8] < 2 && payload[..8] != [0; 8];
        prop_assert_eq!(read.is_ok(), if kind == "erase" { payload.is_empty() } else { stance });
    }
}
