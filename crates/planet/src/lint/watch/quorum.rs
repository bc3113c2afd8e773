//! Whether those who agree are enough, and not too many.

use super::MAJORITY;
use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::Watch;
use vocab::Ppm;

/// Hubs, those that may lie or be lost, and the fewest whose share reaches
/// the quorum. 75 % of 5 are 4: it is rounded up, never down.
fn counts(watch: &Watch) -> (u64, u64, u64) {
    let hubs = u64::from(watch.hubs.value);
    (hubs, u64::from(watch.tolerates.value), watch.quorum.of_ceil(hubs))
}

pub(super) static UNSAFE: Lint = Lint {
    code: "MY0601",
    severity: Severity::Error,
    title: "a quorum that two opposite decisions can reach",
    why: "Of n hubs any two groups of q share at least 2q − n. If as many may lie, all that they share may be liars who tell each group something else, and both decide. It takes 2q − n > f, whatever n is.",
    hint: "raise `quorum`, add hubs, or tolerate fewer",
    look: |facts, report| {
        let Some(watch) = &facts.planet.watch else { return };
        let (hubs, faulty, quorum) = counts(watch);
        if hubs > 0 && quorum.saturating_mul(2).saturating_sub(hubs) <= faulty {
            let shared = quorum.saturating_mul(2).saturating_sub(hubs);
            let what =
                format!("two quorums of {quorum} among {hubs} hubs may share only {shared}, and {faulty} may lie");
            let finding = report.add(&UNSAFE, what);
            finding.at(watch.quorum.span, format!("{quorum} of {hubs}")).at(watch.tolerates.span, "may lie");
            let needed = u64::midpoint(hubs, faulty) + 1;
            if needed <= hubs.saturating_sub(faulty) {
                finding.hint(format!("raise `quorum` to {}, which is {needed} of {hubs}", share(needed, hubs)));
            } else {
                let hubs = faulty * 3 + 1;
                finding.hint(format!(
                    "tolerate fewer, or have {hubs} hubs and a quorum of {}",
                    share(faulty * 2 + 1, hubs)
                ));
            }
        }
    },
};

/// A share that takes `part` of `whole`: in whole percents, where those do.
/// Rounded down, because `of_ceil` rounds up.
fn share(part: u64, whole: u64) -> Ppm {
    let floor = |unit: u64| u32::try_from((part * unit).checked_div(whole).unwrap_or(0)).unwrap_or(u32::MAX);
    let percent = Ppm::percent(floor(100));
    if percent.of_ceil(whole) == part { percent } else { Ppm(floor(1_000_000)) }
}

pub(super) static STUCK: Lint = Lint {
    code: "MY0602",
    severity: Severity::Error,
    title: "a quorum that cannot be reached when some are silent",
    why: "Of n hubs, f may be lost or say nothing. Those that are left must be able to decide without them, or one broken machine stops all decisions.",
    hint: "lower `quorum`, add hubs, or tolerate fewer",
    look: |facts, report| {
        let Some(watch) = &facts.planet.watch else { return };
        let (hubs, faulty, quorum) = counts(watch);
        if hubs > 0 && quorum > hubs.saturating_sub(faulty) {
            let left = hubs.saturating_sub(faulty);
            let what = format!("{quorum} of {hubs} hubs must agree, and only {left} speak when {faulty} are silent");
            report
                .add(&STUCK, what)
                .at(watch.quorum.span, format!("{quorum} of {hubs}"))
                .at(watch.tolerates.span, "may be silent");
        }
    },
};

pub(super) static ESCALATION: Lint = Lint {
    code: "MY0605",
    severity: Severity::Error,
    title: "an escalation that does not rise",
    why: "The worse the network, the more must agree: from more than half when all is well up to the most. A step that falls makes an attack the best time for a coup.",
    hint: "write normal <= major <= severe <= most, all above 50% and at most 100%",
    look: escalation,
};

fn escalation(facts: &Facts<'_>, report: &mut Report) {
    let Some(escalation) = facts.planet.watch.as_ref().map(|watch| &watch.escalation) else { return };
    let steps = [
        ("normal", &escalation.normal),
        ("major", &escalation.major),
        ("severe", &escalation.severe),
        ("most", &escalation.most),
    ];
    for pair in steps.windows(2) {
        let [(calm, fewer), (worse, more)] = pair else { continue };
        if more.value < fewer.value {
            let what = format!("`{worse}` asks for {}, less than `{calm}` with {}", more.value, fewer.value);
            report.add(&ESCALATION, what).at(more.span, "less").at(fewer.span, "than this");
        }
    }
    if escalation.normal.value <= MAJORITY {
        let what = format!("`normal` asks for {}, which two opposite camps can both have", escalation.normal.value);
        report.add(&ESCALATION, what).at(escalation.normal.span, "");
    }
    if escalation.most.value > Ppm::ONE {
        let what = format!("`most` asks for {} of the hubs", escalation.most.value);
        report.add(&ESCALATION, what).at(escalation.most.span, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_takes_exactly_what_it_was_made_for() {
        for whole in 1..200 {
            for part in 1..=whole {
                assert_eq!(share(part, whole).of_ceil(whole), part, "{part} of {whole}");
            }
        }
        assert_eq!(share(5, 7), Ppm::percent(71));
        // What `int(5 * 0.75)` makes 3 of.
        assert_eq!(Ppm::percent(75).of_ceil(5), 4);
    }
}
