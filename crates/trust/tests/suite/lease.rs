//! Leases: what one says is what was issued, and everything else is refused.

use crate::world::{FENCING, NOW, agent, block, cell_key, door, lease, planet, region, secret, slot};
use proptest::prelude::*;
use trust::lease::{Claim, Door, Lease, LeaseText, NotIssued, Refused, Revoked, Rights};
use trust::{AgentId, BlockRef, KeyId, Malformed, Moment, PlanetId, RegionTag, RegionalKey};
use vocab::Millis;

#[test]
fn a_lease_opens_its_slot_until_it_ends() {
    let keys = [cell_key(block(2_000))];
    let text = lease().issue(&keys[0], NOW).unwrap();
    let door = door(&keys);
    let at = |now: u64| door.admit(text.as_str(), slot(5), FENCING, Moment(now)).map(|admitted| *admitted.lease());
    assert_eq!(at(NOW.0 - 1), Err(Refused::NotYetValid { from: NOW }));
    assert_eq!(at(NOW.0), Ok(lease()));
    assert_eq!(at(NOW.0 + 3_599_999), Ok(lease()));
    assert_eq!(at(NOW.0 + 3_600_000), Err(Refused::Expired { at: Moment(NOW.0 + 3_600_000) }));
    assert_eq!(text.as_str().len(), LeaseText::LEN);
    const { assert!(LeaseText::LEN <= 200) };
}

#[test]
fn every_other_place_planet_and_key_is_refused() {
    let keys = [cell_key(block(2_000))];
    let admitted = |lease: Lease, door: &Door<'_>| {
        let key = cell_key(lease.block);
        door.admit(lease.issue(&key, NOW).unwrap().as_str(), slot(5), FENCING, NOW).map(|admitted| *admitted.lease())
    };
    let door = door(&keys);
    // Another block of the same cell, and one whose key this host has never seen.
    for index in [2_001, 90_000] {
        let elsewhere = Lease { block: block(index), ..lease() };
        assert_eq!(admitted(elsewhere, &door), Err(Refused::WrongBlock { right: block(index) }));
    }
    let other_region = Door { block: BlockRef { region: RegionTag::of("us-east-1"), index: 2_000 }, ..door };
    assert_eq!(admitted(lease(), &other_region), Err(Refused::WrongBlock { right: block(2_000) }));
    let other_planet = Door { planet: PlanetId([3; 16]), ..door };
    assert_eq!(admitted(lease(), &other_planet), Err(Refused::OtherPlanet));
    let revoked = |key, agent| Revoked { keys: [key].into_iter().collect(), agents: [agent].into_iter().collect() };
    let (no_key, no_agent) = (KeyId([0; 16]), AgentId([0; 32]));
    let after = |revoked: &Revoked| admitted(lease(), &Door { revoked, ..door });
    assert_eq!(after(&revoked(keys[0].id(), no_agent)), Err(Refused::KeyRevoked));
    assert_eq!(after(&revoked(no_key, agent(1))), Err(Refused::AgentRevoked));
    assert_eq!(after(&revoked(no_key, no_agent)), Ok(lease()));
    let behind = Lease { fencing: FENCING + 1, ..lease() };
    assert_eq!(admitted(behind, &door), Err(Refused::Ahead));
    let no_keys = Door { keys: &[], ..door };
    assert_eq!(admitted(lease(), &no_keys), Err(Refused::UnknownKey(keys[0].id())));
}

#[test]
fn while_a_key_is_rotated_both_open() {
    let next = RegionalKey::new(planet(), region(), secret(2));
    let keys = [next.cell(block(2_000).cell()), cell_key(block(2_000))];
    for key in &keys {
        let text = lease().issue(key, NOW).unwrap();
        assert_eq!(
            door(&keys).admit(text.as_str(), slot(5), FENCING, NOW).map(|admitted| *admitted.lease()),
            Ok(lease())
        );
    }
    let old = lease().issue(&keys[1], NOW).unwrap();
    let refused = door(&keys[..1]).admit(old.as_str(), slot(5), FENCING, NOW);
    assert_eq!(refused, Err(Refused::UnknownKey(keys[1].id())));
}

#[test]
fn a_lease_of_no_sense_is_not_issued() {
    let key = cell_key(block(2_000));
    let elsewhere = Lease { block: block(5_000), ..lease() };
    assert_eq!(elsewhere.issue(&key, NOW), Err(NotIssued::OtherCell));
    for expires in [NOW, Moment(0), NOW.after(Millis(Lease::LONGEST.0 + 1))] {
        assert_eq!(Lease { expires, ..lease() }.issue(&key, NOW), Err(NotIssued::Length));
    }
    assert!(Lease { expires: NOW.after(Lease::LONGEST), ..lease() }.issue(&key, NOW).is_ok());
}

/// What was revoked is forgotten after the longest lease: one that is issued
/// today for a week in ten years would come after that.
#[test]
fn a_lease_that_is_dated_ahead_to_outlive_its_revocation() {
    let key = cell_key(block(2_000));
    for ahead in [Millis(1), Millis::days(3_650)] {
        let issued = NOW.after(ahead);
        let later = Lease { issued, expires: issued.after(Lease::LONGEST), ..lease() };
        assert_eq!(later.issue(&key, NOW), Err(NotIssued::PostDated));
        assert!(later.issue(&key, issued).is_ok());
    }
}

#[test]
fn a_key_of_the_same_cell_on_another_planet() {
    let here = cell_key(block(2_000));
    let text = lease().issue(&here, NOW).unwrap();
    let secret = trust::Secret::take(&mut here.secret().expose().clone());
    let keys = [trust::CellKey::new(PlanetId([3; 16]), region(), block(2_000).cell(), here.id(), secret)];
    let refused = door(&keys).admit(text.as_str(), slot(5), FENCING, NOW);
    assert_eq!(refused, Err(Refused::UnknownKey(here.id())));
}

/// In release a list out of order let through whom it named.
#[test]
fn a_revocation_list_out_of_order() {
    let keys = [cell_key(block(2_000))];
    let text = lease().issue(&keys[0], NOW).unwrap();
    let mut agents: Vec<_> = (1..=9).map(agent).collect();
    agents.sort_unstable_by(|one, other| other.cmp(one));
    let revoked = Revoked { agents: agents.into_iter().collect(), ..Revoked::default() };
    let refused = Door { revoked: &revoked, ..door(&keys) }.admit(text.as_str(), slot(5), FENCING, NOW);
    assert_eq!(refused, Err(Refused::AgentRevoked));
}

#[test]
fn a_lease_of_no_sense_is_not_read() {
    let nothing = Malformed::Field("it ends before it begins, or lasts longer than a lease can");
    // From 1970 until then, with every other field empty as well.
    let empty = format!("AQE{}", "A".repeat(LeaseText::LEN - 3));
    assert_eq!(Claim::read(&empty).unwrap_err(), nothing);
    let valid = lease().issue(&cell_key(block(2_000)), NOW).unwrap();
    // Its fields from the slot on are whole groups of letters, with one bit too many set.
    let no_such_slot = format!("{}__{}", &valid.as_str()[..44], &valid.as_str()[46..]);
    assert_eq!(Claim::read(&no_such_slot).unwrap_err(), Malformed::Field("there is no such slot"));
}

#[test]
fn checking_a_lease_allocates_nothing() {
    let keys = [cell_key(block(2_000))];
    let text = lease().issue(&keys[0], NOW).unwrap();
    let door = door(&keys);
    let cost = allocation_counter::measure(|| {
        assert!(door.admit(text.as_str(), slot(5), FENCING, NOW).is_ok());
        assert!(door.admit("", slot(5), FENCING, NOW).is_err());
    });
    assert_eq!(cost.count_total, 0);
}

fn any_lease() -> impl Strategy<Value = Lease> {
    let place = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u64>(), 0u8..60, any::<u64>());
    let terms = (any::<[u8; 32]>(), 0u16..8, 0..u64::MAX >> 1, 1..=Lease::LONGEST.0);
    (place, terms).prop_map(|((planet, region, index, number, fencing), (agent, rights, issued, length))| Lease {
        planet: PlanetId(planet),
        block: BlockRef { region: RegionTag(region), index },
        slot: slot(number),
        fencing,
        agent: AgentId(agent),
        rights: Rights::from_bits(rights).unwrap(),
        issued: Moment(issued),
        expires: Moment(issued + length),
    })
}

proptest! {
    #[test]
    fn a_lease_reads_as_it_was_written(lease in any_lease()) {
        let key = trust::CellKey::new(lease.planet, lease.block.region, lease.block.cell(), KeyId([9; 16]), secret(7));
        let text = lease.issue(&key, lease.issued).unwrap();
        let claim = Claim::read(text.as_str()).unwrap();
        prop_assert_eq!(claim.lease, lease);
        prop_assert_eq!(claim.key, key.id());
        prop_assert_eq!(claim.text(), text);
        let door = Door { planet: lease.planet, block: lease.block, keys: &[key], revoked: &Revoked::NOTHING };
        prop_assert_eq!(door.admit(text.as_str(), lease.slot, lease.fencing, lease.issued).map(|admitted| *admitted.lease()), Ok(lease));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,240}", letters in "[A-Za-z0-9_-]{188}") {
        for text in [text, letters] {
            // What is read has one form, and it is this one.
            if let Ok(claim) = Claim::read(&text) {
                let again = claim.text();
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }
}

#[test]
fn another_form_of_the_same_bytes_is_no_lease() {
    let keys = [cell_key(block(2_000))];
    let text = lease().issue(&keys[0], NOW).unwrap().as_str().to_owned();
    for other in [format!("{text}="), format!("{text}\n"), format!(" {text}"), text.replace('_', "/").replace('-', "+")]
    {
        if other != text {
            assert!(matches!(Claim::read(&other), Err(Malformed::Length(_) | Malformed::Text)), "{other}");
        }
    }
}
