//! Who is believed, who is issued a certificate, and what every altered byte
//! of what is signed comes to. The time is an argument here.

#![allow(clippy::unwrap_used, clippy::panic)]

use custody::authority::{Authority, Expected, Refused};
use custody::ca::{CA_LIFE, Ca, LIFE};
use custody::certificate::{Certificate, Serial};
use custody::credentials::{Credentials, Node};
use custody::endorsement::Endorsement;
use custody::folder;
use custody::heirs::AHEAD;
use custody::office::{Book, NotIssued, Office, revoke};
use custody::request::{FRESH, Request};
use custody::revocation::{Revocations, What};
use custody::root::Root;
use custody::spiffe::{Name, Role};
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};
use vocab::Millis;

const NOW: Moment = Moment(1_800_000_000_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [seed; 32]))
}

fn root_of(seed: u8) -> Root {
    Root::Secret(key(seed))
}

/// A planet whose root and CA have these seeds.
struct World {
    planet: PlanetId,
    ca: Ca,
    authority: Authority,
}

fn world(root: u8, ca: u8) -> World {
    let planet = PlanetId::of_root(key(root).id());
    let ca = Ca::new(planet, &Secret::take(&mut [ca; 32])).unwrap();
    let (from, until) = ca.life(NOW, CA_LIFE);
    let endorsed = Endorsement::make(&root_of(root), planet, ca.id(), from, until).unwrap();
    let der = ca.certify(from, until).unwrap();
    let authority = Authority::new(key(root).id(), planet, &[der], &[endorsed]).unwrap();
    World { planet, ca, authority }
}

impl World {
    fn issue(&self, name: &Name, seed: u8) -> CertificateDer<'static> {
        self.ca.issue(name, key(seed).id(), Serial::of([seed; 16]), self.ca.life(NOW, LIFE)).unwrap()
    }

    fn host(&self, region: &str) -> CertificateDer<'static> {
        self.issue(&Name::block(self.planet, region).unwrap(), 9)
    }

    fn judge(&self, der: &CertificateDer<'_>, now: Moment) -> Result<Certificate, Refused> {
        self.authority.judge(der, &[], &Expected::host_of("dublin"), now)
    }
}

#[test]
fn a_certificate_says_what_it_was_issued_for() {
    let world = world(1, 2);
    let found = world.judge(&world.host("dublin"), NOW).unwrap();
    assert_eq!(found.name.to_string(), format!("spiffe://{}/region/dublin/role/block", world.planet));
    assert_eq!((found.key, found.serial), (key(9).id(), Serial::of([9; 16])));
    assert_eq!((found.from, found.until), (Moment(NOW.0 - 300_000), NOW.after(LIFE)));
}

#[test]
fn whoever_is_not_expected_is_refused_with_the_reason() {
    let (ours, theirs, usurper) = (world(1, 2), world(7, 8), world(1, 8));
    let refused = |der: &CertificateDer<'_>, now| ours.judge(der, now).unwrap_err();
    assert!(matches!(refused(&theirs.host("dublin"), NOW), Refused::OtherPlanet(_)));
    let gateway = ours.issue(&Name::gateway(ours.planet), 9);
    assert!(matches!(refused(&gateway, NOW), Refused::OtherRole(_, Role::Block)));
    let wrong = refused(&ours.host("ashburn"), NOW);
    assert!(matches!(&wrong, Refused::OtherRegion(_, region) if region == "dublin"), "{wrong}");
    // A CA that another root endorsed, or that this one did not.
    assert!(matches!(refused(&usurper.host("dublin"), NOW), Refused::Stranger(_)));
    let good = ours.host("dublin");
    let late = NOW.after(LIFE).after(Millis(1));
    assert!(matches!(refused(&good, late), Refused::Expired(..)), "{}", refused(&good, late));
    assert!(ours.judge(&good, NOW.after(LIFE)).is_ok());
    assert!(matches!(refused(&good, Moment(NOW.0 - 300_001)), Refused::NotYet(..)));
    assert!(ours.judge(&good, Moment(NOW.0 - 300_000)).is_ok());
    let between = ours.authority.judge(&good, &[ours.host("x")], &Expected::host_of("dublin"), NOW);
    assert_eq!(between.unwrap_err(), Refused::Between);
    // The CA's own certificate is no node's.
    let (from, until) = ours.ca.life(NOW, CA_LIFE);
    assert!(matches!(refused(&ours.ca.certify(from, until).unwrap(), NOW), Refused::Malformed(_)));
}

#[test]
fn nothing_is_believed_under_a_ca_that_has_ended() {
    let planet = PlanetId::of_root(key(1).id());
    let ca = Ca::new(planet, &Secret::take(&mut [2; 32])).unwrap();
    let (from, until) = ca.life(NOW, Millis::hours(1));
    let long = ca.certify(from, NOW.after(CA_LIFE)).unwrap();
    let endorsed = Endorsement::make(&root_of(1), planet, ca.id(), from, until).unwrap();
    // The endorsement ends before the certificate says so: the root's word counts.
    let authority = Authority::new(key(1).id(), planet, &[long], &[endorsed]).unwrap();
    let name = Name::block(planet, "dublin").unwrap();
    let der = ca.issue(&name, key(9).id(), Serial::of([9; 16]), ca.life(NOW, LIFE)).unwrap();
    let judge = |now| authority.judge(&der, &[], &Expected::host_of("dublin"), now);
    assert!(judge(until).is_ok());
    assert_eq!(judge(until.after(Millis(1))).unwrap_err(), Refused::CaExpired);
}

#[test]
fn a_ca_is_believed_when_the_root_has_endorsed_it_and_beside_the_one_that_it_replaces() {
    let planet = PlanetId::of_root(key(1).id());
    let cas = [2, 3].map(|seed| Ca::new(planet, &Secret::take(&mut [seed; 32])).unwrap());
    let (from, until) = cas[0].life(NOW, CA_LIFE);
    let ders: Vec<_> = cas.iter().map(|ca| ca.certify(from, until).unwrap()).collect();
    let said: Vec<_> =
        cas.iter().map(|ca| Endorsement::make(&root_of(1), planet, ca.id(), from, until).unwrap()).collect();
    let forged = Endorsement::make(&root_of(4), planet, cas[1].id(), from, until).unwrap();
    let made = |said: &[Endorsement]| Authority::new(key(1).id(), planet, &ders, said);
    assert!(made(&said[..1]).is_err());
    assert!(made(&[said[0].clone(), forged]).is_err());
    let both = made(&said).unwrap();
    let name = Name::block(planet, "dublin").unwrap();
    for ca in &cas {
        let der = ca.issue(&name, key(9).id(), Serial::of([9; 16]), ca.life(NOW, LIFE)).unwrap();
        both.judge(&der, &[], &Expected::host_of("dublin"), NOW).unwrap();
    }
    let text: String = said.iter().map(Endorsement::text).collect();
    assert_eq!(Endorsement::read_all(&text).unwrap(), said);
}

#[test]
fn what_is_revoked_is_refused_by_its_serial_and_by_its_key() {
    let world = world(1, 2);
    let der = world.host("dublin");
    for what in [What::Serial(Serial::of([9; 16])), What::Key(key(9).id())] {
        let list = Revocations::none(world.planet).with(world.ca.key(), &[what], "a stolen disk", NOW).unwrap();
        let authority = world.authority.clone().with(list).unwrap();
        let refused = authority.judge(&der, &[], &Expected::host_of("dublin"), NOW).unwrap_err();
        assert!(refused.to_string().ends_with("a stolen disk"), "{refused}");
        // Another one is not meant.
        let other = world.issue(&Name::block(world.planet, "dublin").unwrap(), 10);
        assert!(authority.judge(&other, &[], &Expected::host_of("dublin"), NOW).is_ok());
    }
    let stranger = Revocations::none(world.planet).with(&key(5), &[What::Key(key(9).id())], "a lie", NOW).unwrap();
    assert!(world.authority.clone().with(stranger).is_err());
}

/// A planet's folder of keys, with its office.
fn office(keys: &Path) -> Office {
    let planet = PlanetId::of_root(folder::public(keys, "root").unwrap());
    Office::new(keys, Ca::open(keys, planet, NOW, &mut |_, _| Ok(())).unwrap(), LIFE)
}

#[test]
fn the_office_issues_what_is_expected_and_nothing_twice() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path();
    let office = office(keys);
    let planet = PlanetId::of_root(folder::public(keys, "root").unwrap());
    let name = Name::block(planet, "dublin").unwrap();
    let first = Request::after(None, &key(9), name.clone(), NOW);
    let refused = office.answer(&first.text(), |_, _| false, NOW).unwrap_err();
    assert!(matches!(refused, NotIssued::Unexpected { .. }), "{refused}");
    let pem = office.answer(&first.text(), |asked, by| *asked == name && by == key(9).id(), NOW).unwrap();
    assert_eq!(Certificate::read_pem(&pem).unwrap().name, name);
    // A replay, and one that was made before it and came later, also at an office that begins anew.
    let again = |request: &Request, now| {
        let other = Office::new(keys, Ca::open(keys, planet, NOW, &mut |_, _| Ok(())).unwrap(), LIFE);
        other.answer(&request.text(), |_, _| true, now)
    };
    assert!(matches!(again(&first, NOW), Err(NotIssued::Replayed)));
    let earlier = Request::make(&key(9), name.clone(), first.number - 1, NOW);
    assert!(matches!(again(&earlier, NOW), Err(NotIssued::Replayed)));
    // The clock is set back: the number goes on all the same.
    let back = Moment(NOW.0 - 3_600_000);
    assert!(again(&Request::after(Some(&first), &key(9), name.clone(), back), back).is_ok());
    for wrong in [Moment(NOW.0 + FRESH.0 + 1), Moment(NOW.0 - FRESH.0 - 1)] {
        assert!(matches!(again(&Request::make(&key(9), name.clone(), u64::MAX, wrong), NOW), Err(NotIssued::Stale)));
    }
    let elsewhere = Request::make(&key(9), Name::gateway(PlanetId([0; 16])), u64::MAX, NOW);
    assert!(matches!(again(&elsewhere, NOW), Err(NotIssued::OtherPlanet(_))));
    // A stolen key gets no other certificate.
    let ca = Ca::open(keys, planet, NOW, &mut |_, _| Ok(())).unwrap();
    revoke(keys, &ca, &[What::Key(key(9).id())], "stolen", NOW).unwrap();
    let stolen = Request::make(&key(9), name, u64::MAX, NOW);
    assert!(matches!(again(&stolen, NOW), Err(NotIssued::Revoked { .. })));
    assert_eq!(Book::read(keys).unwrap().issued().count(), 1);
}

#[test]
fn a_list_grows_by_one_number_and_keeps_its_first_reasons() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path();
    drop(office(keys));
    let ca = Ca::open(keys, PlanetId::of_root(folder::public(keys, "root").unwrap()), NOW, &mut |_, _| Ok(())).unwrap();
    let (serial, stolen) = (What::Serial(Serial::of([1; 16])), What::Key(AgentId([2; 32])));
    revoke(keys, &ca, &[serial], "first", NOW).unwrap();
    revoke(keys, &ca, &[serial, stolen], "second", NOW).unwrap();
    for bad in ["", " x", "two\nlines", &"x".repeat(121)] {
        assert!(revoke(keys, &ca, &[stolen], bad, NOW).is_err());
    }
    let authority = Authority::read(keys).unwrap();
    let list = authority.revoked();
    assert_eq!(list.number, 2);
    assert_eq!(list.entries().iter().map(|entry| entry.reason.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    // A serial's certificate has ended at some time; a key is revoked for ever.
    revoke(keys, &ca, &[], "later", NOW.after(Millis::days(15))).unwrap();
    let left = Authority::read(keys).unwrap();
    assert_eq!(left.revoked().entries().iter().map(|entry| entry.what).collect::<Vec<_>>(), [stolen]);
}

/// A node and its CA's office in one folder, and a clock that is set.
struct Alone {
    place: tempfile::TempDir,
    clock: Arc<AtomicU64>,
    office: Office,
    credentials: Arc<Credentials>,
}

impl Alone {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(NOW.0));
        let mut office = office(place.path());
        let node = Self::node(place.path());
        folder::secret(place.path(), "node").unwrap();
        office.expect(node.clone());
        let time = Arc::clone(&clock);
        // Nobody answers yet: there is a request, and an error that says where it is.
        let now = Arc::new(move || Moment(time.load(SeqCst)));
        let none = Credentials::obtain(node.clone(), now.clone(), Duration::from_millis(50)).unwrap_err();
        assert!(none.to_string().contains("node.request"), "{none}");
        office.look(NOW);
        let credentials = Credentials::obtain(node, now, Duration::from_millis(50)).unwrap();
        Self { place, clock, office, credentials }
    }

    fn node(keys: &Path) -> Node {
        let planet = PlanetId::of_root(folder::public(keys, "root").unwrap());
        let name = Name::block(planet, "dublin").unwrap();
        Node { keys: keys.to_owned(), files: "node".to_owned(), name }
    }

    fn at(&mut self, now: Moment) -> Certificate {
        self.clock.store(now.0, SeqCst);
        self.credentials.look();
        self.office.look(now);
        self.credentials.look();
        self.credentials.certificate().unwrap()
    }
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_whichever_way_the_clock_jumps() {
    let mut alone = Alone::new();
    let first = alone.at(NOW);
    assert_eq!(alone.at(Moment(first.renew_at().0 - 1)).serial, first.serial);
    let due = first.renew_at();
    let second = alone.at(due);
    assert!(second.serial != first.serial && second.until.0 == due.after(LIFE).0 / 1_000 * 1_000);
    // Days forward, and back to when the CA was new: the next look has another.
    let ahead = alone.at(due.after(Millis::days(3)));
    assert!(ahead.from > second.until);
    let back = alone.at(Moment(NOW.0 - 200_000));
    assert!(back.until < first.until);
}

#[test]
fn a_crash_between_the_book_and_the_certificate_costs_a_request_and_nothing_else() {
    let mut alone = Alone::new();
    let first = alone.at(NOW);
    let due = first.renew_at();
    alone.clock.store(due.0, SeqCst);
    alone.credentials.look();
    // The office writes its book and is killed before the certificate is there.
    let request = std::fs::read_to_string(alone.place.path().join("node.request")).unwrap();
    office(alone.place.path()).answer(&request, |_, _| true, due).unwrap();
    assert_eq!(alone.credentials.certificate().unwrap().serial, first.serial);
    let mut next = office(alone.place.path());
    next.expect(Alone::node(alone.place.path()));
    next.look(due);
    alone.credentials.look();
    assert_eq!(alone.credentials.certificate().unwrap().serial, first.serial);
    // The node asks again, with another number.
    let later = due.after(Millis::seconds(10));
    alone.clock.store(later.0, SeqCst);
    alone.credentials.look();
    next.look(later);
    alone.credentials.look();
    assert_ne!(alone.credentials.certificate().unwrap().serial, first.serial);
}

#[test]
fn files_that_are_half_written_or_damaged_change_nothing() {
    let mut alone = Alone::new();
    let first = alone.at(NOW);
    let keys = alone.place.path().to_owned();
    for name in ["node.pem", "ca.pem", "ca.endorsed", "revoked"] {
        let file = keys.join(name);
        let whole = std::fs::read(&file).unwrap_or_default();
        // Not at the end of one of several.
        for bytes in [&whole[..whole.len() / 2 - whole.len().min(7)], b"nonsense"] {
            std::fs::write(&file, bytes).unwrap();
            alone.credentials.look();
            assert_eq!(alone.credentials.certificate().unwrap(), first, "{name}");
            assert_eq!(alone.credentials.authority().cas().len(), 1 + AHEAD, "{name}");
        }
        if whole.is_empty() { std::fs::remove_file(&file).unwrap() } else { std::fs::write(&file, &whole).unwrap() }
    }
    // An older list, or one that is gone, revokes no less than was known.
    let ca = Ca::open(&keys, alone.credentials.authority().planet(), NOW, &mut |_, _| Ok(())).unwrap();
    revoke(&keys, &ca, &[What::Key(AgentId([3; 32]))], "stolen", NOW).unwrap();
    alone.credentials.look();
    assert_eq!(alone.credentials.authority().revoked().number, 1);
    std::fs::remove_file(keys.join("revoked")).unwrap();
    alone.credentials.look();
    assert_eq!(alone.credentials.authority().revoked().entries().len(), 1);
}

#[test]
fn a_ca_without_the_root_key_is_said_to_need_it() {
    let place = tempfile::tempdir().unwrap();
    let planet = PlanetId::of_root(key(1).id());
    folder::write_public(place.path(), "root", key(1).id()).unwrap();
    let no = Ca::open(place.path(), planet, NOW, &mut |_, _| Ok(())).err().unwrap();
    assert!(no.to_string().contains("root key is not in"), "{no}");
    assert!(Authority::read(place.path()).is_err());
}

fn statements() -> Vec<String> {
    let world = world(1, 2);
    let name = Name::block(world.planet, "dublin").unwrap();
    let list = Revocations::none(world.planet);
    let what = [What::Serial(Serial::of([1; 16])), What::Key(AgentId([2; 32]))];
    vec![
        Endorsement::make(&root_of(1), world.planet, world.ca.id(), NOW, NOW.after(CA_LIFE)).unwrap().text(),
        Request::make(&key(9), name, 3, NOW).text(),
        list.with(world.ca.key(), &what, "a stolen disk", NOW).unwrap().text(),
    ]
}

/// What a text is read as, written again, and only when its signature holds.
fn read(text: &str) -> Option<String> {
    let root = key(1).id();
    let endorsement = Endorsement::read(text).ok().filter(|said| said.verify(root).is_ok()).map(|said| said.text());
    let request = || Request::read(text).ok().map(|request| request.text());
    let list = || Revocations::read(text).ok().map(|list| list.text());
    endorsement.or_else(request).or_else(list)
}

#[test]
fn every_changed_byte_of_what_is_signed_is_refused() {
    for text in statements() {
        assert_eq!(read(&text).as_deref(), Some(text.as_str()));
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert_eq!(read(&changed), None, "{changed}");
            }
            assert_eq!(read(&text[..at]), None);
            assert_eq!(read(&format!("{}\n{}", &text[..at], &text[at..])), None);
        }
        assert_eq!(read(&format!("{text}\n")), None);
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_as_it_was_written(
        lines in proptest::collection::vec("(planet|by|number|revoked|serial|name|key|ca|from|until|asked|signed)? ?[0-9a-f]{0,70}", 0..8),
        which in 0_usize..3,
    ) {
        let title = statements()[which].lines().next().unwrap().to_owned();
        let text = format!("{title}\n{}\n", lines.join("\n"));
        prop_assert!(read(&text).is_none_or(|again| again == text));
    }

    #[test]
    fn any_name_is_refused_or_read_as_it_was_written(text in "(spiffe://)?[0-9a-f]{30,33}(/region/[a-z0-9_.-]{0,5})?/role/(gateway|block|hub|edge|x)") {
        if let Ok(name) = text.parse::<Name>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn any_bytes_are_a_certificate_or_none(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let der = world(1, 2).host("dublin");
        let mut bytes = der.to_vec();
        let (at, cut) = (at % bytes.len(), cut % bytes.len());
        bytes[at] = byte;
        let changed = CertificateDer::from(bytes.clone());
        // What the CA has signed holds, and nothing else does.
        let judged = world(1, 2).judge(&changed, NOW);
        prop_assert_eq!(judged.is_ok(), bytes == der.as_ref());
        bytes.truncate(cut);
        prop_assert!(Certificate::read(&CertificateDer::from(bytes)).is_err());
    }
}
