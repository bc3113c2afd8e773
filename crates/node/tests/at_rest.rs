//! What lies on the disk of a planet: nothing that an agent said stands there to
//! be read, in no file, whether the planet runs, has stopped, or was backed up.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use node::{Body, By, Engine, Where};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use support::{Agent, PLANET, key, start};
use tempfile::tempdir;

/// Words that nobody else says: in names, values and messages.
const SAID: [&str; 4] = ["xylophone-name", "quicksilver-value", "zeppelin-message", "obsidian-echo"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, found);
        } else {
            found.push(entry);
        }
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Every file in which one of these words stands, and the words.
fn where_said(folder: &Path, words: &[Vec<u8>]) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    files(folder, &mut all);
    let mut found = Vec::new();
    for file in all {
        let bytes = fs::read(&file).unwrap();
        for word in words.iter().filter(|word| holds(&bytes, word)) {
            found.push((file.clone(), String::from_utf8_lossy(word).into_owned()));
        }
    }
    found
}

async fn say_all(engine: &Engine, from: &Agent, to: &Agent) {
    let [name, value, message, echo] = SAID;
    for number in 0..50 {
        let key = format!("{name} {number}");
        let value = format!("{value} {number} ").repeat(1 + number * 7);
        from.op(engine, "put", Body::Value { key: key.into(), value: value.into(), class: None }).await.unwrap();
    }
    let text = format!("{message} to you").into_bytes();
    from.op(engine, "send", Body::Message { to: to.id(), message: text }).await.unwrap();
    from.op(engine, "echo", Body::Bytes(format!("{echo} {echo}").into_bytes())).await.unwrap();
    from.get(engine, &format!("{name} 3")).await.unwrap();
    from.op(engine, "delete", Body::Record { key: format!("{name} 4").into() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_agent_said_stands_on_the_disk() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let from = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let to = Agent::attach(&engine, key(2), Where::Region("one".into())).await;
    say_all(&engine, &from, &to).await;
    let words: Vec<Vec<u8>> = SAID.iter().map(|word| word.as_bytes().to_vec()).collect();
    assert_eq!(where_said(folder.path(), &words), [], "while it runs");
    engine.stop();
    drop(engine);
    assert_eq!(where_said(folder.path(), &words), [], "when it has stopped");
    // The looking itself finds what is there.
    fs::write(folder.path().join("log").join("slip"), SAID[1]).unwrap();
    assert_eq!(where_said(folder.path(), &words).len(), 1);
}

/// What only an act says: why, about whom, by which address, and where.
const ACTS: [&str; 4] = ["marzipan-reason", "198.51.100.77", "203.0.113.88", "role operator"];

/// The audit log says who did what to whom and why; on the disk it does not,
/// but in its hashes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_act_says_stands_on_the_disk() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let [reason, net, address, rule] = ACTS;
    let by = By { rule: audit::entry::Name::cut(rule), ..By::administers(key(9).id(), address.parse().unwrap()) };
    for number in 0..300 {
        engine.seal(&by, &agent.attached.block, &format!("{reason} {number}")).await.unwrap();
        engine.open_block(&by, &agent.attached.block).await.unwrap();
    }
    let of: IpAddr = net.parse().unwrap();
    engine.ban(&by, block::bans::Net::of_source(of), engine.now().after(vocab::Millis::minutes(1))).unwrap();
    let mut words: Vec<Vec<u8>> = ACTS.iter().map(|word| word.as_bytes().to_vec()).collect();
    // Whoever did it, as bytes and as letters.
    words.push(key(9).id().0.to_vec());
    words.push(key(9).id().to_string().into_bytes());
    let entered = support::entered(folder.path());
    assert!(entered.len() > 600 && entered[1].reason.as_str() == "marzipan-reason 0", "and it is read where it may be");
    assert_eq!(where_said(folder.path(), &words), [], "while it runs");
    engine.stop();
    drop((engine, agent));
    assert_eq!(where_said(folder.path(), &words), [], "when it has stopped");
}

/// A secret is in its own file, and in no other: neither as letters nor as bytes.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_their_own_files_and_in_no_other() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop(engine);
    let mut keys = Vec::new();
    files(&folder.path().join("keys"), &mut keys);
    keys.retain(|file| file.extension().is_some_and(|end| end == "key"));
    assert!(keys.len() >= 4, "{keys:?}");
    for file in keys {
        let letters = fs::read_to_string(&file).unwrap();
        let bytes = custody::folder::hex(letters.trim()).unwrap();
        let words = [letters.trim().as_bytes().to_vec(), bytes.to_vec()];
        let found = where_said(folder.path(), &words);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, file);
    }
}
