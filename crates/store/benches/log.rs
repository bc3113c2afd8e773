//! Durable appends of 128 bytes by 64 writers: the log beside bare append and
//! fdatasync, which is what a group commit cannot be faster than without
//! preallocation.
//!
//! Both sides run in turn, on the same disk, with the same writers, and the
//! median of the ratios of paired rounds is what counts: a shared disk is slow
//! or fast for both. The envelope: one sync for 64 (or 1,024) appends, and per
//! append 256 (or, in a batch of 16, 165) bytes and less than a microsecond.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

use measure::appends::{Asked, BYTES, Figures, bare, beside, round};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{EntryRef, Log, Options, RealDisk};

const WRITERS: u32 = 64;
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 7;

fn log(folder: &Path, asked: Asked) -> Figures {
    let folder = folder.join("log");
    let _ = std::fs::remove_dir_all(&folder);
    let (log, _) = Log::open(RealDisk::open(&folder).unwrap(), Options { salt: 1, ..Options::default() }).unwrap();
    // Past the first segment, which alone was not made ahead.
    let filler = [0x11; 1 << 20];
    for sequence in 0..64 {
        log.append(WRITERS, sequence, 1, &[EntryRef { block: 0, bytes: &filler }]).unwrap();
    }
    round(WRITERS, ROUND, |shard, stop| {
        let mut next = 0;
        let entry = EntryRef { block: u64::from(shard), bytes: &BYTES };
        let mut tickets = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            match asked {
                Asked::Single(count) => {
                    tickets
                        .extend((next..).take(count).map(|sequence| log.submit(shard, sequence, 1, &[entry]).unwrap()));
                    for ticket in tickets.drain(..) {
                        ticket.wait().unwrap();
                    }
                }
                Asked::Batch(count) => {
                    log.append(shard, next, 1, &[entry; 16][..count]).unwrap();
                }
            }
            next += u64::try_from(asked.in_flight()).unwrap();
        }
        next
    })
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let folder = folder.join(format!("log-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("durable appends of 128 B, 64 writers, beside bare append + fdatasync (median of {ROUNDS} pairs)");
    let ways = [
        ("1 in flight", Asked::Single(1)),
        ("16 in flight, each its own append", Asked::Single(16)),
        ("16 in flight, as one batch", Asked::Batch(16)),
    ];
    for (name, asked) in ways {
        beside(name, ROUNDS, || log(&folder, asked), || bare(&folder, WRITERS, ROUND, asked));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
