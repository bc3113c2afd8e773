//! The audit log of a planet that runs: what is done to it is entered before it
//! is answered, and what is on the disk is what was signed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod support;

use audit::Entry;
use audit::asked::{Answer, Asked, Id};
use audit::entry::{Act, Key, Name, Place, Reason, Right, Who};
use block::bans::Net;
use node::{Body, By, Code, Engine, Homes, Options, Where, restore_planet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Instant;
use support::{Agent, PLANET, entered, key, start, start_with};
use trust::erasure::Demand;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};
use vocab::Millis;

fn operator(folder: &Path) -> SigningKey {
    let secret = fs::read_to_string(folder.join("keys/operator.key")).unwrap();
    let mut bytes = secret.trim().parse::<wire::Hex<32>>().unwrap().0;
    SigningKey::new(&Secret::take(&mut bytes))
}

fn acts(data: &Path) -> Vec<Act> {
    entered(data).into_iter().map(|entry| entry.act).collect()
}

fn net(of: u8) -> Net {
    Net::of_source(Ipv4Addr::new(192, 0, 2, of).into())
}

fn by(seed: u8) -> By {
    By::administers(key(seed).id(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, seed)))
}

fn last(data: &Path) -> Entry {
    entered(data).pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_entered_before_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let options = Options { file: Some([7; 32]), ..Options::default() };
    let (engine, _) = start_with(PLANET, data, &options);
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert!(matches!(acts(data)[..], [Act::Started { .. }, Act::PolicyChanged { .. }]));
    let block = agent.attached.block.clone();
    engine.seal(&by(9), &block, "a test\nof lines").await.unwrap();
    let sealed = last(data);
    assert_eq!((&sealed.act, sealed.who, sealed.right), (&Act::Sealed {}, Who::Key(key(9).id()), Right::Administer));
    assert_eq!(sealed.place, Place::Block(audit::entry::Name::cut(&block.region), block.index));
    assert_eq!((sealed.reason.as_str(), sealed.address.as_str()), ("a test of lines", "192.0.2.9"));
    engine.open_block(&by(9), &block).await.unwrap();
    assert_eq!(last(data).act, Act::Opened {});
    let until = engine.now().after(Millis::minutes(1));
    engine.ban(&by(9), net(1), until).unwrap();
    assert!(matches!(last(data).act, Act::Banned { until: at, .. } if at == until.0));
    engine.lift(&by(9), net(1)).unwrap();
    assert!(matches!(last(data).act, Act::Lifted { .. }));
    // What cannot be is refused, and is no act.
    let before = acts(data).len();
    assert_eq!(engine.lift(&by(9), net(1)).unwrap_err().code, Code::NotFound);
    assert_eq!(engine.ban(&by(9), net(1), engine.now()).unwrap_err().code, Code::Bad);
    assert_eq!(acts(data).len(), before);
    engine.backup(&by(9), &mut Vec::new(), &[1; 32], true).unwrap();
    assert!(matches!(last(data).act, Act::BackedUp { owners: true, .. }));
    struct Leaves;
    impl std::io::Write for Leaves {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    engine.backup(&by(9), &mut Leaves, &[1; 32], false).unwrap_err();
    let entry = u64::try_from(before + 1).unwrap();
    assert_eq!(last(data).act, Act::NotDone { entry }, "what was begun and failed is told apart");
    engine.stop();
    assert_eq!(last(data).act, Act::Stopped {});
    drop(engine);
    let before = acts(data).len();
    let (engine, _) = start_with(PLANET, data, &options);
    assert_eq!(acts(data).len(), before + 1, "the file is the one of before");
    engine.stop();
    drop(engine);
    let other = Options { file: Some([8; 32]), ..Options::default() };
    start_with(PLANET, data, &other).0.stop();
    let changed = acts(data).into_iter().rev().find_map(|act| match act {
        Act::PolicyChanged { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    });
    assert_eq!(changed, Some(([7; 32], [8; 32])));
}

fn erased(data: &Path) -> Vec<(AgentId, Who, Right)> {
    let of = |entry: Entry| match entry.act {
        Act::Erased { owner: Key(owner) } => Some((AgentId(owner), entry.who, entry.right)),
        _ => None,
    };
    entered(data).into_iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_entered_once_with_who_demanded_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (engine, _) = start(PLANET, data);
    let (own, other, third) = (
        Agent::attach(&engine, key(1), Where::Anywhere).await,
        Agent::attach(&engine, key(2), Where::Anywhere).await,
        Agent::attach(&engine, key(3), Where::Anywhere).await,
    );
    for agent in [&own, &other, &third] {
        agent.put(&engine, "name", "value").await.unwrap();
    }
    own.op(&engine, "erase", Body::Nothing).await.unwrap();
    let mut told = vec![(own.id(), Who::Key(own.id()), Right::Own)];
    assert_eq!(erased(data), told);
    // There is nothing left to erase.
    own.op(&engine, "erase", Body::Nothing).await.unwrap();
    assert_eq!(erased(data), told);
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let administers = operator(data);
    for (by, of, right) in [(&other.key, other.id(), Right::Own), (&administers, third.id(), Right::Administer)] {
        let demand = Demand::make(by, engine.planet(), of, engine.now());
        for _ in 0..2 {
            engine.erase(&demand, false, source).await.unwrap();
        }
        told.push((of, Who::Key(by.id()), right));
        assert_eq!(erased(data), told, "the same demand again is the same act");
        assert_eq!(last(data).address.as_str(), "192.0.2.7");
    }
    assert!(!last(data).rule.as_str().is_empty(), "what gives the right is named");
    engine.stop();
    drop(engine);
    // An index that is made again carries nothing out a second time.
    fs::remove_dir_all(data.join("index")).unwrap();
    start(PLANET, data).0.stop();
    assert_eq!(erased(data), told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acts_at_once_are_each_entered_once() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let many = 64;
    let begun = Instant::now();
    let acting: Vec<_> = (0..many)
        .map(|at| {
            let engine = engine.clone();
            let until = engine.now().after(Millis::minutes(1));
            tokio::task::spawn_blocking(move || engine.ban(&by(at), net(at), until).unwrap())
        })
        .collect();
    for act in acting {
        act.await.unwrap();
    }
    println!("{many} bans at once, each durable: {:?}", begun.elapsed());
    let mut nets: Vec<_> = acts(folder.path())
        .into_iter()
        .filter_map(|act| match act {
            Act::Banned { net, .. } => Some(net.as_str().to_owned()),
            _ => None,
        })
        .collect();
    nets.sort();
    nets.dedup();
    assert_eq!(nets.len(), usize::from(many));
    let begun = Instant::now();
    for at in 0..32 {
        engine.lift(&by(1), net(at)).unwrap();
    }
    println!("an act alone: {:?}", begun.elapsed() / 32);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bans_is_a_few_entries() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let sources = 200;
    for source in 0..sources {
        for _ in 0..20 {
            engine.failed(IpAddr::V4(Ipv4Addr::new(198, 51, 100, source)));
        }
    }
    assert_eq!(engine.bans().len(), usize::from(sources));
    engine.stop();
    let told = acts(folder.path());
    let named = told.iter().filter(|act| matches!(act, Act::Banned { .. })).count();
    let more = |act: &Act| if let Act::BansLeftOut { many } = act { *many } else { 0 };
    let more: u64 = told.iter().map(more).sum();
    assert!((16..64).contains(&named), "{named}");
    assert!(u64::try_from(named).unwrap() + more >= u64::from(sources), "{named} and {more}");
}

fn refuses(data: &Path) -> String {
    let (planet, _) = planet::parse(PLANET.as_bytes());
    let refused = Engine::start(&planet.unwrap(), data, &Options::default());
    refused.err().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_edited_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (engine, _) = start(PLANET, data);
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    engine.seal(&by(9), &agent.attached.block, "somebody else").await.unwrap();
    engine.stop();
    drop((engine, agent));
    let (truth, bundle) = (data.join("audit/entries"), data.join("audit/tile/entries/000.p/3"));
    // A bit of the second entry's envelope; each stands behind its length in two bytes.
    let edit = |file: &Path, (first, beside, between): (usize, usize, usize)| {
        let mut bytes = fs::read(file).unwrap();
        let before = bytes.clone();
        let length = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let second = first + 2 + beside + length(first) + between;
        let middle = second + 2 + beside + length(second) / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
        before
    };
    // In the truth each is a batch of its own, behind 44 bytes, and has four of its leaf.
    let before = edit(&truth, (64 + 44, 4, 44));
    let why = refuses(data);
    assert!(why.contains("entry 1") && why.contains("mycel audit verify"), "{why}");
    fs::write(&truth, before).unwrap();
    edit(&bundle, (8, 0, 0));
    let log = audit::home::verifier(data).unwrap().unwrap();
    let mirror = audit::home::reader(&audit::home::folder(data)).unwrap();
    let report = audit::verify::verify(&mirror, &log, &[], &mut |_, _| {}).unwrap();
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(report.faults[0].to_string().starts_with("entry 1 was changed"), "{}", report.faults[0]);
    // The truth is what was signed: what follows from it is made again.
    start(PLANET, data).0.stop();
    assert_eq!(acts(data)[1], Act::Sealed {});
    // Its key is gone: no other is made in its place.
    fs::rename(data.join("keys/audit.key"), data.join("kept")).unwrap();
    assert!(refuses(data).contains("two halves"), "{}", refuses(data));
    assert!(!data.join("keys/audit.key").exists());
    fs::rename(data.join("kept"), data.join("keys/audit.key")).unwrap();
    fs::rename(data.join("keys/audit.entries.key"), data.join("kept")).unwrap();
    assert!(refuses(data).contains("mycel trust recover"), "{}", refuses(data));
    assert!(!data.join("keys/audit.entries.key").exists());
    fs::rename(data.join("kept"), data.join("keys/audit.entries.key")).unwrap();
    // Entries are gone that were signed.
    fs::remove_file(truth).unwrap();
    assert!(refuses(data).contains("are gone"), "{}", refuses(data));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_has_a_log_of_its_own_and_so_has_what_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let homes = Homes::open(folder.path()).unwrap();
    let gateways = homes.acts("test", [1; 32]).unwrap();
    let region = homes.region("one").unwrap();
    let only = Options { only: Some("one".to_owned()), ..Options::default() };
    let (engine, _) = start_with(PLANET, &region, &only);
    let named = |data: &Path| audit::home::verifier(data).unwrap().unwrap().name().to_owned();
    assert_eq!(named(folder.path()), format!("mycel/audit/test/{}", homes.planet()));
    let gateway = Act::GatewayKnown { key: Key(homes.gateway().id().0) };
    assert_eq!(acts(&region)[1], gateway, "it says whose word it takes");
    assert_eq!(named(&region), format!("mycel/audit/test.one/{}", homes.planet()));
    gateways.takes_file([1; 32]).unwrap();
    gateways.takes_file([2; 32]).unwrap();
    gateways.end();
    assert!(matches!(
        acts(folder.path())[..],
        [Act::Started { .. }, Act::PolicyChanged { .. }, Act::PolicyChanged { .. }, Act::Stopped {}]
    ));
    assert_eq!(last(&region).place, Place::Region(audit::entry::Name::cut("one")));
    // A process holds it: nobody else appends.
    let id = audit::asked::Id([1; 16]);
    let entry = Entry { who: Who::Directory, address: id.address(), ..last(&region) };
    let at_rest = |entry: &Entry| {
        let log = ("test", homes.planet(), None);
        audit::home::append_at_rest(&region, log, (id, std::slice::from_ref(entry)))
    };
    let held = at_rest(&entry);
    assert!(held.unwrap_err().to_string().contains("another process"));
    let mut backup = Vec::new();
    engine.backup(&By::node(), &mut backup, &[1; 32], true).unwrap();
    engine.stop();
    drop(engine);
    let at = at_rest(&entry).unwrap();
    assert_eq!(at + 1, u64::try_from(acts(&region).len()).unwrap());
    let again = folder.path().join("again");
    restore_planet(&mut &backup[..], &[1; 32], &again, None, &mut |_, _| {}).unwrap();
    assert!(matches!(acts(&again)[..], [Act::Restored { .. }]), "it begins anew");
    let vkey = |data: &Path| audit::home::verifier(data).unwrap().unwrap().to_string();
    assert_ne!(vkey(&again), vkey(&region), "under another key");
    start_with(PLANET, &again, &only).0.stop();
    assert!(matches!(
        acts(&again)[..],
        [Act::Restored { .. }, Act::Started { .. }, Act::GatewayKnown { .. }, Act::Stopped {}]
    ));
}

/// What a process answers to a request for one act.
fn asked(data: &Path, id: Id, act: Act) -> Answer {
    let entry = Entry {
        time: 1,
        act,
        who: Who::Directory,
        right: Right::Own,
        rule: Name::default(),
        address: id.address(),
        place: Place::Planet,
        reason: Reason::cut("a test"),
    };
    let asked = Asked::ask(data, id, &[entry]).unwrap();
    let begun = Instant::now();
    loop {
        if let Some(answer) = asked.answer().unwrap() {
            return answer;
        }
        assert!(begun.elapsed().as_secs() < 10, "nobody answers");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_asks_for_is_entered_once_and_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (engine, _) = start(PLANET, data);
    let revoked = || Act::KeyRevoked { key: Key([9; 32]) };
    let (one, other) = (Id([1; 16]), Id([2; 16]));
    assert_eq!(asked(data, one, revoked()), Answer::Entered(1));
    assert!(last(data).time > 1_700_000_000_000, "when it is, the process says");
    // As if the answer had been lost: whoever asks again at the same request hears the same.
    assert_eq!(asked(data, one, revoked()), Answer::Entered(1));
    assert_eq!(acts(data).len(), 2);
    assert_eq!(asked(data, other, revoked()), Answer::Entered(2));
    // What the process itself has done, no command says was not done.
    let refused = asked(data, Id([3; 16]), Act::NotDone { entry: 0 });
    assert!(matches!(&refused, Answer::Refused(why) if why.contains("not about what a command does")), "{refused:?}");
    assert!(matches!(asked(data, Id([4; 16]), Act::Sealed {}), Answer::Refused(_)));
    assert_eq!(asked(data, Id([5; 16]), Act::NotDone { entry: 2 }), Answer::Entered(3));
    engine.stop();
    drop(engine);
    // At rest, and in the next process.
    let entry = Entry { act: revoked(), address: one.address(), ..entered(data)[1].clone() };
    let log = ("test", PlanetId::of_root(key(0).id()), None);
    assert_eq!(audit::home::append_at_rest(data, log, (one, &[entry])).unwrap(), 1);
    let (engine, _) = start(PLANET, data);
    assert_eq!(asked(data, other, revoked()), Answer::Entered(2));
    engine.stop();
}

/// A year later: what is old goes, and the key has a successor.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_done_by_a_planet_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    start(PLANET, data).0.stop();
    let first = audit::home::verifier(data).unwrap().unwrap();
    let later = Options { clock_ahead: Millis::days(400), ..Options::default() };
    // What is for ever is not done by a clock that the log does not bear out.
    start_with(PLANET, data, &later).0.stop();
    assert!(!acts(data).iter().any(|act| matches!(act, Act::Pruned { .. })));
    assert!(data.join("audit/entries").exists());
    start_with(PLANET, data, &later).0.stop();
    let acts = acts(data);
    let many = |is_it: fn(&Act) -> bool| acts.iter().filter(|act| is_it(act)).count();
    assert_eq!(many(|act| matches!(act, Act::Pruned { first: 2, .. })), 1, "{acts:?}");
    assert_eq!(many(|act| matches!(act, Act::KeyRotated { line, .. } if line.as_str() == "audit")), 2, "{acts:?}");
    assert!(!data.join("audit/entries").exists(), "its segment is gone");
    let reader = audit::home::reader(&audit::home::folder(data)).unwrap();
    let report = audit::verify::verify(&reader, &first, &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good(), "{:?}", report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_how_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let figure = |name: &str| engine.figures().into_iter().find(|figure| figure.0 == name).unwrap().2;
    assert_eq!((figure("mycel_audit_entries_total"), figure("mycel_audit_failed")), (1, 0));
    assert!(figure("mycel_audit_checkpoint_time_seconds") > 1_700_000_000);
    engine.ready().unwrap();
    engine.stop();
}
