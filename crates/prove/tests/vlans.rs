//! Rules for VLANs, changed one way at a time: what breaks them is named by its
//! line, and what says the same in other words is proved.

// A function is a table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::too_many_lines)]

mod support;

use proptest::prelude::*;
use prove::{Files, Kind, Layer, Report, Walk};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::{rendered, told};

use Kind::{Dangling, LetThrough, NotUnderstood, Stopped};

const FILE: &str = "vlan/vlan.nft";
const ALLOWED: &str = "ip saddr . ip daddr @allowed accept\n";
const POLICY: &str = "policy drop;\n";
const FIB: &str = "fib saddr . iif oif missing drop";

static ERLMCP: LazyLock<(planet::Planet, String, String)> = LazyLock::new(|| {
    let (planet, text, files) = rendered("erlmcp");
    let rules = String::from_utf8(files[FILE].clone()).unwrap();
    (planet, text, rules)
});

fn files(rules: impl Into<Vec<u8>>) -> Files {
    Files::from([(FILE.to_owned(), rules.into())])
}

fn judged(rules: impl Into<Vec<u8>>) -> Report {
    prove::prove(&ERLMCP.0, &ERLMCP.1, &files(rules))
}

fn walk(rules: &str, from: &str, to: &str) -> Walk {
    let mut walks = prove::why(&ERLMCP.0, &ERLMCP.1, &files(rules), from, to, None);
    assert_eq!(walks.len(), 1, "{from} to {to}");
    walks.remove(0)
}

/// The rules with one text in place of another, where it first is.
fn with(from: &str, to: &str) -> String {
    assert!(ERLMCP.2.contains(from), "no `{from}`");
    ERLMCP.2.replacen(from, to, 1)
}

/// What was done to the rules, and how it is named: what, and between whom.
type Break = (&'static str, String, Kind, Option<(&'static str, &'static str)>, &'static str);

/// What lets through or stops what it should not.
fn breaks() -> Vec<Break> {
    let own = "ip saddr . ip daddr @own accept\n";
    let guard = "ip saddr @vlans ip daddr @vlans drop\n";
    let first = "ct state established,related accept\n        ct state invalid";
    let drops = "chain more {\n type filter hook forward priority 10; policy drop;\n}\nchain forward {";
    vec![
        (
            "everything is accepted",
            with(POLICY, "policy accept;\n"),
            LetThrough,
            Some(("app", "core")),
            "no rule decides",
        ),
        (
            "from no VLAN, too",
            with(POLICY, "policy accept;\n"),
            LetThrough,
            Some(("vlan:none", "core")),
            "chain forward accepts",
        ),
        (
            "to no VLAN, too",
            with(POLICY, "policy accept;\n"),
            LetThrough,
            Some(("core", "vlan:none")),
            "chain forward accepts",
        ),
        (
            "no policy, which is one",
            with(POLICY, "\n"),
            LetThrough,
            Some(("vlan:none", "vlan:none")),
            "chain forward accepts",
        ),
        ("nothing is allowed", with(ALLOWED, ""), Stopped, Some(("core", "app")), "a connection from"),
        ("replies are not", with(first, "ct state invalid"), Stopped, Some(("core", "database")), "a reply from"),
        ("related alone", with("established,related", "related"), Stopped, Some(("core", "database")), "a reply from"),
        ("made-up sources", with(FIB, ""), LetThrough, Some(("management", "database")), "made up"),
        (
            "the wrong way round",
            with(FIB, "fib saddr . iif oif exists drop"),
            Stopped,
            Some(("core", "app")),
            "a rule of chain forward drops",
        ),
        (
            "a pair more",
            with("10.10.0.0/22 . 10.20.0.0/20", "10.10.0.0/22 . 10.20.0.0/20, 10.20.0.0/20 . 10.10.0.0/22"),
            LetThrough,
            Some(("app", "core")),
            "a rule of chain forward accepts",
        ),
        (
            "a pair that is wider",
            with("10.10.0.0/22 . 10.20.0.0/20", "10.10.0.0/16 . 10.20.0.0/20"),
            LetThrough,
            Some(("vlan:none", "app")),
            "from 10.10.",
        ),
        (
            "a pair that is narrower",
            with("10.10.0.0/22 . 10.20.0.0/20", "10.10.0.0/22 . 10.20.0.0/21"),
            Stopped,
            Some(("core", "app")),
            "to 10.20.8.0/21",
        ),
        (
            "a pair the other way round",
            with("10.10.0.0/22 . 10.30.0.0/22", "10.30.0.0/22 . 10.10.0.0/22"),
            Stopped,
            Some(("core", "database")),
            "drops",
        ),
        (
            "a rule before that shadows",
            with(FIB, "ip daddr 10.30.0.0/22 drop"),
            Stopped,
            Some(("core", "database")),
            "a rule of chain forward drops",
        ),
        (
            "a rule before that opens",
            with("ct state invalid drop\n", "ip daddr 10.30.0.0/22 accept\n"),
            LetThrough,
            Some(("dmz", "database")),
            "a rule of chain forward accepts",
        ),
        (
            "new ones as well as established",
            with("established,related", "new,established"),
            LetThrough,
            Some(("app", "core")),
            "a connection",
        ),
        (
            "what the kernel cannot place",
            with("ct state invalid drop", "ct state invalid accept"),
            LetThrough,
            Some(("app", "core")),
            "cannot place",
        ),
        (
            "IPv6",
            with(ALLOWED, "ip saddr . ip daddr @allowed accept\n        meta nfproto ipv6 accept\n"),
            LetThrough,
            Some(("vlan:none", "vlan:none")),
            "::/0",
        ),
        (
            "a chain that is jumped to",
            with("chain forward {", "chain open {\n ip saddr 10.40.0.0/24 accept\n }\n chain forward {").replacen(
                FIB,
                "jump open",
                1,
            ),
            LetThrough,
            Some(("management", "core")),
            "a rule of chain forward accepts",
        ),
        ("a chain more that drops", with("chain forward {", drops), Stopped, Some(("core", "app")), "chain more drops"),
        ("another hook", with("hook forward", "hook input"), LetThrough, Some(("app", "core")), "no chain is there"),
        (
            "of another family",
            with("table inet mycel_vlan {", "table ip mycel_vlan {"),
            LetThrough,
            Some(("vlan:none", "vlan:none")),
            "::/0",
        ),
        (
            "all is deleted again",
            ERLMCP.2.clone() + "delete table inet mycel_vlan\n",
            LetThrough,
            Some(("app", "core")),
            "no chain is there",
        ),
        (
            "an interface is open",
            with(FIB, "iifname \"eth0.600\" accept"),
            LetThrough,
            Some(("corporate", "core")),
            "a rule of chain forward accepts",
        ),
        ("the router is open", with(guard, ""), LetThrough, Some(("app", "router:core")), "chain input accepts"),
        ("the router is closed to its own", with(own, ""), Stopped, Some(("app", "router:app")), "drops"),
        (
            "the router is closed at all",
            ERLMCP
                .2
                .replace("policy accept;\n        ct state established,related accept", "policy accept;\n        drop"),
            Stopped,
            Some(("core", "router:app")),
            "drops",
        ),
    ]
}

/// What is not understood, or refers to nothing.
fn unread() -> Vec<Break> {
    let lost = |what, rules: String, says| (what, rules, NotUnderstood, None, says);
    let at = |rule: &str| with(FIB, rule);
    vec![
        lost(
            "another file",
            with("table inet", "include \"/etc/nftables.d/*.nft\"\ntable inet"),
            "`include` is not understood",
        ),
        lost("a variable", with("table inet", "define core = 10.10.0.0/22\ntable inet"), "`define` is not understood"),
        lost("ports", at("tcp dport 22 accept"), "`tcp` in a rule is not understood"),
        lost("marks", at("meta mark 1 accept"), "`mark` in a rule is not understood"),
        lost("limits", at("limit rate 10/second accept"), "`limit` in a rule"),
        lost("other addresses", at("ip saddr != app accept"), "`app` is no address"),
        lost("another hook", with("hook forward", "hook prerouting"), "`prerouting` are not judged"),
        lost("another type", with("type filter hook forward", "type nat hook forward"), "chains of type `nat`"),
        lost("a set that changes", with("flags interval", "flags dynamic"), "sets that are `dynamic`"),
        lost("a set of ports", with("type ipv4_addr\n", "type inet_service\n"), "sets of `inet_service`"),
        lost("a range without the flag", with("        flags interval\n", ""), "without `flags interval`"),
        lost("elements of another type", with("10.10.0.0/22,", "fd00::/8,"), "not of the type"),
        lost("a set of another type", with("@allowed", "@vlans"), "of another type"),
        lost("an interface of nobody", at("iifname \"wan0\" drop"), "behind the interface `wan0`"),
        lost("a tag of nobody", at("iifname eth0.999 drop"), "the tag 999"),
        lost("a table twice removed", ERLMCP.2.clone() + "flush table inet mycel_vlan\n", "`flush` is not understood"),
        lost("half of a file", ERLMCP.2[..ERLMCP.2.len() / 2].to_owned(), "may be here"),
        lost(
            "chains in each other",
            with("chain forward {", "chain a {\n jump b\n }\n chain b {\n jump a\n }\n chain forward {\n jump a\n"),
            "in each other",
        ),
        ("no such set", with("@allowed", "@permitted"), Dangling, None, "no set `permitted`"),
        ("no such chain", at("jump open"), Dangling, None, "no chain `open`"),
        (
            "no such table",
            with("delete table inet mycel_vlan", "delete table inet mycel"),
            Dangling,
            None,
            "no table `mycel`",
        ),
    ]
}

#[test]
fn every_break_of_the_rules_is_named_by_its_way_and_line() {
    assert!(judged(ERLMCP.2.clone()).is_proved());
    let mut missed = Vec::new();
    for (what, rules, kind, path, says) in breaks().into_iter().chain(unread()) {
        let report = judged(rules.clone());
        let is_it = |failure: &&prove::Failure| {
            let ends = failure.path.as_ref().map(|path| (path.from.as_str(), path.to.as_str()));
            (failure.kind, failure.layer) == (kind, Layer::Nftables) && ends == path && failure.what.contains(says)
        };
        let Some(found) = report.failures.iter().find(is_it) else {
            missed.push(format!("{what}:\n{}", told(&report)));
            continue;
        };
        // The line is one of the file; where nothing is, there is none.
        let is_line = found.at.line > 0 || found.what.contains("no chain is there");
        assert!(is_line && found.at.line as usize <= rules.lines().count(), "{what}: {}", found.at);
        // A cell is bad where a way is, and no way is good or bad in files that were not understood.
        let cells = report.matrices[0].rows.iter().flat_map(|(_, cells)| cells);
        assert_eq!(cells.filter(|cell| !cell.good).count() > 0, path.is_some(), "{what}");
        if let Some((from, to)) =
            path.filter(|_| !found.what.contains("made up") && !found.what.contains("cannot place"))
        {
            let walk = walk(&rules, from, to);
            assert!(walk.works() != walk.wanted, "{what}: {walk:?}");
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

/// Of two chains at one hook the one that accepts ends nothing: the other still
/// drops. And the rest is the same in other words.
#[test]
fn rules_that_say_the_same_are_proved() {
    let own = "chain forward {";
    for (what, rules) in [
        (
            "a second chain that accepts",
            with(
                own,
                "chain more {\n type filter hook forward priority -10; policy accept;\n accept\n}\nchain forward {",
            ),
        ),
        (
            "a second table that accepts",
            ERLMCP.2.clone() + "table ip more {\n chain a { type filter hook forward priority raw + 5; }\n}\n",
        ),
        (
            "the last rule is the policy",
            with(POLICY, "policy accept;\n").replacen(ALLOWED, "ip saddr . ip daddr @allowed accept\n drop\n", 1),
        ),
        (
            "a pair in two",
            with("10.10.0.0/22 . 10.20.0.0/20", "10.10.0.0-10.10.1.255 . 10.20.0.0/20, 10.10.2.0/23 . 10.20.0.0/20"),
        ),
        (
            "counted and logged",
            with(
                FIB,
                "fib saddr . iif oif missing counter packets 0 bytes 0 log prefix \"made up: \" drop comment \"liars\"",
            ),
        ),
        ("refused with an answer", with(FIB, "fib saddr . iif oif missing reject with icmpx type admin-prohibited")),
        (
            "states in a map",
            with(
                "ct state established,related accept\n        ct state invalid drop",
                "ct state vmap { established : accept, related : accept, invalid : drop }",
            ),
        ),
        (
            "by another chain",
            with(own, "chain back {\n ct state { established, related } accept\n return\n}\nchain forward {").replacen(
                "ct state invalid drop",
                "jump back",
                1,
            ),
        ),
        (
            "and for ever",
            with(own, "chain rest {\n ip saddr . ip daddr @allowed accept\n}\nchain forward {").replacen(
                &format!("        {ALLOWED}    }}"),
                "        goto rest\n    }",
                1,
            ),
        ),
        (
            "of nothing before",
            "flush ruleset\n".to_owned()
                + &with("table inet mycel_vlan\ndelete table inet mycel_vlan\n", "destroy table inet other\n"),
        ),
        (
            "what can never be",
            with(
                FIB,
                "fib saddr . iif oif missing drop\n        iif \"lo\" accept\n        ip saddr != 0.0.0.0/0 accept",
            ),
        ),
    ] {
        let report = judged(rules.clone());
        assert!(report.is_proved(), "{what}: {}\n{rules}", told(&report));
        assert_ne!(rules, ERLMCP.2, "{what}");
    }
}

/// The matrix says what the planet file says, for every pair.
#[test]
fn the_matrix_is_what_vlans_allow() {
    let (planet, text, _) = &*ERLMCP;
    let report = judged(ERLMCP.2.clone());
    let [matrix] = report.matrices.as_slice() else { panic!("{}", report.matrices.len()) };
    assert_eq!(matrix.scope, "vlan");
    let vlans = &planet.network.as_ref().unwrap().vlan;
    let mut open = 0;
    for (from, cells) in &matrix.rows {
        assert_eq!(cells.len(), matrix.columns.len());
        for (to, cell) in matrix.columns.iter().zip(cells) {
            let vlan = vlans.iter().find(|vlan| vlan.name.as_str() == from);
            let (router, place) = to.strip_prefix("router:").map_or((false, to.as_str()), |place| (true, place));
            let is_own = from == place;
            let allows = vlan.is_some_and(|vlan| vlan.allow.iter().any(|name| name.as_str() == place));
            assert_eq!(cell.judged, if router { vlan.is_some() } else { !is_own || vlan.is_none() }, "{from} to {to}");
            assert_eq!(cell.ports == "all", allows || (router && is_own), "{from} to {to}");
            assert!(cell.good);
            open += usize::from(allows && !router);
            assert_eq!(
                prove::why(planet, text, &files(ERLMCP.2.clone()), from, to, None).len(),
                usize::from(cell.judged)
            );
        }
    }
    assert_eq!(open, vlans.iter().map(|vlan| vlan.allow.len()).sum::<usize>());
    let walk = walk(&ERLMCP.2, "core", "app");
    assert!(
        walk.works() && walk.wanted && walk.steps.len() == 2 && walk.steps[1].what.contains("its replies"),
        "{walk:?}"
    );
}

/// What would take for ever is told, and takes a moment.
#[test]
fn rules_that_are_more_than_can_be_judged_are_told() {
    let pairs: String = (0..900u32).map(|at| format!("10.{}.{}.0/26 . 10.20.0.0/20, ", at / 250, at % 250)).collect();
    let chains: String =
        (0..16u32).map(|at| format!("chain c{at} {{\n jump c{0}\n jump c{0}\n jump c{0}\n}}\n", at + 1)).collect();
    let start = Instant::now();
    for rules in [
        with("10.10.0.0/22 . 10.20.0.0/20", &pairs),
        with("chain forward {", &format!("{chains} chain c16 {{ }}\n chain forward {{\n jump c0\n")),
        with("10.10.0.0/22,", &"10.10.0.0/22, 10.11.0.0/16, ".repeat(150_000)),
        with(
            "10.10.0.0/22,",
            &(0..3_000u32).map(|at| format!("10.{}.{}.0/26, ", at / 250, at % 250)).collect::<String>(),
        ),
    ] {
        let report = judged(rules);
        assert!(report.failures.iter().any(|failure| failure.kind == NotUnderstood), "{}", told(&report));
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever becomes of the rules, they are judged, and a failure names a line of them.
    #[test]
    fn whatever_becomes_of_the_rules_they_are_judged(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        more in "([a-z: \n{},;=@\"!.#-]|0\\.0\\.0\\.0/0|ip saddr|accept|drop|ct state new|chain a \\{|\\}){0,12}",
    ) {
        let rules = &ERLMCP.2;
        let (from, to) = (from.index(rules.len() + 1), to.index(rules.len() + 1));
        let changed = format!("{}{more}{}", &rules[..from.min(to)], &rules[from.max(to)..]);
        let lines = changed.lines().count() + 1;
        for failure in judged(changed).failures {
            prop_assert!(&*failure.at.file == FILE && failure.at.line as usize <= lines, "{}", failure.at);
        }
    }
}
