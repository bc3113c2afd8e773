//! MY09xx: who may do what.

use super::{Facts, Lint, repeated};
use crate::file::span::At;
use crate::file::value::Name;
use crate::finding::{Report, Severity};
use crate::law::Laws;
use crate::model::{Access, Effect, Rule};
use std::collections::BTreeSet;

pub(super) const ALL: &[&Lint] = &[&ROLE_UNKNOWN, &ROLE_TWICE, &NEVER, &UNKNOWN, &TAKEN, &NOBODY, &RULE_TWICE];

/// Roles that come by themselves: everybody with a lease has the first, whoever
/// started the planet the second.
const BY_THEMSELVES: [&str; 2] = ["agent", "operator"];

/// Rules of the planet, with the section that they are in.
fn rules<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a Access, &'a Rule)> {
    facts.planet.access.iter().flat_map(|access| access.rule.iter().map(move |rule| (access, rule)))
}

static ROLE_UNKNOWN: Lint = Lint {
    code: "MY0901",
    severity: Severity::Error,
    title: "a rule for a role that is not there",
    why: "A rule holds for callers that have one of its roles. Nobody has a role that is not declared: what it should allow is denied, and what it should deny is allowed.",
    hint: "declare the role in [[access.role]], or name one that is there",
    look: |facts, report| {
        for (access, rule) in rules(facts) {
            let there =
                |name: &str| BY_THEMSELVES.contains(&name) || access.role.iter().any(|role| role.name.as_str() == name);
            for role in rule.roles.iter().filter(|role| !there(role.as_str())) {
                report
                    .add(&ROLE_UNKNOWN, format!("`{}` is for `{}`, which is no role", rule.name.value, role.value))
                    .at(role.span, "");
            }
        }
    },
};

static ROLE_TWICE: Lint = Lint {
    code: "MY0902",
    severity: Severity::Error,
    title: "two roles with one name",
    why: "Rules name roles. Where two have that name, what one of them gives is given to the agents of the other.",
    hint: "give each role a name of its own, or make one of the two",
    look: |facts, report| {
        let roles = facts.planet.access.iter().flat_map(|access| &access.role);
        for (again, first) in repeated(roles.map(|role| (role.name.as_str(), &role.name))) {
            report
                .add(&ROLE_TWICE, format!("two roles are called `{}`", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};

static NEVER: Lint = Lint {
    code: "MY0903",
    severity: Severity::Error,
    title: "an access rule that can never hold",
    why: "All that a rule says must hold at once. A residency class that may be in none of the regions that the rule names, or an own block that is in another region than the caller's slot, is never met.",
    hint: "drop one of the two conditions, or make two rules",
    look: never,
};

fn never(facts: &Facts<'_>, report: &mut Report) {
    let laws = Laws::new(facts.planet);
    for (_, rule) in rules(facts) {
        let (Some(region), name) = (rule.regions.first(), &rule.name.value) else { continue };
        let regions: BTreeSet<&str> = rule.regions.iter().map(|id| id.as_str()).collect();
        if rule.own.value && !rule.from.is_empty() && rule.from.iter().all(|id| !regions.contains(id.as_str())) {
            report
                .add(&NEVER, format!("`{name}` wants the caller's own block, and it in another region than its slot"))
                .at(rule.from[0].span, "the slot is here")
                .at(region.span, "the block is here");
        }
        let classes = facts.planet.data.iter().flat_map(|data| &data.class);
        let named: Vec<_> =
            classes.filter(|class| rule.classes.iter().any(|id| id.value == class.name.value)).collect();
        let is_met = named.iter().any(|class| {
            let kept = laws.keeps(class);
            regions.iter().filter_map(|id| facts.regions.get(id)).any(|&at| kept[at])
        });
        if let (Some(class), false, false) = (rule.classes.first(), named.is_empty(), is_met) {
            report
                .add(&NEVER, format!("`{name}` is about records that may not be in its regions"))
                .at(class.span, "records of this class")
                .at(region.span, "are never here");
        }
    }
}

static UNKNOWN: Lint = Lint {
    code: "MY0904",
    severity: Severity::Error,
    title: "an access rule about a region or class that is not there",
    why: "A rule compares names. One that nothing has is never met, so the rule is looser or stricter than it reads.",
    hint: "name a [[region]] or a [[data.class]] of this file",
    look: |facts, report| {
        let is_class = |name: &At<Name>| {
            facts.planet.data.iter().flat_map(|data| &data.class).any(|class| class.name.value == name.value)
        };
        for (_, rule) in rules(facts) {
            let regions = rule.from.iter().chain(&rule.regions).filter(|id| facts.region(id.as_str()).is_none());
            let classes = rule.classes.iter().filter(|name| !is_class(name));
            for (what, name) in regions.map(|id| ("region", id)).chain(classes.map(|name| ("class", name))) {
                report
                    .add(&UNKNOWN, format!("`{}` is about `{}`, which is no {what}", rule.name.value, name.value))
                    .at(name.span, "");
            }
        }
    },
};

static TAKEN: Lint = Lint {
    code: "MY0905",
    severity: Severity::Warning,
    title: "a rule that gives what another one takes",
    why: "Where a rule denies, nothing else gives. An allowing rule that only holds where a denying one holds as well never has an effect.",
    hint: "narrow the denying rule, or drop the other",
    look: |facts, report| {
        for (access, rule) in rules(facts).filter(|(_, rule)| rule.effect.value == Effect::Allow) {
            let denying = access.rule.iter().filter(|other| other.effect.value == Effect::Deny);
            if let Some(other) = denying.into_iter().find(|other| covers(other, rule)) {
                let what = format!("`{}` gives nothing that `{}` does not take", rule.name.value, other.name.value);
                report.add(&TAKEN, what).at(rule.name.span, "gives").at(other.name.span, "takes");
            }
        }
    },
};

/// Whether one rule holds wherever another one does.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    fn each<T: PartialEq>(wide: &[At<T>], narrow: &[At<T>]) -> bool {
        let within = |one: &At<T>| wide.iter().any(|other| other.value == one.value);
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(within))
    }
    each(&wide.rights, &narrow.rights)
        && each(&wide.roles, &narrow.roles)
        && each(&wide.from, &narrow.from)
        && each(&wide.regions, &narrow.regions)
        && each(&wide.classes, &narrow.classes)
        && (!wide.own.value || narrow.own.value)
}

static NOBODY: Lint = Lint {
    code: "MY0906",
    severity: Severity::Warning,
    title: "a role that nobody has",
    why: "A role is given to the agents that it names. One that names nobody gives nothing to anybody, and its rules never hold.",
    hint: "name its `agents` by their public keys, or drop the role",
    look: |facts, report| {
        let roles = facts.planet.access.iter().flat_map(|access| &access.role);
        for role in roles.filter(|role| role.agents.is_empty() && !BY_THEMSELVES.contains(&role.name.as_str())) {
            report.add(&NOBODY, format!("nobody has the role `{}`", role.name.value)).at(role.name.span, "");
        }
    },
};

static RULE_TWICE: Lint = Lint {
    code: "MY0907",
    severity: Severity::Error,
    title: "two access rules with one name",
    why: "An answer says which rule it follows from. Of two with one name, nobody knows which.",
    hint: "give each rule a name of its own",
    look: |facts, report| {
        for (again, first) in repeated(rules(facts).map(|(_, rule)| (rule.name.as_str(), &rule.name))) {
            report
                .add(&RULE_TWICE, format!("two access rules are called `{}`", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};
