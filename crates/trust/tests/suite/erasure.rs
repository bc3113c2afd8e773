//! Demands for erasure: whose word they are, for which planet, and for how long.

use crate::world::{NOW, agent, planet, signer};
use trust::erasure::{AHEAD, Demand, LONGEST, Refused};
use trust::sign::Domain;
use trust::{Moment, PlanetId};
use vocab::Millis;

fn demand() -> Demand {
    Demand::make(&signer(1), planet(), agent(2), NOW)
}

#[test]
fn a_demand_is_whole_in_its_bytes_and_in_its_text() {
    let demand = demand();
    assert_eq!((demand.agent, demand.by, demand.asked), (agent(2), agent(1), NOW));
    assert_eq!(Demand::from_bytes(&demand.to_bytes()), Ok(demand));
    assert_eq!(Demand::read(&demand.text()), Ok(demand));
    assert_eq!(demand.check(planet(), NOW), Ok(()));
    assert!(!format!("{demand:?}").contains(&format!("{:?}", demand.signature)));
}

#[test]
fn a_demand_with_any_bit_flipped_is_nobodys() {
    let bytes = demand().to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes;
            changed[at] ^= 1 << bit;
            let checked = Demand::from_bytes(&changed).map(|demand| demand.check(planet(), NOW));
            assert!(!matches!(checked, Ok(Ok(()))), "bit {bit} of byte {at}");
        }
    }
    let text = demand().text();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let checked = Demand::read(&changed).map(|demand| demand.check(planet(), NOW));
            assert!(!matches!(checked, Ok(Ok(()))), "bit {bit} of letter {at}");
        }
    }
}

#[test]
fn a_demand_is_for_one_planet_and_for_minutes() {
    let demand = demand();
    assert_eq!(demand.check(PlanetId([9; 16]), NOW), Err(Refused::OtherPlanet));
    assert_eq!(demand.check(planet(), NOW.after(LONGEST)), Ok(()));
    assert_eq!(demand.check(planet(), NOW.after(LONGEST).after(Millis(1))), Err(Refused::Stale));
    assert_eq!(demand.check(planet(), Moment(NOW.0 - AHEAD.0)), Ok(()));
    assert_eq!(demand.check(planet(), Moment(NOW.0 - AHEAD.0 - 1)), Err(Refused::Stale));
    // What stands in a chain holds for ever.
    assert_eq!(demand.verify(), Ok(()));
}

#[test]
fn a_demand_is_of_whoever_signed_it_and_of_nobody_else() {
    let mut forged = demand();
    forged.by = agent(3);
    assert_eq!(forged.check(planet(), NOW), Err(Refused::Signature));
    let mut widened = demand();
    widened.agent = agent(3);
    assert_eq!(widened.check(planet(), NOW), Err(Refused::Signature));
    // What was signed for something else is no demand.
    let mut other = demand();
    let body = other.to_bytes();
    other.signature = signer(1).sign(Domain::APPLY, &body[..Demand::LEN - 64]);
    assert_eq!(other.check(planet(), NOW), Err(Refused::Signature));
}

#[test]
fn each_demand_has_a_digest_of_its_own() {
    let (one, same) = (demand(), demand());
    let later = Demand::make(&signer(1), planet(), agent(2), Moment(NOW.0 + 1));
    let others = Demand::make(&signer(3), planet(), agent(2), NOW);
    assert_eq!(one.digest(), same.digest());
    assert_ne!(one.digest(), later.digest());
    assert_ne!(one.digest(), others.digest());
}

#[test]
fn what_is_not_exactly_a_demand_is_none() {
    let bytes = demand().to_bytes();
    assert!(Demand::from_bytes(&bytes[1..]).is_err());
    assert!(Demand::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    assert!(Demand::from_bytes(&[]).is_err());
    for text in ["", "AQw", "no demand"] {
        assert!(Demand::read(text).is_err(), "{text}");
    }
}
