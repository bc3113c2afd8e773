//! Durable appends by many writers, beside what nothing can be faster than
//! without preallocation: bare append and fdatasync, one sync for all that came
//! during the sync before.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// What is appended each time.
pub const BYTES: [u8; 128] = [0x5a; 128];

/// What a round came to.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Appends a second.
    pub rate: f64,
    /// CPU time of the whole process for each, in microseconds.
    pub cpu_us: f64,
}

/// How many appends a writer has on their way, and whether as one.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// So many appends of one entry in flight.
    Single(usize),
    /// One append of so many entries.
    Batch(usize),
}

impl Asked {
    /// Entries in flight.
    #[must_use]
    pub fn in_flight(self) -> usize {
        match self {
            Self::Single(count) | Self::Batch(count) => count,
        }
    }
}

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

/// So many threads append for so long; each says how much it did.
pub fn round(writers: u32, length: Duration, writer: impl Fn(u32, &AtomicBool) -> u64 + Sync) -> Figures {
    let (stop, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), crate::process_ns());
    std::thread::scope(|scope| {
        for index in 0..writers {
            let (writer, stop, total) = (&writer, &stop, &total);
            scope.spawn(move || total.fetch_add(writer(index, stop), Ordering::Relaxed));
        }
        // The end of a round is the one thing here that waits for the clock.
        std::thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
    });
    figures(total.into_inner(), began.elapsed(), crate::process_ns() - cpu)
}

/// What so many appends in so much time and CPU time come to.
#[must_use]
pub fn figures(total: u64, took: Duration, cpu_ns: f64) -> Figures {
    let total = total as f64;
    Figures { rate: total / took.as_secs_f64(), cpu_us: cpu_ns / 1e3 / total }
}

/// A round of bare append and fdatasync to a file in a folder.
pub fn bare(folder: &Path, writers: u32, length: Duration, asked: Asked) -> Figures {
    let file = File::create(folder.join("bare")).unwrap();
    let bare = Bare::default();
    std::thread::scope(|scope| {
        scope.spawn(|| bare.commit(&file));
        let figures = round(writers, length, |_, stop| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                // Asked as the others are: each append its own call, or all in one.
                match asked {
                    Asked::Single(appends) => {
                        if let Some(group) = (0..appends).map(|_| bare.submit(1)).last() {
                            bare.wait(group);
                        }
                    }
                    Asked::Batch(entries) => bare.wait(bare.submit(entries)),
                }
                count += asked.in_flight() as u64;
            }
            count
        });
        bare.state.lock().unwrap().closed = true;
        bare.work.notify_one();
        figures
    })
}

/// Runs both sides in turn and prints the median of the ratios of the pairs,
/// which must not be below a half. Who goes first changes, so that neither
/// always has the warm disk.
pub fn beside(name: &str, pairs: usize, mut ours: impl FnMut() -> Figures, mut bare: impl FnMut() -> Figures) {
    let (mut ratios, mut mine, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        let (one, other) = if pair % 2 == 0 {
            let one = ours();
            (one, bare())
        } else {
            let other = bare();
            (ours(), other)
        };
        ratios.push(one.rate / other.rate);
        mine.push(one);
        theirs.push(other);
    }
    let of = |figures: &[Figures], which: fn(&Figures) -> f64| median(figures.iter().map(which).collect());
    let ratio = median(ratios);
    println!(
        "{name:36} {ratio:>5.2} × bare  {} 0.50  {:>9.0}/s beside {:>9.0}/s  {:>5.2} µs CPU beside {:>5.2}",
        if ratio >= 0.5 { "within" } else { "MISSED" },
        of(&mine, |figures| figures.rate),
        of(&theirs, |figures| figures.rate),
        of(&mine, |figures| figures.cpu_us),
        of(&theirs, |figures| figures.cpu_us),
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
