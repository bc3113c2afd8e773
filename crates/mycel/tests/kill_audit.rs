//! A planet that is killed while it is administered: what was answered is in
//! its audit log, which is whole after every kill, and goes on as one log.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/process.rs"]
mod process;

use audit::entry::Act;
use audit::{Entry, Tiles, Verifier, home};
use client::{Body, Client, Place};
use process::{Folder, Up, key, operator, rounds};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// The kills of an ordinary run; the nightly one asks for 1,000.
const ROUNDS: u32 = 12;
/// Those who administer at once.
const WRITERS: u32 = 3;

const PLANET: &str = r#"
[planet]
name = "kill"
blocks = 4
[block]
op_rate = "1000000/s"
[block.monitor]
large_score = 0
requests_score = 0
destinations_score = 0
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

/// What somebody was told that it was done, as it stands in the log.
type Told = Arc<Mutex<BTreeSet<String>>>;

fn words(entry: &Entry) -> Option<String> {
    match &entry.act {
        Act::Banned { net, .. } => Some(format!("banned {net}")),
        Act::Sealed {} => Some(format!("sealed {}", entry.reason)),
        Act::Erased { .. } => Some("erased".to_owned()),
        _ => None,
    }
}

/// Acts one after another, until the planet is gone.
async fn administer(client: Client, (round, writer): (u32, u32), told: Told) {
    // Agents are in the first, which stays open.
    let block = client::tell::Block { region: "one".to_owned(), index: u64::from(writer) + 1 };
    for count in 0_u32.. {
        let done = if count % 4 == 3 {
            let reason = format!("{round}/{writer}/{count}");
            let sealed = client.seal(&block, &reason).await.map(|()| format!("sealed {reason}"));
            if sealed.is_ok() && client.open(&block).await.is_err() {
                told.lock().unwrap().extend(sealed);
                return;
            }
            sealed
        } else {
            let net = format!("10.{}.{}.{}/32", round % 256, writer, count % 256);
            client.ban(&net, Duration::from_secs(60)).await.map(|()| format!("banned {net}"))
        };
        match done {
            Ok(done) => told.lock().unwrap().insert(done),
            Err(_) => return,
        };
    }
}

/// The entries of a log of which every one was checked, and that continues what
/// was signed before.
fn entries(data: &Path, before: &mut Vec<String>) -> Vec<Entry> {
    let log: Verifier = home::verifier(data).unwrap().unwrap();
    let mirror = home::reader(&home::folder(data)).unwrap();
    let report = audit::verify::verify(&mirror, &log, before, &mut |_, _| {}).unwrap();
    assert!(report.is_good() && report.unknown == 0, "{:?}", report.faults);
    let signed = report.signed.unwrap();
    *before = vec![signed.note.to_string()];
    let tiles = Tiles::new(&mirror, signed.checkpoint.head.size);
    let read = |index| Entry::from_bytes(&tiles.entry(index).unwrap()).unwrap();
    (0..signed.checkpoint.head.size).map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_in_the_audit_log_after_every_kill() {
    let folder = Folder::new("kill-audit");
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let (told, mut before, mut erased) = (Told::default(), Vec::new(), 0);
    for round in 0..rounds(ROUNDS) {
        let up = Up::start(&file, &data);
        let mut acting = JoinSet::new();
        for writer in 0..WRITERS {
            let client = up.client(operator(&data)).await;
            client.attach(Place::Anywhere, None).await.unwrap();
            acting.spawn(administer(client, (round, writer), Arc::clone(&told)));
        }
        // An agent erases what is its own.
        let agent = up.client(key(1)).await;
        agent.attach(Place::Anywhere, None).await.unwrap();
        let put = Body::Put { key: b"k".to_vec(), value: b"v".to_vec(), class: None };
        agent.op(put).await.unwrap();
        if agent.op(Body::Erase).await.is_ok() {
            erased += 1;
        }
        tokio::time::sleep(Duration::from_millis(20 + u64::from(round * 37 % 180))).await;
        up.kill();
        // Clients would look for the planet for some seconds yet.
        tokio::time::sleep(Duration::from_millis(50)).await;
        acting.shutdown().await;
        // The start mends what the kill left; what it served before was whole as well.
        Up::start(&file, &data).stop();
        let entries = entries(&data, &mut before);
        let words: Vec<String> = entries.iter().filter_map(words).collect();
        let there: BTreeSet<_> = words.iter().cloned().collect();
        let missing: Vec<_> = told.lock().unwrap().iter().filter(|done| !there.contains(*done)).cloned().collect();
        assert!(missing.is_empty(), "round {round}: answered and not entered: {missing:?}");
        assert!(words.iter().filter(|word| *word == "erased").count() >= erased, "round {round}: {erased}");
    }
    let told = told.lock().unwrap().len();
    println!("{} kills, {told} acts that were answered, each entered; {erased} erasures", rounds(ROUNDS));
    assert!(told > usize::try_from(rounds(ROUNDS)).unwrap(), "only {told}");
}
