//! `mycel price`: what a planet costs in a month, computed and quoted.

use crate::Verdict;
use crate::cli::PriceArgs;
use crate::failure::Failure;
use crate::files;
use crate::plan::counted;
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::{AnsiColor, Style};
use planet::plan::{Loss, Plan};
use planet::price::Bill;
use planet::price::book::Used;
use planet::{Planet, Tables};
use serde_json::json;
use vocab::{MicroUsd, Ppm, thousands};

pub(crate) fn run(args: &PriceArgs, screen: &Screen) -> Result<Verdict, Failure> {
    files::once(
        [Some(&args.file), args.tables.calibration.as_ref(), args.tables.prices.as_ref()].into_iter().flatten(),
    )?;
    let tables = files::tables(&args.tables, screen)?;
    let planet = files::planet(&args.file, &tables, screen)?;
    let now = Priced::new(&planet, &tables, None)?;
    let lost = args.what_if.as_deref().map(lost_region).transpose()?;
    let then = lost.map(|lost| Priced::new(&planet, &tables, Some(lost))).transpose()?;
    if screen.is_json() {
        let what_if = args.what_if.as_ref().zip(then.as_ref());
        screen.json(&json!({
            "version": 1,
            "label": "modelled",
            "monthly": now.bill,
            "what_if": what_if.map(|(what, then)| json!({ "what": what, "loss": then.loss, "monthly": then.bill })),
        }))?;
        return Ok(Verdict::Good);
    }
    let color = screen.colors_data();
    screen.data(show(&planet, &now.bill, color))?;
    if let Some(Priced { bill, loss: Some(loss) }) = &then {
        screen.data(format_args!("\n{}", compare(loss, &now.bill, bill, color)))?;
    }
    Ok(Verdict::Good)
}

/// A bill, and what the loss that it is for does.
struct Priced {
    bill: Bill,
    loss: Option<Loss>,
}

impl Priced {
    fn new(planet: &Planet, tables: &Tables, lost: Option<&str>) -> Result<Self, Failure> {
        let plan = Plan::with_lost(planet, tables, lost)?;
        Ok(Self { bill: Bill::new(planet, &plan, tables)?, loss: plan.loss })
    }
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
    parts.push(packed(bill, color));
    parts.push(notes(bill, color));
    parts.join("\n\n")
}

fn head(planet: &Planet, bill: &Bill, color: bool) -> String {
    let bold = Style::new().bold();
    let total = paint(color, bold, bill.total.rounded());
    let parts = if bill.quotes.is_empty() {
        "all of it computed".to_owned()
    } else {
        format!("{} computed + {} quoted", bill.counted.rounded(), bill.quoted.rounded())
    };
    format!("{}  {total} a month: {parts}", paint(color, bold, planet.planet.name.as_str()))
}

fn categories(bill: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<category", "computed", "counted", "<"], color);
    for line in &bill.categories {
        let replaced = line.replaced_by.join(", ");
        let replaced = if replaced.is_empty() { String::new() } else { format!("quoted as {replaced}") };
        table.row([line.category.to_owned(), line.computed.rounded(), line.counted.rounded(), replaced]);
    }
    table.sum(["together".into(), bill.computed.rounded(), bill.counted.rounded(), String::new()]);
    table.text()
}

fn quotes(bill: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<quote", "computed", "quoted", "<in place of"], color);
    for quote in &bill.quotes {
        let nothing = quote.replaces.is_empty();
        let computed = if nothing { "–".to_owned() } else { quote.computed.rounded() };
        let what = if nothing { "nothing that is computed".to_owned() } else { quote.replaces.join(", ") };
        table.row([quote.name.clone(), computed, quote.monthly.rounded(), what]);
    }
    for group in &bill.groups {
        table.row([format!("all {}", group.name), String::new(), group.monthly.rounded(), String::new()]);
    }
    table.sum(["together".into(), String::new(), bill.quoted.rounded(), String::new()]);
    table.text()
}

fn budget(bill: &Bill, color: bool) -> Option<String> {
    let budget = bill.budget.as_ref()?;
    let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::BrightRed.on_default().bold());
    let alerts = budget.alerts.iter().map(|alert| {
        let (style, word) = if alert.reached { (bad, "reached") } else { (good, "not reached") };
        paint(color, style, format_args!("{} {word}", Ppm(alert.at_ppm)))
    });
    let used =
        budget.used_ppm.map_or_else(|| "nothing may be used".to_owned(), |used| format!("{} used", percent(used)));
    Some(format!("  budget  {}, {used}: {}", budget.monthly.rounded(), alerts.collect::<Vec<_>>().join(", ")))
}

/// With one decimal; more than everything is possible.
fn percent(ppm: u64) -> String {
    let tenths = ppm / 1_000;
    format!("{}.{}%", thousands(tenths / 10), tenths % 10)
}

fn packed(bill: &Bill, color: bool) -> String {
    let packed = &bill.packed;
    let mut table = Table::new(&["<blocks as", "machines", "a month", "<"], color);
    table.row([
        "packed pods".to_owned(),
        thousands(packed.nodes),
        packed.monthly.rounded(),
        "the hosts that work, by the hour".to_owned(),
    ]);
    table.row([
        "a pod each".to_owned(),
        thousands(packed.pod_nodes),
        packed.pod_monthly.rounded(),
        format!("{} in {}", packed.pod_machine, counted(packed.pod_clusters, "cluster")),
    ]);
    table.text()
}

fn notes(bill: &Bill, color: bool) -> String {
    let mut notes = vec!["modelled from these prices; --prices replaces them:".to_owned()];
    notes.extend(bill.prices.chunk_by(|one, two| (&one.item, &one.region) == (&two.item, &two.region)).map(price));
    let (reserved, spot) = (Ppm(bill.discount.reserved_ppm), Ppm(bill.discount.spot_ppm));
    notes.push(format!("  reserved at {reserved} and spot at {spot} of the hourly price, {}", bill.discount.state));
    notes.push("not in the computed figures:".to_owned());
    notes.extend(bill.not_included.iter().map(|what| format!("  {what}")));
    notes.iter().map(|note| paint(color, Style::new().dimmed(), note)).collect::<Vec<_>>().join("\n")
}

/// One price, of its own region and of those that it stands in for.
fn price(uses: &[Used]) -> String {
    let Some(price) = uses.first() else { return String::new() };
    let amount = MicroUsd(price.microusd).to_string();
    let at_home = uses.iter().find(|price| !price.stands_in);
    let whose = match (at_home, uses.iter().any(|price| price.stands_in)) {
        (Some(home), false) if home.region == "any" => format!("{} {}", home.state, home.date),
        (Some(home), false) => format!("{} {} in {}", home.state, home.date, home.region),
        (Some(home), true) => format!("{} {} in {}, assumed elsewhere", home.state, home.date, home.region),
        (None, _) => format!("assumed, from {} {}", price.region, price.date),
    };
    format!("  {:21} {amount:>8} / {:8} {whose}", price.item, price.unit)
}

fn compare(loss: &Loss, now: &Bill, then: &Bill, color: bool) -> String {
    let mut table = Table::new(&["<category", "now", "then", "<change"], color);
    for (before, after) in now.categories.iter().zip(&then.categories) {
        let cells = [before.counted, after.counted].map(MicroUsd::rounded);
        let [was, is] = cells;
        table.row([before.category.to_owned(), was, is, change(before.counted, after.counted)]);
    }
    table.sum(["planet".into(), now.total.rounded(), then.total.rounded(), change(now.total, then.total)]);
    format!("{}\n\n{}", paint(color, Style::new().bold(), story(loss)), table.text())
}

/// What the loss does, in words: a saving because nobody is served is none.
fn story(loss: &Loss) -> String {
    let (region, ops) = (&loss.region, thousands(loss.ops_per_second));
    let Some(carrier) = &loss.carried_by else {
        return format!("if {region} were lost: nobody takes over its {ops} op/s, and its users are not served");
    };
    let mut story = format!("if {region} were lost: {carrier} takes over its {ops} op/s");
    if let Some(capacity) = loss.carrier_capacity.filter(|capacity| loss.carrier_ops_per_second > *capacity) {
        let carried = thousands(loss.carrier_ops_per_second);
        story.push_str(&format!(";\n  that makes {carried}, more than its capacity of {}", thousands(capacity)));
    }
    if !loss.refused_classes.is_empty() {
        let classes = loss.refused_classes.join(", ");
        story.push_str(&format!(";\n  what of it is of class {classes} waits instead, and costs less than is shown"));
    }
    story
}

fn change(before: MicroUsd, after: MicroUsd) -> String {
    let difference = MicroUsd(before.0.abs_diff(after.0)).rounded();
    match (before.rounded() == after.rounded(), before < after) {
        (true, _) => String::new(),
        (false, true) => format!("+{difference}"),
        (false, false) => format!("−{difference}"),
    }
}
