//! What is rendered of every planet of this repository is proved.

#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use std::path::Path;
use support::{PLANETS, files_of, rendered, told};

#[test]
fn every_planet_is_proved() {
    for name in PLANETS {
        let (planet, text, files) = rendered(name);
        let report = prove::prove(&planet, &text, &files);
        assert!(report.is_proved(), "{name}: {}", told(&report));
        assert!(report.matrices.len() >= planet.region.len(), "{name}");
    }
}

/// A folder with some regions is judged for these, and it is said which are not there.
#[test]
fn regions_that_are_not_there_are_told() {
    let (planet, text, mut files) = rendered("erlmcp");
    files.retain(|path, _| path.starts_with("kubernetes/dc-2/"));
    let report = prove::prove(&planet, &text, &files);
    assert!(report.is_proved() && report.notes.iter().any(|note| note.contains("no files of dc-1")), "{report:?}");
    assert!(report.notes.iter().any(|note| note.contains("no rules for the planet's VLANs")), "{:?}", report.notes);
    files.clear();
    assert!(!prove::prove(&planet, &text, &files).is_proved());
}

/// A path to the stores of another region is told with the classes of records that
/// may not be there.
#[test]
fn no_record_has_a_path_to_where_it_may_not_be() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/shop.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace(
        "[network]\n",
        "[[region]]\nid = \"us\"\nsite = [39.0, -77.5]\njurisdictions = [\"US\"]\n\n\
         [data]\nprimary = \"eu\"\nclass = [{ name = \"personal\", jurisdictions = [\"EU\"] }]\n\n[network]\n",
    );
    let text = text
        .replace("subnet = [\n", "subnet = [\n  { region = \"us\", tier = \"database\", net = \"10.9.11.0/24\" },\n");
    let (planet, mut files) = files_of(&text);
    let whole = prove::prove(&planet, &text, &files);
    assert!(whole.is_proved(), "{}", told(&whole));
    let policies = files.get_mut("kubernetes/eu/3-network.yaml").unwrap();
    let wider = String::from_utf8(policies.clone()).unwrap().replacen("cidr: 10.0.11.0/24", "cidr: 10.9.11.0/24", 9);
    *policies = wider.into_bytes();
    let told = told(&prove::prove(&planet, &text, &files));
    assert!(
        told.contains(
            "elsewhere: network policy: private to region:* at 5432: records of personal may not be in region us"
        ),
        "{told}"
    );
    // The other way round nothing of the kind is kept.
    let policies = String::from_utf8(files["kubernetes/us/3-network.yaml"].clone()).unwrap();
    files.insert(
        "kubernetes/us/3-network.yaml".to_owned(),
        policies.replacen("10.9.11.0/24", "10.0.11.0/24", 9).into_bytes(),
    );
    let told = support::told(&prove::prove(&planet, &text, &files));
    assert!(!told.contains("kubernetes/us/3-network.yaml: elsewhere") && told.contains("kubernetes/us"), "{told}");
}

/// A balancer of one region opens nothing in another.
#[test]
fn a_balancer_opens_its_own_region_and_zones_alone() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets/erlmcp.toml")).unwrap();
    let text = text.replace(
        "kind = \"application\", tier = \"public\"",
        "kind = \"application\", tier = \"public\", region = \"dc-1\", zones = [\"us-east-1a\", \"us-east-1b\"]",
    );
    let text = text.replace("kind = \"network\", tier = \"public\"", "kind = \"global\", tier = \"public\"");
    let (planet, files) = files_of(&text);
    let report = prove::prove(&planet, &text, &files);
    assert!(report.is_proved(), "{}", told(&report));
}

/// A flow, as a planet file says it.
fn flow() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["internet", "dns", "public", "private", "database"]);
    let ports = prop::sample::select(vec!["", "ports = [443], ", "ports = [53, 8080], ", "ports = [7117], "]);
    let protocol = prop::sample::select(vec!["tcp", "udp", "any"]);
    (name.clone(), name, ports, protocol).prop_map(|(from, to, ports, protocol)| {
        format!("  {{ from = \"{from}\", to = \"{to}\", {ports}protocol = \"{protocol}\" }},\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Two who have read the same planet alone, the one that renders and the one that
    /// proves, agree about any flows and balancers.
    #[test]
    fn whatever_the_planet_says_what_is_rendered_is_proved(
        flows in prop::collection::vec(flow(), 0..8),
        balancer in prop::sample::select(vec![
            "", "{ name = \"a\", kind = \"network\" }", "{ name = \"a\", tier = \"database\", region = \"dc-2\" }",
            "{ name = \"a\", zones = [\"us-east-1b\"] }", "{ name = \"a\", kind = \"global\" }",
        ]),
    ) {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets/erlmcp.toml")).unwrap();
        let between = |text: &str, begin: &str, with: &str| {
            let (before, rest) = text.split_once(begin).unwrap();
            let (_, after) = rest.split_once("\n]\n").unwrap();
            format!("{before}{begin}\n{with}\n]\n{after}")
        };
        let text = between(&between(&text, "\nflow = [", &flows.concat()), "\nbalancer = [", balancer);
        let (planet, files) = files_of(&text);
        let report = prove::prove(&planet, &text, &files);
        prop_assert!(report.is_proved(), "{}\n{}", flows.concat(), told(&report));
    }
}

/// A mistake has to be made twice to be missed.
#[test]
fn it_shares_no_code_with_what_renders() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (used, _) = manifest.split_once("[dev-dependencies]").unwrap();
    assert!(!used.contains("render") && !used.contains("serde"), "{used}");
}
