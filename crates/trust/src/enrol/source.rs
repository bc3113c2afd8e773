//! Where applications come from, and how many come from there.
//!
//! A source is as coarse as addresses are handed out: an IPv4 address, or the
//! /64 of an IPv6 customer. Whoever has many of those has them side by side, so
//! the networks around a source are charged as well, each with a larger share.
//! All are asked before any is charged.
//!
//! The tables are bounded, and a full one turns nobody away: it forgets the
//! network that is nearest to being free again. Whoever could fill a table, and
//! so be forgotten, is still held by the network around them.

use crate::ids::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use vocab::Millis;
use vocab::limit::{Answer, Due, Limit};

/// Networks that are remembered of each of five widths, once for signature
/// checks and once for quotas: about 4 MB each when all are. It is every /16 of IPv4, so those are never forgotten.
pub const MOST_SOURCES: usize = 1 << 16;

/// What the /16 around an IPv4 address may do, in shares of one source.
pub const SHARES_V4_16: u32 = 1_024;

/// What the /48 around an IPv6 source may do, in shares of one source. A site
/// has a /48, and is a household or a firm: as many as sixteen customers.
pub const SHARES_V6_48: u32 = 16;

/// What the /32 around an IPv6 source may do, in shares of one source: a
/// provider has a /32 at least, and 64 sites may use all that is theirs.
pub const SHARES_V6_32: u32 = 1_024;

/// Where an application comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    V4(u32),
    /// The first 64 bits.
    V6(u64),
}

/// The well-known prefix of translators from IPv4 (RFC 6052), in front of 32
/// bits: behind one of them every IPv4 client would be one source.
const TRANSLATED: u128 = 0x0064_ff9b << 96;

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        let v6 = |address: Ipv6Addr| {
            let bits = u128::from(address);
            match u32::try_from(bits ^ TRANSLATED) {
                Ok(v4) => Place::V4(v4),
                Err(_) => Place::V6(u64::try_from(bits >> 64).unwrap_or(u64::MAX)),
            }
        };
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Place::V4(address.into()),
            IpAddr::V6(address) => v6(address),
        })
    }
}

/// A network around a source.
#[derive(Debug, Clone, Copy)]
struct Width {
    /// Bits of the source that it leaves out.
    without: u32,
    /// Its share.
    shares: u32,
}

const V4: [Width; 2] = [Width { without: 0, shares: 1 }, Width { without: 16, shares: SHARES_V4_16 }];
const V6: [Width; 3] = [
    Width { without: 0, shares: 1 },
    Width { without: 16, shares: SHARES_V6_48 },
    Width { without: 32, shares: SHARES_V6_32 },
];

/// What every source has done lately, by one limit. Debug shows no address.
#[derive(Default)]
pub(super) struct Tally {
    v4: [Table; V4.len()],
    v6: [Table; V6.len()],
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: usize = self.v4.iter().chain(&self.v6).map(|table| table.due.len()).sum();
        f.debug_struct("Tally").field("networks", &known).finish_non_exhaustive()
    }
}

impl Tally {
    /// Counts one for a source when it, and every network around it, may do one
    /// more. `limit` is the limit of so many shares, and always the same.
    ///
    /// # Errors
    /// When one of them may not; how long it has to wait.
    pub(super) fn count(&mut self, source: Source, limit: impl Fn(u32) -> Limit, now: Moment) -> Result<(), Millis> {
        let (tables, widths, bits): (&mut [Table], &[Width], u64) = match source.0 {
            Place::V4(bits) => (&mut self.v4, &V4, bits.into()),
            Place::V6(bits) => (&mut self.v6, &V6, bits),
        };
        let asked = |table: &Table, width: &Width| {
            let net = bits >> width.without;
            let mut due = table.due.get(&net).copied().unwrap_or_default();
            (limit(width.shares).ask(&mut due, now.0), net, due)
        };
        for (table, width) in tables.iter().zip(widths) {
            match asked(table, width).0 {
                Answer::Now => {}
                Answer::After(wait) => return Err(wait),
                Answer::Never => return Err(Millis(u64::MAX)),
            }
        }
        for (table, width) in tables.iter_mut().zip(widths) {
            let (_, net, due) = asked(table, width);
            table.set(net, due);
        }
        Ok(())
    }
}

/// When networks of one width are free again.
#[derive(Default)]
struct Table {
    due: BTreeMap<u64, Due>,
    by_due: BTreeSet<(Due, u64)>,
}

impl Table {
    fn set(&mut self, net: u64, due: Due) {
        if let Some(before) = self.due.insert(net, due) {
            self.by_due.remove(&(before, net));
        } else if self.due.len() > MOST_SOURCES
            && let Some((_, forgotten)) = self.by_due.pop_first()
        {
            self.due.remove(&forgotten);
        }
        self.by_due.insert((due, net));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Rate;

    const NOW: Moment = Moment(1_800_000_000_000);

    fn source(address: &str) -> Source {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn one_an_hour(shares: u32) -> Limit {
        Limit::within(Rate { events: shares.into(), per: Millis::hours(1) })
    }

    fn count(tally: &mut Tally, source: Source) -> bool {
        tally.count(source, one_an_hour, NOW).is_ok()
    }

    #[test]
    fn a_translator_of_ipv4_is_not_one_source() {
        assert_eq!(source("64:ff9b::203.0.113.1"), source("203.0.113.1"));
        assert_eq!(source("::ffff:203.0.113.1"), source("203.0.113.1"));
        assert_ne!(source("64:ff9b::203.0.113.1"), source("64:ff9b::203.0.113.2"));
        // Only that prefix, and all 96 bits of it.
        for other in ["64:ff9b:1::203.0.113.1", "64:ff9b::1:203.0.113.1", "::203.0.113.1", "64:ff9a::203.0.113.1"] {
            assert!(matches!(source(other).0, Place::V6(_)), "{other}");
        }
    }

    #[test]
    fn one_ipv6_site_with_all_its_networks() {
        let mut tally = Tally::default();
        let of_site = |at: u64| Source(Place::V6(0x2001_0db8_0001_0000 | at));
        let passed = (0..1 << 16).filter(|&at| count(&mut tally, of_site(at))).count();
        // Half of its shares at once.
        assert_eq!(passed, 8);
        assert!(count(&mut tally, source("2001:db8:2::1")) && count(&mut tally, source("203.0.113.1")));
        // What was refused was not remembered either.
        assert_eq!(tally.v6[0].due.len(), 9);
    }

    #[test]
    fn one_provider_with_all_its_sites() {
        let mut tally = Tally::default();
        let of_provider = |at: u64| Source(Place::V6(0x2001_0db8_0000_0000 | at << 16));
        assert_eq!((0..1 << 16).filter(|&at| count(&mut tally, of_provider(at))).count(), 512);
        assert!(count(&mut tally, source("2001:db9::1")));
    }

    #[test]
    fn one_ipv4_network_with_all_its_addresses() {
        let mut tally = Tally::default();
        let addresses = |net: u32| (0..1 << 16).map(move |host| Source(Place::V4(net << 16 | host)));
        assert_eq!(addresses(1).filter(|&source| count(&mut tally, source)).count(), 512);
        assert!(count(&mut tally, source("203.0.113.1")));
    }

    /// A table that refused whoever was not in it was shut by whoever filled it.
    /// One that forgets must not let them through again without end.
    #[test]
    fn a_table_that_somebody_filled() {
        let mut tally = Tally::default();
        // From all over IPv4, so that no /16 has had its share.
        let spread = |at: u32| Source(Place::V4(at.rotate_left(16)));
        let sources = u32::try_from(MOST_SOURCES).unwrap();
        assert!((0..sources).all(|at| count(&mut tally, spread(at))));
        assert!(count(&mut tally, spread(sources)) && count(&mut tally, spread(sources + 1)));
        for table in tally.v4.iter().chain(&tally.v6) {
            assert!(table.due.len() <= MOST_SOURCES && table.due.len() == table.by_due.len());
        }
        // Two that push each other out are held by their network.
        let passed = (0..10_000).filter(|at| count(&mut tally, spread(sources + at % 2))).count();
        assert!(passed <= 1_024, "{passed}");
    }
}
