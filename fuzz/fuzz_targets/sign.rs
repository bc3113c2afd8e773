//! Any bytes as a key, a signature and a message: alone and in a batch the
//! verdict is the same.
#![no_main]

use trust::AgentId;
use trust::sign::{Domain, Item, PublicKey, Signature, verify_batch};

libfuzzer_sys::fuzz_target!(|input: ([u8; 32], [u8; 32], [u8; 32], &[u8])| {
    let (id, r, s, message) = input;
    let Ok(key) = PublicKey::new(AgentId(id)) else {
        return;
    };
    let mut signature = Signature([0; 64]);
    signature.0[..32].copy_from_slice(&r);
    signature.0[32..].copy_from_slice(&s);
    let alone = key.verify(Domain::ATTACH, message, &signature).is_ok();
    let item = Item { key: &key, message, signature };
    assert_eq!(verify_batch(Domain::ATTACH, &[item, item]).is_ok(), alone);
});
