//! Any bytes as a planet file: findings or a planet, never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (planet, mut report) = planet::parse(bytes);
    assert_eq!(planet.is_some(), report.errors() == 0);
    if let Some(planet) = planet {
        planet::lint::check(&planet, &mut report);
    }
});
