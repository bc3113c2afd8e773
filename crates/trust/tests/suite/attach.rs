//! Attaching: a lease is worth something only with its agent's key, on the
//! channel where that was proved.

use crate::world::{FENCING, NOW, block, cell_key, door, lease, signer, slot};
use trust::attach::{Challenge, Channel, Nonce, NotAttached, NotOn, PATIENCE, answer};
use trust::lease::{Admitted, Door, Lease, Refused, Revoked, Rights};
use trust::sign::{Domain, Signature};
use trust::{Moment, PlanetId};
use vocab::Millis;

const CHANNEL: Channel = Channel([4; 32]);
const NONCE: Nonce = Nonce([8; 32]);

fn challenge() -> Challenge {
    Challenge::new(admitted(), NONCE, CHANNEL, NOW)
}

/// The lease as its door has checked it.
fn admitted() -> Admitted {
    let keys = [cell_key(block(2_000))];
    let text = lease().issue(&keys[0]).unwrap();
    door(&keys).admit(text.as_str(), slot(5), FENCING, NOW).unwrap()
}

fn proof() -> Signature {
    let text = lease().issue(&cell_key(block(2_000))).unwrap();
    answer(&signer(1), text.as_str(), &NONCE, &CHANNEL).unwrap()
}

#[test]
fn the_agent_attaches_and_stays_attached() {
    let keys = [cell_key(block(2_000))];
    let door = door(&keys);
    let session = challenge().check(&proof(), NOW).unwrap();
    assert_eq!(session.admit(&CHANNEL, &door, Rights::READ, FENCING, NOW), Ok(&lease()));
    let later = NOW.after(Millis::hours(2));
    assert!(matches!(
        session.admit(&CHANNEL, &door, Rights::READ, FENCING, later),
        Err(NotOn::Lease(Refused::Expired { .. }))
    ));
    let reassigned = session.admit(&CHANNEL, &door, Rights::READ, FENCING + 1, NOW);
    assert_eq!(reassigned, Err(NotOn::Lease(Refused::Superseded)));
    let agents = [lease().agent];
    let banned = Door { revoked: Revoked::new(&[], &agents).unwrap(), ..door };
    assert_eq!(session.admit(&CHANNEL, &banned, Rights::READ, FENCING, NOW), Err(NotOn::Lease(Refused::AgentRevoked)));
    // The lease still opens the slot: it is this connection that is not it.
    assert_eq!(session.admit(&Channel([5; 32]), &door, Rights::READ, FENCING, NOW), Err(NotOn::OtherChannel));
}

#[test]
fn a_stolen_lease_without_its_agents_key() {
    let keys = [cell_key(block(2_000))];
    let stolen = lease().issue(&keys[0]).unwrap();
    let admitted = door(&keys).admit(stolen.as_str(), slot(5), FENCING, NOW).unwrap();
    let thief = signer(66);
    assert_eq!(answer(&thief, stolen.as_str(), &NONCE, &CHANNEL), Err(NotAttached::OtherAgent));
    // A thief does not use our function: it signs with its own key the bytes
    // that the agent would sign, those of a lease of its own, or others.
    let waiting = || Challenge::new(admitted, NONCE, CHANNEL, NOW);
    let own = Lease { agent: thief.id(), ..lease() }.issue(&keys[0]).unwrap();
    let own = answer(&thief, own.as_str(), &NONCE, &CHANNEL).unwrap();
    let forgeries = [own, thief.sign(Domain::ATTACH, &[0; 96]), Signature([0; 64]), Signature([0xff; 64])];
    for forged in forgeries {
        assert_eq!(waiting().check(&forged, NOW).unwrap_err(), NotAttached::Proof);
    }
}

#[test]
fn a_proof_replayed_relayed_or_late() {
    let refused = |challenge: Challenge, now| challenge.check(&proof(), now).unwrap_err();
    let other_nonce = Challenge::new(admitted(), Nonce([9; 32]), CHANNEL, NOW);
    assert_eq!(refused(other_nonce, NOW), NotAttached::Proof);
    let relayed = Challenge::new(admitted(), NONCE, Channel([5; 32]), NOW);
    assert_eq!(refused(relayed, NOW), NotAttached::Proof);
    let keys = [cell_key(block(2_000))];
    let other_lease = Lease { fencing: FENCING + 1, ..lease() }.issue(&keys[0]).unwrap();
    let other_lease = door(&keys).admit(other_lease.as_str(), slot(5), FENCING + 1, NOW).unwrap();
    assert_eq!(refused(Challenge::new(other_lease, NONCE, CHANNEL, NOW), NOW), NotAttached::Proof);
    assert!(challenge().check(&proof(), NOW.after(PATIENCE)).is_ok());
    assert_eq!(refused(challenge(), NOW.after(Millis(PATIENCE.0 + 1))), NotAttached::TooLate);
    assert_eq!(refused(challenge(), Moment(NOW.0 - 1)), NotAttached::TooLate);
}

#[test]
fn a_session_ends_when_its_key_is_revoked() {
    let keys = [cell_key(block(2_000))];
    let session = challenge().check(&proof(), NOW).unwrap();
    let revoked = [keys[0].id()];
    let door = Door { revoked: Revoked::new(&revoked, &[]).unwrap(), ..door(&keys) };
    let refused = session.admit(&CHANNEL, &door, Rights::READ, FENCING, NOW);
    assert_eq!(refused, Err(NotOn::Lease(Refused::KeyRevoked)));
}

#[test]
fn a_session_shown_at_another_door() {
    let keys = [cell_key(block(2_000))];
    let session = challenge().check(&proof(), NOW).unwrap();
    let at = |door: Door<'_>| session.admit(&CHANNEL, &door, Rights::READ, FENCING, NOW).copied();
    let elsewhere = at(Door { block: block(90_000), ..door(&keys) });
    assert_eq!(elsewhere, Err(NotOn::Lease(Refused::WrongBlock { right: block(2_000) })));
    let abroad = at(Door { planet: PlanetId([9; 16]), ..door(&keys) });
    assert_eq!(abroad, Err(NotOn::Lease(Refused::OtherPlanet)));
}

#[test]
fn an_op_that_needs_more_than_the_lease_gives() {
    let keys = [cell_key(block(2_000))];
    let text = Lease { rights: Rights::READ, ..lease() }.issue(&keys[0]).unwrap();
    let admitted = door(&keys).admit(text.as_str(), slot(5), FENCING, NOW).unwrap();
    let proof = answer(&signer(1), text.as_str(), &NONCE, &CHANNEL).unwrap();
    let session = Challenge::new(admitted, NONCE, CHANNEL, NOW).check(&proof, NOW).unwrap();
    assert!(session.admit(&CHANNEL, &door(&keys), Rights::READ, FENCING, NOW).is_ok());
    assert_eq!(session.admit(&CHANNEL, &door(&keys), Rights::OPERATE, FENCING, NOW), Err(NotOn::NoRight));
}
