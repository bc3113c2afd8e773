//! Attaching: a lease is worth something only with its agent's key, on the
//! channel where that was proved.

use crate::world::{FENCING, NOW, block, cell_key, door, lease, signer, slot};
use trust::Moment;
use trust::attach::{Challenge, Channel, Nonce, NotAttached, NotOn, PATIENCE, answer};
use trust::lease::{Door, Refused, Revoked};
use trust::sign::{Domain, Signature};
use vocab::Millis;

const CHANNEL: Channel = Channel([4; 32]);
const NONCE: Nonce = Nonce([8; 32]);

fn challenge() -> Challenge {
    Challenge::new(lease(), NONCE, CHANNEL, NOW)
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
    assert_eq!(session.admit(&CHANNEL, &door, FENCING, NOW), Ok(&lease()));
    let later = NOW.after(Millis::hours(2));
    assert!(matches!(session.admit(&CHANNEL, &door, FENCING, later), Err(NotOn::Lease(Refused::Expired { .. }))));
    let reassigned = session.admit(&CHANNEL, &door, FENCING + 1, NOW);
    assert_eq!(reassigned, Err(NotOn::Lease(Refused::Superseded)));
    let agents = [lease().agent];
    let banned = Door { revoked: Revoked { keys: &[], agents: &agents }, ..door };
    assert_eq!(session.admit(&CHANNEL, &banned, FENCING, NOW), Err(NotOn::Lease(Refused::AgentRevoked)));
    // The lease still opens the slot: it is this connection that is not it.
    assert_eq!(session.admit(&Channel([5; 32]), &door, FENCING, NOW), Err(NotOn::OtherChannel));
}

#[test]
fn a_stolen_lease_without_its_agents_key() {
    let keys = [cell_key(block(2_000))];
    let stolen = lease().issue(&keys[0]).unwrap();
    let admitted = door(&keys).admit(stolen.as_str(), slot(5), FENCING, NOW).unwrap();
    let thief = signer(66);
    assert_eq!(answer(&thief, stolen.as_str(), &NONCE, &CHANNEL), Err(NotAttached::OtherAgent));
    // A thief does not use our function: it signs the right bytes with its own key, or others.
    let waiting = || Challenge::new(admitted, NONCE, CHANNEL, NOW);
    let forgeries = [thief.sign(Domain::ATTACH, &[0; 96]), Signature([0; 64]), Signature([0xff; 64])];
    for forged in forgeries {
        assert_eq!(waiting().check(&forged, NOW).unwrap_err(), NotAttached::Proof);
    }
}

#[test]
fn a_proof_replayed_relayed_or_late() {
    let refused = |challenge: Challenge, now| challenge.check(&proof(), now).unwrap_err();
    let other_nonce = Challenge::new(lease(), Nonce([9; 32]), CHANNEL, NOW);
    assert_eq!(refused(other_nonce, NOW), NotAttached::Proof);
    let relayed = Challenge::new(lease(), NONCE, Channel([5; 32]), NOW);
    assert_eq!(refused(relayed, NOW), NotAttached::Proof);
    let other_lease = trust::lease::Lease { fencing: FENCING + 1, ..lease() };
    assert_eq!(refused(Challenge::new(other_lease, NONCE, CHANNEL, NOW), NOW), NotAttached::Proof);
    assert!(challenge().check(&proof(), NOW.after(PATIENCE)).is_ok());
    assert_eq!(refused(challenge(), NOW.after(Millis(PATIENCE.0 + 1))), NotAttached::TooLate);
    assert_eq!(refused(challenge(), Moment(NOW.0 - 1)), NotAttached::TooLate);
}
