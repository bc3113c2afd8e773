//! Keys, their shares, how long they last, and bridges.

use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint, repeated};
use vocab::Millis;

pub(super) static RECOVERY: Lint = Lint {
    code: "MY0608",
    severity: Severity::Error,
    title: "a root key that cannot be recovered",
    why: "The root key is cut into `recovery_of` shares, and any `recovery_needs` of them give it back. More than there are can never be brought together, and none at all would give it to everybody.",
    hint: "write at least 2 and fewer than `recovery_of`, such as 3 of 5",
    look: |facts, report| {
        let Some(keys) = &facts.planet.keys else { return };
        let (needs, of) = (&keys.recovery_needs, &keys.recovery_of);
        if needs.value == 0 || needs.value > of.value {
            report
                .add(&RECOVERY, format!("{} of {} shares recover the root key", needs.value, of.value))
                .at(needs.span, "needed")
                .at(of.span, "handed out");
        }
    },
};

pub(super) static ONE_SHARE: Lint = Lint {
    code: "MY0609",
    severity: Severity::Warning,
    title: "a single share that decides over the root key",
    why: "If one share is enough, each of its holders is the root. If all are needed, one lost share loses the root for ever.",
    hint: "write at least 2 and fewer than `recovery_of`, such as 3 of 5",
    look: |facts, report| {
        let Some(keys) = &facts.planet.keys else { return };
        let (needs, of) = (&keys.recovery_needs, &keys.recovery_of);
        let what = match (needs.value, of.value) {
            (1, 1..) => format!("each of {} holders of a share can act as the root", of.value),
            (needs, of) if needs > 0 && needs == of => format!("one lost share of {of} loses the root key"),
            _ => return,
        };
        report.add(&ONE_SHARE, what).at(needs.span, "needed").at(of.span, "handed out");
    },
};

pub(super) static OVERLAP: Lint = Lint {
    code: "MY0610",
    severity: Severity::Error,
    title: "an old key that outlives the new one",
    why: "The old key is accepted for `overlap` after a rotation. Where that is as long as the new key's own life, two old keys are accepted at once and a stolen one is never out.",
    hint: "make `overlap` a small part of the rotation",
    look: |facts, report| {
        let Some(keys) = &facts.planet.keys else { return };
        let lives = [(&keys.rotation, "signing"), (&keys.data_rotation, "data")];
        for (life, what) in lives.into_iter().filter(|(life, _)| keys.overlap.value >= life.value) {
            report
                .add(
                    &OVERLAP,
                    format!("a {what} key lives {}, and the old one stays good for {}", life.value, keys.overlap.value),
                )
                .at(keys.overlap.span, "the old key stays good")
                .at(life.span, "the new one lives");
        }
    },
};

/// As long as a stolen key is worth stealing at most.
const LONGEST_LIFE: Millis = Millis::days(90);

pub(super) static ROTATION: Lint = Lint {
    code: "MY0611",
    severity: Severity::Warning,
    title: "a key that is used for too long",
    why: "A key that was stolen without a trace is good until it is replaced. And what is done once a year is done by somebody who has never done it.",
    hint: "rotate at least every 90d",
    look: |facts, report| {
        let Some(keys) = &facts.planet.keys else { return };
        let lives = [(&keys.rotation, "signing"), (&keys.data_rotation, "data")];
        for (life, what) in lives.into_iter().filter(|(life, _)| life.value > LONGEST_LIFE) {
            report.add(&ROTATION, format!("a {what} key is used for {}", life.value)).at(life.span, "");
        }
    },
};

/// As long as a certificate may last, and with it the word of a key and of a CA
/// that have given their place away.
const SHORTEST_LIFE: Millis = Millis::days(7);
/// All keys of a region's owners are wrapped anew each time.
const SHORTEST_DATA_LIFE: Millis = Millis::days(1);

pub(super) static TOO_SOON: Lint = Lint {
    code: "MY0617",
    severity: Severity::Error,
    title: "a key that is replaced while the one before it is still believed",
    why: "A certificate may last seven days, and for as long the key and the CA that it is from are believed. Signing keys that are replaced sooner pile up: a node takes no more than 8 CAs, an audit log 128 successors of its key, and the three CAs that the root key has endorsed ahead are used up within days. A data key has every key of its region's owners wrapped anew.",
    hint: "write rotation = \"7d\" or more, and data_rotation = \"1d\" or more; `mycel trust rotate` replaces keys at once",
    look: |facts, report| {
        let Some(keys) = &facts.planet.keys else { return };
        let lives = [(&keys.rotation, SHORTEST_LIFE, "signing"), (&keys.data_rotation, SHORTEST_DATA_LIFE, "data")];
        for (life, least, what) in lives.into_iter().filter(|(life, least, _)| life.value < *least) {
            report
                .add(&TOO_SOON, format!("a {what} key is used for {}, and {least} is the least", life.value))
                .at(life.span, "");
        }
    },
};

pub(super) static AUDIT: Lint = Lint {
    code: "MY0612",
    severity: Severity::Warning,
    title: "an audit log that is shorter than the life of a key",
    why: "When a key turns out to be stolen, the question is what it has signed. A log that does not reach back to its first day cannot answer.",
    hint: "keep `audit` longer than `rotation` and `overlap` together",
    look: audit,
};

fn audit(facts: &Facts<'_>, report: &mut Report) {
    let (Some(watch), Some(keys)) = (&facts.planet.watch, &facts.planet.keys) else { return };
    let good = Millis(keys.rotation.0.saturating_add(keys.overlap.0));
    if watch.audit.value < good {
        report
            .add(&AUDIT, format!("the audit log is kept for {}, and a key is good for {good}", watch.audit.value))
            .at(watch.audit.span, "kept")
            .at(keys.rotation.span, "used")
            .at(keys.overlap.span, "and still accepted");
    }
}

/// What the law asks of most who must keep such a log at all.
const A_YEAR: Millis = Millis::days(365);

pub(super) static AUDIT_YEAR: Lint = Lint {
    code: "MY0616",
    severity: Severity::Warning,
    title: "an audit log that is kept for less than a year",
    why: "What an operator did is often asked for at the end of a year, and whole entries are pruned once they are older than `audit`; their hashes alone stay. A planet that is only tried out may forget sooner.",
    hint: "write audit = \"365d\" or more",
    look: |facts, report| {
        let Some(watch) = &facts.planet.watch else { return };
        // Where it is shorter than a key lives, that is what is said.
        let keys = facts.planet.keys.as_ref();
        let good = keys.map_or(0, |keys| keys.rotation.value.0.saturating_add(keys.overlap.value.0));
        if watch.audit.value < A_YEAR && watch.audit.value.0 >= good {
            report
                .add(&AUDIT_YEAR, format!("the audit log is kept for {}", watch.audit.value))
                .at(watch.audit.span, "");
        }
    },
};

pub(super) static BRIDGE_TWICE: Lint = Lint {
    code: "MY0613",
    severity: Severity::Error,
    title: "two bridges with one name",
    why: "A transfer names its bridge. Where two have that name, value may go to the wrong chain, and nothing brings it back.",
    hint: "give each bridge a name of its own",
    look: |facts, report| {
        let bridges = facts.planet.bridge.iter().map(|bridge| (bridge.name.as_str(), &bridge.name));
        for (again, first) in repeated(bridges) {
            report
                .add(&BRIDGE_TWICE, format!("two bridges are called `{}`", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};
