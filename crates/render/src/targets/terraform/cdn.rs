//! Content delivery by AWS: CloudFront, with a web ACL before it.
//!
//! An answer is kept under all that it depends on, with the proof of who asks
//! whole: a key that was cut short would hand one agent's answers to others. What
//! may hold records that the law binds to a place is not kept all over the world.

use super::aws::seconds;
use super::observe::{group, log_days};
use super::root::Root;
use super::{global, keys, waf};
use crate::hcl::{Block, Value, block, expression, expressions, list, resource};
use crate::{Refused, Scene, Tree};
use planet::{CdnRule, Planet};

const FILE: &str = "cdn.tf";
const ABOUT: &str = "Content delivery.";

/// What the planet calls it.
const CLOUDFRONT: &str = "cloudfront";
/// Residency classes that a rule names when what it keeps is of none.
const NONE: &str = "none";

/// Policies that AWS has: nothing is kept; everything but the host's name is
/// handed on; answers say what browsers should be careful with.
const KEEPS_NOTHING: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const HANDS_ON: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";
const CAREFUL: &str = "67f7725c-6f97-4210-82d7-5512b31e9d03";

/// The longest path that CloudFront takes, and what may stand in one beside
/// letters and digits.
const MOST_PATH: usize = 255;
const IN_PATHS: &str = "_-.*$/~\"'@:+&";

pub(super) fn add(scene: &Scene<'_>, root: &mut Root, tree: &mut Tree) -> Result<(), Refused> {
    let Some(cdn) = &scene.planet.cdn else { return Ok(()) };
    for provider in &cdn.providers {
        if ![CLOUDFRONT, super::CLOUDFLARE].contains(&provider.as_str()) {
            tree.note(format!("cdn: nothing is rendered for `{}`", provider.as_str()));
        }
    }
    if !cdn.providers.iter().any(|provider| provider.as_str() == CLOUDFRONT) {
        return Ok(());
    }
    for rule in &cdn.rule {
        path(rule)?;
    }
    variables(root);
    let mut policies = Vec::new();
    let mut behaviors = Vec::new();
    for (number, rule) in (1..).zip(&cdn.rule) {
        let kept = seconds_kept(scene.planet, rule, tree);
        let policy = format!("rule_{number}");
        if kept > 0 {
            policies.push(cache(scene.name(), &policy, kept));
        }
        behaviors.push(behavior(rule, (kept > 0).then_some(&policy)));
    }
    root.add(FILE, ABOUT, policies);
    root.add(FILE, ABOUT, [distribution(behaviors)]);
    let days = log_days(scene.planet);
    waf::add(root, "CLOUDFRONT", Some(format!("{}-requests", scene.name())), waf::limit(scene.planet));
    group(root, "requests", format!("aws-waf-logs-{}", scene.name()), days);
    let rotation = scene.planet.keys.as_ref().map_or(0, |keys| super::aws::days(keys.data_rotation.value));
    keys::key(root, global::REGION, rotation);
    root.output(
        "cdn",
        "What the name of content delivery is to lead to.",
        expression("aws_cloudfront_distribution.main.domain_name"),
    );
    Ok(())
}

/// For how many seconds the answers of a rule are kept; for none where they may
/// hold what the law binds to a place.
pub(super) fn seconds_kept(planet: &Planet, rule: &CdnRule, tree: &mut Tree) -> u64 {
    let is_bound = planet.data.as_ref().is_some_and(|data| !data.class.is_empty());
    let is_of_none = rule.class.as_ref().is_some_and(|class| class.as_str() == NONE);
    let kept = seconds(rule.ttl.value);
    if is_bound && !is_of_none && kept > 0 {
        tree.note(format!(
            "cdn: the answers of `{}` may hold records of a class, so no delivery network keeps them; write class = \"{NONE}\" if they do not",
            rule.name.as_str()
        ));
        return 0;
    }
    kept
}

fn path(rule: &CdnRule) -> Result<(), Refused> {
    let path = rule.path.value.as_str();
    let known = |c: char| c.is_ascii_alphanumeric() || IN_PATHS.contains(c);
    if path.len() <= MOST_PATH && path.chars().all(known) {
        return Ok(());
    }
    Err(Refused {
        what: format!("CloudFront does not take the path `{}`", path.escape_debug()),
        hint: format!("use letters, digits and {IN_PATHS}, at most {MOST_PATH} of them"),
        at: Some(rule.path.span),
    })
}

fn variables(root: &mut Root) {
    for (name, about) in [
        ("origin_domain", "The name that content delivery asks for what it does not have."),
        ("cdn_name", "The name that users ask content delivery by."),
        ("cdn_certificate_arn", "Its certificate, in ACM of us-east-1: the ARN."),
    ] {
        root.variable(name, about, |variable| variable.refer("type", "string"));
    }
}

/// How the answers of a rule are kept.
fn cache(planet: &str, name: &str, seconds: u64) -> Block {
    let behavior =
        |what: &str, how: &str| block(&format!("{what}_config")).set(&format!("{}_behavior", behaves(what)), how);
    let headers = behavior("headers", "whitelist").nest(block("headers").set("items", list(["Authorization"])));
    let parts = block("parameters_in_cache_key_and_forwarded_to_origin")
        .set("enable_accept_encoding_brotli", true)
        .set("enable_accept_encoding_gzip", true)
        .nest(behavior("cookies", "none"))
        .nest(headers)
        .why("Whole: whoever asks with a proof gets what was answered to that proof.")
        .nest(behavior("query_strings", "all"));
    resource("aws_cloudfront_cache_policy", name)
        .set("name", format!("{planet}-{}", name.replace('_', "-")))
        .set("min_ttl", 0_u64)
        .set("default_ttl", seconds)
        .set("max_ttl", seconds)
        .nest(parts)
}

/// What AWS calls the choice of something in a key.
fn behaves(what: &str) -> &str {
    match what {
        "cookies" => "cookie",
        "headers" => "header",
        _ => "query_string",
    }
}

/// How requests of a rule are answered, or all others.
fn behavior(rule: &CdnRule, policy: Option<&String>) -> Block {
    let kept = policy.map_or_else(
        || Value::from(KEEPS_NOTHING),
        |policy| expression(format!("aws_cloudfront_cache_policy.{policy}.id")),
    );
    behaves_so(block("ordered_cache_behavior").set("path_pattern", rule.path.value.as_str()), kept)
}

fn behaves_so(block: Block, kept: Value) -> Block {
    block
        .set("target_origin_id", "planet")
        .set("viewer_protocol_policy", "https-only")
        .set("allowed_methods", list(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]))
        .set("cached_methods", list(["GET", "HEAD"]))
        .set("compress", true)
        .set("cache_policy_id", kept)
        .set("origin_request_policy_id", HANDS_ON)
        .set("response_headers_policy_id", CAREFUL)
}

fn distribution(behaviors: Vec<Block>) -> Block {
    let reached = block("custom_origin_config")
        .set("http_port", 80_u64)
        .set("https_port", 443_u64)
        .set("origin_protocol_policy", "https-only")
        .set("origin_ssl_protocols", list(["TLSv1.2"]));
    let origin = block("origin").refer("domain_name", "var.origin_domain").set("origin_id", "planet").nest(reached);
    let certificate = block("viewer_certificate")
        .refer("acm_certificate_arn", "var.cdn_certificate_arn")
        .set("minimum_protocol_version", "TLSv1.2_2021")
        .set("ssl_support_method", "sni-only");
    resource("aws_cloudfront_distribution", "main")
        .set("enabled", true)
        .set("is_ipv6_enabled", true)
        .set("http_version", "http2and3")
        .set("aliases", expressions(["var.cdn_name"]))
        .refer("web_acl_id", "aws_wafv2_web_acl.requests.arn")
        .nest(origin)
        .nest(behaves_so(block("default_cache_behavior"), KEEPS_NOTHING.into()))
        .nest_all(behaviors)
        .nest(block("restrictions").nest(block("geo_restriction").set("restriction_type", "none")))
        .nest(certificate)
}
