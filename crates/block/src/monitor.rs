//! Whom a block turns away: scores sources by what they did in the last
//! window, and bans those that score too high.
//!
//! The rule is the one that was published: large traffic, many requests and
//! many destinations each add their score, and the mean score of single events
//! is added to them. There the highest score that anything honest or hostile
//! reached was below the threshold, so that nobody was ever banned; here a test
//! replays the flood that went through.
//!
//! Envelope: a source is 72 bytes and its destinations at most 16 more each up
//! to one above the limit; an event touches one entry of a map that holds at
//! most [`MAX_SOURCES`].

use std::collections::{BTreeMap, BTreeSet};
use vocab::Millis;

/// A block serves 60 agents; this many sources at once are an attack, and the
/// one that has been quiet longest makes room.
pub const MAX_SOURCES: usize = 4_096;

/// What scores how much, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Over how much time a source is scored.
    pub window: Millis,
    /// Traffic above this adds `large_score`.
    pub large: u64,
    /// For more traffic.
    pub large_score: u32,
    /// Requests above this add `requests_score`.
    pub requests: u32,
    /// For more requests.
    pub requests_score: u32,
    /// Destinations above this add `destinations_score`.
    pub destinations: u32,
    /// For more destinations.
    pub destinations_score: u32,
    /// The most that the mean score of single events adds.
    pub event_score: u32,
    /// Above this a source is suspicious.
    pub suspicious: u32,
    /// Above this it is banned.
    pub blocked: u32,
}

/// One thing that a source did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<K> {
    /// Who.
    pub source: K,
    /// How many bytes.
    pub bytes: u64,
    /// Whom it was for: a tag of the destination.
    pub destination: u64,
}

/// What a source has earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing to see.
    Good,
    /// Worth a look.
    Suspicious,
    /// To be turned away.
    Banned,
}

/// A source's last window, in two halves of which the older one fades: what it
/// did in the current half, and what it did in the one before.
#[derive(Debug, Clone, Default)]
struct Source {
    half: u64,
    now: Half,
    before: Half,
}

#[derive(Debug, Clone, Default)]
struct Half {
    bytes: u64,
    requests: u32,
    event_scores: u64,
    destinations: BTreeSet<u64>,
}

/// Scores the sources of a block.
#[derive(Debug, Clone)]
pub struct Monitor<K> {
    rules: Rules,
    sources: BTreeMap<K, Source>,
}

impl<K: Ord + Copy> Monitor<K> {
    /// A monitor that has seen nothing.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, sources: BTreeMap::new() }
    }

    /// Takes an event in, and says what its source has earned by now.
    pub fn see(&mut self, event: Event<K>, now_ms: u64) -> Standing {
        let half = now_ms / (self.rules.window.0 / 2).max(1);
        if !self.sources.contains_key(&event.source) && self.sources.len() >= MAX_SOURCES {
            self.forget_one();
        }
        let source = self.sources.entry(event.source).or_default();
        source.turn_to(half);
        source.now.add(&event, &self.rules);
        self.rules.standing(source.score(&self.rules))
    }

    /// What a source scores now.
    #[must_use]
    pub fn score(&self, source: K, now_ms: u64) -> u32 {
        let half = now_ms / (self.rules.window.0 / 2).max(1);
        let Some(known) = self.sources.get(&source) else { return 0 };
        let mut known = known.clone();
        known.turn_to(half);
        known.score(&self.rules)
    }

    /// How many sources are remembered.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The source that has been quiet longest makes room.
    fn forget_one(&mut self) {
        let quietest = self.sources.iter().min_by_key(|(_, source)| source.half).map(|(source, _)| *source);
        quietest.map(|source| self.sources.remove(&source));
    }
}

impl Source {
    fn turn_to(&mut self, half: u64) {
        match half.saturating_sub(self.half) {
            0 => {}
            1 => {
                self.before = std::mem::take(&mut self.now);
                self.half = half;
            }
            _ => *self = Self { half, ..Self::default() },
        }
    }

    fn score(&self, rules: &Rules) -> u32 {
        let bytes = self.now.bytes.saturating_add(self.before.bytes);
        let requests = self.now.requests.saturating_add(self.before.requests);
        let destinations = self.now.destinations.union(&self.before.destinations).take(rules.destinations as usize + 1);
        let over = |over: bool, score: u32| if over { score } else { 0 };
        let events = self.now.event_scores.saturating_add(self.before.event_scores);
        let mean = events.checked_div(u64::from(requests)).and_then(|mean| u32::try_from(mean).ok()).unwrap_or(0);
        over(bytes > rules.large, rules.large_score)
            .saturating_add(over(requests > rules.requests, rules.requests_score))
            .saturating_add(over(destinations.count() > rules.destinations as usize, rules.destinations_score))
            .saturating_add(mean.min(rules.event_score))
    }
}

impl Half {
    fn add<K>(&mut self, event: &Event<K>, rules: &Rules) {
        self.bytes = self.bytes.saturating_add(event.bytes);
        self.requests = self.requests.saturating_add(1);
        self.event_scores = self.event_scores.saturating_add(u64::from(rules.event(event)));
        // One more than the limit is as good as a thousand more.
        if self.destinations.len() <= rules.destinations as usize {
            self.destinations.insert(event.destination);
        }
    }
}

impl Rules {
    /// What a single event scores: its share of what is large in a whole
    /// window, so that one request of a mebibyte counts in full and a thousand
    /// small ones not at all.
    fn event<K>(&self, event: &Event<K>) -> u32 {
        let score = u128::from(event.bytes) * u128::from(self.event_score) / u128::from(self.large.max(1));
        u32::try_from(score).unwrap_or(u32::MAX).min(self.event_score)
    }

    const fn standing(&self, score: u32) -> Standing {
        if score > self.blocked {
            Standing::Banned
        } else if score > self.suspicious {
            Standing::Suspicious
        } else {
            Standing::Good
        }
    }
}
