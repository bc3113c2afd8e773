//! CAs follow each other: nodes are told long before, nobody is refused
//! meanwhile, and a kill leaves the old state or the new one.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use custody::authority::{Authority, Expected, Refused};
use custody::ca::{Ca, LIFE, MOST_LIFE};
use custody::credentials::{Credentials, Node};
use custody::heirs::{self, AHEAD, HEARD, NotInherited};
use custody::office::{Office, revoke};
use custody::revocation::What;
use custody::root::Root;
use custody::spiffe::Name;
use custody::{folder, sealed};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

/// Later than any file that a test has written.
fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment(u64::try_from(since.as_millis()).unwrap()).after(Millis(2 * HEARD.0))
}

fn planet(keys: &Path) -> PlanetId {
    PlanetId::of_root(folder::public(keys, "root").unwrap())
}

/// A folder of keys with a CA and those that follow it.
fn made() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    sealed::root(place.path()).unwrap();
    Ca::open(place.path(), planet(place.path()), now(), &mut |_, _| Ok(())).unwrap();
    place
}

fn ca(keys: &Path) -> AgentId {
    folder::known(keys, "ca").unwrap().unwrap()
}

fn root(keys: &Path) -> Root {
    Root::here(keys).unwrap().unwrap()
}

fn inherit(keys: &Path) -> Result<(AgentId, AgentId), NotInherited> {
    heirs::inherit(keys, planet(keys), now(), |_, _| Ok(()))
}

/// Everything in a folder but what only locks.
fn files(keys: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |file: fs::DirEntry| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap());
    fs::read_dir(keys).unwrap().map(|file| read(file.unwrap())).filter(|(name, _)| name != "office.lock").collect()
}

/// A node beside its CA's office, and a clock that is set.
struct Beside {
    clock: Arc<AtomicU64>,
    office: Office,
    credentials: Arc<Credentials>,
}

impl Beside {
    fn new(keys: &Path) -> Self {
        let clock = Arc::new(AtomicU64::new(now().0));
        let name = Name::block(planet(keys), "dublin").unwrap();
        let node = Node { keys: keys.to_owned(), files: "node".to_owned(), name };
        folder::secret(keys, "node").unwrap();
        let mut office = Office::new(keys, Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap(), LIFE);
        office.expect(node.clone());
        let time = Arc::clone(&clock);
        let asks = Credentials::obtain(node.clone(), Arc::new(move || Moment(time.load(SeqCst))), Duration::ZERO);
        asks.unwrap_err();
        office.look(now());
        let time = Arc::clone(&clock);
        let now = Arc::new(move || Moment(time.load(SeqCst)));
        let credentials = Credentials::obtain(node, now, Duration::from_millis(50)).unwrap();
        Self { clock, office, credentials }
    }

    /// What happens at a time, both ends looking twice.
    fn at(&mut self, now: Moment) {
        self.clock.store(now.0, SeqCst);
        for _ in 0..2 {
            self.office.look(now);
            self.credentials.look();
        }
    }
}

/// Whether a folder believes what a CA with the key in `NAME.key` issues.
fn believes(keys: &Path, issuer: &Ca) -> Result<(), Refused> {
    let name = Name::block(issuer.planet(), "dublin").unwrap();
    let serial = custody::certificate::Serial::of([7; 16]);
    let der = issuer.issue(&name, root(keys).id(), serial, issuer.life(now(), LIFE)).unwrap();
    Authority::read(keys).unwrap().judge(&der, &[], &Expected::host_of("dublin"), now()).map(drop)
}

fn ca_of(keys: &Path, name: &str) -> Ca {
    Ca::new(planet(keys), &folder::existing(keys, name).unwrap().unwrap()).unwrap()
}

#[test]
fn those_that_follow_are_believed_before_they_issue_anything() {
    let place = made();
    let keys = place.path();
    let names = heirs::names(keys).unwrap();
    assert_eq!(names, ["ca.next-1", "ca.next-2", "ca.next-3"]);
    assert_eq!(Authority::read(keys).unwrap().cas().len(), 1 + AHEAD);
    for name in &names {
        believes(keys, &ca_of(keys, name)).unwrap();
        assert!(keys.join(format!("{name}.sealed")).exists(), "it has a copy that the root opens");
    }
    // Another start makes no others.
    Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(heirs::names(keys).unwrap(), names);
}

#[test]
fn one_follows_the_other_and_nobody_is_refused_meanwhile() {
    let place = made();
    let keys = place.path();
    let mut beside = Beside::new(keys);
    let (first, old) = (beside.credentials.certificate().unwrap(), ca_of(keys, "ca"));
    revoke(keys, &old, &[What::Key(AgentId([3; 32]))], "stolen", now()).unwrap();
    let heir = folder::known(keys, "ca.next-1").unwrap().unwrap();
    assert_eq!(inherit(keys).unwrap(), (old.id(), heir));
    assert_eq!((ca(keys), heirs::names(keys).unwrap().len()), (heir, AHEAD - 1));
    beside.at(now());
    // The certificate of before is as good as ever, and the next is by the next CA.
    assert_eq!(beside.credentials.certificate().unwrap().serial, first.serial);
    believes(keys, &old).unwrap();
    let list = Authority::read(keys).unwrap().revoked().clone();
    assert_eq!((list.by, list.number, list.entries().len()), (heir, 2, 1));
    beside.at(first.renew_at());
    assert_ne!(beside.credentials.certificate().unwrap().serial, first.serial);
    // When nothing of the old one's can be good any more, nobody believes it any more.
    let ended = now().after(MOST_LIFE).after(Millis::hours(1));
    heirs::settle(keys, planet(keys), ended).unwrap();
    assert!(matches!(believes(keys, &old), Err(Refused::Stranger(_))));
    believes(keys, &ca_of(keys, "ca")).unwrap();
    assert_eq!(Authority::read(keys).unwrap().cas().len(), AHEAD);
    // Where the root key is, the missing one is made.
    Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(heirs::names(keys).unwrap(), ["ca.next-2", "ca.next-3", "ca.next-4"]);
}

#[test]
fn an_office_rotates_when_it_is_time_and_says_how_old_its_ca_is() {
    let place = made();
    let keys = place.path();
    let (planet, entered) = (planet(keys), Arc::new(AtomicU64::new(0)));
    let (refuse, asked) = (Arc::new(AtomicU64::new(1)), Arc::clone(&entered));
    let refuses = Arc::clone(&refuse);
    let enter = move |_, _| {
        asked.fetch_add(1, SeqCst);
        if refuses.load(SeqCst) == 1 { Err("the disk is full".to_owned()) } else { Ok(()) }
    };
    let office = Office::new(keys, Ca::open(keys, planet, now(), &mut |_, _| Ok(())).unwrap(), LIFE);
    let is_set = Arc::new(AtomicU64::new(0));
    let set = Arc::clone(&is_set);
    let settled = move |_| set.load(SeqCst) == 0;
    let (mut office, ages) = office.rotating(Millis::days(90), Box::new(settled), Box::new(enter));
    let first = ca(keys);
    office.look(now().after(Millis::days(89)));
    assert_eq!((ca(keys), entered.load(SeqCst), ages.heirs.load(SeqCst)), (first, 0, 3));
    // What cannot be entered is not done, and told when it is late.
    office.look(now().after(Millis::days(91)));
    assert_eq!((ca(keys), entered.load(SeqCst), ages.late.load(SeqCst)), (first, 1, 1));
    refuse.store(0, SeqCst);
    office.look(now().after(Millis::days(92)));
    assert_ne!(ca(keys), first);
    let told = [&ages.turns, &ages.late, &ages.heirs].map(|told| told.load(SeqCst));
    assert_eq!(told, [1, 0, 2]);
    // By a clock that was set ahead none is due, and nothing is forgotten.
    let (second, known) = (ca(keys), files(keys));
    is_set.store(1, SeqCst);
    office.look(now().after(Millis::days(300)));
    assert_eq!((ca(keys), entered.load(SeqCst), files(keys)), (second, 2, known));
    is_set.store(0, SeqCst);
    office.look(now().after(Millis::days(301)));
    assert_ne!(ca(keys), second, "it was meant");
}

#[test]
fn where_nobody_follows_it_is_said_and_nothing_changes() {
    let place = made();
    let keys = place.path();
    for name in heirs::names(keys).unwrap() {
        fs::remove_file(keys.join(format!("{name}.key"))).unwrap();
    }
    let before = files(keys);
    assert!(matches!(inherit(keys), Err(NotInherited::Nobody)));
    // One whose key is there, and that the root has not endorsed, is none.
    folder::secret(keys, "ca.next-9").unwrap();
    assert!(matches!(inherit(keys), Err(NotInherited::Nobody)));
    fs::remove_file(keys.join("ca.next-9.key")).unwrap();
    fs::remove_file(keys.join("ca.next-9.sealed")).unwrap();
    assert_eq!(files(keys), before);
}

#[test]
fn nobody_follows_before_nodes_could_read_of_it_nor_without_an_entry() {
    let place = made();
    let keys = place.path();
    let before = files(keys);
    let soon = heirs::inherit(keys, planet(keys), Moment(now().0 - 2 * HEARD.0), |_, _| Ok(()));
    assert!(matches!(soon, Err(NotInherited::NotYet(wait)) if wait <= HEARD), "{soon:?}");
    let refused = heirs::inherit(keys, planet(keys), now(), |_, _| Err("full".to_owned())).unwrap_err();
    assert!(refused.to_string().contains("full"), "{refused}");
    assert_eq!(files(keys), before);
}

#[test]
fn after_a_theft_none_of_them_is_believed_and_nodes_ask_again() {
    let place = made();
    let keys = place.path();
    let mut beside = Beside::new(keys);
    let first = beside.credentials.certificate().unwrap();
    let stolen: Vec<Ca> = ["ca", "ca.next-1", "ca.next-3"].map(|name| ca_of(keys, name)).into();
    revoke(keys, &stolen[0], &[What::Key(AgentId([3; 32]))], "stolen", now()).unwrap();
    let (from, to) =
        heirs::begin_anew(keys, planet(keys), &root(keys), now(), (|_, _| Ok(()), &mut |_, _| Ok(()))).unwrap();
    assert_eq!((from, to), (stolen[0].id(), ca(keys)));
    for stolen in &stolen {
        assert!(matches!(believes(keys, stolen), Err(Refused::Stranger(_))));
    }
    assert_eq!(Authority::read(keys).unwrap().cas().len(), 1 + AHEAD);
    assert_eq!(Authority::read(keys).unwrap().revoked().entries().len(), 1, "what was revoked stays so");
    beside.at(now());
    let second = beside.credentials.certificate().unwrap();
    assert!(second.serial != first.serial && second.key == first.key);
    assert!(inherit(keys).is_ok(), "those that follow it are new ones, too");
}

/// Each state that a kill can leave is made here from its files.
#[test]
fn what_a_kill_cuts_short_is_ended_at_the_next_look() {
    for step in 0..6 {
        let place = made();
        let keys = place.path();
        revoke(keys, &ca_of(keys, "ca"), &[What::Key(AgentId([3; 32]))], "stolen", now()).unwrap();
        let (old, next) = (ca(keys), folder::existing(keys, "ca.next-1").unwrap().unwrap());
        let to = SigningKey::new(&next).id();
        let secret = |secret: &trust::Secret| folder::letters(secret.expose());
        match step {
            // It has a second name, and the first still.
            0 => fs::hard_link(keys.join("ca.key"), keys.join("ca.leaving")).unwrap(),
            // The sealed copy was written, and the key was not.
            1 => {
                fs::hard_link(keys.join("ca.key"), keys.join("ca.leaving")).unwrap();
                fs::copy(keys.join("ca.next-1.sealed"), keys.join("ca.sealed")).unwrap();
            }
            // The next has its place; the one before is not overwritten yet.
            2 => {
                fs::hard_link(keys.join("ca.key"), keys.join("ca.leaving")).unwrap();
                folder::replace(&keys.join("ca.key"), secret(&next).as_bytes()).unwrap();
            }
            // It is, and the heir still has the name that it had.
            3 => folder::replace(&keys.join("ca.key"), secret(&next).as_bytes()).unwrap(),
            // It was half overwritten when it had lost that name.
            4 => {
                folder::replace(&keys.join("ca.key"), secret(&next).as_bytes()).unwrap();
                fs::remove_file(keys.join("ca.next-1.key")).unwrap();
                fs::write(keys.join("ca.next-1.gone"), [0; 64]).unwrap();
            }
            // Only the list of what is revoked is still by the one before.
            _ => {
                folder::replace(&keys.join("ca.key"), secret(&next).as_bytes()).unwrap();
                fs::remove_file(keys.join("ca.next-1.key")).unwrap();
            }
        }
        heirs::settle(keys, planet(keys), now()).unwrap();
        sealed::complete(keys).unwrap();
        assert_eq!(ca(keys), if step < 2 { old } else { to }, "step {step}");
        assert!(!keys.join("ca.leaving").exists() && !keys.join("ca.next-1.gone").exists(), "step {step}");
        let list = Authority::read(keys).unwrap().revoked().clone();
        assert_eq!((list.by, list.entries().len()), (ca(keys), 1), "step {step}");
        assert_eq!(heirs::names(keys).unwrap().len(), if step < 2 { AHEAD } else { AHEAD - 1 }, "step {step}");
        believes(keys, &ca_of(keys, "ca")).unwrap();
        let (opens, planet) = (sealed::opener(&folder::existing(keys, "root").unwrap().unwrap()), planet(keys));
        let copy = sealed::read(keys, "ca").unwrap().unwrap();
        let opened = sealed::open(&opens, planet, "ca", &copy).unwrap();
        assert_eq!(*opened, fs::read(keys.join("ca.key")).unwrap(), "step {step}");
    }
}

/// Where the root key is, each rotation is followed by another heir: only as far as
/// nodes read it.
#[test]
fn as_many_rotations_as_anybody_asks_for_leave_files_that_are_read() {
    let place = made();
    let keys = place.path();
    let mut done = 0;
    for _ in 0..12 {
        Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap();
        match inherit(keys) {
            Ok(_) => done += 1,
            Err(why) => assert!(matches!(why, NotInherited::Nobody), "{why}"),
        }
        believes(keys, &ca_of(keys, "ca")).unwrap();
    }
    assert!(done >= AHEAD, "{done}");
    // One that a kill has left without its endorsement is no more than they read.
    folder::secret(keys, "ca.next-90").unwrap();
    Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap();
    believes(keys, &ca_of(keys, "ca")).unwrap();
    fs::remove_file(keys.join("ca.next-90.key")).unwrap();
    fs::remove_file(keys.join("ca.next-90.sealed")).unwrap();
    // When those of before have ended, others are endorsed.
    let ended = now().after(MOST_LIFE).after(Millis::hours(1));
    heirs::settle(keys, planet(keys), ended).unwrap();
    Ca::open(keys, planet(keys), now(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(heirs::names(keys).unwrap().len(), AHEAD);
}

/// What regions were brought counts where the CA's own list is gone.
#[test]
fn what_is_revoked_is_not_forgotten_with_a_file() {
    let place = tempfile::tempdir().unwrap();
    let (keys, region) = (place.path().join("keys"), place.path().join("regions/dublin/keys"));
    for folder in [&keys, &region] {
        fs::create_dir_all(folder).unwrap();
    }
    sealed::root(&keys).unwrap();
    let ca = Ca::open(&keys, planet(&keys), now(), &mut |_, _| Ok(())).unwrap();
    let what = |number: u8| [What::Key(AgentId([number; 32]))];
    revoke(&keys, &ca, &what(3), "stolen", now()).unwrap();
    fs::rename(keys.join("revoked"), region.join("revoked")).unwrap();
    revoke(&keys, &ca, &what(4), "lost", now()).unwrap();
    let list = Authority::read(&keys).unwrap().revoked().clone();
    assert_eq!((list.number, list.entries().len()), (2, 2));
    fs::rename(keys.join("revoked"), region.join("revoked")).unwrap();
    heirs::settle(&keys, planet(&keys), now()).unwrap();
    assert_eq!(Authority::read(&keys).unwrap().revoked().entries().len(), 2, "and it is brought back");
}

/// Files that differ in their endings, by many at once: each has what was written
/// to it, whole.
#[test]
fn whoever_writes_at_once_writes_their_own() {
    let place = tempfile::tempdir().unwrap();
    let write = |ending: &'static str| {
        let keys = place.path().to_owned();
        std::thread::spawn(move || {
            for _ in 0..200 {
                folder::replace(&keys.join(format!("node.{ending}")), ending.repeat(100).as_bytes()).unwrap();
            }
        })
    };
    for thread in ["key", "sealed", "pem", "key"].map(write) {
        thread.join().unwrap();
    }
    for ending in ["key", "sealed", "pem"] {
        let there = fs::read_to_string(place.path().join(format!("node.{ending}"))).unwrap();
        assert_eq!(there, ending.repeat(100));
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
}
