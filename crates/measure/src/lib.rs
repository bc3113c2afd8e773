//! CPU time against a budget and beside a peer, for every crate's benches.
//!
//! Wall time drifts on a shared machine, so only CPU time is judged, and every
//! figure stands beside a named peer that ran in the same minute. Nothing but
//! benches may use it.

#![allow(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

pub mod appends;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// CPU time of one round: long enough that reading the clock does not show.
const ROUND_NS: f64 = 4e7;
/// The best of so many rounds is what the machine can do.
const ROUNDS: usize = 9;

/// CPU time of this thread so far.
fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64
}

/// CPU nanoseconds of one call.
pub fn once(run: impl FnOnce()) -> f64 {
    let start = cpu_ns();
    run();
    cpu_ns() - start
}

/// CPU nanoseconds of one call, the best of several rounds of many.
pub fn many(mut run: impl FnMut()) -> f64 {
    let mut calls = 1u32;
    while once(|| (0..calls).for_each(|_| run())) < ROUND_NS {
        calls *= 2;
    }
    let round = |run: &mut dyn FnMut()| once(|| (0..calls).for_each(|_| run())) / f64::from(calls);
    (0..ROUNDS).map(|_| round(&mut run)).fold(f64::MAX, f64::min)
}

/// The best of rounds that alternate between two things, so that neither has
/// the quieter moment.
pub fn both(mut ours: impl FnMut(), mut raw: impl FnMut()) -> (f64, f64) {
    (0..3).fold((f64::MAX, f64::MAX), |best, _| (best.0.min(many(&mut ours)), best.1.min(many(&mut raw))))
}

/// The heads of the columns.
pub fn title() {
    println!("{:44} {:>12} {:>14} {:>14}  raw primitive", "", "budget", "measured", "of the raw");
}

/// A time that must not be longer. A budget that is missed is marked `!`.
pub fn at_most(what: &str, budget_ns: f64, ns: f64, raw: Option<(&str, f64)>) {
    line(what, &time(budget_ns), &time(ns), ns <= budget_ns, raw.map(|(name, raw_ns)| (name, raw_ns, raw_ns / ns)));
}

/// A rate that must be reached.
pub fn at_least(what: &str, budget: f64, ns: f64, raw: Option<(&str, f64)>) {
    let rate = 1e9 / ns;
    let raw = raw.map(|(name, raw_ns)| (name, raw_ns, raw_ns / ns));
    line(what, &format!("{budget:.0}/s"), &format!("{rate:.0}/s"), rate >= budget, raw);
}

/// A share of the raw primitive's speed that must be reached.
pub fn share(what: &str, budget: f64, ns: f64, raw: (&str, f64)) {
    let share = raw.1 / ns;
    let rate = format!("{:.0}/s", 1e9 / ns);
    line(what, &format!("≥ {budget} raw"), &rate, share >= budget, Some((raw.0, raw.1, share)));
}

/// Something without a budget.
pub fn plain(what: &str, ns: f64) {
    line(what, "", &time(ns), true, None);
}

fn line(what: &str, budget: &str, measured: &str, good: bool, raw: Option<(&str, f64, f64)>) {
    let mark = if good { ' ' } else { '!' };
    match raw {
        Some((name, ns, share)) => {
            println!("{what:44} {budget:>12} {measured:>13}{mark} {share:>14.2}  {name} {}", time(ns));
        }
        None => println!("{what:44} {budget:>12} {measured:>13}{mark}"),
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// CPU nanoseconds of the whole process so far, all of its threads together.
#[must_use]
pub fn process_ns() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap();
    now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64
}

/// CPU nanoseconds of the children of this process that have ended, and the
/// highest resident memory of any of them in KiB.
#[must_use]
pub fn children() -> (f64, u64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let time = |value: TimeVal| value.tv_sec() as f64 * 1e9 + value.tv_usec() as f64 * 1e3;
    (time(usage.user_time()) + time(usage.system_time()), u64::try_from(usage.max_rss()).unwrap_or(0))
}

/// CPU nanoseconds of one of `count` runs of child processes, the best of
/// several rounds.
pub fn child(count: u32, mut run: impl FnMut()) -> f64 {
    let mut round = || {
        let before = children().0;
        (0..count).for_each(|_| run());
        (children().0 - before) / f64::from(count)
    };
    (0..5).map(|_| round()).fold(f64::MAX, f64::min)
}

/// An amount that must not be larger.
pub fn amount(what: &str, budget: u64, measured: u64, unit: &str) {
    let mark = if measured <= budget { ' ' } else { '!' };
    println!("{what:44} {:>12} {:>13}{mark}", format!("{budget} {unit}"), format!("{measured} {unit}"));
}
