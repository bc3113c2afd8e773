//! Subnets, and the ways that packets take out of each: the gateway to the
//! Internet, NAT, VPNs, peers. The most specific route decides, and what stays in
//! the network needs none.

use crate::atoms::Range;
use crate::read::form::shown;
use crate::report::{At, Kind, Layer};
use crate::terraform::asked::{Asked, Region};
use crate::terraform::item::{Item, Part, Tell};
use crate::terraform::root::{Root, one_of};
use std::collections::{BTreeMap, BTreeSet};

/// A subnet of the files that is one of the planet's.
#[derive(Debug)]
pub(crate) struct Subnet<'p> {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) is: Asked<'p>,
    /// Whether what begins in it gets an address of the Internet.
    pub(crate) gives: bool,
    table: Option<usize>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The gateway to the Internet.
    Gateway,
    /// A NAT gateway, by its name.
    Nat(String),
    /// A VPN or a peer, in words.
    Beyond(String),
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) at: At,
    pub(crate) net: Range,
    pub(crate) to: Target,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) routes: Vec<Route>,
}

/// The network of a region.
#[derive(Debug, Default)]
pub(crate) struct Network<'p> {
    pub(crate) subnets: Vec<Subnet<'p>>,
    pub(crate) tables: Vec<Table>,
    /// For each NAT gateway, the subnet that it stands in.
    pub(crate) nats: BTreeMap<String, (At, usize)>,
    /// Whether the network answers names, and the line that says so.
    pub(crate) names: Option<(bool, At)>,
    vpc: Option<Range>,
}

impl<'p> Network<'p> {
    pub(crate) fn subnet(&self, name: &str) -> Option<usize> {
        self.subnets.iter().position(|subnet| subnet.name == name)
    }

    /// The way out of a subnet to an address outside of the network.
    pub(crate) fn way(&self, subnet: usize, to: Range) -> Option<&Route> {
        let fits = self.table(subnet)?.routes.iter().filter(|route| route.net.contains(to));
        fits.min_by_key(|route| route.net.last - route.net.first)
    }

    pub(crate) fn table(&self, subnet: usize) -> Option<&Table> {
        self.tables.get(self.subnets.get(subnet)?.table?)
    }

    /// Every network that a route or subnet names.
    pub(crate) fn edges(&self) -> impl Iterator<Item = Range> {
        let routes = self.tables.iter().flat_map(|table| &table.routes).map(|route| route.net);
        self.subnets.iter().map(|subnet| subnet.is.net).chain(routes).chain(self.vpc)
    }
}

/// Reads the network, and tells where it is not the planet's.
pub(crate) fn read<'p>(root: &Root, asked: &Region<'p>, tell: &mut Tell<'_>) -> Network<'p> {
    let mut network = Network::default();
    vpc(root, asked, &mut network, &mut tell.at(Layer::Subnet));
    subnets(root, asked, &mut network, &mut tell.at(Layer::Subnet));
    let tell = &mut tell.at(Layer::Route);
    nats(root, &mut network, tell);
    for table in root.of("aws_route_table") {
        let part = table.known(&["vpc_id", "route"], tell);
        let mut read = Table { at: table.at.clone(), name: table.name.clone(), routes: Vec::new() };
        for inner in part.parts("route", tell) {
            read.routes.extend(route(root, inner, "cidr_block", tell));
        }
        network.tables.push(read);
    }
    for item in root.of("aws_route") {
        let part = item.part();
        let table = root.led(part, "route_table_id", "aws_route_table", tell);
        let found = route(root, part, "destination_cidr_block", tell);
        let at = table.and_then(|table| network.tables.iter().position(|known| known.name == table.name));
        if let (Some(table), Some(route)) = (at.and_then(|at| network.tables.get_mut(at)), found) {
            table.routes.push(route);
        }
    }
    associations(root, &mut network, tell);
    gateways(root, tell);
    for table in &network.tables {
        let mut seen = BTreeSet::new();
        for route in &table.routes {
            if !seen.insert(route.net) {
                tell.lost(route.at.clone(), format!("{} has two routes to {}", shown(&table.name), route.net));
            }
            if network.vpc.is_some_and(|vpc| vpc.contains(route.net)) {
                tell.lost(route.at.clone(), format!("a route to {}, which is within the network", route.net));
            }
        }
    }
    network
}

fn vpc(root: &Root, asked: &Region<'_>, network: &mut Network<'_>, tell: &mut Tell<'_>) {
    let mut vpcs = root.of("aws_vpc");
    let Some(item) = vpcs.next() else { return };
    if let Some(other) = vpcs.next() {
        tell.lost(other.at.clone(), "a second network in one region");
    }
    let part = item.known(&["cidr_block", "enable_dns_support", "enable_dns_hostnames", "instance_tenancy"], tell);
    let names = part.truth("enable_dns_support", tell).unwrap_or(true);
    network.names = Some((names, part.line_of("enable_dns_support")));
    network.vpc = part.get("cidr_block").and_then(|node| part.range(node, tell));
    if let (Some(vpc), Some(wanted)) = (network.vpc, asked.vpc)
        && vpc != wanted
    {
        tell.fail(Kind::Stopped, part.line_of("cidr_block"), format!("the network is {vpc}; the planet's is {wanted}"));
    }
}

fn subnets<'p>(root: &Root, asked: &Region<'p>, network: &mut Network<'p>, tell: &mut Tell<'_>) {
    const KNOWN: &[&str] = &["vpc_id", "cidr_block", "availability_zone", "map_public_ip_on_launch"];
    let mut seen: Vec<(Range, String)> = Vec::new();
    for item in root.of("aws_subnet") {
        let part = item.known(KNOWN, tell);
        root.led(part, "vpc_id", "aws_vpc", tell);
        let Some(net) = part.get("cidr_block").and_then(|node| part.range(node, tell)) else {
            tell.lost(item.at.clone(), format!("{} has no addresses", item.words()));
            continue;
        };
        let at = part.line_of("cidr_block");
        if let Some((other, name)) = seen.iter().find(|(other, _)| other.overlaps(net)) {
            tell.fail(Kind::Stopped, at, format!("{net} overlaps {other} of {}", shown(name)));
            continue;
        }
        seen.push((net, item.name.clone()));
        if network.vpc.is_some_and(|vpc| !vpc.contains(net)) {
            tell.fail(Kind::Stopped, at.clone(), format!("{net} is not within the network"));
        }
        let Some(is) = asked.subnets.iter().find(|asked| asked.net == net) else {
            tell.lost(at, format!("{net} is no subnet of the planet here, so nobody knows its tier"));
            continue;
        };
        zone(is, asked, part, tell);
        let gives = part.truth("map_public_ip_on_launch", tell) == Some(true);
        if gives && !is.is_public {
            let what =
                format!("what stands in tier {} gets an address of the Internet, and the tier is not public", is.tier);
            tell.at(Layer::Address).fail(Kind::Open, part.line_of("map_public_ip_on_launch"), what);
        }
        network.subnets.push(Subnet {
            at: item.at.clone(),
            name: item.name.clone(),
            is: is.clone(),
            gives,
            table: None,
        });
    }
    for missing in asked.subnets.iter().filter(|asked| !network.subnets.iter().any(|known| known.is.net == asked.net)) {
        let what = format!("the subnet {} of tier {} is not here", missing.net, missing.tier);
        tell.fail(Kind::Stopped, root.whole.clone(), what);
    }
}

fn zone(is: &Asked<'_>, asked: &Region<'_>, part: Part<'_>, tell: &mut Tell<'_>) {
    let zone = part.text("availability_zone", tell);
    let Some(wanted) = is.zone else { return };
    let at = part.line_of("availability_zone");
    match zone {
        None => tell.fail(Kind::Stopped, at, format!("{} is in no zone; the planet has it in {wanted}", is.net)),
        Some(zone) if zone != wanted => {
            let is_here = asked.provider.iter().any(|region| zone.starts_with(region));
            let kind = if is_here { Kind::Stopped } else { Kind::Elsewhere };
            tell.fail(kind, at, format!("{} is in {}; the planet has it in {wanted}", is.net, shown(zone)));
        }
        Some(_) => {}
    }
}

fn nats(root: &Root, network: &mut Network<'_>, tell: &mut Tell<'_>) {
    for item in root.of("aws_nat_gateway") {
        let part = item.known(&["allocation_id", "subnet_id", "connectivity_type"], tell);
        if part.text("connectivity_type", tell) == Some("private") {
            tell.lost(part.line_of("connectivity_type"), "a NAT gateway between private networks");
        }
        let Some(subnet) = root.led(part, "subnet_id", "aws_subnet", tell) else { continue };
        if let Some(at) = network.subnet(&subnet.name) {
            network.nats.insert(item.name.clone(), (item.at.clone(), at));
        }
        if part.get("allocation_id").is_none() {
            tell.fail(Kind::Stopped, item.at.clone(), "a NAT gateway without an address of the Internet");
        } else {
            root.led(part, "allocation_id", "aws_eip", tell);
        }
    }
}

/// A route, in a table or as a resource of its own.
fn route(root: &Root, part: Part<'_>, net: &str, tell: &mut Tell<'_>) -> Option<Route> {
    const TARGETS: [&str; 3] = ["gateway_id", "nat_gateway_id", "vpc_peering_connection_id"];
    part.known("a route", &[&[net, "route_table_id"], &TARGETS], tell);
    let range = part.get(net).and_then(|node| part.range(node, tell))?;
    let said: Vec<_> = TARGETS.iter().filter_map(|name| part.get(name)).collect();
    let [target] = said.as_slice() else {
        tell.lost(part.here(), "a route leads to one target");
        return None;
    };
    let at = part.at(target.line);
    let kinds = ["aws_internet_gateway", "aws_nat_gateway", "aws_vpn_gateway", "aws_vpc_peering_connection"];
    let Some((kind, name)) = one_of(target, &kinds) else {
        tell.lost(at, "a route that leads to what these files do not have");
        return None;
    };
    root.find(kind, &name)?;
    let fits = match kind {
        "aws_nat_gateway" => part.get("nat_gateway_id").is_some(),
        "aws_vpc_peering_connection" => part.get("vpc_peering_connection_id").is_some(),
        _ => part.get("gateway_id").is_some(),
    };
    if !fits {
        tell.lost(at.clone(), format!("a route to `{kind}` by another's argument"));
    }
    let to = match kind {
        "aws_internet_gateway" => Target::Gateway,
        "aws_nat_gateway" => Target::Nat(name),
        _ => Target::Beyond(format!("{kind}.{}", shown(&name))),
    };
    Some(Route { at, net: range, to })
}

fn associations(root: &Root, network: &mut Network<'_>, tell: &mut Tell<'_>) {
    for item in root.of("aws_route_table_association") {
        let part = item.known(&["subnet_id", "route_table_id"], tell);
        let subnet = root.led(part, "subnet_id", "aws_subnet", tell);
        let table = root.led(part, "route_table_id", "aws_route_table", tell);
        let at = table.and_then(|table| network.tables.iter().position(|known| known.name == table.name));
        let Some(subnet) = subnet.and_then(|subnet| network.subnet(&subnet.name)) else { continue };
        let Some(subnet) = network.subnets.get_mut(subnet) else { continue };
        if subnet.table.is_some() {
            tell.fail(Kind::Dangling, item.at.clone(), format!("{} has a second route table", shown(&subnet.name)));
        }
        subnet.table = at;
    }
}

/// Gateways, VPNs and peers: who stands behind them is said by routes.
fn gateways(root: &Root, tell: &mut Tell<'_>) {
    let mut first = true;
    for item in root.of("aws_internet_gateway") {
        let part = item.known(&["vpc_id"], tell);
        root.led(part, "vpc_id", "aws_vpc", tell);
        if !std::mem::take(&mut first) {
            tell.fail(Kind::Open, item.at.clone(), "a second gateway to the Internet");
        }
    }
    let simple: [(&str, &[&str]); 5] = [
        ("aws_vpn_gateway", &["vpc_id", "amazon_side_asn"]),
        ("aws_customer_gateway", &["bgp_asn", "type", "certificate_arn", "ip_address", "device_name"]),
        ("aws_vpn_connection", &["vpn_gateway_id", "customer_gateway_id", "type", "static_routes_only"]),
        ("aws_vpn_connection_route", &["vpn_connection_id", "destination_cidr_block"]),
        ("aws_vpc_peering_connection", &["vpc_id", "peer_vpc_id", "peer_region", "peer_owner_id", "auto_accept"]),
    ];
    for (kind, known) in simple {
        for item in root.of(kind) {
            item.known(known, tell);
        }
    }
    for item in root.of("aws_eip") {
        address(item, tell);
    }
}

/// An address of the Internet is a NAT gateway's, or nobody's.
fn address(item: &Item, tell: &mut Tell<'_>) {
    let tell = &mut tell.at(Layer::Address);
    let part = item.known(&["domain", "instance", "network_interface"], tell);
    for whose in ["instance", "network_interface"] {
        if part.get(whose).is_some() {
            let what = "an address of the Internet for a machine; balancers and NAT gateways alone have one";
            tell.fail(Kind::Open, part.line_of(whose), what);
        }
    }
}
