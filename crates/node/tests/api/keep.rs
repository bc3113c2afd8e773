//! Backups and pruned chains, as a client gets them.

use super::support::{PLANET, start_with};
use super::{Planet, code, planet, put};
use client::{Client, Code, Follow, Place};
use node::http::{Listen, Server};
use node::{AtRest, restore_planet};
use std::time::Duration;
use trust::Secret;
use trust::sign::SigningKey;
use wire::Hex;

pub(super) async fn operator(planet: &Planet) -> Client {
    let secret = std::fs::read_to_string(planet.folder.path().join("keys/operator.key")).unwrap();
    let key = SigningKey::new(&Secret::take(&mut secret.trim().parse::<Hex<32>>().unwrap().0));
    let client = Client::connect(&format!("http://{}", planet.at), key, client::Options::default()).await.unwrap();
    client.attach(Place::Anywhere, None).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_comes_over_the_network_and_restores() {
    let planet = planet().await;
    let (client, _) = planet.attached(1, "one").await;
    client.op(put("k", "v")).await.unwrap();
    let mut refused = |_: &[u8]| true;
    assert_eq!(code(client.backup([1; 32], false, &mut refused).await), Code::Forbidden);
    let mut file = Vec::new();
    let mut take = |piece: &[u8]| {
        file.extend_from_slice(piece);
        true
    };
    operator(&planet).await.backup([1; 32], true, &mut take).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let proven = restore_planet(&mut &file[..], &[1; 32], &data, None, &mut |_, _| {}).unwrap();
    assert!(proven.checked.is_whole() && proven.checked.entries >= 3, "{proven:?}");
    assert_eq!(AtRest::open(&data).unwrap().name(), "test");
    // Whoever leaves in the middle leaves room for the next.
    let mut leave = |_: &[u8]| false;
    operator(&planet).await.backup([1; 32], true, &mut leave).await.unwrap();
    file.clear();
    for _ in 0..50 {
        let mut take = |_: &[u8]| true;
        match operator(&planet).await.backup([1; 32], true, &mut take).await {
            Ok(()) => return,
            Err(error) => assert_eq!(error.code(), Some(Code::Unavailable)),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the first backup never ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_chain_is_followed_from_its_signed_anchor() {
    let folder = tempfile::tempdir().unwrap();
    let log = store::Options { segment_bytes: 16 << 10, ..Default::default() };
    let file = PLANET.replace("[block]", "[block]\nchain_kept = \"1s\"");
    let (engine, _) = start_with(&file, folder.path(), &node::Options { log, ..Default::default() });
    let listen = Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() };
    let server = Server::start(engine.clone(), listen).await.unwrap();
    let planet = Planet { engine, at: server.addresses()[0], server, folder };
    let (client, attached) = planet.attached(1, "one").await;
    for _ in 0..40 {
        client.op(put("k", &"v".repeat(1_000))).await.unwrap();
    }
    let mut first = 1;
    for _ in 0..200 {
        let mut follow = Follow::from_the_oldest(attached.block.clone());
        let stretch = client.chain(&mut follow, 100, Duration::ZERO).await.unwrap();
        assert_eq!(follow.head().sequence, stretch.end, "every link holds, from the anchor on");
        first = stretch.end + 1 - u64::try_from(stretch.entries.len()).unwrap();
        if first > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(first > 1, "something was pruned");
    let mut begin = Follow::begin(attached.block.clone());
    assert_eq!(code(client.chain(&mut begin, 100, Duration::ZERO).await), Code::Gone);
    // Who knew more than is kept goes on only where he may.
    let mut follow = Follow::from_the_oldest(attached.block);
    client.chain(&mut follow, 100, Duration::ZERO).await.unwrap();
    let next = client.op(put("k", "w")).await.unwrap();
    client.chain(&mut follow, 100, Duration::ZERO).await.unwrap();
    assert_eq!(follow.head().link, next.link);
}
