//! Gateways: an agent proves itself to one, and a host takes its word, on its
//! own channel and no other.

use crate::world::{FENCING, NOW, block, cell_key, door, lease, signer, slot};
use trust::PlanetId;
use trust::attach::{Channel, Nonce, NotAttached, NotOn, PATIENCE, answer};
use trust::lease::Rights;
use trust::sign::Signature;
use trust::vouch::{Awaited, NotVouching, Shown, Vouching, vouch};
use vocab::Millis;

const FRONT: Channel = Channel([4; 32]);
const BACK: Channel = Channel([5; 32]);
const NONCE: Nonce = Nonce([8; 32]);
const PLANET: PlanetId = PlanetId([3; 16]);

fn text() -> String {
    lease().issue(&cell_key(block(2_000)), NOW).unwrap().as_str().to_owned()
}

fn vouching(gateway: u8, known: &[u8], signature: &Signature) -> Result<Vouching, NotVouching> {
    let known: Vec<_> = known.iter().map(|known| signer(*known).id()).collect();
    Awaited::new(PLANET, NONCE, BACK, NOW).check(signer(gateway).id(), &known, signature, NOW)
}

#[test]
fn an_agent_proves_itself_to_a_gateway_that_knows_no_cells_key() {
    let shown = || Shown::new(&text(), NONCE, FRONT, NOW).unwrap();
    let proof = answer(&signer(1), &text(), &NONCE, &FRONT).unwrap();
    assert_eq!(shown().check(&proof, NOW).unwrap().lease(), &lease());
    let late = NOW.after(PATIENCE).after(Millis(1));
    assert_eq!(shown().check(&proof, late).unwrap_err(), NotAttached::TooLate);
    // Relayed from another channel: a gateway that stands in front of another.
    let relayed = answer(&signer(1), &text(), &NONCE, &BACK).unwrap();
    assert_eq!(shown().check(&relayed, NOW).unwrap_err(), NotAttached::Proof);
    assert_eq!(Shown::new("no lease", NONCE, FRONT, NOW).err().map(|_| ()), Some(()));
}

#[test]
fn a_host_takes_the_word_of_gateways_that_it_knows() {
    let proof = vouch(&signer(7), PLANET, &NONCE, &BACK);
    assert!(vouching(7, &[6, 7], &proof).is_ok());
    assert_eq!(vouching(7, &[6], &proof).unwrap_err(), NotVouching::Unknown);
    assert_eq!(vouching(6, &[6, 7], &proof).unwrap_err(), NotVouching::Proof);
    let elsewhere = vouch(&signer(7), PLANET, &NONCE, &FRONT);
    assert_eq!(vouching(7, &[7], &elsewhere).unwrap_err(), NotVouching::Proof);
    let other_planet = vouch(&signer(7), PlanetId([4; 16]), &NONCE, &BACK);
    assert_eq!(vouching(7, &[7], &other_planet).unwrap_err(), NotVouching::Proof);
    // What an agent signs to attach is no gateway's proof.
    let attached = answer(&signer(1), &text(), &NONCE, &BACK).unwrap();
    assert_eq!(vouching(1, &[1], &attached).unwrap_err(), NotVouching::Proof);
}

#[test]
fn what_a_gateway_answers_for_is_worth_its_lease_and_only_on_its_channel() {
    let keys = [cell_key(block(2_000))];
    let door = door(&keys);
    let vouching = vouching(7, &[7], &vouch(&signer(7), PLANET, &NONCE, &BACK)).unwrap();
    let admitted = door.admit(&text(), slot(5), FENCING, NOW).unwrap();
    let session = vouching.session(admitted);
    let on = |channel, fencing| session.admit(channel, &door, slot(5), fencing, Rights::OPERATE, NOW).copied();
    assert_eq!(on(&BACK, FENCING), Ok(lease()));
    assert_eq!(on(&FRONT, FENCING), Err(NotOn::OtherChannel));
    assert!(on(&BACK, FENCING + 1).is_err());
}
