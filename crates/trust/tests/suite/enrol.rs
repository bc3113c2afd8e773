//! Enrolment, by each of its three policies.

use crate::world::{NOW, agent, planet, signer};
use proptest::prelude::*;
use std::net::IpAddr;
use trust::enrol::{
    Application, BadPolicy, Book, CHECKS_AT_ONCE, Enrolled, FRESH, Invitation, LONGEST, MOST_SOURCES, Policy, Quota,
    Refused, SHARES_V6_48, Serial, Source,
};
use trust::sign::Signature;
use trust::{AgentId, Moment, PlanetId};
use vocab::{Millis, Rate};

fn from(address: &str) -> Source {
    address.parse::<IpAddr>().unwrap().into()
}

fn apply(book: &mut Book, policy: &Policy, application: &Application, source: &str, now: Moment) -> Option<Refused> {
    book.enrol(policy, planet(), application, from(source), now).err()
}

/// A policy that is open to so many an hour from each source.
fn open(events: u64) -> Policy {
    Policy::open(Rate { events, per: Millis::hours(1) }).unwrap()
}

/// An agent that nobody has seen before, which costs a signature each.
fn fresh(number: u32, now: Moment) -> Application {
    let mut seed = [3; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let key = trust::sign::SigningKey::new(&trust::Secret::take(&mut seed));
    Application::make(&key, planet(), None, now)
}

#[test]
fn open_enrolment_counts_each_source() {
    // Three an hour: two at once, and the third half an hour later.
    let (policy, book) = (open(3), &mut Book::default());
    let mut number = 0;
    let mut try_at = |book: &mut Book, source, now| {
        number += 1;
        apply(book, &policy, &fresh(number, now), source, now)
    };
    assert_eq!(try_at(book, "203.0.113.1", NOW), None);
    assert_eq!(try_at(book, "::ffff:203.0.113.1", NOW), None);
    let over = Some(Refused::Quota { retry: Millis::minutes(30) });
    assert_eq!(try_at(book, "203.0.113.1", NOW), over);
    assert_eq!(try_at(book, "203.0.113.2", NOW), None);
    // One IPv6 customer is one source.
    assert_eq!(try_at(book, "2001:db8:0:1::1", NOW), None);
    assert_eq!(try_at(book, "2001:db8:0:1:ffff::2", NOW), None);
    assert_eq!(try_at(book, "2001:db8:0:1::3", NOW), over);
    assert_eq!(try_at(book, "2001:db8:0:2::1", NOW), None);
    assert_eq!(try_at(book, "203.0.113.1", NOW.after(Millis::minutes(30))), None);
}

/// A source had its quota at the end of one window, and again at the start of
/// the next.
#[test]
fn twice_the_quota_at_the_edge_of_a_window() {
    let (policy, mut book) = (open(4), Book::default());
    // All that can be had until just before the hour is over, and after it.
    let minutes = [0, 0, 0, 20, 40, 59, 59, 59, 60, 60, 60, 61, 80];
    let enrolled: Vec<u64> = (1..)
        .zip(minutes)
        .filter(|&(number, minute)| {
            let now = NOW.after(Millis::minutes(minute));
            apply(&mut book, &policy, &fresh(number, now), "203.0.113.1", now).is_none()
        })
        .map(|(_, minute)| minute)
        .collect();
    assert_eq!(enrolled, [0, 0, 20, 40, 60, 80]);
}

/// 65,536 networks of one IPv6 site filled the book, and nobody else could
/// enrol for an hour.
#[test]
fn one_ipv6_site_shuts_enrolment_for_everybody() {
    let (policy, mut book) = (open(1), Book::default());
    let enrolled = (0..500u32)
        .filter(|&at| apply(&mut book, &policy, &fresh(at, NOW), &format!("2001:db8:1:{at:x}::1"), NOW).is_none());
    assert_eq!(u32::try_from(enrolled.count()).unwrap(), SHARES_V6_48 / 2);
    for (at, other) in (1_000..).zip(["2001:db8:2::1", "2001:db9::1", "203.0.113.1"]) {
        assert_eq!(apply(&mut book, &policy, &fresh(at, NOW), other, NOW), None, "{other}");
    }
}

/// Behind a translator every IPv4 client was one source.
#[test]
fn ipv4_clients_behind_one_translator() {
    let (policy, mut book) = (open(1), Book::default());
    assert_eq!(apply(&mut book, &policy, &fresh(1, NOW), "64:ff9b::203.0.113.1", NOW), None);
    assert_eq!(apply(&mut book, &policy, &fresh(2, NOW), "64:ff9b::203.0.113.2", NOW), None);
    let over = Some(Refused::Quota { retry: Millis::hours(1) });
    assert_eq!(apply(&mut book, &policy, &fresh(3, NOW), "203.0.113.1", NOW), over);
}

/// A book that was full of sources refused everybody it did not know.
#[test]
fn a_flood_of_sources_shuts_nobody_out() {
    let (policy, mut book) = (open(1), Book::default());
    // Well-formed, and no key: refused before any arithmetic on a signature,
    // and charged.
    let no_key = (2..).map(|byte| AgentId([byte; 32])).find(|&id| trust::sign::PublicKey::new(id).is_err()).unwrap();
    let forged = Application { agent: no_key, ..Application::make(&signer(1), planet(), None, NOW) };
    for at in 0..u32::try_from(MOST_SOURCES).unwrap() + 1_000 {
        let source = IpAddr::from(at.rotate_left(16).to_be_bytes());
        assert_eq!(book.enrol(&policy, planet(), &forged, source.into(), NOW), Err(Refused::Signature));
    }
    assert_eq!(apply(&mut book, &policy, &fresh(1, NOW), "203.0.113.1", NOW), None);
}

#[test]
fn what_cannot_be_a_key_or_a_signature_is_charged_to_nobody() {
    let (policy, mut book) = (open(1), Book::default());
    let good = Application::make(&signer(1), planet(), None, NOW);
    let wrong = [
        Application { agent: AgentId([0; 32]), ..good },
        Application { agent: AgentId([0xff; 32]), ..good },
        Application { signature: Signature([0; 64]), ..good },
        Application { signature: Signature([0xff; 64]), ..good },
    ];
    for application in wrong.iter().cycle().take(1_000) {
        assert_eq!(apply(&mut book, &policy, application, "203.0.113.1", NOW), Some(Refused::Signature));
    }
    assert_eq!(apply(&mut book, &policy, &good, "203.0.113.1", NOW), None);
}

/// Only open enrolment charged for signatures: by invitation or by a list they
/// were checked as often as anybody liked.
#[test]
fn signatures_to_check_without_end() {
    let invitation = Invitation::issue(&signer(100), planet(), Serial([7; 16]), NOW.after(Millis::days(1)));
    let forged = |agent, invitation| Application { agent, ..Application::make(&signer(66), planet(), invitation, NOW) };
    let policies = [
        (open(1_000), forged(agent(1), None), Refused::Signature),
        (Policy::list([agent(1)]).unwrap(), forged(agent(1), None), Refused::Signature),
        (Policy::invitation([agent(100)]).unwrap(), forged(agent(1), Some(invitation)), Refused::Signature),
        (
            Policy::invitation([agent(100)]).unwrap(),
            Application::make(
                &signer(1),
                planet(),
                Some(Invitation {
                    inviter: agent(100),
                    ..Invitation::issue(&signer(66), planet(), Serial([8; 16]), NOW.after(FRESH))
                }),
                NOW,
            ),
            Refused::Inviter,
        ),
    ];
    for (policy, application, refused) in policies {
        let mut book = Book::default();
        for _ in 0..CHECKS_AT_ONCE {
            assert_eq!(apply(&mut book, &policy, &application, "203.0.113.1", NOW), Some(refused));
        }
        let wait = Some(Refused::Checks { retry: Millis::seconds(1) });
        assert_eq!(apply(&mut book, &policy, &application, "203.0.113.1", NOW), wait);
        assert_eq!(apply(&mut book, &policy, &application, "203.0.113.2", NOW), Some(refused));
        let later = NOW.after(Millis::seconds(1));
        assert_eq!(apply(&mut book, &policy, &application, "203.0.113.1", later), Some(refused));
    }
}

/// Who overhears an application, or its agent, sends it again.
#[test]
fn an_application_replayed_while_it_is_fresh() {
    for policy in [open(1), Policy::list([agent(1)]).unwrap()] {
        let mut book = Book::default();
        let enrol = |book: &mut Book, application: &Application, source, now| {
            book.enrol(&policy, planet(), application, from(source), now)
        };
        let ahead = NOW.after(FRESH);
        let application = Application::make(&signer(1), planet(), None, ahead);
        let Ok(Enrolled::New(record)) = enrol(&mut book, &application, "203.0.113.1", NOW) else {
            panic!("it is new");
        };
        assert_eq!((record.agent, record.invitation), (agent(1), None));
        // Again and again, from anywhere, until it is stale by itself.
        for (later, source) in [(0, "203.0.113.1"), (1, "203.0.113.9"), (2 * FRESH.0, "2001:db8::1")] {
            let now = NOW.after(Millis(later));
            assert_eq!(enrol(&mut book, &application, source, now), Ok(Enrolled::Again(record)));
            assert_eq!(book.enrolled(agent(1), now), Some(record));
        }
        let stale = NOW.after(Millis(2 * FRESH.0 + 1));
        assert_eq!(enrol(&mut book, &application, "203.0.113.1", stale), Err(Refused::Stale));
        assert_eq!(book.enrolled(agent(1), stale), None);
        // After the book was read back.
        let mut read_back = Book::default();
        read_back.remember(record, NOW);
        assert_eq!(enrol(&mut read_back, &application, "203.0.113.1", NOW), Ok(Enrolled::Again(record)));
    }
}

/// The agent applies twice, and the second application outlives what was
/// remembered of the first.
#[test]
fn a_later_application_replayed_after_the_first_is_forgotten() {
    let (policy, mut book) = (open(100), Book::default());
    let at = |seconds| NOW.after(Millis::seconds(seconds));
    let mut enrol =
        |application: &Application, now| book.enrol(&policy, planet(), application, from("203.0.113.1"), now);
    let (first, second) = (fresh(1, at(0)), fresh(1, at(90)));
    assert!(matches!(enrol(&first, at(0)), Ok(Enrolled::New(_))));
    assert!(matches!(enrol(&second, at(40)), Ok(Enrolled::Again(_))));
    assert!(matches!(enrol(&second, at(140)), Ok(Enrolled::Again(_))));
}

/// An agent that came by one invitation does not use up another, and a forged
/// application with a known agent's name is told nothing.
#[test]
fn an_agent_that_is_enrolled_uses_nothing_up() {
    let policy = Policy::invitation([agent(100)]).unwrap();
    let invite = |serial| Invitation::issue(&signer(100), planet(), Serial([serial; 16]), NOW.after(Millis::days(1)));
    let mut book = Book::default();
    let mut enrol = |application: &Application| book.enrol(&policy, planet(), application, from("203.0.113.1"), NOW);
    let by = |who, serial| Application::make(&signer(who), planet(), Some(invite(serial)), NOW);
    let Ok(Enrolled::New(first)) = enrol(&by(1, 7)) else { panic!("it is new") };
    assert_eq!(first.invitation, Some((agent(100), Serial([7; 16]))));
    assert_eq!(enrol(&by(1, 8)), Ok(Enrolled::Again(first)));
    assert!(matches!(enrol(&by(2, 8)), Ok(Enrolled::New(_))));
    assert_eq!(enrol(&Application { agent: agent(1), ..by(3, 9) }), Err(Refused::Signature));
}

/// What a limit has counted means nothing to another: a source waited for a
/// century, or not at all.
#[test]
fn a_quota_that_is_changed() {
    let mut book = Book::default();
    let mut enrol = |policy: &Policy, number| apply(&mut book, policy, &fresh(number, NOW), "203.0.113.1", NOW);
    let many = open(1_000);
    assert_eq!(enrol(&many, 1), None);
    assert_eq!(enrol(&open(1), 2), None);
    assert_eq!(enrol(&open(1), 3), Some(Refused::Quota { retry: Millis::hours(1) }));
    assert_eq!(enrol(&many, 4), None);
}

#[test]
fn a_policy_that_lets_nobody_in_is_none() {
    let rate = |events, per| Rate { events, per: Millis(per) };
    assert_eq!(Policy::open(rate(0, 1)), Err(BadPolicy::NoAgents));
    assert_eq!(Policy::open(rate(1, 0)), Err(BadPolicy::NoTime));
    assert_eq!(Policy::open(rate(1, 1)), Ok(Policy::Open(Quota::new(rate(1, 1)).unwrap())));
    let no_key = AgentId([0; 32]);
    for keys in [Policy::invitation, Policy::list] {
        assert_eq!(keys(vec![]), Err(BadPolicy::NoKeys));
        assert_eq!(keys(vec![agent(1), no_key]), Err(BadPolicy::Key(no_key)));
        assert!(keys(vec![agent(1), agent(1)]).is_ok());
    }
}

#[test]
fn an_invitation_admits_one_agent_until_it_ends() {
    let policy = Policy::invitation([agent(100)]).unwrap();
    let invite = |inviter, expires| Invitation::issue(&signer(inviter), planet(), Serial([7; 16]), expires);
    let tried = |invitation, now| {
        let application = Application::make(&signer(1), planet(), invitation, now);
        apply(&mut Book::default(), &policy, &application, "203.0.113.1", now)
    };
    let tomorrow = NOW.after(Millis::days(1));
    assert_eq!(tried(None, NOW), Some(Refused::NotInvited));
    assert_eq!(tried(Some(invite(100, tomorrow)), NOW), None);
    assert_eq!(tried(Some(invite(100, tomorrow)), tomorrow), Some(Refused::Ended));
    assert_eq!(tried(Some(invite(100, NOW.after(Millis(LONGEST.0 + 1)))), NOW), Some(Refused::Ended));
    assert_eq!(tried(Some(invite(101, tomorrow)), NOW), Some(Refused::Inviter));
    let stretched = Invitation { expires: NOW.after(Millis::days(2)), ..invite(100, tomorrow) };
    assert_eq!(tried(Some(stretched), NOW), Some(Refused::Inviter));
    let renamed = Invitation { inviter: agent(100), ..invite(101, tomorrow) };
    assert_eq!(tried(Some(renamed), NOW), Some(Refused::Inviter));
    let other_planet = Invitation::issue(&signer(100), PlanetId([1; 16]), Serial([7; 16]), tomorrow);
    assert_eq!(tried(Some(other_planet), NOW), Some(Refused::OtherPlanet));
}

#[test]
fn a_list_admits_who_is_on_it() {
    let policy = Policy::list([agent(1), agent(2)]).unwrap();
    let tried = |application: &Application, now| apply(&mut Book::default(), &policy, application, "203.0.113.1", now);
    assert_eq!(tried(&Application::make(&signer(1), planet(), None, NOW), NOW), None);
    assert_eq!(tried(&Application::make(&signer(3), planet(), None, NOW), NOW), Some(Refused::NotListed));
    let borrowed = Application { agent: agent(1), ..Application::make(&signer(3), planet(), None, NOW) };
    assert_eq!(tried(&borrowed, NOW), Some(Refused::Signature));
    let other_planet = Application::make(&signer(1), PlanetId([1; 16]), None, NOW);
    assert_eq!(tried(&other_planet, NOW), Some(Refused::OtherPlanet));
    let early = Application::make(&signer(1), planet(), None, NOW);
    assert_eq!(tried(&early, NOW.after(FRESH)), None);
    assert_eq!(tried(&early, NOW.after(Millis(FRESH.0 + 1))), Some(Refused::Stale));
    assert_eq!(tried(&early, Moment(NOW.0 - FRESH.0 - 1)), Some(Refused::Stale));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_sent_reads_as_it_was_written(serial in any::<[u8; 16]>(), expires in any::<u64>(), asked in any::<u64>(), invited in any::<bool>()) {
        let invitation = Invitation::issue(&signer(100), planet(), Serial(serial), Moment(expires));
        prop_assert_eq!(Invitation::read(invitation.text().as_str()), Ok(invitation));
        let application = Application::make(&signer(1), planet(), invited.then_some(invitation), Moment(asked));
        prop_assert_eq!(Application::read(application.text().as_str()), Ok(application));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,400}") {
        prop_assert!(Invitation::read(&text).is_err() && Application::read(&text).is_err());
    }
}
