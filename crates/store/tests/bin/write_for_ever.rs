//! Writes batches over two spaces until it is killed, and says how many: the
//! child of the kill -9 test of records.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write;
use std::path::Path;
use store::{Batch, FjallRecords, Records, Space};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let (left, right) = (Space("left"), Space("right"));
    let records = FjallRecords::open(Path::new(&path), &[left, right], 1 << 20).unwrap();
    let next = records.get(left, b"next").unwrap().map_or(0, |next| u64::from_le_bytes(next.try_into().unwrap()));
    for number in next.. {
        let mut batch = Batch::default();
        for part in 0..1 + number % 5 {
            let key = [number.to_be_bytes(), part.to_be_bytes()].concat();
            batch.put(left, key.clone(), vec![1; usize::try_from(number % 700).unwrap()]);
            batch.put(right, key, number.to_le_bytes());
        }
        batch.put(left, b"next", (number + 1).to_le_bytes());
        records.write(batch).unwrap();
        if number % 64 == 0 {
            records.persist().unwrap();
        }
        std::io::stdout().write_all(format!("{}.\n", number + 1).as_bytes()).unwrap();
    }
}
