//! Any bytes as a batch of evidence, and a true one with any byte changed: only
//! what its reporter has signed is taken, and nobody is blamed for the rest.
#![no_main]

use std::sync::LazyLock;
use trust::merkle::Node;
use trust::sign::SigningKey;
use trust::{PlanetId, Secret};
use watch::batch::{About, Batch, Point};
use watch::intake::{Intake, Refused};
use watch::nats::Nats;

const AGENTS: u32 = 100;
const ABOUT: About = About { planet: PlanetId([1; 16]), epoch: 1, roster: Node([2; 32]), round: 7 };

struct World {
    intake: Intake,
    bytes: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SigningKey::new(&Secret::take(&mut [1; 32]));
    let mut intake = Intake::new(ABOUT, AGENTS);
    assert!(intake.enrol(key.id()));
    let points = (0..AGENTS).map(|agent| Point { agent, evidence: Nats(700) }).collect();
    World { intake, bytes: Batch::sign(&key, ABOUT, [3; 16], points).to_bytes() }
});

fn offer(bytes: &[u8]) {
    let Ok(batch) = Batch::read(bytes) else { return };
    assert_eq!(batch.to_bytes(), bytes, "one form only");
    match WORLD.intake.clone().offer(batch, 7) {
        Ok(()) => assert_eq!(bytes, WORLD.bytes, "nobody has signed this"),
        Err(refused) => assert!(!matches!(refused, Refused::Blamed(_)), "nobody is to blame: {refused}"),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    offer(bytes);
    let [high, low, with, rest @ ..] = bytes else { return };
    let mut changed = WORLD.bytes.clone();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % changed.len();
    changed[at] ^= with;
    offer(&changed);
    // Of another length.
    changed.truncate(at);
    changed.extend_from_slice(rest);
    offer(&changed);
});
