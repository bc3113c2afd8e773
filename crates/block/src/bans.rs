//! Who is turned away, why, and until when.
//!
//! A ban is of a network: an address that misbehaves is a /32, or the /64 of an
//! IPv6 customer, and an operator may ban whatever range they like. Each ban of
//! the same network lasts twice as long as the one before it, until it has
//! stayed good for a while. Failed authentications lock out the source that
//! they came from, never the agent that they named: otherwise anybody could
//! lock out anybody.
//!
//! Looking an address up costs one search for each prefix length that is in
//! use, which are a handful.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vocab::{Millis, Net4, Net6};

/// As many bans as are kept; the one that ends first makes room.
pub const MAX_BANS: usize = 65_536;

/// As many sources of failed authentications as are counted.
pub const MAX_FAILING: usize = 65_536;

/// How long a first ban lasts.
pub const FIRST: Millis = Millis::minutes(5);

/// How long any ban lasts at most: a week of a wrong ban is long enough.
pub const LONGEST: Millis = Millis::days(7);

/// How long after a ban has ended the next one still counts as a repetition.
pub const REMEMBERED: Millis = Millis::days(7);

/// A network of either family, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// IPv4.
    V4(Net4),
    /// IPv6.
    V6(Net6),
}

impl Net {
    /// What a single source is banned as: its address, or its /64.
    #[must_use]
    pub fn of_source(source: IpAddr) -> Self {
        match source.to_canonical() {
            IpAddr::V4(address) => Self::V4(Net4 { address, prefix: 32 }),
            IpAddr::V6(address) => Self::V6(Net6 { address, prefix: 64 }.network()),
        }
    }

    /// The network that an address is in at a prefix length.
    fn around(source: IpAddr, prefix: u8) -> Self {
        match source {
            IpAddr::V4(address) => Self::V4(Net4 { address, prefix }.network()),
            IpAddr::V6(address) => Self::V6(Net6 { address, prefix }.network()),
        }
    }

    /// Whether a source is in it.
    #[must_use]
    pub fn includes(self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        source.is_ipv4() == self.is_v4() && Self::around(source, self.prefix()) == self.network()
    }

    const fn prefix(self) -> u8 {
        match self {
            Self::V4(net) => net.prefix,
            Self::V6(net) => net.prefix,
        }
    }

    const fn is_v4(self) -> bool {
        matches!(self, Self::V4(_))
    }

    /// The same network without host bits.
    #[must_use]
    pub fn network(self) -> Self {
        match self {
            Self::V4(net) => Self::V4(net.network()),
            Self::V6(net) => Self::V6(net.network()),
        }
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V4(net) => net.fmt(f),
            Self::V6(net) => net.fmt(f),
        }
    }
}

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its traffic scored too high.
    Traffic(u32),
    /// It failed to authenticate too often.
    Authentication,
    /// The hubs agreed.
    Verdict,
    /// An operator said so.
    Operator,
}

/// A ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Why.
    pub reason: Reason,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
    /// Until when.
    pub until: u64,
    /// Which ban of this network it is, counted from 1.
    pub times: u32,
}

/// Everybody who is turned away.
#[derive(Debug, Clone, Default)]
pub struct Bans {
    bans: BTreeMap<Net, Ban>,
    /// The same by when they end, so that neither ending nor making room is a
    /// walk over all of them.
    by_end: BTreeSet<(u64, Net)>,
    /// How many bans there are of each family and prefix length.
    lengths: BTreeMap<(bool, u8), usize>,
    /// Bans that have ended and still count as the time before.
    ended: BTreeMap<Net, Ban>,
    ended_by_end: BTreeSet<(u64, Net)>,
}

impl Bans {
    /// Bans a network, or prolongs its ban; until when it now lasts.
    pub fn ban(&mut self, net: Net, reason: Reason, now: u64) -> u64 {
        let net = net.network();
        self.expire(now);
        let last = self.bans.get(&net).or_else(|| self.ended.get(&net));
        let times = last.map_or(0, |ban| ban.times).saturating_add(1);
        let long = FIRST.0.saturating_mul(1 << (times - 1).min(20)).min(LONGEST.0);
        self.insert(net, Ban { reason, since: now, until: now.saturating_add(long), times });
        now.saturating_add(long)
    }

    /// Bans a network until a moment: a lockout, a verdict or an operator's word.
    pub fn ban_until(&mut self, net: Net, reason: Reason, now: u64, until: u64) {
        self.expire(now);
        self.insert(net.network(), Ban { reason, since: now, until, times: 1 });
    }

    /// The ban that turns an address away, if there is one: of those that do,
    /// the one that lasts longest.
    #[must_use]
    pub fn turned_away(&self, source: IpAddr, now: u64) -> Option<(Net, Ban)> {
        let source = source.to_canonical();
        let of_family = self.lengths.keys().filter(|(is_v4, _)| *is_v4 == source.is_ipv4());
        let found = of_family.filter_map(|(_, prefix)| {
            let net = Net::around(source, *prefix);
            self.bans.get(&net).filter(|ban| ban.until > now).map(|ban| (net, *ban))
        });
        found.max_by_key(|(_, ban)| ban.until)
    }

    /// Lifts a ban; `false` when there was none. What was lifted does not count
    /// as a repetition.
    pub fn lift(&mut self, net: Net) -> bool {
        let net = net.network();
        self.forget(net);
        self.remove(net).is_some()
    }

    /// Lets a ban that has ended count no more.
    fn forget(&mut self, net: Net) {
        if let Some(ban) = self.ended.remove(&net) {
            self.ended_by_end.remove(&(ban.until, net));
        }
    }

    /// All bans, in the order of their networks.
    pub fn list(&self, now: u64) -> impl Iterator<Item = (Net, Ban)> {
        self.bans.iter().filter(move |(_, ban)| ban.until > now).map(|(net, ban)| (*net, *ban))
    }

    /// Takes out what has ended; what it took out.
    pub fn expire(&mut self, now: u64) -> Vec<Net> {
        let mut over = Vec::new();
        while let Some((_, net)) = self.by_end.first().copied().filter(|(until, _)| *until <= now) {
            if let Some(ban) = self.remove(net) {
                self.ended_by_end.insert((ban.until, net));
                self.ended.insert(net, ban);
            }
            over.push(net);
        }
        let old = |(until, _): &(u64, Net)| until.saturating_add(REMEMBERED.0) <= now;
        while self.ended.len() > MAX_BANS || self.ended_by_end.first().is_some_and(old) {
            let Some((_, net)) = self.ended_by_end.pop_first() else { break };
            self.ended.remove(&net);
        }
        over
    }

    fn insert(&mut self, net: Net, ban: Ban) {
        if self.bans.len() >= MAX_BANS && !self.bans.contains_key(&net) {
            let first = self.by_end.first().copied();
            first.and_then(|(_, net)| self.remove(net));
        }
        self.forget(net);
        self.remove(net);
        self.bans.insert(net, ban);
        self.by_end.insert((ban.until, net));
        *self.lengths.entry((net.is_v4(), net.prefix())).or_default() += 1;
    }

    fn remove(&mut self, net: Net) -> Option<Ban> {
        let ban = self.bans.remove(&net)?;
        self.by_end.remove(&(ban.until, net));
        let key = (net.is_v4(), net.prefix());
        let left = self.lengths.get(&key).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            self.lengths.remove(&key);
        } else {
            self.lengths.insert(key, left);
        }
        Some(ban)
    }
}

/// Counts failed authentications by their source.
#[derive(Debug, Clone)]
pub struct Lockout {
    failures: u32,
    lasts: Millis,
    failing: BTreeMap<Net, (u32, u64)>,
}

impl Lockout {
    /// So many failures lock a source out for so long.
    #[must_use]
    pub const fn new(failures: u32, lasts: Millis) -> Self {
        Self { failures, lasts, failing: BTreeMap::new() }
    }

    /// A source failed to authenticate, whomever it named. Until when it is
    /// locked out, if this was once too often.
    pub fn failed(&mut self, source: IpAddr, now: u64) -> Option<u64> {
        let net = Net::of_source(source);
        let lasts = self.lasts.0;
        if self.failing.len() >= MAX_FAILING && !self.failing.contains_key(&net) {
            self.failing.retain(|_, (_, since)| since.saturating_add(lasts) > now);
        }
        if self.failing.len() >= MAX_FAILING && !self.failing.contains_key(&net) {
            let oldest = self.failing.iter().min_by_key(|(_, (_, since))| *since).map(|(net, _)| *net);
            oldest.and_then(|net| self.failing.remove(&net));
        }
        let (count, since) = self.failing.entry(net).or_insert((0, now));
        if since.saturating_add(lasts) <= now {
            (*count, *since) = (0, now);
        }
        *count += 1;
        if *count < self.failures {
            return None;
        }
        self.failing.remove(&net);
        Some(now.saturating_add(lasts))
    }

    /// A source has authenticated: what it failed before is forgotten.
    pub fn succeeded(&mut self, source: IpAddr) {
        self.failing.remove(&Net::of_source(source));
    }
}
