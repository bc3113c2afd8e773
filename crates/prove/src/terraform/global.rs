//! What is of no region: names, the accelerator, content delivery. None of it has
//! a network; it says where agents are led, and what is kept on the way.

use crate::Intent;
use crate::ports::{Ports, Protocol};
use crate::read::form::shown;
use crate::read::hcl::{Node, Value};
use crate::report::{At, Failure, Kind, Layer};
use crate::terraform::item::{Item, Part, Tell};
use crate::terraform::root::{self, Root};
use crate::wanted::{INTERNET, Wanted};
use std::sync::Arc;

/// How a variable begins that has the output `entry` of a region's root.
const ENTRY: &str = "entry_";
/// Residency classes that a rule names when what it keeps is of none.
const NONE: &str = "none";

pub(crate) fn prove(intent: &Intent<'_>, scope: &str, files: &[(Arc<str>, &[u8])], failures: &mut Vec<Failure>) {
    let mut tell = Tell::new(failures, Layer::File);
    let root = root::read(intent, scope, files, &mut tell);
    for item in root.all() {
        if !IS_HERE.iter().any(|kind| item.kind.starts_with(kind)) {
            tell.lost(item.at.clone(), format!("{} is of a region, and this root of none", item.words()));
        }
    }
    accelerator(intent, &root, &mut tell.at(Layer::Balancer));
    names(intent, &root, &mut tell.at(Layer::Names));
    delivery(intent, &root, &mut tell.at(Layer::Store));
}

/// What may stand where no region is.
const IS_HERE: [&str; 8] = [
    "aws_globalaccelerator_",
    "aws_route53_",
    "aws_cloudfront_",
    "aws_wafv2_",
    "aws_kms_key",
    "aws_cloudwatch_log_group",
    "aws_budgets_",
    "cloudflare_ruleset",
];

/// The ports at which the Internet comes to any region.
fn entry(intent: &Intent<'_>) -> Ports {
    let mut all = Ports::none();
    for region in &intent.planet.region {
        let wanted = Wanted::new(intent.planet, region.id.as_str());
        for tier in wanted.tiers.clone() {
            all = all.or(&wanted.named(INTERNET, tier));
        }
    }
    all
}

/// The region whose entry something is.
fn leads<'p>(intent: &Intent<'p>, node: &Node, part: Part<'_>, tell: &mut Tell<'_>) -> Option<&'p str> {
    let named = match &node.value {
        Value::Refer(names) => match names.as_slice() {
            [var, name, _] if var == "var" => name.strip_prefix(ENTRY),
            _ => None,
        },
        _ => None,
    };
    let Some(named) = named else {
        let what =
            format!("this leads to {}, and not to the entry of a region", crate::terraform::item::kind(&node.value));
        tell.lost(part.at(node.line), what);
        return None;
    };
    let found = intent.planet.region.iter().map(|region| region.id.as_str()).find(|id| *id == named);
    if found.is_none() {
        tell.fail(Kind::Dangling, part.at(node.line), format!("the planet has no region `{}`", shown(named)));
    }
    found
}

fn agrees(intent: &Intent<'_>, place: &str, leads: &str, at: At, tell: &mut Tell<'_>) {
    if intent.region_of(place).is_none_or(|region| region != leads) {
        let what = format!("agents near {} are led to region {leads}, which is elsewhere", shown(place));
        tell.fail(Kind::Elsewhere, at, what);
    }
}

fn accelerator(intent: &Intent<'_>, root: &Root, tell: &mut Tell<'_>) {
    for item in root.of("aws_globalaccelerator_accelerator") {
        item.known(&["name", "ip_address_type", "enabled", "attributes"], tell);
    }
    let entry = entry(intent);
    for item in root.of("aws_globalaccelerator_listener") {
        let part = item.known(&["accelerator_arn", "protocol", "port_range", "client_affinity"], tell);
        root.led(part, "accelerator_arn", "aws_globalaccelerator_accelerator", tell);
        let protocol = if part.text("protocol", tell) == Some("UDP") { Protocol::Udp } else { Protocol::Tcp };
        for range in part.parts("port_range", tell) {
            let (Some(first), Some(last)) = (range.port("from_port", tell), range.port("to_port", tell)) else {
                continue;
            };
            let extra = Ports::range(protocol, first, last).minus(&entry);
            if !extra.is_empty() {
                let what = "it listens to 0.0.0.0/0, and the planet opens no such port".to_owned();
                tell.path(Kind::Open, range.here(), (INTERNET, &item.name, &extra), what);
            }
        }
    }
    for item in root.of("aws_globalaccelerator_endpoint_group") {
        const KNOWN: &[&str] = &[
            "listener_arn",
            "endpoint_group_region",
            "endpoint_configuration",
            "health_check_protocol",
            "health_check_port",
            "health_check_interval_seconds",
            "threshold_count",
            "traffic_dial_percentage",
        ];
        let part = item.known(KNOWN, tell);
        root.led(part, "listener_arn", "aws_globalaccelerator_listener", tell);
        let place = part.text("endpoint_group_region", tell).unwrap_or_default();
        for end in part.parts("endpoint_configuration", tell) {
            end.known("an endpoint", &[&["endpoint_id", "client_ip_preservation_enabled", "weight"]], tell);
            let Some(node) = end.get("endpoint_id") else { continue };
            if let Some(region) = leads(intent, node, end, tell) {
                agrees(intent, place, region, part.line_of("endpoint_group_region"), tell);
            }
            if end.truth("client_ip_preservation_enabled", tell) == Some(false) {
                let at = end.line_of("client_ip_preservation_enabled");
                tell.fail(Kind::Stopped, at, "addresses of agents do not arrive, and limits and bans go by them");
            }
        }
    }
}

fn names(intent: &Intent<'_>, root: &Root, tell: &mut Tell<'_>) {
    let entry = entry(intent);
    for item in root.of("aws_route53_health_check") {
        const KNOWN: &[&str] =
            &["type", "fqdn", "port", "request_interval", "failure_threshold", "resource_path", "enable_sni"];
        let part = item.known(KNOWN, tell);
        if let Some(node) = part.get("fqdn") {
            leads(intent, node, part, tell);
        }
        if let Some(port) = part.port("port", tell)
            && !entry.contains(&Ports::one(Protocol::Tcp, port))
        {
            let what = format!("health is asked at {port}, where the planet opens nothing: the region counts as lost");
            tell.fail(Kind::Stopped, part.line_of("port"), what);
        }
    }
    for item in root.of("aws_route53_record") {
        record(intent, root, item, tell);
    }
}

fn record(intent: &Intent<'_>, root: &Root, item: &Item, tell: &mut Tell<'_>) {
    const KNOWN: &[&str] = &[
        "zone_id",
        "name",
        "type",
        "ttl",
        "records",
        "alias",
        "set_identifier",
        "health_check_id",
        "latency_routing_policy",
        "weighted_routing_policy",
        "failover_routing_policy",
        "geolocation_routing_policy",
    ];
    let part = item.known(KNOWN, tell);
    let mut regions = Vec::new();
    for node in part.list("records", tell) {
        regions.extend(leads(intent, node, part, tell));
    }
    for alias in part.parts("alias", tell) {
        alias.known("alias", &[&["name", "zone_id", "evaluate_target_health"]], tell);
        regions.extend(alias.get("name").and_then(|node| leads(intent, node, alias, tell)));
    }
    for policy in part.parts("latency_routing_policy", tell) {
        let place = policy.text("region", tell).unwrap_or_default();
        for region in &regions {
            agrees(intent, place, region, policy.line_of("region"), tell);
        }
    }
    let check =
        part.get("health_check_id").and_then(|node| crate::terraform::item::led(node, "aws_route53_health_check"));
    let check = check.and_then(|name| root.of("aws_route53_health_check").find(|check| check.name == name));
    if let Some(check) = check
        && let Some(node) = check.part().get("fqdn")
    {
        let asked = leads(intent, node, check.part(), tell);
        if asked.is_some_and(|asked| !regions.contains(&asked)) {
            let what = "the health that is asked for is another region's";
            tell.fail(Kind::Elsewhere, part.line_of("health_check_id"), what);
        }
    }
}

const DISTRIBUTION: &[&str] = &[
    "enabled",
    "comment",
    "is_ipv6_enabled",
    "http_version",
    "price_class",
    "aliases",
    "web_acl_id",
    "origin",
    "default_cache_behavior",
    "ordered_cache_behavior",
    "restrictions",
    "viewer_certificate",
];

const BEHAVIOR: &[&str] = &[
    "path_pattern",
    "target_origin_id",
    "viewer_protocol_policy",
    "allowed_methods",
    "cached_methods",
    "compress",
    "cache_policy_id",
    "origin_request_policy_id",
    "response_headers_policy_id",
];

/// Nothing is kept on the way that a class of records may be in.
fn delivery(intent: &Intent<'_>, root: &Root, tell: &mut Tell<'_>) {
    let is_bound = intent.planet.data.as_ref().is_some_and(|data| !data.class.is_empty());
    let rules = intent.planet.cdn.iter().flat_map(|cdn| &cdn.rule);
    let free: Vec<&str> = rules
        .filter(|rule| !is_bound || rule.class.as_ref().is_some_and(|class| class.as_str() == NONE))
        .filter(|rule| rule.ttl.value.0 > 0)
        .map(|rule| rule.path.value.as_str())
        .collect();
    for item in root.of("aws_cloudfront_distribution") {
        let part = item.known(DISTRIBUTION, tell);
        let ordered = part.parts("ordered_cache_behavior", tell);
        for behavior in part.parts("default_cache_behavior", tell).into_iter().chain(ordered) {
            behavior.known("a behavior", &[BEHAVIOR], tell);
            let kept = behavior.get("cache_policy_id").is_some_and(|node| keeps(root, node, tell));
            let path = behavior.word("path_pattern").unwrap_or("*");
            if kept && !free.contains(&path) {
                kept_all_over(path, behavior.line_of("cache_policy_id"), tell);
            }
            if behavior.word("viewer_protocol_policy") == Some("allow-all") {
                let at = behavior.line_of("viewer_protocol_policy");
                tell.at(Layer::Balancer).fail(Kind::Open, at, "it answers without TLS as well");
            }
        }
    }
    for item in root.of("cloudflare_ruleset") {
        let part = item.known(&["zone_id", "name", "description", "kind", "phase", "rules"], tell);
        for rule in part.parts("rules", tell) {
            let known = ["ref", "description", "expression", "action", "action_parameters", "ratelimit", "enabled"];
            rule.known("a rule", &[&known], tell);
            let Some(settings) = rule.part("action_parameters", tell) else { continue };
            if settings.truth("cache", tell) != Some(true) {
                continue;
            }
            let expression = rule.text("expression", tell).unwrap_or_default();
            let is_it = |path: &&str| {
                let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
                expression.starts_with(&format!("http.request.uri.path wildcard \"{quoted}\" "))
            };
            if !free.iter().any(is_it) {
                kept_all_over(expression, rule.line_of("expression"), tell);
            }
        }
    }
}

fn kept_all_over(path: &str, at: At, tell: &mut Tell<'_>) {
    let what = format!("answers of `{}` are kept all over the world, and may hold records of a class", shown(path));
    tell.fail(Kind::Elsewhere, at, what);
}

/// Whether a policy keeps anything. AWS's own that keeps nothing has this number.
fn keeps(root: &Root, node: &Node, tell: &mut Tell<'_>) -> bool {
    const NOTHING: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
    let named = crate::terraform::item::led(node, "aws_cloudfront_cache_policy");
    let policy = named.and_then(|name| root.of("aws_cloudfront_cache_policy").find(|policy| policy.name == name));
    match policy.map(Item::part) {
        Some(part) => ["max_ttl", "default_ttl", "min_ttl"].iter().any(|name| part.number(name, tell) != Some(0)),
        None => !matches!(&node.value, Value::Text(text) if text == NOTHING),
    }
}
