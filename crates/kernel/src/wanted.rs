//! What the kernel should enforce, and what it has to be told for that.
//!
//! Changes of one network that nobody has sent yet are one change. When many
//! networks have changed, or nobody knows what the kernel holds, everything is
//! sent in place of the changes: that is why a failure loses nothing.

use crate::Change;
use block::bans::{self, Net};
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Millis, Net4, Net6};

/// As many bans as the kernel is told, which is as many as there are; the one
/// that ends first makes room.
pub const MAX_BANS: usize = bans::MAX_BANS;

/// As many changes as are sent as changes. Each takes three commands, and a
/// ban in a table that is sent whole takes one: with more, whole is no dearer.
pub const MAX_CHANGES: usize = 4_096;

/// As many changes as one transaction takes once a larger one was refused. A
/// process in a user namespace may not enlarge the buffer that nft sends from:
/// 208 KiB, of which a change takes 120 bytes.
pub const MAX_PART: usize = 1_024;

/// How long the kernel enforces at most, whoever bans for longer: nft refuses
/// numbers of more than eight digits. After it the ban is enforced as without
/// a kernel.
pub const LONGEST: Millis = Millis::days(365);

/// What a batch does to what the kernel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// It takes its place.
    Whole,
    /// It goes on with a whole: nothing in it can be there yet.
    Rest,
    /// It changes it.
    Changes,
}

/// What the kernel is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Whether these are all bans that there are, or changes to them.
    pub(crate) scope: Scope,
    /// Who is banned, and how long still.
    pub(crate) bans: Vec<(Net, Millis)>,
    /// Who is banned no more.
    pub(crate) lifts: Vec<Net>,
}

impl Batch {
    /// How many networks it is about.
    pub(crate) fn len(&self) -> usize {
        self.bans.len().saturating_add(self.lifts.len())
    }

    /// The same in parts about so many networks each.
    pub(crate) fn in_parts(self, most: usize) -> Vec<Self> {
        if self.len() <= most {
            return vec![self];
        }
        let scope = if self.scope == Scope::Changes { Scope::Changes } else { Scope::Rest };
        let part = |bans: &[_], lifts: &[_]| Self { scope, bans: bans.to_vec(), lifts: lifts.to_vec() };
        let bans = self.bans.chunks(most).map(|bans| part(bans, &[]));
        let mut parts: Vec<_> = bans.chain(self.lifts.chunks(most).map(|lifts| part(&[], lifts))).collect();
        if let Some(first) = parts.first_mut() {
            first.scope = self.scope;
        }
        parts
    }
}

/// The bans that the kernel should enforce.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Until when each lasts, in milliseconds of the caller's clock.
    bans: BTreeMap<Net, u64>,
    by_end: BTreeSet<(u64, Net)>,
    /// What has changed since the last batch; at most [`MAX_CHANGES`].
    changed: BTreeSet<Net>,
    /// Whether everything goes into the next batch.
    all: bool,
}

impl Wanted {
    /// Takes a change in; no work of more than a few searches.
    pub(crate) fn change(&mut self, change: Change, now: u64) {
        self.expire(now);
        match change {
            Change::Ban { net, lasts } => {
                let Some(net) = canonical(net) else { return };
                let lasts = lasts.min(LONGEST);
                self.remove(net);
                if lasts.0 > 0 {
                    self.make_room();
                    self.bans.insert(net, now.saturating_add(lasts.0));
                    self.by_end.insert((now.saturating_add(lasts.0), net));
                }
                self.mark(net);
            }
            Change::Lift(net) => {
                let Some(net) = canonical(net) else { return };
                self.remove(net);
                self.mark(net);
            }
        }
    }

    /// Sends everything with the next batch: nobody knows what the kernel holds.
    pub(crate) fn resync(&mut self) {
        self.all = true;
        self.changed.clear();
    }

    /// Whether there is anything to send.
    pub(crate) fn is_behind(&self) -> bool {
        self.all || !self.changed.is_empty()
    }

    /// How many bans there are.
    pub(crate) fn len(&self) -> usize {
        self.bans.len()
    }

    /// What is to be sent now. Whoever cannot send it calls [`Self::resync`].
    pub(crate) fn take(&mut self, now: u64) -> Batch {
        self.expire(now);
        let changed = std::mem::take(&mut self.changed);
        let left = |until: u64| Millis(until.saturating_sub(now));
        if std::mem::take(&mut self.all) {
            let bans = self.bans.iter().map(|(net, until)| (*net, left(*until))).collect();
            return Batch { scope: Scope::Whole, bans, lifts: Vec::new() };
        }
        let (mut bans, mut lifts) = (Vec::new(), Vec::new());
        for net in changed {
            match self.bans.get(&net) {
                Some(until) => bans.push((net, left(*until))),
                None => lifts.push(net),
            }
        }
        Batch { scope: Scope::Changes, bans, lifts }
    }

    fn mark(&mut self, net: Net) {
        if self.all {
            return;
        }
        self.changed.insert(net);
        if self.changed.len() > MAX_CHANGES {
            self.resync();
        }
    }

    /// The kernel ends its bans itself, so nothing is sent for what has ended.
    fn expire(&mut self, now: u64) {
        while let Some((_, net)) = self.by_end.first().copied().filter(|(until, _)| *until <= now) {
            self.remove(net);
        }
    }

    fn make_room(&mut self) {
        if self.bans.len() >= MAX_BANS
            && let Some((_, net)) = self.by_end.first().copied()
        {
            self.remove(net);
            self.mark(net);
        }
    }

    fn remove(&mut self, net: Net) {
        if let Some(until) = self.bans.remove(&net) {
            self.by_end.remove(&(until, net));
        }
    }
}

/// A network without host bits; `None` when its prefix is longer than an
/// address, so that nobody is in it.
fn canonical(net: Net) -> Option<Net> {
    match net {
        Net::V4(net) => Net4::new(net.address, net.prefix).map(|net| Net::V4(net.network())),
        Net::V6(net) => Net6::new(net.address, net.prefix).map(|net| Net::V6(net.network())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn net(number: u32) -> Net {
        Net::V4(Net4 { address: Ipv4Addr::from(number), prefix: 32 })
    }

    fn ban(number: u32, lasts: u64) -> Change {
        Change::Ban { net: net(number), lasts: Millis(lasts) }
    }

    #[test]
    fn what_changes_twice_is_sent_once() {
        let mut wanted = Wanted::default();
        wanted.change(ban(1, 100), 0);
        wanted.change(ban(1, 50), 10);
        wanted.change(ban(2, 50), 10);
        wanted.change(Change::Lift(net(2)), 10);
        let batch = Batch { scope: Scope::Changes, bans: vec![(net(1), Millis(40))], lifts: vec![net(2)] };
        assert_eq!(wanted.take(20), batch);
        assert!(!wanted.is_behind());
    }

    #[test]
    fn too_many_changes_become_everything() {
        let mut wanted = Wanted::default();
        (0..5_000).for_each(|number| wanted.change(ban(number, 1_000), 0));
        let batch = wanted.take(0);
        assert_eq!(batch.scope, Scope::Whole);
        assert_eq!(batch.bans.len(), 5_000);
    }

    #[test]
    fn parts_are_the_whole() {
        let bans: Vec<_> = (0..7).map(|number| (net(number), Millis(5))).collect();
        let lifts: Vec<_> = (7..12).map(net).collect();
        let batch = Batch { scope: Scope::Changes, bans, lifts };
        for most in 1..=13 {
            let parts = batch.clone().in_parts(most);
            assert!(parts.iter().all(|part| part.len() <= most && part.scope == Scope::Changes));
            assert_eq!(parts.iter().flat_map(|part| part.bans.clone()).collect::<Vec<_>>(), batch.bans);
            assert_eq!(parts.iter().flat_map(|part| part.lifts.clone()).collect::<Vec<_>>(), batch.lifts);
        }
        let whole = Batch { scope: Scope::Whole, ..batch }.in_parts(5);
        assert_eq!(whole.iter().map(|part| part.scope).collect::<Vec<_>>(), [Scope::Whole, Scope::Rest, Scope::Rest]);
    }

    #[test]
    fn the_ban_that_ends_first_makes_room_and_is_lifted() {
        let mut wanted = Wanted::default();
        let most = u32::try_from(MAX_BANS).unwrap();
        (0..most).for_each(|number| wanted.change(ban(number, 1_000 + u64::from(number)), 0));
        wanted.take(0);
        wanted.change(ban(most, 5_000), 0);
        assert_eq!(wanted.len(), MAX_BANS);
        assert_eq!(wanted.take(0).lifts, [net(0)]);
    }

    #[test]
    fn a_ban_for_ever_is_as_long_as_the_kernel_takes() {
        let mut wanted = Wanted::default();
        wanted.change(ban(1, u64::MAX), u64::MAX / 2);
        assert_eq!(wanted.take(u64::MAX / 2).bans, [(net(1), LONGEST)]);
    }

    #[test]
    fn a_prefix_that_no_address_has_bans_nobody() {
        let mut wanted = Wanted::default();
        let net = Net::V4(Net4 { address: Ipv4Addr::LOCALHOST, prefix: 33 });
        wanted.change(Change::Ban { net, lasts: Millis(5) }, 0);
        assert!(!wanted.is_behind());
    }

    proptest! {
        /// A kernel that is told every batch, of which some fail, bans after
        /// the next good one whom the last words on each network ban.
        #[test]
        fn the_kernel_follows_whatever_fails(
            steps in prop::collection::vec((0u32..12, 0u64..60, 0u64..20, 0u8..8), 1..200)
        ) {
            let (mut wanted, mut now) = (Wanted::default(), 0);
            let (mut truth, mut kernel) = (BTreeMap::new(), BTreeMap::new());
            for (number, lasts, pause, kind) in steps {
                now += pause;
                if kind < 5 {
                    wanted.change(ban(number, lasts), now);
                    truth.insert(net(number), now + lasts);
                } else if kind == 5 {
                    wanted.change(Change::Lift(net(number)), now);
                    truth.remove(&net(number));
                } else {
                    let batch = wanted.take(now);
                    if kind == 6 {
                        wanted.resync();
                        continue;
                    }
                    if batch.scope == Scope::Whole {
                        kernel.clear();
                    }
                    batch.lifts.iter().for_each(|net| { kernel.remove(net); });
                    kernel.extend(batch.bans.iter().map(|(net, left)| (*net, now + left.0)));
                    kernel.retain(|_, until| *until > now);
                    truth.retain(|_, until| *until > now);
                    prop_assert_eq!(&kernel, &truth);
                }
            }
        }
    }
}
