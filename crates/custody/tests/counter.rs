//! Nodes on machines apart: what the office's counter gives to whom, and what a
//! node takes home.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use custody::authority::{Authority, Expected, REVOKED};
use custody::ca::{CERTIFICATE, Ca, ENDORSED};
use custody::credentials::Node;
use custody::errand::{Errand, Given, NotTaken};
use custody::folder::{self, private, public, secret, write_public};
use custody::lineage;
use custody::office::{Counter, Office, Stranger, revoke};
use custody::request::Request;
use custody::revocation::What;
use custody::signer::{Looked, Signer};
use custody::spiffe::{Name, Role};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

const NOW: Moment = Moment(1_800_000_000_000);
const DAY: Millis = Millis::days(1);

/// A planet's directory, and a gateway of region `eu` on another machine.
struct Apart {
    _folder: TempDir,
    place: PathBuf,
    counter: Counter,
    /// The gateway, there.
    node: Node,
    planet: PlanetId,
}

impl Apart {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("planet");
        let (keys, here) = (place.join("keys"), place.join("gateways/eu/keys"));
        let (host, there) = (place.join("regions/eu/keys"), folder.path().join("gateway/keys"));
        for path in [&keys, &here, &host, &there] {
            fs::create_dir_all(path).unwrap();
            private(path).unwrap();
        }
        let root = public(&keys, "root").unwrap();
        let planet = PlanetId::of_root(root);
        Ca::open(&keys, planet, NOW, &mut |_, _| Ok(())).unwrap();
        let key = SigningKey::new(&secret(&there, "gateway-0").unwrap()).id();
        for path in [&keys, &host, &there] {
            write_public(path, "root", root).unwrap();
        }
        write_public(&here, "gateway-0", key).unwrap();
        write_public(&host, "gateway-eu-0", key).unwrap();
        let name = Name::new(planet, Some("eu"), Role::Gateway).unwrap();
        let node = |keys: &Path| Node { keys: keys.to_owned(), files: "gateway-0".to_owned(), name: name.clone() };
        let mut counter = Counter::new(&keys, DAY).unwrap();
        counter.expect(node(&here), Some("gateway-eu-0".to_owned()));
        Self { _folder: folder, counter, node: node(&there), planet, place }
    }

    fn asks(&self, number: u64) {
        let key = SigningKey::new(&secret(&self.node.keys, "gateway-0").unwrap());
        let request = Request::make(&key, self.node.name.clone(), number, NOW);
        fs::write(self.node.request(), request.text()).unwrap();
    }

    fn errand(&self) -> Errand {
        Errand::of(&self.node).unwrap()
    }

    fn given(&self) -> Given {
        self.counter.attend(&self.errand(), NOW).unwrap()
    }

    fn believed(&self, file: &Path) -> Option<AgentId> {
        let der = CertificateDer::from_pem_file(file).ok()?;
        let authority = Authority::read(&self.node.keys).unwrap();
        authority.judge(&der, &[], &Expected::gateway(), NOW).ok().map(|found| found.key)
    }

    fn key(&self) -> AgentId {
        public(&self.node.keys, "gateway-0").unwrap()
    }
}

#[test]
fn a_node_apart_is_given_its_certificate_and_whom_to_believe() {
    let apart = Apart::new();
    apart.asks(1);
    let given = apart.given();
    assert_eq!(given.refused, None);
    given.take(&apart.node, NOW).unwrap();
    assert_eq!(apart.believed(&apart.node.certificate()), Some(apart.key()));
    // An answer that was lost on its way is given again, and is the same.
    assert_eq!(apart.given(), given);
    // And the next request gets another one.
    apart.asks(2);
    assert_ne!(apart.given().certificate, given.certificate);
}

#[test]
fn whoever_is_not_expected_is_given_nothing() {
    let apart = Apart::new();
    apart.asks(1);
    let other = |change: fn(&mut Errand)| {
        let mut errand = apart.errand();
        change(&mut errand);
        apart.counter.attend(&errand, NOW)
    };
    assert!(matches!(other(|errand| errand.files = "gateway-1".to_owned()), Err(Stranger::Nobody { .. })));
    assert!(matches!(other(|errand| errand.name.push('x')), Err(Stranger::Nobody { .. })));
    assert!(matches!(other(|errand| errand.key = "ab".repeat(32)), Err(Stranger::Key { .. })));
    assert!(matches!(other(|errand| errand.key = "?".to_owned()), Err(Stranger::Key { .. })));
    // Another key's request in a known node's name is refused, and told why.
    let stranger = SigningKey::new(&trust::Secret::take(&mut [7; 32]));
    let request = Request::make(&stranger, apart.node.name.clone(), 2, NOW).text();
    let errand = Errand { request: Some(request), ..apart.errand() };
    let given = apart.counter.attend(&errand, NOW).unwrap();
    assert_eq!(given.certificate, None);
    assert!(given.refused.unwrap().contains("is not expected"));
}

#[test]
fn a_next_key_is_claimed_by_the_present_one_and_by_nobody_else() {
    let apart = Apart::new();
    apart.asks(1);
    apart.given().take(&apart.node, NOW).unwrap();
    let before = apart.key();
    custody::succession::ask(&apart.node.keys, "gateway-0").unwrap();
    let every = Millis::days(90);
    let mut signer = Signer::new(apart.node.keys.clone(), "gateway-0".to_owned(), apart.planet, every, DAY);
    let mut look = || signer.look((NOW, true), &mut ()).unwrap();
    assert!(matches!(look(), Looked::Waits(_)));
    let errand = apart.errand();
    let next = errand.next.clone().unwrap();
    // Somebody who has caught another key's request cannot have it certified.
    let mut forged = errand.clone();
    let claim = next.claim.replace(&before.to_string(), &"11".repeat(32));
    forged.next = Some(custody::errand::Next { request: next.request.clone(), claim });
    assert_eq!(apart.counter.attend(&forged, NOW).unwrap().next, None);
    let given = apart.counter.attend(&errand, NOW).unwrap();
    given.take(&apart.node, NOW).unwrap();
    assert!(matches!(look(), Looked::Turned { .. }));
    assert_ne!(apart.key(), before);
    // The line goes to the office, and from there to the hosts.
    let line = lineage::letters(&apart.node.keys, "gateway-0").unwrap();
    assert!(!line.is_empty());
    // Greater than that of the next key's request, which is the time.
    apart.asks(NOW.0 + 1);
    let given = apart.given();
    assert_eq!(given.refused, None);
    given.take(&apart.node, NOW).unwrap();
    assert_eq!(apart.believed(&apart.node.certificate()), Some(apart.key()));
    assert_eq!(lineage::letters(&apart.place.join("regions/eu/keys"), "gateway-eu-0").unwrap(), line);
    // The key before brings nothing home any more.
    let key = folder::letters(&before.0).as_str().to_owned();
    let old = Errand { key, ..errand };
    let given = apart.counter.attend(&old, NOW).unwrap();
    assert_eq!(given.certificate, None);
}

#[test]
fn a_host_apart_hears_how_gateways_keys_follow_and_of_no_other_gateway() {
    let apart = Apart::new();
    apart.asks(1);
    let (host, there) = (apart.place.join("regions/eu/keys"), apart.place.join("elsewhere"));
    private(&there).unwrap();
    let name = Name::block(apart.planet, "eu").unwrap();
    public(&host, "node").unwrap();
    for file in ["node.key", "root.pub", "gateway-eu-0.pub"] {
        fs::copy(host.join(file), there.join(file)).unwrap();
    }
    let node = |keys: &Path| Node { keys: keys.to_owned(), files: "node".to_owned(), name: name.clone() };
    let mut counter = Counter::new(&apart.place.join("keys"), DAY).unwrap();
    counter.expect(node(&host), None);
    // The gateway's key is rotated, and its line is at the office.
    let mut signer = Signer::new(apart.node.keys.clone(), "gateway-0".to_owned(), apart.planet, DAY, DAY);
    custody::succession::ask(&apart.node.keys, "gateway-0").unwrap();
    assert!(matches!(signer.look((NOW, true), &mut ()).unwrap(), Looked::Turned { .. }));
    apart.given();
    let mut given = counter.attend(&Errand::of(&node(&there)).unwrap(), NOW).unwrap();
    let line = lineage::letters(&apart.node.keys, "gateway-0").unwrap();
    assert_eq!(given.lines.get("gateway-eu-0"), Some(&line));
    // Somebody on the way adds a gateway, and a line that leads elsewhere.
    given.lines.insert("gateway-evil".to_owned(), line.clone());
    given.lines.insert("../../gateway-eu-1".to_owned(), line.clone());
    given.take(&node(&there), NOW).unwrap();
    assert_eq!(lineage::letters(&there, "gateway-eu-0").unwrap(), line);
    assert!(!there.join("gateway-evil.line").exists());
    // And one who sends less than was known, or another line, changes nothing.
    for said in [String::new(), line[..line.len() / 2].to_owned(), line.replace('a', "b")] {
        given.lines.insert("gateway-eu-0".to_owned(), said);
        given.take(&node(&there), NOW).unwrap();
        assert_eq!(lineage::letters(&there, "gateway-eu-0").unwrap(), line);
    }
}

#[test]
fn what_somebody_has_changed_on_the_way_is_not_taken() {
    let apart = Apart::new();
    apart.asks(1);
    let given = apart.given();
    given.take(&apart.node, NOW).unwrap();
    let keys = apart.place.join("keys");
    let ca = Ca::new(apart.planet, &folder::existing(&keys, "ca").unwrap().unwrap()).unwrap();
    revoke(&keys, &ca, &[What::Key(AgentId([9; 32]))], "a stolen disk", NOW).unwrap();
    let newer = apart.given();
    newer.take(&apart.node, NOW).unwrap();
    let files = [ENDORSED, CERTIFICATE, REVOKED].map(|name| apart.node.keys.join(name));
    let read = || files.clone().map(|file| fs::read(file).unwrap());
    let held = read();
    // The older list.
    assert!(matches!(given.take(&apart.node, NOW), Err(NotTaken::Older)));
    let other = Apart::new();
    other.asks(1);
    let other = other.given();
    let changed: [Given; 4] = [
        Given { ca: other.ca.clone(), ..newer.clone() },
        Given { endorsed: other.endorsed.clone(), ..newer.clone() },
        Given { revoked: Some("nothing".to_owned()), ..newer.clone() },
        Given { ca: String::new(), ..newer.clone() },
    ];
    for changed in changed {
        assert!(changed.take(&apart.node, NOW).is_err());
        assert_eq!(read(), held);
    }
    // A certificate that is another node's leaves the one that was.
    let own = fs::read(apart.node.certificate()).unwrap();
    Given { certificate: other.certificate, ..newer }.take(&apart.node, NOW).unwrap();
    assert_eq!(fs::read(apart.node.certificate()).unwrap(), own);
}

/// Whoever has stolen a key could be rid of its revocation by having another one
/// follow it.
#[test]
fn nobody_follows_a_key_that_is_revoked() {
    let apart = Apart::new();
    apart.asks(1);
    apart.given().take(&apart.node, NOW).unwrap();
    let keys = apart.place.join("keys");
    let ca = Ca::new(apart.planet, &folder::existing(&keys, "ca").unwrap().unwrap()).unwrap();
    revoke(&keys, &ca, &[What::Key(apart.key())], "a stolen disk", NOW).unwrap();
    custody::succession::ask(&apart.node.keys, "gateway-0").unwrap();
    let mut signer = Signer::new(apart.node.keys.clone(), "gateway-0".to_owned(), apart.planet, DAY, DAY);
    assert!(matches!(signer.look((NOW, true), &mut ()).unwrap(), Looked::Waits(_)));
    let errand = apart.errand();
    assert!(errand.next.is_some());
    let given = apart.counter.attend(&errand, NOW).unwrap();
    assert_eq!((&given.certificate, &given.next), (&None, &None));
    assert!(given.refused.unwrap().contains("is revoked"));
    // Nor by a line that nobody has certified.
    fs::remove_file(apart.node.certificate()).unwrap();
    fs::remove_file(apart.node.keys.join("gateway-0.next.request")).unwrap();
    assert!(matches!(signer.look((NOW, true), &mut ()).unwrap(), Looked::Turned { .. }));
    apart.asks(NOW.0 + 1);
    assert!(matches!(apart.counter.attend(&apart.errand(), NOW), Err(Stranger::Revoked { .. })));
    assert!(lineage::letters(&apart.place.join("regions/eu/keys"), "gateway-eu-0").unwrap().is_empty());
}

/// The same beside the office, where a node's folder is the office's to read.
#[test]
fn nobody_is_certified_to_follow_a_key_that_is_revoked() {
    let apart = Apart::new();
    apart.asks(1);
    let keys = apart.place.join("keys");
    let ca = || Ca::new(apart.planet, &folder::existing(&keys, "ca").unwrap().unwrap()).unwrap();
    let mut office = Office::new(&keys, ca(), DAY);
    office.expect(apart.node.clone());
    office.look(NOW);
    let first = apart.key();
    assert_eq!(apart.believed(&apart.node.certificate()), Some(first));
    revoke(&keys, &ca(), &[What::Key(first)], "a stolen disk", NOW).unwrap();
    custody::succession::ask(&apart.node.keys, "gateway-0").unwrap();
    let mut signer = Signer::new(apart.node.keys.clone(), "gateway-0".to_owned(), apart.planet, DAY, DAY);
    for _ in 0..3 {
        assert!(matches!(signer.look((NOW, true), &mut ()).unwrap(), Looked::Waits(_)));
        office.look(NOW);
    }
    assert!(!apart.node.keys.join("gateway-0.next.pem").exists());
    assert_eq!(apart.key(), first);
}
