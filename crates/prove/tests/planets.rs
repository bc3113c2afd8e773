//! What is rendered of every planet of this repository is proved.

#![allow(clippy::unwrap_used)]

mod support;

use support::{PLANETS, rendered, told};

#[test]
fn every_planet_is_proved() {
    for name in PLANETS {
        let (planet, text, files) = rendered(name);
        let report = prove::prove(&planet, &text, &files);
        assert!(report.is_proved(), "{name}: {}", told(&report));
        assert!(report.matrices.len() >= planet.region.len(), "{name}");
    }
}
