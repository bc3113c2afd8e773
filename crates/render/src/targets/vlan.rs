//! VLANs of the sites that are no cloud, as rules of the router between them:
//! connections go where the planet's matrix has them go, and nowhere else.
//!
//! A VLAN is of no region in the file, so the rules are of the planet. No rule is
//! about a network that is no VLAN: what is from there or to there is dropped.

use super::{Scope, Target};
use crate::{Refused, Scene, Tree, comment};
use planet::{At, Name, Vlan};
use std::collections::BTreeSet;
use vocab::Net4;

pub(super) static TARGET: Target = Target {
    name: "vlan",
    help: "rules of nftables for the router between the VLANs of a site",
    scope: Scope::Planet(render),
};

/// Elements are sorted by what reads them, and named for people.
const INDENT: &str = "            ";

fn render(scene: &Scene<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let vlans = scene.planet.network.as_ref().map_or(&[][..], |network| &network.vlan);
    if vlans.is_empty() {
        return Ok(());
    }
    apart(vlans)?;
    let pairs = pairs(vlans)?;
    tree.add("vlan.nft", file(scene.name(), vlans, &pairs));
    Ok(())
}

fn refused<T>(at: &At<T>, what: String, hint: &str) -> Refused {
    Refused { what, hint: hint.to_owned(), at: Some(at.span) }
}

/// VLANs whose names or addresses are another's cannot be told apart.
fn apart(vlans: &[Vlan]) -> Result<(), Refused> {
    for (at, one) in vlans.iter().enumerate() {
        for before in vlans.iter().take(at) {
            if before.name.value == one.name.value {
                let what = format!("two VLANs are called `{}`", one.name.as_str());
                return Err(refused(&one.name, what, "give each a name of its own"));
            }
            if before.net.value.overlaps(one.net.value) {
                let what = format!("the VLANs `{}` and `{}` overlap", before.name.as_str(), one.name.as_str());
                return Err(refused(&one.net, what, "give each a range of its own"));
            }
        }
    }
    Ok(())
}

/// Where connections may go, each pair once, in the order of the file.
fn pairs(vlans: &[Vlan]) -> Result<Vec<(&Vlan, &Vlan)>, Refused> {
    let mut pairs = Vec::new();
    for from in vlans {
        let mut seen = BTreeSet::new();
        for name in &from.allow {
            let to = vlans.iter().find(|to| to.name.value == name.value).ok_or_else(|| unknown(from, name))?;
            if to.name.value == from.name.value {
                let what = format!("the VLAN `{}` allows itself", name.as_str());
                return Err(refused(name, what, "nothing within a VLAN passes its router: leave it out"));
            }
            if seen.insert(name.as_str()) {
                pairs.push((from, to));
            }
        }
    }
    Ok(pairs)
}

fn unknown(from: &Vlan, name: &At<Name>) -> Refused {
    let what = format!("the VLAN `{}` allows `{}`, which is no VLAN", from.name.as_str(), name.as_str());
    refused(name, what, "name another VLAN of this file")
}

/// The whole network that an address is of.
fn net(vlan: &Vlan) -> Net4 {
    let net = vlan.net.value;
    Net4 { address: std::net::Ipv4Addr::from(net.first()), prefix: net.prefix }
}

/// A set of nftables; one that is empty says nothing of elements.
fn set(name: &str, about: &str, kind: &str, elements: &[(String, String)]) -> String {
    let mut text = format!("    # {about}\n    set {name} {{\n        type {kind}\n        flags interval\n");
    if !elements.is_empty() {
        text += "        elements = {\n";
        for (element, says) in elements {
            text += &format!("{INDENT}{}\n{INDENT}{element},\n", comment::line(says));
        }
        text += "        }\n";
    }
    text + "    }\n\n"
}

fn file(planet: &str, vlans: &[Vlan], pairs: &[(&Vlan, &Vlan)]) -> String {
    let called = |vlan: &Vlan| format!("{} ({})", vlan.name.as_str(), vlan.id.value);
    let nets: Vec<_> = vlans.iter().map(|vlan| (net(vlan).to_string(), called(vlan))).collect();
    let own: Vec<_> = vlans.iter().map(|vlan| (format!("{0} . {0}", net(vlan)), called(vlan))).collect();
    let allowed: Vec<_> = pairs
        .iter()
        .map(|(from, to)| (format!("{} . {}", net(from), net(to)), format!("{} to {}", called(from), called(to))))
        .collect();
    let pair = "ipv4_addr . ipv4_addr";
    format!(
        "{about}\n# and docs/guides/deploy.md says how it is loaded: nft --file vlan.nft, on the router between them.\n\n\
         # Both in one step: the rules of before hold until these do.\n\
         table inet mycel_vlan\ndelete table inet mycel_vlan\n\n\
         table inet mycel_vlan {{\n{vlans}{allowed}{own}    \
         chain forward {{\n        type filter hook forward priority filter; policy drop;\n        \
         ct state established,related accept\n        ct state invalid drop\n        \
         # Whose address is not behind the interface that it came by has made it up.\n        \
         fib saddr . iif oif missing drop\n        ip saddr . ip daddr @allowed accept\n    }}\n\n    \
         # The router's own addresses are of VLANs as well. Whatever is from none of them is not judged here.\n    \
         chain input {{\n        type filter hook input priority filter; policy accept;\n        \
         ct state established,related accept\n        ip saddr . ip daddr @own accept\n        \
         ip saddr . ip daddr @allowed accept\n        ip saddr @vlans ip daddr @vlans drop\n    }}\n}}\n",
        about = comment::line(&format!("VLANs of planet {planet}: which may reach which. `mycel render` wrote this,")),
        vlans = set("vlans", "Their addresses.", "ipv4_addr", &nets),
        allowed = set("allowed", "Where connections may go; replies go back.", pair, &allowed),
        own = set("own", "Each with itself.", pair, &own),
    )
}
