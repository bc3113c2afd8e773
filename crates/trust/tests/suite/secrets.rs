//! No secret is in anything that can be printed: not in the Debug of anything
//! that holds one, and in no error. Trust logs nothing.

use crate::world::{FENCING, NOW, agent, block, cell_key, door, lease, planet, region, regional, secret, signer, slot};
use std::fmt::{Debug, Display};
use trust::attach::{Challenge, Channel, Nonce, NotAttached, NotOn, answer};
use trust::enrol::{Application, BadPolicy, Book, Invitation, Policy, Refused as NotEnrolled, Serial, Source};
use trust::envelope::{DataKey, NotOpened, NotUnwrapped, NotWrapped, TooLarge};
use trust::lease::{NotIssued, Refused};
use trust::merkle::{BadProof, Full, OutOfTree};
use trust::pi::OutOfReach;
use trust::rotation::Refused as NotRotated;
use trust::sign::{BadBatch, BadSignature};
use trust::{KeyId, Malformed, OwnerId, Secret};
use vocab::Millis;
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

/// Everything that somebody could print, of one run of all there is.
struct World {
    printed: Vec<String>,
    secrets: Vec<Vec<u8>>,
}

fn told(error: &(impl Debug + Display)) -> String {
    format!("{error} {error:?} {error:#?}")
}

/// Every variant of an error, printed. A variant that is new does not compile.
macro_rules! every {
    ($type:ty: $($pattern:pat => $value:expr),+ $(,)?) => {{
        let _ = |error: &$type| match error { $($pattern => ()),+ };
        let every: Vec<$type> = vec![$($value),+];
        every.iter().map(told).collect::<Vec<_>>()
    }};
}

/// What is printed of keys, leases and sessions, and of enrolment.
fn world() -> World {
    let key = cell_key(block(2_000));
    let text = lease().issue(&key, NOW).unwrap();
    let keys = [cell_key(block(2_000))];
    let door = door(&keys);
    let admitted = door.admit(text.as_str(), slot(5), FENCING, NOW).unwrap();
    let (channel, nonce) = (Channel([0x5a; 32]), Nonce([0x33; 32]));
    let proof = answer(&signer(1), text.as_str(), &nonce, &channel).unwrap();
    let challenge = || Challenge::new(admitted, nonce, channel, NOW);
    let session = challenge().check(&proof, NOW).unwrap();

    let invitation = Invitation::issue(&signer(100), planet(), Serial([0x6b; 16]), NOW.after(Millis::days(1)));
    let application = Application::make(&signer(1), planet(), Some(invitation), NOW);
    let policy = Policy::invitation([agent(100)]).unwrap();
    let mut book = Book::default();
    let source = Source::from(std::net::IpAddr::from([203, 0, 113, 1]));
    let enrolled = book.enrol(&policy, planet(), &application, source, NOW).unwrap();
    // Nor who asked from where.
    let (address, agent_name) = (u32::from_be_bytes([203, 0, 113, 1]).to_string(), agent(1).to_string());
    assert!(!format!("{book:?}").contains(&address) && !format!("{book:?}").contains(&agent_name));

    let data_key = DataKey::new(planet(), OwnerId([0x77; 32]), secret(99));
    let wrapping = regional().wrapping();
    let envelope = data_key.seal(b"", &[98; 64]).unwrap();
    let other = DataKey::new(planet(), OwnerId([0x77; 32]), secret(97));
    World {
        printed: vec![
            format!("{:#?} {:?} {door:#?}", secret(1), regional()),
            format!("{key:#?} {:?}", signer(1)),
            format!("{text:?} {channel:?} {admitted:?} {:?}", trust::lease::Claim::read(text.as_str()).unwrap()),
            format!("{:#?} {session:#?} {:?}", challenge(), challenge()),
            format!("{policy:?} {book:#?} {book:?} {enrolled:#?} {:?}", book.enrolled(agent(1), NOW)),
            format!("{:?} {:?} {invitation:#?} {application:#?}", invitation.text(), application.text()),
            format!("{data_key:?} {wrapping:?} {:?}", wrapping.wrap(&data_key).unwrap()),
            told(&other.open(b"", &envelope).unwrap_err()),
        ],
        secrets: vec![
            vec![99; 32],
            vec![98; 64],
            vec![97; 32],
            vec![100; 32],
            vec![1; 32],
            key.secret().expose().to_vec(),
            text.as_str().as_bytes().to_vec(),
            text.as_str().as_bytes()[145..].to_vec(),
            channel.0.to_vec(),
            invitation.text().as_str().as_bytes().to_vec(),
            application.text().as_str().as_bytes().to_vec(),
            invitation.serial.0.to_vec(),
            invitation.signature.0.to_vec(),
            application.signature.0.to_vec(),
        ],
    }
}

fn errors_of_enrolment() -> Vec<String> {
    let retry = Millis(7);
    let refused = every!(NotEnrolled:
        NotEnrolled::OtherPlanet => NotEnrolled::OtherPlanet,
        NotEnrolled::Stale => NotEnrolled::Stale,
        NotEnrolled::Signature => NotEnrolled::Signature,
        NotEnrolled::NotInvited => NotEnrolled::NotInvited,
        NotEnrolled::Inviter => NotEnrolled::Inviter,
        NotEnrolled::Ended => NotEnrolled::Ended,
        NotEnrolled::Used => NotEnrolled::Used,
        NotEnrolled::NotListed => NotEnrolled::NotListed,
        NotEnrolled::Checks { .. } => NotEnrolled::Checks { retry },
        NotEnrolled::Quota { .. } => NotEnrolled::Quota { retry },
        NotEnrolled::Busy { .. } => NotEnrolled::Busy { retry },
    );
    let policies = every!(BadPolicy:
        BadPolicy::NoAgents => BadPolicy::NoAgents,
        BadPolicy::NoTime => BadPolicy::NoTime,
        BadPolicy::NoKeys => BadPolicy::NoKeys,
        BadPolicy::Key(_) => BadPolicy::Key(agent(1)),
    );
    [refused, policies].concat()
}

fn errors_of_leases() -> Vec<String> {
    let key = cell_key(block(2_000)).id();
    let malformed = every!(Malformed:
        Malformed::Length(_) => Malformed::Length("a lease"),
        Malformed::Version(_) => Malformed::Version(9),
        Malformed::Kind(_) => Malformed::Kind("a lease"),
        Malformed::Text => Malformed::Text,
        Malformed::Field(_) => Malformed::Field("there is no such slot"),
    );
    let refused = every!(Refused:
        Refused::Malformed(_) => Refused::Malformed(Malformed::Text),
        Refused::OtherPlanet => Refused::OtherPlanet,
        Refused::WrongBlock { .. } => Refused::WrongBlock { right: block(1) },
        Refused::WrongSlot { .. } => Refused::WrongSlot { right: slot(5) },
        Refused::UnknownKey(_) => Refused::UnknownKey(key),
        Refused::Forged => Refused::Forged,
        Refused::KeyRevoked => Refused::KeyRevoked,
        Refused::AgentRevoked => Refused::AgentRevoked,
        Refused::NotYetValid { .. } => Refused::NotYetValid { from: NOW },
        Refused::Expired { .. } => Refused::Expired { at: NOW },
        Refused::Superseded => Refused::Superseded,
        Refused::Ahead => Refused::Ahead,
        Refused::NoRight => Refused::NoRight,
    );
    let issued = every!(NotIssued:
        NotIssued::OtherCell => NotIssued::OtherCell,
        NotIssued::Length => NotIssued::Length,
        NotIssued::PostDated => NotIssued::PostDated,
    );
    let attached = every!(NotAttached:
        NotAttached::TooLate => NotAttached::TooLate,
        NotAttached::Proof => NotAttached::Proof,
        NotAttached::Lease(_) => NotAttached::Lease(Malformed::Text),
        NotAttached::OtherAgent => NotAttached::OtherAgent,
    );
    let on = every!(NotOn:
        NotOn::OtherChannel => NotOn::OtherChannel,
        NotOn::Lease(_) => NotOn::Lease(Refused::Forged),
    );
    [malformed, refused, issued, attached, on].concat()
}

fn errors_of_the_rest() -> Vec<String> {
    let signatures = every!(BadSignature:
        BadSignature::Key => BadSignature::Key,
        BadSignature::Signature => BadSignature::Signature,
    );
    let rotated = every!(NotRotated:
        NotRotated::OtherLine => NotRotated::OtherLine,
        NotRotated::Stale { .. } => NotRotated::Stale { found: 1, have: 2 },
        NotRotated::Gap { .. } => NotRotated::Gap { found: 3, have: 1 },
        NotRotated::Forked { .. } => NotRotated::Forked { at: 1 },
        NotRotated::Returned => NotRotated::Returned,
        NotRotated::Full => NotRotated::Full,
        NotRotated::Signature => NotRotated::Signature,
        NotRotated::Times => NotRotated::Times,
    );
    let opened = every!(NotOpened:
        NotOpened::Malformed(_) => NotOpened::Malformed(Malformed::Text),
        NotOpened::Sealed => NotOpened::Sealed,
    );
    let unwrapped = every!(NotUnwrapped:
        NotUnwrapped::OtherKey(_) => NotUnwrapped::OtherKey(regional().id()),
        NotUnwrapped::Sealed => NotUnwrapped::Sealed,
    );
    let wrapped = every!(NotWrapped:
        NotWrapped::OtherPlanet(_) => NotWrapped::OtherPlanet(planet()),
        NotWrapped::OtherRegion(_) => NotWrapped::OtherRegion(region()),
        NotWrapped::Unwrap(_) => NotWrapped::Unwrap(NotUnwrapped::Sealed),
    );
    let reach = every!(OutOfReach:
        OutOfReach::Position(_) => OutOfReach::Position(9),
        OutOfReach::Count(_) => OutOfReach::Count(9),
        OutOfReach::Work { .. } => OutOfReach::Work { position: 9, count: 9 },
    );
    let structs = vec![
        told(&BadBatch { first: 3 }),
        told(&BadProof),
        told(&Full),
        told(&OutOfTree { wanted: 3, size: 2 }),
        told(&TooLarge(9)),
    ];
    [signatures, rotated, opened, unwrapped, wrapped, reach, structs].concat()
}

#[test]
fn debug_and_errors_show_no_secret() {
    assert!(shows("[1, 2, 3,\n 4, 5, 6, 7]", &[2, 3, 4, 5, 6, 7]), "the test can see");
    assert!(shows(&format!("{}", KeyId([0xab; 16])), &[0xab; 16]), "the test can see");
    let World { printed, secrets } = world();
    let printed = [printed, errors_of_enrolment(), errors_of_leases(), errors_of_the_rest()].concat();
    for printed in &printed {
        for secret in &secrets {
            assert!(!shows(printed, secret), "{printed}");
        }
    }
}

/// What wipes itself, by its own word. Where memory can be looked at, the tests
/// beside `Secret`, `CellKey`, `SigningKey` and `DataKey` look.
#[test]
fn what_holds_a_secret_wipes_it() {
    fn wipes<T: ZeroizeOnDrop>() {}
    wipes::<Secret>();
    // An HMAC is two of these, and says nothing about itself.
    wipes::<sha2::block_api::Sha256VarCore>();
    wipes::<ed25519_dalek::SigningKey>();
    wipes::<aes_gcm::Aes256Gcm>();
}
