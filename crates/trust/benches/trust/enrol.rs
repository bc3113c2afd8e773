//! What an application costs, of which anybody may send as many as they like.

use measure::{many, plain};
use std::hint::black_box;
use std::net::IpAddr;
use trust::enrol::{Application, Book, Invitation, Policy, Refused, Serial, Source};
use trust::sign::{Signature, SigningKey};
use trust::{Moment, PlanetId, Secret};
use vocab::Millis;

pub(crate) fn run() {
    let (planet, now) = (PlanetId([1; 16]), Moment(1_800_000_000_000));
    let (inviter, agent) = (SigningKey::new(&Secret::take(&mut [2; 32])), SigningKey::new(&Secret::take(&mut [3; 32])));
    let invitation = Invitation::issue(&inviter, planet, Serial([4; 16]), now.after(Millis::days(1)));
    let application = Application::make(&agent, planet, Some(invitation), now);
    let policy = Policy::invitation([inviter.id()]).unwrap();
    let mut book = Book::default();
    // From everywhere, as in a flood: the tables of sources are full.
    let mut at = 0u32;
    let mut next = move || {
        at = at.wrapping_add(2_654_435_761);
        Source::from(IpAddr::from(at.to_be_bytes()))
    };
    (0..200_000).for_each(|_| {
        let forged = Application { agent: no_key(), ..application };
        assert!(book.enrol(&policy, planet, &forged, next(), now).is_err());
    });
    let admitted = many(|| assert!(book.enrol(&policy, planet, black_box(&application), next(), now).is_ok()));
    plain("enrol: by invitation, two keys and signatures", admitted);
    let wrong = Application { signature: Signature([0xff; 64]), ..application };
    let refused = many(|| {
        assert_eq!(book.enrol(&policy, planet, black_box(&wrong), next(), now), Err(Refused::Signature));
    });
    plain("enrol: refused before it is charged", refused);
}

/// A name that looks like a key, and is on no curve.
fn no_key() -> trust::AgentId {
    trust::AgentId([2; 32])
}
