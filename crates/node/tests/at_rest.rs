//! What lies on the disk of a planet: nothing that an agent said stands there to
//! be read, in no file, whether the planet runs, has stopped, or was backed up.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use node::{Body, Engine, Where};
use std::fs;
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
