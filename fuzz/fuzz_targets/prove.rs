#![no_main]
//! Rendered files of any bytes: the prover answers, and never proves what it
//! could not read.

use libfuzzer_sys::fuzz_target;
use prove::Files;
use std::sync::LazyLock;

const SHOP: &str = include_str!("../../crates/prove/tests/cases/shop.toml");
static PLANET: LazyLock<planet::Planet> =
    LazyLock::new(|| planet::parse(SHOP.as_bytes()).0.expect("the planet of the cases is one"));

fuzz_target!(|bytes: &[u8]| {
    // The same bytes as each kind of file, and in two parts as two files.
    let (one, two) = bytes.split_at(bytes.len() / 2);
    let mut files = Files::new();
    files.insert("kubernetes/eu/one.yaml".to_owned(), one.to_vec());
    files.insert("kubernetes/eu/two.yaml".to_owned(), two.to_vec());
    for name in ["compose.yaml", ".env", "prometheus.yaml", "grafana.yaml", "block.toml"] {
        files.insert(format!("compose/eu/{name}"), bytes.to_vec());
    }
    files.insert("machine/compose.yaml".to_owned(), bytes.to_vec());
    files.insert("terraform/eu/one.tf".to_owned(), one.to_vec());
    files.insert("terraform/eu/two.tf".to_owned(), two.to_vec());
    files.insert("terraform/global/main.tf".to_owned(), bytes.to_vec());
    files.insert("vlan/vlan.nft".to_owned(), bytes.to_vec());
    let report = prove::prove(&PLANET, SHOP, &files);
    // One file cannot be all of these, so nothing is proved.
    assert!(!report.is_proved());
    let mut whole = Files::new();
    whole.insert("kubernetes/eu/all.yaml".to_owned(), bytes.to_vec());
    whole.insert("terraform/eu/main.tf".to_owned(), bytes.to_vec());
    let _ = prove::prove(&PLANET, SHOP, &whole);
    let _ = prove::why(&PLANET, SHOP, &whole, "internet", "database", Some(5432));
    // Rules for VLANs alone, which may be right.
    let rules = Files::from([("vlan/vlan.nft".to_owned(), bytes.to_vec())]);
    let _ = prove::prove(&PLANET, SHOP, &rules);
    let _ = prove::why(&PLANET, SHOP, &rules, "office", "servers", None);
});
