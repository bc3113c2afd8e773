//! Bans end, double, and reach exactly whom they name.

#![allow(clippy::unwrap_used)]

use block::bans::{Bans, FIRST, LONGEST, Lockout, MAX_BANS, Net, REMEMBERED, Reason};
use proptest::prelude::*;
use std::net::IpAddr;
use vocab::Millis;

const DAY: u64 = 1_700_000_000_000;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4(text: &str) -> Net {
    Net::V4(text.parse().unwrap())
}

fn v6(text: &str) -> Net {
    Net::V6(text.parse().unwrap())
}

#[test]
fn a_ban_ends_and_its_neighbour_never_had_one() {
    let mut bans = Bans::default();
    let until = bans.ban(Net::of_source(ip("203.0.113.7")), Reason::Traffic(12), DAY);
    assert_eq!(until, DAY + FIRST.0);
    assert_eq!(bans.turned_away(ip("203.0.113.7"), DAY).unwrap().1.reason, Reason::Traffic(12));
    assert!(bans.turned_away(ip("203.0.113.8"), DAY).is_none());
    // The same address written as IPv6 is the same source.
    assert!(bans.turned_away(ip("::ffff:203.0.113.7"), DAY).is_some());
    assert!(bans.turned_away(ip("203.0.113.7"), until - 1).is_some());
    assert!(bans.turned_away(ip("203.0.113.7"), until).is_none());
    assert_eq!(bans.expire(until), [v4("203.0.113.7/32")]);
}

#[test]
fn each_repetition_lasts_twice_as_long_until_it_is_forgotten() {
    let (mut bans, source) = (Bans::default(), Net::of_source(ip("203.0.113.7")));
    let mut now = DAY;
    for times in 0..4 {
        let until = bans.ban(source, Reason::Traffic(11), now);
        assert_eq!(until - now, FIRST.0 << times);
        now = until + 1;
    }
    assert_eq!(bans.ban(source, Reason::Traffic(11), now + REMEMBERED.0), now + REMEMBERED.0 + FIRST.0);
    // Never longer than the longest.
    let mut now = DAY;
    for _ in 0..100 {
        let until = bans.ban(source, Reason::Traffic(11), now);
        assert!(until - now <= LONGEST.0);
        now = until + 1;
    }
    assert_eq!(bans.ban(source, Reason::Traffic(11), now) - now, LONGEST.0);
}

#[test]
fn ranges_are_banned_whole_and_lifted_whole() {
    let mut bans = Bans::default();
    bans.ban_until(v4("198.51.100.99/24"), Reason::Operator, DAY, DAY + 10);
    bans.ban_until(v6("2001:db8:7::/48"), Reason::Verdict, DAY, DAY + 10);
    for (address, banned) in [
        ("198.51.100.0", true),
        ("198.51.100.255", true),
        ("198.51.101.0", false),
        ("2001:db8:7:ffff::1", true),
        ("2001:db8:8::1", false),
    ] {
        assert_eq!(bans.turned_away(ip(address), DAY).is_some(), banned, "{address}");
    }
    assert_eq!(bans.list(DAY).count(), 2);
    assert!(bans.lift(v4("198.51.100.0/24")) && !bans.lift(v4("198.51.100.0/24")));
    assert!(bans.turned_away(ip("198.51.100.1"), DAY).is_none());
}

#[test]
fn an_ipv6_customer_is_one_source() {
    let mut bans = Bans::default();
    bans.ban(Net::of_source(ip("2001:db8::1")), Reason::Traffic(11), DAY);
    assert!(bans.turned_away(ip("2001:db8::ffff:1"), DAY).is_some());
    assert!(bans.turned_away(ip("2001:db8:0:1::1"), DAY).is_none());
}

#[test]
fn what_an_operator_lifts_does_not_count() {
    let (mut bans, source) = (Bans::default(), Net::of_source(ip("203.0.113.7")));
    bans.ban(source, Reason::Traffic(11), DAY);
    bans.lift(source);
    assert_eq!(bans.ban(source, Reason::Traffic(11), DAY), DAY + FIRST.0);
}

#[test]
fn five_failures_lock_out_their_source_and_nobody_else() {
    let mut lockout = Lockout::new(5, Millis::hours(1));
    let attacker = ip("203.0.113.7");
    for failure in 0..4 {
        assert_eq!(lockout.failed(attacker, DAY + failure), None);
    }
    // Somebody else's failures are their own.
    assert_eq!(lockout.failed(ip("203.0.113.8"), DAY), None);
    assert_eq!(lockout.failed(attacker, DAY + 5), Some(DAY + 5 + Millis::hours(1).0));
}

#[test]
fn failures_that_are_long_ago_or_followed_by_success_are_forgotten() {
    let mut lockout = Lockout::new(5, Millis::hours(1));
    let source = ip("203.0.113.7");
    for failure in 0..40 {
        assert_eq!(lockout.failed(source, DAY + failure * Millis::minutes(16).0), None, "{failure}");
    }
    let mut lockout = Lockout::new(5, Millis::hours(1));
    for failure in 0..40 {
        assert_eq!(lockout.failed(source, DAY + failure), None);
        if failure % 4 == 3 {
            lockout.succeeded(source);
        }
    }
}

#[test]
fn memory_is_bounded_and_the_ban_that_ends_first_makes_room() {
    let mut bans = Bans::default();
    for number in 0..=u32::try_from(MAX_BANS).unwrap() {
        let net = Net::of_source(std::net::Ipv4Addr::from(0x0b00_0000 + number).into());
        bans.ban_until(net, Reason::Operator, DAY, DAY + 1_000 + u64::from(number));
    }
    assert_eq!(bans.list(DAY).count(), MAX_BANS);
    assert!(bans.turned_away(ip("11.0.0.0"), DAY).is_none());
    assert!(bans.turned_away(ip("11.0.0.1"), DAY).is_some());
}

proptest! {
    #[test]
    fn an_address_is_turned_away_if_and_only_if_a_ban_holds_it(nets in prop::collection::vec((any::<u32>(), 0u8..=32), 0..20), address in any::<u32>(), near in any::<bool>()) {
        let mut bans = Bans::default();
        for (net, prefix) in &nets {
            bans.ban_until(Net::V4(vocab::Net4 { address: (*net).into(), prefix: *prefix }), Reason::Operator, DAY, DAY + 1);
        }
        let address = if near { nets.first().map_or(address, |(net, _)| net ^ (address & 0xff)) } else { address };
        let single = vocab::Net4 { address: address.into(), prefix: 32 };
        let expected = nets.iter().any(|(net, prefix)| vocab::Net4 { address: (*net).into(), prefix: *prefix }.contains(single));
        prop_assert_eq!(bans.turned_away(single.address.into(), DAY).is_some(), expected);
    }
}
