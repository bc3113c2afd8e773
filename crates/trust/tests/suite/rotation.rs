//! Rotation: an unbroken line of keys, and what would break it.

use crate::world::{NOW, agent, planet, signer};
use proptest::prelude::*;
use trust::rotation::{LONGEST_OVERLAP, Line, Refused, Statement};
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
    line.accept(&rotate(&line, 1, 2, 90)).unwrap();
    assert_eq!(verifies(&line, 89), [true, false, false]);
    assert_eq!(verifies(&line, 90), [true, true, false]);
    assert_eq!(verifies(&line, 96), [true, true, false]);
    assert_eq!(verifies(&line, 97), [false, true, false]);
    line.accept(&rotate(&line, 2, 3, 180)).unwrap();
    assert_eq!(verifies(&line, 180), [false, true, true]);
    assert_eq!(verifies(&line, 187), [false, false, true]);
    assert_eq!((line.current(), line.sequence()), (agent(3), 2));
}

#[test]
fn what_is_not_the_next_statement_is_refused() {
    let mut line = line();
    let first = rotate(&line, 1, 2, 90);
    let ahead = {
        let mut ahead = line.clone();
        ahead.accept(&first).unwrap();
        rotate(&ahead, 2, 3, 180)
    };
    let mut refused = |statement: &Statement| line.accept(statement).unwrap_err();
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
    assert_eq!(line.accept(&first), Ok(()));
    let mut other_history = super::rotation::line();
    other_history.accept(&rotate(&other_history, 1, 2, 91)).unwrap();
    let continued = other_history.rotate(&signer(2), &signer(3), day(180), day(187));
    assert_eq!(line.accept(&continued), Err(Refused::Forked));
}

#[test]
fn times_that_leave_a_gap_or_let_three_keys_verify_are_refused() {
    let mut line = line();
    let times = |line: &Line, from, until| line.clone().accept(&line.rotate(&signer(1), &signer(2), from, until));
    assert_eq!(times(&line, day(9), day(8)), Err(Refused::Times));
    assert_eq!(times(&line, day(9), day(9)), Ok(()));
    assert_eq!(times(&line, day(9), day(9).after(LONGEST_OVERLAP)), Ok(()));
    assert_eq!(times(&line, day(9), day(10).after(LONGEST_OVERLAP)), Err(Refused::Times));
    line.accept(&rotate(&line, 1, 2, 90)).unwrap();
    assert_eq!(line.clone().accept(&rotate(&line, 2, 3, 96)), Err(Refused::Times));
    assert_eq!(line.clone().accept(&rotate(&line, 2, 3, 97)), Ok(()));
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
        let accepted = Statement::from_bytes(&bytes).is_ok_and(|statement| line().accept(&statement).is_ok());
        prop_assert!(!accepted);
    }
}
