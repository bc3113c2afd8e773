//! `mycel plan`: what a planet comes to, for people or for programs.

mod diff;

use crate::Verdict;
use crate::cli::PlanArgs;
use crate::failure::Failure;
use crate::files;
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::Style;
use planet::Planet;
use planet::plan::layout::Layout;
use planet::plan::locate::{Located, locate};
use planet::plan::{Plan, RegionPlan, bytes};
use serde_json::{Value as Json, json};
use vocab::{Ppm, thousands};

pub(crate) fn run(args: &PlanArgs, screen: &Screen) -> Result<Verdict, Failure> {
    files::once(
        [Some(&args.file), args.diff.as_ref(), args.tables.calibration.as_ref(), args.tables.prices.as_ref()]
            .into_iter()
            .flatten(),
    )?;
    let tables = files::tables(&args.tables, screen)?;
    if let Some(other) = &args.diff {
        return diff::run(&args.file, other, &tables, screen);
    }
    let planet = files::planet(&args.file, &tables, screen)?;
    if !args.locate.is_empty() {
        return locations(&planet, &args.locate, screen);
    }
    let plan = Plan::new(&planet, &tables)?;
    if screen.is_json() {
        screen.json(&versioned(serde_json::to_value(&plan).unwrap_or_default()))?;
    } else {
        screen.data(show(&plan, screen.colors_data()))?;
    }
    Ok(Verdict::Good)
}

/// A value with the version of its shape in front.
pub(crate) fn versioned(value: Json) -> Json {
    let mut whole = json!({ "version": 1 });
    if let (Json::Object(whole), Json::Object(parts)) = (&mut whole, value) {
        whole.extend(parts);
    }
    whole
}

fn show(plan: &Plan, color: bool) -> String {
    let totals = &plan.planet;
    format!(
        "{}  {}, {} in {}\n\n{}\n\n{}\n\n{}",
        paint(color, Style::new().bold(), &totals.name),
        counted(totals.blocks, "block"),
        counted(totals.slots, "slot"),
        counted(totals.regions, "region"),
        places(plan, color),
        machines(plan, color),
        notes(plan, color),
    )
}

/// "1 block", "2 blocks".
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// What stands where.
fn places(plan: &Plan, color: bool) -> String {
    let mut table = Table::new(&["<region", "<", "blocks", "<share", "slots", "cells", "pods"], color);
    for region in &plan.regions {
        table.row([
            region.id.clone(),
            if region.name == region.id { String::new() } else { region.name.chars().take(MAX_NAME).collect() },
            thousands(region.blocks),
            format!("{:>5} {}", percent(region.share), bar(region.share)),
            thousands(region.slots),
            thousands(region.cells),
            thousands(region.pods),
        ]);
    }
    let totals = &plan.planet;
    let numbers = [totals.slots, totals.cells, totals.pods].map(thousands);
    let [slots, cells, pods] = numbers;
    table.sum(["planet".into(), String::new(), thousands(totals.blocks), String::new(), slots, cells, pods]);
    table.text()
}

/// A name that is longer is cut, so that the table fits a screen.
const MAX_NAME: usize = 16;

/// What it takes.
fn machines(plan: &Plan, color: bool) -> String {
    let headings = ["<region", "op/s", "memory", "hosts", "<", "<bound by", "gateways", "instances"];
    let mut table = Table::new(&headings, color);
    for region in &plan.regions {
        table.row(row(region));
    }
    let totals = &plan.planet;
    table.sum([
        "planet".into(),
        thousands(totals.ops_per_second),
        bytes(totals.memory_bytes),
        thousands(totals.nodes),
        String::new(),
        String::new(),
        thousands(totals.gateways),
        thousands(totals.instances),
    ]);
    table.text()
}

fn row(region: &RegionPlan) -> [String; 8] {
    let machines = &region.machines;
    [
        region.id.clone(),
        thousands(region.ops_per_second),
        bytes(region.memory_bytes),
        thousands(machines.total),
        format!("= {} + {} + {}", machines.working, machines.spare_for_a_zone, machines.spare_for_a_region),
        machines.binds.word().to_owned(),
        thousands(region.gateways),
        thousands(region.instances),
    ]
}

/// With one decimal, as tables want it.
fn percent(share: Ppm) -> String {
    let tenths = (u64::from(share.0) + 500) / 1_000;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// A share as a bar; a full one is 10 wide.
fn bar(share: Ppm) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = usize::try_from(share.0.min(1_000_000) * 80 / 1_000_000).unwrap_or(0);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn notes(plan: &Plan, color: bool) -> String {
    let host = &plan.host;
    let mut notes = vec![
        format!(
            "hosts: {} ({} cores, {}, {}), working + spare to lose a zone",
            host.name,
            host.cores,
            bytes(host.memory_bytes),
            vocab::BitRate(host.network_bits_per_second),
        ),
        "  + spare to lose the region whose first fallback they are".into(),
        "modelled from these figures; a planet's [calibration] replaces them:".into(),
    ];
    notes.extend(
        plan.figures.iter().map(|figure| format!("  {:16} {:>10}  {}", figure.name, figure.value, figure.state)),
    );
    notes.iter().map(|note| paint(color, Style::new().dimmed(), note)).collect::<Vec<_>>().join("\n")
}

fn locations(planet: &Planet, wanted: &[String], screen: &Screen) -> Result<Verdict, Failure> {
    let layout = Layout::new(planet)?;
    let found = wanted.iter().map(|text| locate(&layout, text)).collect::<Result<Vec<_>, _>>()?;
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "located": found }))?;
        return Ok(Verdict::Good);
    }
    let shown: Vec<_> = found.iter().map(|located| location(located, screen.colors_data())).collect();
    screen.data(shown.join("\n\n"))?;
    Ok(Verdict::Good)
}

fn location(located: &Located, color: bool) -> String {
    let place = &located.place;
    let mut lines = vec![
        ("region", place.region.clone()),
        ("block", format!("{} of the region, {} of the planet", thousands(place.index), thousands(place.number))),
        ("cell", thousands(place.cell)),
        ("network", place.network.clone()),
        ("router", place.router.to_string()),
        ("slots", format!("{} to {}", place.first_slot, place.last_slot)),
        ("monitor", place.monitor.to_string()),
        (
            "outside",
            place.external.clone().unwrap_or_else(|| "none: the region's `ipv6` prefix is missing or too small".into()),
        ),
    ];
    if let (Some(host), Some(address)) = (located.host, located.address) {
        let what = located.slot.map_or_else(|| host.to_owned(), |slot| format!("slot {slot}"));
        let outside = located.external_address.map_or_else(String::new, |address| format!(", outside {address}"));
        lines.push(("here", format!("{what} at {address}{outside}")));
    }
    lines.push(("names", located.names.join("  ")));
    let line = |(key, value): &(&str, String)| {
        format!("  {} {value}", paint(color, Style::new().dimmed(), format_args!("{key:8}")))
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
