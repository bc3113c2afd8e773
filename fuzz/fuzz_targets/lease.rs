//! Any text as a lease: what is read is written as the same text, and opens
//! nothing without its key.
#![no_main]

use trust::lease::{Claim, Door, LeaseText, Revoked};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    // Chance alone would never find 188 letters of the right kind.
    let letters = bytes.iter().map(|&byte| char::from(LETTERS[usize::from(byte & 63)]));
    read(&"AQE".chars().chain(letters).chain(std::iter::repeat('A')).take(LeaseText::LEN).collect::<String>());
});

fn read(text: &str) {
    let Ok(claim) = Claim::read(text) else {
        return;
    };
    assert_eq!(claim.text().as_str(), text);
    let lease = claim.lease;
    let secret = trust::Secret::take(&mut [7; 32]);
    let keys = [trust::CellKey::new(lease.planet, lease.block.region, lease.block.cell(), claim.key, secret)];
    let door = Door { planet: lease.planet, block: lease.block, keys: &keys, revoked: &Revoked::NOTHING };
    assert!(door.admit(text, lease.slot, lease.fencing, lease.issued).is_err());
}
