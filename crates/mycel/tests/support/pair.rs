//! Two regions with a process each, and agents who sit in them.
#![allow(clippy::unwrap_used, dead_code)]

use crate::process::{Up, key};
use client::{Body, Client, Place};
use std::path::Path;

pub(crate) const PAIR: &str = r#"
[planet]
name = "pair"
blocks = 16
[block]
op_rate = "1000000/s"
[[region]]
id = "ashburn"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "dublin"
site = [53.35, -6.26]
jurisdictions = ["IE"]
[data]
primary = "ashburn"
[enrol]
how = "open"
quota = "1000000/s"
[gateway]
agent_rate = "1000000/s"
address_rate = "1000000/s"
[route]
health_check = "1s"
"#;

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn put(value: &str) -> Body {
    Body::Put { key: b"name".to_vec(), value: value.into(), class: None }
}

pub(crate) async fn seated(up: &Up, seed: u8, region: &str) -> Client {
    let client = up.client(key(seed)).await;
    let attached = client.attach(Place::Region(region.to_owned()), None).await.unwrap();
    assert_eq!(attached.block.region, region);
    client
}
