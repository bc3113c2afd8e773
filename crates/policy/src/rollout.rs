//! How another version reaches the regions: one after the other, part by part,
//! each watched before the next begins, and a region that gets worse put back.
//!
//! It decides and carries nothing out: whoever drives it does the step that it
//! is told, says what it sees, and is told the next one. It must never have two
//! regions in between at once, nor take silence for health: where nobody asks,
//! nothing is known, and it waits and then stops.

use crate::set::RegionNumber;
use planet::{Planet, Region, Strategy};
use std::collections::VecDeque;
use vocab::{Millis, Ppm};

/// How fast the error budget goes, in thousandths of the speed that uses up all
/// of it in its period and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Burn(pub u64);

impl Burn {
    /// That of so many failed requests, where so many may succeed at least. A
    /// promise of everything has no budget: any failure is too fast then.
    #[must_use]
    pub fn of(failed: Ppm, availability: Ppm) -> Self {
        let budget = u64::from(Ppm::ONE.0.saturating_sub(availability.0));
        let burnt = u64::from(failed.0).saturating_mul(1_000);
        Self(burnt.checked_div(budget).unwrap_or(if burnt == 0 { 0 } else { u64::MAX }))
    }
}

/// When a part is good, and when it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// How long a part is watched.
    pub watch: Millis,
    /// At most so fast over all of that.
    pub calm: Burn,
    /// This fast over five minutes is bad at once: a budget of 30 days gone in two.
    pub page: Burn,
    /// For a part to be in its place, and for requests to come.
    pub patience: Millis,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            watch: Millis::minutes(10),
            calm: Burn(1_000),
            page: Burn(14_400),
            // A host whose log it has to follow first may take twenty.
            patience: Millis::minutes(30),
        }
    }
}

/// A part of a region that is replaced at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The host: agents are seated elsewhere meanwhile, and whoever sits there
    /// waits for as long as it takes to start.
    Host,
    /// Gateways of the new version beside the others, without traffic.
    Beside,
    /// So much of the traffic goes to gateways of the new version.
    Traffic(Ppm),
    /// Gateways of the old version go.
    Old,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Have a part run the new version.
    Forward(RegionNumber, Part),
    /// Have it run the old one again.
    Back(RegionNumber, Part),
}

/// What is seen of the part that was told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is in its place, and ready.
    pub ready: bool,
    /// Over five minutes; nothing where too few have asked.
    pub short: Option<Burn>,
    /// Over the time that it was watched; the same.
    pub long: Option<Burn>,
}

/// Why it did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// It was not ready in time.
    NotReady,
    /// Errors came too fast.
    Burns(Burn),
    /// Nobody asked anything, so nobody knows.
    NotMeasured,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every region runs the new version.
    Done,
    /// This region was put back; those before it run the new version.
    PutBack(RegionNumber, Bad),
    /// It stands where it is, because the planet wants nothing put back.
    Stopped(RegionNumber, Bad),
    /// What is to be put back does not become ready: this is a person's.
    Stuck(RegionNumber, Part),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was told yet.
    Before,
    /// A part was told, and is to be ready.
    Moves {
        since: Millis,
    },
    /// It is ready, and watched.
    Watched {
        since: Millis,
    },
    /// A region is put back, part by part.
    Back {
        since: Millis,
        why: Bad,
    },
    Ended(End),
}

/// What is to be told next, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: go on looking.
    Wait,
    /// Do this.
    Do(Step),
    /// Nothing more.
    Ended(End),
}

/// A rollout.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// What is still to be done, in its order; first what is being done.
    ahead: VecDeque<(RegionNumber, Part)>,
    /// What this region has of the new version, the last first.
    behind: Vec<Part>,
    gate: Gate,
    puts_back: bool,
    state: State,
}

/// The shares of traffic in which a region's gateways are replaced.
fn waves(strategy: Strategy, gateways: u32) -> Vec<Part> {
    match strategy {
        Strategy::BlueGreen => vec![Part::Beside, Part::Traffic(Ppm::ONE), Part::Old],
        Strategy::Rolling => {
            (1..=gateways.max(1)).map(|done| Part::Traffic(Ppm::ratio(done.into(), gateways.max(1).into()))).collect()
        }
        Strategy::Canary => {
            let shares = [Ppm::percent(5), Ppm::percent(25), Ppm::ONE].map(Part::Traffic);
            std::iter::once(Part::Beside).chain(shares).chain([Part::Old]).collect()
        }
    }
}

/// The parts of a region, in their order.
#[must_use]
pub fn parts(strategy: Strategy, region: &Region) -> Vec<Part> {
    let gateways = waves(strategy, region.replicas.at_start());
    // Gateways first: one of the new version and a host of the old one is what
    // every version is tried as, and a host is what nobody can have two of.
    gateways.into_iter().chain([Part::Host]).collect()
}

/// The regions in the order of a planet's rollout, by their numbers.
#[must_use]
pub fn order(planet: &Planet) -> Vec<(RegionNumber, &Region)> {
    let mut ids: Vec<&str> = planet.region.iter().map(|region| region.id.as_str()).collect();
    ids.sort_unstable();
    let number = |region: &Region| {
        let at = ids.iter().position(|id| *id == region.id.as_str()).unwrap_or_default();
        RegionNumber(u8::try_from(at).unwrap_or(u8::MAX))
    };
    let asked = planet.rollout.as_ref().map(|rollout| rollout.order.as_slice()).unwrap_or_default();
    let named = asked.iter().filter_map(|id| planet.region.iter().find(|region| region.id.as_str() == id.as_str()));
    let rest = planet.region.iter().filter(|region| !asked.iter().any(|id| id.as_str() == region.id.as_str()));
    named.chain(rest).map(|region| (number(region), region)).collect()
}

impl Rollout {
    /// A planet's, with a gate.
    #[must_use]
    pub fn new(planet: &Planet, gate: Gate) -> Self {
        let strategy = planet.rollout.as_ref().map_or(Strategy::BlueGreen, |rollout| rollout.strategy.value);
        let puts_back = planet.rollout.as_ref().is_none_or(|rollout| rollout.rollback.value);
        let of = |(number, region): (RegionNumber, &Region)| {
            parts(strategy, region).into_iter().map(move |part| (number, part)).collect::<Vec<_>>()
        };
        let ahead = order(planet).into_iter().flat_map(of).collect();
        Self { ahead, behind: Vec::new(), gate, puts_back, state: State::Before }
    }

    /// What is to be done now, from what is seen of what was told last.
    pub fn next(&mut self, seen: Seen, now: Millis) -> Next {
        let waited = |since: Millis| Millis(now.0.saturating_sub(since.0));
        match self.state {
            State::Ended(end) => Next::Ended(end),
            State::Before => self.begin(now),
            State::Moves { since } if seen.ready => {
                self.state = State::Watched { since: now };
                self.judge(seen, waited(since).min(Millis(0)), now)
            }
            State::Moves { since } if waited(since) >= self.gate.patience => self.is_bad(Bad::NotReady, now),
            State::Moves { .. } => Next::Wait,
            State::Watched { since } => self.judge(seen, waited(since), now),
            State::Back { why, .. } if seen.ready => self.go_back(why, now),
            State::Back { since, .. } if waited(since) >= self.gate.patience => self.end(self.stuck()),
            State::Back { .. } => Next::Wait,
        }
    }

    /// Tells the part that is next.
    fn begin(&mut self, now: Millis) -> Next {
        let Some(&(region, part)) = self.ahead.front() else { return self.end(End::Done) };
        self.state = State::Moves { since: now };
        Next::Do(Step::Forward(region, part))
    }

    /// Whether a part that is watched is bad, good, or neither yet.
    fn judge(&mut self, seen: Seen, watched: Millis, now: Millis) -> Next {
        if !seen.ready {
            return self.is_bad(Bad::NotReady, now);
        }
        if let Some(burn) = seen.short.filter(|burn| *burn >= self.gate.page) {
            return self.is_bad(Bad::Burns(burn), now);
        }
        match seen.long {
            _ if watched < self.gate.watch => Next::Wait,
            Some(burn) if burn > self.gate.calm => self.is_bad(Bad::Burns(burn), now),
            Some(_) => self.is_good(now),
            // What has no traffic yet cannot be asked, and does no harm.
            None if self.ahead.front().is_some_and(|(_, part)| *part == Part::Beside) => self.is_good(now),
            None if watched >= self.gate.patience => self.is_bad(Bad::NotMeasured, now),
            None => Next::Wait,
        }
    }

    fn is_good(&mut self, now: Millis) -> Next {
        if let Some((region, part)) = self.ahead.pop_front() {
            self.behind.push(part);
            if self.ahead.front().is_none_or(|(next, _)| *next != region) {
                // This region is whole: it is never put back for what another one does.
                self.behind.clear();
            }
        }
        self.begin(now)
    }

    fn is_bad(&mut self, why: Bad, now: Millis) -> Next {
        let Some(&(region, part)) = self.ahead.front() else { return self.end(End::Done) };
        if !self.puts_back {
            return self.end(End::Stopped(region, why));
        }
        // What was told last may be half way: it is the first to be put back.
        self.behind.push(part);
        self.state = State::Back { since: now, why };
        Next::Do(Step::Back(region, part))
    }

    /// The part that was told last is back: the one before it, or the end.
    fn go_back(&mut self, why: Bad, now: Millis) -> Next {
        self.behind.pop();
        let Some(&(region, _)) = self.ahead.front() else { return self.end(End::Done) };
        let Some(&part) = self.behind.last() else { return self.end(End::PutBack(region, why)) };
        self.state = State::Back { since: now, why };
        Next::Do(Step::Back(region, part))
    }

    fn stuck(&self) -> End {
        let (region, part) = self.ahead.front().copied().unwrap_or((RegionNumber(0), Part::Host));
        End::Stuck(region, self.behind.last().copied().unwrap_or(part))
    }

    fn end(&mut self, end: End) -> Next {
        self.state = State::Ended(end);
        Next::Ended(end)
    }
}
