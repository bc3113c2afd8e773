//! A key that signs gives its place to the next one: what is on the disk at each
//! step, what a kill there comes to, and who is believed when. The time is an
//! argument here.

#![allow(clippy::unwrap_used, clippy::panic)]

use custody::authority::{Authority, Expected, Refused};
use custody::ca::{Ca, LIFE};
use custody::certificate::Certificate;
use custody::credentials::{Credentials, Node};
use custody::folder;
use custody::lineage::{self, Followed};
use custody::office::Office;
use custody::signer::{Around, Looked, Signer};
use custody::spiffe::Name;
use custody::{KeyError, sealed, succession};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use trust::rotation::LONGEST_OVERLAP;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

const WEEK: Millis = Millis::days(7);

/// A planet's directory with its CA, and a host's beside it.
struct World {
    folder: TempDir,
    planet: PlanetId,
    office: Office,
    now: Moment,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (own, host) = (folder.path().join("own"), folder.path().join("host"));
        folder::private(&own).unwrap();
        folder::private(&host).unwrap();
        let root = sealed::root(&own).unwrap();
        let (planet, now) = (PlanetId::of_root(root), Moment(1_800_000_000_000));
        folder::write_public(&host, "root", root).unwrap();
        folder::write_public(&host, "recovery", sealed::recovery_key(&own).unwrap().unwrap()).unwrap();
        folder::secret(&host, "node").unwrap();
        let mut office = Office::new(&own, Ca::open(&own, planet, now, &mut |_, _| Ok(())).unwrap(), LIFE);
        office.expect(node(&host, planet));
        Self { folder, planet, office, now }
    }

    fn host(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    fn signer(&self) -> Signer {
        Signer::new(self.host(), "node".to_owned(), self.planet, Millis::days(90), WEEK)
    }

    /// The host's own certificate.
    fn certify(&mut self) {
        let asks = node(&self.host(), self.planet);
        let key = SigningKey::new(&folder::secret(&self.host(), "node").unwrap());
        let request = custody::request::Request::after(None, &key, asks.name.clone(), self.now);
        folder::replace(&asks.request(), request.text().as_bytes()).unwrap();
        self.office.look(self.now);
        assert_eq!(certificate(&self.host(), "node.pem").key, key.id());
    }

    /// Looks until nothing is left to do; the states of the folder between.
    fn turn(&mut self, signer: &mut Signer) -> Option<AgentId> {
        let mut turned = None;
        for _ in 0..9 {
            match signer.look((self.now, true), &mut ()).unwrap() {
                Looked::Rests => return turned,
                Looked::Waits(_) => self.office.look(self.now),
                Looked::Turned { to, .. } => turned = Some(to.id()),
            }
        }
        panic!("it does not end")
    }
}

fn node(host: &Path, planet: PlanetId) -> Node {
    let name = Name::block(planet, "dublin").unwrap();
    Node { keys: host.to_owned(), files: "node".to_owned(), name }
}

fn certificate(host: &Path, called: &str) -> Certificate {
    Certificate::read_pem(&fs::read_to_string(host.join(called)).unwrap()).unwrap()
}

fn key(host: &Path, name: &str) -> AgentId {
    folder::known(host, name).unwrap().unwrap()
}

fn files(host: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(host).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("node"));
    names.sort();
    names
}

fn rotate(world: &mut World, signer: &mut Signer) -> AgentId {
    succession::ask(&world.host(), "node").unwrap();
    world.turn(signer).unwrap()
}

#[test]
fn a_key_gives_its_place_with_its_certificate_and_whoever_knew_it_follows() {
    let mut world = World::new();
    world.certify();
    let (host, first) = (world.host(), key(&world.host(), "node"));
    let mut signer = world.signer();
    assert!(matches!(signer.look((world.now, true), &mut ()).unwrap(), Looked::Rests));
    let second = rotate(&mut world, &mut signer);
    assert_ne!(first, second);
    assert_eq!((key(&host, "node"), key(&host, "node.before")), (second, first));
    assert_eq!(certificate(&host, "node.pem").key, second);
    let all =
        ["node.before.key", "node.before.sealed", "node.key", "node.line", "node.pem", "node.request", "node.sealed"];
    assert_eq!(files(&host), all, "nothing of the next one is left");
    let line = lineage::read(&host, "node").unwrap();
    let knew = Followed::new(first, &line, world.planet, world.now).unwrap();
    assert_eq!(knew.present(), second);
    let at = |days| world.now.after(Millis::days(days));
    assert_eq!([0, 6, 7].map(|days| knew.believes(first, at(days))), [true, true, false]);
    assert!(knew.believes(second, at(0)) && knew.believes(second, at(1_000)));
    // After that it is destroyed, and no sooner.
    let look = |signer: &mut Signer, days| signer.look((at(days), true), &mut ()).unwrap();
    look(&mut signer, 6);
    assert!(succession::before(&host, "node").unwrap().is_some());
    look(&mut signer, 7);
    assert!(succession::before(&host, "node").unwrap().is_none());
    // And on: whoever knows any key of the line follows to the last.
    let third = rotate(&mut world, &mut signer);
    let line = lineage::read(&host, "node").unwrap();
    for known in [first, second, third] {
        assert_eq!(Followed::new(known, &line, world.planet, world.now).unwrap().present(), third);
    }
    let stranger = Followed::new(AgentId([9; 32]), &line, world.planet, world.now).unwrap();
    assert!(!stranger.believes(third, world.now), "a line says nothing about who is not in it");
}

/// The order of what is written is a kill's: after each file, a copy of the
/// folder goes on from there, and ends at the same key with one line.
#[test]
#[allow(clippy::too_many_lines)] // One story.
fn whatever_is_killed_goes_on_to_the_same_key_and_says_nothing_twice() {
    let mut world = World::new();
    world.certify();
    let host = world.host();
    let kept = |ending: &str| fs::read(host.join(format!("node{ending}"))).unwrap();
    let (first, mut signer) = (key(&host, "node"), world.signer());
    let begin = ["key", "sealed", "pem"].map(|ending| (format!(".{ending}"), kept(&format!(".{ending}"))));
    succession::ask(&host, "node").unwrap();
    assert!(matches!(signer.look((world.now, true), &mut ()).unwrap(), Looked::Waits(_)));
    assert!(succession::is_asked(&host, "node"), "until it is entered, which says who asked");
    let asked = [".next.sealed", ".next.key", ".next.request"].map(|ending| (ending.to_owned(), kept(ending)));
    world.office.look(world.now);
    let certified = kept(".next.pem");
    let second = world.turn(&mut signer).unwrap();
    let (line, before) = (kept(".line"), kept(".before.key"));
    let (sealed, next) = (kept(".sealed"), asked[1].1.clone());
    let mut steps: Vec<(String, Option<Vec<u8>>)> =
        asked.into_iter().map(|(ending, bytes)| (ending, Some(bytes))).collect();
    steps.extend([
        (".next.pem".to_owned(), Some(certified.clone())),
        (".line".to_owned(), Some(line.clone())),
        (".before.sealed".to_owned(), Some(kept(".before.sealed"))),
        (".before.key".to_owned(), Some(before)),
        (".key".to_owned(), Some(next)),
        (".next.key".to_owned(), None),
        (".sealed".to_owned(), Some(sealed)),
        (".next.sealed".to_owned(), None),
        (".pem".to_owned(), Some(certified)),
        (".next.pem".to_owned(), None),
        (".next.request".to_owned(), None),
    ]);
    for killed in 0..=steps.len() {
        world.now = world.now.after(Millis::minutes(1));
        for name in files(&host) {
            fs::remove_file(host.join(name)).unwrap();
        }
        for (ending, bytes) in begin.iter().map(|(ending, bytes)| (ending, Some(bytes.clone()))) {
            folder::replace(&host.join(format!("node{ending}")), &bytes.unwrap()).unwrap();
        }
        for (ending, bytes) in &steps[..killed] {
            let file = host.join(format!("node{ending}"));
            match bytes {
                // Both names of one rename are never there.
                Some(_) if ending == ".key" => fs::rename(host.join("node.next.key"), &file).unwrap(),
                Some(bytes) => folder::replace(&file, bytes).unwrap(),
                None if file.exists() => fs::remove_file(&file).unwrap(),
                None => {}
            }
        }
        // Until the line says it, that somebody asked for it is there as well: it is done once.
        if (2..=5).contains(&killed) {
            succession::ask(&host, "node").unwrap();
        }
        // Whichever key it starts with, it has a certificate to show at once.
        let mut own = world.signer();
        let (there, clock) = (key(&host, "node"), world.now);
        let clock: custody::credentials::Clock = Arc::new(move || clock);
        let shown = Credentials::obtain(node(&host, world.planet), clock, Duration::ZERO).unwrap().shown();
        assert_eq!(shown.key.id(), there, "after step {killed}");
        let turned = world.turn(&mut own);
        let begun = killed > 1;
        assert_eq!(turned, (begun && there == first).then_some(second), "after step {killed}");
        if !begun {
            // Nothing but a sealed copy of what was never a key.
            continue;
        }
        assert!(!succession::is_asked(&host, "node"), "after step {killed}");
        assert_eq!((key(&host, "node"), certificate(&host, "node.pem").key), (second, second), "after step {killed}");
        let found = lineage::read(&host, "node").unwrap();
        assert_eq!((found.len(), found[0].old, found[0].new), (1, first, second), "after step {killed}");
        if killed > 4 {
            assert_eq!(kept(".line"), line, "after step {killed}: what was said stays said");
        }
        assert!(
            !files(&host).iter().any(|name| name.contains(".next.") && !name.ends_with("sealed")),
            "{:?}",
            files(&host)
        );
        assert_eq!(succession::before(&host, "node").unwrap().map(|(key, _)| SigningKey::new(&key).id()), Some(first));
    }
}

/// A key whose time is over shows nothing that anybody believes: its last
/// certificate ends before, and it gets no other.
#[test]
fn no_certificate_outlives_the_time_of_its_key() {
    let mut world = World::new();
    world.certify();
    let old = SigningKey::new(&folder::existing(&world.host(), "node").unwrap().unwrap());
    let der = CertificateDer::from_pem_file(world.host().join("node.pem")).unwrap();
    // The planet asks for less than a certificate lasts.
    let mut signer = Signer::new(world.host(), "node".to_owned(), world.planet, Millis::days(90), Millis::seconds(1));
    let new = rotate(&mut world, &mut signer);
    let until = lineage::read(&world.host(), "node").unwrap()[0].until;
    assert!(until.since(world.now) >= LIFE);
    let authority = Authority::read(&world.host()).unwrap();
    let judge = |now| authority.judge(&der, &[], &Expected::host_of("dublin"), now);
    assert!(judge(world.now).is_ok());
    assert!(matches!(judge(until), Err(Refused::Expired(..))));
    let asks = node(&world.host(), world.planet);
    let request = custody::request::Request::after(None, &old, asks.name.clone(), world.now);
    folder::replace(&asks.request(), request.text().as_bytes()).unwrap();
    world.office.look(world.now);
    assert_eq!(certificate(&world.host(), "node.pem").key, new, "whoever has the old key gets no certificate");
}

/// A disk on which nothing is entered, or on which nobody can be told.
struct Full {
    enters: bool,
}

impl Around for Full {
    fn enter(&mut self, _: AgentId, _: AgentId, _: bool) -> Result<(), String> {
        if self.enters { Ok(()) } else { Err("the disk is full".to_owned()) }
    }

    fn tell(&mut self) -> Result<bool, KeyError> {
        Err(folder::failed("tell")(std::io::Error::other("the disk is full")))
    }
}

#[test]
fn a_key_that_nobody_certifies_stays_in_use_and_one_that_nobody_is_told_of_too() {
    let mut world = World::new();
    world.certify();
    let (host, first) = (world.host(), key(&world.host(), "node"));
    let mut signer = world.signer();
    succession::ask(&host, "node").unwrap();
    for _ in 0..5 {
        assert!(matches!(signer.look((world.now, true), &mut ()).unwrap(), Looked::Waits(_)));
    }
    assert_eq!((key(&host, "node"), lineage::read(&host, "node").unwrap().len()), (first, 0));
    world.office.look(world.now);
    for (enters, stated) in [(false, 0), (true, 1)] {
        for _ in 0..5 {
            assert!(signer.look((world.now, true), &mut Full { enters }).is_err());
        }
        // What is not entered is not even said.
        assert_eq!((key(&host, "node"), lineage::read(&host, "node").unwrap().len()), (first, stated));
    }
    // As often as it takes for everybody to have looked.
    signer.notice = 3;
    for _ in 0..3 {
        assert!(matches!(signer.look((world.now, true), &mut ()).unwrap(), Looked::Waits(_)));
    }
    assert!(matches!(signer.look((world.now, true), &mut ()).unwrap(), Looked::Turned { .. }));
    // One that is to follow and is not here any more is not replaced by another: that would be a fork.
    succession::ask(&host, "node").unwrap();
    world.turn(&mut signer);
    let (old, second) = (lineage::read(&host, "node").unwrap(), key(&host, "node"));
    fs::rename(host.join("node.before.key"), host.join("node.key")).unwrap();
    succession::ask(&host, "node").unwrap();
    world.office.look(world.now);
    for _ in 0..3 {
        let _ = signer.look((world.now, true), &mut ());
        world.office.look(world.now);
    }
    let refused = signer.look((world.now, true), &mut ()).unwrap_err().to_string();
    assert!(refused.contains(&second.to_string()) && refused.contains("node.line"), "{refused}");
    assert_eq!(lineage::read(&host, "node").unwrap(), old);
}

#[test]
fn clocks_that_jump_leave_no_gap_and_take_no_key_away() {
    let mut world = World::new();
    let (host, mut signer) = (world.host(), world.signer());
    let first = key(&host, "node");
    let second = rotate(&mut world, &mut signer);
    // An hour back, and a key is asked for: it begins no sooner than the one before it.
    let right = world.now;
    world.now = Moment(right.0 - Millis::hours(1).0);
    let third = rotate(&mut world, &mut signer);
    let line = lineage::read(&host, "node").unwrap();
    assert!(line[1].from >= line[0].from);
    let follows = |at| Followed::new(first, &line, world.planet, at).unwrap();
    for at in [world.now, right, right.after(Millis::days(400))] {
        assert_eq!(follows(at).present(), third);
        assert!(follows(at).believes(third, at), "whichever clock is right");
    }
    assert!(follows(right).believes(second, right) && !follows(right).believes(first, right), "two at most");
    // Years ahead: nothing is due, and nothing is destroyed, before the clock has settled.
    let ahead = right.after(Millis::days(3_000));
    assert!(matches!(signer.look((ahead, false), &mut ()).unwrap(), Looked::Rests));
    assert!(succession::before(&host, "node").unwrap().is_some());
    assert_eq!(key(&host, "node"), third);
    // It has settled there, and was wrong: what it has said stands, and goes on.
    world.now = right.after(Millis::days(500));
    // Files have the real time here, and so are always old by that clock.
    signer.every = Millis::days(10_000);
    let fourth = rotate(&mut world, &mut signer);
    world.now = right;
    let line = lineage::read(&host, "node").unwrap();
    let follows = Followed::new(third, &line, world.planet, right).unwrap();
    assert!(follows.present() == fourth && follows.believes(fourth, right));
    let fifth = rotate(&mut world, &mut signer);
    let line = lineage::read(&host, "node").unwrap();
    assert_eq!(Followed::new(first, &line, world.planet, right).unwrap().present(), fifth);
}

#[test]
fn overlap_has_an_end_and_a_key_that_was_put_there_by_hand_begins_another_line() {
    let mut world = World::new();
    let host = world.host();
    let mut signer = Signer::new(host.clone(), "node".to_owned(), world.planet, Millis::days(90), Millis::days(300));
    rotate(&mut world, &mut signer);
    let line = lineage::read(&host, "node").unwrap();
    assert_eq!(line[0].until.since(line[0].from), LONGEST_OVERLAP);
    folder::replace(&host.join("node.key"), "ab".repeat(32).as_bytes()).unwrap();
    let other = key(&host, "node");
    let next = rotate(&mut world, &mut signer);
    let line = lineage::read(&host, "node").unwrap();
    assert_eq!((line.len(), line[0].line, line[0].new), (1, other, next));
}

/// What a recovery makes of a sealed copy that a kill has left.
#[test]
fn a_next_key_that_is_the_present_one_is_none() {
    let mut world = World::new();
    let (host, mut signer) = (world.host(), world.signer());
    let first = key(&host, "node");
    fs::copy(host.join("node.key"), host.join("node.next.key")).unwrap();
    assert_eq!(world.turn(&mut signer), None);
    assert_eq!((key(&host, "node"), files(&host)), (first, vec!["node.key".to_owned(), "node.sealed".to_owned()]));
    assert_ne!(rotate(&mut world, &mut signer), first);
}

/// What is shown changes with the next handshake, and only once a certificate is
/// there for it.
#[test]
fn credentials_show_the_next_key_once_it_is_certified() {
    let mut world = World::new();
    world.certify();
    let time = Arc::new(AtomicU64::new(world.now.0));
    let told = Arc::clone(&time);
    let clock: custody::credentials::Clock = Arc::new(move || Moment(told.load(SeqCst)));
    let credentials = Credentials::obtain(node(&world.host(), world.planet), clock, Duration::ZERO).unwrap();
    let first = credentials.shown();
    let mut signer = world.signer();
    succession::ask(&world.host(), "node").unwrap();
    for _ in 0..3 {
        signer.look((world.now, true), &mut ()).unwrap();
        credentials.look();
        assert_eq!(credentials.shown().key.id(), first.key.id());
    }
    let second = world.turn(&mut signer).unwrap();
    credentials.look();
    assert_eq!((credentials.shown().key.id(), credentials.key()), (second, second));
    assert_eq!(credentials.certificate().unwrap().key, second);
    assert_ne!(first.key.id(), second, "whoever is in a handshake goes on with what it began with");
    // And that is renewed as the first was.
    let due = credentials.certificate().unwrap().renew_at();
    time.store(due.0, SeqCst);
    credentials.look();
    world.now = due;
    world.office.look(due);
    let serial = credentials.certificate().unwrap().serial;
    credentials.look();
    assert_ne!(credentials.certificate().unwrap().serial, serial);
}

#[test]
fn a_line_has_one_text() {
    let mut world = World::new();
    let (host, mut signer) = (world.host(), world.signer());
    for _ in 0..3 {
        rotate(&mut world, &mut signer);
    }
    let text = lineage::letters(&host, "node").unwrap();
    let line = lineage::parse(&text).unwrap();
    assert_eq!((line.len(), lineage::text(&line)), (3, text.clone()));
    assert_eq!(lineage::parse(""), Some(Vec::new()));
    for bad in [text.to_uppercase(), text.trim_end().to_owned(), format!("{text}\n"), text.replace('\n', "\r\n")] {
        assert_eq!(lineage::parse(&bad), None);
    }
    fs::write(host.join("node.line"), &text[..700]).unwrap();
    assert!(lineage::read(&host, "node").unwrap_err().to_string().contains("node.line"));
    let third = lineage::up_to(line.clone(), line[1].new);
    assert_eq!(third, line[..2], "what it says beyond has not come about");
}
