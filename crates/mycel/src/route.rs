//! `mycel route`: where an op would go and why, and who would move if a region
//! were drained. It calls what a gateway calls, with nothing measured but what
//! the user hands over.

use crate::Verdict;
use crate::cli::{DrainArgs, ExplainArgs, RouteCommand, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::plan::versioned;
use crate::screen::table::Table as Drawn;
use crate::screen::{Screen, paint};
use crate::word;
use anstyle::Style;
use planet::plan::Plan;
use planet::price::Bill;
use policy::cost::Costs;
use policy::explain::{Explanation, Line, explain};
use policy::place::kilometres;
use policy::preview::{GRID_DEGREES, Move, drain, grid};
use policy::residency::{ClassNumber, Purpose};
use policy::route::{Policy, Request, Standing};
use policy::score::{Condition, POINT, Trust, View};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::Micros;
use policy::table::{Now, OriginNumber, Table};
use serde_json::json;
use std::path::Path;
use vocab::{Millis, Ppm, Site, thousands};

pub(crate) fn run(command: RouteCommand, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        RouteCommand::Explain(args) => explained(&args, screen),
        RouteCommand::Drain(args) => drained(&args, screen),
    }
}

/// A planet on which all is well, as far as anybody knows.
struct World {
    policy: Policy,
    views: Vec<View>,
    conditions: Vec<Condition>,
    connections: Vec<u64>,
    standing: Standing,
    origins: usize,
}

impl World {
    fn read(file: &Path, tables: &TableArgs, origins: &[Site], screen: &Screen) -> Result<Self, Failure> {
        files::once(
            [Some(&file.to_path_buf()), tables.calibration.as_ref(), tables.prices.as_ref()].into_iter().flatten(),
        )?;
        let tables = files::tables(tables, screen)?;
        let planet = files::planet(file, &tables, screen)?;
        let policy = Policy::new(&planet)?;
        let plan = Plan::new(&planet, &tables)?;
        let costs = Costs::new(&policy.atlas, &plan, &Bill::new(&planet, &plan, &tables)?);
        let policy = policy.priced(&costs);
        let condition = |cost| Condition { health: Ppm::ONE, load: Ppm(0), cost };
        let view = |from: &Site, to: Site| View { distance_km: kilometres(*from, to), rtt: None };
        let views = origins.iter().flat_map(|from| policy.atlas.iter().map(move |(_, place)| view(from, place.site)));
        Ok(Self {
            views: views.collect(),
            conditions: costs.each.into_iter().map(condition).collect(),
            connections: vec![0; policy.atlas.count()],
            standing: policy.as_filed(),
            origins: origins.len(),
            policy,
        })
    }

    fn now(&self) -> Now<'_> {
        Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: self.standing,
            tick: 0,
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.policy.atlas.count(), self.origins, self.policy.candidates());
        table.rebuild(&self.policy.settings, &self.now());
        table
    }

    fn region(&self, id: &str) -> Result<RegionNumber, Failure> {
        self.policy.atlas.find(id).ok_or_else(|| {
            let ids: Vec<_> = self.policy.atlas.iter().map(|(_, place)| place.id.as_str()).collect();
            Failure::told(format!("no region is called `{id}`"), format!("name one of {}", ids.join(", ")))
        })
    }

    fn class(&self, name: Option<&str>) -> Result<ClassNumber, Failure> {
        let Some(name) = name else { return Ok(ClassNumber::NONE) };
        self.policy.residency.find(name).ok_or_else(|| {
            let names: Vec<_> = self.policy.residency.iter().map(|(_, class)| class.name.as_str()).collect();
            Failure::told(format!("no residency class is called `{name}`"), format!("name one of {}", names.join(", ")))
        })
    }
}

fn explained(args: &ExplainArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let mut world = World::read(&args.file, &args.tables, &[word::read_site(&args.from)?], screen)?;
    for lost in &args.lost {
        world.standing.alive = world.standing.alive.without(world.region(lost)?);
    }
    for drained in &args.drained {
        world.standing.drained.insert(world.region(drained)?);
    }
    for measured in &args.rtt {
        let bad = || Failure::told(format!("`{measured}` is no round trip"), "write ID=TIME, such as eu-west-1=35ms");
        let (id, time) = measured.split_once('=').ok_or_else(bad)?;
        let time: Millis = time.parse().map_err(|_| bad())?;
        let region = world.region(id)?;
        world.views[region.at()].rtt = Some(Micros(time.0.saturating_mul(1_000)));
    }
    let request = Request {
        origin: OriginNumber(0),
        class: world.class(args.class.as_deref())?,
        purpose: Purpose::Store,
        home: args.home.as_deref().map(|home| world.region(home)).transpose()?,
    };
    let explanation = explain(&world.policy, &world.table(), &world.now(), &request);
    let verdict = if explanation.winner.is_some() { Verdict::Good } else { Verdict::Bad };
    if screen.is_json() {
        screen.json(&versioned(serde_json::to_value(&explanation).unwrap_or_default()))?;
    } else {
        screen.data(show(&explanation, &args.from, screen.colors_data()))?;
    }
    Ok(verdict)
}

fn show(explanation: &Explanation, from: &str, color: bool) -> String {
    let bold = |text: &str| paint(color, Style::new().bold(), text);
    let class = match explanation.class.as_str() {
        "none" => "without a residency class".to_owned(),
        class => format!("of the class {class}"),
    };
    let answer = match (&explanation.winner, explanation.because, explanation.refused) {
        (Some(winner), Some(because), _) => format!("goes to {}: {}", bold(winner), because.words()),
        (_, _, Some(refused)) => format!("is {}: {refused}", bold("refused")),
        _ => String::new(),
    };
    let headings =
        ["<region", "score", "geography", "health", "latency", "cost", "<distance", "<round trip", "<why, or why not"];
    let mut table = Drawn::new(&headings, color);
    for line in &explanation.regions {
        table.row(row(line));
    }
    let notes = [
        "the four terms add up to the score, of 100 points, with the weights of [route]",
        "modelled round trips are 2.05 times what light in fibre needs; --rtt takes a measured one",
        "nothing runs, so health and load are taken to be perfect; cost is that of `mycel price`",
    ];
    let notes: Vec<_> =
        notes.iter().map(|note| paint(color, Style::new().dimmed(), format_args!("  {note}"))).collect();
    format!("an op from {from} {class}\n  {answer}\n\n{}\n\n{}", table.text(), notes.join("\n"))
}

fn row(line: &Line) -> [String; 9] {
    // Terms are cut, and their sum is shown as the score: rounded each for itself
    // they would not add up before anybody's eyes.
    let terms = [line.terms.geography, line.terms.health, line.terms.latency, line.terms.cost].map(|term| term / SHOWN);
    let [geography, health, latency, cost] = terms.map(points);
    let distance = match line.geography {
        Trust::Believed => format!("{} km", thousands(u64::from(line.distance_km))),
        Trust::NearerThanItSays | Trust::FartherThanItSays => {
            format!(
                "{} km, counted as {}",
                thousands(u64::from(line.distance_km)),
                thousands(u64::from(line.counted_km))
            )
        }
    };
    [
        line.region.clone(),
        points(terms.iter().sum()),
        geography,
        health,
        latency,
        cost,
        distance,
        format!("{} {}", Micros(line.rtt_us), line.rtt),
        line.removed.map_or_else(|| line.lawful.clone(), |removed| removed.words().to_owned()),
    ]
}

/// A hundredth of a point: what is shown.
const SHOWN: u32 = POINT / 100;

/// Points with two decimals.
fn points(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn drained(args: &DrainArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let world = World::read(&args.file, &args.tables, &grid(), screen)?;
    let region = world.region(&args.region)?;
    let moves = drain(&world.policy, &world.table(), &world.now(), RegionSet::from_iter([region]));
    let id = |region: RegionNumber| world.policy.atlas.id(region).to_owned();
    let class =
        |one: &Move| world.policy.residency.class(one.class).map_or_else(String::new, |class| class.name.clone());
    let rtt = |one: &Move, region| one.mean_rtt(&world.policy, &world.now(), region);
    if screen.is_json() {
        let moves = moves.iter().map(|one| {
            json!({
                "class": class(one), "from": id(one.from), "to": one.to.map(id), "places": one.origins.len(),
                "rtt_before_us": rtt(one, one.from).0, "rtt_after_us": one.to.map(|to| rtt(one, to).0),
            })
        });
        let moves: Vec<_> = moves.collect();
        screen.json(&json!({
            "version": 1, "label": "modelled", "drained": args.region, "places": world.origins,
            "grid_degrees": GRID_DEGREES, "moves": moves,
        }))?;
        return Ok(Verdict::Good);
    }
    let color = screen.colors_data();
    let mut table = Drawn::new(&["<class", "<from", "<to", "places", "round trip", "then"], color);
    for one in &moves {
        table.row([
            class(one),
            id(one.from),
            one.to.map_or_else(|| "refused: residency leaves no other".to_owned(), id),
            thousands(one.origins.len() as u64),
            rtt(one, one.from).to_string(),
            one.to.map_or_else(String::new, |to| rtt(one, to).to_string()),
        ]);
    }
    let notes = format!(
        "  new ops from {} places on a grid of {GRID_DEGREES}°, which are not people; round trips are modelled\n  what is above a region's capacity spills to its next choice, and is not shown",
        thousands(world.origins as u64)
    );
    let moved = if moves.is_empty() { format!("nobody moves: nothing goes to {}", args.region) } else { table.text() };
    screen.data(format!("{moved}\n\n{}", paint(color, Style::new().dimmed(), notes)))?;
    Ok(Verdict::Good)
}
