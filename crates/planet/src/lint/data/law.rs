//! Jurisdictions: what lies in what, and who recognises whom.

use crate::finding::{Report, Severity};
use crate::law::Laws;
use crate::lint::{Facts, Lint, repeated};

pub(super) static ADEQUACY_OF_NOBODY: Lint = Lint {
    code: "MY0417",
    severity: Severity::Warning,
    title: "adequacy where nobody is recognised",
    why: "With `adequacy` a class may also be where its jurisdictions recognise the protection as adequate. Those of this class recognise nobody that is known, so it allows nothing more than before.",
    hint: "say whom it recognises in a [[jurisdiction]], or leave `adequacy` out",
    look: |facts, report| {
        let laws = Laws::new(facts.planet);
        let classes = facts.planet.data.iter().flat_map(|data| &data.class).filter(|class| class.adequacy.value);
        for class in
            classes.filter(|class| class.jurisdictions.iter().all(|law| laws.adequate(law.as_str()).is_empty()))
        {
            let what = match class.jurisdictions.first() {
                Some(law) => format!("`{}` recognises nobody, and `{}` counts on it", law.value, class.name.value),
                None => format!("`{}` names no jurisdiction that could recognise anybody", class.name.value),
            };
            report.add(&ADEQUACY_OF_NOBODY, what).at(class.adequacy.span, "");
        }
    },
};

pub(super) static TWICE: Lint = Lint {
    code: "MY0418",
    severity: Severity::Error,
    title: "two jurisdictions with one name",
    why: "A jurisdiction says what it is a part of and whom it recognises. Of two with one name, nobody knows which is the law.",
    hint: "make one of the two",
    look: |facts, report| {
        let names = facts.planet.jurisdiction.iter().map(|law| (law.name.as_str(), &law.name));
        for (again, first) in repeated(names) {
            report
                .add(&TWICE, format!("`{}` is declared twice", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};

pub(super) static CIRCLE: Lint = Lint {
    code: "MY0419",
    severity: Severity::Error,
    title: "a jurisdiction that is a part of itself",
    why: "What lies in a jurisdiction is under its law. Two that lie in each other are one, and what may be in either may be in both: rarely what was meant, and never what a law says.",
    hint: "leave out the `within` that closes the circle",
    look: circle,
};

fn circle(facts: &Facts<'_>, report: &mut Report) {
    let laws = Laws::new(facts.planet);
    for law in &facts.planet.jurisdiction {
        for whole in law.within.iter().filter(|whole| laws.around(whole.as_str()).contains(law.name.as_str())) {
            report
                .add(&CIRCLE, format!("`{}` lies in `{}`, which lies in it", law.name.value, whole.value))
                .at(whole.span, "lies in this")
                .at(law.name.span, "and this in that");
        }
    }
}
