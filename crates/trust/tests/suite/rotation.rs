//! Rotation: an unbroken line of keys, and what would break it.

use crate::world::{NOW, agent, planet, signer};
use proptest::prelude::*;
use trust::rotation::{LONGEST_NOTICE, LONGEST_OVERLAP, Line, MOST_ROTATIONS, Refused, Statement};
use trust::sign::{BadSignature, Domain, Signature};
use trust::{AgentId, Malformed, Moment, PlanetId};
use vocab::Millis;

fn line() -> Line {
    Line::new(planet(), agent(1)).unwrap()
}

fn day(day: u64) -> Moment {
    NOW.after(Millis::days(day))
}

/// Key `old` of the line gives its place to key `new` on a day, with a week's overlap.
fn rotate(line: &Line, old: u8, new: u8, on: u64) -> Statement {
    line.rotate(&signer(old), &signer(new), day(on), day(on + 7))
}

#[test]
fn two_keys_verify_while_they_overlap_and_one_otherwise() {
    let mut line = line();
    let said = |who: u8| signer(who).sign(Domain::ATTACH, b"said");
    let verifies = |line: &Line, on| {
        [1, 2, 3].map(|who| line.verify(Domain::ATTACH, b"said", &said(who), day(on)) != Err(BadSignature::Signature))
    };
    assert_eq!(verifies(&line, 0), [true, false, false]);
    line.accept(&rotate(&line, 1, 2, 90), NOW).unwrap();
    assert_eq!(verifies(&line, 89), [true, false, false]);
    assert_eq!(verifies(&line, 90), [true, true, false]);
    assert_eq!(verifies(&line, 96), [true, true, false]);
    assert_eq!(verifies(&line, 97), [false, true, false]);
    line.accept(&rotate(&line, 2, 3, 180), NOW).unwrap();
    assert_eq!(verifies(&line, 180), [false, true, true]);
    assert_eq!(verifies(&line, 187), [false, false, true]);
    assert_eq!((line.newest(), line.sequence()), (agent(3), 2));
}

#[test]
fn what_is_not_the_next_statement_is_refused() {
    let mut line = line();
    let first = rotate(&line, 1, 2, 90);
    let ahead = {
        let mut ahead = line.clone();
        ahead.accept(&first, NOW).unwrap();
        rotate(&ahead, 2, 3, 180)
    };
    let mut refused = |statement: &Statement| line.accept(statement, NOW).unwrap_err();
    assert_eq!(refused(&ahead), Refused::Gap { found: 2, have: 0 });
    assert_eq!(refused(&Statement { planet: PlanetId([0; 16]), ..first }), Refused::OtherLine);
    assert_eq!(refused(&Statement { line: agent(9), ..first }), Refused::OtherLine);
    assert_eq!(refused(&Statement { sequence: 0, ..first }), Refused::Stale { found: 0, have: 0 });
    assert_eq!(refused(&Statement { sequence: u64::MAX, ..first }), Refused::Gap { found: u64::MAX, have: 0 });
    for changed in [
        Statement { new: agent(3), ..first },
        Statement { old: agent(3), ..first },
        Statement { until: day(100), ..first },
        Statement { previous: [1; 32], ..first },
        Statement { by_old: first.by_new, ..first },
        Statement { by_new: first.by_old, ..first },
        Statement { by_new: Signature([0; 64]), ..first },
    ] {
        assert_eq!(refused(&changed), Refused::Signature);
    }
    assert_eq!(line.accept(&first, NOW), Ok(()));
    let mut other_history = super::rotation::line();
    other_history.accept(&rotate(&other_history, 1, 2, 91), NOW).unwrap();
    let continued = other_history.rotate(&signer(2), &signer(3), day(180), day(187));
    assert_eq!(line.accept(&continued, NOW), Err(Refused::Forked { at: 1 }));
}

#[test]
fn times_that_leave_a_gap_or_let_three_keys_verify_are_refused() {
    let mut line = line();
    let times = |line: &Line, from, until| line.clone().accept(&line.rotate(&signer(1), &signer(2), from, until), NOW);
    assert_eq!(times(&line, day(9), day(8)), Err(Refused::Times));
    assert_eq!(times(&line, day(9), day(9)), Ok(()));
    assert_eq!(times(&line, day(9), day(9).after(LONGEST_OVERLAP)), Ok(()));
    assert_eq!(times(&line, day(9), day(10).after(LONGEST_OVERLAP)), Err(Refused::Times));
    line.accept(&rotate(&line, 1, 2, 90), NOW).unwrap();
    assert_eq!(line.clone().accept(&rotate(&line, 2, 3, 89), NOW), Err(Refused::Times));
    assert_eq!(line.clone().accept(&rotate(&line, 2, 3, 90), NOW), Ok(()));
}

#[test]
fn a_rotation_from_the_end_of_time() {
    let mut line = line();
    let last = NOW.after(LONGEST_NOTICE);
    for from in [Moment(u64::MAX), last.after(Millis(1))] {
        let frozen = line.rotate(&signer(1), &signer(2), from, from);
        assert_eq!(line.accept(&frozen, NOW), Err(Refused::Times));
    }
    let in_time = line.rotate(&signer(1), &signer(2), last, last);
    assert_eq!(line.accept(&in_time, NOW), Ok(()));
}

#[test]
fn a_successor_that_signs_before_its_time() {
    let mut line = line();
    line.accept(&rotate(&line, 1, 2, 90), NOW).unwrap();
    assert_eq!(line.newest(), agent(2));
    for (on, signs) in [(0, 1), (89, 1), (90, 2), (97, 2)] {
        assert_eq!(line.signs_at(day(on)), agent(signs), "day {on}");
        assert!(line.keys_at(day(on)).any(|key| key.id() == agent(signs)), "day {on}");
    }
    let early = signer(2).sign(Domain::ATTACH, b"said");
    assert!(line.verify(Domain::ATTACH, b"said", &early, day(89)).is_err());
    // What was signed long ago is checked with the keys of that time.
    line.accept(&rotate(&line, 2, 3, 180), NOW).unwrap();
    assert_eq!([0, 90, 180, 200].map(|on| line.signs_at(day(on))), [1, 2, 3, 3].map(agent));
}

#[test]
fn a_key_that_comes_back_into_its_line() {
    let mut line = line();
    assert_eq!(line.accept(&rotate(&line, 1, 1, 90), NOW), Err(Refused::Returned));
    line.accept(&rotate(&line, 1, 2, 90), NOW).unwrap();
    for back in [1, 2] {
        assert_eq!(line.accept(&rotate(&line, 2, back, 180), NOW), Err(Refused::Returned), "{back}");
    }
    assert_eq!((line.newest(), line.sequence()), (agent(2), 1));
}

/// The new key is stolen while the old one still verifies: it is left at once,
/// and the old one goes with it.
#[test]
fn a_key_stolen_while_it_overlaps() {
    let mut line = line();
    line.accept(&rotate(&line, 1, 2, 90), NOW).unwrap();
    let at_once = line.rotate(&signer(2), &signer(3), day(92), day(92));
    line.accept(&at_once, day(92)).unwrap();
    let keys = |on| line.keys_at(day(on)).map(trust::sign::PublicKey::id).collect::<Vec<_>>();
    assert_eq!(keys(91), [agent(2), agent(1)]);
    assert_eq!(keys(92), [agent(3)]);
    assert_eq!(line.signs_at(day(92)), agent(3));
}

#[test]
fn a_second_successor_of_a_key_long_gone() {
    let mut line = line();
    let first = rotate(&line, 1, 2, 90);
    let rival = rotate(&line, 1, 66, 91);
    let forged = rotate(&line, 77, 66, 91);
    line.accept(&first, NOW).unwrap();
    for (old, new) in [(2, 3), (3, 4)] {
        line.accept(&rotate(&line, old, new, 90 * u64::from(old)), NOW).unwrap();
    }
    assert_eq!(line.accept(&first, NOW), Err(Refused::Stale { found: 1, have: 3 }));
    assert_eq!(line.accept(&rival, NOW), Err(Refused::Forked { at: 1 }));
    assert_eq!(line.accept(&forged, NOW), Err(Refused::Signature));
    assert_eq!(line.accept(&Statement { old: agent(1), ..forged }, NOW), Err(Refused::Signature));
    assert_eq!((line.newest(), line.sequence()), (agent(4), 3));
}

#[test]
fn a_line_of_more_rotations_than_it_keeps() {
    let key = |number: u64| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        trust::sign::SigningKey::new(&trust::Secret::take(&mut seed))
    };
    let mut line = Line::new(planet(), key(0).id()).unwrap();
    let next = |line: &Line| {
        let number = line.sequence();
        line.rotate(&key(number), &key(number + 1), Moment(number), Moment(number))
    };
    for _ in 0..MOST_ROTATIONS {
        line.accept(&next(&line), NOW).unwrap();
    }
    assert_eq!(line.accept(&next(&line), NOW), Err(Refused::Full));
    assert_eq!(line.signs_at(Moment(500)), key(501).id());
}

#[test]
fn a_line_begins_with_a_key() {
    assert_eq!(Line::new(planet(), AgentId([0; 32])).unwrap_err(), BadSignature::Key);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_statement_reads_as_it_was_written(new in any::<u8>(), from in any::<u64>(), until in any::<u64>(), flipped in 0..8 * Statement::LEN) {
        let statement = line().rotate(&signer(1), &signer(new), Moment(from), Moment(until));
        let mut bytes = statement.to_bytes();
        prop_assert_eq!(Statement::from_bytes(&bytes), Ok(statement));
        for cut in [0, 1, bytes.len() - 1] {
            prop_assert!(matches!(Statement::from_bytes(&bytes[..cut]), Err(Malformed::Length(_))));
        }
        prop_assert!(Statement::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        bytes[flipped / 8] ^= 1 << (flipped % 8);
        let accepted = Statement::from_bytes(&bytes).is_ok_and(|statement| line().accept(&statement, NOW).is_ok());
        prop_assert!(!accepted);
    }
}
