//! Rendered files with anything done to them: the prover answers, in bounded time.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use proptest::prelude::*;
use prove::Files;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::rendered;

static GARDEN: LazyLock<(planet::Planet, String, Files)> = LazyLock::new(|| rendered("garden"));

fn with(path: &str, bytes: Vec<u8>) -> prove::Report {
    let (planet, text, files) = &*GARDEN;
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
        more in "([a-z: \n\\[\\]{},&*$\"-]|0\\.0\\.0\\.0/0|podSelector|yes){0,40}",
    ) {
        let (_, _, files) = &*GARDEN;
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
    let start = Instant::now();
    for (path, text) in [
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
