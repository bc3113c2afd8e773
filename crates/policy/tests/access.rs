//! Who may do what: deny by default, and every answer says why.

#![allow(clippy::unwrap_used, clippy::panic)]

use planet::{PublicKey, Right};
use policy::access::{Access, Asked, Because, Caller, Condition, Decision, Rights, Tried};
use proptest::prelude::*;

const RIGHTS: [Right; 4] = [Right::Read, Right::Operate, Right::Transfer, Right::Administer];

fn access(text: &str) -> Access {
    let file = format!(
        "[planet]\nname = \"w\"\n[[region]]\nid = \"eu\"\nsite = [1, 1]\n[[region]]\nid = \"us\"\nsite = [2, 2]\n{text}"
    );
    let (planet, report) = planet::parse(file.as_bytes());
    Access::new(&planet.unwrap_or_else(|| panic!("{:?}", report.findings())))
}

fn caller(lease: Rights) -> Caller<'static> {
    Caller { agent: PublicKey([7; 32]), lease, seated: true, is_operator: false, region: Some("eu") }
}

fn asked(right: Right) -> Asked<'static> {
    Asked { right, region: Some("eu"), class: None, own: true }
}

fn tried(rule: &str, unmet: Condition) -> Tried {
    Tried { rule: rule.to_owned(), unmet: Some(unmet) }
}

fn ask(access: &Access, right: Right) -> Decision {
    access.decide(&caller(Rights::ALL), &asked(right))
}

#[test]
fn the_bits_are_those_of_leases() {
    use trust::lease::Rights as Lease;
    let pairs = [Lease::READ, Lease::OPERATE, Lease::TRANSFER, Lease::ADMINISTER];
    for (right, lease) in RIGHTS.into_iter().zip(pairs) {
        assert_eq!(Rights::of(right).bits(), lease.bits());
    }
    assert!(Lease::from_bits(Rights::ALL.bits()).is_some() && Lease::from_bits(Rights::ALL.bits() + 1).is_none());
}

#[test]
fn nothing_is_allowed_that_nothing_gives() {
    let empty = access("[access]\n");
    for right in RIGHTS {
        assert_eq!(ask(&empty, right).because, Because::NothingGives);
        assert!(!ask(&empty, right).allowed);
    }
}

#[test]
fn without_a_word_agents_read_and_operate_and_the_operator_does_all() {
    let plain = access("");
    let allowed = RIGHTS.map(|right| ask(&plain, right).allowed);
    assert_eq!(allowed, [true, true, false, false]);
    let operator = Caller { is_operator: true, ..caller(Rights::ALL) };
    assert!(RIGHTS.into_iter().all(|right| plain.decide(&operator, &asked(right)).allowed));
}

#[test]
fn whoever_holds_no_slot_has_what_names_its_key() {
    let key = "07".repeat(32);
    let text = format!(
        "[access]\n\
         [[access.role]]\nname = \"agent\"\nrights = [\"read\"]\n\
         [[access.role]]\nname = \"steward\"\nrights = [\"transfer\"]\nagents = [\"{key}\"]\n\
         [[access.rule]]\nname = \"agents\"\nrights = [\"administer\"]\nroles = [\"agent\"]\n\
         [[access.rule]]\nname = \"all\"\nrights = [\"administer\", \"operate\"]\n\
         [[access.rule]]\nname = \"no-agent\"\neffect = \"deny\"\nrights = [\"operate\"]\nroles = [\"agent\"]\n"
    );
    let access = access(&text);
    let seated = caller(Rights::ALL);
    let unseated = Caller { seated: false, ..caller(Rights::ALL) };
    let stranger = Caller { agent: PublicKey([8; 32]), ..unseated.clone() };
    let allowed = |caller: &Caller<'_>| {
        RIGHTS.map(|right| {
            let allowed = access.decide(caller, &asked(right)).allowed;
            assert_eq!(access.allows(caller, &asked(right)), allowed);
            allowed
        })
    };
    assert_eq!(allowed(&seated), [true, false, true, true]);
    assert_eq!(allowed(&unseated), [false, false, true, false]);
    assert_eq!(allowed(&stranger), [false; 4]);
    let told = access.decide(&stranger, &asked(Right::Administer));
    assert_eq!(told.rules, [tried("agents", Condition::Roles), tried("all", Condition::Seat)]);
    // What is denied to everybody is denied to it, too.
    assert_eq!(access.decide(&unseated, &asked(Right::Operate)).because, Because::Taken("no-agent".to_owned()));
}

#[test]
fn a_lease_bounds_what_anything_gives() {
    let plain = access("");
    let operator = Caller { is_operator: true, ..caller(Rights::of(Right::Read)) };
    assert!(plain.decide(&operator, &asked(Right::Read)).allowed);
    assert_eq!(plain.decide(&operator, &asked(Right::Administer)).because, Because::NotInLease);
    let stranger = caller(Rights::NONE);
    assert!(RIGHTS.into_iter().all(|right| !plain.decide(&stranger, &asked(right)).allowed));
    let everybody = access("[[access.rule]]\nname = \"all\"\nroles = [\"agent\"]\n");
    let rules = everybody.decide(&stranger, &asked(Right::Read)).rules;
    assert_eq!(rules, [tried("all", Condition::Roles)], "without a lease nobody is an agent");
}

const RULES: &str = r#"
[[access.role]]
name = "agent"
rights = ["operate"]

[[access.role]]
name = "auditor"
rights = []
agents = ["0707070707070707070707070707070707070707070707070707070707070707"]

[[access.rule]]
name = "audits"
roles = ["auditor"]
rights = ["read"]
regions = ["eu"]

[[access.rule]]
name = "own"
rights = ["read"]
own = true

[[access.rule]]
name = "no-abroad"
effect = "deny"
rights = ["operate"]
classes = ["gdpr"]
from = ["us"]
"#;

#[test]
fn an_answer_says_which_rule_and_which_condition() {
    let access = access(RULES);
    let audited = ask(&access, Right::Read);
    assert_eq!((audited.allowed, audited.because), (true, Because::Rule("audits".into())));
    let other = Caller { agent: PublicKey([8; 32]), ..caller(Rights::ALL) };
    let elsewhere = Asked { own: false, ..asked(Right::Read) };
    let refused = access.decide(&other, &elsewhere);
    assert_eq!(refused.because, Because::NothingGives);
    let unmet = [tried("audits", Condition::Roles), tried("own", Condition::Own)];
    assert_eq!(refused.rules, unmet);
    let in_us = Asked { region: Some("us"), own: false, ..asked(Right::Read) };
    assert_eq!(access.decide(&caller(Rights::ALL), &in_us).rules[0].unmet, Some(Condition::Regions));
    let no_region = Asked { region: None, own: false, ..asked(Right::Read) };
    assert!(!access.decide(&caller(Rights::ALL), &no_region).allowed, "what is not there meets no condition");
    assert_eq!(ask(&access, Right::Operate).because, Because::Role("agent".into()));
    let abroad = Caller { region: Some("us"), ..caller(Rights::ALL) };
    let gdpr = Asked { class: Some("gdpr"), ..asked(Right::Operate) };
    assert_eq!(access.decide(&abroad, &gdpr).because, Because::Taken("no-abroad".into()));
    assert!(access.decide(&abroad, &asked(Right::Operate)).allowed);
}

#[test]
fn a_lease_carries_what_an_agent_could_ever_be_allowed_and_no_more() {
    let of = |bits: &[Right]| bits.iter().copied().collect::<Rights>();
    let plain = access("");
    assert_eq!(plain.most(PublicKey([7; 32]), false), of(&[Right::Read, Right::Operate]));
    assert_eq!(plain.most(PublicKey([7; 32]), true), Rights::ALL);
    let ruled = access(RULES);
    // An auditor may read by a rule, wherever that rule holds; whoever denies gives nothing.
    assert_eq!(ruled.most(PublicKey([7; 32]), false), of(&[Right::Read, Right::Operate]));
    assert_eq!(access("[access]\n").most(PublicKey([7; 32]), true), Rights::NONE);
    assert!(ruled.minds_classes(Right::Operate) && !ruled.minds_classes(Right::Read));
    assert!(ruled.minds_regions(Right::Read) && !ruled.minds_regions(Right::Operate));
}

#[test]
fn a_refusal_says_what_is_missing() {
    let words = |decision: &Decision| decision.words(Right::Read);
    let access = access(RULES);
    let other = Caller { agent: PublicKey([8; 32]), ..caller(Rights::ALL) };
    let refused = access.decide(&other, &Asked { own: false, ..asked(Right::Read) });
    assert_eq!(
        words(&refused),
        "no role of this agent and no rule gives the right to read; the rule \"audits\" does not hold: the caller \
         has none of its roles; the rule \"own\" does not hold: what is asked for is not the caller's own"
    );
    let unleased = access.decide(&caller(Rights::NONE), &asked(Right::Read));
    assert_eq!(words(&unleased), "the lease does not give the right to read");
}

proptest! {
    /// The order of rules means nothing to what is allowed, a denying rule more
    /// never allows more, and nobody does what its lease does not carry.
    #[test]
    fn denials_win_in_any_order(
        rules in prop::collection::vec((any::<bool>(), 0..16_u16, 0..3_u8, 0..3_u8, any::<bool>()), 0..6),
        lease in 0..16_u16, region in 0..3_u8, from in 0..3_u8, own in any::<bool>(), right in 0..4_usize,
    ) {
        let place = |at: u8| ["eu", "us"].get(usize::from(at)).copied();
        let list = |at: u8| place(at).map_or_else(String::new, |place| format!("\"{place}\""));
        let rule = |(at, (deny, rights, from, region, own)): (usize, &(bool, u16, u8, u8, bool))| {
            let words = ["\"read\"", "\"operate\"", "\"transfer\"", "\"administer\""];
            let rights: Vec<_> = (0..4).filter(|bit| rights >> bit & 1 == 1).map(|bit| words[bit]).collect();
            format!(
                "[[access.rule]]\nname = \"r{at}\"\neffect = \"{}\"\nrights = [{}]\nfrom = [{}]\nregions = [{}]\nown = {own}\n",
                if *deny { "deny" } else { "allow" }, rights.join(","), list(*from), list(*region)
            )
        };
        let texts: Vec<String> = rules.iter().enumerate().map(rule).collect();
        let caller = Caller { region: place(from), ..caller(Rights::from_bits(lease)) };
        let asked = Asked { right: RIGHTS[right], region: place(region), class: None, own };
        let decide = |text: String| access(&format!("[access]\n{text}")).decide(&caller, &asked);
        let forth = decide(texts.concat());
        prop_assert_eq!(access(&format!("[access]\n{}", texts.concat())).allows(&caller, &asked), forth.allowed);
        let most = access(&format!("[access]\n{}", texts.concat())).most(caller.agent, false);
        prop_assert!(!forth.allowed || most.include(RIGHTS[right]), "a lease must be able to carry what is allowed");
        let back = decide(texts.iter().rev().cloned().collect());
        prop_assert_eq!(forth.allowed, back.allowed);
        prop_assert!(!forth.allowed || lease >> right & 1 == 1);
        let denied = format!("{}[[access.rule]]\nname = \"more\"\neffect = \"deny\"\n", texts.concat());
        prop_assert!(!decide(denied).allowed);
        // Written out once more, as a person would read the rules.
        let met = rules.iter().filter(|(_, rights, f, r, o)| {
            (*rights == 0 || rights >> right & 1 == 1)
                && (place(*f).is_none() || place(*f) == place(from))
                && (place(*r).is_none() || place(*r) == place(region))
                && (!o || own)
        });
        let (mut given, mut taken) = (false, false);
        met.for_each(|(deny, ..)| if *deny { taken = true } else { given = true });
        prop_assert_eq!(forth.allowed, given && !taken && lease >> right & 1 == 1);
    }
}
