//! Who takes part in a drill: agents of every class that may be where they are.

use super::facts::{Bond, Role};
use planet::WhenLost;
use policy::residency::{ClassNumber, Purpose};
use policy::route::Policy;
use policy::set::{RegionNumber, RegionSet};
use std::collections::{BTreeMap, BTreeSet};

/// Agents of a class.
struct Kind {
    /// By the name that they say.
    class: Option<String>,
    /// Where its records may be kept.
    may: RegionSet,
    /// Whether they wait for their region when it is lost.
    waits: bool,
}

fn kinds(policy: &Policy) -> Vec<Kind> {
    let kind = |(number, class): (ClassNumber, &policy::residency::Compiled)| Kind {
        class: (number != ClassNumber::NONE).then(|| class.name.clone()),
        may: policy.residency.may(number, Purpose::Store),
        waits: class.duties.when_lost == WhenLost::Refuse,
    };
    policy.residency.iter().map(kind).collect()
}

/// Where records of each class may be kept.
pub(super) fn allowed(policy: &Policy) -> BTreeMap<Option<String>, BTreeSet<String>> {
    let ids = |regions: RegionSet| regions.iter().map(|region| policy.atlas.id(region).to_owned()).collect();
    kinds(policy).into_iter().map(|kind| (kind.class, ids(kind.may))).collect()
}

/// Classes that may be in the region that will be lost, and have no agent there.
pub(super) fn left_out(policy: &Policy, lost: RegionNumber, roles: &[Role]) -> Vec<String> {
    let id = policy.atlas.id(lost);
    let is_cast = |kind: &Kind| {
        roles.iter().any(|role| role.class == kind.class && role.home == id && role.bond != Bond::Arrives)
    };
    let missing = kinds(policy).into_iter().filter(|kind| kind.may.has(lost) && !is_cast(kind));
    missing.map(|kind| kind.class.unwrap_or_else(|| "none".to_owned())).collect()
}

/// Every other agent works in the region that will be lost, the rest in the
/// others; in each region its classes take turns. Ops are due from one agent
/// after the other, so that each region has its share of every moment. A quarter
/// more arrive while the region is away.
pub(super) fn cast(policy: &Policy, lost: RegionNumber, agents: usize) -> Vec<Role> {
    let kinds = kinds(policy);
    let others: Vec<RegionNumber> = policy.atlas.all().without(lost).iter().collect();
    let mut turns: BTreeMap<RegionNumber, usize> = BTreeMap::new();
    let role = |agent: usize| {
        let at = match others.get(agent / 2 % others.len().max(1)) {
            Some(other) if agent % 2 == 1 && agent < agents => *other,
            _ => lost,
        };
        let turn = turns.entry(at).or_default();
        let there: Vec<&Kind> = kinds.iter().filter(|kind| kind.may.has(at)).collect();
        let kind = there.get(*turn % there.len().max(1)).copied();
        *turn += 1;
        let class = kind.and_then(|kind| kind.class.clone());
        let is_bound = kind.is_none_or(|kind| kind.waits || kind.may.without(lost).is_empty());
        let bond = match (at == lost, is_bound) {
            _ if agent >= agents => Bond::Arrives,
            (false, _) => Bond::Elsewhere,
            (true, false) => Bond::Moves,
            (true, true) => Bond::Waits,
        };
        Role { class, home: policy.atlas.id(at).to_owned(), bond }
    };
    (0..agents + agents / 4).map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lost: &str, agents: usize) -> Vec<Role> {
        let text = include_str!("../../../../planets/mesh.toml");
        let policy = Policy::new(&planet::parse(text.as_bytes()).0.unwrap()).unwrap();
        cast(&policy, policy.atlas.find(lost).unwrap(), agents)
    }

    #[test]
    fn every_class_is_where_it_may_be_and_knows_what_a_loss_means() {
        let roles = of("eu-west-1", 60);
        let many = |bond| roles.iter().filter(|role| role.bond == bond).count();
        assert_eq!((many(Bond::Moves), many(Bond::Waits), many(Bond::Elsewhere)), (15, 15, 30));
        assert_eq!(many(Bond::Arrives), 15);
        for role in &roles {
            match role.class.as_deref() {
                Some("gdpr") => {
                    assert_eq!(role.home, "eu-west-1");
                    assert!(matches!(role.bond, Bond::Waits | Bond::Arrives), "{role:?}");
                }
                Some("ccpa") => assert_eq!(role.home, "us-west-2"),
                Some("pdpa") => assert_eq!(role.home, "ap-southeast-1"),
                other => assert_eq!(other, None),
            }
        }
        let homes: BTreeSet<_> = roles.iter().map(|role| role.home.as_str()).collect();
        assert_eq!(homes.len(), 5);
        assert!(of("us-east-1", 60).iter().all(|role| role.bond != Bond::Waits), "no class is bound to it");
    }

    #[test]
    fn who_may_be_in_two_regions_moves_unless_its_class_waits() {
        let region =
            |id: &str, law: &str| format!("[[region]]\nid = \"{id}\"\nsite = [50, 8]\njurisdictions = [\"{law}\"]\n");
        let text = format!(
            "[planet]\nname = \"w\"\n{}{}{}[data]\nprimary = \"us\"\n\
             [[data.class]]\nname = \"moves\"\njurisdictions = [\"EU\"]\n\
             [[data.class]]\nname = \"waits\"\njurisdictions = [\"EU\"]\nwhen_lost = \"refuse\"\n",
            region("ie", "IE"),
            region("de", "DE"),
            region("us", "US")
        );
        let policy = Policy::new(&planet::parse(text.as_bytes()).0.unwrap()).unwrap();
        let lost = policy.atlas.find("ie").unwrap();
        let roles = cast(&policy, lost, 12);
        let bonds = |class: &str| {
            let of = roles.iter().filter(|role| role.class.as_deref() == Some(class) && role.home == "ie");
            of.map(|role| role.bond).filter(|bond| *bond != Bond::Arrives).collect::<Vec<_>>()
        };
        assert_eq!((bonds("moves"), bonds("waits")), (vec![Bond::Moves; 2], vec![Bond::Waits; 2]));
        assert_eq!(allowed(&policy)[&Some("moves".to_owned())], ["de", "ie"].map(str::to_owned).into());
        assert_eq!(left_out(&policy, lost, &roles), Vec::<String>::new());
        assert_eq!(left_out(&policy, lost, &cast(&policy, lost, 4)), ["waits"], "two agents there, and three classes");
    }
}
