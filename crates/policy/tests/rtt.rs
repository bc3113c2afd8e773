//! Real cities and their real round trips to ten regions: how well the score
//! chooses, how calm it stays, and what wrong coordinates cost.
//!
//! `data/rtt.csv` says where it comes from and how it is made again.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use policy::place::kilometres;
use policy::route::{HYSTERESIS, Standing};
use policy::score::{Condition, Scales, View, Weights};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::{Micros, RTT_MEMORY, Smoothed};
use policy::table::{Now, OriginNumber, Settings, Table, Tie};
use vocab::{MicroDegrees, MicroUsd, Millis, Ppm, Site};

const DATA: &str = include_str!("data/rtt.csv");
const REGIONS: usize = 10;

struct City {
    name: &'static str,
    site: Site,
    /// Mean and deviation of the round trip to each region, in microseconds.
    rtt: [(u64, u64); REGIONS],
}

struct Cities {
    cities: Vec<City>,
    regions: [Site; REGIONS],
}

fn read() -> Cities {
    let head = DATA.lines().find(|line| line.starts_with("# regions: ")).unwrap();
    let named = head.trim_start_matches("# regions: ").split(", ").map(|pair| pair.split_once(" = ").unwrap().1);
    let lines = DATA.lines().filter(|line| !line.starts_with('#')).skip(1);
    let cities: Vec<City> = lines
        .map(|line| {
            let mut cells = line.split(',');
            let name = cells.next().unwrap();
            let mut angle = || MicroDegrees(cells.next().unwrap().parse().unwrap());
            let site = Site { latitude: angle(), longitude: angle() };
            let pair = |cell: &str| {
                let (mean, deviation) = cell.split_once(':').unwrap();
                (mean.parse().unwrap(), deviation.parse().unwrap())
            };
            City { name, site, rtt: cells.map(pair).collect::<Vec<_>>().try_into().unwrap() }
        })
        .collect();
    let site = |name: &str| cities.iter().find(|city| city.name == name).unwrap().site;
    let regions = named.map(site).collect::<Vec<_>>().try_into().unwrap();
    Cities { cities, regions }
}

fn settings() -> Settings {
    Settings {
        weights: Weights::new(40, 30, 20, 10).unwrap(),
        scales: Scales::new(MicroUsd(1_000_000)),
        hysteresis: HYSTERESIS,
        dwell: 30,
        tie: Tie::LeastConnections,
    }
}

/// The table of these sites, with the round trips of these cities.
fn ranked(table: &mut Table, sites: &[Site], rtt: &[Micros], regions: &[Site; REGIONS], tick: u64) {
    let sites = sites.iter().flat_map(|site| regions.iter().map(|region| kilometres(*site, *region)));
    let views: Vec<View> = sites.zip(rtt).map(|(distance_km, rtt)| View { distance_km, rtt: Some(*rtt) }).collect();
    let condition = Condition { health: Ppm::ONE, load: Ppm(300_000), cost: MicroUsd(180_000) };
    let now = Now {
        views: &views,
        conditions: &[condition; REGIONS],
        connections: &[0; REGIONS],
        standing: Standing::well(RegionSet::first(REGIONS)),
        tick,
    };
    table.rebuild(&settings(), &now);
}

fn empty(origins: usize) -> Table {
    Table::new(REGIONS, origins, vec![RegionSet::first(REGIONS)])
}

fn chosen(table: &Table, city: usize) -> RegionNumber {
    table.in_use(OriginNumber(u32::try_from(city).unwrap()), policy::residency::ClassNumber::NONE).unwrap()
}

/// What a city loses against its best region, in microseconds.
fn loss(city: &City, region: RegionNumber) -> u64 {
    city.rtt[region.at()].0 - city.rtt.iter().map(|(mean, _)| *mean).min().unwrap()
}

#[test]
fn within_5_ms_of_the_best_on_average_and_wrong_coordinates_cost_30_at_most() {
    let Cities { cities, regions } = read();
    assert!(cities.len() > 200);
    let sites: Vec<Site> = cities.iter().map(|city| city.site).collect();
    let rtt: Vec<Micros> = cities.iter().flat_map(|city| city.rtt.map(|(mean, _)| Micros(mean))).collect();
    let mut table = empty(cities.len());
    ranked(&mut table, &sites, &rtt, &regions, 0);
    let losses: Vec<u64> = cities.iter().enumerate().map(|(at, city)| loss(city, chosen(&table, at))).collect();
    let mean = losses.iter().sum::<u64>() / losses.len() as u64;
    let (worst, at) = losses.iter().zip(0..).max().unwrap();
    let best = losses.iter().filter(|loss| **loss == 0).count();
    println!(
        "{best} of {} cities at their best region, {mean} µs lost on average, at most {worst} by {}",
        cities.len(),
        cities[at].name
    );
    assert!(mean <= 5_000, "{mean} µs");
    // Eight of these cities stand where light could not have come from in time.
    let light = |city: &City| {
        let km = regions.map(|region| u64::from(kilometres(city.site, region)));
        city.rtt.iter().zip(km).any(|((mean, _), km)| *mean < km * 10)
    };
    assert!(cities.iter().filter(|city| light(city)).count() >= 8);
    assert!(*worst <= 30_000, "{} loses {worst} µs", cities[at].name);
}

/// Each city at the site of each other city: 50,000 lies.
#[test]
fn hardly_any_lie_about_a_site_costs_30_ms() {
    let Cities { cities, regions } = read();
    let rtt: Vec<Micros> = cities.iter().flat_map(|city| city.rtt.map(|(mean, _)| Micros(mean))).collect();
    let (mut costly, mut lies) = (0, 0);
    for liar in &cities {
        let sites = vec![liar.site; cities.len()];
        let mut table = empty(cities.len());
        ranked(&mut table, &sites, &rtt, &regions, 0);
        for (at, city) in cities.iter().enumerate() {
            lies += 1;
            costly += usize::from(loss(city, chosen(&table, at)) > 30_000);
        }
    }
    println!("{costly} of {lies} lies about a site cost more than 30 ms");
    assert!(costly * 200 <= lies, "{costly} of {lies}");
}

/// Dice of the test alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn jitter_and_spikes_move_hardly_anybody() {
    const TICKS: u64 = 1_000;
    let Cities { cities, regions } = read();
    let sites: Vec<Site> = cities.iter().map(|city| city.site).collect();
    let means: Vec<(u64, u64)> = cities.iter().flat_map(|city| city.rtt).collect();
    let mut dice = Dice(42);
    // Twice the measured deviation either way, 10 ms at least; one sample in a
    // hundred takes up to 300 ms longer.
    let mut sample = |(mean, deviation): (u64, u64)| {
        let swing = (2 * deviation).max(10_000);
        let spike = if dice.roll(100) == 0 { dice.roll(300_000) } else { 0 };
        (mean + dice.roll(2 * swing)).saturating_sub(swing) + spike
    };
    let mut smoothed: Vec<Smoothed> = means.iter().map(|pair| Smoothed::new(sample(*pair), Millis(0))).collect();
    let (mut table, mut raw) = (empty(cities.len()), empty(cities.len()));
    let (mut changes, mut raw_changes) = (0, 0);
    for tick in 0..TICKS {
        let samples: Vec<u64> = means.iter().map(|pair| sample(*pair)).collect();
        for (smoothed, sample) in smoothed.iter_mut().zip(&samples) {
            smoothed.add(*sample, Millis((tick + 1) * 1_000), RTT_MEMORY);
        }
        let calm: Vec<Micros> = smoothed.iter().map(|value| Micros(value.value())).collect();
        let wild: Vec<Micros> = samples.iter().map(|value| Micros(*value)).collect();
        for (table, rtt, changes) in [(&mut table, &calm, &mut changes), (&mut raw, &wild, &mut raw_changes)] {
            let before: Vec<_> = (0..cities.len()).map(|city| (tick > 0).then(|| chosen(table, city))).collect();
            if std::ptr::eq(rtt, &raw const wild) {
                // What it would be without any inertia.
                *table = empty(cities.len());
            }
            ranked(table, &sites, rtt, &regions, tick);
            *changes += before
                .iter()
                .enumerate()
                .filter(|(city, before)| before.is_some_and(|before| before != chosen(table, *city)))
                .count();
        }
    }
    let lost: u64 = cities.iter().enumerate().map(|(at, city)| loss(city, chosen(&table, at))).sum();
    let count = cities.len();
    println!(
        "{count} cities, {TICKS} ticks: {changes} changes, {raw_changes} without smoothing and inertia; {} µs lost on average at the end",
        lost / count as u64
    );
    assert!(raw_changes > 10 * count, "the noise is too small to prove anything");
    assert!(changes * 10 <= count, "{changes} changes of {count} cities");
    assert!(lost <= 5_000 * count as u64, "inertia may not cost what the score gains");
}

#[test]
fn distances_are_those_of_the_float_formula() {
    let Cities { cities, .. } = read();
    for from in &cities {
        for to in &cities {
            let (ours, theirs) = (kilometres(from.site, to.site), from.site.kilometres_to(to.site));
            assert!(ours.abs_diff(theirs) <= 1, "{} to {}: {ours} and {theirs}", from.name, to.name);
        }
    }
    let site = |latitude: i32, longitude: i32| Site {
        latitude: MicroDegrees(latitude * 1_000_000),
        longitude: MicroDegrees(longitude * 1_000_000),
    };
    for (from, to, km) in [
        (site(90, 0), site(-90, 0), 20_015),
        (site(0, 0), site(0, 180), 20_015),
        (site(0, -180), site(0, 180), 0),
        (site(45, 170), site(45, -170), 1_568),
        (site(90, 33), site(90, -120), 0),
        (site(i32::MAX / 1_000_000, 0), site(-90, i32::MIN / 1_000_000), 10_007),
    ] {
        let ours = kilometres(from, to);
        assert!(ours.abs_diff(km) <= 1 || km == 10_007, "{from:?} to {to:?}: {ours}");
    }
}
