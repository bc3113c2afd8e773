//! Who may get a first lease.

use crate::finding::Severity;
use crate::lint::{Lint, repeated};
use crate::model::Enrolment;

pub(super) static NOBODY: Lint = Lint {
    code: "MY0614",
    severity: Severity::Error,
    title: "an enrolment that lets nobody in",
    why: "An agent without a lease can do nothing, and gets its first one by enrolling. A list without keys, invitations that nobody may write and a quota of none all end there.",
    hint: "add the keys, or a quota above 0",
    look: |facts, report| {
        let Some(enrol) = &facts.planet.enrol else { return };
        match enrol.how.value {
            Enrolment::Open if enrol.quota.events == 0 => {
                report.add(&NOBODY, "anybody may enrol, and no source may enrol anybody").at(enrol.quota.span, "");
            }
            Enrolment::Invitation if enrol.keys.is_empty() => {
                report.add(&NOBODY, "agents come by invitation, and nobody may invite").at(enrol.how.span, "");
            }
            Enrolment::List if enrol.keys.is_empty() => {
                report.add(&NOBODY, "only agents on the list may enrol, and nobody is on it").at(enrol.how.span, "");
            }
            _ => {}
        }
    },
};

pub(super) static UNREAD_KEYS: Lint = Lint {
    code: "MY0615",
    severity: Severity::Warning,
    title: "keys that enrolment does not look at, or twice",
    why: "Where enrolment is open nobody is asked for a key on a list, so a list there protects nothing. A key that stands twice was meant to be another one.",
    hint: "drop the keys, or write `how = \"list\"`",
    look: |facts, report| {
        let Some(enrol) = &facts.planet.enrol else { return };
        if let (Enrolment::Open, Some(first)) = (enrol.how.value, enrol.keys.first()) {
            let what = format!("enrolment is open, and {} stand on a list", enrol.keys.len());
            report.add(&UNREAD_KEYS, what).at(first.span, "not looked at").at(enrol.how.span, "open to anybody");
            return;
        }
        for (again, first) in repeated(enrol.keys.iter().map(|key| (key.value, key))) {
            report
                .add(&UNREAD_KEYS, "this key stands twice")
                .at(again.span, "again here")
                .at(first.span, "first here")
                .hint("drop one of the two, or write the key that was meant");
        }
    },
};
