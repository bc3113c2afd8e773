//! The flood that the original let through, and the honest agent that it
//! counted nearly as high.

use block::monitor::{Event, MAX_SOURCES, Monitor, Rules, Standing};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use vocab::Millis;

const DAY: u64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules {
        window: Millis::seconds(60),
        large: 1_000_000,
        large_score: 3,
        requests: 100,
        requests_score: 2,
        destinations: 10,
        destinations_score: 2,
        event_score: 7,
        suspicious: 5,
        blocked: 10,
    }
}

fn source(number: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + number).into()
}

fn event(bytes: u64, destination: u64) -> Event<IpAddr> {
    Event { source: source(1), bytes, destination }
}

#[test]
fn the_flood_that_the_original_let_through() {
    // 5,000 requests of 1 MB to 200 destinations, within ten seconds.
    let mut monitor = Monitor::new(rules());
    let crossed = (0..5_000u64).find(|at| monitor.see(event(1_000_000, at % 200), DAY + at * 2) == Standing::Banned);
    // Large traffic and the mean event are in after two requests; the eleventh
    // destination tips it, 0.02 seconds in.
    assert_eq!(crossed, Some(10));
    assert_eq!(monitor.score(source(1), DAY + 200), 12);
}

#[test]
fn a_steady_honest_agent_at_the_limit() {
    // One op a second, of 200 bytes, to ever new destinations, for an hour.
    let mut monitor = Monitor::new(rules());
    for second in 0..3_600 {
        let standing = monitor.see(event(200, second), DAY + second * 1_000);
        assert_eq!(standing, Standing::Good, "{second}");
    }
}

#[test]
fn what_was_done_is_forgotten_after_the_window() {
    let mut monitor = Monitor::new(rules());
    for at in 0..200 {
        monitor.see(event(1_000_000, at), DAY);
    }
    assert!(monitor.score(source(1), DAY) > 10);
    assert!(monitor.score(source(1), DAY + 30_000) > 10);
    assert_eq!(monitor.score(source(1), DAY + 61_000), 0);
}

#[test]
fn each_limit_scores_above_it_and_not_at_it() {
    let score = |bytes: u64, requests: u64, destinations: u64| {
        let mut monitor = Monitor::new(rules());
        for at in 0..requests {
            monitor.see(event(bytes / requests, at % destinations), DAY);
        }
        monitor.score(source(1), DAY)
    };
    assert_eq!(score(1_000_000, 100, 10), 0);
    assert_eq!(score(1_000_200, 100, 10), 3);
    assert_eq!(score(101, 101, 10), 2);
    assert_eq!(score(100, 100, 11), 2);
    assert_eq!(score(1_000_000, 1, 1), 7);
}

#[test]
fn one_source_is_not_another() {
    let mut monitor = Monitor::new(rules());
    for at in 0..200 {
        monitor.see(event(1_000_000, at), DAY);
    }
    let neighbour = Event { source: source(2), bytes: 10, destination: 1 };
    assert_eq!(monitor.see(neighbour, DAY), Standing::Good);
}

#[test]
fn memory_is_bounded_and_the_quietest_makes_room() {
    let mut monitor = Monitor::new(rules());
    for number in 0..2 * MAX_SOURCES {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        // The first comes again and again.
        monitor.see(Event { source: source(0), bytes: 1, destination: 0 }, DAY + u64::from(number) * 100);
        monitor.see(Event { source: source(number), bytes: 1, destination: 0 }, DAY + u64::from(number) * 100);
    }
    assert_eq!(monitor.sources(), MAX_SOURCES);
    assert!(monitor.score(source(0), DAY + 819_200) > 0);
}

proptest! {
    #[test]
    fn more_never_scores_less(events in prop::collection::vec((0u64..3_000_000, 0u64..40), 1..300)) {
        // Within one half of the window, with events of one size.
        let mut monitor = Monitor::new(rules());
        let mut last = 0;
        let bytes = events[0].0;
        for (_, destination) in events {
            monitor.see(event(bytes, destination), DAY);
            let score = monitor.score(source(1), DAY);
            prop_assert!(score >= last);
            last = score;
        }
    }
}
