//! What is seen: flow logs, the logs of what AWS runs, and alarms. Logs are kept
//! as long as the planet says.

use super::aws::kept;
use super::root::Root;
use super::site::Site;
use crate::hcl::{Block, Value, expression, expressions, json, list, object, resource, text};
use planet::{BalancerKind, Planet};
use vocab::Millis;

const FILE: &str = "observe.tf";
const ABOUT: &str = "What is seen of it.";

/// As long as the planet keeps logs when it does not say.
const USUAL: Millis = Millis::days(90);

pub(super) fn add(site: &Site<'_>, root: &mut Root) {
    if site.vpc.is_none() {
        return;
    }
    let days = log_days(site.scene.planet);
    let path = |what: &str| format!("/mycel/{}/{}/{what}", site.scene.name(), site.place.id());
    group(root, "flows", path("flows"), days);
    root.add(FILE, ABOUT, flow_logs());
    let Some(door) = &site.door else { return };
    let in_front = |kind| site.balancers(kind).into_iter().filter(|(_, of)| of.tier.as_str() == door.front);
    if in_front(BalancerKind::Application).next().is_some() {
        // WAF takes no group of another name.
        group(root, "requests", format!("aws-waf-logs-{}-{}", site.scene.name(), site.place.id()), days);
    }
    let mut balancers = in_front(BalancerKind::Network).peekable();
    if balancers.peek().is_some() {
        let topic = resource("aws_sns_topic", "alarms")
            .why("Who is told subscribes to it.")
            .set("kms_master_key_id", root.key());
        root.add(FILE, ABOUT, [topic]);
        root.output("alarms", "The topic of alarms: subscribe to it.", expression("aws_sns_topic.alarms.arn"));
    }
    for (label, _) in balancers {
        root.add(FILE, ABOUT, [away(&label)]);
    }
}

/// For how many days the logs of a planet are kept.
pub(super) fn log_days(planet: &Planet) -> u64 {
    kept(planet.observe.as_ref().map_or(USUAL, |observe| observe.logs.value))
}

/// A group of logs.
pub(super) fn group(root: &mut Root, label: &str, name: String, days: u64) {
    let key = root.key();
    let group = resource("aws_cloudwatch_log_group", label)
        .set("name", name)
        .set("retention_in_days", days)
        .set("kms_key_id", key);
    root.add(FILE, ABOUT, [group]);
}

/// A role that a service of AWS takes.
pub(super) fn role(label: &str, service: &str) -> Block {
    let statement = object([
        ("Effect", "Allow".into()),
        ("Principal", object([("Service", service.into())])),
        ("Action", "sts:AssumeRole".into()),
    ]);
    resource("aws_iam_role", label).set("assume_role_policy", json(policy([statement])))
}

/// A policy.
pub(super) fn policy(statements: impl IntoIterator<Item = Value>) -> Value {
    object([("Version", "2012-10-17".into()), ("Statement", list(statements))])
}

/// What passed and what was turned away, a line a minute and connection.
fn flow_logs() -> [Block; 3] {
    let arn = "aws_cloudwatch_log_group.flows.arn";
    let may = object([
        ("Effect", "Allow".into()),
        ("Action", list(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"])),
        ("Resource", text("").expression(arn).text(":*").into()),
    ]);
    let right = resource("aws_iam_role_policy", "flows")
        .refer("role", "aws_iam_role.flows.id")
        .set("policy", json(policy([may])));
    let log = resource("aws_flow_log", "main")
        .refer("vpc_id", "aws_vpc.main.id")
        .set("traffic_type", "ALL")
        .set("max_aggregation_interval", 60_u64)
        .set("log_destination", expression(arn))
        .refer("iam_role_arn", "aws_iam_role.flows.arn");
    [role("flows", "vpc-flow-logs.amazonaws.com"), right, log]
}

/// Nobody is behind a balancer.
fn away(label: &str) -> Block {
    let suffix = |of: &str| expression(format!("{of}.{label}.arn_suffix"));
    resource("aws_cloudwatch_metric_alarm", label)
        .set("alarm_name", text("").expression("aws_vpc.main.id").text(&format!("-{label}-nobody-ready")))
        .set("alarm_description", "The region's host is not ready.")
        .set("namespace", "AWS/NetworkELB")
        .set("metric_name", "HealthyHostCount")
        .set("dimensions", object([("LoadBalancer", suffix("aws_lb")), ("TargetGroup", suffix("aws_lb_target_group"))]))
        .set("statistic", "Maximum")
        .set("comparison_operator", "LessThanThreshold")
        .set("threshold", 1_u64)
        .set("period", 60_u64)
        .set("evaluation_periods", 2_u64)
        .set("treat_missing_data", "breaching")
        .set("alarm_actions", expressions(["aws_sns_topic.alarms.arn"]))
        .set("ok_actions", expressions(["aws_sns_topic.alarms.arn"]))
}
