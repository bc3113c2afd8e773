//! How long what is left of a record is kept.

use crate::finding::Severity;
use crate::lint::Lint;

pub(super) static OUTLIVED: Lint = Lint {
    code: "MY0420",
    severity: Severity::Warning,
    title: "chains that outlive the records in them",
    why: "When a record expires nobody reads it any more, but what it said stays in its chain, sealed under its owner's key, until the chain is pruned or the key is destroyed. With a `chain_kept` that is longer than a class's `retention`, that is longer than the class says.",
    hint: "keep chains no longer than the class that expires first, or let the class keep its records for longer",
    look: |facts, report| {
        let Some(kept) = &facts.planet.block.chain_kept else { return };
        for class in facts.planet.data.iter().flat_map(|data| &data.class) {
            let Some(retention) = class.retention.as_ref().filter(|retention| retention.value < kept.value) else {
                continue;
            };
            let what = format!(
                "records of `{}` end after {}, and chains after {}",
                class.name.value, retention.value, kept.value
            );
            report.add(&OUTLIVED, what).at(kept.span, "chains").at(retention.span, "records");
        }
    },
};

pub(super) static NEVER_PRUNED: Lint = Lint {
    code: "MY0421",
    severity: Severity::Warning,
    title: "records that end in chains that do not",
    why: "When a record expires nobody reads it any more, but what it said stays in its chain, sealed under its owner's key, until the chain is pruned or the key is destroyed. Without a `chain_kept` no chain is ever pruned, so a class's `retention` ends what is read and not what is kept.",
    hint: "add a `chain_kept` to `[block]`, no longer than the class that expires first",
    look: |facts, report| {
        if facts.planet.block.chain_kept.is_some() {
            return;
        }
        for class in facts.planet.data.iter().flat_map(|data| &data.class) {
            let Some(retention) = &class.retention else { continue };
            let what = format!(
                "records of `{}` end after {}, and chains are kept for ever",
                class.name.value, retention.value
            );
            report.add(&NEVER_PRUNED, what).at(retention.span, "");
        }
    },
};
