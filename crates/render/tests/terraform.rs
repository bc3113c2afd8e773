//! What is rendered for Terraform, read back by a reader that did not write it:
//! who reaches whom is walked packet by packet, and shares nothing with the code
//! that wrote the rules.

#![allow(clippy::unwrap_used, clippy::panic)]

use planet::plan::Plan;
use planet::{Planet, Tables};
use proptest::prelude::*;
use render::{Refused, Scene, Tree, render, targets};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;

#[path = "terraform/start.rs"]
mod start;
#[path = "terraform/walk.rs"]
mod walk;

use walk::Reach;

const PLANETS: [&str; 6] = ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"];

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../planets/{name}.toml"));
    std::fs::read_to_string(path).unwrap()
}

fn rendered(text: &str) -> Result<(Planet, Tree), Refused> {
    let planet = planet::parse(text.as_bytes()).0.unwrap();
    let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
    let scene = Scene::new((&planet, text), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
    let only: Vec<_> = targets::ALL.iter().copied().filter(|target| target.name == "terraform").collect();
    let tree = render(&scene, &only, &[])?;
    drop(scene);
    Ok((planet, tree))
}

/// The files of a root, by name.
fn files<'t>(tree: &'t Tree, root: &str) -> BTreeMap<&'t str, &'t str> {
    let folder = format!("terraform/{root}/");
    let of_root = tree.files().iter().filter_map(|file| Some((file.path.strip_prefix(&folder)?, &file.bytes)));
    of_root.map(|(name, bytes)| (name, std::str::from_utf8(bytes).unwrap())).collect()
}

/// A root as one tree: kinds of blocks, types, labels.
fn read(tree: &Tree, root: &str) -> Value {
    let texts: Vec<&str> =
        files(tree, root).into_iter().filter(|(name, _)| name.ends_with(".tf")).map(|(_, t)| t).collect();
    assert!(!texts.is_empty(), "no root {root}");
    hcl::from_str(&texts.concat()).unwrap()
}

fn roots(tree: &Tree) -> BTreeSet<&str> {
    tree.files().iter().map(|file| file.path.split('/').nth(1).unwrap()).collect()
}

/// Resources of a type, by label.
fn of<'v>(root: &'v Value, kind: &str) -> BTreeMap<&'v str, &'v Value> {
    let all = root["resource"][kind].as_object();
    all.into_iter().flatten().map(|(label, value)| (label.as_str(), value)).collect()
}

#[test]
fn every_region_of_aws_is_a_root_and_every_other_is_told() {
    for name in PLANETS {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        for region in &planet.region {
            let id = region.id.as_str();
            let is_there = roots(&tree).contains(id);
            assert_eq!(is_there, region.provider.as_str() == "aws", "{name}: {id}");
            assert!(is_there || tree.notes().iter().any(|note| note.starts_with(&format!("{id}: its provider"))));
        }
    }
    let wanted = |name: &str| {
        roots(&rendered(&text_of(name)).unwrap().1).iter().map(|root| (*root).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(wanted("erlmcp"), ["dc-1", "dc-2", "global"]);
    assert_eq!(wanted("carma"), ["af", "as", "eu", "na", "oc", "sa"]);
    assert_eq!(wanted("bitcraps"), ["ap-southeast", "cloudflare", "eu-west", "global", "us-east"]);
    assert_eq!(wanted("garden"), [""; 0]);
}

/// Whoever may reach whom in the planet may in its groups and ACLs, there and
/// back; and nobody else may, at any port that is asked.
#[test]
fn packets_pass_for_the_flows_of_the_planet_and_for_nothing_else() {
    let mut asked = 0;
    for (name, ids) in [("erlmcp", &["dc-1", "dc-2"][..]), ("carma", &["na", "eu", "as", "af", "sa", "oc"])] {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        for id in ids {
            let root = read(&tree, id);
            let net = walk::Net::new(&root);
            let flows = &planet.network.as_ref().unwrap().flow;
            let tiers: Vec<&str> = net.tiers().into_iter().chain(["internet", "dns"]).collect();
            for from in &tiers {
                for to in &tiers {
                    for port in [22, 53, 80, 443, 5432, 7117, 8080, 8443, 40_000] {
                        for protocol in ["tcp", "udp"] {
                            let is_flow = flows.iter().any(|flow| {
                                flow.from.as_str() == *from
                                    && flow.to.as_str() == *to
                                    && flow.ports.iter().any(|of| of.value == port)
                                    && [protocol, "any"].contains(&flow.protocol.value.to_string().as_str())
                            });
                            let reach = net.reach(from, to, protocol, port);
                            let wanted = if is_flow { Reach::All } else { Reach::None };
                            assert_eq!(reach, wanted, "{name} {id}: {from} to {to} at {port}, {protocol}");
                            asked += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 2_000, "{asked}");
}

/// The walk finds what a forgotten rule would do: without its replies a flow is
/// cut, and without the rule for the region's own network one is open too many.
#[test]
fn a_rule_that_is_taken_away_is_missed() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let root = read(&tree, "dc-1");
    let without = |change: &dyn Fn(&mut Vec<Value>), side: &str, tier: &str| {
        let mut root = root.clone();
        change(root["resource"]["aws_network_acl"][tier][side].as_array_mut().unwrap());
        root
    };
    let cut = without(&|rules| rules.retain(|rule| rule["from_port"] != 1_024), "egress", "database");
    let reach = |root: &Value, from: &str, to: &str, port| walk::Net::new(root).reach(from, to, "tcp", port);
    assert_eq!(reach(&root, "private", "database", 5432), Reach::All);
    assert_eq!(reach(&cut, "private", "database", 5432), Reach::None);
    let cut = without(&|rules| rules.retain(|rule| rule["cidr_block"] != "10.0.1.0/24"), "ingress", "public");
    assert_eq!(reach(&cut, "private", "internet", 443), Reach::Some);
    let mut open = root.clone();
    for side in ["ingress", "egress"] {
        let rules = open["resource"]["aws_network_acl"]["private"][side].as_array_mut().unwrap();
        rules.retain(|rule| rule["action"] != "deny");
    }
    assert_eq!(reach(&open, "private", "public", 443), Reach::All);
    assert_eq!(reach(&open, "private", "internet", 443), Reach::All);
}

/// A flow to the Internet is none to what is behind a VPN.
#[test]
fn what_goes_to_the_internet_does_not_go_into_a_vpn() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let root = read(&tree, "dc-1");
    let net = walk::Net::new(&root);
    assert!(net.leaves("private", [203, 0, 113, 9], 443));
    assert!(!net.leaves("private", [10, 60, 0, 9], 443));
    assert_eq!(of(&root, "aws_route")["private_1_corporate"]["destination_cidr_block"], "10.60.0.0/16");
    assert!(tree.notes().iter().any(|note| note.starts_with("dc-1: the VPN `corporate` stands")));
}

/// Agents keep their own addresses behind a balancer of connections: ACLs let
/// these through, and groups nobody but the balancer.
#[test]
fn agents_reach_the_host_through_the_balancer_alone() {
    for (name, id, port) in [("erlmcp", "dc-1", 8080), ("carma", "na", 8443)] {
        let (_, tree) = rendered(&text_of(name)).unwrap();
        let root = read(&tree, id);
        let net = walk::Net::new(&root);
        assert!(net.through_balancer("public", "private", port), "{name}");
        assert!(!net.through_balancer("public", "private", port + 1), "{name}");
        assert_eq!(net.reach("internet", "private", "tcp", port), Reach::None, "{name}");
        let group =
            &of(&root, "aws_lb_target_group").into_values().find(|group| group["protocol"] == "TCP").unwrap().clone();
        assert_eq!((&group["port"], &group["preserve_client_ip"]), (&json!(port), &json!(true)));
    }
}

#[test]
fn nothing_is_open_to_the_internet_but_what_a_flow_says() {
    for name in PLANETS {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        for id in roots(&tree).into_iter().filter(|id| planet.region.iter().any(|region| region.id.as_str() == *id)) {
            let root = read(&tree, id);
            for (label, rule) in of(&root, "aws_vpc_security_group_ingress_rule") {
                let is_open = rule["cidr_ipv4"] == "0.0.0.0/0";
                assert_eq!(is_open, rule["description"].as_str().unwrap().contains("internet to"), "{label}");
                assert!(is_open || rule.get("cidr_ipv4").is_none(), "{label}: a tier is named by its group");
            }
            for subnet in of(&root, "aws_subnet").into_values() {
                assert_eq!(subnet["map_public_ip_on_launch"], false);
            }
            for template in of(&root, "aws_launch_template").into_values() {
                assert_eq!(template["metadata_options"]["http_tokens"], "required");
                assert_eq!(template["block_device_mappings"]["ebs"]["encrypted"], true);
                assert!(template.get("network_interfaces").is_none());
            }
            for group in of(&root, "aws_autoscaling_group").into_values() {
                assert_eq!((&group["min_size"], &group["max_size"]), (&json!(1), &json!(1)));
            }
            for kind in ["public_access_block", "versioning", "policy", "server_side_encryption_configuration"] {
                let buckets = of(&root, "aws_s3_bucket");
                assert_eq!(of(&root, &format!("aws_s3_bucket_{kind}")).len(), buckets.len(), "{kind}");
            }
        }
    }
}

/// What the planet asks of AWS beside its networks, and nothing else.
#[test]
fn what_is_rendered_is_what_was_asked_for() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let root = read(&tree, "dc-1");
    let count = |kind: &str| of(&root, kind).len();
    assert_eq!(["aws_subnet", "aws_nat_gateway", "aws_lb", "aws_vpn_connection"].map(count), [9, 3, 2, 1]);
    assert_eq!(["aws_eks_cluster", "aws_autoscaling_group", "aws_security_group"].map(count), [1, 1, 6]);
    assert_eq!(count("aws_s3_bucket_lifecycle_configuration"), 1);
    let global = read(&tree, "global");
    assert_eq!(of(&global, "aws_globalaccelerator_endpoint_group").len(), 2);
    let record = of(&global, "aws_route53_record")["dc-1"];
    assert_eq!((&record["name"], &record["ttl"]), (&json!("agents.erlmcp.example"), &json!(30)));

    let (_, tree) = rendered(&text_of("mesh")).unwrap();
    let budget = of(&read(&tree, "global"), "aws_budgets_budget")["monthly"].clone();
    let told: Vec<&Value> = budget["notification"].as_array().unwrap().iter().map(|at| &at["threshold"]).collect();
    assert_eq!((&budget["limit_amount"], told), (&json!("50000.00"), vec![&json!(80), &json!(90), &json!(100)]));
    let rules = &of(&read(&tree, "us-east-1"), "aws_s3_bucket_lifecycle_configuration")["backup"]["rule"].clone();
    assert_eq!((&rules[0]["transition"]["days"], &rules[0]["expiration"]["days"]), (&json!(30), &json!(365)));
    // Cloudflare follows the last rule that fits, and a planet means the first.
    let cloudflare = read(&tree, "cloudflare");
    let rules = cloudflare["resource"]["cloudflare_ruleset"]["cache"]["rules"].as_array().unwrap().clone();
    let names: Vec<&Value> = rules.iter().map(|rule| &rule["ref"]).collect();
    assert_eq!(names, ["dynamic", "api", "static"]);
    assert_eq!(rules[2]["action_parameters"]["edge_ttl"]["default"], 30 * 86_400);

    let (_, tree) = rendered(&text_of("bitcraps")).unwrap();
    let global = read(&tree, "global");
    let cdn = of(&global, "aws_cloudfront_distribution")["main"];
    let paths: Vec<&Value> =
        cdn["ordered_cache_behavior"].as_array().unwrap().iter().map(|one| &one["path_pattern"]).collect();
    assert_eq!(paths, ["/static/*", "/wasm/*", "/api/*", "/game/*"]);
    for policy in of(&global, "aws_cloudfront_cache_policy").into_values() {
        let key = &policy["parameters_in_cache_key_and_forwarded_to_origin"]["headers_config"]["headers"]["items"];
        assert_eq!(*key, json!(["Authorization"]), "an answer to a proof is that proof's");
    }
    for left_out in ["fastly", "akamai"] {
        assert!(tree.notes().iter().any(|note| note.contains(left_out)));
    }
}

/// Two that a planet calls the same are two, and a global balancer is of every
/// region, wherever the planet says that it stands.
#[test]
fn balancers_of_one_name_stay_apart() {
    let text = text_of("erlmcp")
        .replace("{ name = \"network\", kind", "{ name = \"application\", kind")
        .replace("tier = \"public\", region = \"dc-1\" }", "tier = \"public\", region = \"dc-2\" }");
    let (_, tree) = rendered(&text).unwrap();
    let root = read(&tree, "dc-1");
    assert_eq!(of(&root, "aws_lb").into_keys().collect::<Vec<_>>(), ["application", "application_2"]);
    assert_eq!(of(&read(&tree, "global"), "aws_globalaccelerator_endpoint_group").len(), 2);
}

/// What the law binds to a place is not kept all over the world.
#[test]
fn no_delivery_network_keeps_what_may_be_bound_to_a_place() {
    let text = text_of("mesh").replace("ttl = \"30d\", class = \"none\"", "ttl = \"30d\"");
    let (_, tree) = rendered(&text).unwrap();
    let cloudflare = read(&tree, "cloudflare");
    let rules = cloudflare["resource"]["cloudflare_ruleset"]["cache"]["rules"].as_array().unwrap();
    assert_eq!(rules[2]["action_parameters"], json!({ "cache": false }));
    assert!(tree.notes().iter().any(|note| note.starts_with("cdn: the answers of `static` may hold records")));
}

/// Masks what may differ between regions: words between quotes, numbers, comments,
/// and what the region is called where a machine is started.
fn skeleton(text: &str, [aws, id]: [&str; 2]) -> String {
    let text = text.replace(&format!("region={aws}\n"), "region\n").replace(&format!("--only {id} "), "--only ");
    let mut masked = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut is_quoted = false;
        for c in line.chars() {
            is_quoted ^= c == '"';
            if !is_quoted && !c.is_ascii_digit() && c != ' ' {
                masked.push(c);
            }
        }
        masked.push('\n');
    }
    masked
}

/// One region of each is validated by Terraform; the others are the same but for
/// their names and numbers.
#[test]
fn regions_of_a_planet_differ_in_names_and_numbers_alone() {
    for (name, first) in
        [("carma", "na"), ("mesh", "us-east-1"), ("watch", "americas"), ("bitcraps", "us-east"), ("erlmcp", "dc-1")]
    {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        let words = |id: &str| {
            let region = planet.region.iter().find(|region| region.id.as_str() == id).unwrap();
            [region.provider_regions[0].as_str().to_owned(), id.to_owned()]
        };
        let masked = |id: &str| -> BTreeMap<String, String> {
            let [aws, named] = words(id);
            files(&tree, id).into_iter().map(|(name, text)| (name.to_owned(), skeleton(text, [&aws, &named]))).collect()
        };
        let wanted = masked(first);
        for id in roots(&tree).into_iter().filter(|id| !["global", "cloudflare", first].contains(id)) {
            for (file, text) in masked(id) {
                assert!(wanted.get(&file) == Some(&text), "{name}: {id}/{file} differs from {first}'s");
            }
        }
    }
}

/// Of bitcraps no region is validated, because they are as watch's.
#[test]
fn regions_without_networks_are_alike() {
    let masked = |name: &str, id: &str, aws: &str| -> BTreeMap<String, String> {
        let (_, tree) = rendered(&text_of(name)).unwrap();
        files(&tree, id).into_iter().map(|(name, text)| (name.to_owned(), skeleton(text, [aws, id]))).collect()
    };
    assert_eq!(masked("bitcraps", "us-east", "us-east-1"), masked("watch", "americas", "us-east-1"));
}

#[test]
fn what_is_no_name_in_aws_is_refused_where_it_stands() {
    let at = |text: &str, refused: &Refused| text[refused.at.unwrap().range()].to_owned();
    for id in ["global", "cloudflare"] {
        let text = text_of("watch").replace("\"africa\"", &format!("\"{id}\""));
        assert_eq!(at(&text, &rendered(&text).unwrap_err()), format!("\"{id}\""));
    }
    for bad in ["${x}.example", "a b.example", "erlmcp", "%{ if x }.example", "a..example", "-a.example"] {
        let text = text_of("erlmcp").replace("\"erlmcp.example\"", &format!("\"{bad}\""));
        assert_eq!(at(&text, &rendered(&text).unwrap_err()), format!("\"{bad}\""));
    }
    for bad in ["/${x}/*", "/a b/*", "/é/*", "/%{ for x }/*"] {
        let text = text_of("bitcraps").replace("\"/wasm/*\"", &format!("\"{bad}\""));
        assert_eq!(at(&text, &rendered(&text).unwrap_err()), format!("\"{bad}\""));
    }
    let long = "a".repeat(63);
    let text = text_of("erlmcp")
        .replace("name = \"erlmcp\"", &format!("name = \"{long}\""))
        .replace("\"dc-1\"", &format!("\"{long}\""));
    assert!(rendered(&text).unwrap_err().what.contains("cluster"));
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a planet says is read back as what was said.
    #[test]
    fn what_is_said_is_read_back(
        name in "([\"'{}$%#:|>&*!@`?~<=\\\\\\[\\], ]|\\$+\\{|%+\\{|\\$\\{X\\}|\u{2028}|a|é|😀){1,66}",
        about in "[^\\p{Cc}]{1,200}",
        path in "(/|[\"'{}$%\\\\ ]|\\$\\{|%\\{|é|a|\\*){1,40}",
        id in "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?",
    ) {
        prop_assume!(!["global", "cloudflare", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-northeast-1"].contains(&id.as_str()));
        let text = text_of("mesh")
            .replace("name = \"US East (N. Virginia)\"", &format!("name = {}", quoted(&name)))
            .replace("about = \"five regions with residency, weighted routing, failover and a budget\"", &format!("about = {}", quoted(&about)))
            .replace("\"/static/*\"", &quoted(&path))
            .replace("\"us-east-1\"", &format!("\"{id}\""))
            .replace(&format!("provider_regions = [\"{id}\"]"), "provider_regions = [\"us-east-1\"]");
        prop_assume!(planet::parse(text.as_bytes()).0.is_some());
        let (_, tree) = rendered(&text).unwrap();
        let texts: Vec<&str> = files(&tree, &id).into_values().collect();
        let read: Value = hcl::eval::from_str(&texts.iter().find(|text| text.contains("output \"region\"")).unwrap().split("\n\noutput \"backup").next().unwrap().replace("aws_s3_bucket.backup.id", "1"), &hcl::eval::Context::new()).unwrap();
        let region = &read["output"]["region"]["value"];
        prop_assert_eq!(region["name"].as_str(), Some(name.as_str()));
        prop_assert_eq!(region["about"].as_str(), Some(about.as_str()));
        prop_assert_eq!(region["id"].as_str(), Some(id.as_str()));
        let cdn = files(&tree, "cloudflare")["cdn.tf"].replace("var.zone_id", "1");
        let read: Value = hcl::eval::from_str(&cdn, &hcl::eval::Context::new()).unwrap();
        let rule = read["resource"]["cloudflare_ruleset"]["cache"]["rules"][2]["expression"].as_str().unwrap();
        let (start, end) = ("http.request.uri.path wildcard \"", "\" and not any(");
        let said = &rule[start.len()..rule.len() - rule.split(end).last().unwrap().len() - end.len()];
        prop_assert_eq!(unescaped(said), Some(path));
    }
}

/// A text of Cloudflare's language, or none where it would have ended.
fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(chars.next()?),
            '"' => return None,
            c => plain.push(c),
        }
    }
    Some(plain)
}

/// The network of a text of addresses.
fn cidr(text: &str) -> (u32, u32) {
    let (address, prefix) = text.split_once('/').unwrap();
    let mask = u32::MAX.checked_shl(32 - prefix.parse::<u32>().unwrap()).unwrap_or(0);
    (u32::from(address.parse::<Ipv4Addr>().unwrap()) & mask, mask)
}
