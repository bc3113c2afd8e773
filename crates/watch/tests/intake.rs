//! Evidence of others: nothing about it can be changed, repeated or said twice,
//! and nobody is blamed for what another has sent.
#![allow(clippy::unwrap_used, clippy::panic)]

use trust::merkle::Node;
use trust::sign::{PublicKey, Signature, SigningKey};
use trust::{AgentId, PlanetId, Secret};
use watch::batch::{About, Batch, Point};
use watch::blame::{Blame, Fault};
use watch::intake::{Intake, MOST_REPORTERS, OPEN, REMEMBERED, Refused};
use watch::nats::Nats;

const AGENTS: u32 = 200;

fn key(number: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [number; 32]))
}

fn about(round: u64) -> About {
    About { planet: PlanetId([1; 16]), epoch: 3, roster: Node([2; 32]), round }
}

fn points(evidence: i32) -> Vec<Point> {
    (0..AGENTS).map(|agent| Point { agent, evidence: Nats(evidence) }).collect()
}

fn batch(reporter: u8, round: u64, evidence: i32) -> Batch {
    Batch::sign(&key(reporter), about(round), [9; 16], points(evidence))
}

/// With reporters 1, 2 and 3.
fn intake() -> Intake {
    let mut intake = Intake::new(about(100), AGENTS);
    assert!((1..4).all(|number| intake.enrol(key(number).id())));
    intake
}

#[test]
fn one_batch_of_each_reporter_in_each_round_in_whatever_order() {
    let run = |order: &[u8]| {
        let mut intake = intake();
        for number in order {
            intake.offer(batch(*number, 100, i32::from(*number)), 100).unwrap();
            assert_eq!(intake.offer(batch(*number, 100, i32::from(*number)), 100), Err(Refused::Again));
        }
        intake.close(100)
    };
    let said = run(&[1, 2, 3]);
    assert_eq!((said.len(), &said), (3, &run(&[3, 1, 2])));
    assert!(said.iter().all(|(_, said)| said.len() == 200));
}

#[test]
fn whatever_is_changed_is_refused() {
    let bytes = batch(1, 100, 500).to_bytes();
    assert_eq!(Batch::read(&bytes).unwrap().to_bytes(), bytes);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Ok(changed) = Batch::read(&changed) else { continue };
        let mut intake = intake();
        let refused = intake.offer(changed, 100).unwrap_err();
        // Nor is anybody blamed for what they have not signed.
        assert!(!matches!(refused, Refused::Blamed(_)), "byte {at}: {refused}");
        assert_eq!(intake.close(100), []);
        // And what is right still comes through.
        let mut intake = self::intake();
        intake.offer(Batch::read(&bytes).unwrap(), 100).unwrap();
    }
    for length in 0..bytes.len() {
        assert!(Batch::read(&bytes[..length]).is_err());
    }
}

#[test]
fn who_says_two_things_in_one_round_has_said_nothing_whichever_came_first() {
    for (first, second) in [(5, 6), (6, 5)] {
        let mut intake = intake();
        intake.offer(batch(1, 100, first), 100).unwrap();
        intake.offer(batch(2, 100, 7), 100).unwrap();
        let Err(Refused::Blamed(blame)) = intake.offer(batch(1, 100, second), 100) else { panic!("not blamed") };
        assert_eq!((blame.culprit(), blame.fault()), (key(1).id(), Fault::Equivocated));
        let said: Vec<AgentId> = intake.close(100).into_iter().map(|(id, _)| id).collect();
        assert_eq!(said, [key(2).id()]);
    }
    // Also after the round was closed.
    let mut intake = intake();
    intake.offer(batch(1, 100, 5), 100).unwrap();
    intake.close(100);
    assert!(matches!(intake.offer(batch(1, 100, 6), 101), Err(Refused::Blamed(_))));
}

#[test]
fn nobody_is_framed() {
    let (one, key_of_one) = (batch(1, 100, 5), PublicKey::new(key(1).id()).unwrap());
    // Somebody else signs in the name of 1.
    let mut forged = batch(2, 100, 6);
    forged.signed.head.reporter = key(1).id();
    assert_eq!(Blame::equivocation(&one.signed, &forged.signed, &key_of_one), None);
    let mut intake = intake();
    intake.offer(one.clone(), 100).unwrap();
    assert_eq!(intake.offer(forged, 100), Err(Refused::Signature));
    assert_eq!(intake.close(100).len(), 1);
    // Points that are off the scale, and are not under what was signed.
    let mut changed = one.clone();
    changed.points[3].evidence = Nats(i32::MAX);
    assert_eq!(Blame::off_scale(&changed, &key_of_one), None);
    assert_eq!(Blame::equivocation(&one.signed, &one.signed, &key_of_one), None);
    assert_eq!(Blame::equivocation(&one.signed, &batch(1, 101, 5).signed, &key_of_one), None);
}

#[test]
fn what_no_round_can_come_to_is_held_against_whoever_signed_it() {
    let twice = [Point { agent: 4, evidence: Nats(1) }, Point { agent: 4, evidence: Nats(1) }].to_vec();
    let huge = [Point { agent: 4, evidence: Nats(9 << 16) }].to_vec();
    for points in [twice, huge] {
        let mut intake = intake();
        let bad = Batch::sign(&key(1), about(100), [9; 16], points);
        let Err(Refused::Blamed(blame)) = intake.offer(bad, 100) else { panic!("not blamed") };
        assert_eq!((blame.culprit(), blame.fault()), (key(1).id(), Fault::OffScale));
        assert_eq!(intake.close(100), []);
    }
}

#[test]
fn what_is_for_another_time_planet_or_roster_is_refused_with_why() {
    let mut intake = intake();
    let signed = |about| Batch::sign(&key(1), about, [9; 16], points(1));
    assert_eq!(intake.offer(signed(About { planet: PlanetId([7; 16]), ..about(100) }), 100), Err(Refused::Planet));
    let roster = Refused::Roster { theirs: 2, ours: 3 };
    assert_eq!(intake.offer(signed(About { epoch: 2, ..about(100) }), 100), Err(roster));
    assert!(matches!(
        intake.offer(signed(About { roster: Node([5; 32]), ..about(100) }), 100),
        Err(Refused::Roster { .. })
    ));
    assert_eq!(intake.offer(batch(1, 101, 1), 100), Err(Refused::Early { round: 101, now: 100 }));
    assert_eq!(intake.offer(batch(9, 100, 1), 100), Err(Refused::Stranger));
    assert_eq!(intake.offer(batch(1, 99, 1), 100), Err(Refused::Late { round: 99, open: 100 }));
    let nobody = Batch::sign(&key(1), about(100), [9; 16], vec![Point { agent: AGENTS, evidence: Nats(0) }]);
    assert_eq!(intake.offer(nobody, 100), Err(Refused::Nobody { agent: AGENTS, agents: AGENTS }));
    let mut models = batch(2, 100, 1);
    models.signed.head.models = 77;
    assert_eq!(intake.offer(models, 100), Err(Refused::Models { theirs: 77 }));
    let mut unsigned = batch(2, 100, 1);
    unsigned.signed.signature = Signature([0; 64]);
    assert_eq!(intake.offer(unsigned, 100), Err(Refused::Signature));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut intake = intake();
    for round in 100..200 {
        intake.offer(batch(1, round, 1), round).unwrap();
        if round % 3 == 0 {
            intake.close(round);
        }
    }
    let shown = format!("{intake:?}");
    let heads = shown.matches("models").count() as u64;
    assert!(heads <= REMEMBERED + OPEN + 3, "{heads}");
    let mut full = Intake::new(about(0), 1);
    // Any key will do: these are multiples of one.
    let known = (0..u16::MAX).filter(|number| {
        let [high, low] = number.to_be_bytes();
        let mut seed = [high; 32];
        seed[0] = low;
        full.enrol(SigningKey::new(&Secret::take(&mut seed)).id())
    });
    assert_eq!(known.take(MOST_REPORTERS + 1).count(), MOST_REPORTERS);
}
