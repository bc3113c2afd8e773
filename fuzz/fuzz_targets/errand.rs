//! Any bytes as an errand to the CA's office, and as what a node is given there.
//! Then a true one of each with any of its texts replaced, or any byte changed:
//! nobody gets a certificate by it who had not the key, and whatever a node
//! takes home, whom it believes stays what the root has endorsed.
#![no_main]

use custody::authority::Authority;
use custody::ca::Ca;
use custody::certificate::Certificate;
use custody::credentials::Node;
use custody::errand::{Errand, Given, Next};
use custody::folder::{private, public, secret, write_public};
use custody::lineage;
use custody::office::Counter;
use custody::request::Request;
use custody::spiffe::{Name, Role};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

const NOW: Moment = Moment(1_800_000_000_000);

struct World {
    _folder: tempfile::TempDir,
    counter: Counter,
    node: Node,
    key: AgentId,
    errand: Errand,
    given: Given,
}

fn folder(place: &Path, path: &str) -> PathBuf {
    let path = place.join(path);
    std::fs::create_dir_all(&path).unwrap();
    private(&path).unwrap();
    path
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let of = |path: &str| folder(place.path(), path);
    let (keys, here, there) = (of("planet/keys"), of("planet/gateways/eu/keys"), of("node/keys"));
    let root = public(&keys, "root").unwrap();
    let planet = PlanetId::of_root(root);
    Ca::open(&keys, planet, NOW, &mut |_, _| Ok(())).unwrap();
    let own = SigningKey::new(&secret(&there, "gateway-0").unwrap());
    write_public(&keys, "root", root).unwrap();
    write_public(&there, "root", root).unwrap();
    write_public(&here, "gateway-0", own.id()).unwrap();
    let name = Name::new(planet, Some("eu"), Role::Gateway).unwrap();
    let node = |keys: PathBuf| Node { keys, files: "gateway-0".to_owned(), name: name.clone() };
    let mut counter = Counter::new(&keys, Millis::days(1)).unwrap();
    counter.expect(node(here), None);
    let node = node(there);
    std::fs::write(node.request(), Request::make(&own, name.clone(), 1, NOW).text()).unwrap();
    let errand = Errand::of(&node).unwrap();
    let given = counter.attend(&errand, NOW).unwrap();
    given.take(&node, NOW).unwrap();
    World { _folder: place, counter, node, key: own.id(), errand, given }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(errand) = serde_json::from_slice::<Errand>(bytes) {
        attend(&errand);
    }
    if let Ok(given) = serde_json::from_slice::<Given>(bytes) {
        take(&given);
    }
    let [which, rest @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let text = || text.to_owned();
    let (mut errand, mut given) = (WORLD.errand.clone(), WORLD.given.clone());
    match which % 12 {
        0 => errand.name = text(),
        1 => errand.files = text(),
        2 => errand.key = text(),
        3 => errand.line = text(),
        4 => errand.request = Some(text()),
        5 => errand.next = Some(Next { request: errand.request.clone().unwrap(), claim: text() }),
        6 => given.certificate = Some(text()),
        7 => given.next = Some(text()),
        8 => given.ca = text(),
        9 => given.endorsed = text(),
        10 => given.revoked = Some(text()),
        _ => {
            let (name, line) = rest.split_at(rest.len() / 2);
            let [name, line] = [name, line].map(|part| String::from_utf8_lossy(part).into_owned());
            given.lines.insert(name, line);
        }
    }
    attend(&errand);
    take(&given);
    if let &[_, high, low, bit, ..] = bytes {
        let mut json = serde_json::to_vec(&WORLD.given).unwrap();
        let at = usize::from(u16::from_be_bytes([high, low])) % json.len();
        json[at] ^= 1 << (bit % 8);
        if let Ok(given) = serde_json::from_slice::<Given>(&json) {
            take(&given);
        }
    }
});

fn attend(errand: &Errand) {
    let Ok(given) = WORLD.counter.attend(errand, NOW) else { return };
    for pem in [given.certificate, given.next].into_iter().flatten() {
        assert_eq!(Certificate::read_pem(&pem).unwrap().key, WORLD.key);
    }
}

fn take(given: &Given) {
    let (keys, node) = (&WORLD.node.keys, &WORLD.node);
    // What does not hold is refused; what is taken holds.
    let _ = given.take(node, NOW);
    assert_eq!(Authority::read(keys).unwrap().planet(), node.name.planet());
    assert_eq!(public(keys, "gateway-0").unwrap(), WORLD.key);
    assert!(lineage::letters(keys, "gateway-0").unwrap().is_empty());
    let pem = std::fs::read_to_string(node.certificate()).unwrap();
    assert_eq!(Certificate::read_pem(&pem).unwrap().key, WORLD.key);
}
