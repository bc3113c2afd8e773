//! How soon a planet serves again after kill -9, by how many entries its chains
//! have: what was written is not read again, so it should not matter.
//!
//! The process is killed while ops are on their way, so that the index lags.
//! What the kernel has in its page cache stays there: the disk is as fast as it
//! is to whoever restarts a process, not a machine. `MYCEL_ENTRIES` says another
//! number; a hundred million take 30 GB.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

#[path = "process/mod.rs"]
mod process;
#[path = "../tests/support/mod.rs"]
mod support;

use block::chain::OpId;
use node::{Body, Engine, OpAsk, Where};
use process::{Process, folder};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, key, start};
use vocab::Millis;

const ENTRIES: u64 = 2_000_000;
const AGENTS: u8 = 64;
const IN_FLIGHT: usize = 256;
const MOST_READY: Duration = Duration::from_secs(5);

const PLANET: &str = r#"
[planet]
name = "restart"
blocks = 64
[block]
op_rate = "1000000/s"
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

fn entries() -> u64 {
    std::env::var("MYCEL_ENTRIES").ok().and_then(|entries| entries.parse().ok()).unwrap_or(ENTRIES)
}

/// Writes for ever; says so once when there are enough.
async fn writer(engine: Engine, agent: Agent, written: Arc<AtomicU64>) {
    let (mut mailbox, mut count) = (engine.mailbox(), 0_u64);
    loop {
        let now = engine.now();
        while mailbox.len() < IN_FLIGHT {
            count += 1;
            let id = OpId::counted(now, u16::try_from(count % 65_536).unwrap(), count);
            let ask = OpAsk { id, kind: "echo", body: Body::Bytes(vec![7; 16]), patience: Millis(0) };
            assert!(mailbox.take(&agent.connection, &agent.session, (), &ask).is_ok());
        }
        for _ in 0..IN_FLIGHT {
            mailbox.ended().await.1.unwrap();
            if written.fetch_add(1, Ordering::Relaxed) + 1 == entries() {
                println!("written");
            }
        }
    }
}

/// What runs in the process that is killed.
fn child(data: &Path, write: bool) {
    let (engine, started) = start(PLANET, data);
    println!("ready {} {}", started.entries, started.followed);
    if write {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let written = Arc::new(AtomicU64::new(0));
            let mut writers = Vec::new();
            for seed in 1..=AGENTS {
                let agent = Agent::attach(&engine, key(seed), Where::Anywhere).await;
                writers.push(tokio::spawn(writer(engine.clone(), agent, Arc::clone(&written))));
            }
            for writer in writers {
                writer.await.unwrap();
            }
        });
    }
    std::thread::sleep(Duration::from_secs(3_600));
}

fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let of = |entry: std::fs::DirEntry| {
        let data = entry.metadata().unwrap();
        if data.is_dir() { bytes(&entry.path()) } else { data.len() }
    };
    entries.map(of).sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, what, data] = &arguments[..]
        && (what == "write" || what == "stay")
    {
        return child(Path::new(data), what == "write");
    }
    let folder = folder("restart");
    println!("ready again after kill -9 with {} entries", entries());
    let mut process = Process::start(&folder, "write");
    process.said();
    let begun = Instant::now();
    assert_eq!(process.said(), "written");
    let took = begun.elapsed().as_secs_f64();
    println!("  written in {took:.0} s, {:.0}/s, {} MB on disk", entries() as f64 / took, bytes(&folder) / 1_000_000);
    process.kill();
    for start in ["after kill -9", "after another"] {
        let begun = Instant::now();
        let mut process = Process::start(&folder, "stay");
        let said = process.said();
        let took = begun.elapsed();
        let mut figures = said.split(' ').skip(1).map(|figure| figure.parse::<u64>().unwrap());
        let (there, followed) = (figures.next().unwrap(), figures.next().unwrap());
        assert!(there >= entries(), "{there} entries are there");
        println!(
            "  ready       {:.2} s {start}, {there} entries, {followed} of them followed first   {} {} s",
            took.as_secs_f64(),
            if took <= MOST_READY { "within" } else { "MISSED" },
            MOST_READY.as_secs()
        );
        process.kill();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
