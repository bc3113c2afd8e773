//! How many blocks each region gets, and whether its prefix holds them.

use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::{Planet, Region, Split};
use vocab::thousands;

/// All blocks of the planet, as far as the file says.
pub(super) fn total(planet: &Planet) -> u64 {
    let by_region =
        || planet.region.iter().filter_map(|region| region.blocks.as_ref()).map(|blocks| blocks.value).sum();
    planet.planet.blocks.as_ref().map_or_else(by_region, |blocks| blocks.value)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

pub(super) static NO_COUNT: Lint = Lint {
    code: "MY0203",
    severity: Severity::Error,
    title: "nothing says how many blocks there are",
    why: "The planet says how many blocks it has and divides them over its regions, or each region says its own number.",
    hint: "add `blocks` to [planet], or to every [[region]]",
    look: |facts, report| {
        let head = &facts.planet.planet;
        let regions = &facts.planet.region;
        let silent: Vec<_> = regions.iter().filter(|region| region.blocks.is_none()).collect();
        let (None, Some(first)) = (&head.blocks, silent.first()) else { return };
        if silent.len() == regions.len() {
            report.add(&NO_COUNT, "neither the planet nor its regions say how many blocks there are").at(head.span, "");
            return;
        }
        let others = silent.len() - 1;
        let others =
            if others == 0 { String::new() } else { format!(" (nor do {others} other region{})", plural(others)) };
        let what =
            format!("`{}` does not say how many blocks it has{others}, and the planet does not either", first.id.value);
        report.add(&NO_COUNT, what).at(first.id.span, "no `blocks` here").at(head.span, "and none here");
    },
};

pub(super) static CONTRADICTED: Lint = Lint {
    code: "MY0204",
    severity: Severity::Error,
    title: "regions and planet count blocks differently",
    why: "Either the planet divides its blocks or the regions say their own. Where both do, they must agree, or nobody knows how many there are.",
    hint: "say `blocks` in [planet] or in the regions, not in both",
    look: |facts, report| {
        let Some(total) = &facts.planet.planet.blocks else { return };
        let counts: Vec<_> = facts.planet.region.iter().filter_map(|region| region.blocks.as_ref()).collect();
        let Some(first) = counts.first() else { return };
        if counts.len() < facts.planet.region.len() {
            let what = format!(
                "the planet divides its {} blocks, and {} of {} regions say their own",
                thousands(total.value),
                counts.len(),
                facts.planet.region.len()
            );
            report.add(&CONTRADICTED, what).at(first.span, "said here").at(total.span, "and divided here");
            return;
        }
        let sum: u64 = counts.iter().map(|count| count.value).sum();
        if sum != total.value {
            let what =
                format!("the planet has {} blocks, its regions {} together", thousands(total.value), thousands(sum));
            report.add(&CONTRADICTED, what).at(total.span, "the planet says").at(first.span, "the regions begin here");
        }
    },
};

pub(super) static NO_WEIGHT: Lint = Lint {
    code: "MY0205",
    severity: Severity::Error,
    title: "a split by weights that are not there",
    why: "With `split = \"by weight\"` a region gets its weight's share of the blocks. Without a weight, or when all weigh nothing, there is no share to give.",
    hint: "give each region a `weight`; only their proportions count",
    look: |facts, report| {
        let split = &facts.planet.planet.split;
        let regions = &facts.planet.region;
        if split.value != Split::ByWeight || regions.is_empty() {
            return;
        }
        for region in regions.iter().filter(|region| region.weight.is_none()) {
            report
                .add(&NO_WEIGHT, format!("`{}` has no weight", region.id.value))
                .at(region.id.span, "no `weight` here")
                .at(split.span, "split by it");
        }
        if weight(facts.planet) == 0 && regions.iter().all(|region| region.weight.is_some()) {
            report.add(&NO_WEIGHT, "the weights of all regions are 0").at(split.span, "");
        }
    },
};

/// All weights together.
fn weight(planet: &Planet) -> u64 {
    planet.region.iter().filter_map(|region| region.weight.as_ref()).map(|weight| weight.value).sum()
}

pub(super) static WEIGHT_UNUSED: Lint = Lint {
    code: "MY0206",
    severity: Severity::Warning,
    title: "a weight that is not used",
    why: "Weights only count with `split = \"by weight\"`. Somebody wrote this one to some purpose, and it has no effect.",
    hint: "write `split = \"by weight\"` in [planet], or remove the weights",
    look: |facts, report| {
        let head = &facts.planet.planet;
        let weighted = facts.planet.region.iter().find_map(|region| Some((region.weight.as_ref()?, &region.id.value)));
        let Some((weight, id)) = weighted else { return };
        if head.blocks.is_none() {
            report
                .add(&WEIGHT_UNUSED, format!("`{id}` has a weight, but the regions say their own blocks"))
                .at(weight.span, "")
                .hint("say `blocks` in [planet] instead of in the regions, or remove the weights");
        } else if head.split.value == Split::Equal {
            report.add(&WEIGHT_UNUSED, format!("`{id}` has a weight, but the split is equal")).at(weight.span, "");
        }
    },
};

pub(super) static EMPTY: Lint = Lint {
    code: "MY0207",
    severity: Severity::Warning,
    title: "a region without blocks",
    why: "A region with no blocks still has gateways, a network and a price, and nothing that they are for.",
    hint: "give it blocks, or leave it out",
    look: |facts, report| {
        let by_weight = facts.planet.planet.split.value == Split::ByWeight && weight(facts.planet) > 0;
        for region in &facts.planet.region {
            let none = region.blocks.as_ref().filter(|blocks| blocks.value == 0);
            let weightless = region.weight.as_ref().filter(|weight| by_weight && weight.value == 0);
            if let Some(zero) = none.or(weightless) {
                report.add(&EMPTY, format!("`{}` gets no blocks", region.id.value)).at(zero.span, "");
            }
        }
    },
};

/// Each block has a /64.
const BLOCK_PREFIX: u8 = 64;

pub(super) static PREFIX_TOO_SMALL: Lint = Lint {
    code: "MY0210",
    severity: Severity::Error,
    title: "an IPv6 prefix that is too small for its blocks",
    why: "Each block takes a /64 of its region's prefix, so a /48 holds 65,536 blocks and a /40 holds 16,777,216. The blocks beyond that would have no address.",
    hint: "ask for a shorter prefix",
    look: prefix_too_small,
};

fn prefix_too_small(facts: &Facts<'_>, report: &mut Report) {
    let share = Shares::new(facts.planet);
    for region in &facts.planet.region {
        let Some(prefix) = &region.ipv6 else { continue };
        let blocks = share.of(region).max(1);
        let held = BLOCK_PREFIX.checked_sub(prefix.prefix).map(|bits| 1u128 << bits);
        if held.is_some_and(|held| u128::from(blocks) <= held) {
            continue;
        }
        let held = held.map_or_else(|| "none".to_owned(), thousands);
        let plural = if blocks == 1 { "" } else { "s" };
        let needed = u32::from(BLOCK_PREFIX) - blocks.next_power_of_two().trailing_zeros();
        report
            .add(
                &PREFIX_TOO_SMALL,
                format!("`{}` has {} block{plural}; its prefix holds {held}", region.id.value, thousands(blocks)),
            )
            .at(prefix.span, "")
            .hint(format!("a /{needed} or shorter holds them"));
    }
}

/// How many blocks each region has at most.
struct Shares<'a> {
    planet: &'a Planet,
    weight: u64,
}

impl<'a> Shares<'a> {
    fn new(planet: &'a Planet) -> Self {
        Self { planet, weight: weight(planet) }
    }

    fn of(&self, region: &Region) -> u64 {
        let Some(total) = &self.planet.planet.blocks else {
            return region.blocks.as_ref().map_or(0, |blocks| blocks.value);
        };
        let (part, whole) = match self.planet.planet.split.value {
            Split::Equal => (1, self.planet.region.len() as u128),
            Split::ByWeight => (region.weight.as_ref().map_or(0, |weight| weight.value), u128::from(self.weight)),
        };
        let share = (u128::from(total.value) * u128::from(part)).div_ceil(whole.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}
