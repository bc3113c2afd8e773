//! MY0115: slots for people who are not there.

use super::Lint;
use crate::finding::Severity;
use crate::model::Region;
use crate::plan::layout::Layout;
use vocab::thousands;

pub(super) const ALL: &[&Lint] = &[&NO_PEOPLE];

/// A region may well serve people from elsewhere; one that has so many more
/// slots than people was given its share without a look at the map.
const SLOTS_PER_PERSON: u64 = 10;

/// South of this nobody lives who does not leave again.
const ANTARCTICA_BEGINS: i32 = -60_000_000;

static NO_PEOPLE: Lint = Lint {
    code: "MY0115",
    severity: Severity::Warning,
    title: "a region whose share has no people",
    why: "Blocks cost the same whether anybody uses them. An equal share is fair to regions, not to people.",
    hint: "split the blocks by weight, with the people of each region as its weight",
    look: |facts, report| {
        let planet = facts.planet;
        // What cannot be divided has no shares; another lint says why it cannot.
        let Ok(layout) = Layout::new(planet) else { return };
        for (at, region) in planet.region.iter().enumerate() {
            let slots = layout.blocks(at).saturating_mul(layout.slots());
            let Some(people) = people(region).filter(|people| slots > people.saturating_mul(SLOTS_PER_PERSON)) else {
                continue;
            };
            let what =
                format!("`{}` gets {} slots for {} people", region.id.value, thousands(slots), thousands(people));
            let span = region.people.as_ref().map_or(region.site.span, |people| people.span);
            report.add(&NO_PEOPLE, what).at(span, "");
        }
    },
};

/// As many as the file says, or nobody where nobody lives.
fn people(region: &Region) -> Option<u64> {
    let nobody = region.site.latitude.0 < ANTARCTICA_BEGINS;
    region.people.as_ref().map(|people| people.value).or(nobody.then_some(0))
}
