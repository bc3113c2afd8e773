//! Any bytes as a planet file: findings or a planet, a plan and a price, never
//! a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (planet, mut report) = planet::parse(bytes);
    assert_eq!(planet.is_some(), report.errors() == 0);
    if let Some(planet) = planet {
        planet::lint::check(&planet, &mut report);
        let tables = planet::Tables::builtin();
        if let Ok(plan) = planet::plan::Plan::new(&planet, &tables) {
            let _ = planet::price::Bill::new(&planet, &plan, &tables);
        }
    }
});
