//! Any text and any bytes as a demand for erasure: what is read is written as
//! the same, and is nobody's. Then a true demand: as it is it holds, and with
//! any bit flipped it does not.
#![no_main]

use std::sync::LazyLock;
use trust::erasure::Demand;
use trust::sign::SigningKey;
use trust::{Moment, PlanetId, Secret};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PLANET: PlanetId = PlanetId([1; 16]);
const NOW: Moment = Moment(1_800_000_000_000);

static TRUE: LazyLock<Demand> = LazyLock::new(|| {
    let key = SigningKey::new(&Secret::take(&mut [3; 32]));
    Demand::make(&key, PLANET, key.id(), NOW)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(demand) = Demand::from_bytes(bytes) {
        assert_eq!(demand.to_bytes()[..], *bytes);
        is_nobodys(&demand);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    // Chance alone would never find a text of that length.
    let letters = bytes.iter().map(|&byte| char::from(LETTERS[usize::from(byte & 63)]));
    read(&"AQw".chars().chain(letters).chain(std::iter::repeat('A')).take(TRUE.text().len()).collect::<String>());
    let mut changed = TRUE.to_bytes();
    if let &[high, low, bit, ..] = bytes {
        let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
        changed[at] ^= 1 << (bit % 8);
    }
    let checked = Demand::from_bytes(&changed).is_ok_and(|demand| demand.check(PLANET, NOW).is_ok());
    assert_eq!(checked, changed == TRUE.to_bytes());
});

fn read(text: &str) {
    if let Ok(demand) = Demand::read(text) {
        assert_eq!(demand.text(), text);
        is_nobodys(&demand);
    }
}

/// The true one may be found by whoever mutates long enough.
fn is_nobodys(demand: &Demand) {
    assert!(demand.check(demand.planet, demand.asked).is_err() || demand == &*TRUE);
}
