//! Private ways in: site-to-site VPNs.
//!
//! The far side shows a certificate. With a shared key instead, AWS would make
//! one, and Terraform would write it into its state.

use super::aws::label;
use super::root::Root;
use super::site::{Site, unique};
use crate::Tree;
use crate::hcl::{Block, expression, object, resource};

const FILE: &str = "vpn.tf";
const ABOUT: &str = "Private ways in.";

/// The number of a far side that has none of its own: one for private use.
const PRIVATE_NUMBER: u64 = 65_000;

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) {
    let Some(network) = site.network.filter(|_| site.vpc.is_some()) else { return };
    if !network.vpn.is_empty() {
        root.add(FILE, ABOUT, [resource("aws_vpn_gateway", "main").refer("vpc_id", "aws_vpc.main.id")]);
    }
    let number = network.bgp.as_ref().map_or(PRIVATE_NUMBER, |bgp| u64::from(bgp.autonomous_system.value));
    let mut taken: Vec<String> = Vec::new();
    for vpn in &network.vpn {
        let name = unique(&label(vpn.name.as_str()), |name| taken.iter().any(|taken| taken == name));
        let certificate = format!("vpn_{name}_certificate_arn");
        root.variable(
            &certificate,
            "The certificate of the VPN's far side, in ACM: its ARN. With one, no shared key is made.",
            |variable| variable.refer("type", "string"),
        );
        root.add(FILE, ABOUT, tunnel((&name, vpn.name.as_str(), &certificate), &vpn.net.value.to_string(), number));
        for subnet in site.subnets.iter().filter(|subnet| !subnet.is_public) {
            let route = resource("aws_route", &format!("{}_{name}", subnet.label))
                .set("route_table_id", expression(format!("aws_route_table.{}.id", subnet.label)))
                .set("destination_cidr_block", vpn.net.value.to_string())
                .refer("gateway_id", "aws_vpn_gateway.main.id");
            root.add(FILE, ABOUT, [route]);
        }
        tree.note(format!(
            "{}: the VPN `{}` stands, and no flow can name what is behind it, so nothing passes: groups and ACLs deny it",
            site.place.id(),
            vpn.name.as_str()
        ));
        taken.push(name);
    }
    for (is_there, what) in [
        (!network.vlan.is_empty(), "VLANs are of sites that are no cloud"),
        (network.bgp.is_some(), "preferences of providers are of routers that are not AWS's"),
        (network.qos.is_some(), "shares of an uplink are of routers that are not AWS's"),
    ] {
        if is_there {
            tree.note(format!("network: {what}, and Terraform has none of them"));
        }
    }
}

fn tunnel((name, called, certificate): (&str, &str, &str), net: &str, number: u64) -> [Block; 3] {
    let far = resource("aws_customer_gateway", name)
        .set("bgp_asn", number)
        .set("type", "ipsec.1")
        .set("certificate_arn", expression(format!("var.{certificate}")))
        .set("tags", object([("Name", called.into())]));
    let connection = resource("aws_vpn_connection", name)
        .refer("vpn_gateway_id", "aws_vpn_gateway.main.id")
        .set("customer_gateway_id", expression(format!("aws_customer_gateway.{name}.id")))
        .set("type", "ipsec.1")
        .set("static_routes_only", true);
    let route = resource("aws_vpn_connection_route", name)
        .set("vpn_connection_id", expression(format!("aws_vpn_connection.{name}.id")))
        .set("destination_cidr_block", net);
    [far, connection, route]
}
