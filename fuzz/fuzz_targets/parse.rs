//! Any bytes as a planet file: findings or a planet, a plan and a price, never
//! a panic.
#![no_main]

use std::sync::OnceLock;

static TABLES: OnceLock<planet::Tables> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (planet, mut report) = planet::parse(bytes);
    assert_eq!(planet.is_some(), report.errors() == 0);
    if let Some(planet) = planet {
        let tables = TABLES.get_or_init(planet::Tables::builtin);
        planet::lint::check(&planet, tables, &mut report);
        if let Ok(plan) = planet::plan::Plan::new(&planet, tables) {
            let _ = planet::price::Bill::new(&planet, &plan, tables);
        }
    }
});
