//! Addresses: networks that are none, that overlap, or that are not ours.

use super::home;
use crate::finding::{Report, Severity};
use crate::lint::overlap::{Claim, Claims, overlaps};
use crate::lint::{Facts, Lint};
use crate::{At, Span};
use std::collections::BTreeMap;
use vocab::Net4;

pub(super) static HOST_BITS: Lint = Lint {
    code: "MY0501",
    severity: Severity::Error,
    title: "a network with host bits",
    why: "The bits behind the prefix name a machine, not a network. Clouds refuse such a network, and routers silently make another one of it.",
    hint: "clear the bits behind the prefix",
    look: |facts, report| {
        let network = facts.planet.network.as_ref();
        let vpcs = network.iter().map(|network| &network.vpc).chain(own_vpcs(facts).map(|(vpc, _)| vpc));
        let subnets = network.iter().flat_map(|network| &network.subnet).map(|subnet| &subnet.net);
        let vlans = network.iter().flat_map(|network| &network.vlan).map(|vlan| &vlan.net);
        let vpns = network.iter().flat_map(|network| &network.vpn).map(|vpn| &vpn.net);
        for net in vpcs.chain(subnets).chain(vlans).chain(vpns).filter(|net| net.has_host_bits()) {
            host_bits(net.span, &net.value, &net.network(), report);
        }
        for net in facts.planet.region.iter().filter_map(|region| region.ipv6.as_ref()) {
            if net.has_host_bits() {
                host_bits(net.span, &net.value, &net.network(), report);
            }
        }
    },
};

fn host_bits(span: Span, net: &dyn std::fmt::Display, meant: &dyn std::fmt::Display, report: &mut Report) {
    let what = format!("`{net}` is an address inside of `{meant}`");
    report.add(&HOST_BITS, what).at(span, "").hint(format!("write \"{meant}\""));
}

/// The networks that regions have of their own, with whose they are.
fn own_vpcs<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a At<Net4>, &'a str)> {
    facts.planet.region.iter().filter_map(|region| Some((region.vpc.as_ref()?, region.id.as_str())))
}

/// Every VPC of the planet, with what it is called.
fn vpcs<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a At<Net4>, String)> {
    let shared = facts.planet.network.iter().map(|network| (&network.vpc, "the planet".to_owned()));
    shared.chain(own_vpcs(facts).map(|(vpc, id)| (vpc, format!("`{id}`"))))
}

pub(super) static OUTSIDE: Lint = Lint {
    code: "MY0502",
    severity: Severity::Error,
    title: "a subnet outside of its network",
    why: "A subnet is cut from the network of its region. Addresses that the network does not have cannot be cut from it.",
    hint: "choose a subnet inside of the network, or make the network larger",
    look: |facts, report| {
        let Some(network) = &facts.planet.network else { return };
        for subnet in &network.subnet {
            let Some(region) = home(facts, subnet) else { continue };
            let vpc = region.vpc.as_ref().unwrap_or(&network.vpc);
            if !vpc.contains(subnet.net.value) {
                report
                    .add(&OUTSIDE, format!("`{}` is not inside of `{}`", subnet.net.value, vpc.value))
                    .at(subnet.net.span, "this subnet")
                    .at(vpc.span, format!("`{}` has {}", region.id.value, vpc.value));
            }
        }
    },
};

pub(super) static SUBNETS_OVERLAP: Lint = Lint {
    code: "MY0503",
    severity: Severity::Error,
    title: "subnets that overlap",
    why: "An address belongs to one subnet. Where two share addresses, the cloud refuses the second, in the middle of a deployment.",
    hint: "give each subnet a range of its own",
    look: |facts, report| {
        let mut by_region: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for subnet in facts.planet.network.iter().flat_map(|network| &network.subnet) {
            if let Some(region) = home(facts, subnet) {
                let claims = by_region.entry(region.id.as_str()).or_default();
                claims.push(Claim::v4(subnet.net.value, &subnet.net));
            }
        }
        for (region, claims) in by_region {
            for (a, b) in overlaps(claims) {
                let what = format!("`{}` and `{}` of `{region}` share addresses", a.value, b.value);
                report.add(&SUBNETS_OVERLAP, what).at(a.span, "this subnet").at(b.span, "overlaps this one");
            }
        }
    },
};

pub(super) static CELL_OVERLAPS: Lint = Lint {
    code: "MY0504",
    severity: Severity::Error,
    title: "a network that overlaps the cells",
    why: "Every cell repeats the same network inside of its hosts. A host whose own network has those addresses as well cannot tell a block from a neighbour.",
    hint: "choose another network, such as one in 10.0.0.0/8, or another `cell` in [block]",
    look: |facts, report| {
        let cell = &facts.planet.block.cell;
        for (vpc, whose) in vpcs(facts).filter(|(vpc, _)| vpc.overlaps(cell.value)) {
            report
                .add(
                    &CELL_OVERLAPS,
                    format!("the network `{}` of {whose} overlaps the cells' `{}`", vpc.value, cell.value),
                )
                .at(vpc.span, "")
                .at(cell.span, "every cell has this");
        }
    },
};

pub(super) static PUBLIC: Lint = Lint {
    code: "MY0505",
    severity: Severity::Warning,
    title: "a private network of public addresses",
    why: "These addresses belong to somebody on the Internet. From inside of the network that somebody cannot be reached: their packets go to us.",
    hint: "use 10.0.0.0/8, 172.16.0.0/12 or 100.64.0.0/10",
    look: |facts, report| {
        for (vpc, whose) in vpcs(facts).filter(|(vpc, _)| !vpc.is_private() && !vpc.is_documentation()) {
            report
                .add(&PUBLIC, format!("the network `{}` of {whose} has public addresses", vpc.value))
                .at(vpc.span, "");
        }
    },
};

pub(super) static VPCS_OVERLAP: Lint = Lint {
    code: "MY0506",
    severity: Severity::Error,
    title: "networks of regions that overlap",
    why: "Regions route to each other. Where two have the same addresses, a packet for one stays in the other, and the cloud refuses to connect them.",
    hint: "give each region a network of its own",
    look: |facts, report| {
        let claims = own_vpcs(facts).map(|(vpc, id)| Claim::v4(vpc.value, (vpc, id))).collect();
        for ((a, a_id), (b, b_id)) in overlaps(claims) {
            let what = format!("`{}` of `{a_id}` and `{}` of `{b_id}` share addresses", a.value, b.value);
            report.add(&VPCS_OVERLAP, what).at(a.span, "this network").at(b.span, "overlaps this one");
        }
    },
};

pub(super) static VPN_OVERLAPS: Lint = Lint {
    code: "MY0518",
    severity: Severity::Error,
    title: "a VPN whose far side has our addresses",
    why: "A packet for the far side is sent into the VPN because of its address. If a network of the planet has that address too, the packet never leaves.",
    hint: "renumber one of the two",
    look: |facts, report| {
        let ours: Vec<_> = vpcs(facts).collect();
        let claims =
            Claims::new(ours.iter().map(|(vpc, whose)| Claim::v4(vpc.value, (*vpc, whose.as_str()))).collect());
        for vpn in facts.planet.network.iter().flat_map(|network| &network.vpn) {
            if let Some((vpc, whose)) = claims.overlapping(vpn.net.value) {
                let what =
                    format!("behind `{}` is `{}`, and {whose} has `{}`", vpn.name.value, vpn.net.value, vpc.value);
                report
                    .add(&VPN_OVERLAPS, what)
                    .at(vpn.net.span, "the far side")
                    .at(vpc.span, format!("{whose} has {}", vpc.value));
            }
        }
    },
};
