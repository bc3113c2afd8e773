//! Attaching: a lease is worth something only with its agent's key, on the
//! channel where that was proved.

use crate::world::{FENCING, NOW, block, cell_key, door, lease, signer, slot};
use base64ct::Encoding;
use sha2::{Digest, Sha256};
use trust::Moment;
use trust::attach::{Challenge, Channel, Nonce, NotAttached, NotOn, PATIENCE, answer};
use trust::lease::{Admitted, Door, Lease, Refused, Revoked, Rights};
use trust::sign::{Domain, Signature};
use vocab::Millis;

const CHANNEL: Channel = Channel([4; 32]);
const NONCE: Nonce = Nonce([8; 32]);

fn admitted(lease: Lease) -> Admitted {
    let keys = [cell_key(block(2_000))];
    let text = lease.issue(&keys[0], NOW).unwrap();
    door(&keys).admit(text.as_str(), slot(5), lease.fencing, NOW).unwrap()
}

fn challenge() -> Challenge {
    Challenge::new(admitted(lease()), NONCE, CHANNEL, NOW)
}

fn proof() -> Signature {
    let text = lease().issue(&cell_key(block(2_000)), NOW).unwrap();
    answer(&signer(1), text.as_str(), &NONCE, &CHANNEL).unwrap()
}

#[test]
fn the_agent_attaches_and_stays_attached() {
    let keys = [cell_key(block(2_000))];
    let door = door(&keys);
    let session = challenge().check(&proof(), NOW).unwrap();
    let on = |channel: &Channel, door: &Door<'_>, fencing, now| {
        session.admit(channel, door, slot(5), fencing, Rights::OPERATE, now).copied()
    };
    assert_eq!(on(&CHANNEL, &door, FENCING, NOW), Ok(lease()));
    let later = NOW.after(Millis::hours(2));
    assert!(matches!(on(&CHANNEL, &door, FENCING, later), Err(NotOn::Lease(Refused::Expired { .. }))));
    let reassigned = on(&CHANNEL, &door, FENCING + 1, NOW);
    assert_eq!(reassigned, Err(NotOn::Lease(Refused::Superseded)));
    let revoked = Revoked { agents: [lease().agent].into_iter().collect(), ..Revoked::default() };
    let banned = Door { revoked: &revoked, ..door };
    assert_eq!(on(&CHANNEL, &banned, FENCING, NOW), Err(NotOn::Lease(Refused::AgentRevoked)));
    // The lease still opens the slot: it is this connection that is not it.
    assert_eq!(on(&Channel([5; 32]), &door, FENCING, NOW), Err(NotOn::OtherChannel));
}

fn on(door: &Door<'_>, number: u8, needs: Rights) -> Result<Lease, NotOn> {
    let session = challenge().check(&proof(), NOW).unwrap();
    session.admit(&CHANNEL, door, slot(number), FENCING, needs, NOW).copied()
}

#[test]
fn a_session_under_a_key_that_was_revoked_since() {
    let keys = [cell_key(block(2_000))];
    let revoked = Revoked { keys: [keys[0].id()].into_iter().collect(), ..Revoked::default() };
    let door = Door { revoked: &revoked, ..door(&keys) };
    assert_eq!(on(&door, 5, Rights::OPERATE), Err(NotOn::Lease(Refused::KeyRevoked)));
}

#[test]
fn a_session_at_another_door() {
    let keys = [cell_key(block(2_000))];
    let here = door(&keys);
    let other_block = Door { block: block(90_000), ..here };
    let wrong = Refused::WrongBlock { right: block(2_000) };
    assert_eq!(on(&other_block, 5, Rights::OPERATE), Err(NotOn::Lease(wrong)));
    let other_planet = Door { planet: trust::PlanetId([9; 16]), ..here };
    assert_eq!(on(&other_planet, 5, Rights::OPERATE), Err(NotOn::Lease(Refused::OtherPlanet)));
    let neighbour = on(&here, 6, Rights::OPERATE);
    assert_eq!(neighbour, Err(NotOn::Lease(Refused::WrongSlot { right: slot(5) })));
}

#[test]
fn an_op_beyond_the_rights_of_its_lease() {
    let keys = [cell_key(block(2_000))];
    let door = door(&keys);
    for given in [Rights::default(), Rights::READ, Rights::OPERATE, lease().rights] {
        assert_eq!(on(&door, 5, given), Ok(lease()), "{given:?}");
    }
    for more in [Rights::TRANSFER, Rights::TRANSFER.and(Rights::READ)] {
        assert_eq!(on(&door, 5, more), Err(NotOn::Lease(Refused::NoRight)), "{more:?}");
    }
}

#[test]
fn a_stolen_lease_without_its_agents_key() {
    let keys = [cell_key(block(2_000))];
    let stolen = lease().issue(&keys[0], NOW).unwrap();
    let admitted = door(&keys).admit(stolen.as_str(), slot(5), FENCING, NOW).unwrap();
    let thief = signer(66);
    assert_eq!(answer(&thief, stolen.as_str(), &NONCE, &CHANNEL), Err(NotAttached::OtherAgent));
    // A thief does not use our function: it signs the right bytes with its own key, or others.
    let waiting = || Challenge::new(admitted, NONCE, CHANNEL, NOW);
    let mut bytes = [0; Lease::LEN];
    base64ct::Base64UrlUnpadded::decode(stolen.as_str(), &mut bytes).unwrap();
    bytes[Lease::LEN - 48..].fill(0);
    let digest = Sha256::digest([b"mycel lease digest v1", &bytes[..]].concat());
    let message = [&NONCE.0[..], &digest[..], &CHANNEL.0[..]].concat();
    // They are the right bytes: the agent signs the same.
    assert_eq!(signer(1).sign(Domain::ATTACH, &message), proof());
    let forgeries = [
        thief.sign(Domain::ATTACH, &message),
        thief.sign(Domain::ATTACH, &[0; 96]),
        Signature([0; 64]),
        Signature([0xff; 64]),
    ];
    for forged in forgeries {
        assert_eq!(waiting().check(&forged, NOW).unwrap_err(), NotAttached::Proof);
    }
}

#[test]
fn a_proof_replayed_relayed_or_late() {
    let refused = |challenge: Challenge, now| challenge.check(&proof(), now).unwrap_err();
    let other_nonce = Challenge::new(admitted(lease()), Nonce([9; 32]), CHANNEL, NOW);
    assert_eq!(refused(other_nonce, NOW), NotAttached::Proof);
    let relayed = Challenge::new(admitted(lease()), NONCE, Channel([5; 32]), NOW);
    assert_eq!(refused(relayed, NOW), NotAttached::Proof);
    let other_lease = trust::lease::Lease { fencing: FENCING + 1, ..lease() };
    assert_eq!(refused(Challenge::new(admitted(other_lease), NONCE, CHANNEL, NOW), NOW), NotAttached::Proof);
    assert!(challenge().check(&proof(), NOW.after(PATIENCE)).is_ok());
    assert_eq!(refused(challenge(), NOW.after(Millis(PATIENCE.0 + 1))), NotAttached::TooLate);
    assert_eq!(refused(challenge(), Moment(NOW.0 - 1)), NotAttached::TooLate);
}
