//! Ways out of residency: each is found where it is, and none where it is not.

#![allow(clippy::unwrap_used, clippy::panic)]

use policy::atlas::{Atlas, Unroutable};
use policy::residency::paths::{Breach, Path, breaches};
use policy::residency::{Purpose, Residency};
use policy::route::Policy;

/// Three regions, and a class that two of them may keep.
const PLANET: &str = r#"
[planet]
name = "w"

[[region]]
id = "ie"
site = [53, -6]
jurisdictions = ["IE"]
fallback = ["us", "de"]

[[region]]
id = "de"
site = [50, 8]
jurisdictions = ["DE"]
fallback = ["ie"]

[[region]]
id = "us"
site = [38, -77]
jurisdictions = ["US"]

[data]
primary = "us"
replicas = { ie = 2, de = 1 }

[backup]
every = "1d"
cross_region = true

[cdn]
providers = ["cloudflare"]
rule = [{ name = "live", path = "/live/*", ttl = "0s", class = "gdpr" }, { name = "rest", path = "/*", ttl = "1h", class = "none" }]

[[data.class]]
name = "gdpr"
jurisdictions = ["EU"]
"#;

fn parse(file: &str) -> planet::Planet {
    let (planet, report) = planet::parse(file.as_bytes());
    planet.unwrap_or_else(|| panic!("{:?}", report.findings()))
}

fn found(file: &str) -> Vec<Breach> {
    let planet = parse(file);
    let atlas = Atlas::new(&planet).unwrap();
    breaches(&planet, &atlas, &Residency::new(&planet, &atlas).unwrap())
}

/// What is found when one text stands for another.
fn changed(from: &str, to: &str) -> Vec<(Path, Option<String>, Option<String>)> {
    assert!(PLANET.contains(from), "{from}");
    let told = |breach: Breach| (breach.path, breach.from, breach.to);
    found(&PLANET.replace(from, to)).into_iter().map(told).collect()
}

fn way(path: Path, from: &str, to: &str) -> (Path, Option<String>, Option<String>) {
    let named = |id: &str| (!id.is_empty()).then(|| id.to_owned());
    (path, named(from), named(to))
}

#[test]
fn a_planet_without_a_way_out_has_none() {
    assert_eq!(found(PLANET), []);
}

#[test]
fn each_way_out_is_found_and_nothing_else() {
    // A fallback in the US is not taken while there is one in the EU.
    assert_eq!(changed("fallback = [\"us\", \"de\"]", "fallback = [\"us\"]"), [way(Path::Fallback, "ie", "us")]);
    assert_eq!(changed("ttl = \"0s\"", "ttl = \"1s\""), [way(Path::Delivery, "", "")]);
    assert_eq!(changed("primary = \"us\"", "primary = \"ie\""), []);
    assert_eq!(
        changed("primary = \"us\"\nreplicas = { ie = 2, de = 1 }", "primary = \"ie\"\nreplicas = { us = 2, de = 1 }"),
        [way(Path::Replica, "ie", "us")]
    );
    let class = "jurisdictions = [\"EU\"]";
    assert_eq!(
        changed(class, "jurisdictions = [\"EU\"]\nregions = [\"ie\", \"de\", \"us\"]"),
        [way(Path::Listed, "", "us")]
    );
    assert_eq!(changed(class, "jurisdictions = [\"CH\"]"), [way(Path::Nowhere, "", "")]);
    // Alone it has no second region: neither for its fallback nor for its copy.
    assert_eq!(
        changed(class, "jurisdictions = [\"EU\"]\nregions = [\"de\"]"),
        [way(Path::Fallback, "de", "ie"), way(Path::Backup, "de", "")]
    );
    // Records that wait for their region are copied as all others are.
    assert_eq!(
        changed(class, "jurisdictions = [\"EU\"]\nregions = [\"de\"]\nwhen_lost = \"refuse\""),
        [way(Path::Backup, "de", "")]
    );
    // Whoever does not say what a network keeps lets it keep everything, and a misspelt name says nothing.
    let delivery = [way(Path::Delivery, "", "")];
    assert_eq!(changed("ttl = \"1h\", class = \"none\"", "ttl = \"1h\""), delivery);
    assert_eq!(changed("class = \"none\"", "class = \"nome\""), delivery);
    assert_eq!(changed("ttl = \"1h\", class = \"none\"", "ttl = \"0s\""), []);
}

#[test]
fn what_is_only_processed_need_not_be_listed() {
    let may = |more: &str, purpose| {
        let class = "jurisdictions = [\"EU\"]";
        let policy =
            Policy::new(&parse(&PLANET.replace(class, &format!("{class}\nregions = [\"de\"]\n{more}")))).unwrap();
        let may = policy.residency.may(policy.residency.find("gdpr").unwrap(), purpose);
        may.iter().map(|region| policy.atlas.id(region).to_owned()).collect::<Vec<_>>()
    };
    for kept in [Purpose::Store, Purpose::Cache, Purpose::BackUp] {
        assert_eq!(may("", kept), ["de"]);
    }
    assert_eq!(may("", Purpose::Process), ["de", "ie"]);
    assert_eq!(may("local_processing = true", Purpose::Process), ["de"]);
}

#[test]
fn what_cannot_be_routed_says_why_and_what_to_try() {
    let refused = |file: &str| Policy::new(&parse(file)).unwrap_err();
    let regions =
        |count: usize| (0..count).map(|at| format!("[[region]]\nid = \"r{at}\"\nsite = [0, 0]\n")).collect::<String>();
    let head = "[planet]\nname = \"w\"\n";
    assert!(Policy::new(&parse(&format!("{head}{}", regions(256)))).is_ok());
    for (file, why) in [
        (head.to_owned(), Unroutable::NoRegion),
        (format!("{head}{}", regions(257)), Unroutable::TooMany(257)),
        (format!("{head}{}{}", regions(1), regions(1)), Unroutable::Twice("r0".into())),
    ] {
        let refused = refused(&file);
        assert_eq!(refused, why);
        assert!(!refused.hint().is_empty());
    }
    let weights = format!("{head}{}[route]\nweights = {{ cost = 11 }}\n", regions(1));
    assert!(matches!(refused(&weights), Unroutable::Weights(_)));
}
