//! What is rendered of every planet of this repository is proved.

#![allow(clippy::unwrap_used)]

mod support;

use planet::Planet;
use proptest::prelude::*;
use prove::Files;
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

/// What leads to a deployment decides about no path; it has no secret, and is of this planet.
#[test]
fn what_leads_to_a_deployment_is_looked_through() {
    let (planet, text, files) = rendered("mesh");
    let broken = |path: &str, bytes: &str| {
        let mut files = files.clone();
        files.insert(path.to_owned(), bytes.as_bytes().to_vec());
        told(&prove::prove(&planet, &text, &files))
    };
    let script = String::from_utf8(files["pipeline/deploy.sh"].clone()).unwrap();
    let found = broken("pipeline/deploy.sh", &format!("{script}\napi_token=abc\n"));
    assert!(found.contains("pipeline/deploy.sh") && found.contains("secret"), "{found}");
    let found = broken("pipeline/planet.toml", &text.replace("10k rps", "11k rps"));
    assert!(found.contains("pipeline/planet.toml") && found.contains("another planet"), "{found}");
    let found = broken("pipeline/more.sh", "#!/bin/sh\n");
    assert!(found.contains("pipeline/more.sh") && found.contains("not understood"), "{found}");
    // Alone it is no deployment.
    let mut alone = files.clone();
    alone.retain(|path, _| path.starts_with("pipeline/"));
    assert!(told(&prove::prove(&planet, &text, &alone)).contains("no file of a deployment"));
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

/// Nor is a copy of one put there: neither by a root of Terraform that is put into
/// another place, nor by a database or a bucket that copies another.
#[test]
fn no_copy_of_a_record_is_put_where_it_may_not_be() {
    let text = "[planet]\nname = \"shop\"\nblocks = 3\n\n\
        [[region]]\nid = \"eu\"\nsite = [50.1, 8.7]\njurisdictions = [\"EU\"]\nprovider_regions = [\"eu-central-1\"]\n\n\
        [[region]]\nid = \"us\"\nsite = [39.0, -77.5]\njurisdictions = [\"US\"]\nprovider_regions = [\"us-east-1\"]\n\n\
        [data]\nprimary = \"eu\"\nclass = [{ name = \"personal\", jurisdictions = [\"EU\"] }]\n";
    let planet = planet::parse(text.as_bytes()).0.unwrap();
    let told = |region: &str, place: &str, more: &str| {
        let file = format!("provider \"aws\" {{\n  region = \"{place}\"\n}}\n{more}\n");
        let path = format!("terraform/{region}/main.tf");
        told(&prove::prove(&planet, text, &[(path, file.into_bytes())].into()))
    };
    let bucket = "resource \"aws_s3_bucket\" \"a\" {}\nresource \"aws_s3_bucket_public_access_block\" \"a\" {\n  bucket = aws_s3_bucket.a.id\n  \
        block_public_acls = true\n  block_public_policy = true\n  ignore_public_acls = true\n  restrict_public_buckets = true\n}\n";
    assert_eq!(told("eu", "eu-central-1", bucket), "");
    assert!(told("eu", "us-east-1", bucket).contains("what is of region eu is put into us-east-1"));
    let copy = "resource \"aws_db_instance\" \"a\" {\n  replicate_source_db = \"arn:aws:rds:eu-central-1:123456789012:db:main\"\n}\n";
    let us = told("us", "us-east-1", copy);
    assert!(
        us.contains("main.tf:5: elsewhere: store: : records of personal may be in region eu and not in us"),
        "{us}"
    );
    let back = copy.replace("eu-central-1", "us-east-1");
    assert!(!told("eu", "eu-central-1", &back).contains("elsewhere"), "what is in us may be in eu");
    let copies = format!(
        "{bucket}resource \"aws_s3_bucket_replication_configuration\" \"a\" {{\n  bucket = aws_s3_bucket.a.id\n  \
        rule {{\n    destination {{\n      bucket = var.other\n    }}\n  }}\n}}\n"
    );
    assert!(told("eu", "eu-central-1", &copies).contains("personal may not be in every region"));
}

/// What may be of a class is kept by no delivery network: mesh has classes, and says
/// of two rules that what they keep is of none.
#[test]
fn no_delivery_network_keeps_what_may_be_of_a_class() {
    let (planet, text, files) = rendered("mesh");
    let path = "terraform/cloudflare/cdn.tf";
    let cdn = String::from_utf8(files[path].clone()).unwrap();
    let told = |cdn: &str| told(&prove::prove(&planet, &text, &[(path.to_owned(), cdn.as_bytes().to_vec())].into()));
    assert_eq!(told(&cdn), "");
    let line =
        1 + cdn.lines().position(|line| line.contains("wildcard \"/*\\\"") || line.contains("\\\"/*\\\"")).unwrap();
    let kept = told(&cdn.replacen("cache = false", "cache = true", 1));
    assert!(kept.contains(&format!("{path}:{line}: elsewhere: store: : answers of")), "{kept}");
    let other = told(&cdn.replace("/static/*", "/people/*"));
    assert!(other.contains("/people/*") && other.contains("may hold records of a class"), "{other}");

    let (planet, text, files) = rendered("bitcraps");
    let path = "terraform/global/cdn.tf";
    let cdn = String::from_utf8(files[path].clone()).unwrap();
    let open = cdn.replacen("https-only\"\n    allowed", "allow-all\"\n    allowed", 1).replacen(
        "\"/static/*\"",
        "\"/people/*\"",
        1,
    );
    let mut files: Files = files.into_iter().filter(|(path, _)| path.starts_with("terraform/global/")).collect();
    assert!(prove::prove(&planet, &text, &files).is_proved());
    files.insert(path.to_owned(), open.into_bytes());
    let told = support::told(&prove::prove(&planet, &text, &files));
    assert!(
        told.contains("without TLS") && told.contains("answers of `/people/*` are kept all over the world"),
        "{told}"
    );
}

/// What AWS lets through whatever its groups and ACLs say is told.
#[test]
fn what_a_cloud_cannot_deny_is_told() {
    let (planet, text, files) = rendered("erlmcp");
    let notes = prove::prove(&planet, &text, &files).notes;
    let names = notes.iter().filter(|note| note.starts_with("terraform: AWS answers names for database as well"));
    assert_eq!(names.count(), 1, "{notes:?}");
    let text = text.replace(
        "{ from = \"private\", to = \"internet\", ports = [443] }",
        "{ from = \"public\", to = \"internet\", ports = [443] }",
    );
    let (planet, files) = files_of(&text);
    let report = prove::prove(&planet, &text, &files);
    let is_it =
        |note: &&String| note.starts_with("terraform: machines of public that share a subnet reach each other at 443");
    assert_eq!(report.notes.iter().filter(is_it).count(), 1, "{:?}", report.notes);
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

/// What a planet may ask of a cloud and cannot get there: agents in a tier that
/// has no addresses of the Internet, and a balancer with nobody behind it, because
/// no flow leads there or its machine may fetch nothing, or in one zone; a host in
/// a tier that is public, where balancers alone have addresses; and two that both
/// have flows with the Internet at a port, where their subnets may pass each other
/// replies or are a cluster's: a group that is open to the Internet is open to all,
/// and no ACL tells a reply from a beginning. Each is told by name.
fn cannot_be(planet: &Planet, failure: &prove::Failure) -> bool {
    let no_way = ["NAT lets in replies alone", "no route leads back"];
    let from_outside = failure.path.as_ref().is_some_and(|path| path.from == "internet");
    let no_entry = failure.layer == prove::Layer::Balancer && failure.what.ends_with("takes it in");
    let no_target = failure.layer == prove::Layer::Balancer
        && (failure.what.ends_with("leads to nobody") || failure.what.contains("stands in one zone"));
    let flows = planet.network.iter().flat_map(|network| &network.flow);
    let has = |from: &str, to: &str| flows.clone().any(|flow| flow.from.as_str() == from && flow.to.as_str() == to);
    let is_both = |path: &prove::Path| has("internet", &path.to) && has(&path.from, "internet");
    let is_group = failure.kind == prove::Kind::LetThrough && failure.layer == prove::Layer::Group;
    let no_telling = is_group && failure.path.as_ref().is_some_and(is_both);
    let no_address = failure.layer == prove::Layer::Address && failure.what.contains("has no address");
    let is_terraform = failure.at.file.starts_with("terraform/");
    is_terraform && (no_target || no_telling || no_address)
        || from_outside
            && (no_entry
                || failure.layer == prove::Layer::Route && no_way.iter().any(|why| failure.what.starts_with(why)))
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
        let mut report = prove::prove(&planet, &text, &files);
        report.failures.retain(|failure| !cannot_be(&planet, failure));
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
