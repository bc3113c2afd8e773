//! Who takes part in a drill: agents of every class that may be where they are.

use super::facts::{Bond, Role};
use policy::residency::{ClassNumber, Purpose};
use policy::route::Policy;
use policy::set::{RegionNumber, RegionSet};
use std::collections::{BTreeMap, BTreeSet};

/// A class by the name that agents say, with where its records may be kept.
fn classes(policy: &Policy) -> Vec<(Option<String>, RegionSet)> {
    let named = |(number, class): (ClassNumber, &policy::residency::Compiled)| {
        let name = (number != ClassNumber::NONE).then(|| class.name.clone());
        (name, policy.residency.may(number, Purpose::Store))
    };
    policy.residency.iter().map(named).collect()
}

/// Where records of each class may be kept.
pub(super) fn allowed(policy: &Policy) -> BTreeMap<Option<String>, BTreeSet<String>> {
    let ids = |regions: RegionSet| regions.iter().map(|region| policy.atlas.id(region).to_owned()).collect();
    classes(policy).into_iter().map(|(name, regions)| (name, ids(regions))).collect()
}

/// Every other agent works in the region that will be lost, the rest in the
/// others; in each region its classes take turns. Ops are due from one agent
/// after the other, so that each region has its share of every moment. A quarter
/// more arrive while the region is away.
pub(super) fn cast(policy: &Policy, lost: RegionNumber, agents: usize) -> Vec<Role> {
    let classes = classes(policy);
    let others: Vec<RegionNumber> = policy.atlas.all().without(lost).iter().collect();
    let mut turns: BTreeMap<RegionNumber, usize> = BTreeMap::new();
    let role = |agent: usize| {
        let at = match others.get(agent / 2 % others.len().max(1)) {
            Some(other) if agent % 2 == 1 && agent < agents => *other,
            _ => lost,
        };
        let turn = turns.entry(at).or_default();
        let there: Vec<_> = classes.iter().filter(|(_, regions)| regions.has(at)).collect();
        let (class, regions) = there.get(*turn % there.len().max(1)).map_or((None, RegionSet::NONE), |found| {
            let (class, regions) = found;
            (class.clone(), *regions)
        });
        *turn += 1;
        let bond = match (at == lost, regions.without(lost).is_empty()) {
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
}
