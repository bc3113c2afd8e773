//! Durable ops of 128 bytes by 64 writers, sealed, chained and indexed, beside
//! bare append and fdatasync of as many bytes with the same writers.
//!
//! Both sides run in turn, on the same disk; the median of the ratios of paired
//! rounds is what counts. The envelope of an op, CPU: seal 1.0 µs, hash of its
//! entry 0.3 µs and again for the index 0.3 µs, log 0.5 µs, rows 0.5 µs, and
//! what it takes to hand it from thread to thread and back.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    unreachable_pub
)]

#[path = "../tests/support/mod.rs"]
mod support;

use block::chain::OpId;
use node::{Body, Engine, OpAsk, Where};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use support::{Agent, key, start};
use vocab::Millis;

const WRITERS: u8 = 64;
const BYTES: [u8; 128] = [0x5a; 128];
const ROUND: Duration = Duration::from_millis(1_000);
const ROUNDS: usize = 5;

const PLANET: &str = r#"
[planet]
name = "bench"
blocks = 64
[block]
op_rate = "1000000/s"
[block.monitor]
large_score = 0
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

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
    fn submit(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        let first = state.buffer.is_empty();
        state.buffer.extend_from_slice(&BYTES);
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

fn bare(folder: &Path, in_flight: usize) -> (f64, f64) {
    let file = File::create(folder.join("bare")).unwrap();
    let bare = Bare::default();
    let (stop, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), measure::process_ns());
    std::thread::scope(|scope| {
        let committer = scope.spawn(|| bare.commit(&file));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        if let Some(group) = (0..in_flight).map(|_| bare.submit()).last() {
                            bare.wait(group);
                        }
                        total.fetch_add(in_flight as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        bare.state.lock().unwrap().closed = true;
        bare.work.notify_one();
        committer.join().unwrap();
    });
    let total = total.into_inner() as f64;
    (total / began.elapsed().as_secs_f64(), (measure::process_ns() - cpu) / 1e3 / total)
}

async fn writer(engine: Engine, agent: Arc<Agent>, kind: &'static str, in_flight: usize, stop: Arc<AtomicBool>) -> u64 {
    let mut count = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let now = engine.now();
        let pending: Vec<_> = (0..in_flight)
            .map(|_| {
                count += 1;
                let id = OpId::counted(now, u16::try_from(count % 65_536).unwrap(), count);
                let body = match kind {
                    "put" => Body::Value { key: b"k".to_vec(), value: BYTES.to_vec(), class: None },
                    _ => Body::Bytes(BYTES.to_vec()),
                };
                engine
                    .submit(&agent.connection, &agent.session, &OpAsk { id, kind, body, patience: Millis(0) })
                    .unwrap()
            })
            .collect();
        for pending in pending {
            pending.ended().await.unwrap();
        }
    }
    count
}

struct Ours {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    agents: Vec<Arc<Agent>>,
}

impl Ours {
    fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (engine, _) = start(PLANET, folder);
        let agents = runtime.block_on(async {
            let mut agents = Vec::new();
            for writer in 0..WRITERS {
                agents.push(Arc::new(Agent::attach(&engine, key(writer + 1), Where::Anywhere).await));
            }
            agents
        });
        Self { runtime, engine, agents }
    }

    fn round(&self, kind: &'static str, in_flight: usize) -> (f64, f64) {
        let stop = Arc::new(AtomicBool::new(false));
        let (began, cpu) = (Instant::now(), measure::process_ns());
        let total: u64 = self.runtime.block_on(async {
            let writers: Vec<_> = self
                .agents
                .iter()
                .map(|agent| {
                    let (agent, stop) = (Arc::clone(agent), Arc::clone(&stop));
                    tokio::spawn(writer(self.engine.clone(), agent, kind, in_flight, stop))
                })
                .collect();
            tokio::time::sleep(ROUND).await;
            stop.store(true, Ordering::Relaxed);
            let mut total = 0;
            for writer in writers {
                total += writer.await.unwrap();
            }
            total
        });
        let total = total as f64;
        (total / began.elapsed().as_secs_f64(), (measure::process_ns() - cpu) / 1e3 / total)
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let folder = folder.join(format!("engine-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("durable ops of 128 B, 64 writers, beside bare append + fdatasync (median of {ROUNDS} pairs)");
    let ours = Ours::new(&folder.join("planet"));
    for (kind, in_flight) in [("echo", 1), ("echo", 16), ("put", 1), ("put", 16)] {
        let (mut ratios, mut engine, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..ROUNDS {
            let (mine, theirs) = if pair % 2 == 0 {
                let mine = ours.round(kind, in_flight);
                (mine, bare(&folder, in_flight))
            } else {
                let theirs = bare(&folder, in_flight);
                (ours.round(kind, in_flight), theirs)
            };
            ratios.push(mine.0 / theirs.0);
            engine.push(mine);
            raw.push(theirs);
        }
        let of = |figures: &[(f64, f64)], which: fn(&(f64, f64)) -> f64| {
            median(&mut figures.iter().map(which).collect::<Vec<_>>())
        };
        let ratio = median(&mut ratios);
        println!(
            "{:36} {ratio:>5.2} × bare  {} 0.50  {:>9.0}/s beside {:>9.0}/s  {:>5.2} µs CPU beside {:>5.2}",
            format!("{kind}, {in_flight} in flight"),
            if ratio >= 0.5 { "within" } else { "MISSED" },
            of(&engine, |figures| figures.0),
            of(&raw, |figures| figures.0),
            of(&engine, |figures| figures.1),
            of(&raw, |figures| figures.1),
        );
    }
    ours.engine.stop();
    std::fs::remove_dir_all(&folder).unwrap();
}
