//! Flows: which of them cannot work as written, and which say too much.

use super::tier::spreads;
use super::{DNS, INTERNET};
use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint, repeated};
use crate::model::{Flow, Nat, Protocol};
use std::collections::{BTreeMap, BTreeSet};

const DNS_PORT: u16 = 53;

fn flows<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Flow> {
    facts.planet.network.iter().flat_map(|network| &network.flow)
}

/// For each tier with subnets, whether any of them is public.
fn is_public<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, bool> {
    let mut public = BTreeMap::new();
    for subnet in facts.planet.network.iter().flat_map(|network| &network.subnet) {
        *public.entry(subnet.tier.as_str()).or_default() |= subnet.public.value;
    }
    public
}

pub(super) static NO_DNS: Lint = Lint {
    code: "MY0510",
    severity: Severity::Error,
    title: "a tier that cannot look up names",
    why: "Whoever opens a connection asks for an address first, over UDP, port 53. Every flow that is not named is denied, so without this one all the others of the tier fail, each with a different error.",
    hint: "add a flow from the tier to \"dns\" with ports = [53] and protocol = \"any\"",
    look: no_dns,
};

fn no_dns(facts: &Facts<'_>, report: &mut Report) {
    // The tiers that start flows, with the first flow of each.
    let mut tiers: BTreeMap<&str, &Flow> = BTreeMap::new();
    let (mut able, mut by_tcp) = (BTreeSet::new(), BTreeMap::new());
    for flow in flows(facts).filter(|flow| flow.from.as_str() != INTERNET) {
        let tier = flow.from.as_str();
        tiers.entry(tier).or_insert(flow);
        if flow.to.as_str() == DNS && (flow.ports.is_empty() || flow.ports.iter().any(|port| port.value == DNS_PORT)) {
            match flow.protocol.value {
                Protocol::Tcp => _ = by_tcp.insert(tier, flow),
                Protocol::Udp | Protocol::Any => _ = able.insert(tier),
            }
        }
    }
    for (tier, first) in tiers.into_iter().filter(|(tier, _)| !able.contains(tier)) {
        if let Some(flow) = by_tcp.get(tier) {
            report
                .add(&NO_DNS, format!("`{tier}` may ask for names by TCP, and names are asked for by UDP"))
                .at(flow.protocol.span, "")
                .hint("write protocol = \"any\"; long answers come by TCP");
        } else {
            report
                .add(&NO_DNS, format!("`{tier}` opens connections and has no flow to `dns`"))
                .at(first.from.span, "")
                .hint(format!("add a flow from = \"{tier}\", to = \"dns\", ports = [53], protocol = \"any\""));
        }
    }
}

pub(super) static INTO_PRIVATE: Lint = Lint {
    code: "MY0512",
    severity: Severity::Error,
    title: "a flow from the Internet into a private tier",
    why: "Machines in private subnets have no address that the Internet can reach, so no packet of this flow can arrive.",
    hint: "let the Internet reach a public tier, with a load balancer in it, and that tier this one",
    look: |facts, report| {
        let public = is_public(facts);
        for flow in flows(facts).filter(|flow| flow.from.as_str() == INTERNET) {
            if public.get(flow.to.as_str()) == Some(&false) {
                report
                    .add(
                        &INTO_PRIVATE,
                        format!("the Internet cannot reach `{}`: none of its subnets is public", flow.to.value),
                    )
                    .at(flow.to.span, "a private tier")
                    .at(flow.from.span, "from here");
            }
        }
    },
};

pub(super) static ALL_PORTS: Lint = Lint {
    code: "MY0513",
    severity: Severity::Error,
    title: "every port open to the Internet",
    why: "A flow without `ports` allows all 65,535 of them. From the Internet that includes each port that somebody forgot to close.",
    hint: "name the ports, such as ports = [443]",
    look: |facts, report| {
        for flow in flows(facts).filter(|flow| flow.from.as_str() == INTERNET && flow.ports.is_empty()) {
            report
                .add(&ALL_PORTS, format!("the Internet may reach every port of `{}`", flow.to.value))
                .at(flow.span, "no `ports` here");
        }
    },
};

pub(super) static TWICE: Lint = Lint {
    code: "MY0514",
    severity: Severity::Warning,
    title: "one flow twice",
    why: "A flow that is written twice is closed by removing one of the two, and stays open.",
    hint: "remove one",
    look: |facts, report| {
        let key = |flow: &'_ Flow| {
            let ports: BTreeSet<u16> = flow.ports.iter().map(|port| port.value).collect();
            (flow.from.value.clone(), flow.to.value.clone(), ports, flow.protocol.value)
        };
        for (again, first) in repeated(flows(facts).map(|flow| (key(flow), flow))) {
            report
                .add(&TWICE, format!("the flow from `{}` to `{}` is there twice", again.from.value, again.to.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};

/// Flows from private tiers to the Internet, which need a gateway.
fn outward<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Flow> {
    let public = is_public(facts);
    flows(facts).filter(move |flow| flow.to.as_str() == INTERNET && public.get(flow.from.as_str()) == Some(&false))
}

pub(super) static ONE_GATEWAY: Lint = Lint {
    code: "MY0522",
    severity: Severity::Warning,
    title: "several zones that share one way out",
    why: "One NAT gateway for the region stands in one zone. When that zone is lost, the others have no way to the Internet; until then their traffic pays for crossing zones.",
    hint: "write `nat = \"one per zone\"` in [network]",
    look: |facts, report| {
        let Some(nat) = facts.planet.network.as_ref().map(|network| &network.nat) else { return };
        if nat.value != Nat::Region {
            return;
        }
        let spreads = spreads(facts, |subnet| !subnet.public.value);
        let widest = spreads.iter().filter_map(|(tier, regions)| {
            let (region, spread) = regions.iter().max_by_key(|(_, spread)| spread.zones.len())?;
            (spread.zones.len() > 1).then_some((*tier, (*region, spread.zones.len())))
        });
        let widest: BTreeMap<&str, _> = widest.collect();
        for flow in outward(facts) {
            let Some((region, zones)) = widest.get(flow.from.as_str()) else { continue };
            let what = format!("`{}` leaves {zones} zones of `{region}` through a gateway in one", flow.from.value);
            report.add(&ONE_GATEWAY, what).at(flow.to.span, "to the Internet").at(nat.span, "through one gateway");
            return;
        }
    },
};

pub(super) static NO_GATEWAY: Lint = Lint {
    code: "MY0523",
    severity: Severity::Error,
    title: "a flow to the Internet without a way out",
    why: "Private subnets reach the Internet through a NAT gateway, and `nat = \"none\"` says that there is none.",
    hint: "write `nat = \"one per zone\"`, or remove the flow",
    look: |facts, report| {
        let Some(nat) = facts.planet.network.as_ref().map(|network| &network.nat) else { return };
        for flow in outward(facts).filter(|_| nat.value == Nat::None) {
            report
                .add(&NO_GATEWAY, format!("`{}` is private and has no way to the Internet", flow.from.value))
                .at(flow.to.span, "cannot be reached")
                .at(nat.span, "no gateway");
        }
    },
};
