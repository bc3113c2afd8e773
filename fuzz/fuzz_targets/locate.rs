//! Any text to `--locate`: a place whose own names find it again, or a refusal.
#![no_main]

use planet::plan::layout::Layout;
use planet::plan::locate::locate;
use std::sync::OnceLock;

static CARMA: OnceLock<Layout> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|text: &str| {
    let layout = CARMA.get_or_init(|| {
        let planet = planet::parse(include_bytes!("../../planets/carma.toml")).0.expect("carma is a planet");
        Layout::new(&planet).expect("carma can be laid out")
    });
    if let Ok(found) = locate(layout, text) {
        for name in &found.names {
            assert_eq!(locate(layout, name).expect("a name that was given"), found);
        }
    }
});
