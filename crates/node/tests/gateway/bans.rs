//! Bans that an operator sets and lifts through a gateway, in front of all regions.

use crate::Pair;
use crate::support::entered;
use audit::entry::Who;
use client::{Client, Place};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use trust::Secret;
use trust::sign::SigningKey;

pub(crate) async fn operator(pair: &Pair) -> Client {
    let text = std::fs::read_to_string(pair.folder.path().join("keys/operator.key")).unwrap();
    let mut secret = text.trim().parse::<wire::Hex<32>>().unwrap().0;
    let key = SigningKey::new(&Secret::take(&mut secret));
    let client = Client::connect(&pair.url(), key, client::Options::default()).await.unwrap();
    client.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
    client
}

/// Whether somebody at another address of this machine is answered.
async fn is_answered(pair: &Pair) -> bool {
    is_answered_from([127, 0, 0, 2], pair.gateway.addresses()[0]).await
}

pub(crate) async fn is_answered_from(source: [u8; 4], at: SocketAddr) -> bool {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let Ok(mut stream) = socket.connect(at).await else { return false };
    let mut told = Vec::new();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.is_ok()
        && stream.read_to_end(&mut told).await.is_ok()
        && told.starts_with(b"HTTP/1.1 200")
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_bans_and_lifts_holds_at_the_gateway() {
    let pair = Pair::start().await;
    let operator = operator(&pair).await;
    assert!(is_answered(&pair).await);
    operator.ban("127.0.0.2/32", Duration::from_secs(60)).await.unwrap();
    assert!(!is_answered(&pair).await);
    let bans = operator.bans().await.unwrap();
    assert_eq!(bans.iter().map(|ban| ban.net.as_str()).collect::<Vec<_>>(), ["127.0.0.2/32"], "once, not twice");
    operator.lift("127.0.0.2/32").await.unwrap();
    assert!(is_answered(&pair).await);
    assert!(operator.bans().await.unwrap().is_empty());
    assert!(operator.lift("127.0.0.2/32").await.is_err(), "nobody turns it away");
    // Each process has entered what it did, with who had it done.
    for data in [pair.folder.path().to_owned(), pair.folder.path().join("regions/dublin")] {
        let entered = entered(&data);
        let done = entered.iter().filter(|entry| entry.who == Who::Key(operator.agent()));
        let done: Vec<_> = done.map(|entry| entry.act.name()).collect();
        assert_eq!(done, ["banned", "lifted"], "{}", data.display());
    }
    // Everybody gets the gateways' checkpoint and hashes, and nobody an entry.
    let stranger = pair.client(9).await;
    let checkpoint = stranger.audit("checkpoint").await.unwrap().unwrap();
    assert!(String::from_utf8(checkpoint).unwrap().contains("\n4\n"));
    assert_eq!(stranger.audit("tile/0/000.p/4").await.unwrap().unwrap().len(), 4 * 32);
    assert_eq!(operator.audit("tile/entries/000.p/4").await.unwrap_err().code(), Some(client::Code::Forbidden));
    // Whoever may not administer changes nothing, at the host or here.
    let (agent, _) = pair.attached(1, "dublin").await;
    assert!(agent.ban("127.0.0.2/32", Duration::from_secs(60)).await.is_err());
    assert!(agent.bans().await.is_err());
    assert!(is_answered(&pair).await);
    // All regions are told of, whichever the lease is for.
    let regions = operator.regions().await.unwrap();
    assert_eq!(regions.iter().map(|region| region.id.as_str()).collect::<Vec<_>>(), ["ashburn", "dublin"]);
    pair.stop().await;
}
