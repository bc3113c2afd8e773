//! A lease is checked for every agent that attaches.

use hmac::{Hmac, KeyInit, Mac};
use measure::{at_most, both, many, plain};
use sha2::Sha256;
use std::hint::black_box;
use trust::lease::{Door, Lease, LeaseText, Revoked, Rights};
use trust::{AgentId, BlockRef, KeyId, Moment, PlanetId, RegionTag, RegionalKey, Secret};
use vocab::Slot;

pub(crate) fn run() {
    let (planet, region) = (PlanetId([1; 16]), RegionTag::of("eu-west-1"));
    let block = BlockRef { region, index: 2_000 };
    let keys = [RegionalKey::new(planet, region, Secret::take(&mut [3; 32])).cell(block.cell())];
    let (slot, now) = (Slot::new(5).unwrap(), Moment(1_000));
    let rights = Rights::OPERATE;
    let agent = AgentId([4; 32]);
    let lease = Lease { planet, block, slot, fencing: 7, agent, rights, issued: now, expires: Moment(9_000) };
    let text = lease.issue(&keys[0], now).unwrap();
    // A list as long as a bad week would leave it.
    let agents = (0..10_000u32)
        .map(|at| AgentId(std::array::from_fn(|byte| at.to_be_bytes().get(byte).copied().unwrap_or_default())));
    let revoked = Revoked { keys: [KeyId([0; 16])].into_iter().collect(), agents: agents.into_iter().collect() };
    let door = Door { planet, block, keys: &keys, revoked: &revoked };

    let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(&[3; 32]).unwrap();
    let body = [5u8; Lease::LEN - 32];
    let (verify, raw) = both(
        || assert!(door.admit(black_box(text.as_str()), slot, 7, now).is_ok()),
        || {
            let mut mac = keyed.clone();
            mac.update(black_box(&body));
            black_box(mac.finalize());
        },
    );
    at_most("lease: verify", 1e3, verify, Some(("HMAC-SHA256 of 109 bytes", raw)));
    plain("lease: issue", many(|| assert!(black_box(lease.issue(&keys[0], now)).is_ok())));
    println!("{:44} {:>12} {:>13}", "lease: letters", "200", LeaseText::LEN);
}
