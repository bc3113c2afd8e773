//! Any bytes as a rotation statement: what is read is written as the same
//! bytes, and rotates nothing.
#![no_main]

use trust::rotation::{Line, Statement};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    // Chance alone would never find the length.
    let mut whole = [0; Statement::LEN];
    (whole[0], whole[1]) = (1, 4);
    for (to, &byte) in whole[2..].iter_mut().zip(bytes) {
        *to = byte;
    }
    read(&whole);
});

fn read(bytes: &[u8]) {
    let Ok(statement) = Statement::from_bytes(bytes) else {
        return;
    };
    assert_eq!(statement.to_bytes(), bytes);
    if let Ok(mut line) = Line::new(statement.planet, statement.line) {
        assert!(line.accept(&statement, statement.from).is_err());
        assert_eq!(line.sequence(), 0);
    }
}
