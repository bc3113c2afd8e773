//! A drill in which all is well, and each way in which it is not: a hypothesis
//! that cannot fail shows nothing.

use super::*;
use crate::drill::facts::{Entry, Event, Line, Log, Moments, Role, What};
use vocab::Millis;

const SECOND: u64 = 1_000_000;
/// The agents of `good`: who moves, who waits, and who is elsewhere.
const MOVER: usize = 0;
const WAITER: usize = 1;
const OTHER: usize = 2;

fn role(class: Option<&str>, home: &str, bond: Bond) -> Role {
    Role { class: class.map(str::to_owned), home: home.to_owned(), bond }
}

fn event(at: u64, agent: usize, what: What) -> Event {
    Event { at, agent, what }
}

fn done(at: u64, agent: usize, region: &str) -> Event {
    event(at, agent, What::Done { region: region.to_owned(), took: 5_000 })
}

fn seated(at: u64, agent: usize, region: &str) -> Event {
    event(at, agent, What::Seated { region: region.to_owned() })
}

fn refused(at: u64, agent: usize, why: &str) -> Event {
    event(at, agent, What::Refused { why: (!why.is_empty()).then(|| why.to_owned()) })
}

fn line(time_ms: u64, agent: usize, region: &str) -> Line {
    Line { time_ms, micros: 900, agent: Some(agent), region: Some(region.to_owned()), attach: false, status: 200 }
}

fn entry(id: u128) -> Entry {
    Entry { id, link: [u8::try_from(id).unwrap(); 32], house: false }
}

fn said(at: u64, sequence: u64, id: u128) -> Acknowledged {
    Acknowledged { sent: at - 1_000, at, sequence, id, link: entry(id).link }
}

/// Killed after 5 s and let back after 15; it ends after 50.
fn good() -> Facts {
    let moments = Moments { killed: 5 * SECOND, let_back: 15 * SECOND, serves: Some(16 * SECOND), ended: 50 * SECOND };
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let mut events = vec![seated(0, MOVER, "eu"), seated(0, WAITER, "eu"), seated(0, OTHER, "us")];
    for second in 1..50 {
        events.push(done(second * SECOND, OTHER, "us"));
    }
    events.extend([done(SECOND, MOVER, "eu"), done(SECOND, WAITER, "eu")]);
    events.extend([refused(6 * SECOND, MOVER, "eu is gone"), seated(7 * SECOND, MOVER, "us")]);
    events.push(done(8 * SECOND, MOVER, "us"));
    events.extend([refused(6 * SECOND, WAITER, "eu is gone"), done(18 * SECOND, WAITER, "eu")]);
    events.sort_by_key(|event| event.at);
    let lines = vec![line(101_000, WAITER, "eu"), line(108_000, MOVER, "us"), line(118_000, WAITER, "eu")];
    // Entry 3 was under way when the region was killed.
    let entries = [(1, entry(1)), (2, entry(2)), (3, entry(3)), (4, entry(4))].into_iter().collect();
    let chain = Chain {
        block: "eu/0".to_owned(),
        region: "eu".to_owned(),
        broken: None,
        entries,
        acknowledged: vec![said(SECOND, 1, 1), said(SECOND, 2, 2), said(18 * SECOND, 4, 4)],
        open: [3].into(),
    };
    Facts {
        lost: "eu".to_owned(),
        how: crate::processes::How::Kill,
        roles: vec![
            role(None, "eu", Bond::Moves),
            role(Some("gdpr"), "eu", Bond::Waits),
            role(None, "us", Bond::Elsewhere),
        ],
        events,
        moments,
        allowed: [(None, set(&["eu", "us"])), (Some("gdpr".to_owned()), set(&["eu"]))].into(),
        log: Log { lines, missing: 0, began_ms: 100_000 },
        chains: vec![chain],
        records: vec![Record { acknowledged: 7, open: vec![8], read: Ok(Some(7)) }],
        capacity: Some(vocab::Rate::per_second(100)),
        disk: vec![(SECOND, 900), (9 * SECOND, 1_500_000)],
        promise: Millis(200),
    }
}

/// How each hypothesis stands.
fn held(facts: &Facts) -> Vec<(&'static str, Option<bool>)> {
    judge(facts).into_iter().map(|finding| (finding.name, finding.held)).collect()
}

/// One that is changed so fails this one, and nothing else.
#[track_caller]
fn fails(name: &str, change: impl FnOnce(&mut Facts)) {
    let mut facts = good();
    change(&mut facts);
    facts.events.sort_by_key(|event| event.at);
    for (known, held) in held(&facts) {
        assert_eq!(held, Some(known != name), "{known}: {:#?}", judge(&facts));
    }
}

/// Takes out the events of an agent from a time on.
fn silence(facts: &mut Facts, agent: usize, from: u64) {
    facts.events.retain(|event| event.agent != agent || event.at < from);
}

#[test]
fn all_is_well() {
    assert!(held(&good()).iter().all(|(_, held)| *held == Some(true)), "{:#?}", judge(&good()));
    let findings = judge(&good());
    assert_eq!(findings[0].measured, "1 of 1 did; median 3.00 s, p99 3.00 s, longest 3.00 s");
    assert_eq!(findings[1].note.as_deref(), Some("“eu is gone”"));
}

#[test]
fn who_may_move_and_does_not_is_told() {
    fails("moves", |facts| silence(facts, MOVER, 7 * SECOND));
}

#[test]
fn who_moves_too_late_is_told() {
    fails("moves", |facts| {
        silence(facts, MOVER, 7 * SECOND);
        facts.events.push(done(35 * SECOND + 1, MOVER, "us"));
    });
    let mut just = good();
    silence(&mut just, MOVER, 7 * SECOND);
    just.events.push(done(35 * SECOND, MOVER, "us"));
    assert_eq!(moved(&just).held, Some(true));
}

#[test]
fn who_is_refused_without_a_reason_is_told() {
    fails("waits", |facts| facts.events.push(refused(7 * SECOND, WAITER, "")));
}

#[test]
fn who_may_not_be_elsewhere_and_was_never_refused_is_told() {
    fails("waits", |facts| {
        facts.events.retain(|event| !(event.agent == WAITER && matches!(event.what, What::Refused { .. })));
    });
}

#[test]
fn who_may_not_be_elsewhere_and_is_seated_there_is_told_twice() {
    let mut facts = good();
    facts.events.push(seated(9 * SECOND, WAITER, "us"));
    assert_eq!((waited(&facts).held, within(&facts).held), (Some(false), Some(false)));
}

#[test]
fn an_op_that_is_served_by_a_region_that_is_away_is_told() {
    fails("waits", |facts| facts.events.push(done(6 * SECOND, WAITER, "eu")));
}

#[test]
fn a_request_outside_its_residency_is_told() {
    fails("residency", |facts| facts.log.lines.push(line(109_000, WAITER, "us")));
}

#[test]
fn who_may_be_in_two_regions_and_is_seated_in_a_third_is_told() {
    let two = |third: &str| {
        let mut facts = good();
        facts.roles[MOVER].class = Some("two".to_owned());
        facts.allowed.insert(Some("two".to_owned()), ["eu", "us"].map(str::to_owned).into());
        facts.events.retain(|event| event.agent != MOVER || event.at < 7 * SECOND);
        facts.events.extend([seated(7 * SECOND, MOVER, third), done(8 * SECOND, MOVER, third)]);
        facts.log.lines.retain(|line| line.agent != Some(MOVER));
        facts.log.lines.push(line(108_000, MOVER, third));
        facts.events.sort_by_key(|event| event.at);
        (moved(&facts).held, within(&facts).held)
    };
    assert_eq!(two("us"), (Some(true), Some(true)));
    assert_eq!(two("ap"), (Some(true), Some(false)));
}

#[test]
fn a_request_of_nobody_and_a_line_that_is_missing_are_told() {
    fails("residency", |facts| facts.log.lines.push(Line { agent: None, ..line(109_000, 0, "us") }));
    fails("residency", |facts| facts.log.missing = 1);
}

#[test]
fn an_acknowledged_op_that_is_lost_is_told() {
    fails("kept", |facts| facts.chains[0].entries.retain(|at, _| *at != 2));
    fails("kept", |facts| facts.chains[0].entries.get_mut(&2).unwrap().link = [9; 32]);
}

#[test]
fn a_chain_that_does_not_verify_is_told() {
    fails("kept", |facts| facts.chains[0].broken = Some("entry 2 is missing".to_owned()));
    fails("kept", |facts| facts.chains.clear());
}

#[test]
fn an_entry_at_the_joint_that_nobody_sent_is_told() {
    fails("kept", |facts| facts.chains[0].open.clear());
    // The router's own are nobody's.
    let mut house = good();
    house.chains[0].open.clear();
    house.chains[0].entries.get_mut(&3).unwrap().house = true;
    assert_eq!(kept(&house).held, Some(true));
}

#[test]
fn a_chain_that_went_back_is_told() {
    fails("kept", |facts| {
        let chain = &mut facts.chains[0];
        // What was acknowledged after the return stands where something else was acknowledged before.
        chain.acknowledged[2] = said(18 * SECOND, 2, 2);
    });
}

#[test]
fn an_op_that_was_cut_off_and_asked_for_again_may_stand_before_the_last() {
    let mut facts = good();
    let chain = &mut facts.chains[0];
    chain.open.clear();
    // Done before the kill, unanswered; its agent asks again after the return.
    chain.acknowledged.extend([said(4 * SECOND, 3, 3), said(18 * SECOND, 2, 2)]);
    chain.acknowledged.remove(1);
    chain.acknowledged.last_mut().unwrap().sent = 4 * SECOND;
    assert_eq!(kept(&facts).held, Some(true), "{:?}", kept(&facts));
}

#[test]
fn a_record_that_was_changed_is_told() {
    for read in [Ok(Some(6)), Ok(None), Err("refused".to_owned())] {
        fails("kept", |facts| facts.records[0].read = read);
    }
    let mut behind = good();
    behind.records[0].read = Ok(Some(8));
    assert_eq!(kept(&behind).held, Some(true), "it was under way, and may have been done");
}

#[test]
fn another_agent_that_is_refused_is_told() {
    fails("others", |facts| facts.events.push(refused(30 * SECOND, OTHER, "busy")));
}

#[test]
fn other_agents_that_wait_longer_than_promised_are_told() {
    fails("others", |facts| {
        let slow = What::Done { region: "us".to_owned(), took: 200_001 };
        facts.events.push(event(9 * SECOND, OTHER, slow));
    });
    let mut facts = good();
    facts.events.push(refused(30 * SECOND, OTHER, "busy"));
    let note = unnoticed(&facts).note.unwrap();
    assert_eq!(note, "beside it this disk took 900 µs for 4 kB before, and 1.50 s then");
    // A planet that was slow before is not slower for the loss.
    let mut slow = good();
    for event in &mut slow.events {
        if let What::Done { took, .. } = &mut event.what {
            *took = 300_000;
        }
    }
    assert_eq!(unnoticed(&slow).held, Some(true));
}

#[test]
fn others_that_did_nothing_are_no_proof() {
    fails("others", |facts| {
        facts.events.retain(|event| event.agent != OTHER || !(5 * SECOND..18 * SECOND).contains(&event.at));
    });
}

#[test]
fn a_herd_is_told() {
    fails("return", |facts| {
        for agent in 3..20 {
            facts.roles.push(role(Some("gdpr"), "eu", Bond::Waits));
            facts.events.push(refused(6 * SECOND, agent, "eu is gone"));
            facts.events.push(done(18 * SECOND + u64::try_from(agent).unwrap(), agent, "eu"));
        }
    });
}

#[test]
fn who_arrives_and_gets_no_seat_is_told() {
    fails("return", |facts| {
        facts.roles.push(role(None, "eu", Bond::Arrives));
        facts.events.push(refused(10 * SECOND, 3, "eu is gone"));
    });
    let mut seated_there = good();
    seated_there.roles.push(role(None, "eu", Bond::Arrives));
    seated_there.events.push(seated(18 * SECOND, 3, "eu"));
    assert_eq!(herd::returned(&seated_there).held, Some(true));
}

#[test]
fn more_than_the_ramp_lets_through_is_told() {
    // A tenth of 100 a second in the first.
    fails("return", |facts| facts.log.lines.extend((0..10).map(|n| line(118_000 + n, WAITER, "eu"))));
    let mut just = good();
    just.log.lines.extend((0..9).map(|n| line(118_000 + n, WAITER, "eu")));
    assert_eq!(herd::returned(&just).held, Some(true));
    // What was begun in one second and answered in the next may have been let through in either.
    let mut across = just.clone();
    across.log.lines.push(Line { micros: 5_000, ..line(118_004, WAITER, "eu") });
    assert_eq!(herd::returned(&across).held, Some(true));
    let mut full = good();
    full.log.lines.extend((0..90).map(|n| line(147_000 + n, WAITER, "eu")));
    assert_eq!(herd::returned(&full).held, Some(true), "it has all of it within 30 s");
}

#[test]
fn a_region_that_never_comes_back_is_told() {
    let mut facts = good();
    facts.moments.serves = None;
    silence(&mut facts, WAITER, 7 * SECOND);
    assert_eq!(herd::returned(&facts).held, Some(false));
    assert!(herd::returned(&facts).measured.contains("1 that waited never"), "{:?}", herd::returned(&facts));
}

#[test]
fn what_was_not_there_was_not_measured() {
    let mut facts = good();
    facts.roles[WAITER] = role(None, "us", Bond::Elsewhere);
    facts.roles[MOVER] = role(None, "us", Bond::Elsewhere);
    let words = |finding: Finding| (finding.held, finding.measured.starts_with("not measured"));
    assert_eq!((words(moved(&facts)), words(waited(&facts))), ((None, true), (None, true)));
    silence(&mut facts, WAITER, 7 * SECOND);
    assert_eq!(words(herd::returned(&facts)), (None, true));
    facts.moments.serves = None;
    assert_eq!(herd::returned(&facts).held, Some(false), "one that does not start again is measured");
}
