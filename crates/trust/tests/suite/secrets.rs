//! No secret is in anything that can be printed.

use crate::world::{FENCING, NOW, block, cell_key, door, lease, planet, regional, secret, signer, slot};
use trust::attach::{Challenge, Channel, Nonce};
use trust::enrol::{Application, Invitation, Serial};
use trust::envelope::DataKey;
use trust::{CellKey, OwnerId, RegionalKey, Secret};
use zeroize::ZeroizeOnDrop;

/// Whether a text holds six bytes of a secret in a row, in hexadecimal, as
/// Rust prints bytes, or as text.
fn shows(printed: &str, secret: &[u8]) -> bool {
    let printed = printed.replace("\n", "").replace(' ', "").to_lowercase();
    secret.windows(6).any(|bytes| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        [hex, list, text].iter().any(|form| printed.contains(form))
    })
}

#[test]
fn debug_and_errors_show_no_secret() {
    assert!(shows("[1, 2, 3,\n 4, 5, 6, 7]", &[2, 3, 4, 5, 6, 7]), "the test can see");
    let key = cell_key(block(2_000));
    let text = lease().issue(&key, NOW).unwrap();
    let keys = [cell_key(block(2_000))];
    let admitted = door(&keys).admit(text.as_str(), slot(5), FENCING, NOW).unwrap();
    let channel = Channel([0x5a; 32]);
    let invitation = Invitation::issue(&signer(100), planet(), Serial([0x6b; 16]), NOW);
    let application = Application::make(&signer(1), planet(), Some(invitation), NOW);
    let data_key = DataKey::new(planet(), OwnerId([0x77; 32]), secret(99));
    let other = DataKey::new(planet(), OwnerId([0x77; 32]), secret(100));
    let opened = other.open(b"", &data_key.seal(b"", &[98; 64]).unwrap()).unwrap_err();
    let printed = [
        format!("{:#?} {:?}", secret(1), regional()),
        format!("{:#?} {:?}", key, signer(1)),
        format!("{text:?} {channel:?}"),
        format!("{:#?}", Challenge::new(admitted, Nonce([0x33; 32]), channel, NOW)),
        format!("{data_key:?} {:?} {:?}", regional().wrapping(), regional().wrapping().wrap(&data_key).unwrap()),
        format!("{opened:?} {opened}"),
        format!("{:?} {:?}", invitation.text(), application.text()),
        format!("{invitation:#?} {application:#?}"),
        format!("{:?} {admitted:?}", trust::lease::Claim::read(text.as_str()).unwrap()),
    ];
    for printed in &printed {
        let invited = invitation.text();
        let secrets: [&[u8]; 11] = [
            &[99; 32],
            &[98; 64],
            &[1; 32],
            key.secret().expose(),
            text.as_str().as_bytes(),
            &channel.0,
            invited.as_str().as_bytes(),
            &[100; 32],
            &[0x6b; 16],
            &invitation.signature.0,
            &application.signature.0,
        ];
        for secret in secrets {
            assert!(!shows(printed, secret), "{printed}");
        }
    }
}

#[test]
fn what_holds_a_secret_wipes_it() {
    fn wipes<T: ZeroizeOnDrop>() {}
    wipes::<Secret>();
    // An HMAC is two of these, and says nothing about itself.
    wipes::<sha2::block_api::Sha256VarCore>();
    wipes::<ed25519_dalek::SigningKey>();
    wipes::<aes_gcm::Aes256Gcm>();
    assert!(std::mem::needs_drop::<CellKey>() && std::mem::needs_drop::<RegionalKey>());
}
