//! What passes a gateway, and how.

use crate::{Pair, put};
use client::{Body, Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_finds_the_block_of_its_lease_in_whichever_region_that_is() {
    let pair = Pair::start().await;
    let (one, there) = pair.attached(1, "ashburn").await;
    let (two, elsewhere) = pair.attached(2, "dublin").await;
    assert_eq!((there.block.region.as_str(), elsewhere.block.region.as_str()), ("ashburn", "dublin"));
    for (client, value) in [(&one, "first"), (&two, "second")] {
        client.op(put("name", value)).await.unwrap();
        let got = client.op(Body::Get(b"name".to_vec())).await.unwrap();
        assert_eq!(got.value.as_deref(), Some(value.as_bytes()));
    }
    // Each process has its own region's entries, and nothing of the other's.
    let entries: Vec<u64> = pair.served.iter().map(|served| served.engine.regions().len() as u64).collect();
    assert_eq!(entries, [1, 1]);
    // Anywhere is where the gateway is: the first region of the alphabet.
    let three = pair.client(3).await;
    assert_eq!(three.attach(Place::Anywhere, None).await.unwrap().block.region, "ashburn");
    let near = pair.client(4).await;
    let cork = vocab::Site { latitude: vocab::MicroDegrees(51_900_000), longitude: vocab::MicroDegrees(-8_470_000) };
    assert_eq!(near.attach(Place::Near(cork), None).await.unwrap().block.region, "dublin");
    pair.stop().await;
}
