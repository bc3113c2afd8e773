//! Whose word counts: newcomers are heard, liars are not, and both can change.
#![allow(clippy::unwrap_used)]

use trust::merkle::Node;
use trust::sign::{PublicKey, SigningKey};
use trust::{Moment, PlanetId, Secret};
use vocab::{Millis, Ppm};
use watch::batch::{About, Batch, Point};
use watch::blame::Blame;
use watch::nats::{Nats, Weight};
use watch::reputation::{Rules, Standing};

const NOW: Moment = Moment(1_800_000_000_000);

fn rules() -> Rules {
    let file = include_str!("../../../planets/watch.toml");
    let planet = planet::parse(file.as_bytes()).0.unwrap();
    Rules::from(&planet.watch.as_ref().unwrap().reputation)
}

fn blame() -> Blame {
    let key = SigningKey::new(&Secret::take(&mut [1; 32]));
    let about = About { planet: PlanetId([1; 16]), epoch: 1, roster: Node([0; 32]), round: 1 };
    let off = Batch::sign(&key, about, [0; 16], vec![Point { agent: 0, evidence: Nats(i32::MAX) }]);
    Blame::off_scale(&off, &PublicKey::new(key.id()).unwrap()).unwrap()
}

#[test]
fn a_newcomer_is_believed_by_half_and_may_aggregate_while_it_earns_more() {
    let (rules, mut new) = (rules(), Standing::new(NOW));
    assert_eq!(new.score(&rules), Ppm(500_000));
    assert_eq!(new.weight(&rules), Weight::ppm(Ppm(500_000)));
    assert!(new.may_aggregate(&rules, NOW));
    // Whoever earns nothing in a day may no more.
    assert!(!new.may_aggregate(&rules, NOW.after(Millis::days(2))));
    (0..3).for_each(|_| new.round(true, &rules));
    // Beta(4, 1).
    assert!(new.score(&rules).0.abs_diff(800_000) < 2_000, "{:?}", new.score(&rules));
    (0..2).for_each(|_| new.round(true, &rules));
    assert!(new.may_aggregate(&rules, NOW.after(Millis::days(2))));
}

#[test]
fn whoever_disagrees_round_for_round_is_heard_no_more_and_can_return() {
    let (rules, mut standing) = (rules(), Standing::new(NOW));
    let mut rounds = 0;
    while !standing.is_out() {
        standing.round(false, &rules);
        rounds += 1;
        assert!(rounds < 100);
    }
    assert_eq!(standing.weight(&rules), Weight::default());
    let mut back = 0;
    while standing.is_out() {
        standing.round(true, &rules);
        back += 1;
        assert!(back < 1_000);
    }
    assert!(back > 5 && standing.weight(&rules) > Weight::default(), "{back}");
}

#[test]
fn a_proved_fault_takes_a_share_at_once_and_good_rounds_bring_it_back() {
    let (rules, mut standing) = (rules(), Standing::new(NOW));
    (0..1_000).for_each(|_| standing.round(true, &rules));
    let before = standing.weight(&rules);
    assert!(standing.may_aggregate(&rules, NOW));
    standing.blame(&blame(), &rules);
    assert!(standing.weight(&rules) < before && !standing.may_aggregate(&rules, NOW));
    let mut faults = 1;
    while !standing.is_out() {
        standing.blame(&blame(), &rules);
        faults += 1;
        assert!(faults < 100);
    }
    assert!((8..15).contains(&faults), "0.8^{faults}");
    (0..3_000).for_each(|_| standing.round(true, &rules));
    assert!(!standing.is_out() && standing.may_aggregate(&rules, NOW));
}

#[test]
fn whoever_was_blamed_on_probation_is_on_it_no_longer() {
    let (rules, mut new) = (rules(), Standing::new(NOW));
    new.blame(&blame(), &rules);
    assert!(!new.may_aggregate(&rules, NOW));
}
