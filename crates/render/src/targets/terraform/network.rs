//! The region's network: its addresses, and the ways that packets take.
//!
//! A private subnet goes out through the NAT gateway of its own zone, so that a
//! lost zone takes no other with it; and only where a flow of its tier goes to
//! the Internet. A tier without such a flow has no way out at all.

use super::aws::short;
use super::root::Root;
use super::site::{Site, Subnet};
use crate::hcl::{Block, expression, object, resource};
use planet::Nat;

pub(super) const ANYWHERE: &str = "0.0.0.0/0";

const FILE: &str = "network.tf";
const ABOUT: &str = "Its addresses, and the ways that packets take.";

pub(super) fn add(site: &Site<'_>, root: &mut Root) {
    let Some(vpc) = site.vpc else { return };
    let name = [site.scene.name(), site.place.id()].join("-");
    let main = resource("aws_vpc", "main")
        .set("cidr_block", vpc.to_string())
        .set("enable_dns_support", true)
        .set("enable_dns_hostnames", true)
        .set("tags", object([("Name", name.into())]));
    let closed = resource("aws_default_security_group", "closed")
        .why("What names no group gets this one, which lets nothing through.")
        .refer("vpc_id", "aws_vpc.main.id");
    root.add(FILE, ABOUT, [main, closed]);
    if site.subnets.iter().any(|subnet| subnet.is_public) {
        root.add(FILE, ABOUT, [resource("aws_internet_gateway", "main").refer("vpc_id", "aws_vpc.main.id")]);
        root.add(FILE, ABOUT, open());
    }
    root.add(FILE, ABOUT, site.subnets.iter().map(|one| subnet(site, one)));
    for at in nats(site) {
        root.add(FILE, ABOUT, nat(at));
    }
    for one in &site.subnets {
        root.add(FILE, ABOUT, way_out(site, one));
    }
}

fn subnet(site: &Site<'_>, subnet: &Subnet<'_>) -> Block {
    let zone = subnet.zone.unwrap_or_default();
    let name = [site.scene.name(), subnet.tier, zone].join("-");
    resource("aws_subnet", &subnet.label)
        .refer("vpc_id", "aws_vpc.main.id")
        .set("cidr_block", subnet.net.to_string())
        .set_some("availability_zone", subnet.zone)
        .set("map_public_ip_on_launch", false)
        .set("tags", object([("Name", name.trim_end_matches('-').into()), ("tier", subnet.tier.into())]))
}

/// The one way of all public subnets.
fn open() -> [Block; 2] {
    let table = resource("aws_route_table", "open").refer("vpc_id", "aws_vpc.main.id");
    let route = resource("aws_route", "open")
        .refer("route_table_id", "aws_route_table.open.id")
        .set("destination_cidr_block", ANYWHERE)
        .refer("gateway_id", "aws_internet_gateway.main.id");
    [table, route]
}

/// The public subnets that a NAT gateway stands in: the first of its zone, or of
/// the region, where somebody needs it.
fn nats<'s, 'a>(site: &'s Site<'a>) -> Vec<&'s Subnet<'a>> {
    let mut found: Vec<&Subnet<'_>> = Vec::new();
    for subnet in site.subnets.iter().filter(|subnet| !subnet.is_public && site.goes_out(subnet.tier)) {
        if let Some(at) = nat_of(site, subnet)
            && !found.iter().any(|other| other.label == at.label)
        {
            found.push(at);
        }
    }
    found
}

/// Where the NAT gateway of a private subnet stands.
pub(super) fn nat_of<'s, 'a>(site: &'s Site<'a>, subnet: &Subnet<'_>) -> Option<&'s Subnet<'a>> {
    let mut public = site.subnets.iter().filter(|subnet| subnet.is_public);
    match site.nat() {
        Nat::None => None,
        Nat::Region => public.next(),
        Nat::Zone => public.find(|one| one.zone == subnet.zone),
    }
}

fn nat(at: &Subnet<'_>) -> [Block; 2] {
    let address = resource("aws_eip", &at.label).set("domain", "vpc");
    let gateway = resource("aws_nat_gateway", &at.label)
        .refer("allocation_id", &format!("aws_eip.{}.id", at.label))
        .refer("subnet_id", &format!("aws_subnet.{}.id", at.label))
        .set("depends_on", crate::hcl::expressions(["aws_internet_gateway.main"]));
    [address, gateway]
}

/// The route table of a subnet, and what is in it beside the region's network.
fn way_out(site: &Site<'_>, subnet: &Subnet<'_>) -> Vec<Block> {
    let table = if subnet.is_public { "open" } else { subnet.label.as_str() };
    let mut blocks = Vec::new();
    if !subnet.is_public {
        blocks.push(resource("aws_route_table", table).refer("vpc_id", "aws_vpc.main.id"));
        if let Some(nat) = nat_of(site, subnet).filter(|_| site.goes_out(subnet.tier)) {
            let route = resource("aws_route", table)
                .set("route_table_id", expression(format!("aws_route_table.{table}.id")))
                .set("destination_cidr_block", ANYWHERE)
                .set("nat_gateway_id", expression(format!("aws_nat_gateway.{}.id", nat.label)));
            blocks.push(route);
        }
    }
    let association = resource("aws_route_table_association", &subnet.label)
        .set("subnet_id", expression(format!("aws_subnet.{}.id", subnet.label)))
        .set("route_table_id", expression(format!("aws_route_table.{table}.id")));
    blocks.push(association);
    blocks
}

/// What a thing of the region is called, where AWS takes it.
pub(super) fn called(site: &Site<'_>, what: &str, most: usize) -> Option<String> {
    short(&[site.scene.name(), site.place.id(), what], most)
}
