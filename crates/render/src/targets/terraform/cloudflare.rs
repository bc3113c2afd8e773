//! Content delivery by Cloudflare: a root of its own, because a root needs all of
//! its providers to be there. Its token comes from CLOUDFLARE_API_TOKEN, which
//! the provider reads by itself.

use super::CLOUDFLARE;
use super::cdn::seconds_kept;
use super::root::{Root, needs};
use super::waf::{counted, limit};
use crate::hcl::{Block, Value, list, object, resource};
use crate::{Scene, Tree};
use planet::CdnRule;

const FILE: &str = "cdn.tf";
const ABOUT: &str = "Content delivery.";

pub(super) fn render(scene: &Scene<'_>, tree: &mut Tree) {
    let Some(cdn) = &scene.planet.cdn else { return };
    if !cdn.providers.iter().any(|provider| provider.as_str() == CLOUDFLARE) {
        return;
    }
    let mut root = Root::new(format!("Planet {}, content delivery by Cloudflare", scene.name()));
    let source = object([("source", "cloudflare/cloudflare".into()), ("version", "~> 5.0".into())]);
    root.add("main.tf", "Terraform and its provider.", [needs("cloudflare", source)]);
    root.variable("zone_id", "The zone at Cloudflare that users ask for.", |variable| variable.refer("type", "string"));
    // Cloudflare follows the last rule that fits, and a planet means the first.
    let kept = cdn.rule.iter().rev().map(|rule| cache(rule, seconds_kept(scene.planet, rule, tree))).collect();
    if !cdn.rule.is_empty() {
        root.add(FILE, ABOUT, [ruleset("cache", "http_request_cache_settings", kept)]);
    }
    root.add(FILE, ABOUT, [ruleset("limit", "http_ratelimit", vec![rate(scene)])]);
    root.write_in(&format!("{CLOUDFLARE}/"), tree);
    tree.note("cloudflare: its root is checked by `terraform fmt` and by readers of HCL, and not by its provider");
}

fn ruleset(name: &str, phase: &str, rules: Vec<Value>) -> Block {
    resource("cloudflare_ruleset", name)
        .refer("zone_id", "var.zone_id")
        .set("name", format!("mycel {name}"))
        .set("kind", "zone")
        .set("phase", phase)
        .set("rules", Value::List(rules))
}

/// How the answers of a rule are kept: never to whoever shows a proof.
fn cache(rule: &CdnRule, seconds: u64) -> Value {
    let fits = format!("http.request.uri.path wildcard {}", quoted(rule.path.value.as_str()));
    let proves = "any(http.request.headers.names[*] == \"authorization\")";
    let (expression, settings) = if seconds > 0 {
        let ttl = object([("mode", "override_origin".into()), ("default", seconds.into())]);
        (format!("{fits} and not {proves}"), object([("cache", true.into()), ("edge_ttl", ttl)]))
    } else {
        (fits, object([("cache", false.into())]))
    };
    object([
        ("ref", rule.name.as_str().into()),
        ("description", format!("Rule {} of the planet", rule.name.as_str()).into()),
        ("expression", expression.into()),
        ("action", "set_cache_settings".into()),
        ("action_parameters", settings),
    ])
}

/// A text in Cloudflare's own language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What one address may send.
fn rate(scene: &Scene<'_>) -> Value {
    let (many, window) = counted(limit(scene.planet));
    let counts = object([
        ("characteristics", list(["cf.colo.id", "ip.src"])),
        ("period", window.into()),
        ("requests_per_period", many.into()),
        ("mitigation_timeout", window.into()),
    ]);
    object([
        ("ref", "one-address".into()),
        ("description", "What one address may send".into()),
        ("expression", "true".into()),
        ("action", "block".into()),
        ("ratelimit", counts),
    ])
}
