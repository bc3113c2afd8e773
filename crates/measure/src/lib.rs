//! CPU time against a budget and beside a peer, for every crate's benches.
//!
//! Wall time drifts on a shared machine, so only CPU time is judged, and every
//! figure stands beside a named peer that ran in the same minute. It must never
//! be used by anything but benches.

#![allow(clippy::print_stdout, clippy::float_arithmetic, clippy::cast_precision_loss)]

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// CPU time of this process so far.
///
/// # Panics
/// Where there is no such clock.
#[must_use]
#[allow(clippy::expect_used)]
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("every Unix has this clock");
    Duration::from(now)
}

/// CPU time of the children of this process that have ended, and the highest
/// resident memory of any of them in KiB.
///
/// # Panics
/// Where the kernel does not count.
#[must_use]
#[allow(clippy::expect_used)]
pub fn children() -> (Duration, u64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("every Unix counts this");
    let time = |value: TimeVal| {
        Duration::new(u64::try_from(value.tv_sec()).unwrap_or(0), u32::try_from(value.tv_usec()).unwrap_or(0) * 1_000)
    };
    (time(usage.user_time()) + time(usage.system_time()), u64::try_from(usage.max_rss()).unwrap_or(0))
}

/// CPU time of one of `count` calls, the best of five rounds: what the work
/// costs when nobody disturbs it.
pub fn each(count: u32, mut work: impl FnMut()) -> Duration {
    best(|| {
        let before = cpu();
        for _ in 0..count {
            work();
        }
        (cpu() - before) / count
    })
}

/// The same for work that runs in child processes.
pub fn each_child(count: u32, mut work: impl FnMut()) -> Duration {
    best(|| {
        let before = children().0;
        for _ in 0..count {
            work();
        }
        (children().0 - before) / count
    })
}

fn best(mut round: impl FnMut() -> Duration) -> Duration {
    const ROUNDS: usize = 5;
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}

/// Prints a figure beside its budget and its peer.
pub fn row(what: &str, measured: Duration, budget: Option<Duration>, peer: &str, of_peer: Duration) {
    let ratio = measured.as_secs_f64() / of_peer.as_secs_f64().max(1e-12);
    let verdict = match budget {
        None => "no budget".to_owned(),
        Some(budget) if measured <= budget => format!("within {}", show(budget)),
        Some(budget) => format!("MISSED {}", show(budget)),
    };
    println!("{what:44} {:>9}  {verdict:16} {ratio:>7.2} × {peer} ({})", show(measured), show(of_peer));
}

/// Prints an amount beside its budget.
pub fn amount(what: &str, measured: u64, budget: u64, unit: &str) {
    let verdict = if measured <= budget { "within" } else { "MISSED" };
    println!("{what:44} {measured:>5} {unit}  {verdict} {budget} {unit}");
}

fn show(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..1_000 => format!("{nanos} ns"),
        nanos @ 1_000..1_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        nanos => format!("{:.1} ms", nanos as f64 / 1e6),
    }
}
