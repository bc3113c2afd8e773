//! What follows and what is copied: records beside a bare append of the same
//! bytes, and a backup beside a plain copy of the same files.
//!
//! Both sides run in turn, on the same disk; the median of the ratios of
//! paired rounds is what counts. The envelope: a row costs the journal its
//! bytes and 31 more, a memtable as many, and some levels of sorting later; a
//! byte of a backup is sealed once, at a gibibyte a second or more of a core.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::{Batch, EntryRef, FjallRecords, Log, Options, RealDisk, Records, Secrets, Space, backup};

const ROUNDS: usize = 5;
const BATCHES: u64 = 400;
const ROWS: u64 = 500;
const VALUE: [u8; 64] = [0x5a; 64];
const SPACES: &[Space] = &[Space("a"), Space("b")];
const LOG_BYTES: usize = 256 << 20;

/// Ours beside theirs, each in seconds and CPU seconds.
type Pair = ((f64, f64), (f64, f64));

/// Seconds, and CPU seconds.
fn timed(work: impl FnOnce()) -> (f64, f64) {
    let (began, cpu) = (Instant::now(), measure::process_ns());
    work();
    (began.elapsed().as_secs_f64(), (measure::process_ns() - cpu) / 1e9)
}

/// A key that goes everywhere, as ids do.
fn key(number: u64) -> [u8; 16] {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn rows(folder: &Path) -> Pair {
    let path = folder.join("records");
    let _ = std::fs::remove_dir_all(&path);
    let records = FjallRecords::open(&path, SPACES, 32 << 20).unwrap();
    let ours = timed(|| {
        for number in 0..BATCHES {
            let mut batch = Batch::default();
            for row in number * ROWS..(number + 1) * ROWS {
                batch.put(SPACES[usize::try_from(row % 2).unwrap()], key(row), VALUE);
            }
            records.write(batch).unwrap();
        }
        records.persist().unwrap();
    });
    let theirs = timed(|| {
        let mut file = BufWriter::new(File::create(folder.join("bare")).unwrap());
        for number in 0..BATCHES {
            for row in number * ROWS..(number + 1) * ROWS {
                file.write_all(&key(row)).unwrap();
                file.write_all(&VALUE).unwrap();
            }
            file.flush().unwrap();
        }
        file.get_ref().sync_data().unwrap();
    });
    (ours, theirs)
}

fn copies(folder: &Path, log: &Log<RealDisk>) -> Pair {
    let ours = timed(|| {
        let mut file = File::create(folder.join("backup")).unwrap();
        let secrets = Secrets { key: &[1; 32], entropy: &[2; 32] };
        backup(log, None, &mut file, secrets, None, &mut |_, _| {}).unwrap();
        file.sync_data().unwrap();
    });
    let theirs = timed(|| {
        let mut file = File::create(folder.join("copy")).unwrap();
        for entry in std::fs::read_dir(folder.join("log")).unwrap() {
            std::io::copy(&mut File::open(entry.unwrap().path()).unwrap(), &mut file).unwrap();
        }
        file.sync_data().unwrap();
    });
    (ours, theirs)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(name: &str, count: f64, unit: &str, peer: &str, mut round: impl FnMut() -> Pair) {
    let figures: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    let of = |which: fn(&Pair) -> f64| median(&mut figures.iter().map(which).collect::<Vec<_>>());
    println!(
        "{name:10} {:>5.2} × {peer}  {:>9.0} {unit}/s beside {:>9.0}  {:>6.2} CPU s beside {:.2}",
        of(|(ours, theirs)| theirs.0 / ours.0),
        count / of(|(ours, _)| ours.0),
        count / of(|(_, theirs)| theirs.0),
        of(|(ours, _)| ours.1),
        of(|(_, theirs)| theirs.1),
    );
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let folder = folder.join(format!("records-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (log, _) = Log::open(RealDisk::open(&folder.join("log")).unwrap(), Options::default()).unwrap();
    let filler = vec![0x11; 1 << 20];
    for sequence in 0..u64::try_from(LOG_BYTES >> 20).unwrap() {
        log.append(0, sequence, 1, &[EntryRef { block: 0, bytes: &filler }]).unwrap();
    }
    println!("records in batches of {ROWS} rows of 80 B, and a backup of 256 MiB (median of {ROUNDS} pairs)");
    report("records", (BATCHES * ROWS) as f64, "rows", "bare append", || rows(&folder));
    report("backup", (LOG_BYTES >> 20) as f64, "MiB", "plain copy", || copies(&folder, &log));
    drop(log);
    std::fs::remove_dir_all(&folder).unwrap();
}
