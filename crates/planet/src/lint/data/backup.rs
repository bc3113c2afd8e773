//! What is lost on the worst day, and how long it takes.

use crate::finding::Severity;
use crate::lint::Lint;

pub(super) static TOO_OLD: Lint = Lint {
    code: "MY0406",
    severity: Severity::Error,
    title: "backups that lose more than may be lost",
    why: "`rpo` is how much of the newest data may be lost. What was written since the last copy, or since the last shipment of the log, is lost with the machines.",
    hint: "add `log_shipping` to [backup], at most as long as `rpo`",
    look: |facts, report| {
        let (Some(backup), Some(recovery)) = (&facts.planet.backup, &facts.planet.recovery) else { return };
        let rpo = &recovery.rpo;
        match &backup.log_shipping {
            None if backup.every.value > rpo.value => {
                let what =
                    format!("a copy every {} loses up to that much, and {} may be lost", backup.every.value, rpo.value);
                report.add(&TOO_OLD, what).at(backup.every.span, "copied every").at(rpo.span, "may be lost");
            }
            Some(shipping) if shipping.value.min(backup.every.value) > rpo.value => {
                let what = format!("the log is shipped every {}, and {} may be lost", shipping.value, rpo.value);
                report
                    .add(&TOO_OLD, what)
                    .at(shipping.span, "shipped every")
                    .at(rpo.span, "may be lost")
                    .hint(format!("ship the log every {} or more often", rpo.value));
            }
            _ => {}
        }
    },
};

pub(super) static TOO_SLOW: Lint = Lint {
    code: "MY0407",
    severity: Severity::Error,
    title: "one step that takes longer than the whole recovery",
    why: "`rto` is when everything works again. Traffic must have moved and the database must have failed over by then.",
    hint: "shorten the step, or allow a longer `rto`",
    look: |facts, report| {
        let Some(recovery) = &facts.planet.recovery else { return };
        let steps =
            [(&recovery.reroute, "moving traffic"), (&recovery.database_failover, "the failover of the database")];
        for (step, what) in steps.into_iter().filter(|(step, _)| step.value > recovery.rto.value) {
            report
                .add(&TOO_SLOW, format!("{what} takes {}, and all must work after {}", step.value, recovery.rto.value))
                .at(step.span, "this step")
                .at(recovery.rto.span, "the whole");
        }
    },
};

pub(super) static NEVER_RESTORED: Lint = Lint {
    code: "MY0409",
    severity: Severity::Warning,
    title: "backups that are never restored",
    why: "A copy that was never restored is a hope. What is wrong with it is found on the day when it is needed.",
    hint: "add `restore_test = \"7d\"` to [backup]",
    look: |facts, report| {
        if let Some(backup) = facts.planet.backup.as_ref().filter(|backup| backup.restore_test.is_none()) {
            report.add(&NEVER_RESTORED, "no backup is ever restored to see that it can be").at(backup.span, "");
        }
    },
};

pub(super) static COLD: Lint = Lint {
    code: "MY0415",
    severity: Severity::Warning,
    title: "an archive that forgets before the shelf does",
    why: "Copies move to the archive when they are no longer at hand. Where they are deleted there first, the archive holds nothing that is not at hand.",
    hint: "keep copies longer in `cold` than in `hot`, or leave `cold` out",
    look: |facts, report| {
        let Some(backup) = &facts.planet.backup else { return };
        let Some(cold) = backup.cold.as_ref().filter(|cold| cold.value < backup.hot.value) else { return };
        report
            .add(&COLD, format!("copies are at hand for {}, and archived for {}", backup.hot.value, cold.value))
            .at(cold.span, "archived for")
            .at(backup.hot.span, "at hand for");
    },
};
