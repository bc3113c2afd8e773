//! Sites that are no cloud: VLANs, uplinks and routing with providers.

use crate::finding::{Report, Severity};
use crate::lint::overlap::{Claim, overlaps};
use crate::lint::{Facts, Lint, repeated};
use crate::model::Vlan;
use std::collections::BTreeSet;

fn vlans<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Vlan> {
    facts.planet.network.iter().flat_map(|network| &network.vlan)
}

/// A tag has twelve bits, and the first and the last value are reserved
/// (IEEE 802.1Q).
const LAST_TAG: u16 = 4_094;

pub(super) static VLAN_TWICE: Lint = Lint {
    code: "MY0515",
    severity: Severity::Error,
    title: "a VLAN that a switch cannot tell apart",
    why: "A switch knows a VLAN by its tag, 1 to 4094, and the rules of this file know it by its name. Two VLANs that share either are one.",
    hint: "give each VLAN a tag from 1 to 4094 and a name of its own",
    look: vlan_twice,
};

fn vlan_twice(facts: &Facts<'_>, report: &mut Report) {
    for vlan in vlans(facts).filter(|vlan| !(1..=LAST_TAG).contains(&vlan.id.value)) {
        report
            .add(&VLAN_TWICE, format!("`{}` has the tag {}, which no VLAN can have", vlan.name.value, vlan.id.value))
            .at(vlan.id.span, "");
    }
    for (again, first) in repeated(vlans(facts).map(|vlan| (vlan.id.value, vlan))) {
        report
            .add(
                &VLAN_TWICE,
                format!("`{}` and `{}` both have the tag {}", first.name.value, again.name.value, again.id.value),
            )
            .at(again.id.span, "again here")
            .at(first.id.span, "first here");
    }
    for (again, first) in repeated(vlans(facts).map(|vlan| (vlan.name.as_str(), vlan))) {
        report
            .add(&VLAN_TWICE, format!("two VLANs are called `{}`", again.name.value))
            .at(again.name.span, "again here")
            .at(first.name.span, "first here");
    }
}

pub(super) static VLANS_OVERLAP: Lint = Lint {
    code: "MY0516",
    severity: Severity::Error,
    title: "VLANs that overlap",
    why: "VLANs keep machines apart by their addresses. An address in two of them belongs to neither, and rules for one apply to the other.",
    hint: "give each VLAN a range of its own",
    look: |facts, report| {
        for (a, b) in overlaps(vlans(facts).map(|vlan| Claim::v4(vlan.net.value, vlan)).collect()) {
            let what = format!(
                "`{}` of `{}` and `{}` of `{}` share addresses",
                a.net.value, a.name.value, b.net.value, b.name.value
            );
            report.add(&VLANS_OVERLAP, what).at(a.net.span, "this VLAN").at(b.net.span, "overlaps this one");
        }
    },
};

pub(super) static VLAN_ALLOW: Lint = Lint {
    code: "MY0517",
    severity: Severity::Error,
    title: "a VLAN that may go nowhere",
    why: "`allow` names the other VLANs that connections may go to. A name that no VLAN has opens nothing, and within a VLAN nothing needs to be opened.",
    hint: "name another VLAN of this file",
    look: |facts, report| {
        let names: BTreeSet<&str> = vlans(facts).map(|vlan| vlan.name.as_str()).collect();
        for vlan in vlans(facts) {
            for to in &vlan.allow {
                let what = match to.as_str() {
                    to if to == vlan.name.as_str() => format!("`{to}` allows itself"),
                    to if !names.contains(to) => format!("`{}` allows `{to}`, which is no VLAN", vlan.name.value),
                    _ => continue,
                };
                report.add(&VLAN_ALLOW, what).at(to.span, "");
            }
        }
    },
};

pub(super) static QOS: Lint = Lint {
    code: "MY0519",
    severity: Severity::Error,
    title: "classes of traffic that do not fit the uplink",
    why: "Each class is promised its part of the uplink. When all ask for theirs at once, there is not enough, and the promise is kept for whoever comes first.",
    hint: "lower the classes until they fit, or raise `uplink`",
    look: |facts, report| {
        let Some(qos) = facts.planet.network.as_ref().and_then(|network| network.qos.as_ref()) else { return };
        let sum = qos.class.iter().fold(0u64, |sum, (_, speed)| sum.saturating_add(speed.0));
        let Some((_, first)) = qos.class.first() else { return };
        if sum > qos.uplink.0 {
            let what =
                format!("the classes of traffic need {}, and the uplink has {}", vocab::BitRate(sum), qos.uplink.value);
            report.add(&QOS, what).at(qos.uplink.span, "the uplink").at(first.span, "the classes begin here");
        }
    },
};

pub(super) static PREFERENCE: Lint = Lint {
    code: "MY0520",
    severity: Severity::Warning,
    title: "two providers with one preference",
    why: "The provider with the highest preference carries the traffic, and the next takes over. Between equals each router decides for itself, and the two directions may go different ways.",
    hint: "give each provider a preference of its own",
    look: |facts, report| {
        let bgp = facts.planet.network.iter().filter_map(|network| network.bgp.as_ref());
        let providers = bgp.flat_map(|bgp| &bgp.provider).map(|provider| (provider.preference.value, provider));
        for (again, first) in repeated(providers) {
            let (a, b) = (&first.name.value, &again.name.value);
            report
                .add(&PREFERENCE, format!("`{a}` and `{b}` both have the preference {}", again.preference.value))
                .at(again.preference.span, "again here")
                .at(first.preference.span, "first here");
        }
    },
};

/// RFC 7607, RFC 6793, and RFC 7300 for the last of 16 and of 32 bits.
const RESERVED_SYSTEMS: [u32; 4] = [0, 23_456, 65_535, u32::MAX];

pub(super) static AUTONOMOUS_SYSTEM: Lint = Lint {
    code: "MY0521",
    severity: Severity::Error,
    title: "an AS number that nobody may have",
    why: "0, 23456, 65535 and 4294967295 have meanings of their own in BGP. Routers refuse a neighbour that calls itself by one of them.",
    hint: "use the number that the registry assigned, or a private one: 64512 to 65534",
    look: |facts, report| {
        let Some(bgp) = facts.planet.network.as_ref().and_then(|network| network.bgp.as_ref()) else { return };
        let number = &bgp.autonomous_system;
        if RESERVED_SYSTEMS.contains(&number.value) {
            report.add(&AUTONOMOUS_SYSTEM, format!("the AS number {} is reserved", number.value)).at(number.span, "");
        }
    },
};
