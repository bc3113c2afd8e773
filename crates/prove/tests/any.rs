//! Rendered files with anything done to them: the prover answers, in bounded time.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use proptest::prelude::*;
use prove::Files;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::rendered;

static GARDEN: LazyLock<(planet::Planet, String, Files)> = LazyLock::new(|| rendered("garden"));

/// A shop with Terraform, as somebody wrote it.
static SHOP: LazyLock<(planet::Planet, String, Files)> = LazyLock::new(|| {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let text = std::fs::read_to_string(cases.join("shop.toml")).unwrap();
    let read = |name: &str| {
        let path = format!("terraform/eu/{name}.tf");
        let bytes = std::fs::read(cases.join("right-terraform").join(&path)).unwrap();
        (path, bytes)
    };
    let files = ["acls", "groups", "machines", "network"].map(read).into_iter().collect();
    (planet::parse(text.as_bytes()).0.unwrap(), text, files)
});

fn with(path: &str, bytes: Vec<u8>) -> prove::Report {
    let (planet, text, files) = if path.ends_with(".tf") { &*SHOP } else { &*GARDEN };
    let mut files = files.clone();
    files.insert(path.to_owned(), bytes);
    prove::prove(planet, text, &files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever becomes of a file, it is judged, and a failure names a file that
    /// there is.
    #[test]
    fn whatever_becomes_of_a_file_it_is_judged(
        which in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        more in "([a-z:= \n\\[\\]{},&*$\"-]|0\\.0\\.0\\.0/0|podSelector|yes|aws_subnet\\.db\\.id|ingress){0,40}",
    ) {
        let files: Files = GARDEN.2.iter().chain(&SHOP.2).map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        let (path, bytes) = which.get(&files.iter().collect::<Vec<_>>()).to_owned();
        let (from, to) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
        let changed = [&bytes[..from.min(to)], more.as_bytes(), &bytes[from.max(to)..]].concat();
        let report = with(path, changed);
        for failure in &report.failures {
            let scope = failure.at.file.rsplit_once('/').map_or("", |(scope, _)| scope);
            prop_assert!(files.keys().any(|path| path.starts_with(scope)), "{}", failure.at);
        }
    }
}

/// What would take for ever is told, and takes a moment.
#[test]
fn what_is_more_than_can_be_judged_is_told() {
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: garden, name: p";
    let rule = "podSelector: {matchLabels: {";
    let policies: String = (0..1_500)
        .map(|at| format!("---\n{head}{at}}}\nspec: {{{rule}a: v{at}}}}}, ingress: [{{from: [{{{rule}b: v{at}}}}}, namespaceSelector: {{matchLabels: {{c: v{at}}}}}}}]}}]}}\n"))
        .collect();
    let services: String =
        (0..3_000).map(|at| format!("  s{at}: {{image: a, ports: ['127.0.0.1:{at}:1']}}\n")).collect();
    let keys: String = (0..400)
        .map(|at| format!("{{key: a, operator: In, values: [{}]}}, ", format!("v{at}, ").repeat(400)))
        .collect();
    let selector = format!("{head}}}\nspec: {{podSelector: {{matchExpressions: [{keys}]}}}}\n");
    let one = |at: usize| format!("10.{}.{}.0/24", at / 200, at % 200);
    let groups: String = (0..4_000)
        .map(|at| format!("resource \"aws_security_group\" \"g{at}\" {{\n  vpc_id = aws_vpc.shop.id\n  tags = {{ tier = \"private\" }}\n}}\n"))
        .collect();
    let rules: String = (0..4_000)
        .map(|at| format!("  ingress {{\n    rule_no = {at}\n    action = \"allow\"\n    protocol = \"-1\"\n    from_port = 0\n    to_port = 0\n    cidr_block = \"{}\"\n  }}\n", one(at)))
        .collect();
    let start = Instant::now();
    for (path, text) in [
        ("terraform/eu/groups.tf", groups),
        (
            "terraform/eu/acls.tf",
            format!("resource \"aws_network_acl\" \"a\" {{\n  vpc_id = aws_vpc.shop.id\n{rules}}}\n"),
        ),
        (
            "terraform/eu/more.tf",
            format!(
                "resource \"aws_autoscaling_group\" \"a\" {{\n  launch_template {{}}\n  vpc_zone_identifier = [{}]\n}}\n",
                "aws_subnet.db.id, ".repeat(100_000)
            ),
        ),
        ("terraform/eu/more.tf", format!("a {{\n  b = {}\n}}\n", "[".repeat(100_000))),
        ("terraform/eu/more.tf", "#".repeat(5 << 20)),
        ("kubernetes/eu/3-network.yaml", policies),
        ("kubernetes/eu/3-network.yaml", selector),
        ("compose/eu/compose.yaml", format!("services:\n{services}")),
        ("compose/eu/compose.yaml", format!("a: {}\n", "[".repeat(100_000))),
    ] {
        let report = with(path, text.into_bytes());
        assert!(report.failures.iter().any(|failure| failure.kind == prove::Kind::NotUnderstood), "{path}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
