//! `mycel price`: what a planet costs in a month, computed and quoted.

use crate::Verdict;
use crate::cli::PriceArgs;
use crate::failure::Failure;
use crate::files;
use crate::plan::{percent, plan};
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::{AnsiColor, Style};
use planet::price::Bill;
use planet::{Planet, Tables};
use serde_json::json;
use vocab::{MicroUsd, Ppm, thousands};

pub(crate) fn run(args: &PriceArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let planet = files::planet(&args.file, screen)?;
    let tables = files::tables(&args.tables, screen)?;
    let bill = bill(&planet, &tables, None)?;
    let lost = args.what_if.as_deref().map(lost_region).transpose()?;
    let then = lost.map(|lost| self::bill(&planet, &tables, Some(lost))).transpose()?;
    if args.json {
        screen.json(&json!({
            "version": 1,
            "monthly": bill,
            "what_if": args.what_if.as_ref().zip(then.as_ref()).map(|(what, bill)| json!({ "what": what, "monthly": bill })),
            "label": "modelled",
        }))?;
    } else {
        screen.data(show(&planet, &bill, screen.colors_data()))?;
        if let (Some(lost), Some(then)) = (lost, &then) {
            screen.data(format_args!("\n{}", compare(lost, &bill, then, screen.colors_data())))?;
        }
    }
    Ok(Verdict::Good)
}

fn bill(planet: &Planet, tables: &Tables, lost: Option<&str>) -> Result<Bill, Failure> {
    Ok(Bill::new(planet, &plan(planet, tables, lost)?, tables)?)
}

/// The region of `region:ID=lost`.
fn lost_region(what: &str) -> Result<&str, Failure> {
    let region = what.strip_prefix("region:").and_then(|rest| rest.strip_suffix("=lost"));
    region.ok_or_else(|| {
        Failure::told(
            format!("`{what}` is nothing that can be asked"),
            "write it as region:ID=lost, such as region:eu=lost",
        )
    })
}

fn show(planet: &Planet, bill: &Bill, color: bool) -> String {
    let mut parts = vec![head(planet, bill, color), categories(bill, color)];
    if !bill.quotes.is_empty() {
        parts.push(quotes(bill, color));
    }
    parts.extend(budget(bill, color));
    parts.push(notes(bill, color));
    parts.join("\n\n")
}

fn head(planet: &Planet, bill: &Bill, color: bool) -> String {
    let bold = Style::new().bold();
    let total = paint(color, bold, bill.total.rounded());
    format!("{}  {total} a month", paint(color, bold, planet.planet.name.as_str()))
}

fn categories(bill: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<category", "computed", "counted", "<"], color);
    for line in &bill.categories {
        let replaced = if line.replaced_by.is_empty() {
            String::new()
        } else {
            format!("quoted as {}", line.replaced_by.join(", "))
        };
        table.row([line.category.to_owned(), line.computed.rounded(), line.counted.rounded(), replaced]);
    }
    let counted = bill.categories.iter().fold(MicroUsd(0), |sum, line| sum.plus(line.counted));
    table.sum(["computed".into(), bill.computed.rounded(), counted.rounded(), String::new()]);
    table.text()
}

fn quotes(bill: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<quote", "computed", "quoted", "<for"], color);
    for quote in &bill.quotes {
        let nothing = quote.replaces.is_empty();
        let computed = if nothing { "–".to_owned() } else { quote.computed.rounded() };
        let what = if nothing { "nothing that is computed".to_owned() } else { quote.replaces.join(", ") };
        table.row([quote.name.clone(), computed, quote.monthly.rounded(), what]);
    }
    let quoted = bill.quotes.iter().fold(MicroUsd(0), |sum, quote| sum.plus(quote.monthly));
    table.sum(["quoted".into(), String::new(), quoted.rounded(), String::new()]);
    table.text()
}

fn budget(bill: &Bill, color: bool) -> Option<String> {
    let budget = bill.budget.as_ref()?;
    let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::BrightRed.on_default().bold());
    let alerts = budget.alerts.iter().map(|alert| {
        let (style, word) = if alert.reached { (bad, "reached") } else { (good, "not reached") };
        paint(color, style, format_args!("{} {word}", Ppm(alert.at_ppm)))
    });
    let used = percent(Ppm(budget.used_ppm));
    Some(format!("  budget  {}, {used} used: {}", budget.monthly.rounded(), alerts.collect::<Vec<_>>().join(", ")))
}

fn notes(bill: &Bill, color: bool) -> String {
    let packed = &bill.packed;
    let mut notes = vec![
        format!("packed: {} hosts, {} a month with control planes", thousands(packed.nodes), packed.monthly.rounded()),
        format!(
            "a pod for each block: {} {}, {} clusters, {} a month, before any spare one",
            thousands(packed.pod_nodes),
            packed.pod_machine,
            thousands(packed.pod_clusters),
            packed.pod_monthly.rounded(),
        ),
        "modelled from these prices:".to_owned(),
    ];
    notes.extend(bill.prices.iter().map(|price| {
        let region = if price.region == "any" { String::new() } else { format!(" in {}", price.region) };
        format!(
            "  {:22} {:>9} / {:9} {} {}{region}",
            price.item,
            MicroUsd(price.microusd).to_string(),
            price.unit,
            price.state,
            price.date
        )
    }));
    notes.push(format!(
        "  reserved at {} and spot at {} of the hourly price, {}",
        Ppm(bill.discount.reserved_ppm),
        Ppm(bill.discount.spot_ppm),
        bill.discount.state,
    ));
    notes.iter().map(|note| paint(color, Style::new().dimmed(), note)).collect::<Vec<_>>().join("\n")
}

fn compare(lost: &str, now: &Bill, then: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<category", "now", "then", "<change"], color);
    for (before, after) in now.categories.iter().zip(&then.categories) {
        table.row([
            before.category.to_owned(),
            before.counted.rounded(),
            after.counted.rounded(),
            change(before.counted, after.counted),
        ]);
    }
    table.sum(["planet".into(), now.total.rounded(), then.total.rounded(), change(now.total, then.total)]);
    let title = format!("if {lost} were lost, and its fallback carried its load");
    format!("{}\n\n{}", paint(color, Style::new().bold(), title), table.text())
}

fn change(before: MicroUsd, after: MicroUsd) -> String {
    let difference = MicroUsd(before.0.abs_diff(after.0)).rounded();
    match before.cmp(&after) {
        std::cmp::Ordering::Less => format!("+{difference}"),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("−{difference}"),
    }
}
