//! A drill over time: a line for each region, as high as it had ops.

use super::facts::Facts;
use std::collections::BTreeMap;

/// The widest picture, in columns of time.
const MOST_COLUMNS: u64 = 60;
/// A column is a whole number of these, in microseconds.
const STEP: u64 = 250_000;
const LEVELS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How much time a column shows.
fn column(ended: u64) -> u64 {
    ended.div_ceil(MOST_COLUMNS).div_ceil(STEP).max(1) * STEP
}

/// Acknowledged ops of each region by column, and how much time that is.
pub(super) fn columns(facts: &Facts, regions: &[String]) -> (u64, BTreeMap<String, Vec<u64>>) {
    let width = column(facts.moments.ended);
    let many = usize::try_from(facts.moments.ended.div_ceil(width)).unwrap_or(0);
    let mut lines: BTreeMap<String, Vec<u64>> = regions.iter().map(|id| (id.clone(), vec![0; many])).collect();
    for (at, _, region, _) in facts.done() {
        let place = usize::try_from(at / width).unwrap_or(usize::MAX);
        if let Some(count) = lines.get_mut(region).and_then(|line| line.get_mut(place)) {
            *count += 1;
        }
    }
    (width, lines)
}

fn level(count: u64, highest: u64) -> char {
    let level = count.saturating_mul(8).div_ceil(highest.max(1));
    usize::try_from(level).ok().and_then(|level| LEVELS.get(level)).copied().unwrap_or('█')
}

/// The lines, with the kill and the return marked above them.
pub(super) fn draw(facts: &Facts, regions: &[String]) -> Vec<String> {
    let (width, lines) = columns(facts, regions);
    let label = lines.keys().map(|id| id.chars().count()).max().unwrap_or(0);
    let highest = lines.values().flatten().copied().max().unwrap_or(0);
    let place = |at: u64| usize::try_from(at / width).unwrap_or(0);
    let mut marks: Vec<char> = Vec::new();
    let lost = format!("▼ {}", facts.how.words().0);
    for (at, word) in [(facts.moments.killed, lost.as_str()), (facts.moments.let_back, "▼ let back")] {
        // Where the one before has not ended yet, its end makes room.
        marks.resize(place(at), ' ');
        marks.extend(word.chars());
    }
    let marks: String = marks.into_iter().collect();
    let mut drawn = vec![format!("  {:label$}  {marks}", "")];
    for (id, counts) in &lines {
        let bars: String = counts.iter().map(|count| level(*count, highest)).collect();
        let peak = counts.iter().copied().max().unwrap_or(0).saturating_mul(1_000_000) / width;
        drawn.push(format!("  {id:label$}  {bars}  at most {peak}/s"));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Event, Moments, What};
    use super::*;

    #[test]
    fn the_kill_stands_above_where_the_line_falls() {
        let done =
            |at: u64, region: &str| Event { at, agent: 0, what: What::Done { region: region.to_owned(), took: 1 } };
        let mut events: Vec<Event> = (0..10).map(|n| done(n * 1_000_000 + 1, "b")).collect();
        events.extend((0..4).map(|n| done(n * 1_000_000 + 2, "long")));
        let moments = Moments { killed: 4_000_000, let_back: 8_000_000, serves: None, ended: 10_000_000 };
        let facts = Facts { events, moments, ..Facts::default() };
        let drawn = draw(&facts, &["long".to_owned(), "b".to_owned()]);
        assert_eq!(column(10_000_000), 250_000);
        let at = |line: &str, what: char| line.chars().position(|c| c == what).unwrap();
        assert_eq!(at(&drawn[0], '▼'), 8 + 16);
        assert_eq!(drawn[1].chars().filter(|c| *c == '█').count(), 10, "{drawn:?}");
        assert!(drawn[2].starts_with("  long  █···█···█···█···········"), "{drawn:?}");
        assert!(drawn[2].ends_with("at most 4/s"), "{drawn:?}");
    }
}
