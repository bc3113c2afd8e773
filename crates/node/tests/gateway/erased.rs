//! A demand for erasure reaches every region, or is told which it did not.

use crate::raw;
use crate::support::key;
use crate::{Pair, Served, put, serve};
use client::{Body, Client, Code, Place};
use std::time::Duration;
use tokio::time::Instant;

async fn sealed_in_both(pair: &Pair, seed: u8) -> Client {
    let (client, _) = pair.attached(seed, "ashburn").await;
    client.op(put("name", "value")).await.unwrap();
    client.detach().await.unwrap();
    client.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
    client.op(put("name", "value")).await.unwrap();
    client
}

async fn says(client: &Client) -> Option<Vec<u8>> {
    client.op(Body::Get(b"name".to_vec())).await.unwrap().value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_sealed_in_one_region_is_erased_from_another() {
    let pair = Pair::start().await;
    let (moved, stays) = (sealed_in_both(&pair, 1).await, sealed_in_both(&pair, 2).await);
    let told = moved.erase_everywhere().await.unwrap();
    let mut regions: Vec<_> = told.erased.iter().map(|erased| erased.block.region.as_str()).collect();
    regions.sort_unstable();
    assert_eq!((regions, told.keys), (vec!["ashburn", "dublin"], 2));
    for erased in &told.erased {
        let served = pair.served.iter().find(|served| served.region == erased.block.region).unwrap();
        let at = node::BlockAt { region: erased.block.region.clone(), index: erased.block.index };
        let part = served.engine.chain(&at, erased.sequence, 1, Duration::ZERO).await.unwrap();
        assert_eq!(block::chain::link(&part.entries[0]).0, erased.link.0);
        let entry = block::chain::Entry::decode(&part.entries[0]).unwrap();
        assert_eq!(block::kinds::demanded(&entry).unwrap().by, moved.agent());
    }
    // In both, and nobody else's.
    for (client, left) in [(&moved, None), (&stays, Some(b"value".to_vec()))] {
        assert_eq!(says(client).await, left);
        client.detach().await.unwrap();
        client.attach(Place::Region("ashburn".to_owned()), None).await.unwrap();
        assert_eq!(says(client).await, left);
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_down_is_named_and_the_same_demand_reaches_it_later() {
    let mut pair = Pair::start().await;
    let client = sealed_in_both(&pair, 1).await;
    let Served { server, engine, .. } = pair.served.remove(0);
    let at = server.addresses()[0].to_string();
    assert!(server.stop(Duration::from_secs(10)).await);
    engine.stop();
    drop(engine);

    let demand = client.demand(client.agent());
    let body = serde_json::json!({ "demand": demand.text() }).to_string();
    let refused = raw::post(pair.gateway.addresses()[0], "/v1/erasures", &[], &body).await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    assert!(refused.body.contains("ashburn (") && !refused.body.contains("dublin ("), "{}", refused.body);
    // What could be done is done.
    assert_eq!(says(&client).await, None);
    client.op(put("new", "value")).await.unwrap();

    pair.served.push(serve(&pair.planet, &pair.homes, "ashburn", &at).await);
    let begun = Instant::now();
    let told = loop {
        match client.erase(&demand).await {
            Ok(told) => break told,
            Err(error) => assert!(error.may_pass_later() && begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((told.erased.len(), told.keys), (2, 2));
    // Where it had been carried out nothing was done twice.
    assert_eq!(client.op(Body::Get(b"new".to_vec())).await.unwrap().value.as_deref(), Some(&b"value"[..]));
    client.detach().await.unwrap();
    // It is heard again sooner than it is healthy enough for new slots.
    while let Err(error) = client.attach(Place::Region("ashburn".to_owned()), None).await {
        assert!(error.may_pass_later() && begun.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(says(&client).await, None);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_and_the_operator_may_behind_a_gateway_too() {
    let pair = Pair::start().await;
    let client = sealed_in_both(&pair, 1).await;
    let outsider = pair.client(9).await;
    assert_eq!(outsider.erase_agent(client.agent()).await.unwrap_err().code(), Some(Code::Forbidden));
    assert!(says(&client).await.is_some());
    // What is no demand, or nobody's, is told so by the gateway, and no region hears of it.
    let at = pair.gateway.addresses()[0];
    let mut forged = client.demand(client.agent());
    forged.by = key(9).id();
    for (demand, status) in [(forged.text(), 401), ("no demand".to_owned(), 400)] {
        let body = serde_json::json!({ "demand": demand }).to_string();
        assert_eq!(raw::post(at, "/v1/erasures", &[], &body).await.status, status);
    }
    let secret = std::fs::read_to_string(pair.folder.path().join("keys/operator.key")).unwrap();
    let mut secret = secret.trim().parse::<wire::Hex<32>>().unwrap().0;
    let operator = trust::sign::SigningKey::new(&trust::Secret::take(&mut secret));
    let operator = Client::connect(&pair.url(), operator, client::Options::default()).await.unwrap();
    assert_eq!(operator.erase_agent(client.agent()).await.unwrap().keys, 2);
    assert_eq!(says(&client).await, None);
    pair.stop().await;
}

/// Each region knows the slots of its own alone, and a rule may ask where the
/// caller's is: what one of them would refuse, none has done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_region_refuses_is_done_in_none() {
    let rule = r#"
[[access.role]]
name = "agent"
rights = ["read", "operate"]
[[access.rule]]
name = "from-ashburn"
rights = ["administer"]
from = ["ashburn"]
"#;
    let pair = Pair::of(&format!("{}{rule}", crate::PLANET), |_| {}).await;
    let bob = sealed_in_both(&pair, 1).await;
    let (alice, _) = pair.attached(2, "ashburn").await;
    let refused = alice.erase_agent(bob.agent()).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::Forbidden), "{refused}");
    assert!(refused.to_string().contains("nothing is erased"), "{refused}");
    assert!(says(&bob).await.is_some());
    for served in &pair.served {
        let at = node::BlockAt { region: served.region.to_owned(), index: 0 };
        let part = served.engine.chain(&at, 1, 100, Duration::ZERO).await.unwrap();
        let entries = part.entries.iter().map(|entry| block::chain::Entry::decode(entry).unwrap());
        assert!(entries.into_iter().all(|entry| block::kinds::demanded(&entry).is_none()), "{}", served.region);
    }
    // The host alone would have: that is why all are asked first.
    let demand = alice.demand(bob.agent());
    let only = serde_json::json!({ "demand": demand.text(), "only_ask": true }).to_string();
    let at = |served: &Served| served.server.addresses()[0];
    let told: Vec<u16> = [
        raw::post(at(&pair.served[0]), "/v1/erasures", &[], &only).await.status,
        raw::post(at(&pair.served[1]), "/v1/erasures", &[], &only).await.status,
    ]
    .to_vec();
    assert_eq!(told, [200, 403]);
    assert!(says(&bob).await.is_some());
    pair.stop().await;
}
