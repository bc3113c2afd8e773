//! What a residency class asks for beside a place: consent, opting out,
//! erasure and an end.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use node::{AtRest, Body, Code, Compared, Engine, OpAsk, OpDone, Options, Refusal, Where};
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::{Agent, PLANET, copy, key, start, verify};
use tempfile::tempdir;

/// The planet, whose class asks for more.
fn planet(more: &str) -> String {
    PLANET.replace("name = \"gdpr\"", &format!("name = \"gdpr\"\n{more}"))
}

async fn put(engine: &Engine, agent: &Agent, name: &str, value: &str) -> Result<OpDone, Refusal> {
    let (key, value, class) = (name.into(), value.into(), Some("gdpr".to_owned()));
    agent.op(engine, "put", Body::Value { key, value, class }).await
}

async fn say(engine: &Engine, agent: &Agent, kind: &'static str, stands: bool) -> OpDone {
    agent.op(engine, kind, Body::Stance { class: "gdpr".into(), stands }).await.unwrap()
}

async fn erase(engine: &Engine, agent: &Agent) -> OpDone {
    agent.op(engine, "erase", Body::Nothing).await.unwrap()
}

/// A record goes by a code under its owner's key, so that with the key even its
/// name is gone: with the key still there, this would find it.
async fn is_erased(engine: &Engine, agent: &Agent, name: &str) -> bool {
    let got = agent.get(engine, name).await.unwrap();
    got.value.is_none() && got.before == Some(0)
}

fn read(engine: &Engine, name: &str) -> OpAsk {
    let body = Body::Record { key: name.into() };
    OpAsk { id: support::name(engine), kind: "get", body, patience: vocab::Millis(0) }
}

async fn european(engine: &Engine, seed: u8) -> Agent {
    Agent::attach(engine, key(seed), Where::Region("two".into())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_need_consent_wait_for_it_and_say_what_to_do() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(&planet("consent = true"), folder.path());
    let agent = european(&engine, 1).await;
    let refused = put(&engine, &agent, "name", "value").await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Residency, Some("class")));
    assert!(refused.what.contains("`mycel op consent --class gdpr`"), "{refused}");
    say(&engine, &agent, "consent", true).await;
    let kept = put(&engine, &agent, "name", "value").await.unwrap();
    say(&engine, &agent, "opt-out", true).await;
    say(&engine, &agent, "consent", false).await;
    assert_eq!(put(&engine, &agent, "name", "other").await.unwrap_err().code, Code::Residency);
    // Another's consent is another's, and what was kept stays.
    let other = european(&engine, 2).await;
    assert_eq!(put(&engine, &other, "name", "value").await.unwrap_err().code, Code::Residency);
    let unknown = agent.op(&engine, "consent", Body::Stance { class: "gdrp".into(), stands: true }).await.unwrap_err();
    assert_eq!((unknown.code, unknown.field), (Code::Bad, Some("class")));
    engine.stop();
    drop(engine);

    let (engine, _) = start(&planet("consent = true"), folder.path());
    let agent = european(&engine, 1).await;
    assert_eq!(put(&engine, &agent, "name", "other").await.unwrap_err().code, Code::Residency);
    let got = agent.get(&engine, "name").await.unwrap();
    assert_eq!((got.value.as_deref(), got.before), (Some(&b"value"[..]), Some(kept.sequence)));
    let said = engine.stances(agent.id(), 10).await.unwrap();
    let said: Vec<_> = said.iter().map(|said| (said.matter, said.class.as_deref(), said.stands)).collect();
    use block::kinds::Matter::{Consent, OptOut};
    assert_eq!(said, [(Consent, Some("gdpr"), false), (OptOut, Some("gdpr"), true)]);
    assert_eq!(engine.stances(other.id(), 10).await.unwrap(), []);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_gone_and_its_chain_and_proofs_are_whole() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(&planet("consent = true"), folder.path());
    let (agent, other) = (european(&engine, 1).await, european(&engine, 2).await);
    assert_eq!(agent.attached.block, other.attached.block);
    say(&engine, &agent, "consent", true).await;
    put(&engine, &agent, "name", "value").await.unwrap();
    other.put(&engine, "mine", "stays").await.unwrap();
    let message = Body::Message { to: other.id(), message: b"hello".to_vec() };
    agent.op(&engine, "send", message).await.unwrap();
    let read = read(&engine, "name");
    let got = engine.op(&agent.connection, &agent.session, read.clone()).await.unwrap();
    assert_eq!(got.value.as_deref(), Some(&b"value"[..]));
    let erased = erase(&engine, &agent).await;
    assert!(is_erased(&engine, &agent, "name").await);
    // The answer of before is not given again.
    let again = engine.op(&agent.connection, &agent.session, read).await.unwrap();
    assert!(again.again && again.value.is_none() && again.why.unwrap().contains("erased"));
    // What it had sent and nobody had read is erased with the rest.
    let inbox = engine.inbox(other.id(), None, 10, Duration::ZERO).await.unwrap();
    assert_eq!((inbox[0].from, &inbox[0].message), (agent.id(), &None));
    assert_eq!(other.get(&engine, "mine").await.unwrap().value.as_deref(), Some(&b"stays"[..]));
    // It begins anew: with no consent, and with a key of its own.
    assert_eq!(put(&engine, &agent, "new", "value").await.unwrap_err().code, Code::Residency);
    say(&engine, &agent, "consent", true).await;
    put(&engine, &agent, "new", "value").await.unwrap();
    engine.stop();
    drop(engine);

    // The new key outlives every start, though the erasure is followed again.
    for without_index in [false, true] {
        if without_index {
            fs::remove_dir_all(folder.path().join("index")).unwrap();
        }
        let (engine, _) = start(&planet("consent = true"), folder.path());
        let agent = european(&engine, 1).await;
        assert_eq!(agent.get(&engine, "new").await.unwrap().value.as_deref(), Some(&b"value"[..]));
        assert!(is_erased(&engine, &agent, "name").await);
        let part = engine.chain(&agent.attached.block, 1, 100, Duration::ZERO).await.unwrap();
        let head = verify(agent.session.lease().block, &part.entries);
        assert_eq!((head.sequence, head.link), part.head);
        let entry = &part.entries[usize::try_from(erased.sequence).unwrap() - 1];
        assert_eq!(block::chain::Entry::decode(entry).unwrap().kind, 9);
        engine.stop();
    }
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(checked.is_whole(), "{checked:?}");
    assert!(matches!(checked.index, Compared::Whole { rows } if rows > 5), "{:?}", checked.index);
}

/// What a kill leaves between the entry and the end of the keys: the log has
/// the erasure, the register of keys has not heard of it, and the index has or
/// has not.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_a_kill_cut_short_is_carried_out_at_the_next_start() {
    let (folder, before) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start(PLANET, folder.path());
    let agent = european(&engine, 1).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    copy(folder.path(), before.path());
    let (engine, _) = start(PLANET, folder.path());
    let agent = european(&engine, 1).await;
    erase(&engine, &agent).await;
    engine.stop();
    drop(engine);
    for index_has_followed in [true, false] {
        let cut = tempdir().unwrap();
        copy(folder.path(), cut.path());
        fs::copy(before.path().join("owners"), cut.path().join("owners")).unwrap();
        if !index_has_followed {
            fs::remove_dir_all(cut.path().join("index")).unwrap();
            copy(&before.path().join("index"), &cut.path().join("index"));
        }
        let key_of = |folder: &Path| fs::read(folder.join("owners")).unwrap()[..160] != [0; 160];
        assert!(key_of(cut.path()), "the key is back");
        let (engine, started) = start(PLANET, cut.path());
        assert_eq!(started.followed > 0, !index_has_followed);
        assert!(!key_of(cut.path()), "the key is destroyed before anybody is served");
        let agent = european(&engine, 1).await;
        assert!(is_erased(&engine, &agent, "name").await);
        agent.put(&engine, "new", "value").await.unwrap();
        engine.stop();
    }
}

/// An older log with the register of today: an erasure that is asked for there
/// is about all keys, though the log has not come to where they were made.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_in_an_older_log_reaches_the_keys_of_today() {
    let (folder, before) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start(PLANET, folder.path());
    let agent = european(&engine, 1).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    copy(folder.path(), before.path());
    let (engine, _) = start(PLANET, folder.path());
    let agent = european(&engine, 1).await;
    erase(&engine, &agent).await;
    for at in 0..50 {
        agent.put(&engine, &format!("key {at}"), &"v".repeat(1_000)).await.unwrap();
    }
    erase(&engine, &agent).await;
    agent.put(&engine, "late", "value").await.unwrap();
    engine.stop();
    drop(engine);
    fs::copy(folder.path().join("owners"), before.path().join("owners")).unwrap();
    for _ in 0..2 {
        let (engine, _) = start(PLANET, before.path());
        let agent = european(&engine, 1).await;
        agent.put(&engine, "secret", "value").await.unwrap();
        erase(&engine, &agent).await;
        assert!(is_erased(&engine, &agent, "secret").await);
        engine.stop();
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}

/// Records of a class end by themselves: to whoever reads at once, in the chain
/// a little later, and also what had ended while nothing ran.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_class_expire_by_themselves_in_their_chain() {
    let folder = tempdir().unwrap();
    let file = planet("retention = \"2s\"");
    let (engine, _) = start(&file, folder.path());
    let agent = european(&engine, 1).await;
    let kept = put(&engine, &agent, "name", "value").await.unwrap();
    agent.put(&engine, "of no class", "stays").await.unwrap();
    let read = read(&engine, "name");
    let got = engine.op(&agent.connection, &agent.session, read.clone()).await.unwrap();
    assert_eq!(got.value.as_deref(), Some(&b"value"[..]));
    let expired = async |engine: &Engine, written: u64| {
        let part = engine.chain(&agent.attached.block, 1, 100, Duration::ZERO).await.unwrap();
        let entries = part.entries.iter().map(|bytes| block::chain::Entry::decode(bytes).unwrap());
        let deeds = entries.filter_map(|entry| block::house::Deed::decode(entry.kind, entry.payload));
        deeds.filter(|deed| matches!(deed, block::house::Deed::Expire(aged) if aged.written == written)).count()
    };
    until("it expires", async || expired(&engine, kept.sequence).await == 1).await;
    let gone = agent.get(&engine, "name").await.unwrap();
    assert_eq!((gone.value, gone.before), (None, Some(0)));
    // The answer of before is not given again.
    let again = engine.op(&agent.connection, &agent.session, read).await.unwrap();
    assert!(again.again && again.value.is_none() && again.why.unwrap().contains("expired"));
    let late = put(&engine, &agent, "late", "value").await.unwrap();
    engine.stop();
    drop(engine);

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let (engine, _) = start(&file, folder.path());
    let agent = european(&engine, 1).await;
    let gone = agent.get(&engine, "late").await.unwrap();
    assert_eq!((gone.value, gone.before), (None, Some(0)), "from the first read on");
    until("it expires", async || expired(&engine, late.sequence).await == 1).await;
    assert_eq!(expired(&engine, kept.sequence).await, 1, "once");
    assert_eq!(agent.get(&engine, "of no class").await.unwrap().value.as_deref(), Some(&b"stays"[..]));
    engine.stop();
    drop(engine);
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(checked.is_whole(), "{checked:?}");
}

/// An index of a version that knew no end of records learns of those it has.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_earlier_versions_expire_too() {
    use store::{FjallRecords, Records as _, Space};
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = european(&engine, 1).await;
    let kept = put(&engine, &agent, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    let (aging, marks) = (Space("aging"), Space("marks"));
    let records = FjallRecords::open(&folder.path().join("index"), &[aging, marks], 1 << 20).unwrap();
    let rows = records.scan(aging, &[0], None, 10).unwrap();
    assert_eq!(rows.len(), 1);
    let mut batch = store::Batch::default();
    batch.delete(aging, rows[0].0.clone());
    batch.delete(marks, b"aging");
    records.write(batch).unwrap();
    records.persist().unwrap();
    drop(records);
    let (engine, _) = start(&planet("retention = \"1s\""), folder.path());
    let part = async || engine.chain(&agent.attached.block, kept.sequence + 1, 10, Duration::ZERO).await.unwrap();
    until("it expires", async || !part().await.entries.is_empty()).await;
    engine.stop();
}

/// The one rule of law: a part is in its whole, and what says nothing may be nowhere.
#[tokio::test]
async fn records_may_be_where_the_law_of_the_file_says() {
    let folder = tempdir().unwrap();
    let file = PLANET.replace("jurisdictions = [\"EU\"]\n[data]", "jurisdictions = [\"IE\"]\n[data]");
    let file = file.replace("[enrol]", "[[data.class]]\nname = \"nowhere\"\n[enrol]");
    assert!(file.contains("IE"), "{file}");
    let (engine, _) = start(&file, folder.path());
    let (european, american) =
        (european(&engine, 1).await, Agent::attach(&engine, key(2), Where::Region("one".into())).await);
    put(&engine, &european, "name", "value").await.unwrap();
    assert_eq!(put(&engine, &american, "name", "value").await.unwrap_err().code, Code::Residency);
    for agent in [european, american] {
        let (key, value, class) = (b"name".to_vec(), b"value".to_vec(), Some("nowhere".to_owned()));
        let refused = agent.op(&engine, "put", Body::Value { key, value, class }).await.unwrap_err();
        assert_eq!(refused.code, Code::Residency);
    }
    engine.stop();
}

/// Keys of the first form do not say when they were made: before any erasure.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_reaches_the_keys_of_earlier_versions() {
    let folder = tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/version-1"), folder.path());
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert!(agent.get(&engine, "key 17").await.unwrap().value.is_some());
    erase(&engine, &agent).await;
    assert!(is_erased(&engine, &agent, "key 17").await);
    engine.stop();
}

/// Whose lease was given by a clock that was two years ahead holds its slot as
/// before when that was mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_keeps_nobody_from_its_slot() {
    let folder = tempfile::tempdir().unwrap();
    let ahead = Options { clock_ahead: vocab::Millis::days(732), ..Options::default() };
    let (engine, _) = support::start_with(PLANET, folder.path(), &ahead);
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop((engine, agent));
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!(agent.get(&engine, "name").await.unwrap().value.as_deref(), Some(&b"value"[..]));
    // Its block takes an op each millisecond, and no two in one.
    tokio::time::sleep(Duration::from_millis(20)).await;
    agent.put(&engine, "name", "again").await.unwrap();
    engine.stop();
}
