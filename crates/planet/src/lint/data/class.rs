//! Residency classes: where the law lets their records be.

use crate::finding::{Report, Severity};
use crate::law::Laws;
use crate::lint::{Facts, Lint, repeated};
use crate::model::{Class, WhenLost};
use std::collections::BTreeSet;

pub(super) static FALLBACK_FORBIDDEN: Lint = Lint {
    code: "MY0402",
    severity: Severity::Error,
    title: "a fallback where records may not go",
    why: "When a region is lost, its records move to its fallback. The residency class of some of them says that they may not be there, so one of the two has to give, and it must not be the law.",
    hint: "drop the fallback, add one that the class allows, or write `when_lost = \"refuse\"` in the class",
    look: fallback_forbidden,
};

fn fallback_forbidden(facts: &Facts<'_>, report: &mut Report) {
    let laws = Laws::new(facts.planet);
    let number = |id: &str| facts.regions.get(id).copied();
    let regions = &facts.planet.region;
    let fallbacks: Vec<BTreeSet<usize>> =
        regions.iter().map(|region| region.fallback.iter().filter_map(|id| number(id.as_str())).collect()).collect();
    let classes = facts.planet.data.iter().flat_map(|data| &data.class);
    for class in classes.filter(|class| class.when_lost.value == WhenLost::Move) {
        let allowed = laws.keeps(class);
        for (at, region) in regions.iter().enumerate().filter(|(at, _)| allowed[*at]) {
            let Some(first) = region.fallback.first().filter(|_| !fallbacks[at].is_empty()) else { continue };
            if fallbacks[at].iter().any(|&fallback| allowed[fallback]) {
                continue;
            }
            let (name, id) = (&class.name.value, &region.id.value);
            let finding = report.add(
                &FALLBACK_FORBIDDEN,
                format!("records of `{name}` live in `{id}` and may not move to its fallback `{}`", first.value),
            );
            finding.at(first.span, format!("`{id}` moves here when it is lost"));
            if let Some(place) = class.regions.first() {
                finding.at(place.span, format!("`{name}` may only be here"));
            } else if let Some(law) = class.jurisdictions.first() {
                finding.at(law.span, format!("`{name}` may only be here"));
            }
        }
    }
}

pub(super) static OUTSIDE: Lint = Lint {
    code: "MY0403",
    severity: Severity::Error,
    title: "a residency class that is kept outside of its law",
    why: "The class names the jurisdictions that its records may be in, and a region that is in none of them.",
    hint: "remove the region from the class, or add the jurisdiction that allows it",
    look: |facts, report| {
        let laws = Laws::new(facts.planet);
        for class in facts.planet.data.iter().flat_map(|data| &data.class) {
            let Some(law) = class.jurisdictions.first() else { continue };
            let lawful = laws.lawful(class);
            for id in &class.regions {
                let Some(&at) = facts.regions.get(id.as_str()) else { continue };
                if !lawful[at] {
                    let named: BTreeSet<&str> = class.jurisdictions.iter().map(|law| law.as_str()).collect();
                    let only = if named.len() == 1 {
                        format!("`{}`", law.value)
                    } else {
                        format!("its {} jurisdictions", named.len())
                    };
                    let what = format!("`{}` must stay in {only}, and `{}` is not there", class.name.value, id.value);
                    report.add(&OUTSIDE, what).at(id.span, "kept here").at(law.span, "must stay here");
                }
            }
        }
    },
};

pub(super) static NOWHERE: Lint = Lint {
    code: "MY0404",
    severity: Severity::Error,
    title: "a residency class without a place",
    why: "A class says where its records may be: in some regions, or in any region under some jurisdiction. If there is no such region, every one of its records is refused.",
    hint: "name `regions`, or `jurisdictions` that a region has",
    look: |facts, report| {
        let laws = Laws::new(facts.planet);
        for class in facts.planet.data.iter().flat_map(|data| &data.class).filter(|class| class.regions.is_empty()) {
            let name = &class.name.value;
            match class.jurisdictions.first() {
                None => {
                    let what = format!("`{name}` says neither regions nor jurisdictions");
                    report.add(&NOWHERE, what).at(class.name.span, "");
                }
                Some(first) if !laws.lawful(class).contains(&true) => {
                    let what = format!("no region is in a jurisdiction that `{name}` may be in");
                    report.add(&NOWHERE, what).at(first.span, "");
                }
                Some(_) => {}
            }
        }
    },
};

fn is_european(class: &Class) -> bool {
    class.jurisdictions.iter().any(|law| law.as_str() == "EU")
}

pub(super) static NO_ERASURE: Lint = Lint {
    code: "MY0411",
    severity: Severity::Error,
    title: "records under EU law that cannot be erased in time",
    why: "The GDPR lets everybody have their records erased (article 17), and lets records be kept no longer than they are needed (article 5).",
    hint: "add `erasure = true` and a `retention`",
    look: |facts, report| {
        for class in facts.planet.data.iter().flat_map(|data| &data.class).filter(|class| is_european(class)) {
            let name = &class.name.value;
            if !class.erasure.value {
                report
                    .add(&NO_ERASURE, format!("the owner of a record of `{name}` cannot have it erased"))
                    .at(class.erasure.span, "")
                    .hint("add `erasure = true`");
            }
            if class.retention.is_none() {
                report
                    .add(&NO_ERASURE, format!("records of `{name}` are kept for ever"))
                    .at(class.name.span, "")
                    .hint("add a `retention`, such as \"365d\"");
            }
        }
    },
};

pub(super) static KEPT_FOR_EVER: Lint = Lint {
    code: "MY0412",
    severity: Severity::Warning,
    title: "records of a residency class that are kept for ever",
    why: "Laws that bind records to a place also ask how long they are kept. What is deleted in time cannot leak.",
    hint: "add a `retention`, such as \"365d\"",
    look: |facts, report| {
        let classes = facts.planet.data.iter().flat_map(|data| &data.class);
        for class in classes.filter(|class| class.retention.is_none() && !is_european(class)) {
            report
                .add(&KEPT_FOR_EVER, format!("records of `{}` are kept for ever", class.name.value))
                .at(class.name.span, "");
        }
    },
};

pub(super) static TWICE: Lint = Lint {
    code: "MY0414",
    severity: Severity::Error,
    title: "two residency classes with one name",
    why: "A record names its class. Where two have that name, nobody knows where the record may be.",
    hint: "give each class a name of its own, or make one of the two",
    look: |facts, report| {
        let classes = facts.planet.data.iter().flat_map(|data| &data.class);
        for (again, first) in repeated(classes.map(|class| (class.name.as_str(), &class.name))) {
            report
                .add(&TWICE, format!("two residency classes are called `{}`", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};

pub(super) static COPIES_LEAVE: Lint = Lint {
    code: "MY0416",
    severity: Severity::Warning,
    title: "backups in another region of what may only be in one",
    why: "With `cross_region` a copy is kept in a second region. A class that may be in a single region has no second one: its copies would leave it, or are not made.",
    hint: "allow the class a second region, or write `cross_region = false`: copies then stay where they are made",
    look: |facts, report| {
        let Some(across) = facts.planet.backup.as_ref().map(|backup| &backup.cross_region) else { return };
        if !across.value {
            return;
        }
        let laws = Laws::new(facts.planet);
        // Those whose records wait for their region are copied as all others are.
        for class in facts.planet.data.iter().flat_map(|data| &data.class) {
            if laws.keeps(class).into_iter().filter(|allowed| *allowed).count() == 1 {
                report
                    .add(
                        &COPIES_LEAVE,
                        format!("`{}` may only be in one region, so no other can hold its backups", class.name.value),
                    )
                    .at(class.name.span, "may only be in one")
                    .at(across.span, "copied to another");
            }
        }
    },
};
