//! Slots, limits and troubles of a block, and that they stay its own.
#![allow(clippy::unwrap_used)]

mod support;

use block::chain::Outcome;
use block::house::{FIRST, Left};
use block::kinds::ClassTag;
use block::queue::Op;
use block::rate::{Limit, Limits};
use block::shard::{Answer, Notice, PAUSE, Rules, Why};
use support::{NOW, World, agent, block, echo, get, message, of, op_at, put, rules};
use trust::Moment;
use vocab::{Millis, Rate, Slot};

/// The original took the first slot's address for the router's.
#[test]
fn slot_0_is_an_agents_and_not_the_routers() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let op = world.op(seat, echo(1, 1));
    let deed = Op { kind: FIRST, ..echo(2, 1) };
    let deed = world.op(seat, deed);
    world.flush();
    assert_eq!(world.ended(op).sequence, 2);
    assert!(matches!(world.refused(deed), Why::Payload(_)));
}

#[test]
fn a_previous_holders_fencing_token_is_worth_nothing() {
    let mut world = World::new();
    let mut tokens = vec![world.seat(0, 3, 1)];
    for who in [2, 1, 2] {
        world.leave(0, 3);
        tokens.push(world.seat(0, 3, who));
    }
    assert!(tokens.is_sorted_by(|one, other| one < other), "{tokens:?}");
    for (fencing, who) in [(tokens[0], 1), (tokens[1], 2), (tokens[2], 1), (tokens[3], 1), (tokens[3] + 1, 2)] {
        let token = world.op((0, 3, fencing), echo(u128::from(fencing), who));
        world.flush();
        assert_eq!(world.refused(token), &Why::NotHolder);
    }
    let good = world.op((0, 3, tokens[3]), echo(99, 2));
    world.flush();
    assert_eq!(world.ended(good).outcome, Outcome::Done);
    // A slot that is taken is not given, nor a second one to an agent that has one.
    for (slot, who) in [(3, 9), (4, 2)] {
        let token = world.ask_seat(0, slot, who);
        world.flush();
        assert_eq!(world.refused(token), &Why::NotHolder);
    }
}

/// Who left and came back was new: what it had sent ran twice.
#[test]
fn names_outlast_a_lease() {
    for (follow, restart) in [(false, false), (true, false), (true, true)] {
        let mut world = World::new();
        let seat = (0, 0, world.seat(0, 0, 1));
        world.op(seat, put(1, 1, 1, b"once"));
        world.leave(0, 0);
        world.flush();
        if follow {
            world.follow_all();
        }
        if restart {
            world.restart();
        }
        let seat = (0, 0, world.seat(0, 0, 1));
        let again = world.op(seat, put(1, 1, 1, b"once"));
        world.flush();
        assert_eq!(world.answer(again), &Answer::Before(Outcome::Done, 2), "{follow} {restart}");
    }
}

/// An op that waits outlasts its sender's lease: it must not run twice either.
#[test]
fn an_op_that_waits_is_known_to_whoever_comes_back() {
    let mut world = World::with(rules(1));
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let first = world.op(seat, message(1, 1, 2));
    world.leave(0, 0);
    world.flush();
    world.follow_all();
    let seat = (0, 0, world.seat(0, 0, 1));
    let again = world.op(seat, message(1, 1, 2));
    let more = world.op(seat, echo(2, 1));
    world.rows.full.set(false);
    world.tick(PAUSE.0);
    world.flush();
    assert_eq!((world.answer(first), world.refused(more)), (world.answer(again), &Why::Rate(Millis(1_000))));
    assert_eq!(world.chain(0).len(), 1);
}

/// The simulator found this: an op that waited when its sender left, and ended
/// behind what the index had followed, ran again when the sender came back.
#[test]
fn an_op_that_ended_behind_the_index_is_known_to_whoever_comes_back() {
    for cancels in [false, true] {
        let mut world = World::new();
        let (other, seat) = ((0, 0, world.seat(0, 0, 1)), (0, 1, world.seat(0, 1, 2)));
        world.rows.full.set(true);
        world.op(other, message(1, 1, 2));
        world.op(seat, echo(2, 2));
        world.leave(0, 1);
        world.flush();
        world.follow_all();
        if cancels {
            world.cancel(0, of(&echo(2, 2)));
        }
        world.rows.full.set(false);
        world.tick(PAUSE.0);
        world.flush();
        let seat = (0, 1, world.seat(0, 1, 2));
        world.tick(1);
        let again = world.op(seat, echo(2, 2));
        world.flush();
        assert!(matches!(world.answer(again), Answer::Before(..)), "{:?}", world.answer(again));
        assert_eq!(world.chain(0).len(), 2);
    }
}

#[test]
fn the_rate_is_exact_at_the_boundary_and_restored() {
    let mut world = World::with(rules(1));
    let seat = (0, 0, world.seat(0, 0, 1));
    let first = world.op(seat, echo(1, 1));
    world.flush();
    assert_eq!(world.ended(first).time, NOW);
    for (next, restart) in (2..).zip([false, true, false, true]) {
        if restart {
            world.restart();
        }
        world.now = world.now.after(Millis(999));
        let early = world.op(seat, echo(next, 1));
        world.now = world.now.after(Millis(1));
        let exact = world.op(seat, echo(next, 1));
        // The same op again costs nothing.
        let again = world.op(seat, echo(next, 1));
        world.flush();
        assert_eq!(world.refused(early), &Why::Rate(Millis(1)));
        assert_eq!(world.answer(again), &Answer::Before(Outcome::Done, world.ended(exact).sequence));
    }
    let none = Rules { limits: Limits::all(Limit::new(Rate::per_second(0), 1)), ..rules(1) };
    let mut world = World::with(none);
    let seat = (0, 0, world.seat(0, 0, 1));
    let never = world.op(seat, echo(1, 1));
    world.flush();
    assert_eq!(world.refused(never), &Why::NoRate);
}

#[test]
fn ops_that_only_read_have_a_rate_of_their_own_and_count_with_the_others() {
    let [write, read] = Limit::sharing([(Rate::per_second(1), 1), (Rate::per_second(10), 1)]);
    let mut world = World::with(Rules { limits: Limits::new(write, read), ..rules(1) });
    let seat = (0, 0, world.seat(0, 0, 1));
    let mut told = Vec::new();
    // A write, reads as soon as they may come, and a write as soon as it may.
    for (next, after) in (1..).zip([0, 999, 1, 99, 1, 99, 1]) {
        world.now = world.now.after(Millis(after));
        told.push(world.op(seat, if next == 1 || next >= 6 { echo(next, 1) } else { get(next, 1, 1) }));
    }
    world.flush();
    let waits: Vec<_> = told.into_iter().map(|token| matches!(world.answer(token), Answer::Refused(_))).collect();
    assert_eq!(waits, [false, true, false, true, false, true, false]);
    // After a restart the stricter one holds: the chain does not say more.
    world.restart();
    world.now = world.now.after(Millis(999));
    let early = world.op(seat, get(20, 1, 1));
    world.flush();
    assert_eq!(world.refused(early), &Why::Rate(Millis(1)));
}

/// Who left and came back had its limit anew, each time.
#[test]
fn the_rate_outlasts_a_lease() {
    for follow in [false, true] {
        let mut world = World::with(rules(1));
        let seat = (0, 0, world.seat(0, 0, 1));
        world.op(seat, echo(1, 1));
        world.leave(0, 0);
        world.flush();
        if follow {
            world.follow_all();
        }
        let seat = (0, 7, world.seat(0, 7, 1));
        let early = world.op(seat, echo(2, 1));
        world.flush();
        assert_eq!(world.refused(early), &Why::Rate(Millis(1_000)), "{follow}");
    }
}

#[test]
fn a_panic_seals_its_block_and_1023_others_go_on() {
    let mut world = World::new();
    let seats: Vec<_> = (0..1_024).map(|index| (index, 0, world.seat(index, 0, 1))).collect();
    let bad = 511;
    let planted = Op { kind: 127, ..echo(2, 1) };
    let (before, panics) = (world.op(seats[bad], echo(1, 1)), world.op(seats[bad], planted));
    let after: Vec<_> = seats.iter().map(|seat| world.op(*seat, echo(3, 1))).collect();
    world.flush();
    let sealed = |why: &Why| matches!(why, Why::Sealed(reason) if reason.contains("panicked"));
    assert_eq!(world.ended(before).outcome, Outcome::Done);
    assert!(sealed(world.refused(panics)) && sealed(world.refused(after[bad])));
    assert!(world.rows.sealed.borrow().contains_key(&511), "it is to be written down");
    for (at, token) in after.iter().enumerate().filter(|(at, _)| *at != bad) {
        assert_eq!(world.ended(*token).sequence, 2, "{at}");
    }
    world.restart();
    world.tick(1);
    let still = world.op(seats[bad], echo(4, 1));
    world.seal(511, None);
    let open = world.op(seats[bad], echo(4, 1));
    world.flush();
    assert!(sealed(world.refused(still)));
    assert_eq!((world.ended(open).sequence, world.chain(511).len()), (3, 2));
}

/// An op that panicked at a retry took those who waited behind it along.
#[test]
fn a_panic_leaves_nobody_without_an_answer() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let head = world.op(seat, message(1, 1, 2));
    let waits = [world.op(seat, Op { kind: 127, ..echo(2, 1) }), world.op(seat, echo(3, 1))];
    world.rows.full.set(false);
    world.tick(PAUSE.0);
    world.flush();
    assert_eq!(world.ended(head).outcome, Outcome::Done);
    assert!(waits.iter().all(|token| matches!(world.refused(*token), Why::Sealed(_))));
    assert_eq!((world.chain(0).len(), world.shard.next_try()), (1, None));
}

#[test]
fn a_sealed_block_says_why_and_goes_on_when_it_is_opened() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let waits = world.op(seat, message(1, 1, 2));
    world.seal(0, Some("its chain is damaged"));
    let refused = [world.op(seat, echo(2, 1)), world.ask_seat(0, 1, 2), world.leave(0, 0)];
    world.flush();
    let why = Why::Sealed("its chain is damaged".to_owned());
    assert!(refused.iter().chain([&waits]).all(|token| world.refused(*token) == &why));
    assert_eq!(
        world.shard.standing(0, world.now, &world.rows).unwrap().sealed.as_deref(),
        Some("its chain is damaged")
    );
    world.tick(PAUSE.0 * 9);
    world.follow_all();
    assert!(!world.shard.evict(0), "that it is sealed may stand nowhere else");
    world.rows.full.set(false);
    world.seal(0, None);
    let again = world.op(seat, message(1, 1, 2));
    world.flush();
    assert_eq!((world.ended(again).sequence, world.chain(0).len()), (2, 1));
}

/// The wheel tells once that a lease has ended; a block that was sealed then
/// kept its slot taken until the next start.
#[test]
fn leases_that_end_in_a_sealed_block_end_when_it_opens() {
    let mut world = World::new();
    world.seat(0, 0, 1);
    world.seal(0, Some("for a while"));
    world.now = world.now.after(Millis::hours(1));
    world.shard.release((0, Slot::new(0).unwrap(), None), Left::Expired, 1_000, world.now, &world.rows);
    world.flush();
    assert!(matches!(world.refused(1_000), Why::Sealed(_)) && world.notices.is_empty());
    world.seal(0, None);
    world.flush();
    assert_eq!(world.notices, [Notice::Released(block(0), Slot::new(0).unwrap(), agent(1))]);
    world.seat(0, 0, 2);
}

/// A block whose chain is damaged ends for the index in front of the damage.
/// Opened, it went on from behind it, and nothing of it was ever found again.
#[test]
fn a_damaged_chain_goes_on_from_where_the_index_ends() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.follow_all();
    world.op(seat, put(1, 1, 1, b"lost"));
    world.flush();
    // The index skips the entry, and says that it is done with it.
    world.followed = world.log.len();
    world.shard.indexed(2, world.now);
    world.seal(0, Some("its chain is damaged"));
    world.seal(0, None);
    let next = world.op(seat, put(2, 1, 1, b"next"));
    world.flush();
    assert_eq!(world.ended(next).sequence, 2);
    world.log.remove(1);
    assert_eq!(world.chain(0).len(), 1);
}

#[test]
fn a_release_that_is_late_or_early_ends_nothing() {
    let mut world = World::new();
    let first = world.seat(0, 0, 1);
    let slot = Slot::new(0).unwrap();
    let early = Moment(NOW.0 + 3_599_999);
    world.shard.release((0, slot, None), Left::Expired, 1_000, early, &world.rows);
    world.leave(0, 0);
    world.seat(0, 0, 2);
    world.shard.release((0, slot, Some(first)), Left::Detached, 1_001, world.now, &world.rows);
    world.flush();
    assert_eq!((world.refused(1_000), world.refused(1_001)), (&Why::NotHolder, &Why::NotHolder));
    assert_eq!(world.notices.len(), 1);
}

#[test]
fn records_stay_where_their_class_may_be() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let classed = |class: ClassTag| [&[1; 16][..], &class.0, b"sealed"].concat();
    let mut ask = |number, class| world.op(seat, op_at(NOW, number, "put", 1, classed(class)));
    let (none, here) = (ask(1, ClassTag::NONE), ask(2, ClassTag::of("here")));
    let elsewhere = ask(3, ClassTag::of("elsewhere"));
    world.flush();
    assert_eq!((world.ended(none).sequence, world.ended(here).sequence), (2, 3));
    assert_eq!((world.refused(elsewhere), world.chain(0).len()), (&Why::Residency, 2));
}

#[test]
fn a_full_queue_refuses_and_a_large_payload_never_gets_in() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let large = world.op(seat, Op { payload: vec![0; (1 << 20) + 1], ..echo(99, 1) });
    world.rows.full.set(true);
    world.op(seat, message(1, 1, 2));
    let tokens: Vec<_> = (2..12).map(|number| world.op(seat, echo(number, 1))).collect();
    world.hear();
    assert!(matches!(world.refused(large), Why::Payload(_)));
    assert_eq!((world.refused(tokens[9]), world.shard.waiting(0).len()), (&Why::Full, 10));
    world.cancel(0, of(&echo(4, 1)));
    let room = world.op(seat, echo(12, 1));
    world.rows.full.set(false);
    world.tick(PAUSE.0);
    world.flush();
    assert_eq!(world.ended(room).outcome, Outcome::Done);
    // What was refused runs under the same name.
    let again = world.op(seat, echo(11, 1));
    world.flush();
    assert_eq!(world.ended(again).outcome, Outcome::Done);
}

/// A block went while its lease was not in the index yet: its chain forked.
#[test]
fn a_block_goes_only_when_the_index_knows_its_end() {
    let mut world = World::new();
    world.seat(0, 0, 1);
    world.leave(0, 0);
    assert!(!world.shard.evict(0));
    world.flush();
    assert!(!world.shard.evict(0));
    world.follow(1);
    assert!(!world.shard.evict(0));
    world.follow(1);
    assert!(world.shard.evict(0) && world.shard.loaded() == 0);
    assert_eq!(world.seat(0, 0, 1), 3);
    world.chain(0);
}
