//! What moves when regions are drained: the same tables, ranked with and without
//! them.

use crate::residency::{ClassNumber, Purpose};
use crate::route::{Policy, Request, Standing, decide};
use crate::score::{View, modelled_rtt};
use crate::set::{RegionNumber, RegionSet};
use crate::signal::Micros;
use crate::table::{Now, OriginNumber, Table};
use vocab::{MicroDegrees, Site};

/// The origins of a class that leave one region for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The class.
    pub class: ClassNumber,
    /// Whence.
    pub from: RegionNumber,
    /// Where to; `None` when they are refused.
    pub to: Option<RegionNumber>,
    /// Which origins.
    pub origins: Vec<OriginNumber>,
}

/// Who goes where when `drained` is drained too. Two copies of the table are
/// ranked for `now`, with and without: what moves for another reason is not
/// shown, and nothing is shown that a gateway would not do. Origins that are
/// refused already are nobody's.
#[must_use]
pub fn drain(policy: &Policy, table: &Table, now: &Now<'_>, drained: RegionSet) -> Vec<Move> {
    let standing = Standing { drained: now.standing.drained.or(drained), ..now.standing };
    let (mut before, mut after) = (table.clone(), table.clone());
    before.rebuild(&policy.settings, now);
    after.rebuild(&policy.settings, &Now { standing, ..*now });
    let mut moves: Vec<Move> = Vec::new();
    for (class, _) in policy.residency.iter() {
        for origin in (0..=u32::MAX).map(OriginNumber).take(table.origins()) {
            let request = Request { origin, class, purpose: Purpose::Store, home: None };
            let Ok(from) = decide(policy, &before, &now.standing, &request) else { continue };
            let to = decide(policy, &after, &standing, &request).ok();
            if to == Some(from) {
                continue;
            }
            match moves.iter_mut().find(|known| (known.class, known.from, known.to) == (class, from, to)) {
                Some(known) => known.origins.push(origin),
                None => moves.push(Move { class, from, to, origins: vec![origin] }),
            }
        }
    }
    moves
}

impl Move {
    /// The mean round trip of those that move to a region.
    #[must_use]
    pub fn mean_rtt(&self, policy: &Policy, now: &Now<'_>, region: RegionNumber) -> Micros {
        let view = |origin: &OriginNumber| now.views.get(origin.0 as usize * policy.atlas.count() + region.at());
        let rtt = |view: &View| view.rtt.unwrap_or_else(|| modelled_rtt(view.distance_km)).0;
        let sum = self.origins.iter().filter_map(view).map(rtt).fold(0, u64::saturating_add);
        Micros(sum / (self.origins.len() as u64).max(1))
    }
}

/// Degrees between two places of the grid.
pub const GRID_DEGREES: i32 = 10;

/// The place of the [`grid`] in whose cell somewhere is: the nearest by degrees.
#[must_use]
pub fn cell_of(site: Site) -> u32 {
    let step = GRID_DEGREES * 1_000_000;
    // From the middle of the first cell on, so that dividing rounds to the nearest.
    let steps = |angle: MicroDegrees, first: i32| {
        let from = i64::from(angle.0) - i64::from(first) * 1_000_000 + i64::from(step / 2);
        from.div_euclid(i64::from(step))
    };
    let row = steps(site.latitude, SOUTH).clamp(0, i64::from((NORTH - SOUTH) / GRID_DEGREES));
    let columns = i64::from((EAST - WEST) / GRID_DEGREES + 1);
    let column = steps(site.longitude, WEST).rem_euclid(columns);
    u32::try_from(row * columns + column).unwrap_or(0)
}

/// The outermost rows and columns of the grid.
const SOUTH: i32 = -60;
const NORTH: i32 = 70;
const WEST: i32 = -180;
const EAST: i32 = 170;

/// Places all over the inhabited Earth, for who has no measurements: a grid from
/// 60° south to 70° north, of places and not of people.
#[must_use]
pub fn grid() -> Vec<Site> {
    let steps = |from: i32, to: i32| (from..=to).step_by(GRID_DEGREES.unsigned_abs() as usize);
    let degrees = |angle: i32| MicroDegrees(angle * 1_000_000);
    let row = |latitude| steps(WEST, EAST).map(move |longitude| (latitude, longitude));
    let places = steps(SOUTH, NORTH).flat_map(row);
    places.map(|(north, east)| Site { latitude: degrees(north), longitude: degrees(east) }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn site(latitude: i32, longitude: i32) -> Site {
        Site { latitude: MicroDegrees(latitude), longitude: MicroDegrees(longitude) }
    }

    #[test]
    fn a_place_is_in_the_cell_of_the_nearest_of_the_grid() {
        let grid = grid();
        for (at, place) in (0..).zip(&grid) {
            assert_eq!(cell_of(*place), at);
            let near = site(place.latitude.0 + 4_999_999, place.longitude.0 - 4_999_999);
            assert_eq!(cell_of(near), at, "{near:?}");
        }
        // Around the date line, and beyond the outermost rows.
        assert_eq!(cell_of(site(0, 179_000_000)), cell_of(site(0, -180_000_000)));
        assert_eq!(cell_of(site(90_000_000, 0)), cell_of(site(70_000_000, 0)));
        assert_eq!(cell_of(site(-90_000_000, 0)), cell_of(site(-60_000_000, 0)));
        for (latitude, longitude) in [(i32::MIN, i32::MIN), (i32::MAX, i32::MAX), (90_000_000, 180_000_000)] {
            assert!(usize::try_from(cell_of(site(latitude, longitude))).unwrap() < grid.len());
        }
    }
}
