//! Any text as the name of a node, and as what is signed about certificates: an
//! endorsement, a request, a list of what is revoked. What is read is written as
//! the same, and is nobody's. Any bytes as a certificate: it is none of this
//! CA's. Then true ones, with any byte changed: they are no more.
#![no_main]

use custody::authority::{Authority, Expected};
use custody::ca::{CA_LIFE, Ca, LIFE};
use custody::certificate::{Certificate, Serial};
use custody::endorsement::Endorsement;
use custody::request::Request;
use custody::revocation::{Revocations, What};
use custody::root::Root;
use custody::spiffe::Name;
use rustls_pki_types::CertificateDer;
use std::sync::LazyLock;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};

const NOW: Moment = Moment(1_800_000_000_000);

/// Other keys than those of the seeds, which are true, of another planet.
fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [0xa0 | seed; 32]))
}

struct World {
    authority: Authority,
    certificate: Vec<u8>,
    statements: Vec<String>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let planet = PlanetId::of_root(key(1).id());
    let ca = Ca::new(planet, &Secret::take(&mut [0xa2; 32])).unwrap();
    let (from, until) = ca.life(NOW, CA_LIFE);
    let endorsed = Endorsement::make(&Root::Secret(key(1)), planet, ca.id(), from, until).unwrap();
    let authority =
        Authority::new(key(1).id(), planet, &[ca.certify(from, until).unwrap()], &[endorsed.clone()]).unwrap();
    let name = Name::block(planet, "dublin").unwrap();
    let certificate = ca.issue(&name, key(9).id(), Serial::of([9; 16]), ca.life(NOW, LIFE)).unwrap().to_vec();
    let what = [What::Serial(Serial::of([1; 16])), What::Key(AgentId([2; 32]))];
    let list = Revocations::none(planet).with(ca.key(), &what, "a stolen disk", NOW).unwrap();
    let statements = vec![endorsed.text(), Request::make(&key(9), name, 3, NOW).text(), list.text()];
    World { authority, certificate, statements }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
        // Chance alone would never find a title.
        for statement in &WORLD.statements {
            let title = statement.lines().next().unwrap();
            read(&format!("{title}\n{text}"));
        }
    }
    judge(bytes);
    if let &[high, low, bit, ..] = bytes {
        let flip = |mut bytes: Vec<u8>| {
            let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
            bytes[at] ^= 1 << (bit % 8);
            bytes
        };
        judge(&flip(WORLD.certificate.clone()));
        for statement in &WORLD.statements {
            let _ = String::from_utf8(flip(statement.clone().into_bytes())).map(|changed| read(&changed));
        }
    }
});

fn read(text: &str) {
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string(), text);
    }
    if let Ok(said) = Endorsement::read(text) {
        assert_eq!(said.text(), text);
        assert!(said.verify(key(1).id()).is_err() || is_true(text));
    }
    let _ = Endorsement::read_all(text);
    if let Ok(request) = Request::read(text) {
        assert_eq!(request.text(), text);
        assert!(request.key != key(9).id() || is_true(text));
    }
    if let Ok(list) = Revocations::read(text) {
        assert_eq!(list.text(), text);
        assert!(WORLD.authority.clone().with(list).is_err() || is_true(text));
    }
}

/// The true ones may be found by whoever mutates long enough.
fn is_true(text: &str) -> bool {
    WORLD.statements.iter().any(|known| known == text)
}

fn judge(bytes: &[u8]) {
    let der = CertificateDer::from(bytes);
    let _ = Certificate::read(&der);
    let judged = WORLD.authority.judge(&der, &[], &Expected::host_of("dublin"), NOW);
    assert_eq!(judged.is_ok(), bytes == WORLD.certificate);
}
