//! A million agents that hold slots of one process: the memory that this takes,
//! and how soon it serves again after kill -9.
//!
//! Each agent applies with its own signature and has its own entry in a chain,
//! as any does; an administrator brings them, so that no limit of a source is
//! in the way. `MYCEL_AGENTS` says another number.
//!
//! Envelope of an agent: 110 B in the directory, 64 B of a seat's row in the
//! index, and what the wheel and the mask add; the cache and the memtables of the
//! index are bounded apart.

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

use node::{Engine, Where};
use process::{Process, folder};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Agent, start};
use trust::Secret;
use trust::enrol::Application;
use trust::sign::SigningKey;

const AGENTS: u64 = 1_000_000;
/// Who attach at the same time.
const TOGETHER: u64 = 1_024;
const MOST_MEMORY: f64 = 4.0;
const MOST_READY: Duration = Duration::from_secs(10);

const PLANET: &str = r#"
[planet]
name = "memory"
blocks = 20000
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

fn agents() -> u64 {
    std::env::var("MYCEL_AGENTS").ok().and_then(|agents| agents.parse().ok()).unwrap_or(AGENTS)
}

fn numbered(number: u64) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    SigningKey::new(&Secret::take(&mut seed))
}

fn operator(data: &Path) -> SigningKey {
    let text = std::fs::read_to_string(data.join("keys/operator.key")).unwrap();
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text.trim()[2 * at..2 * at + 2], 16).unwrap();
    }
    SigningKey::new(&Secret::take(&mut bytes))
}

async fn attach_all(engine: Engine, host: Agent) {
    let host = Arc::new(host);
    let tasks = (0..TOGETHER).map(|task| {
        let (engine, host) = (engine.clone(), Arc::clone(&host));
        tokio::spawn(async move {
            for number in (task..agents()).step_by(usize::try_from(TOGETHER).unwrap()) {
                let application = Application::make(&numbered(number), engine.planet(), None, engine.now());
                let by = (&host.connection, &*host.session);
                engine.attach_vouched(by, &application, Where::Anywhere).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// What runs in the process that is killed.
fn child(data: &Path, attach: bool) {
    let (engine, started) = start(PLANET, data);
    println!("ready {}", started.agents);
    if attach {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let host = Agent::attach(&engine, operator(data), Where::Anywhere).await;
            attach_all(engine.clone(), host).await;
        });
        println!("attached");
    }
    std::thread::sleep(Duration::from_secs(3_600));
}

fn verdict(good: bool) -> &'static str {
    if good { "within" } else { "MISSED" }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, what, data] = &arguments[..]
        && (what == "attach" || what == "stay")
    {
        return child(Path::new(data), what == "attach");
    }
    let folder = folder("memory");
    println!("{} agents that hold slots of one process", agents());
    let mut process = Process::start(&folder, "attach");
    process.said();
    let begun = Instant::now();
    assert_eq!(process.said(), "attached");
    let took = begun.elapsed().as_secs_f64();
    let (now, most) = process.memory();
    println!("  attached in {took:.0} s, {:.0}/s, each with a signature, an entry and a lease", agents() as f64 / took);
    println!(
        "  resident    {now:.2} GiB, at most {most:.2} GiB   {} {MOST_MEMORY:.0} GiB",
        verdict(most <= MOST_MEMORY)
    );
    process.kill();
    for start in ["after kill -9", "after another"] {
        let begun = Instant::now();
        let mut process = Process::start(&folder, "stay");
        assert_eq!(process.said(), format!("ready {}", agents() + 1));
        let took = begun.elapsed();
        let within = verdict(took <= MOST_READY);
        println!(
            "  ready       {:.2} s {start}, {:.2} GiB resident   {within} {} s",
            took.as_secs_f64(),
            process.memory().0,
            MOST_READY.as_secs()
        );
        process.kill();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
