//! Any bytes as a segment: an answer, and never an entry that nobody wrote.

use proptest::prelude::*;
use store::decode;

const SEGMENT: &[u8] = include_bytes!("fixtures/version-1/0000000000000001.log");

#[test]
fn the_fixture_is_whole() {
    let (entries, damage) = decode(SEGMENT, false);
    assert!(entries.len() > 3);
    assert_eq!(damage, 0);
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..4_096), exact: bool) {
        let (entries, _) = decode(&bytes, exact);
        prop_assert!(entries.is_empty());
    }

    #[test]
    fn a_changed_segment_serves_only_what_was_written(
        changes in prop::collection::vec((0..SEGMENT.len(), any::<u8>()), 1..6),
        zeroed in prop::option::of(0..SEGMENT.len() / 512),
        cut in prop::option::of(0..SEGMENT.len()),
        exact: bool,
    ) {
        let (written, _) = decode(SEGMENT, false);
        let mut bytes = SEGMENT.to_vec();
        for (at, mask) in changes {
            bytes[at] ^= mask;
        }
        if let Some(sector) = zeroed {
            bytes[sector * 512..(sector + 1) * 512].fill(0);
        }
        bytes.truncate(cut.unwrap_or(bytes.len()));
        let (served, _) = decode(&bytes, exact);
        for entry in served {
            prop_assert!(written.contains(&entry), "{entry:?}");
        }
    }
}
