//! MY07xx: what the planet may cost.

use super::{Facts, Lint, repeated};
use crate::finding::{Report, Severity};
use vocab::Ppm;

pub(super) const ALL: &[&Lint] = &[&MIX, &ALERTS, &QUOTE_TWICE, &QUOTE_OF_NOTHING];

static MIX: Lint = Lint {
    code: "MY0701",
    severity: Severity::Error,
    title: "a mix of machines that is not 100 %",
    why: "Every machine is bought in one of three ways. Shares that do not add up to all of them price machines twice, or not at all.",
    hint: "make the three add up to 100%; `on_demand` may be left out, and is then the rest",
    look: |facts, report| {
        let mix = &facts.planet.budget.mix;
        let sum: u64 =
            [mix.reserved.value, mix.spot.value, mix.on_demand()].iter().map(|share| u64::from(share.0)).sum();
        if sum != u64::from(Ppm::ONE.0) {
            let parts =
                format!("{} reserved, {} spot, {} on demand", mix.reserved.value, mix.spot.value, mix.on_demand());
            let sum = u32::try_from(sum).map_or_else(|_| "far more than 100%".to_owned(), |sum| Ppm(sum).to_string());
            report.add(&MIX, format!("the mix of machines adds up to {sum}")).at(mix.span, parts);
        }
    },
};

static ALERTS: Lint = Lint {
    code: "MY0702",
    severity: Severity::Warning,
    title: "budget alerts out of order",
    why: "Alerts go off one after the other as the month's money is spent. One at zero always goes off, one above 100 % comes when it is too late, and one that does not rise was usually typed wrong.",
    hint: "write rising shares, such as [\"75%\", \"90%\", \"100%\"]",
    look: alerts,
};

fn alerts(facts: &Facts<'_>, report: &mut Report) {
    let alerts = &facts.planet.budget.alerts;
    for alert in alerts.iter().filter(|alert| alert.value == Ppm(0) || alert.value > Ppm::ONE) {
        report.add(&ALERTS, format!("an alert goes off at {} of the budget", alert.value)).at(alert.span, "");
    }
    for pair in alerts.windows(2) {
        let [earlier, later] = pair else { continue };
        if later.value <= earlier.value {
            report
                .add(&ALERTS, format!("the alert at {} comes after the one at {}", later.value, earlier.value))
                .at(later.span, "after")
                .at(earlier.span, "this one");
        }
    }
}

static QUOTE_TWICE: Lint = Lint {
    code: "MY0703",
    severity: Severity::Warning,
    title: "two quotes with one name",
    why: "Quotes are added up, so one that was copied is paid twice.",
    hint: "remove one, or give each a name that says what it is for",
    look: |facts, report| {
        let quotes = facts.planet.budget.quote.iter().map(|quote| (quote.name.as_str(), &quote.name));
        for (again, first) in repeated(quotes) {
            report
                .add(&QUOTE_TWICE, format!("two quotes are called `{}`", again.value))
                .at(again.span, "again here")
                .at(first.span, "first here");
        }
    },
};

static QUOTE_OF_NOTHING: Lint = Lint {
    code: "MY0704",
    severity: Severity::Warning,
    title: "a quote of nothing",
    why: "A quote replaces what the price book would compute. At $0 it makes a part of the planet look free.",
    hint: "write what was quoted, or remove the quote to have it computed",
    look: |facts, report| {
        for quote in facts.planet.budget.quote.iter().filter(|quote| quote.monthly.0 == 0) {
            report.add(&QUOTE_OF_NOTHING, format!("`{}` costs nothing", quote.name.value)).at(quote.monthly.span, "");
        }
    },
};
