//! A planet that is killed while it erases: what its chain says was erased is,
//! and what it does not say is not.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use block::chain::Entry;
use client::{Ask, Body, Client, Follow, Place, tell};
use process::{Folder, Up, key, operator};
use std::time::Duration;

/// The kills of an ordinary run.
const ROUNDS: u32 = 12;
/// The kind of op that erases.
const ERASE: u8 = 9;

const PLANET: &str = r#"
[planet]
name = "kill"
blocks = 1
[block]
op_rate = "1000000/s"
[[region]]
id = "one"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

/// How many erasures the chain holds, link by link.
async fn erasures(client: &Client, block: &tell::Block) -> usize {
    let mut follow = Follow::begin(block.clone());
    let mut found = 0;
    loop {
        let stretch = client.chain(&mut follow, 256, Duration::ZERO).await.unwrap();
        found += stretch.entries.iter().filter(|bytes| Entry::decode(bytes).unwrap().kind == ERASE).count();
        if follow.head().sequence == stretch.end {
            return found;
        }
    }
}

async fn rounds(folder: &Folder) -> (usize, usize, usize) {
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let mut up = Up::start(&file, &data);
    let client = up.client(key(1)).await;
    let held = client.attach(Place::Anywhere, None).await.unwrap();
    let (mut before, mut told, mut untold) = (0, 0, 0);
    let mut client = client;
    let rounds: u32 = std::env::var("MYCEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    for round in 0..rounds {
        let put = Body::Put { key: b"name".to_vec(), value: round.to_string().into_bytes(), class: None };
        client.op(Ask::from(put)).await.unwrap();
        let erasing = client.clone();
        let erasing = tokio::spawn(async move { erasing.op(Ask::from(Body::Erase)).await });
        // Some before it is asked, most while it is written or carried out.
        if round % 3 != 0 {
            let wait = u64::from(round.wrapping_mul(2_654_435_769) % 4_000);
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        let over = erasing.is_finished();
        up.kill();
        // It would ask whoever listens there next.
        erasing.abort();
        let acknowledged = over && erasing.await.unwrap().is_ok();

        up = Up::start(&file, &data);
        client = up.client(key(1)).await;
        client.resume(&held.lease).unwrap();
        let now = erasures(&client, &held.block).await;
        let erased = now > before;
        assert!(erased || !acknowledged, "round {round}: what was acknowledged is in no chain");
        let got = client.op(Ask::from(Body::Get(b"name".to_vec()))).await.unwrap();
        assert_eq!(got.value.is_none(), erased, "round {round}: {now} erasures in the chain, {before} before: {got:?}");
        before = now;
        told += usize::from(acknowledged);
        untold += usize::from(erased && !acknowledged);
    }
    up.stop();
    (before, told, untold)
}

/// The same with demands, of the agent and of the operator in turn: what a kill
/// cut short is asked for again under the same demand, and is one entry.
async fn rounds_of_demands(folder: &Folder) -> (usize, usize) {
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let mut up = Up::start(&file, &data);
    let mut client = up.client(key(1)).await;
    let held = client.attach(Place::Anywhere, None).await.unwrap();
    let rounds: u32 = std::env::var("MYCEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let (mut told, mut untold) = (0, 0);
    for round in 0..rounds {
        let put = Body::Put { key: b"name".to_vec(), value: round.to_string().into_bytes(), class: None };
        client.op(Ask::from(put)).await.unwrap();
        let signer = if round % 2 == 0 { key(1) } else { operator(&data) };
        let demand = up.client(signer).await.demand(client.agent());
        let erasing = client.clone();
        let erasing = tokio::spawn(async move { erasing.erase(&demand).await });
        if round % 3 != 0 {
            let wait = u64::from(round.wrapping_mul(2_654_435_769) % 4_000);
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        let over = erasing.is_finished();
        up.kill();
        erasing.abort();
        let acknowledged = over && erasing.await.unwrap().is_ok();

        up = Up::start(&file, &data);
        client = up.client(key(1)).await;
        client.resume(&held.lease).unwrap();
        let before = usize::try_from(round).unwrap();
        let erased = erasures(&client, &held.block).await > before;
        assert!(erased || !acknowledged, "round {round}: what was acknowledged is in no chain");
        let got = client.op(Ask::from(Body::Get(b"name".to_vec()))).await.unwrap();
        assert_eq!(got.value.is_none(), erased, "round {round}: {got:?}");
        let again = client.erase(&demand).await.unwrap();
        assert_eq!((again.keys, again.erased.len()), (1, 1), "round {round}");
        assert_eq!(erasures(&client, &held.block).await, before + 1, "round {round}: it is one entry");
        assert_eq!(client.op(Ask::from(Body::Get(b"name".to_vec()))).await.unwrap().value, None);
        told += usize::from(acknowledged);
        untold += usize::from(erased && !acknowledged);
    }
    up.stop();
    (told, untold)
}

#[test]
fn a_demand_that_a_kill_cut_short_is_one_entry_and_all_of_it_is_done() {
    let folder = Folder::new("kill-demand");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (told, untold) = runtime.block_on(rounds_of_demands(&folder));
    println!("{told} demands were acknowledged before the kill, {untold} were carried out and not acknowledged");
}

#[test]
fn what_the_chain_says_was_erased_is_after_every_kill_and_nothing_else() {
    let folder = Folder::new("kill-erase");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (all, told, untold) = runtime.block_on(rounds(&folder));
    println!("{all} erasures: {told} were acknowledged before the kill, {untold} were not");
}
