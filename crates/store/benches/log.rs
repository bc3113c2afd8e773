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

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use store::{EntryRef, Log, Options, RealDisk};

const WRITERS: u32 = 64;
const BYTES: [u8; 128] = [0x5a; 128];
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 7;

/// Group commit with nothing to it: a buffer, a file and one committer.
#[derive(Default)]
struct Bare {
    state: Mutex<BareState>,
    work: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct BareState {
    buffer: Vec<u8>,
    filling: u64,
    durable: u64,
    closed: bool,
}

impl Bare {
    /// In goes one append, out comes its group.
    fn submit(&self, entries: usize) -> u64 {
        let mut state = self.state.lock().unwrap();
        let first = state.buffer.is_empty();
        for _ in 0..entries {
            state.buffer.extend_from_slice(&BYTES);
        }
        let group = state.filling;
        drop(state);
        if first {
            self.work.notify_one();
        }
        group
    }

    fn wait(&self, group: u64) {
        let mut state = self.state.lock().unwrap();
        while state.durable <= group {
            state = self.done.wait(state).unwrap();
        }
    }

    fn commit(&self, mut file: &File) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.state.lock().unwrap();
            while state.buffer.is_empty() && !state.closed {
                state = self.work.wait(state).unwrap();
            }
            if state.buffer.is_empty() {
                return;
            }
            std::mem::swap(&mut state.buffer, &mut taken);
            state.filling += 1;
            let filling = state.filling;
            drop(state);
            file.write_all(&taken).unwrap();
            file.sync_data().unwrap();
            taken.clear();
            self.state.lock().unwrap().durable = filling;
            self.done.notify_all();
        }
    }
}

/// How the log is asked.
#[derive(Clone, Copy)]
enum Asked {
    /// So many appends of one entry in flight.
    Single(usize),
    /// One append of so many entries.
    Batch(usize),
}

impl Asked {
    fn in_flight(self) -> usize {
        match self {
            Self::Single(count) | Self::Batch(count) => count,
        }
    }
}

/// Appends for a round; what it came to in appends a second and CPU time each.
fn round(writer: impl Fn(u32, &AtomicBool) -> u64 + Sync) -> (f64, f64) {
    let (stop, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), measure::process_ns());
    std::thread::scope(|scope| {
        for index in 0..WRITERS {
            let (writer, stop, total) = (&writer, &stop, &total);
            scope.spawn(move || total.fetch_add(writer(index, stop), Ordering::Relaxed));
        }
        // The end of a round is the one thing here that waits for the clock.
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    let total = total.into_inner() as f64;
    (total / began.elapsed().as_secs_f64(), (measure::process_ns() - cpu) / 1e3 / total)
}

fn bare(folder: &Path, asked: Asked) -> (f64, f64) {
    let file = File::create(folder.join("bare")).unwrap();
    let bare = Bare::default();
    std::thread::scope(|scope| {
        scope.spawn(|| bare.commit(&file));
        let figures = round(|_, stop| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                // Asked as the log is: each append its own call, or all in one.
                match asked {
                    Asked::Single(appends) => {
                        if let Some(group) = (0..appends).map(|_| bare.submit(1)).last() {
                            bare.wait(group);
                        }
                    }
                    Asked::Batch(entries) => bare.wait(bare.submit(entries)),
                }
                count += u64::try_from(asked.in_flight()).unwrap();
            }
            count
        });
        bare.state.lock().unwrap().closed = true;
        bare.work.notify_one();
        figures
    })
}

fn log(folder: &Path, asked: Asked) -> (f64, f64) {
    let folder = folder.join("log");
    let _ = std::fs::remove_dir_all(&folder);
    let (log, _) = Log::open(RealDisk::open(&folder).unwrap(), Options { salt: 1, ..Options::default() }).unwrap();
    // Past the first segment, which alone was not made ahead.
    let filler = [0x11; 1 << 20];
    for sequence in 0..64 {
        log.append(WRITERS, sequence, 1, &[EntryRef { block: 0, bytes: &filler }]).unwrap();
    }
    round(|shard, stop| {
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

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
        let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..ROUNDS {
            // Who goes first changes, so that neither always has the warm disk.
            let (log, bare) = if pair % 2 == 0 {
                let log = log(&folder, asked);
                (log, bare(&folder, asked))
            } else {
                let bare = bare(&folder, asked);
                (log(&folder, asked), bare)
            };
            ratios.push(log.0 / bare.0);
            ours.push(log);
            theirs.push(bare);
        }
        let of = |figures: &[(f64, f64)], which: fn(&(f64, f64)) -> f64| {
            median(&mut figures.iter().map(which).collect::<Vec<_>>())
        };
        let ratio = median(&mut ratios);
        println!(
            "{name:36} {ratio:>5.2} × bare  {} 0.50  {:>9.0}/s beside {:>9.0}/s  {:>5.2} µs CPU beside {:>5.2}",
            if ratio >= 0.5 { "within" } else { "MISSED" },
            of(&ours, |figures| figures.0),
            of(&theirs, |figures| figures.0),
            of(&ours, |figures| figures.1),
            of(&theirs, |figures| figures.1),
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
