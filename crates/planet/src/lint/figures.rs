//! MY08xx: the figures and the machines that sizes are computed from.

use super::Lint;
use crate::finding::{Report, Severity};
use crate::model::Calibrated;
use crate::plan::calibration::{FIGURES, kind};
use crate::{At, Name, Named};

pub(super) const ALL: &[&Lint] = &[&UNKNOWN, &WRONG_KIND, &ZERO, &MACHINE, &NO_ROOM];

static UNKNOWN: Lint = Lint {
    code: "MY0801",
    severity: Severity::Error,
    title: "a figure that nothing is computed from",
    why: "A figure under a name that nobody looks up changes nothing, though it was measured and written down.",
    hint: "`mycel plan` lists the figures that there are",
    look: |facts, report| look(&facts.planet.calibration, report),
};

static WRONG_KIND: Lint = Lint {
    code: "MY0802",
    severity: Severity::Error,
    title: "a figure without its value",
    why: "Each figure is a size, a count or a rate, and is written under that key. Another key would be ignored.",
    hint: "write the value under the figure's own key",
    look: |_, _| {},
};

static ZERO: Lint = Lint {
    code: "MY0803",
    severity: Severity::Error,
    title: "a figure of nothing",
    why: "Sizes are divided by these figures, and nothing can be divided by nothing.",
    hint: "write what somebody measured, or leave the figure out",
    look: |_, _| {},
};

/// Looks at figures, of a planet or of a file of their own: all three lints
/// above, because one figure has one place.
pub(crate) fn look(figures: &Named<Calibrated>, report: &mut Report) {
    for (name, figure) in figures {
        look_at(name, figure, report);
    }
}

fn look_at(name: &At<Name>, figure: &Calibrated, report: &mut Report) {
    let Some(kind) = kind(name.as_str()) else {
        let names: Vec<_> = FIGURES.iter().map(|(name, _)| *name).collect();
        let what = format!("nothing is computed from a figure called `{}`", name.value);
        report.add(&UNKNOWN, what).at(name.span, "").hint(format!("the figures are {}", names.join(", ")));
        return;
    };
    let written = [
        ("size", figure.size.as_ref().map(|size| size.0), figure.size.as_ref().map(|at| at.span)),
        ("count", figure.count.as_ref().map(|count| count.value), figure.count.as_ref().map(|at| at.span)),
        ("rate", figure.rate.as_ref().map(|rate| rate.events), figure.rate.as_ref().map(|at| at.span)),
    ];
    let own = written.iter().find(|(key, _, _)| *key == kind.key()).and_then(|(_, value, span)| value.zip(*span));
    let other = written.iter().find(|(key, value, _)| *key != kind.key() && value.is_some());
    match (own, other) {
        (None, _) => {
            let span = other.and_then(|(_, _, span)| *span).unwrap_or(name.span);
            let what = format!("`{}` is a {}, and none is written", name.value, kind.key());
            report.add(&WRONG_KIND, what).at(span, "").hint(format!("write it as `{} = …`", kind.key()));
        }
        (Some(_), Some((key, _, span))) => {
            let what = format!("`{}` is a {}, and a {key} is written besides", name.value, kind.key());
            report.add(&WRONG_KIND, what).at(span.unwrap_or(name.span), "").hint(format!("drop `{key}`"));
        }
        // A host may well keep nothing for itself.
        (Some((0, span)), None) if name.as_str() != "host-reserved" => {
            report.add(&ZERO, format!("`{}` is nothing", name.value)).at(span, "");
        }
        _ => {}
    }
}

static MACHINE: Lint = Lint {
    code: "MY0804",
    severity: Severity::Error,
    title: "a machine that the price book does not have",
    why: "Sizes come from a machine's cores, memory and wire, and its price by the hour. The price book has to know all of these.",
    hint: "name a machine of the price book",
    look: |facts, report| {
        let compute = &facts.planet.compute;
        for machine in [&compute.host, &compute.gateway] {
            if facts.tables.book.machine(machine.as_str()).is_none() {
                let known = facts.tables.book.machines().join(", ");
                let what = format!("the price book has no machine `{}`", machine.value);
                report.add(&MACHINE, what).at(machine.span, "").hint(format!("its machines are {known}"));
            }
        }
    },
};

static NO_ROOM: Lint = Lint {
    code: "MY0805",
    severity: Severity::Error,
    title: "a host without room for blocks",
    why: "What a host keeps for itself is taken off its memory first. Where nothing is left, no number of hosts is enough.",
    hint: "name a larger machine, or reserve less",
    look: |facts, report| {
        let planet = facts.planet;
        let Some(machine) = facts.tables.book.machine(planet.compute.host.as_str()) else { return };
        let reserved = facts.tables.calibration.for_planet(planet).host_reserved;
        if reserved < machine.memory {
            return;
        }
        let what = format!(
            "`{}` has {} of memory, and {reserved} of it are reserved",
            planet.compute.host.value, machine.memory
        );
        let own = planet.calibration.iter().find(|(name, _)| name.as_str() == "host-reserved");
        let span = own.and_then(|(_, figure)| figure.size.as_ref()).map_or(planet.compute.host.span, |size| size.span);
        report.add(&NO_ROOM, what).at(span, "");
    },
};
