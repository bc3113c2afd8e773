//! MY0710: a budget below the price.

use super::Lint;
use crate::finding::Severity;
use crate::plan::Plan;
use crate::price::Bill;
use vocab::Ppm;

pub(super) const ALL: &[&Lint] = &[&OVER_BUDGET];

static OVER_BUDGET: Lint = Lint {
    code: "MY0710",
    severity: Severity::Error,
    title: "a budget below the price",
    why: "The planet as it is written costs more than it may: an alert would fire on its first day. The price is modelled; `mycel price` shows what it is made of.",
    hint: "raise the budget, or lower what costs most",
    look: |facts, report| {
        let planet = facts.planet;
        let Some(budget) = &planet.budget.monthly else { return };
        // What cannot be planned has no price; another lint says why it cannot.
        let Ok(bill) = Plan::new(planet, facts.tables).and_then(|plan| Bill::new(planet, &plan, facts.tables)) else {
            return;
        };
        if bill.total <= budget.value {
            return;
        }
        let what =
            format!("the planet costs {} a month, and may cost {}", bill.total.rounded(), budget.value.rounded());
        let most = bill.categories.iter().max_by_key(|line| line.counted);
        let finding = report.add(&OVER_BUDGET, what).at(budget.span, "");
        if let Some(most) = most.filter(|most| most.counted.0 > 0) {
            let share = Ppm::ratio(most.counted.0, bill.total.0).0 / 10_000;
            finding.hint(format!("raise the budget, or lower what costs most: {} is {share}% of it", most.category));
        }
    },
};
