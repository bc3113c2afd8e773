//! Any text as the line of a key: what is read is written as the same, and leads
//! nobody anywhere. Then a true line with any bit changed: it is no line, or it
//! does not hold.
#![no_main]

use custody::lineage::{Followed, parse, text};
use std::sync::LazyLock;
use trust::rotation::Line;
use trust::sign::SigningKey;
use trust::{Moment, PlanetId, Secret};

const NOW: Moment = Moment(1_800_000_000_000);
const PLANET: PlanetId = PlanetId([7; 16]);

fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [0xa0 | seed; 32]))
}

static TRUE: LazyLock<String> = LazyLock::new(|| {
    let mut line = Line::new(PLANET, key(1).id()).unwrap();
    let mut all = Vec::new();
    for (old, new) in [(1, 2), (2, 3)] {
        let said = line.rotate(&key(old), &key(new), NOW, NOW);
        line.accept(&said, NOW).unwrap();
        all.push(said);
    }
    text(&all)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(letters) = std::str::from_utf8(bytes) {
        read(letters);
    }
    if let &[high, low, bit, ..] = bytes {
        let mut changed = TRUE.clone().into_bytes();
        let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
        changed[at] ^= 1 << (bit % 8);
        let _ = std::str::from_utf8(&changed).map(read);
    }
});

fn read(letters: &str) {
    let Some(statements) = parse(letters) else { return };
    assert_eq!(text(&statements), letters);
    if let Ok(followed) = Followed::new(key(1).id(), &statements, PLANET, NOW) {
        assert!(followed.present() == key(1).id() || TRUE.starts_with(letters));
    }
}
