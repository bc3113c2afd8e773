//! Web ACLs: what never gets as far as the program. Limits here are a coarse
//! first wall; the program's own go by agent, and these by address.

use super::network::called;
use super::root::Root;
use super::site::Site;
use crate::hcl::{Block, block, expression, expressions, resource};
use planet::{BalancerKind, Planet};
use vocab::Rate;

/// Rules of AWS that look for what is known to be hostile.
const KNOWN: [&str; 3] =
    ["AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesAmazonIpReputationList"];

/// The windows that AWS counts requests over, in seconds.
const WINDOWS: [u64; 4] = [60, 120, 300, 600];
/// It counts no fewer.
const LEAST: u64 = 10;

const FILE: &str = "waf.tf";
const ABOUT: &str = "What never gets as far as the program.";

/// The limit of one address: the delivery network's, or the gateways'.
pub(super) fn limit(planet: &Planet) -> Rate {
    let cdn = planet.cdn.as_ref().and_then(|cdn| cdn.rate_limit.as_ref());
    cdn.map_or(planet.gateway.address_rate.value, |rate| rate.value)
}

/// A rate as AWS counts it: so many in a window, no more than was said.
pub(super) fn counted(rate: Rate) -> (u64, u64) {
    let window = WINDOWS.into_iter().find(|window| window * 1_000 >= rate.per.0).unwrap_or(WINDOWS[3]);
    let many = u128::from(rate.events) * u128::from(window) * 1_000 / u128::from(rate.per.0.max(1));
    (u64::try_from(many).unwrap_or(u64::MAX).clamp(LEAST, 2_000_000_000), window)
}

pub(super) fn add_regional(site: &Site<'_>, root: &mut Root) {
    let Some(door) = &site.door else { return };
    let all = site.balancers(BalancerKind::Application);
    let labels: Vec<String> =
        all.into_iter().filter(|(_, of)| of.tier.as_str() == door.front).map(|(label, _)| label).collect();
    if labels.is_empty() {
        return;
    }
    add(root, "REGIONAL", called(site, "requests", 128), limit(site.scene.planet));
    for label in labels {
        let association = resource("aws_wafv2_web_acl_association", &label)
            .set("resource_arn", expression(format!("aws_lb.{label}.arn")))
            .refer("web_acl_arn", "aws_wafv2_web_acl.requests.arn");
        root.add(FILE, ABOUT, [association]);
    }
}

/// A web ACL with the limit of an address and the known rules, and its log.
pub(super) fn add(root: &mut Root, scope: &str, name: Option<String>, rate: Rate) {
    let (many, window) = counted(rate);
    let limit = block("rate_based_statement")
        .set("limit", many)
        .set("evaluation_window_sec", window)
        .set("aggregate_key_type", "IP");
    let limit = block("rule")
        .set("name", "one-address")
        .set("priority", 0_u64)
        .nest(block("action").nest(block("block")))
        .nest(block("statement").nest(limit))
        .nest(visible("one-address"));
    let known = (1_u64..).zip(KNOWN).map(|(priority, group)| {
        let statement = block("managed_rule_group_statement").set("name", group).set("vendor_name", "AWS");
        block("rule")
            .set("name", group)
            .set("priority", priority)
            .nest(block("override_action").nest(block("none")))
            .nest(block("statement").nest(statement))
            .nest(visible(group))
    });
    let acl = resource("aws_wafv2_web_acl", "requests")
        .set_some("name", name)
        .set("scope", scope)
        .nest(block("default_action").nest(block("allow")))
        .nest(limit)
        .nest_all(known)
        .nest(visible("requests"));
    let log: Block = resource("aws_wafv2_web_acl_logging_configuration", "requests")
        .refer("resource_arn", "aws_wafv2_web_acl.requests.arn")
        .set("log_destination_configs", expressions(["aws_cloudwatch_log_group.requests.arn"]));
    root.add(FILE, ABOUT, [acl, log]);
}

fn visible(name: &str) -> Block {
    block("visibility_config")
        .set("cloudwatch_metrics_enabled", true)
        .set("metric_name", name)
        .set("sampled_requests_enabled", true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Millis;

    #[test]
    fn a_rate_is_never_rounded_up_but_to_what_aws_counts() {
        let counted = |events, per| counted(Rate { events, per: Millis(per) });
        assert_eq!(counted(1_000, 60_000), (1_000, 60));
        assert_eq!(counted(17, 1_000), (1_020, 60));
        assert_eq!(counted(1_000, 90_000), (1_333, 120));
        assert_eq!(counted(100, 3_600_000), (16, 600));
        assert_eq!(counted(1, 3_600_000), (10, 600));
    }
}
