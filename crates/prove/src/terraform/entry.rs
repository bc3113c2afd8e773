//! How the Internet comes in, and how what is inside goes out: what balancers open
//! and whom they lead to, what groups open to everybody, and the ways of NAT.

use crate::atoms::cut;
use crate::ports::{Ports, Protocol};
use crate::read::form::shown;
use crate::report::{Kind, Layer};
use crate::terraform::acl::Side;
use crate::terraform::balance::{Balancer, Target};
use crate::terraform::group::Other;
use crate::terraform::hop::Hop;
use crate::terraform::item::Tell;
use crate::terraform::judge::Site;
use crate::terraform::network;
use crate::terraform::stands::Stand;
use crate::terraform::ways::End;
use crate::wanted::INTERNET;
use planet::{BalancerKind, Nat};
use std::collections::BTreeSet;

pub(crate) fn judge(site: &Site<'_>, tell: &mut Tell<'_>) {
    for balancer in &site.balancers {
        opens(site, balancer, &mut tell.at(Layer::Balancer));
        leads(site, balancer, &mut tell.at(Layer::Balancer));
    }
    missing(site, &mut tell.at(Layer::Balancer));
    groups(site, &mut tell.at(Layer::Group));
    ways_out(site, &mut tell.at(Layer::Route));
}

fn tier<'s>(site: &'s Site<'_>, stand: &Stand) -> &'s str {
    site.ways.network.subnets.get(stand.subnet).map_or("", |subnet| subnet.is.tier)
}

fn stands<'s>(site: &'s Site<'_>, numbers: &'s [usize]) -> impl Iterator<Item = (usize, &'s Stand)> {
    numbers.iter().filter_map(|at| Some((*at, site.ways.stands.get(*at)?)))
}

/// A balancer opens what the planet opens, where it opens it.
fn opens(site: &Site<'_>, balancer: &Balancer, tell: &mut Tell<'_>) {
    if !balancer.is_open {
        return;
    }
    let tiers: BTreeSet<&str> = stands(site, &balancer.stands).map(|(_, stand)| tier(site, stand)).collect();
    for tier in tiers {
        if !site.asked.is_public(tier) {
            let what = format!(
                "balancer {} has addresses of the Internet in tier {tier}, which is not public",
                shown(&balancer.name)
            );
            tell.at(Layer::Address).fail(Kind::Open, balancer.at.clone(), what);
        }
        let named = site.wanted.named(INTERNET, tier);
        for listener in &balancer.listeners {
            let extra = listener.ports.minus(&named);
            if !extra.is_empty() {
                let what = format!(
                    "balancer {} listens to 0.0.0.0/0, and the planet opens no such port",
                    shown(&balancer.name)
                );
                let path = (INTERNET, balancer.name.as_str(), &extra);
                tell.path(Kind::Open, listener.at.clone(), path, what);
            }
        }
    }
}

/// What the planet opens, some balancer of each kind that it names takes in.
fn missing(site: &Site<'_>, tell: &mut Tell<'_>) {
    let public = site.asked.tiers().into_iter().filter(|tier| site.asked.is_public(tier));
    let tcp = |tier: &str| site.wanted.named(INTERNET, tier).and(&Ports::every(Protocol::Tcp));
    let entry = public.map(tcp).fold(Ports::none(), |all, more| all.or(&more));
    if entry.is_empty() {
        return;
    }
    for (kind, is_network, word) in
        [(BalancerKind::Network, true, "connections"), (BalancerKind::Application, false, "requests")]
    {
        if !site.asked.balancers.contains(&kind) {
            continue;
        }
        let own = || site.balancers.iter().filter(|one| one.is_network == is_network && one.is_open);
        let entered = own().flat_map(|one| &one.listeners).fold(Ports::none(), |all, one| all.or(&one.ports));
        let is_any = entry == Ports::every(Protocol::Tcp) && !entered.is_empty();
        let missing = if is_any { Ports::none() } else { entry.minus(&entered) };
        if !missing.is_empty() {
            let at = own().next().map_or_else(|| site.ways.whole.clone(), |one| one.at.clone());
            let what = format!("the planet names this flow from the Internet, and no balancer of {word} takes it in");
            tell.path(Kind::Stopped, at, (INTERNET, "program", &missing), what);
        }
    }
}

/// Whom a balancer leads to is there, and every layer between them lets it through.
fn leads(site: &Site<'_>, balancer: &Balancer, tell: &mut Tell<'_>) {
    let name = shown(&balancer.name);
    if balancer.is_open && balancer.listeners.is_empty() {
        tell.fail(Kind::Dangling, balancer.at.clone(), format!("balancer {name} listens to nobody"));
    }
    let zone = |stand: &Stand| site.ways.network.subnets.get(stand.subnet).and_then(|subnet| subnet.is.zone);
    let zones: BTreeSet<_> = stands(site, &balancer.stands).map(|(_, stand)| zone(stand)).collect();
    if !balancer.is_network && zones.len() < 2 {
        let what = format!("balancer {name} stands in one zone, and AWS takes one of requests in two at least");
        tell.fail(Kind::Stopped, balancer.at.clone(), what);
    }
    let named: BTreeSet<&String> = balancer.listeners.iter().flat_map(|listener| &listener.targets).collect();
    for target in named.into_iter().filter_map(|name| site.targets.get(name)) {
        if target.stands.is_empty() {
            tell.fail(Kind::Dangling, target.at.clone(), format!("balancer {name} leads to nobody"));
        }
        for (_, stand) in stands(site, &target.stands) {
            if stand.listens.as_ref().is_some_and(|ports| !ports.contains(&target.port)) {
                let what =
                    format!("balancer {name} leads to port {}, which {} does not open", target.port, stand.words);
                tell.fail(Kind::Stopped, target.at.clone(), what);
            }
        }
        let there: BTreeSet<_> = stands(site, &target.stands).map(|(_, stand)| zone(stand)).collect();
        let alone = stands(site, &balancer.stands).map(|(_, stand)| zone(stand)).find(|zone| !there.contains(zone));
        if let Some(Some(zone)) = alone.filter(|_| !balancer.crosses && !there.is_empty()) {
            let what = format!("balancer {name} leads to nobody in {zone}, and not to other zones");
            tell.fail(Kind::Stopped, balancer.at.clone(), what);
        }
        passes(site, balancer, target, tell);
    }
}

/// Every layer between a balancer and those whom it leads to lets it through.
fn passes(site: &Site<'_>, balancer: &Balancer, target: &Target, tell: &mut Tell<'_>) {
    let mut told = BTreeSet::new();
    let mut held = |hops: &[Hop], (from, to): (&str, &Stand)| {
        for hop in hops {
            let missing = target.ports.minus(&hop.ports);
            if missing.is_empty() {
                continue;
            }
            let (at, why) = hop.blame(&missing, &site.ways.whole);
            if told.insert((hop.layer, at.clone())) {
                let path = (balancer.name.as_str(), tier(site, to), &missing);
                tell.at(hop.layer).path(Kind::Stopped, at, path, format!("{why} ({from} to {})", to.words));
            }
        }
    };
    // As itself, which is how it asks for health.
    for (from, one) in stands(site, &balancer.stands) {
        for (to, two) in stands(site, &target.stands) {
            for begin in ends(site, from, one) {
                for end in ends(site, to, two) {
                    held(&site.ways.hops(&begin, &end), (&one.words, two));
                }
            }
        }
    }
    if !(balancer.is_network && target.keeps && balancer.is_open) {
        return;
    }
    // And with the addresses of agents, where it keeps them. A group that the balancer
    // is in is what the target's own sees; without one, the agent.
    let is_free = stands(site, &balancer.stands).any(|(_, stand)| stand.groups.is_empty());
    for (_, two) in stands(site, &target.stands) {
        for piece in &site.internet {
            let acls = &site.ways.acls;
            let mut hops =
                vec![acls.hop(two.subnet, Side::Into, *piece), acls.replies(two.subnet, Side::OutOf, *piece)];
            let agent = Other { piece: *piece, groups: &[] };
            hops.extend(is_free.then(|| site.ways.groups.hop(&two.groups, false, agent)));
            held(&hops, (&piece.to_string(), two));
        }
    }
}

/// Where somebody is, in pieces that no rule divides.
fn ends(site: &Site<'_>, number: usize, stand: &Stand) -> Vec<End> {
    let nets = site.ways.network.subnets.get(stand.subnet).map(|subnet| subnet.is.net);
    let pieces = nets.map_or_else(Vec::new, |net| cut(&[net], &[], &site.edges));
    pieces.into_iter().map(|piece| End { piece, stand: Some(number), is_internet: false }).collect()
}

/// A group opens to everybody what the planet opens in its tier, and nothing else,
/// whether or not some other layer stops it.
fn groups(site: &Site<'_>, tell: &mut Tell<'_>) {
    for (group, at, ports, net) in site.ways.groups.open() {
        let is_everybody =
            if net.six { net.first == 0 } else { site.internet.iter().any(|piece| net.contains(*piece)) };
        if !is_everybody {
            continue;
        }
        let number = site.ways.groups.find(&group.name, group.is_default).unwrap_or(usize::MAX);
        let members = site.ways.stands.iter().filter(|stand| stand.groups.contains(&number));
        let tiers: BTreeSet<&str> = members.map(|stand| tier(site, stand)).collect();
        let named = tiers.iter().map(|tier| site.wanted.named(INTERNET, tier));
        let named = named.reduce(|all, more| all.and(&more)).unwrap_or_default();
        let extra = ports.minus(&named);
        if !extra.is_empty() {
            let tiers = tiers.into_iter().collect::<Vec<_>>().join(", ");
            let what =
                format!("group {} is open to {net}, and the planet opens no such port in {tiers}", shown(&group.name));
            tell.path(Kind::Open, at.clone(), (INTERNET, &tiers, &extra), what);
        }
    }
}

/// Each subnet goes out as the planet says: public ones by the gateway, others
/// through NAT where their tier has a flow to the Internet, and else not at all.
fn ways_out(site: &Site<'_>, tell: &mut Tell<'_>) {
    let network = &site.ways.network;
    let mut used = BTreeSet::new();
    for (number, subnet) in network.subnets.iter().enumerate() {
        let Some(piece) = site.internet.first() else { continue };
        let goes = !site.wanted.named(subnet.is.tier, INTERNET).is_empty();
        let Some(route) = network.way(number, *piece) else { continue };
        let tier = subnet.is.tier;
        match &route.to {
            network::Target::Gateway if !subnet.is.is_public => {
                let what = format!(
                    "{} of tier {tier} leads to the Internet's gateway, and the tier is not public",
                    shown(&subnet.name)
                );
                tell.fail(Kind::Open, route.at.clone(), what);
            }
            network::Target::Nat(_) if !goes => {
                let what = format!(
                    "{} of tier {tier} has a way to the Internet, and the planet names no such flow",
                    shown(&subnet.name)
                );
                tell.fail(Kind::Open, route.at.clone(), what);
            }
            network::Target::Nat(name) => {
                used.insert(name.as_str());
                let zone =
                    network.nats.get(name).and_then(|(_, at)| network.subnets.get(*at)).and_then(|one| one.is.zone);
                if site.asked.nat == Nat::Zone && zone != subnet.is.zone {
                    let what = format!(
                        "{} of {} goes out through NAT in {}: when that zone is lost, so is its way out, and the planet wants one for each zone",
                        shown(&subnet.name),
                        subnet.is.zone.unwrap_or("no zone"),
                        zone.unwrap_or("no zone"),
                    );
                    tell.fail(Kind::Stopped, route.at.clone(), what);
                }
            }
            _ => {}
        }
    }
    for (name, (at, _)) in &network.nats {
        if !used.contains(name.as_str()) {
            tell.fail(Kind::Open, at.clone(), format!("nobody goes out through NAT {}", shown(name)));
        }
    }
    let more = network.nats.iter().filter(|(name, _)| used.contains(name.as_str())).nth(1);
    if let Some((name, (at, _))) = more.filter(|_| site.asked.nat == Nat::Region) {
        tell.fail(Kind::Open, at.clone(), format!("NAT {} is a second one, and the planet wants one", shown(name)));
    }
}
