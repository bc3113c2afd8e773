//! What policies mean, by the word of network-config-analyzer (PyPI, IBM), which
//! shares nothing with this crate: on every planet, and on 200 variations, most
//! of them policies that no planet would render.
//!
//! The two differ in three things, which are not among the variations:
//! - `egress: []` without `policyTypes`: no policy of egress, as Kubernetes fills
//!   it in; the other one takes it for one that denies everything.
//! - `Exists` and `DoesNotExist` of pods beside a `namespaceSelector`: the other one
//!   looks for such pods in the policy's own namespace alone (2.1.0).
//! - Rules for a direction that `policyTypes` leaves out: both refuse them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

use super::objects;
use super::policy::{Direction, End, Pod, said};
use crate::Intent;
use crate::atoms::{Range, cut};
use crate::ports::{Ports, Protocol};
use planet::plan::Plan;
use planet::{Planet, Tables};
use render::{Scene, render, targets};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const PLANETS: [&str; 6] = ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"];
const VARIATIONS: u64 = 200;

/// Runs every folder of a folder in one process, which takes most of its time to
/// begin.
const DRIVER: &str = "
import os, sys
from nca.nca_cli import nca_main
root = sys.argv[1]
for name in sorted(os.listdir(root)):
    folder = os.path.join(root, name)
    out = os.path.join(root, name + '.out')
    nca_main(['-r', folder, '--connectivity', '-o', 'txt_no_fw_rules', '--print_ipv6', '-f', out])
";

/// Where `cargo xtask test` put it; none where it may be missing.
fn tool() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MYCEL_NCA") {
        return Some(path.into());
    }
    assert!(
        std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
        "run `cargo xtask test`, which installs network-config-analyzer and sets MYCEL_NCA"
    );
    eprintln!("SKIPPED: network-config-analyzer is missing");
    None
}

/// Dice that obey a seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[usize::try_from(self.roll(texts.len() as u64)).unwrap()]
    }

    fn list(&mut self, most: u64, mut one: impl FnMut(&mut Self) -> String) -> String {
        let many = self.roll(most + 1);
        let parts: Vec<String> = (0..many).map(|_| one(self)).collect();
        format!("[{}]", parts.join(", "))
    }
}

/// `operators` is 4 for all of them, and 2 for those that ask for values.
fn selector(dice: &mut Dice, keys: [(&str, &[&str]); 2], operators: u64) -> String {
    let (key, values) = if dice.roll(2) == 0 { keys[0] } else { keys[1] };
    let expression = |dice: &mut Dice| match dice.roll(operators) {
        0 => format!("{{key: {key}, operator: In, values: [{}, {}]}}", dice.of(values), dice.of(values)),
        1 => format!("{{key: {key}, operator: NotIn, values: [{}]}}", dice.of(values)),
        2 => format!("{{key: {key}, operator: Exists}}"),
        _ => format!("{{key: {key}, operator: DoesNotExist}}"),
    };
    match dice.roll(5) {
        0 => "{}".to_owned(),
        1 | 2 => format!("{{matchLabels: {{{key}: {}}}}}", dice.of(values)),
        3 => format!("{{matchExpressions: [{}, {}]}}", expression(dice), expression(dice)),
        _ => format!("{{matchLabels: {{{key}: {}}}, matchExpressions: [{}]}}", dice.of(values), expression(dice)),
    }
}

const PODS: [(&str, &[&str]); 2] = [("app", &["u", "v", "w"]), ("tier", &["p", "q"])];
const SPACES: [(&str, &[&str]); 2] = [("team", &["red", "blue"]), ("kubernetes.io/metadata.name", &["a", "b", "c"])];

fn peer(dice: &mut Dice) -> String {
    const BLOCKS: [&str; 6] = [
        "{cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.3.0/24]}",
        "{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}",
        "{cidr: 192.0.2.7/32}",
        "{cidr: \"::/0\", except: [\"fc00::/7\"]}",
        "{cidr: 2001:db8::/32}",
        "{cidr: 10.1.128.0/17}",
    ];
    match dice.roll(5) {
        0 | 1 => format!("{{podSelector: {}}}", selector(dice, PODS, 4)),
        2 => format!("{{namespaceSelector: {}}}", selector(dice, SPACES, 4)),
        3 => format!("{{namespaceSelector: {}, podSelector: {}}}", selector(dice, SPACES, 4), selector(dice, PODS, 2)),
        _ => format!("{{ipBlock: {}}}", dice.of(&BLOCKS)),
    }
}

fn port(dice: &mut Dice) -> String {
    dice.of(&[
        "{protocol: TCP}",
        "{protocol: UDP}",
        "{port: 80}",
        "{protocol: UDP, port: 53}",
        "{protocol: TCP, port: 8000, endPort: 9000}",
        "{protocol: SCTP, port: 7}",
        "{port: web}",
        "{protocol: UDP, port: names}",
    ])
    .to_owned()
}

fn rule(dice: &mut Dice, whom: &str) -> String {
    let mut parts = Vec::new();
    if dice.roll(6) > 0 {
        parts.push(format!("{whom}: {}", dice.list(3, peer)));
    }
    if dice.roll(3) > 0 {
        parts.push(format!("ports: {}", dice.list(3, port)));
    }
    format!("{{{}}}", parts.join(", "))
}

/// Three namespaces, six pods, and some policies.
fn variation(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = String::new();
    for (name, labels) in [("a", "team: red"), ("b", "team: blue"), ("c", "own: c")] {
        let labels = format!("{{{labels}, kubernetes.io/metadata.name: {name}}}");
        writeln!(text, "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n---").unwrap();
    }
    for (number, namespace) in ["a", "a", "a", "b", "b", "c"].into_iter().enumerate() {
        let app = dice.of(&["app: u", "app: v", "app: w", "other: o"]);
        let tier = dice.of(&[", tier: p", ", tier: q", ""]);
        let ports = dice.of(&[
            "",
            ", ports: [{name: web, containerPort: 8080}]",
            ", ports: [{name: web, containerPort: 80, protocol: UDP}, {name: names, containerPort: 53, protocol: UDP}]",
        ]);
        writeln!(text, "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}, namespace: {namespace}, labels: {{{app}{tier}}}}}").unwrap();
        writeln!(text, "spec: {{containers: [{{name: one, image: one{ports}}}]}}\n---").unwrap();
    }
    for number in 0..=dice.roll(5) {
        let namespace = dice.of(&["a", "a", "b", "c"]);
        writeln!(text, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy").unwrap();
        writeln!(text, "metadata: {{name: policy-{number}, namespace: {namespace}}}\nspec:").unwrap();
        writeln!(text, "  podSelector: {}", selector(&mut dice, PODS, 4)).unwrap();
        let which = dice.roll(5);
        let types = ["[Ingress]", "[Egress]", "[Ingress, Egress]"];
        if which < 3 {
            writeln!(text, "  policyTypes: {}", types[usize::try_from(which).unwrap()]).unwrap();
        }
        if which != 1 && dice.roll(4) > 0 {
            writeln!(text, "  ingress: {}", dice.list(3, |dice| rule(dice, "from"))).unwrap();
        }
        // Left out, and not empty, where no `policyTypes` are: see above.
        if which == 1 || which == 2 {
            writeln!(text, "  egress: {}", dice.list(3, |dice| rule(dice, "to"))).unwrap();
        } else if which == 3 {
            writeln!(text, "  egress: [{}]", rule(&mut dice, "to")).unwrap();
        }
        writeln!(text, "---").unwrap();
    }
    text
}

fn planet(name: &str) -> (Planet, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../planets/{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    (planet::parse(text.as_bytes()).0.unwrap(), text)
}

/// The objects of a planet's region, with pods of each tier and of others.
fn rendered(planet: &Planet, text: &str) -> String {
    let plan = Plan::new(planet, &Tables::builtin()).unwrap();
    let scene = Scene::new((planet, text), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
    let region = planet.region[0].id.as_str();
    let kubernetes: Vec<_> = targets::ALL.iter().filter(|target| target.name == "kubernetes").copied().collect();
    let tree = render(&scene, &kubernetes, &[region]).unwrap();
    let mut all = String::new();
    for file in tree.files().iter().filter(|file| !file.path.ends_with("2-config.yaml")) {
        all.push_str(&format!("{}\n---\n", String::from_utf8(file.bytes.clone()).unwrap()));
    }
    let own = planet.planet.name.as_str().to_owned();
    let tiers = ["public", "private", "database"].map(|tier| (own.clone(), format!("tier.mycel.dev/{tier}: \"yes\"")));
    let others = [
        (own.clone(), "app: other"),
        ("kube-system".to_owned(), "k8s-app: kube-dns"),
        ("monitoring".to_owned(), "app.kubernetes.io/name: prometheus"),
        ("monitoring".to_owned(), "app: other"),
    ];
    for name in ["kube-system", "monitoring"] {
        writeln!(all, "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{kubernetes.io/metadata.name: {name}}}}}\n---").unwrap();
    }
    let others = others.into_iter().map(|(space, label)| (space, label.to_owned()));
    for (number, (space, label)) in tiers.into_iter().chain(others).enumerate() {
        writeln!(
            all,
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}, namespace: {space}, labels: {{{label}}}}}"
        )
        .unwrap();
        writeln!(all, "spec: {{containers: [{{name: one, image: one}}]}}\n---").unwrap();
    }
    all
}

/// What the other one says: pairs of names or ranges, with ports.
fn theirs(text: &str) -> Vec<(String, String, Ports)> {
    let line = |line: &str| {
        let (pair, allowed) = line.split_once(" : ")?;
        let (from, to) = pair.split_once(" => ")?;
        Some((from.trim().to_owned(), to.trim().to_owned(), allowed_ports(allowed)))
    };
    text.lines().filter_map(line).collect()
}

fn allowed_ports(text: &str) -> Ports {
    if text == "All connections" {
        return Ports::all();
    }
    let inside = text.strip_prefix("{protocols:").and_then(|rest| rest.strip_suffix('}'));
    let inside = inside.unwrap_or_else(|| panic!("another form: {text}"));
    let (protocols, ports) = inside.split_once(",dst_ports:").unwrap_or((inside, "1-65535"));
    let mut all = Ports::none();
    for protocol in protocols.split(',') {
        let protocol = Protocol::named(protocol.trim()).unwrap_or_else(|| panic!("another form: {text}"));
        for ports in ports.split(',') {
            let (first, last) = ports.trim().split_once('-').unwrap_or((ports.trim(), ports.trim()));
            all = all.or(&Ports::range(protocol, first.parse().unwrap(), last.parse().unwrap()));
        }
    }
    all
}

fn range(text: &str) -> Option<Range> {
    // IPv6 has no `-` of its own either.
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let one = |text: &str| Range::parse(&format!("{text}/{}", if text.contains(':') { 128 } else { 32 }));
    let (first, last) = (one(first)?, one(last)?);
    Some(Range { last: last.last, ..first })
}

/// Compares one case; how many pairs were compared.
fn compare(intent: &Intent<'_>, name: &str, text: &str, answer: &str) -> usize {
    let mut failures = Vec::new();
    let files = [(Arc::from("case.yaml"), text.as_bytes())];
    let region = intent.planet.region[0].id.as_str();
    let objects = objects::read(intent, region, &files, &mut failures);
    // Other regions' files are not there, the ConfigMap is left out, and names of
    // ports that nobody has are in the variations on purpose.
    failures.retain(|failure| !failure.what.contains("ConfigMap") && !failure.what.contains("has a port"));
    assert!(failures.is_empty(), "{name}: {failures:?}\n{text}");
    let mut ends: BTreeMap<String, End> = BTreeMap::new();
    for workload in &objects.workloads {
        let (meta, labels) = (&workload.meta, workload.labels.clone());
        let namespace_labels = objects.labels_of(&meta.namespace);
        let pod = Pod { namespace: meta.namespace.clone(), namespace_labels, labels, named: workload.named() };
        ends.insert(format!("{}/{}[{}]", meta.namespace, meta.name, meta.kind), End::Pod(pod));
    }
    let edges: Vec<Range> = objects.policies.iter().flat_map(super::policy::Policy::edges).collect();
    let whole = ["0.0.0.0/0", "::/0"].map(|text| Range::parse(text).unwrap());
    for piece in cut(&whole, &[], &edges) {
        ends.insert(piece.to_string(), End::Piece(piece));
    }
    let theirs = theirs(answer);
    let mut compared = 0;
    for (from, one) in &ends {
        for (to, two) in &ends {
            if from == to || matches!((one, two), (End::Piece(_), End::Piece(_))) {
                continue;
            }
            let ours = said(objects.policies.iter(), Direction::Egress, one, two)
                .ports
                .and(&said(objects.policies.iter(), Direction::Ingress, one, two).ports);
            let is = |end: &End, name: &str, said: &str| match end {
                End::Pod(_) => said == name,
                End::Piece(piece) => range(said).is_some_and(|range| range.contains(*piece)),
            };
            let lines = theirs.iter().filter(|(a, b, _)| is(one, from, a) && is(two, to, b));
            let other = lines.fold(Ports::none(), |all, (.., ports)| all.or(ports));
            let lines: Vec<&str> = answer.lines().filter(|line| line.contains(from) && line.contains(to)).collect();
            assert_eq!(ours, other, "{name}: {from} to {to}: here {ours}, there {other}, {lines:?}\n{text}\n{answer}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn policies_mean_what_another_program_says_they_mean() {
    let Some(tool) = tool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    let garden = planet("garden");
    for seed in 0..VARIATIONS {
        cases.push((format!("variation-{seed:03}"), variation(seed), garden.clone()));
    }
    for name in PLANETS {
        let planet = planet(name);
        cases.push((format!("planet-{name}"), rendered(&planet.0, &planet.1), planet));
    }
    for (name, text, _) in &cases {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("case.yaml"), text).unwrap();
    }
    let python = tool.parent().unwrap().join("python");
    let output = Command::new(python).args(["-c", DRIVER]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut compared = 0;
    for (name, text, (planet, file)) in &cases {
        let answer = std::fs::read_to_string(folder.path().join(format!("{name}.out"))).unwrap();
        compared += compare(&Intent::new(planet, file), name, text, &answer);
    }
    // So many pairs cannot all have agreed about nothing.
    assert!(compared > 10_000, "{compared}");
}
