//! Writes the fixture of the format's version, when it is asked to: once for
//! each version, and never again.

use std::path::Path;
use store::{EntryRef, Log, Options, RealDisk};

#[test]
#[ignore = "writes tests/fixtures/version-1, which is there already"]
fn write() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1");
    assert!(!path.join("0000000000000001.log").exists(), "a fixture is never written anew");
    let options = Options { segment_bytes: 4_096, salt: 0x5eed, ..Options::default() };
    let (log, _) = Log::open(RealDisk::open(&path).unwrap(), options).unwrap();
    for number in 0..12 {
        let text = format!("entry {number} {}", "of version 1 ".repeat(30));
        log.append(7, number, 1, &[EntryRef { block: number % 3, bytes: text.as_bytes() }]).unwrap();
    }
    let pair = [EntryRef { block: 1, bytes: b"one" }, EntryRef { block: 2, bytes: b"two" }];
    log.append(8, 0, 4, &pair).unwrap();
    log.seal(8, 2, 4).unwrap();
}
