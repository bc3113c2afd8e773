//! What is believed follows from what was said and not from its order, nobody
//! saves up innocence, and what is small each time is not forgotten each time.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use watch::batch::Point;
use watch::level::{Level, SLEEPER, THRESHOLDS};
use watch::nats::{Nats, Weight};
use watch::posterior::{Agent, Beliefs, PRIOR};

fn rounds(agent: &mut Agent, evidence: i32, most: usize) -> Option<usize> {
    (0..most).find(|_| {
        agent.report(Nats(evidence), Weight::ONE);
        agent.end() >= Level::Quarantine
    })
}

proptest! {
    #[test]
    fn the_order_of_reports_is_of_no_account(
        reports in proptest::collection::vec((0_u32..4, -200_000_i32..700_000, 0_u32..70_000), 0..200),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let run = |reports: &[(u32, i32, u32)]| {
            let mut beliefs = Beliefs::new(4);
            for round in reports.chunks(50) {
                for (agent, said, weight) in round {
                    beliefs.report(&[Point { agent: *agent, evidence: Nats(*said) }], Weight::parts(*weight));
                }
                beliefs.end(|_, _, _| {});
            }
            (0..4).map(|agent| *beliefs.agent(agent).unwrap()).collect::<Vec<_>>()
        };
        let mut other = reports.clone();
        for round in other.chunks_mut(50) {
            let by = shuffled.index(round.len());
            round.rotate_left(by);
            round.reverse();
        }
        prop_assert_eq!(run(&reports), run(&other));
    }

    #[test]
    fn whatever_is_said_it_stays_within_its_bounds(said in proptest::collection::vec(any::<i32>(), 0..400)) {
        let mut agent = Agent::default();
        for said in said {
            agent.report(Nats(said), Weight::ONE);
            let level = agent.end();
            prop_assert!(agent.against() >= Nats(-5 << 16) && agent.against() <= Nats(24 << 16));
            prop_assert!(agent.cumulated() >= Nats(0));
            prop_assert_eq!(level, agent.level());
        }
    }
}

#[test]
fn nobody_saves_up_innocence() {
    let (mut new, mut old) = (Agent::default(), Agent::default());
    assert_eq!(rounds(&mut old, -65_536, 10_000), None);
    let (new, old) = (rounds(&mut new, 2 << 16, 100).unwrap(), rounds(&mut old, 2 << 16, 100).unwrap());
    assert!(old <= new + 4, "{new} rounds for a newcomer, {old} for one who was good for fourteen hours");
}

/// So little each round that all of it fades before it is enough.
#[test]
fn what_is_below_every_threshold_is_found_by_the_sum_that_does_not_fade() {
    let tenth = 6_554;
    let mut agent = Agent::default();
    let found = rounds(&mut agent, tenth, 2_000).unwrap();
    let (_, watch) = THRESHOLDS[3];
    assert!(agent.against() < watch, "{}", agent.against());
    assert!(agent.cumulated() >= SLEEPER && found > 100);
    // Where a round says nothing, nothing is summed.
    let mut silent = Agent::default();
    assert_eq!(rounds(&mut silent, 3_000, 10_000), None);
    assert_eq!(silent.cumulated(), Nats(0));
}

#[test]
fn a_level_is_lifted_by_good_rounds_and_not_by_silence() {
    let mut agent = Agent::default();
    rounds(&mut agent, 4 << 16, 10).unwrap();
    for _ in 0..10_000 {
        agent.end();
    }
    // What is left of it is less than a thousandth: rounding keeps that.
    assert!(agent.against().0.abs() < 65 && agent.level() == Level::Quarantine, "{}", agent.odds());
    let mut good = 0;
    while agent.level() != Level::None {
        agent.report(Nats(-20_000), Weight::ONE);
        agent.end();
        good += 1;
        assert!(good < 1_000);
    }
    assert!(good >= 15, "{good}");
}

#[test]
fn whose_word_is_nothing_says_nothing() {
    let mut agent = Agent::default();
    (0..100).for_each(|_| agent.report(Nats(8 << 16), Weight::default()));
    agent.end();
    assert_eq!(agent.odds(), PRIOR);
}
