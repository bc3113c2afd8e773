//! Who may do what: one function for every endpoint, which says why.
//!
//! A caller may do what its lease carries, and a role or a rule gives, and no
//! rule takes. What nothing gives is denied; a rule that denies goes before all
//! that allow, so that their order means nothing. A planet without `[access]`
//! has the roles of `Access::plain`.

use planet::{Effect, Planet, PublicKey, Right};
use serde::Serialize;
use std::collections::BTreeSet;

/// Rights as bits, the same bits as those of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u16);

/// The role of everybody who holds a lease.
pub const EVERYBODY: &str = "agent";
/// The role of whoever a planet was started by.
pub const OPERATOR: &str = "operator";

impl Rights {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Every right that there is.
    pub const ALL: Self = Self(15);

    /// Those of a lease.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits of a lease that stand for them.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The one right.
    #[must_use]
    pub const fn of(right: Right) -> Self {
        match right {
            Right::Read => Self(1),
            Right::Operate => Self(2),
            Right::Transfer => Self(4),
            Right::Administer => Self(8),
        }
    }

    /// Whether it is among these.
    #[must_use]
    pub const fn include(self, right: Right) -> bool {
        self.0 & Self::of(right).0 != 0
    }

    /// The right, where these are one.
    #[must_use]
    pub fn only(self) -> Option<Right> {
        Right::ALL.iter().copied().find(|right| Self::of(*right) == self)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::NONE, |all, right| Self(all.0 | Self::of(right).0))
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    /// Its key.
    pub agent: PublicKey,
    /// What its lease carries; nothing without one that was proved.
    pub lease: Rights,
    /// Whether it holds a slot: to whoever holds none, but signs, only what
    /// names its key gives anything.
    pub seated: bool,
    /// Whether the planet was started by it.
    pub is_operator: bool,
    /// The region of its slot.
    pub region: Option<&'a str>,
}

/// What it asks for.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The right that the endpoint needs.
    pub right: Right,
    /// The region of what is asked for, where there is one.
    pub region: Option<&'a str>,
    /// Its residency class, where it has one.
    pub class: Option<&'a str>,
    /// Whether it is in the caller's own block.
    pub own: bool,
}

/// Why an answer is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "name")]
pub enum Because {
    /// The lease does not carry the right, whoever would give it.
    NotInLease,
    /// A rule takes it.
    Taken(String),
    /// A role gives it.
    Role(String),
    /// A rule gives it.
    Rule(String),
    /// Nothing gives it.
    NothingGives,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// Why.
    pub because: Because,
    /// Each rule about the right.
    pub rules: Vec<Tried>,
}

/// A rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// What it is called.
    pub rule: String,
    /// The first of its conditions that was not met; `None` when it holds.
    pub unmet: Option<Condition>,
}

/// A condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The caller has one of its roles.
    Roles,
    /// The caller holds a slot, as a rule that allows everybody asks.
    Seat,
    /// The caller's slot is in one of its regions.
    From,
    /// What is asked for is in one of its regions.
    Regions,
    /// What is asked for is of one of its classes.
    Classes,
    /// What is asked for is in the caller's own block.
    Own,
}

impl Condition {
    /// What is not so when it is not met.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Roles => "the caller has none of its roles",
            Self::Seat => "the caller holds no slot",
            Self::From => "the caller's slot is in none of its regions",
            Self::Regions => "what is asked for is in none of its regions",
            Self::Classes => "what is asked for is of none of its classes",
            Self::Own => "what is asked for is not the caller's own",
        }
    }
}

impl Decision {
    /// In words, for whoever was told no.
    #[must_use]
    pub fn words(&self, right: Right) -> String {
        let right = right.word();
        match &self.because {
            Because::NotInLease => format!("the lease does not give the right to {right}"),
            Because::Taken(rule) => format!("the rule \"{rule}\" denies the right to {right}"),
            Because::Role(role) => format!("the role \"{role}\" gives the right to {right}"),
            Because::Rule(rule) => format!("the rule \"{rule}\" gives the right to {right}"),
            Because::NothingGives => {
                let unmet = |Tried { rule, unmet }: &Tried| {
                    unmet.map(|condition| format!("; the rule \"{rule}\" does not hold: {}", condition.words()))
                };
                let unmet: String = self.rules.iter().filter_map(unmet).collect();
                format!("no role of this agent and no rule gives the right to {right}{unmet}")
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Role {
    name: String,
    rights: Rights,
    agents: BTreeSet<PublicKey>,
}

#[derive(Debug, Clone)]
struct Rule {
    name: String,
    effect: Effect,
    rights: Rights,
    roles: BTreeSet<String>,
    from: BTreeSet<String>,
    regions: BTreeSet<String>,
    classes: BTreeSet<String>,
    own: bool,
}

/// The roles and rules of a planet.
#[derive(Debug, Clone)]
pub struct Access {
    roles: Vec<Role>,
    rules: Vec<Rule>,
}

impl Access {
    /// What a planet says about access, or the plain roles when it says nothing.
    #[must_use]
    pub fn new(planet: &Planet) -> Self {
        let Some(access) = &planet.access else { return Self::plain() };
        let names = |names: &[planet::At<planet::Name>]| names.iter().map(|name| name.to_string()).collect();
        let roles = access.role.iter().map(|role| Role {
            name: role.name.to_string(),
            rights: role.rights.iter().map(|right| right.value).collect(),
            agents: role.agents.iter().map(|agent| agent.value).collect(),
        });
        let rules = access.rule.iter().map(|rule| Rule {
            name: rule.name.to_string(),
            effect: rule.effect.value,
            rights: if rule.rights.is_empty() { Rights::ALL } else { rule.rights.iter().map(|at| at.value).collect() },
            roles: names(&rule.roles),
            from: names(&rule.from),
            regions: names(&rule.regions),
            classes: names(&rule.classes),
            own: rule.own.value,
        });
        Self { roles: roles.collect(), rules: rules.collect() }
    }

    /// Whoever holds a lease reads and operates; the operator does everything.
    #[must_use]
    pub fn plain() -> Self {
        let role = |name: &str, rights| Role { name: name.to_owned(), rights, agents: BTreeSet::new() };
        let agent = role(EVERYBODY, [Right::Read, Right::Operate].into_iter().collect());
        Self { roles: vec![agent, role(OPERATOR, Rights::ALL)], rules: Vec::new() }
    }

    /// The roles: what each is called, what it gives, and how many are named
    /// for it.
    pub fn roles(&self) -> impl Iterator<Item = (&str, Rights, usize)> {
        self.roles.iter().map(|role| (role.name.as_str(), role.rights, role.agents.len()))
    }

    /// Whether a caller may, and why.
    #[must_use]
    pub fn decide(&self, caller: &Caller<'_>, asked: &Asked<'_>) -> Decision {
        let about = self.rules.iter().filter(|rule| rule.rights.include(asked.right));
        let met: Vec<_> = about.map(|rule| (rule, self.unmet(rule, caller, asked))).collect();
        let holds = |effect| {
            let holding = met.iter().filter(|(_, unmet)| unmet.is_none());
            holding.map(|(rule, _)| rule).find(|rule| rule.effect == effect).map(|rule| rule.name.clone())
        };
        let role = self.roles.iter().find(|role| role.rights.include(asked.right) && has(role, caller));
        let because = if !caller.lease.include(asked.right) {
            Because::NotInLease
        } else if let Some(rule) = holds(Effect::Deny) {
            Because::Taken(rule)
        } else if let Some(role) = role {
            Because::Role(role.name.clone())
        } else {
            holds(Effect::Allow).map_or(Because::NothingGives, Because::Rule)
        };
        let allowed = matches!(because, Because::Role(_) | Because::Rule(_));
        Decision {
            allowed,
            because,
            rules: met.into_iter().map(|(rule, unmet)| Tried { rule: rule.name.clone(), unmet }).collect(),
        }
    }

    /// The same answer without its reasons: for each op, where the reasons are
    /// looked for only when it is no.
    #[must_use]
    pub fn allows(&self, caller: &Caller<'_>, asked: &Asked<'_>) -> bool {
        let held = |effect| {
            let about = self.rules.iter().filter(|rule| rule.effect == effect && rule.rights.include(asked.right));
            about.into_iter().any(|rule| self.unmet(rule, caller, asked).is_none())
        };
        let by_role = || self.roles.iter().any(|role| role.rights.include(asked.right) && has(role, caller));
        caller.lease.include(asked.right) && !held(Effect::Deny) && (by_role() || held(Effect::Allow))
    }

    /// All that an agent could be allowed somewhere, some time: what its lease
    /// is to carry.
    #[must_use]
    pub fn most(&self, agent: PublicKey, is_operator: bool) -> Rights {
        // As whoever holds a lease, which it is about to.
        let caller = Caller { agent, lease: Rights::ALL, seated: true, is_operator, region: None };
        let roles = self.roles.iter().filter(|role| has(role, &caller)).map(|role| role.rights);
        let could = |rule: &&Rule| {
            let role =
                rule.roles.is_empty() || rule.roles.iter().any(|name| self.caller_is(name, &caller, Effect::Allow));
            role && rule.effect == Effect::Allow
        };
        let rules = self.rules.iter().filter(could).map(|rule| rule.rights);
        roles.chain(rules).fold(Rights::NONE, |all, rights| Rights(all.0 | rights.0))
    }

    /// Whether any rule about a right asks of which class something is.
    #[must_use]
    pub fn minds_classes(&self, right: Right) -> bool {
        self.rules.iter().any(|rule| rule.rights.include(right) && !rule.classes.is_empty())
    }

    /// Whether any rule about a right asks in which region something is.
    #[must_use]
    pub fn minds_regions(&self, right: Right) -> bool {
        self.rules.iter().any(|rule| rule.rights.include(right) && !rule.regions.is_empty())
    }

    /// The first condition of a rule that is not met. An attribute that is not
    /// there meets no condition about it.
    fn unmet(&self, rule: &Rule, caller: &Caller<'_>, asked: &Asked<'_>) -> Option<Condition> {
        let within = |wanted: &BTreeSet<String>, value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.contains(value))
        };
        let roles = rule.roles.is_empty() || rule.roles.iter().any(|name| self.caller_is(name, caller, rule.effect));
        let seat = caller.seated || rule.effect == Effect::Deny || !rule.roles.is_empty();
        [
            (roles, Condition::Roles),
            (seat, Condition::Seat),
            (within(&rule.from, caller.region), Condition::From),
            (within(&rule.regions, asked.region), Condition::Regions),
            (within(&rule.classes, asked.class), Condition::Classes),
            (!rule.own || asked.own, Condition::Own),
        ]
        .into_iter()
        .find_map(|(met, condition)| (!met).then_some(condition))
    }

    /// Whether a caller has a role, as a rule of that effect asks: one that
    /// denies everybody denies whoever holds no slot as well.
    fn caller_is(&self, name: &str, caller: &Caller<'_>, effect: Effect) -> bool {
        let declared = self.roles.iter().any(|role| role.name == name && has(role, caller));
        let denied = effect == Effect::Deny && name == EVERYBODY && caller.lease != Rights::NONE;
        declared || denied || by_itself(name, caller)
    }
}

fn has(role: &Role, caller: &Caller<'_>) -> bool {
    role.agents.contains(&caller.agent) || by_itself(&role.name, caller)
}

/// Roles that nobody is named for.
fn by_itself(name: &str, caller: &Caller<'_>) -> bool {
    match name {
        EVERYBODY => caller.seated && caller.lease != Rights::NONE,
        OPERATOR => caller.is_operator,
        _ => false,
    }
}
