//! One order, once: what a shard does with ops, retries, cancels and names.
#![allow(clippy::unwrap_used)]

mod support;

use block::chain::{OpId, Outcome};
use block::queue::{AHEAD, Cancelled, MOST_TRIES, Op, REMEMBERED, State};
use block::shard::{Answer, PAUSE, Why};
use support::{NOW, World, echo, get, message, of, op_at, put};
use trust::Moment;
use vocab::Millis;

fn name(number: u128) -> OpId {
    OpId::new(NOW, number)
}

#[test]
fn one_order_in_each_block() {
    let mut world = World::new();
    let seats: Vec<_> = (0..3).map(|index| (index, 5, world.seat(index, 5, 7))).collect();
    let mut asked = Vec::new();
    for number in 0..60u128 {
        let at = seats[(number % 3) as usize];
        asked.push((at.0, number, world.op(at, put(number, 7, 1, b"value"))));
        if number % 7 == 0 {
            world.flush();
        }
    }
    world.flush();
    for index in 0..3 {
        let mine: Vec<_> = asked.iter().filter(|(of, ..)| *of == index).collect();
        let chain: Vec<_> = world.chain(index).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(chain, mine.iter().map(|(_, number, _)| name(*number)).collect::<Vec<_>>());
        // Sequences say the same order, with nothing between.
        let places: Vec<_> = mine.iter().map(|(.., token)| world.ended(*token).sequence).collect();
        assert_eq!(places, (2..22).collect::<Vec<u64>>());
    }
}

#[test]
fn a_retry_stays_at_the_head_and_fails_after_three_tries() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let stuck = world.op(seat, message(1, 1, 2));
    let behind: Vec<_> = (2..5).map(|number| world.op(seat, echo(number, 1))).collect();
    world.flush();
    assert_eq!(world.chain(0), [], "something passed the op at the head");
    let again = PAUSE.0;
    world.tick(again - 1);
    assert_eq!(world.shard.waiting(0).len(), 4);
    world.tick(1);
    world.flush();
    assert_eq!((world.chain(0), world.shard.next_try()), (vec![], Some(world.now.after(Millis(2 * again)))));
    world.tick(2 * again);
    assert!(world.heard.len() == 1, "answered before its entry was taken");
    world.flush();
    let done = (2..5).map(|number| (name(number), Outcome::Done, 1));
    let chain: Vec<_> = [(name(1), Outcome::Failed, MOST_TRIES)].into_iter().chain(done).collect();
    assert_eq!(world.chain(0), chain);
    assert!(String::from_utf8_lossy(&world.ended(stuck).result).contains("full"));
    assert!(behind.iter().all(|token| world.ended(*token).outcome == Outcome::Done));
    assert_eq!((world.shard.waiting(0), world.shard.next_try()), (vec![], None));
}

#[test]
fn a_retry_that_works_is_done() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let sent = world.op(seat, message(1, 1, 2));
    world.rows.full.set(false);
    world.tick(PAUSE.0);
    world.flush();
    assert_eq!((world.ended(sent).outcome, world.ended(sent).tries), (Outcome::Done, 2));
}

/// A retry was due when the clock said so: a clock that was set back an hour
/// stopped the block for that hour.
#[test]
fn a_clock_that_steps_back_puts_no_retry_off() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    let sent = world.op(seat, message(1, 1, 2));
    world.now = Moment(world.now.0 - 3_600_000);
    world.rows.full.set(false);
    world.tick(0);
    world.flush();
    // Nor is its entry older than it: the limit of its agent is read from there.
    assert_eq!((world.ended(sent).outcome, world.ended(sent).time), (Outcome::Done, NOW));
}

/// A block whose op at the head fails for a while, with one op behind it.
fn held_up() -> (World, (u64, u8, u64), Op) {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    world.rows.full.set(true);
    world.op(seat, message(1, 1, 2));
    let waits = echo(2, 1);
    (world, seat, waits)
}

#[test]
fn cancel_works_until_the_op_starts() {
    let (mut world, seat, waits) = held_up();
    let waiting = world.op(seat, waits.clone());
    let state = world.state(0, of(&waits));
    let taken = world.cancel(0, of(&waits));
    let begun = world.cancel(0, of(&message(1, 1, 2)));
    let unknown = world.cancel(0, of(&echo(9, 1)));
    world.hear();
    assert_eq!(world.answer(state), &Answer::Here(State::Queued(1)));
    assert_eq!(world.answer(begun), &Answer::Cancelled(Cancelled::TooLate));
    assert_eq!(world.answer(unknown), &Answer::Cancelled(Cancelled::Unknown));
    assert!(!world.heard.contains_key(&taken), "answered before it is durable");
    // While the op at the head still waits, and once it is over: the same.
    for _ in 0..2 {
        let (again, twice) = (world.op(seat, waits.clone()), world.cancel(0, of(&waits)));
        let state = world.state(0, of(&waits));
        world.flush();
        assert_eq!(world.answer(again), &Answer::Before(Outcome::Cancelled, 2));
        assert_eq!(world.answer(state), &Answer::Before(Outcome::Cancelled, 2));
        assert_eq!(world.answer(twice), &Answer::Cancelled(Cancelled::Yes));
        world.tick(1_000);
        world.tick(1_000);
        world.flush();
    }
    assert_eq!(world.answer(taken), &Answer::Cancelled(Cancelled::Yes));
    assert_eq!(world.answer(waiting), &Answer::Before(Outcome::Cancelled, 2));
    let ended = world.cancel(0, of(&message(1, 1, 2)));
    world.flush();
    assert_eq!(world.answer(ended), &Answer::Cancelled(Cancelled::TooLate));
}

#[test]
fn a_cancelled_op_never_runs_even_after_a_restart() {
    let (mut world, seat, waits) = held_up();
    world.op(seat, waits.clone());
    world.cancel(0, of(&waits));
    world.flush();
    for _ in 0..3 {
        let again = world.op(seat, waits.clone());
        world.flush();
        assert_eq!(world.answer(again), &Answer::Before(Outcome::Cancelled, 2));
        world.restart();
    }
    assert_eq!(world.chain(0), [(name(2), Outcome::Cancelled, 0)]);
}

#[test]
fn the_same_op_again_gives_the_same_answer_and_no_second_entry() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let op = put(1, 1, 1, b"value");
    let first = world.op(seat, op.clone());
    // Before it is durable.
    let mut same = vec![world.op(seat, op.clone())];
    world.hear();
    assert_eq!(world.heard.len(), 1, "an answer overtook its entry");
    world.flush();
    let place = world.ended(first).sequence;
    // After, after the index followed, after the block went, after a restart.
    for step in 0..4 {
        match step {
            1 => world.follow_all(),
            2 => assert!(world.shard.evict(0)),
            3 => world.restart(),
            _ => {}
        }
        same.push(world.op(seat, op.clone()));
        world.flush();
    }
    assert!(same.iter().all(|token| world.answer(*token) == &Answer::Before(Outcome::Done, place)));
    assert_eq!(world.chain(0).len(), 1);
}

#[test]
fn those_who_ask_for_an_op_that_waits_hear_the_same() {
    let (mut world, seat, _) = held_up();
    let also: Vec<_> = (0..40).map(|_| world.op(seat, message(1, 1, 2))).collect();
    world.rows.full.set(false);
    world.tick(PAUSE.0);
    world.flush();
    let heard = also.iter().filter(|token| matches!(world.answer(**token), Answer::Ended(_))).count();
    // They are counted: sixteen in all, and the one who asked first is among them.
    assert_eq!((heard, world.refused(also[39])), (15, &Why::Full));
    assert_eq!(world.chain(0).len(), 1);
}

/// Names need not come in their order, and may share the 64 bits that a seat
/// remembers.
#[test]
fn an_older_name_is_looked_up_and_found_or_runs() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let ids = [1 << 70, 5, 6, 1 << 40];
    for (step, number) in ids.into_iter().enumerate() {
        let looked = world.rows.looked.get();
        let token = world.op(seat, echo(number, 1));
        world.flush();
        assert_eq!(world.ended(token).outcome, Outcome::Done);
        assert_eq!(world.rows.looked.get() - looked, u32::from(step > 0), "a name that is newer needs no look");
    }
    world.follow_all();
    for number in ids {
        world.op(seat, echo(number, 1));
    }
    world.flush();
    assert_eq!(world.chain(0).len(), 4);
}

#[test]
fn twenty_quick_ops_are_twenty() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let tokens: Vec<_> = (0..20).map(|number| world.op(seat, echo(number, 1))).collect();
    world.flush();
    let places: Vec<_> = tokens.iter().map(|token| world.ended(*token).sequence).collect();
    assert_eq!(places, (2..22).collect::<Vec<u64>>());
}

#[test]
fn old_names_are_refused_unless_among_the_last_64() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    for number in 0..70 {
        world.op(seat, echo(number, 1));
    }
    world.flush();
    world.follow_all();
    world.now = NOW.after(REMEMBERED);
    let (known, unknown) = (world.op(seat, echo(0, 1)), world.op(seat, echo(90, 1)));
    world.flush();
    assert_eq!(world.answer(known), &Answer::Before(Outcome::Done, 2));
    assert_eq!(world.ended(unknown).sequence, 72);
    world.follow_all();
    world.now = world.now.after(Millis(1));
    // 71 ops by now: the first seven are not among the last 64.
    for number in 0..70u64 {
        let token = world.op(seat, echo(number.into(), 1));
        world.flush();
        match world.answer(token) {
            Answer::Refused(Why::TooOld) => assert!(number < 7, "{number}"),
            answer => assert_eq!((answer, number >= 7), (&Answer::Before(Outcome::Done, number + 2), true)),
        }
    }
    let never = world.op(seat, echo(91, 1));
    world.flush();
    assert_eq!((world.refused(never), world.chain(0).len()), (&Why::TooOld, 71));
}

/// What had run was refused as from the future once the clock was set back.
#[test]
fn a_name_from_the_future_is_refused_unless_it_ran() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let ahead = |number| op_at(NOW.after(AHEAD), number, "echo", 1, vec![]);
    let ran = world.op(seat, ahead(1));
    world.now = Moment(NOW.0 - 1);
    let (again, new) = (world.op(seat, ahead(1)), world.op(seat, ahead(2)));
    world.flush();
    assert_eq!(world.answer(again), &Answer::Before(Outcome::Done, world.ended(ran).sequence));
    assert_eq!(world.refused(new), &Why::TooNew);
}

#[test]
fn answers_never_overtake_their_entries() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let known = world.heard.len();
    let op = put(1, 1, 1, b"value");
    let asked = [
        world.op(seat, op.clone()),
        world.op(seat, get(2, 1, 1)),
        world.op(seat, op.clone()),
        world.state(0, of(&op)),
        world.cancel(0, of(&op)),
        world.leave(0, 0),
    ];
    world.hear();
    assert_eq!(world.heard.len(), known);
    let batch = world.shard.take().unwrap();
    assert_eq!((batch.entries.len(), batch.answers.len(), batch.notices.len()), (3, 6, 1));
    // What is asked now is answered by the next batch, behind this one.
    let state = world.state(0, of(&op));
    world.hear();
    assert!(!world.heard.contains_key(&state));
    let next = world.shard.take().unwrap();
    assert_eq!((next.first, next.entries.len(), next.answers.len()), (4, 0, 1));
    world.settle(batch);
    world.settle(next);
    assert_eq!(world.ended(asked[1]).record.as_ref().unwrap().sequence, 2);
    assert_eq!(world.answer(state), &Answer::Before(Outcome::Done, 2));
}

#[test]
fn starting_again_forgets_exactly_what_was_not_durable() {
    let mut world = World::new();
    let seat = (0, 0, world.seat(0, 0, 1));
    let kept = put(1, 1, 1, b"kept");
    world.op(seat, kept.clone());
    world.flush();
    let lost = [world.op(seat, put(2, 1, 1, b"lost")), world.op(seat, put(3, 1, 2, b"lost"))];
    world.rows.full.set(true);
    let queued = [world.op(seat, message(4, 1, 2)), world.op(seat, echo(5, 1))];
    world.ask_seat(0, 1, 9);
    let taken = world.shard.take().unwrap();
    let later = world.cancel(0, of(&echo(5, 1)));
    // The batch that was taken is the shell's to answer; the rest is the shard's.
    let told: Vec<_> = taken.answers.iter().map(|(token, _)| *token).collect();
    assert_eq!(told[..2], lost);
    world.follow_all();
    let mut told = world.shard.start_again(2);
    told.sort_unstable();
    assert_eq!(told, [queued[0], queued[1], later]);
    assert_eq!((world.shard.bytes(), world.shard.unfollowed(), world.shard.next_try()), (0, 0, None));
    world.rows.full.set(false);
    // The limit is read from the chain, and is a step stricter.
    world.tick(1);
    let (same, run) = (world.op(seat, kept), world.op(seat, put(2, 1, 1, b"found")));
    let read = world.op(seat, get(9, 1, 1));
    world.flush();
    assert_eq!(world.answer(same), &Answer::Before(Outcome::Done, 2));
    assert_eq!((world.ended(run).sequence, world.ended(run).result.as_slice()), (3, &2u64.to_be_bytes()[..]));
    assert_eq!(world.ended(read).record.as_ref().unwrap().envelope, b"found");
    assert_eq!(world.shard.standing(0, world.now, &world.rows).unwrap().seats.len(), 1);
}
