//! Any text to `--locate` on any layout: a place whose own names find it again,
//! or a refusal.
#![no_main]

use planet::plan::layout::Layout;
use planet::plan::locate::locate;

/// A small planet from five bytes: slots of a block, blocks of three regions,
/// and how long their prefixes are, if they have any.
fn layout(shape: [u8; 5]) -> Option<Layout> {
    let [slots, one, two, three, prefix] = shape;
    let region = |id: &str, blocks: u8, at: u8| {
        let prefix = match prefix {
            0 => String::new(),
            length => format!("ipv6 = \"2001:db8:{at:x}00::/{}\"\n", 40 + length % 30),
        };
        format!("[[region]]\nid = \"{id}\"\nsite = [1, 2]\nblocks = {}\n{prefix}", u32::from(blocks) * 37)
    };
    let regions = [region("a", one, 1), region("eu", two, 2), region("b", three, 3)].concat();
    let text = format!("[planet]\nname = \"x\"\n[block]\nslots = {}\n{regions}", slots % 64);
    Layout::new(&planet::parse(text.as_bytes()).0?).ok()
}

libfuzzer_sys::fuzz_target!(|input: ([u8; 5], &str)| {
    let Some(layout) = layout(input.0) else { return };
    if let Ok(found) = locate(&layout, input.1) {
        for name in &found.names {
            assert_eq!(locate(&layout, name).expect("a name that was given"), found);
        }
    }
});
