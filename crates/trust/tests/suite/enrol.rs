//! Enrolment, by each of its three policies.

use crate::world::{NOW, agent, planet, signer};
use proptest::prelude::*;
use std::net::IpAddr;
use trust::enrol::{
    Application, Book, FRESH, Invitation, LONGEST, MOST_SOURCES, Policy, Quota, Refused, Serial, Source,
};
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

fn from(address: &str) -> Source {
    address.parse::<IpAddr>().unwrap().into()
}

fn apply(book: &mut Book, policy: &Policy, application: &Application, source: &str, now: Moment) -> Option<Refused> {
    book.enrol(policy, planet(), application, from(source), now).err()
}

#[test]
fn open_enrolment_counts_each_source() {
    let policy = Policy::Open(Quota { agents: 2, per: Millis::hours(1) });
    let book = &mut Book::default();
    let try_at = |book: &mut Book, source, now| {
        let application = Application::make(&signer(1), planet(), None, now);
        apply(book, &policy, &application, source, now)
    };
    assert_eq!(try_at(book, "203.0.113.1", NOW), None);
    assert_eq!(try_at(book, "::ffff:203.0.113.1", NOW), None);
    let over = Some(Refused::Quota { retry: Millis::hours(1) });
    assert_eq!(try_at(book, "203.0.113.1", NOW), over);
    assert_eq!(try_at(book, "203.0.113.2", NOW), None);
    // One IPv6 customer is one source.
    assert_eq!(try_at(book, "2001:db8:0:1::1", NOW), None);
    assert_eq!(try_at(book, "2001:db8:0:1:ffff::2", NOW), None);
    assert_eq!(try_at(book, "2001:db8:0:1::3", NOW), over);
    assert_eq!(try_at(book, "2001:db8:0:2::1", NOW), None);
    assert_eq!(try_at(book, "203.0.113.1", NOW.after(Millis::hours(1))), None);
}

#[test]
fn a_flood_of_sources_is_answered_and_forgotten() {
    let policy = Policy::Open(Quota { agents: 1, per: Millis::hours(1) });
    let mut book = Book::default();
    // What is not signed is charged all the same; a key of small order is no
    // key, and refused before any arithmetic.
    let unsigned = Application { agent: AgentId([0; 32]), ..Application::make(&signer(1), planet(), None, NOW) };
    for host in 0..u32::try_from(MOST_SOURCES).unwrap() {
        let source = IpAddr::from(host.to_be_bytes());
        assert_eq!(book.enrol(&policy, planet(), &unsigned, source.into(), NOW), Err(Refused::Signature));
    }
    let busy = Some(Refused::Busy { retry: Millis::hours(1) });
    assert_eq!(apply(&mut book, &policy, &unsigned, "203.0.113.1", NOW), busy);
    let later = NOW.after(Millis::hours(1));
    let application = Application::make(&signer(1), planet(), None, later);
    assert_eq!(apply(&mut book, &policy, &application, "203.0.113.1", later), None);
}

#[test]
fn an_invitation_admits_one_agent_until_it_ends() {
    let policy = Policy::Invitation([agent(100)].into_iter().collect());
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
    let policy = Policy::Keys([agent(1), agent(2)].into_iter().collect());
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
