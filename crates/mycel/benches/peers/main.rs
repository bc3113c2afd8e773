//! Durable appends of 128 bytes over the network by 64 clients, beside Redis
//! (`XADD`, appendfsync always) and PostgreSQL (`INSERT`, synchronous_commit).
//!
//! Every server is a process of its own, on loopback, with its data on the same
//! disk; all stay up, and serve in turn. A round is judged by the ratio of what
//! was done in it by either side, and the median of the rounds counts. A batch
//! of so many ops is sent at once, and the next when all of it was answered, by
//! every client alike: frames, RESP and the pipeline of tokio-postgres. What is
//! not installed is absent, and said to be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

mod ours;
mod postgres;
#[path = "../../tests/support/process.rs"]
mod process;
mod redis;

use std::path::Path;
use std::time::{Duration, Instant};

const CLIENTS: u8 = 64;
const BYTES: [u8; 128] = [0x5a; 128];
const ROUND: Duration = Duration::from_millis(1_000);
const WARM: Duration = Duration::from_millis(200);
const ROUNDS: usize = 7;

/// One client of one server.
enum Client {
    Frames(Box<ours::Frames>),
    Library(ours::Library),
    Json(client::Client),
    Redis(redis::Connection),
    Postgres(postgres::Connection),
}

impl Client {
    async fn batch(&mut self, many: usize) {
        match self {
            Self::Frames(frames) => frames.batch(many).await,
            Self::Library(library) => library.batch(many).await,
            Self::Json(client) => {
                for _ in 0..many {
                    client.op(client::Body::Echo(BYTES.to_vec())).await.unwrap();
                }
            }
            Self::Redis(connection) => connection.batch(many).await,
            Self::Postgres(connection) => connection.batch(many).await,
        }
    }
}

/// A server's clients, and whose CPU counts.
struct Side {
    name: &'static str,
    server: u32,
    clients: Vec<Client>,
}

/// What a round came to: ops a second, and microseconds of the server's CPU for one.
#[derive(Clone, Copy)]
struct Figure {
    rate: f64,
    cpu: f64,
}

impl Side {
    async fn round(&mut self, in_flight: usize) -> Figure {
        self.spend(in_flight, WARM).await;
        let (cpu, begun) = (cpu_seconds(self.server), Instant::now());
        let done = self.spend(in_flight, ROUND).await as f64;
        let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds(self.server) - cpu);
        Figure { rate: done / took, cpu: cpu * 1e6 / done }
    }

    async fn spend(&mut self, in_flight: usize, time: Duration) -> usize {
        let until = Instant::now() + time;
        let tasks = std::mem::take(&mut self.clients).into_iter().map(|mut client| {
            tokio::spawn(async move {
                let mut done = 0;
                while Instant::now() < until {
                    client.batch(in_flight).await;
                    done += in_flight;
                }
                (client, done)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut total = 0;
        for task in tasks {
            let (client, done) = task.await.unwrap();
            self.clients.push(client);
            total += done;
        }
        total
    }
}

/// CPU seconds of a process and of its children.
fn cpu_seconds(server: u32) -> f64 {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((front, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let own = front.split(' ').next() == Some(&server.to_string());
        if own || fields[1] == server.to_string() {
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    ticks as f64 / 100.0
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn compare(sides: &mut [Side], in_flight: usize, targets: &[(&str, f64)]) {
    println!("\n{in_flight} in flight");
    let mut figures: Vec<Vec<Figure>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for step in 0..sides.len() {
            let at = (round + step) % sides.len();
            let figure = sides[at].round(in_flight).await;
            figures[at].push(figure);
        }
    }
    let ours = &figures[0];
    for (side, theirs) in sides.iter().zip(&figures) {
        let (least, most) =
            (theirs.iter().map(|f| f.rate).fold(f64::MAX, f64::min), theirs.iter().map(|f| f.rate).fold(0.0, f64::max));
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours.rate / theirs.rate).collect();
        let ratio = median(ratios.iter().copied());
        let target = targets.iter().find(|(name, _)| *name == side.name).map(|(_, target)| *target);
        let verdict = match target {
            Some(target) if ratio >= target => format!("{ratio:>5.2} × this, within {target:.1}"),
            Some(target) => format!("{ratio:>5.2} × this, MISSED {target:.1}"),
            None => format!("{ratio:>5.2} × this"),
        };
        println!(
            "  {:28} {:>8.0}/s ({least:.0} to {most:.0}) {:>7.2} µs CPU of the server   {verdict}",
            side.name,
            median(theirs.iter().map(|f| f.rate)),
            median(theirs.iter().map(|f| f.cpu)),
        );
    }
}

async fn run(folder: &Path) {
    let planet = ours::Planet::start(folder).await;
    let mut sides = vec![
        Side { name: "mycel, frames", server: planet.id(), clients: planet.frames().await },
        Side { name: "mycel, crate client", server: planet.id(), clients: planet.library() },
    ];
    let redis = redis::Server::start(folder).await;
    match &redis {
        Some(redis) => sides.push(Side { name: "redis", server: redis.id(), clients: redis.clients().await }),
        None => println!("redis: absent"),
    }
    let postgres = postgres::Server::start(folder).await;
    match &postgres {
        Some(postgres) => {
            sides.push(Side { name: "postgresql", server: postgres.id(), clients: postgres.clients().await });
        }
        None => println!("postgresql: absent"),
    }
    compare(&mut sides, 16, &[("redis", 2.0), ("postgresql", 4.0)]).await;
    sides.push(Side { name: "mycel, JSON over HTTP", server: planet.id(), clients: planet.json() });
    compare(&mut sides, 1, &[("redis", 1.2), ("postgresql", 2.0)]).await;
}

fn main() {
    // Where every user may have a folder, and the disk is one that stays.
    let folder = Path::new("/var/tmp").join(format!("mycel-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("durable appends of 128 B over loopback, {CLIENTS} clients, medians of {ROUNDS} paired rounds");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&folder));
    drop(runtime);
    std::fs::remove_dir_all(&folder).unwrap();
}
