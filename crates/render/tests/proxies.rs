//! Proxies and rules for VLANs: what the planet says stands in them as it was
//! said, or is refused where it stands.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use std::collections::BTreeSet;
use support::{PLANETS, rendered, text, text_of};

#[test]
fn every_region_has_its_proxies_and_a_planet_with_vlans_its_rules() {
    for name in PLANETS {
        let (planet, tree) = rendered(&text_of(name)).unwrap();
        for region in &planet.region {
            let haproxy = text(&tree, &format!("haproxy/{}/haproxy.cfg", region.id.as_str()));
            let nginx = text(&tree, &format!("nginx/{}/nginx.conf", region.id.as_str()));
            for part in ["option httpchk", "usesrc clientip", "resolvers names", "log stdout"] {
                assert!(haproxy.contains(part), "{name}: {part}");
            }
            for part in ["proxy_bind $remote_addr transparent;", "    resolver ", "access_log /dev/stdout agents;"] {
                assert!(nginx.contains(part), "{name}: {part}");
            }
        }
        let vlans = planet.network.as_ref().map_or(0, |network| network.vlan.len());
        assert_eq!(tree.files().iter().any(|file| file.path == "vlan/vlan.nft"), vlans > 0, "{name}");
    }
}

/// What no flow opens stays on the machine, and TLS is where the Internet arrives.
#[test]
fn nothing_listens_to_the_internet_that_no_flow_leads_to() {
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let (haproxy, nginx) = (text(&tree, "haproxy/eu/haproxy.cfg"), text(&tree, "nginx/eu/nginx.conf"));
    let binds = haproxy
        .lines()
        .chain(nginx.lines())
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("bind ").or_else(|| line.strip_prefix("listen ")));
    let binds: Vec<&str> = binds.collect();
    assert_eq!(binds, ["127.0.0.1:7120", "127.0.0.1:7121", "127.0.0.1:7120;", "127.0.0.1:7121;"]);
    // Without a zone there is no name to tell readers by, and nobody else ends TLS.
    let (_, tree) = rendered(&text_of("carma")).unwrap();
    let (haproxy, nginx) = (text(&tree, "haproxy/eu/haproxy.cfg"), text(&tree, "nginx/eu/nginx.conf"));
    assert!(haproxy.contains("bind :443\n") && !haproxy.contains("mode http") && !haproxy.contains(" crt "));
    assert!(nginx.contains("listen 443;\n") && !nginx.contains("http {"));
    assert!(tree.notes().iter().any(|note| note.starts_with("proxies: without a [network.dns] zone")));
}

/// What the program's own table says needs nothing is open, and no more: /metrics
/// is for who measures, and what belongs to a connection is for agents.
#[test]
fn agents_pass_as_they_come() {
    let (_, tree) = rendered(&text_of("erlmcp")).unwrap();
    let haproxy = text(&tree, "haproxy/dc-1/haproxy.cfg");
    let agents = haproxy.split("\n\n").find(|part| part.contains("\nfrontend agents\n")).unwrap();
    assert!(!agents.contains("ssl crt") && agents.contains("default_backend host"), "{agents}");
    assert!(agents.contains("sc0_conn_rate gt 10") && agents.contains("conn_rate(1000ms)"), "{agents}");
    for part in ["/metrics", "/v1/attach", "/v1/gateway", "/v1/wire", "/v1/ops"] {
        assert!(!haproxy.contains(part), "{part}");
        assert!(!text(&tree, "nginx/dc-1/nginx.conf").contains(part), "{part}");
    }
}

#[test]
fn rates_are_the_planets() {
    for (said, nginx, haproxy) in [
        ("1000/min", "1000r/m", "http_req_rate(60000ms)"),
        ("50/s", "50r/s", "http_req_rate(1000ms)"),
        ("7200/h", "2r/s", "http_req_rate(3600000ms)"),
        ("7000/h", "116r/m", "http_req_rate(3600000ms)"),
        ("10/h", "1r/m", "http_req_rate(3600000ms)"),
    ] {
        let told = format!("{}\n[gateway]\naddress_rate = \"{said}\"\n", text_of("garden"));
        let (_, tree) = rendered(&told).unwrap();
        assert!(text(&tree, "nginx/eu/nginx.conf").contains(&format!("rate={nginx};")), "{said}");
        assert!(text(&tree, "haproxy/eu/haproxy.cfg").contains(haproxy), "{said}");
    }
}

/// The elements of a set of nftables.
fn elements<'t>(rules: &'t str, set: &str) -> Vec<&'t str> {
    let body = rules.split(&format!("set {set} {{")).nth(1).unwrap();
    let Some(body) = body.split("    }\n").next().unwrap().split("elements = {").nth(1) else { return Vec::new() };
    let lines = body.lines().map(|line| line.trim().trim_end_matches(','));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#') && *line != "}").collect()
}

#[test]
fn a_matrix_that_cannot_be_kept_is_refused_where_it_stands() {
    let vlan = |more: &str| {
        format!(
            "{}vlan = [\n{{ id = 1, name = \"a\", net = \"10.1.0.0/16\", allow = [\"b\"] }},\n\
             {{ id = 2, name = \"b\", net = \"10.2.0.0/16\" }},\n{more}]\n",
            text_of("garden").split("[calibration").next().unwrap()
        )
    };
    let (_, tree) = rendered(&vlan("")).unwrap();
    assert_eq!(elements(text(&tree, "vlan/vlan.nft"), "allowed"), ["10.1.0.0/16 . 10.2.0.0/16"]);
    for (more, at) in [
        ("{ id = 3, name = \"c\", net = \"10.3.0.0/16\", allow = [\"mars\"] },", "\"mars\""),
        ("{ id = 3, name = \"c\", net = \"10.3.0.0/16\", allow = [\"c\"] },", "\"c\""),
        ("{ id = 3, name = \"c\", net = \"10.2.3.0/24\" },", "\"10.2.3.0/24\""),
        ("{ id = 3, name = \"a\", net = \"10.3.0.0/16\" },", "\"a\""),
    ] {
        let told = vlan(more);
        let refused = rendered(&told).unwrap_err();
        assert_eq!(&told[refused.at.unwrap().range()], at, "{refused:?}");
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

/// The lines of a file that are no comment.
fn rules(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A zone is the names that were meant, in both files, or is refused where it
    /// stands; what a region is called changes nothing but comments.
    #[test]
    fn what_is_said_is_read_back(
        zone in prop_oneof![
            "[a-zA-Z0-9_-]{1,12}(\\.[a-z0-9-]{1,64}){1,4}",
            "[\"'{}$#;:|\\\\ \n\t*%/a.é😀]{1,20}",
            "[a-z]{60,63}(\\.[a-z]{63}){3,4}",
        ],
        name in "([\"'{}$#;:|>&*!%@`?~<=\\[\\], \\\\]|\\{\\{|\\$\\{X\\}|\u{2028}|a|é|😀){1,66}",
    ) {
        let plain = text_of("erlmcp");
        let told = plain
            .replace("zone = \"erlmcp.example\"", &format!("zone = {}", quoted(&zone)))
            .replace("name = \"Primary data centre\"", &format!("name = {}", quoted(&name)));
        prop_assume!(planet::parse(told.as_bytes()).0.is_some());
        match rendered(&told) {
            Err(refused) => prop_assert_eq!(&told[refused.at.unwrap().range()], quoted(&zone)),
            Ok((_, tree)) => {
                let haproxy = text(&tree, "haproxy/dc-1/haproxy.cfg");
                let read = haproxy.lines().find_map(|line| line.split("req.ssl_sni -i open.").nth(1)).unwrap();
                prop_assert_eq!(read.trim_end_matches(" }"), &zone);
                let nginx = text(&tree, "nginx/dc-1/nginx.conf");
                let read = nginx.lines().find_map(|line| line.trim().strip_prefix("server_name open.")).unwrap();
                prop_assert_eq!(read.trim_end_matches(';'), &zone);
                // Nothing else is there that would not be with a zone and a name of no interest.
                let (_, other) = rendered(&plain).unwrap();
                for path in ["haproxy/dc-1/haproxy.cfg", "nginx/dc-1/nginx.conf"] {
                    let ours = text(&tree, path).replace(&zone, "erlmcp.example");
                    prop_assert_eq!(rules(&ours), rules(text(&other, path)));
                }
            }
        }
    }

    /// The matrix in the rules is the one of the planet, whatever that is.
    #[test]
    fn the_matrix_is_the_planets(allows in prop::collection::vec(prop::collection::vec(0_usize..6, 0..6), 6)) {
        let mut wanted = BTreeSet::new();
        let mut told = format!("{}vlan = [\n", text_of("garden").split("[calibration").next().unwrap());
        for (from, allow) in allows.iter().enumerate() {
            let allow: Vec<usize> = allow.iter().copied().filter(|to| *to != from).collect();
            wanted.extend(allow.iter().map(|to| format!("10.{from}.0.0/16 . 10.{to}.0.0/16")));
            let names: Vec<String> = allow.iter().map(|to| format!("\"v-{to}\"")).collect();
            told += &format!(
                "{{ id = {}, name = \"v-{from}\", net = \"10.{from}.0.0/16\", allow = [{}] }},\n",
                from + 1,
                names.join(", ")
            );
        }
        let (_, tree) = rendered(&format!("{told}]\n")).unwrap();
        let rules = text(&tree, "vlan/vlan.nft");
        let found: BTreeSet<String> = elements(rules, "allowed").into_iter().map(str::to_owned).collect();
        prop_assert_eq!(elements(rules, "allowed").len(), found.len());
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(elements(rules, "vlans").len(), 6);
    }
}
