//! What is rendered, for the planets of this repository and for one that is made
//! to be hard: read back by readers that did not write it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use serde::Deserialize as _;
use serde_json::json;
use support::{PLANETS, all_objects, named, rendered, text, text_of, with_image, yaml};

#[test]
fn every_planet_renders_in_every_region_and_again_to_the_same_bytes() {
    for name in PLANETS {
        let text = text_of(name);
        let (planet, tree) = rendered(&text).unwrap();
        assert_eq!(tree, rendered(&text).unwrap().1, "{name}");
        let paths: Vec<&str> = tree.files().iter().map(|file| file.path.as_str()).collect();
        assert!(paths.is_sorted(), "{name}");
        for region in &planet.region {
            for file in ["compose/{}/compose.yaml", "compose/{}/.env", "kubernetes/{}/4-host.yaml"] {
                let path = file.replace("{}", region.id.as_str());
                assert!(paths.contains(&path.as_str()), "{name}: {path}");
            }
        }
        assert!(paths.contains(&"machine/compose.yaml"), "{name}");
    }
    assert_eq!(rendered(&text_of("carma")).unwrap().0.region.len(), 7);
}

#[test]
fn only_the_regions_that_are_asked_for() {
    let (_, tree) = with_image(&text_of("carma"), "mycel:0.1.0", &["an"]).unwrap();
    assert!(tree.files().iter().all(|file| file.region.as_deref().is_none_or(|region| region == "an")));
    let refused = with_image(&text_of("carma"), "mycel:0.1.0", &["mars"]).unwrap_err();
    assert!(refused.what.contains("mars") && refused.hint.contains("an"), "{refused:?}");
}

/// Two pods of one region would give out the same slots.
#[test]
fn a_region_is_one_pod_and_nothing_makes_it_more() {
    let (_, tree) = rendered(&text_of("carma")).unwrap();
    for region in ["na", "eu", "as", "af", "sa", "oc", "an"] {
        let objects = all_objects(&tree, region);
        assert_eq!(named(&objects, "StatefulSet", "host")["spec"]["replicas"], 1);
        assert!(objects.iter().all(|object| object["kind"] != "HorizontalPodAutoscaler"));
        assert!(tree.notes().iter().any(|note| note.starts_with(&format!("{region}: the plan wants 291 pods"))));
    }
}

#[test]
fn every_object_says_whose_it_is_and_where() {
    for name in PLANETS {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        for region in &planet.region {
            for object in all_objects(&tree, region.id.as_str()) {
                let labels = &object["metadata"]["labels"];
                assert_eq!(labels["mycel.dev/planet"], name);
                assert_eq!(labels["mycel.dev/region"], region.id.as_str());
                assert_eq!(labels["app.kubernetes.io/name"], "mycel");
                if object["kind"] != "Namespace" {
                    assert_eq!(object["metadata"]["namespace"], name);
                }
            }
            let compose = yaml(&tree, &format!("compose/{}/compose.yaml", region.id.as_str()));
            for (service, what) in compose["services"].as_object().unwrap() {
                assert_eq!(what["labels"]["mycel.dev/region"], region.id.as_str(), "{service}");
            }
        }
    }
}

/// A claim's template can never be changed: nothing in it may follow the
/// program's version.
#[test]
fn another_version_is_another_pod_and_the_same_claim() {
    let (_, tree) = rendered(&text_of("carma")).unwrap();
    let objects = all_objects(&tree, "eu");
    let claim = &named(&objects, "StatefulSet", "host")["spec"]["volumeClaimTemplates"][0];
    assert!(!claim.to_string().contains("0.1.0"), "{claim}");
}

/// What each document promised, and a plan of its own cut: DNS and PostgreSQL.
#[test]
fn flows_of_the_planet_are_the_policies_and_no_others() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let objects = all_objects(&tree, "dc-2");
    let policies: Vec<&str> = objects
        .iter()
        .filter(|object| object["kind"] == "NetworkPolicy")
        .map(|object| object["metadata"]["name"].as_str().unwrap())
        .collect();
    let wanted = [
        "deny",
        "flow-1-in",
        "flow-2-in",
        "flow-2-out",
        "flow-3-in",
        "flow-3-out",
        "flow-4-out",
        "flow-5-out",
        "flow-6-out",
        "metrics",
    ];
    assert_eq!(policies, wanted);
    let deny = &named(&objects, "NetworkPolicy", "deny")["spec"];
    assert_eq!(*deny, json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
    let database = &named(&objects, "NetworkPolicy", "flow-3-out")["spec"];
    assert_eq!(database["podSelector"]["matchLabels"], json!({ "tier.mycel.dev/private": "yes" }));
    assert_eq!(database["egress"][0]["ports"], json!([{ "protocol": "TCP", "port": 5432 }]));
    assert_eq!(
        database["egress"][0]["to"],
        json!([
            { "podSelector": { "matchLabels": { "tier.mycel.dev/database": "yes" } } },
            { "ipBlock": { "cidr": "10.1.11.0/24" } },
            { "ipBlock": { "cidr": "10.1.12.0/24" } },
            { "ipBlock": { "cidr": "10.1.13.0/24" } },
        ])
    );
    let dns = &named(&objects, "NetworkPolicy", "flow-6-out")["spec"]["egress"][0]["ports"];
    assert_eq!(*dns, json!([{ "protocol": "TCP", "port": 53 }, { "protocol": "UDP", "port": 53 }]));
    let entry = &named(&objects, "NetworkPolicy", "flow-1-in")["spec"]["ingress"][0];
    assert_eq!(entry["ports"], json!([{ "protocol": "TCP", "port": 443 }, { "protocol": "TCP", "port": "agents" }]));
    // The balancers stand in the public subnets of this region, not in private networks at large.
    assert_eq!(entry["from"][2], json!({ "ipBlock": { "cidr": "10.1.101.0/24" } }));
    let service = &named(&objects, "Service", "agents")["spec"];
    assert_eq!((&service["type"], &service["ports"][0]["port"]), (&json!("LoadBalancer"), &json!(443)));
    let pod = &named(&objects, "StatefulSet", "host")["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"]["tier.mycel.dev/public"], "yes");
    assert_eq!(pod["metadata"]["labels"]["tier.mycel.dev/private"], "yes");
    assert_eq!(pod["metadata"]["labels"].get("tier.mycel.dev/database"), None);
}

/// Without a flow from the Internet nothing is open to it.
#[test]
fn what_no_flow_opens_stays_closed() {
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let objects = all_objects(&tree, "na");
    assert_eq!(named(&objects, "Service", "agents")["spec"]["type"], "ClusterIP");
    let ingress = &named(&objects, "NetworkPolicy", "agents-in")["spec"]["ingress"][0];
    assert_eq!(ingress["from"], json!([{ "podSelector": {} }]));
    // Whoever may be received may also send.
    let egress = &named(&objects, "NetworkPolicy", "agents-out")["spec"];
    assert_eq!(egress["podSelector"], json!({}));
    assert_eq!(egress["egress"][0]["ports"], json!([{ "protocol": "TCP", "port": 7117 }]));
    assert!(!text(&tree, "kubernetes/na/3-network.yaml").contains("0.0.0.0/0"));
}

#[test]
fn a_block_that_is_shown_is_a_network_of_its_own() {
    let (planet, tree) = rendered(&text_of("garden")).unwrap();
    let compose = yaml(&tree, "compose/eu/compose.yaml");
    for index in 0..3 {
        let network = &compose["networks"][format!("block-{index}")];
        assert_eq!(network["internal"], true);
        let config = &network["ipam"]["config"][0];
        assert_eq!(config["subnet"], format!("192.168.0.{}/26", index * 64));
        let at = |service: String| compose["services"][service]["networks"].as_object().unwrap().clone();
        let own = format!("block-{index}");
        for (service, host) in [(own.clone(), 1), (format!("agent-{index}"), 2)] {
            let networks = at(service);
            assert_eq!(networks.keys().collect::<Vec<_>>(), [&own]);
            assert_eq!(networks[&own]["ipv4_address"], format!("192.168.0.{}", index * 64 + host));
        }
        assert_eq!(config["gateway"], format!("192.168.0.{}", index * 64 + 62));
    }
    let one = planet::parse(text(&tree, "compose/eu/block.toml").as_bytes()).0.unwrap();
    assert_eq!(one.planet.blocks.unwrap().value, 1);
    assert_eq!(one.block.slots.value, planet.block.slots.value);
}

#[test]
fn names_that_a_target_does_not_take_are_refused_where_they_stand() {
    for (name, says) in [("a_b", "`_`"), ("default", "call the planet"), ("kube-x", "call the planet")] {
        let text = text_of("garden").replace("name = \"garden\"", &format!("name = \"{name}\""));
        let refused = rendered(&text).unwrap_err();
        assert_eq!(&text[refused.at.unwrap().range()], format!("\"{name}\""));
        assert!(refused.hint.contains(says), "{refused:?}");
    }
    let text = format!("{}\n[store]\nengine = \"postgres\"\n", text_of("garden"));
    let refused = rendered(&text).unwrap_err();
    assert_eq!(&text[refused.at.unwrap().range()], "\"postgres\"");
    assert!(with_image(&text_of("garden"), "a b", &[]).is_err());
}

/// Whatever stands where a name belongs is shown where it stands, and what stands
/// where a text does is one, or is shown.
#[test]
fn what_could_be_injected_is_no_name() {
    let long = "a".repeat(300);
    for bad in ["a\"b", "a\nb", "a\n---\nb", "{{a}}", "${A}", "é", "a b", "../a", "", long.as_str()] {
        for (key, has) in [("name", "garden"), ("id", "eu"), ("host", "laptop"), ("provider", "own")] {
            let text =
                text_of("garden").replacen(&format!("{key} = \"{has}\""), &format!("{key} = {}", quoted(bad)), 1);
            let (planet, report) = planet::parse(text.as_bytes());
            let found = report.findings().first().unwrap();
            assert!(planet.is_none() && text[found.labels[0].span.range()] == quoted(bad), "{key}: {bad}");
        }
        let text = text_of("garden").replace("name = \"Europe\"", &format!("name = {}", quoted(bad)));
        match planet::parse(text.as_bytes()) {
            (None, report) => assert_eq!(&text[report.findings()[0].labels[0].span.range()], quoted(bad)),
            (Some(_), _) => assert!(rendered(&text).is_ok(), "{bad}"),
        }
    }
}

/// Every text that a planet may hold, as TOML says it.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a planet says is read back from each format as what was said, or
    /// it is no planet.
    #[test]
    fn what_is_said_is_read_back(
        region in "([\"'{}$#:|>&*!%@`?~<=\\[\\], ]|\\{\\{|\\$\\{X\\}|\u{2028}|a|é|😀|- ){1,66}",
        about in "[^\\p{Cc}]{1,60}",
        id in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        comment in "([\"'{}$#:|>&*!%@`?~<=\\[\\] a\té😀\u{85}-]|\\{\\{|\\$\\{X\\}){0,40}",
    ) {
        // A TOML comment may hold no control character but a tab.
        let comment: String = comment.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let text = text_of("garden")
            .replace("about = \"a planet to try things on\"", &format!("about = {}", quoted(&about)))
            .replace("name = \"Europe\"", &format!("name = {}", quoted(&region)))
            .replace("id = \"eu\"", &format!("id = \"{id}\""))
            .replace("[\"eu\"]", &format!("[\"{id}\"]"));
        let text = format!("  \n# {comment}\n{text}");
        prop_assume!(id != "na" && id != "ap" && planet::parse(text.as_bytes()).0.is_some());
        let (_, tree) = rendered(&text).unwrap();
        let objects = all_objects(&tree, &id);
        prop_assert_eq!(&named(&objects, "ConfigMap", "planet")["data"]["planet.toml"], &json!(text));
        let namespace = named(&objects, "Namespace", "garden");
        prop_assert_eq!(&namespace["metadata"]["annotations"]["mycel.dev/region-name"], &json!(region));
        let compose = yaml(&tree, &format!("compose/{id}/compose.yaml"));
        // Compose reads `$$` as `$`, and anything else after one as its own.
        let label = compose["services"]["host"]["labels"]["mycel.dev/region-name"].as_str().unwrap();
        prop_assert!(!label.replace("$$", "").contains('$'));
        prop_assert_eq!(label.replace("$$", "$"), region);
        let only = &compose["services"]["host"]["command"][3];
        prop_assert_eq!(only, &json!(id));
        prop_assert_eq!(self::text(&tree, &format!("compose/{id}/planet.toml")), text);
    }
}

/// The step that copies keys, run by a real shell: whole, once, and readable by
/// nobody else.
#[test]
fn keys_are_copied_once_and_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let objects = all_objects(&tree, "na");
    let pod = &named(&objects, "StatefulSet", "host")["spec"]["template"]["spec"];
    let command = Vec::<String>::deserialize(&pod["initContainers"][0]["command"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (keys, home) = (folder.path().join("keys"), folder.path().join("disk/home"));
    std::fs::create_dir_all(&keys).unwrap();
    // As Kubernetes mounts a Secret: a link to a folder of another name.
    std::fs::create_dir(keys.join("..data")).unwrap();
    std::fs::write(keys.join("..data/node.key"), "secret").unwrap();
    std::os::unix::fs::symlink("..data/node.key", keys.join("node.key")).unwrap();
    let run = || {
        let mut shell = std::process::Command::new(&command[0]);
        shell.args(&command[1..]).env("HOME_DIR", &home).env("KEYS_DIR", &keys).env("OWN", "");
        assert!(shell.status().unwrap().success());
    };
    // What a pod left that died while it copied.
    std::fs::create_dir_all(home.join("keys.part")).unwrap();
    std::fs::write(home.join("keys.part/half"), "").unwrap();
    run();
    let copied = home.join("keys/node.key");
    assert_eq!(std::fs::read_to_string(&copied).unwrap(), "secret");
    assert_eq!(std::fs::metadata(&copied).unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(std::fs::metadata(home.join("keys")).unwrap().permissions().mode() & 0o077, 0);
    assert!(!home.join("keys/half").exists());
    // What the program has replaced since stays.
    std::fs::write(keys.join("..data/node.key"), "old").unwrap();
    run();
    assert_eq!(std::fs::read_to_string(&copied).unwrap(), "secret");
}
