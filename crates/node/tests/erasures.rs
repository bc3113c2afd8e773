//! Erasures that somebody demands: by a signature, with an entry in every block
//! where the owner has been, and not otherwise.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use block::chain::Entry;
use block::kinds::demanded;
use node::{AtRest, Code, Compared, Engine, Erasures, OpSeen, Options, Refusal, Where};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use support::{Agent, PLANET, key, start, start_with, verify};
use tempfile::tempdir;
use trust::erasure::{Demand, LONGEST};
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};
use wire::Hex;

const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn demand(engine: &Engine, by: &SigningKey, of: AgentId) -> Demand {
    Demand::make(by, engine.planet(), of, engine.now())
}

async fn erase(engine: &Engine, demand: &Demand) -> Result<Erasures, Refusal> {
    engine.erase(demand, false, SOURCE).await
}

/// The key of whoever may administer.
fn operator(folder: &Path) -> SigningKey {
    let secret = fs::read_to_string(folder.join("keys/operator.key")).unwrap();
    SigningKey::new(&Secret::take(&mut secret.trim().parse::<Hex<32>>().unwrap().0))
}

async fn at(engine: &Engine, seed: u8, region: &str) -> Agent {
    Agent::attach(engine, key(seed), Where::Region(region.into())).await
}

async fn is_there(engine: &Engine, agent: &Agent, name: &str) -> bool {
    agent.get(engine, name).await.unwrap().value.is_some()
}

/// The demands in the chain of an agent's block, each with its place; every
/// link is checked.
async fn demands(engine: &Engine, agent: &Agent) -> Vec<(u64, Demand)> {
    let part = engine.chain(&agent.attached.block, 1, 1_000, Duration::ZERO).await.unwrap();
    let head = verify(agent.session.lease().block, &part.entries);
    assert_eq!((head.sequence, head.link), part.head);
    let entries = part.entries.iter().map(|bytes| Entry::decode(bytes).unwrap());
    let found: Vec<_> = entries.filter_map(|entry| Some((entry.sequence, demanded(&entry)?))).collect();
    assert!(found.iter().all(|(_, demand)| demand.verify().is_ok()));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_demands_it_without_a_lease_and_the_chain_says_so_once() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let (agent, other) = (at(&engine, 1, "two").await, at(&engine, 2, "two").await);
    assert_eq!(agent.attached.block, other.attached.block);
    agent.put(&engine, "name", "value").await.unwrap();
    other.put(&engine, "mine", "stays").await.unwrap();
    let demanded = demand(&engine, &agent.key, agent.id());
    engine.detach(&agent.session).await.unwrap();
    let told = erase(&engine, &demanded).await.unwrap();
    assert_eq!((told.keys, told.erased.len(), &told.erased[0].block), (1, 1, &agent.attached.block));
    assert_eq!(demands(&engine, &agent).await, [(told.erased[0].sequence, demanded)]);
    assert!(is_there(&engine, &other, "mine").await);
    // It comes back, with nothing; the same demand again takes nothing of what is new.
    let agent = at(&engine, 1, "two").await;
    assert!(!is_there(&engine, &agent, "name").await);
    agent.put(&engine, "new", "value").await.unwrap();
    assert_eq!(erase(&engine, &demanded).await.unwrap(), told);
    // It is among its own ops, and says of no record what was there before.
    let ops = agent.ops_of(&engine).await;
    let ended = |seen: &OpSeen| matches!(seen, OpSeen::Ended(done) if (done.sequence, done.before) == (told.erased[0].sequence, None));
    assert_eq!(ops.iter().filter(|(_, seen)| ended(seen)).count(), 1, "{ops:?}");
    engine.stop();
    drop(engine);

    for without_index in [false, true] {
        if without_index {
            fs::remove_dir_all(folder.path().join("index")).unwrap();
        }
        let (engine, _) = start(PLANET, folder.path());
        assert_eq!(erase(&engine, &demanded).await.unwrap(), told);
        let (agent, other) = (at(&engine, 1, "two").await, at(&engine, 2, "two").await);
        assert_eq!(demands(&engine, &agent).await.len(), 1);
        assert!(!is_there(&engine, &agent, "name").await && is_there(&engine, &agent, "new").await);
        assert!(is_there(&engine, &other, "mine").await);
        engine.stop();
    }
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(checked.is_whole(), "{checked:?}");
    assert!(matches!(checked.index, Compared::Whole { .. }), "{:?}", checked.index);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_where_the_owner_has_been_says_so() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let first = at(&engine, 1, "one").await;
    first.put(&engine, "name", "value").await.unwrap();
    engine.detach(&first.session).await.unwrap();
    let second = at(&engine, 1, "two").await;
    second.put(&engine, "name", "value").await.unwrap();
    // One is sealed, and cannot say so: all of it is to be asked for again.
    engine.seal(&node::By::node(), &second.attached.block, "a test").await.unwrap();
    let demanded = demand(&engine, &operator(folder.path()), first.id());
    let refused = erase(&engine, &demanded).await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.what.starts_with("block two/0 cannot say so: the block is sealed"), "{refused}");
    engine.open_block(&node::By::node(), &second.attached.block).await.unwrap();
    let told = erase(&engine, &demanded).await.unwrap();
    let mut blocks: Vec<_> = told.erased.iter().map(|erased| erased.block.region.as_str()).collect();
    blocks.sort_unstable();
    assert_eq!((blocks, told.keys), (vec!["one", "two"], 2));
    for agent in [&first, &second] {
        assert_eq!(demands(&engine, agent).await.iter().map(|(_, demand)| *demand).collect::<Vec<_>>(), [demanded]);
    }
    assert!(!is_there(&engine, &second, "name").await);
    // It has nothing here any more: another demand is told what stands.
    let later = demand(&engine, &first.key, first.id());
    second.op(&engine, "erase", node::Body::Nothing).await.unwrap();
    let stands = erase(&engine, &later).await.unwrap();
    assert_eq!((stands.keys, stands.erased.len()), (0, 2));
    assert_eq!(demands(&engine, &second).await.len(), 1);
    engine.stop();
}

/// Whoever caught a demand sends it once more when its owner has begun anew
/// elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_demand_that_was_carried_out_reaches_nothing_that_is_newer() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let before = at(&engine, 1, "one").await;
    before.put(&engine, "name", "value").await.unwrap();
    let demanded = demand(&engine, &before.key, before.id());
    let told = erase(&engine, &demanded).await.unwrap();
    engine.detach(&before.session).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let after = at(&engine, 1, "two").await;
    assert_eq!(erase(&engine, &demanded).await.unwrap(), told);
    after.put(&engine, "new", "value").await.unwrap();
    assert_eq!(erase(&engine, &demanded).await.unwrap(), told);
    assert!(is_there(&engine, &after, "new").await);
    assert_eq!(demands(&engine, &after).await, []);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_sealed_anything_has_nothing_to_erase() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = at(&engine, 1, "one").await;
    for seed in [1, 9] {
        let told = erase(&engine, &demand(&engine, &key(seed), key(seed).id())).await.unwrap();
        assert_eq!((told.keys, told.erased.len()), (0, 0));
    }
    assert_eq!(demands(&engine, &agent).await, []);
    engine.stop();
}

/// A register of keys of later with a log of before: only the key tells of its
/// owner.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_no_block_knows_is_erased_in_the_first() {
    let (folder, before) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start(PLANET, folder.path());
    engine.stop();
    drop(engine);
    copy(folder.path(), before.path());
    let (engine, _) = start(PLANET, folder.path());
    at(&engine, 1, "two").await.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    fs::copy(folder.path().join("owners"), before.path().join("owners")).unwrap();
    let (engine, _) = start(PLANET, before.path());
    let told = erase(&engine, &demand(&engine, &key(1), key(1).id())).await.unwrap();
    let place = |told: &Erasures| (told.erased[0].block.region.clone(), told.erased[0].block.index);
    assert_eq!((told.keys, told.erased.len(), place(&told)), (1, 1, ("two".to_owned(), 0)));
    engine.stop();
    assert!(fs::read(before.path().join("owners")).unwrap()[..160] == [0; 160]);
}

fn name(seed: u8) -> String {
    Hex(key(seed).id().0).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_and_who_administers_everything_may_demand_it() {
    let folder = tempdir().unwrap();
    let file = format!(
        r#"{PLANET}
[[access.role]]
name = "agent"
rights = ["read", "operate"]
[[access.role]]
name = "steward"
rights = ["administer"]
agents = ["{steward}", "{outcast}"]
[[access.role]]
name = "outcast"
agents = ["{outcast}"]
[[access.role]]
name = "warden"
agents = ["{warden}"]
[[access.rule]]
name = "wardens"
rights = ["administer"]
roles = ["warden"]
regions = ["two"]
[[access.rule]]
name = "not-from-one"
effect = "deny"
rights = ["administer"]
roles = ["outcast"]
from = ["one"]
"#,
        steward = name(3),
        warden = name(4),
        outcast = name(5),
    );
    let (engine, _) = start(&file, folder.path());
    let agent = at(&engine, 1, "two").await;
    agent.put(&engine, "name", "value").await.unwrap();
    // An outsider; who administers where the owner is and nowhere else; and one who would only have to leave.
    for seed in [2, 4, 5] {
        let refused = erase(&engine, &demand(&engine, &key(seed), agent.id())).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "{seed}: {refused}");
        assert!(refused.what.starts_with("only its owner may, and who administers: "), "{refused}");
    }
    assert!(engine.bans().is_empty());
    // Another planet's, one of yesterday, and one that somebody changed.
    let (own, now) = (&agent.key, engine.now());
    let elsewhere = Demand::make(own, PlanetId([9; 16]), agent.id(), now);
    assert_eq!(erase(&engine, &elsewhere).await.unwrap_err().code, Code::Forbidden);
    let old = Demand::make(own, engine.planet(), agent.id(), Moment(now.0 - LONGEST.0 - 1_000));
    let refused = erase(&engine, &old).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Bad, Some("demand")));
    let changed = Demand { by: operator(folder.path()).id(), ..demand(&engine, &key(2), agent.id()) };
    for _ in 0..20 {
        assert_eq!(erase(&engine, &changed).await.unwrap_err().code, Code::Unknown);
    }
    assert_eq!(engine.bans().len(), 1, "a wrong signature is a failed proof of its source");
    assert!(is_there(&engine, &agent, "name").await);
    assert_eq!(demands(&engine, &agent).await, []);
    // Whoever a rule asks where its slot is has one where it may.
    let _seat = at(&engine, 5, "two").await;
    for (seed, times) in [(5, 1), (3, 2)] {
        agent.put(&engine, "name", "value").await.unwrap();
        let told = erase(&engine, &demand(&engine, &key(seed), agent.id())).await.unwrap();
        assert_eq!((told.keys, told.erased.len()), (1, 1));
        assert!(!is_there(&engine, &agent, "name").await);
        let demands = demands(&engine, &agent).await;
        assert_eq!((demands.len(), demands[times - 1].1.by), (times, key(seed).id()));
    }
    engine.stop();
}

/// What everybody has, whoever only signs has not.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_nobody_erased_by_what_is_everybodys() {
    for roles in ["roles = [\"agent\"]", ""] {
        let folder = tempdir().unwrap();
        let rule = format!(
            "[access]\n[[access.rule]]\nname = \"all\"\nrights = [\"administer\", \"operate\", \"read\"]\n{roles}"
        );
        let (engine, _) = start(&format!("{PLANET}\n{rule}"), folder.path());
        let agent = at(&engine, 1, "two").await;
        agent.put(&engine, "name", "value").await.unwrap();
        let refused = erase(&engine, &demand(&engine, &key(2), agent.id())).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "{refused}");
        assert!(is_there(&engine, &agent, "name").await);
        assert_eq!(demands(&engine, &agent).await, []);
        // Whoever holds a slot is who the rule is about.
        let _seat = at(&engine, 2, "two").await;
        assert_eq!(erase(&engine, &demand(&engine, &key(2), agent.id())).await.unwrap().keys, 1);
        engine.stop();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What a kill leaves between the entry and the end of the keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_demand_that_a_kill_cut_short_is_carried_out_at_the_next_start() {
    let (folder, before) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start(PLANET, folder.path());
    let agent = at(&engine, 1, "two").await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    copy(folder.path(), before.path());
    let (engine, _) = start(PLANET, folder.path());
    let demanded = demand(&engine, &key(1), agent.id());
    let told = erase(&engine, &demanded).await.unwrap();
    engine.stop();
    drop(engine);
    fs::copy(before.path().join("owners"), folder.path().join("owners")).unwrap();
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    copy(&before.path().join("index"), &folder.path().join("index"));
    let (engine, _) = start(PLANET, folder.path());
    assert!(fs::read(folder.path().join("owners")).unwrap()[..160] == [0; 160], "before anybody is served");
    assert_eq!(erase(&engine, &demanded).await.unwrap(), told);
    engine.stop();
}

/// Of a planet of several processes each has the keys of its own region.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_one_region_erases_what_was_sealed_there() {
    let folder = tempdir().unwrap();
    let options = Options { only: Some("two".to_owned()), ..Options::default() };
    let (engine, _) = start_with(PLANET, folder.path(), &options);
    let agent = at(&engine, 1, "two").await;
    agent.put(&engine, "name", "value").await.unwrap();
    let told = erase(&engine, &demand(&engine, &operator(folder.path()), agent.id())).await.unwrap();
    assert_eq!((told.keys, told.erased[0].block.region.as_str()), (1, "two"));
    engine.stop();
}
