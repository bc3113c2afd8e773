//! A region is lost, and comes back.

use crate::raw::{self, Answer};
use crate::{Pair, Served, put, serve};
use client::Body;
use std::time::Duration;
use tokio::time::Instant;

impl Pair {
    /// Asks for a slot near Cork for an agent of a class.
    pub(crate) async fn seat(&self, seed: u8, class: Option<&str>) -> Answer {
        let now = self.served[0].engine.now();
        let application = trust::enrol::Application::make(&crate::support::key(seed), self.homes.planet(), None, now);
        let asked = serde_json::json!({ "application": application.text().as_str(), "near": [51.9, -8.47] });
        let class: Vec<_> = class.map(|class| ("mycel-class", class)).into_iter().collect();
        raw::post(self.gateway.addresses()[0], "/v1/attach", &class, &asked.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_may_move_do_and_those_who_may_not_are_told_why() {
    let mut pair = Pair::start().await;
    let (stays, _) = pair.attached(1, "ashburn").await;
    let (loses, there) = pair.attached(2, "dublin").await;
    let before = loses.op(put("name", "value")).await.unwrap();

    let Served { server, engine, .. } = pair.served.remove(1);
    let at = server.addresses()[0].to_string();
    assert!(server.stop(Duration::from_secs(10)).await);
    engine.stop();
    drop(engine);

    // From the first refused connection on it is known; at the latest with the next tick.
    let begun = Instant::now();
    let seated = loop {
        let seated = pair.seat(3, None).await;
        if seated.status == 200 || begun.elapsed() > Duration::from_secs(30) {
            break seated;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(seated.body.contains("\"ashburn\""), "{}", seated.body);
    // Those whose records may be in Dublin alone wait for it, and are told so.
    let refused = pair.seat(4, Some("gdpr")).await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    let error = loses.op(Body::Echo(b"hello".to_vec())).await.unwrap_err();
    assert_eq!(error.code(), Some(client::Code::Unavailable), "{error}");
    // Nobody else notices.
    stays.op(put("name", "value")).await.unwrap();

    pair.served.push(serve(&pair.planet, &pair.homes, "dublin", &at).await);
    let begun = Instant::now();
    let after = loop {
        match loses.op(Body::Get(b"name".to_vec())).await {
            Ok(done) => break done,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Its chain goes on where it was, with all that was acknowledged.
    assert_eq!(after.value.as_deref(), Some(&b"value"[..]));
    assert!(after.sequence > before.sequence);
    let mut follow = client::Follow::begin(there.block.clone());
    // Another client: the region's node is the same as before.
    let stretch = loses.chain(&mut follow, 100, Duration::ZERO).await.unwrap();
    assert_eq!(stretch.entries.len() as u64, after.sequence);
    pair.stop().await;
}

/// A gateway hears from each region how many slots it has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_without_a_slot_is_passed_over_by_whoever_has_a_choice() {
    let pair =
        Pair::told(|settings| settings.address_rate = vocab::Rate { events: 1_000_000, per: vocab::Millis(1_000) })
            .await;
    let dublin = &pair.served[1].engine;
    let slots = dublin.regions()[0].slots;
    for number in 0..slots {
        let mut seed = [0xaa; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let key = trust::sign::SigningKey::new(&trust::Secret::take(&mut seed));
        crate::support::Agent::attach(dublin, key, node::Where::Anywhere).await;
    }
    let begun = Instant::now();
    let seated = loop {
        let seated = pair.seat(3, None).await;
        if seated.status == 200 || begun.elapsed() > Duration::from_secs(10) {
            break seated;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(seated.status == 200 && seated.body.contains("\"ashburn\""), "{}", seated.body);
    // Those who may be in Dublin alone are told what is the matter.
    let refused = pair.seat(4, Some("gdpr")).await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    assert!(refused.body.contains("taken"), "{}", refused.body);
    pair.stop().await;
}
