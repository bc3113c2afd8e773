//! Whether a region is healthy: what checks say, what requests say, and when to
//! believe either.
//!
//! Requests are counted in exact buckets and not in a decayed average: a decayed
//! average of a region that answered a million requests and then none stays high
//! for as long as it likes, and a total outage hides in it.
//!
//! Health at weight 30 keeps traffic on a region until it fails two requests of
//! five, so there is a floor below which no score helps.

use crate::set::{RegionNumber, RegionSet};
use crate::signal::Outcome;
use vocab::{Millis, Ppm};

/// Below this a region is not used at all.
pub const FLOOR: Ppm = Ppm::percent(60);
/// From here on one that was below the floor is used again: two thresholds, so
/// that nobody swings on one.
pub const BACK: Ppm = Ppm::percent(80);
/// Buckets of a window: what is old leaves in tenths.
const BUCKETS: usize = 10;
/// Fewer requests than this in a window say nothing.
const MIN_REQUESTS: u64 = 20;
/// Good checks in a row that bring a region back.
const GOOD_CHECKS: u32 = 2;

/// Requests of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    number: u64,
    good: u64,
    bad: u64,
}

/// The health of one region.
#[derive(Debug, Clone)]
pub struct Health {
    bucket: Millis,
    buckets: [Bucket; BUCKETS],
    unhealthy_after: u32,
    failed_checks: u32,
    good_checks: u32,
    checks_good: bool,
    alive: bool,
    back_since: Millis,
    /// One that failed its requests is left alone until then.
    alone_until: Millis,
    /// How often that was so, without a long time of health in between.
    times: u32,
}

impl Health {
    /// A region that is taken to be healthy until something says otherwise.
    /// `window` is how long a request counts, `unhealthy_after` how many failed
    /// checks in a row are a loss.
    #[must_use]
    pub fn new(window: Millis, unhealthy_after: u32) -> Self {
        Self {
            bucket: Millis((window.0 / BUCKETS as u64).max(1)),
            buckets: [Bucket::default(); BUCKETS],
            unhealthy_after: unhealthy_after.max(1),
            failed_checks: 0,
            good_checks: 0,
            checks_good: true,
            alive: true,
            back_since: Millis(0),
            alone_until: Millis(0),
            times: 0,
        }
    }

    /// Another count of failed checks in a row that is a loss, from here on.
    pub fn lost_after(&mut self, unhealthy_after: u32) {
        self.unhealthy_after = unhealthy_after.max(1);
    }

    /// Counts a request.
    pub fn request(&mut self, outcome: Outcome, at: Millis) {
        let number = at.0 / self.bucket.0;
        let place = usize::try_from(number % BUCKETS as u64).unwrap_or(0);
        let bucket = &mut self.buckets[place];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        let count = if outcome.is_success() { &mut bucket.good } else { &mut bucket.bad };
        *count = count.saturating_add(1);
    }

    /// Counts a check.
    pub fn check(&mut self, good: bool) {
        if good {
            self.failed_checks = 0;
            self.good_checks = self.good_checks.saturating_add(1);
            if self.good_checks >= GOOD_CHECKS && !self.checks_good {
                self.checks_good = true;
                // What failed while it was lost says nothing about what came back.
                self.buckets = [Bucket::default(); BUCKETS];
                self.alone_until = Millis(0);
            }
        } else {
            self.good_checks = 0;
            self.failed_checks = self.failed_checks.saturating_add(1);
            if self.failed_checks >= self.unhealthy_after {
                self.checks_good = false;
            }
        }
    }

    /// The share of requests that succeeded in the window; all of them while too
    /// few were made to say.
    #[must_use]
    pub fn success(&self, now: Millis) -> Ppm {
        let (good, bad) = self.counted(now);
        if good.saturating_add(bad) < MIN_REQUESTS { Ppm::ONE } else { Ppm::ratio(good, good.saturating_add(bad)) }
    }

    /// Requests in the window: those that succeeded, and the others.
    #[must_use]
    pub fn counted(&self, now: Millis) -> (u64, u64) {
        let number = now.0 / self.bucket.0;
        let counts = |bucket: &&Bucket| bucket.number <= number && number - bucket.number < BUCKETS as u64;
        self.buckets.iter().filter(counts).fold((0, 0), |(good, bad), bucket| {
            (u64::saturating_add(good, bucket.good), u64::saturating_add(bad, bucket.bad))
        })
    }

    /// The health that a score counts with: nothing when checks fail.
    #[must_use]
    pub fn value(&self, now: Millis) -> Ppm {
        if self.checks_good { self.success(now) } else { Ppm(0) }
    }

    /// Looks again whether the region can be used; once a tick.
    pub fn settle(&mut self, now: Millis) -> bool {
        let value = self.value(now);
        if self.alive && value < FLOOR {
            self.alive = false;
            if self.checks_good {
                // Nobody asks it meanwhile, so its window tells nothing: it is tried
                // again after a pause, and later each time that it fails again.
                let pause = self.window().0.saturating_mul(1 << self.times.min(16)).min(LONGEST.0);
                self.alone_until = Millis(now.0.saturating_add(pause));
                self.times = self.times.saturating_add(1);
            }
        } else if !self.alive && value >= BACK && now >= self.alone_until {
            self.alive = true;
            self.back_since = now;
        } else if self.alive && now.0.saturating_sub(self.back_since.0) > LONGEST.0 {
            self.times = 0;
        }
        self.alive
    }

    const fn window(&self) -> Millis {
        Millis(self.bucket.0 * BUCKETS as u64)
    }

    /// Whether checks find it: what its requests come to is another matter.
    #[must_use]
    pub const fn answers(&self) -> bool {
        self.checks_good
    }

    /// Whether it could be used when it was last looked at.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// Since when it can be used again; its start when it always could.
    #[must_use]
    pub const fn back_since(&self) -> Millis {
        self.back_since
    }
}

/// Whether so many regions are lost at once that the measuring is in doubt:
/// more than half. Where this is so, those that residency allows are tried.
#[must_use]
pub fn is_panic(all: RegionSet, alive: RegionSet) -> bool {
    let lost = all.minus(alive).count();
    lost * 2 > all.count()
}

/// Hosts or regions that do worse than their peers, left out for a while.
#[derive(Debug, Clone)]
pub struct Outliers {
    /// Until when each is out, and how often it was.
    out: Vec<(Millis, u32)>,
}

/// What is left out at most, as a share of all: where most are outliers, the
/// fault is elsewhere.
pub const MOST_OUT: Ppm = Ppm::percent(30);
/// An outlier succeeds so much less often than the mean of all.
const WORSE: Ppm = Ppm::percent(20);
/// The longest that one is left out, or alone.
const LONGEST: Millis = Millis::minutes(5);

impl Outliers {
    /// Nobody is out of so many.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { out: vec![(Millis(0), 0); count] }
    }

    /// Looks again who does worse than the others. `success` is each one's share;
    /// who is out is left out `first` long, twice as long each time
    /// until it has been good for a while, and up to
    /// half more by `jitter`, one random number each, so that they do not all
    /// come back at once. The worst go first, and never more than the cap.
    pub fn settle(&mut self, success: &[Ppm], first: Millis, jitter: &[Ppm], now: Millis) {
        let count = self.out.len().min(success.len());
        let sum: u64 = success.iter().take(count).map(|share| u64::from(share.0)).sum();
        let mean = sum / (count.max(1) as u64);
        let most = count as u64 * u64::from(MOST_OUT.0) / 1_000_000;
        let mut out_now = self.out.iter().filter(|(until, _)| *until > now).count() as u64;
        let mut worst: Vec<(Ppm, usize)> = success.iter().copied().zip(0..count).collect();
        worst.sort_unstable();
        for (share, at) in worst {
            let is_worse = u64::from(share.0) + u64::from(WORSE.0) < mean;
            let (until, times) = self.out[at];
            if !is_worse && now.0.saturating_sub(until.0) > LONGEST.0 {
                self.out[at] = (until, 0);
            }
            if !is_worse || until > now || out_now >= most {
                continue;
            }
            let doubled = first.0.saturating_mul(1 << times.min(16)).min(LONGEST.0);
            let random = u128::from(jitter.get(at).map_or(0, |share| share.0.min(1_000_000)));
            let more = u64::try_from(u128::from(doubled) * random / 2_000_000).unwrap_or(0);
            self.out[at] = (Millis(now.0.saturating_add(doubled).saturating_add(more)), times.saturating_add(1));
            out_now += 1;
        }
    }

    /// Whether one is out.
    #[must_use]
    pub fn is_out(&self, at: usize, now: Millis) -> bool {
        self.out.get(at).is_some_and(|(until, _)| *until > now)
    }

    /// When one that was out was let in again; 0 when it never was.
    #[must_use]
    pub fn back_since(&self, at: usize, now: Millis) -> Millis {
        self.out.get(at).map_or(Millis(0), |(until, _)| (*until).min(now))
    }

    /// Those that are out, where each is a region.
    #[must_use]
    pub fn regions(&self, now: Millis) -> RegionSet {
        (0..=u8::MAX).take(self.out.len()).filter(|at| self.is_out(usize::from(*at), now)).map(RegionNumber).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_while_it_was_lost_does_not_keep_a_region_away() {
        let mut health = Health::new(Millis::seconds(10), 1);
        health.check(false);
        for at in 0..1_000 {
            health.request(Outcome::Failed, Millis(at));
        }
        assert!(!health.settle(Millis(1_000)));
        health.check(true);
        assert!(!health.settle(Millis(1_001)), "once is chance");
        health.check(true);
        assert!(health.settle(Millis(1_002)));
        // What fails from here on counts again.
        (0..50).for_each(|_| health.request(Outcome::Failed, Millis(1_003)));
        assert!(!health.settle(Millis(1_004)));
    }

    /// It is asked for nothing while it is left alone, so its window is empty.
    #[test]
    fn a_region_that_fails_each_time_it_is_tried_is_tried_less_and_less_often() {
        let mut health = Health::new(Millis::seconds(10), 3);
        let (mut tries, mut was) = (Vec::new(), true);
        for second in 0..1_200_u64 {
            let now = Millis(second * 1_000);
            if was {
                (0..50).for_each(|_| health.request(Outcome::Failed, now));
            }
            let alive = health.settle(now);
            if alive && !was {
                tries.push(second);
            }
            was = alive;
        }
        assert!(tries.len() < 8, "{tries:?}");
        let pauses: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted() && pauses.last() >= Some(&300), "{pauses:?}");
        // What checks find again after a loss is not left alone.
        health.settle(Millis(1_200_000));
        (0..3).for_each(|_| health.check(false));
        (0..2).for_each(|_| health.check(true));
        assert!(health.settle(Millis(1_200_001)));
    }
}
