//! `mycel bench slots`: the slot table of a whole planet, really filled.

use crate::Verdict;
use crate::cli::TableArgs;
use crate::failure::Failure;
use crate::files;
use crate::screen::Screen;
use block::census::{Census, scattered};
use block::slots::Region;
use indicatif::{ProgressBar, ProgressStyle};
use planet::plan::layout::Layout;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::{BlockNumber, Bytes, thousands};

/// Slots between two looks at the clock: often enough for a smooth bar, too
/// seldom to be seen in the rate.
const STRIDE: u64 = 1 << 22;

/// The part of all slots that is released and given again.
const ONE_IN: u64 = 100;

pub(crate) fn slots(file: &Path, screen: &Screen) -> Result<Verdict, Failure> {
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    let planet = files::planet(file, &tables, screen)?;
    let layout = Layout::new(&planet)?;
    let total = layout.total_blocks() * layout.slots();
    let bar = bar(total.saturating_mul(2) + 2 * (total / ONE_IN))?;
    let mut table = Table::new(&layout, planet.region.len())?;
    let (given, giving) = timed(|| table.give_all(&bar));
    bar.set_message("checking");
    let (expected, checking) = timed(|| count_all(total, &bar));
    let (released, releasing) = timed(|| table.release_some(total, &bar));
    let (again, giving_again) = timed(|| table.give_all(&bar));
    bar.finish_and_clear();
    let good = given == expected && released == again && table.free() == 0;
    let bytes = table.bytes();
    if screen.is_json() {
        screen.json(&json!({
            "version": 1,
            "slots": total,
            "each_given_once": given == expected,
            "digest": given.digest(),
            "expected_digest": expected.digest(),
            "released_and_given_again": again.count(),
            "same_given_again": released == again,
            "seconds": {
                "give": giving.as_secs_f64(),
                "check": checking.as_secs_f64(),
                "release": releasing.as_secs_f64(),
                "give_again": giving_again.as_secs_f64(),
            },
            "table_bytes": bytes,
            "peak_resident_bytes": peak(),
        }))?;
    } else {
        let verdict = |same: bool| if same { "each exactly once" } else { "NOT each exactly once" };
        let lines = [
            format!("given     {:>15} slots  {}", thousands(given.count()), speed(given.count(), giving)),
            format!(
                "checked   {} by digest {}, in {:.1} s",
                verdict(given == expected),
                given.digest(),
                checking.as_secs_f64()
            ),
            format!("released  {:>15} slots  {}", thousands(released.count()), speed(released.count(), releasing)),
            format!(
                "again     {:>15} slots  {}, {}",
                thousands(again.count()),
                speed(again.count(), giving_again),
                verdict(released == again)
            ),
            format!(
                "memory    {} of table, {}",
                Bytes(bytes).rounded(),
                peak().map_or_else(
                    || "peak not measured".into(),
                    |peak| format!("{} resident at most", Bytes(peak).rounded())
                )
            ),
        ];
        screen.data(lines.join("\n"))?;
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// The tables of all regions, and where their numbers begin.
struct Table<'a> {
    layout: &'a Layout,
    regions: Vec<Region>,
}

impl<'a> Table<'a> {
    fn new(layout: &'a Layout, regions: usize) -> Result<Self, Failure> {
        let slots = u8::try_from(layout.slots()).unwrap_or(u8::MAX);
        let region = |at: usize| {
            let blocks = usize::try_from(layout.blocks(at)).ok().filter(|blocks| *blocks <= MOST_BLOCKS);
            blocks.map(|blocks| Region::new(blocks, slots)).ok_or_else(|| {
                Failure::told(
                    format!(
                        "a region of {} blocks is more than this machine is asked to hold",
                        thousands(layout.blocks(at))
                    ),
                    format!(
                        "a table takes 8 bytes a block; try a planet with at most {} in a region",
                        thousands(MOST_BLOCKS as u64)
                    ),
                )
            })
        };
        Ok(Self { layout, regions: (0..regions).map(region).collect::<Result<_, _>>()? })
    }

    /// Gives out whatever is free, lowest first, and counts what it gave.
    fn give_all(&mut self, bar: &ProgressBar) -> Census {
        let mut census = Census::default();
        for (at, region) in self.regions.iter_mut().enumerate() {
            bar.set_message(format!("giving {}", self.layout.region_id(u32::try_from(at).unwrap_or(u32::MAX))));
            let first = self.layout.first_block(at);
            while let Some((block, slot)) = region.assign() {
                census.add((first + block) * self.layout.slots() + u64::from(slot.number()));
                if census.count().is_multiple_of(STRIDE) {
                    bar.inc(STRIDE);
                }
            }
        }
        census
    }

    /// Releases one slot in a hundred, all over the planet.
    fn release_some(&mut self, total: u64, bar: &ProgressBar) -> Census {
        bar.set_message("releasing");
        let mut census = Census::default();
        for number in scattered(total, total / ONE_IN) {
            let (block, slot) = (number / self.layout.slots(), number % self.layout.slots());
            let id = self.layout.block(BlockNumber(block));
            let slot = u8::try_from(slot).ok().and_then(|slot| self.layout.slot(slot));
            if let (Some(id), Some(slot)) = (id, slot)
                && let Some(region) = self.regions.get_mut(id.region as usize)
                && region.release(id.index, slot)
            {
                census.add(number);
            }
            if census.count().is_multiple_of(STRIDE) {
                bar.inc(STRIDE);
            }
        }
        census
    }

    fn free(&self) -> u64 {
        self.regions.iter().map(Region::free).sum()
    }

    fn bytes(&self) -> u64 {
        self.regions.iter().map(Region::bytes).sum()
    }
}

/// 16 GB of table: more than a planet of everybody needs sixteen times.
const MOST_BLOCKS: usize = 2_000_000_000;

/// The census of all numbers, without a look at any table.
fn count_all(total: u64, bar: &ProgressBar) -> Census {
    let mut census = Census::default();
    for number in 0..total {
        census.add(number);
        if number.is_multiple_of(STRIDE) {
            bar.inc(STRIDE);
        }
    }
    census
}

/// A bar on stderr, when that is a terminal.
fn bar(steps: u64) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:32} {percent:>3}%  {elapsed} gone, {eta} to go  {msg}");
    let style = style.map_err(|error| Failure::told(error.to_string(), "report this: the bar's template is wrong"))?;
    Ok(ProgressBar::new(steps).with_style(style))
}

#[allow(clippy::disallowed_methods)] // the shell may look at the clock
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = work();
    (result, begin.elapsed())
}

#[allow(clippy::float_arithmetic, clippy::cast_precision_loss)] // for reading only
fn speed(count: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64().max(1e-9);
    format!("in {seconds:.1} s, {:.1} million a second", count as f64 / seconds / 1e6)
}

/// The most memory that this process has held, where the kernel tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}
