//! MY05xx: networks: what is in them, and which flows can work.

mod address;
mod flow;
mod site;
mod tier;

use super::{Facts, Lint};
use crate::finding::Severity;
use crate::model::{Region, Subnet};

pub(super) const ALL: &[&Lint] = &[
    &address::HOST_BITS,
    &address::OUTSIDE,
    &address::SUBNETS_OVERLAP,
    &address::CELL_OVERLAPS,
    &address::PUBLIC,
    &address::VPCS_OVERLAP,
    &tier::UNKNOWN_PLACE,
    &tier::BALANCER_IN_ONE_ZONE,
    &tier::NO_SUBNET,
    &flow::NO_DNS,
    &tier::NARROW,
    &flow::INTO_PRIVATE,
    &flow::ALL_PORTS,
    &flow::TWICE,
    &site::VLAN_TWICE,
    &site::VLANS_OVERLAP,
    &site::VLAN_ALLOW,
    &address::VPN_OVERLAPS,
    &site::QOS,
    &site::PREFERENCE,
    &site::AUTONOMOUS_SYSTEM,
    &flow::ONE_GATEWAY,
    &flow::NO_GATEWAY,
    &LIMITS,
];

/// What a flow may name that is no tier.
const INTERNET: &str = "internet";
const DNS: &str = "dns";

/// The region that a subnet stands in; none when it names one that is not there.
fn home<'a>(facts: &Facts<'a>, subnet: &Subnet) -> Option<&'a Region> {
    match &subnet.region {
        Some(id) => facts.region(id.as_str()),
        None => facts.planet.region.first(),
    }
}

static LIMITS: Lint = Lint {
    code: "MY0524",
    severity: Severity::Warning,
    title: "one client may send more than all together",
    why: "A single client that does what it may would use up what all clients share, and everybody else is refused.",
    hint: "raise `total` of [limits], or lower `messages`",
    look: |facts, report| {
        let Some(limits) = &facts.planet.limits else { return };
        let (Some(one), Some(total)) = (&limits.messages, &limits.total) else { return };
        if one.exceeds(total.value) {
            report
                .add(&LIMITS, format!("one client may send {}, and all together {}", one.value, total.value))
                .at(one.span, "one client")
                .at(total.span, "all together");
        }
    },
};
