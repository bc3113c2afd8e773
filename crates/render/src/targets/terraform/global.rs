//! What is of no region: names, the accelerator, budgets and content delivery.
//!
//! Where agents come in is another root's, so it is a variable here, and that
//! root has an output of the same shape. Nothing is looked up.

use super::aws::{label, seconds};
use super::root::{GLOBAL as SERVICES, Root};
use super::site::{Site, balancers};
use super::{GLOBAL, cdn, cloudflare};
use crate::hcl::{Value, block, expression, expressions, list, resource, text};
use crate::name::domain;
use crate::{Refused, Scene, Tree};
use planet::{At, BalancerKind, Budget, Text};
use vocab::Ppm;

/// Certificates and rules of what is everywhere are this region's.
pub(super) const REGION: &str = "us-east-1";

const DNS_FILE: &str = "dns.tf";
const DNS_ABOUT: &str = "Names.";
const SPREAD_FILE: &str = "accelerator.tf";
const SPREAD_ABOUT: &str = "One address for all regions.";

/// Shares of a budget at which somebody is told, when the planet does not say.
const ALERTS: [Ppm; 3] = [Ppm::percent(80), Ppm::percent(90), Ppm::percent(100)];

/// Where agents come into a region.
struct Entry {
    /// The variable that says where.
    variable: String,
    label: String,
    aws: String,
    ports: Vec<u16>,
}

pub(super) fn render(scene: &Scene<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let planet = scene.planet;
    let network = planet.network.as_ref();
    let entries = entries(scene)?;
    let mut root = Root::new(format!("Planet {}, what is of no region", scene.name()));
    let zone = network.and_then(|network| network.dns.zone.as_ref());
    let spread = balancers(network, None, BalancerKind::Global);
    let spread: Vec<_> = spread.into_iter().map(|(label, balancer)| (label, balancer.name.as_str())).collect();
    if let Some(zone) = zone {
        names(scene, &mut root, zone, &entries)?;
    }
    if entries.is_empty() && (zone.is_some() || !spread.is_empty()) {
        tree.note(
            "global: no region has a network balancer, so nothing is there for names and accelerators to lead to",
        );
    }
    for (label, name) in spread.iter().filter(|_| !entries.is_empty()) {
        accelerator(&mut root, label, name, &entries);
    }
    if !entries.is_empty() && (zone.is_some() || !spread.is_empty()) {
        variables(&mut root, &entries);
    }
    budget(scene, &mut root, &planet.budget);
    cdn::add(scene, &mut root, tree)?;
    if !root.is_empty() {
        root.provider(REGION, scene.name(), &[], SERVICES);
        root.write_in(&format!("{GLOBAL}/"), tree);
    }
    cloudflare::render(scene, tree);
    told(scene, tree);
    Ok(())
}

/// The regions that agents come into.
fn entries(scene: &Scene<'_>) -> Result<Vec<Entry>, Refused> {
    let mut found = Vec::new();
    for place in scene.places() {
        // What is to be said about a region is said with its own files.
        let Some(site) = Site::new(scene, &place, &mut Tree::default())? else { continue };
        let Some(door) = &site.door else { continue };
        if site.balancers(BalancerKind::Network).iter().any(|(_, of)| of.tier.as_str() == door.front) {
            found.push(Entry {
                variable: format!("entry_{}", place.id()),
                label: label(place.id()),
                aws: site.aws.to_owned(),
                ports: door.ports.clone(),
            });
        }
    }
    Ok(found)
}

fn variables(root: &mut Root, entries: &[Entry]) {
    for entry in entries {
        root.variable(&entry.variable, "The output `entry` of that region's root.", |variable| {
            variable.refer("type", "object({ arn = string, dns_name = string, zone_id = string })")
        });
    }
}

/// A zone, and in it the one name that leads to the nearest region.
fn names(scene: &Scene<'_>, root: &mut Root, zone: &At<Text>, entries: &[Entry]) -> Result<(), Refused> {
    let name = domain(zone)?;
    let comment = format!("Names of planet {}", scene.name());
    root.add(DNS_FILE, DNS_ABOUT, [resource("aws_route53_zone", "main").set("name", name).set("comment", comment)]);
    root.output(
        "name_servers",
        "Whoever has the domain names these.",
        expression("aws_route53_zone.main.name_servers"),
    );
    let route = &scene.planet.route;
    let ttl = scene.planet.network.as_ref().map_or(30, |network| seconds(network.dns.ttl.value));
    for entry in entries {
        let to = expression(format!("var.{}.dns_name", entry.variable));
        let port = entry.ports.first().copied().unwrap_or(crate::flows::HTTPS);
        // Route 53 asks every ten seconds, or every thirty.
        let every: u64 = if seconds(route.health_check.value) < 30 { 10 } else { 30 };
        let check = resource("aws_route53_health_check", &entry.label)
            .set("type", "TCP")
            .set("fqdn", to.clone())
            .set("port", u64::from(port))
            .set("request_interval", every)
            .set("failure_threshold", u64::from(route.unhealthy_after.value.clamp(1, 10)));
        let record = resource("aws_route53_record", &entry.label)
            .refer("zone_id", "aws_route53_zone.main.zone_id")
            .set("name", format!("agents.{name}"))
            .set("type", "CNAME")
            .set("ttl", ttl)
            .set("records", Value::List(vec![to]))
            .set("set_identifier", entry.label.as_str())
            .set("health_check_id", expression(format!("aws_route53_health_check.{}.id", entry.label)))
            .nest(block("latency_routing_policy").set("region", entry.aws.as_str()));
        root.add(DNS_FILE, DNS_ABOUT, [check, record]);
    }
    Ok(())
}

/// One address for all regions.
fn accelerator(root: &mut Root, label: &str, name: &str, entries: &[Entry]) {
    let mut ports: Vec<u16> = entries.iter().flat_map(|entry| entry.ports.iter().copied()).collect();
    ports.sort_unstable();
    ports.dedup();
    let main = resource("aws_globalaccelerator_accelerator", label)
        .set("name", name)
        .set("ip_address_type", "IPV4")
        .set("enabled", true);
    let ranges = ports
        .iter()
        .map(|port| block("port_range").set("from_port", u64::from(*port)).set("to_port", u64::from(*port)));
    let listener = resource("aws_globalaccelerator_listener", label)
        .set("accelerator_arn", expression(format!("aws_globalaccelerator_accelerator.{label}.arn")))
        .set("protocol", "TCP")
        .nest_all(ranges);
    root.add(SPREAD_FILE, SPREAD_ABOUT, [main, listener]);
    for entry in entries {
        let at = block("endpoint_configuration")
            .set("endpoint_id", expression(format!("var.{}.arn", entry.variable)))
            .set("client_ip_preservation_enabled", true)
            .why("Limits and bans go by the agent's own address.");
        let group = resource("aws_globalaccelerator_endpoint_group", &format!("{label}_{}", entry.label))
            .set("listener_arn", expression(format!("aws_globalaccelerator_listener.{label}.arn")))
            .set("endpoint_group_region", entry.aws.as_str())
            .set("health_check_protocol", "TCP")
            .nest(at);
        root.add(SPREAD_FILE, SPREAD_ABOUT, [group]);
    }
    let address = expression(format!("aws_globalaccelerator_accelerator.{label}.dns_name"));
    root.output(&format!("accelerator_{label}"), "The one name of all regions.", address);
}

/// What it may cost, and when somebody is told.
fn budget(scene: &Scene<'_>, root: &mut Root, budget: &Budget) {
    let Some(monthly) = &budget.monthly else { return };
    root.variable("budget_email", "Who is told about costs.", |variable| variable.refer("type", "string"));
    let said: Vec<Ppm> = budget.alerts.iter().map(|share| share.value).collect();
    let alerts = if said.is_empty() { ALERTS.to_vec() } else { said };
    let tell = |share: Ppm| {
        block("notification")
            .set("comparison_operator", "GREATER_THAN")
            .set("notification_type", "ACTUAL")
            .set("threshold", expression(percent(share)))
            .set("threshold_type", "PERCENTAGE")
            .set("subscriber_email_addresses", expressions(["var.budget_email"]))
    };
    let filter =
        block("cost_filter").set("name", "TagKeyValue").set("values", list([text("user:planet$").text(scene.name())]));
    let micro = monthly.value.0;
    let main = resource("aws_budgets_budget", "monthly")
        .set("name", scene.name())
        .set("budget_type", "COST")
        .set("limit_amount", format!("{}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000))
        .set("limit_unit", "USD")
        .set("time_unit", "MONTHLY")
        .nest(filter)
        .why("What has the planet's tag: activate `planet` as a tag of costs.")
        .nest_all(alerts.into_iter().map(tell));
    root.add("budget.tf", "What it may cost.", [main]);
}

/// A share in percent, as a number.
fn percent(share: Ppm) -> String {
    let (whole, rest) = (share.0 / 10_000, share.0 % 10_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:04}").trim_end_matches('0').to_owned() }
}

/// What the planet asks for and Terraform has nowhere.
fn told(scene: &Scene<'_>, tree: &mut Tree) {
    let planet = scene.planet;
    if planet.edge.as_ref().is_some_and(|edge| edge.nodes.value > 0) {
        tree.note("edge: no node near the users is rendered");
    }
    if planet.observe.as_ref().is_some_and(|observe| observe.logs_archive.is_some()) {
        tree.note("observe: logs go to no archive: they end when they are no longer at hand");
    }
    if planet.block.external.value != planet::External::Gateway {
        tree.note(format!(
            "block: no block has an address of its own ({}) in what Terraform makes",
            planet.block.external.value
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_they_were_said() {
        assert_eq!([800_000, 1_000_000, 995_000, 1].map(|ppm| percent(Ppm(ppm))), ["80", "100", "99.5", "0.0001"]);
    }
}
