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
    clippy::disallowed_methods
)]

#[path = "../tests/support/mod.rs"]
mod support;

use block::chain::OpId;
use measure::appends::{Asked, BYTES, Figures, bare, beside, figures};
use node::{Body, Engine, OpAsk, Where};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, key, start};
use vocab::Millis;

const WRITERS: u8 = 64;
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

async fn writer(engine: Engine, agent: Arc<Agent>, kind: &'static str, in_flight: usize, stop: Arc<AtomicBool>) -> u64 {
    let (mut count, mut mailbox) = (0_u64, engine.mailbox());
    while !stop.load(Ordering::Relaxed) {
        let now = engine.now();
        for _ in 0..in_flight {
            count += 1;
            let id = OpId::counted(now, u16::try_from(count % 65_536).unwrap(), count);
            let body = match kind {
                "put" => Body::Value { key: b"k".to_vec(), value: BYTES.to_vec(), class: None },
                _ => Body::Bytes(BYTES.to_vec()),
            };
            let ask = OpAsk { id, kind, body, patience: Millis(0) };
            assert!(mailbox.take(&agent.connection, &agent.session, (), &ask).is_ok());
        }
        for _ in 0..in_flight {
            mailbox.ended().await.1.unwrap();
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

    fn round(&self, kind: &'static str, in_flight: usize) -> Figures {
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
        figures(total, began.elapsed(), measure::process_ns() - cpu)
    }
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let folder = folder.join(format!("engine-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("durable ops of 128 B, 64 writers, beside bare append + fdatasync (median of {ROUNDS} pairs)");
    let ours = Ours::new(&folder.join("planet"));
    for (kind, in_flight) in [("echo", 1), ("echo", 16), ("put", 1), ("put", 16)] {
        let name = format!("{kind}, {in_flight} in flight");
        let bare = || bare(&folder, u32::from(WRITERS), ROUND, Asked::Single(in_flight));
        beside(&name, ROUNDS, || ours.round(kind, in_flight), bare);
    }
    ours.engine.stop();
    std::fs::remove_dir_all(&folder).unwrap();
}
