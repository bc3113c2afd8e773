//! Ranges of addresses, and their atoms: pieces that no network of any file
//! divides, so that one address of a piece answers for all.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use vocab::{Net4, Net6};

/// Addresses from the first to the last, of one family. Those of IPv4 are none
/// of IPv6: no policy of Kubernetes takes one for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) six: bool,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl Range {
    pub(crate) fn contains(self, other: Self) -> bool {
        self.six == other.six && self.first <= other.first && other.last <= self.last
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.six == other.six && self.first <= other.last && other.first <= self.last
    }

    const fn most(six: bool) -> u128 {
        // `u32::MAX`, which `const` does not widen without a cast.
        if six { u128::MAX } else { 0xffff_ffff }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse::<Net4>().map(Self::from).or_else(|_| text.parse::<Net6>().map(Self::from)).ok()
    }
}

impl From<Net4> for Range {
    fn from(net: Net4) -> Self {
        Self { six: false, first: net.first().into(), last: net.last().into() }
    }
}

impl From<Net6> for Range {
    fn from(net: Net6) -> Self {
        Self { six: true, first: net.first(), last: net.last() }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |address: u128| match u32::try_from(address) {
            Ok(four) if !self.six => Ipv4Addr::from(four).to_string(),
            _ => Ipv6Addr::from(address).to_string(),
        };
        if self.first == self.last {
            return f.write_str(&text(self.first));
        }
        let bits = if self.six { 128 } else { 32 };
        let size = self.last - self.first;
        let host = 128 - size.leading_zeros();
        if size & size.wrapping_add(1) == 0 && self.first & size == 0 {
            return write!(f, "{}/{}", text(self.first), bits - host);
        }
        write!(f, "{}-{}", text(self.first), text(self.last))
    }
}

/// Cuts ranges along the edges of others, and leaves out what is excepted.
pub(crate) fn cut(ranges: &[Range], except: &[Range], edges: &[Range]) -> Vec<Range> {
    let mut pieces = Vec::new();
    for six in [false, true] {
        let of = |ranges: &[Range]| ranges.iter().copied().filter(|range| range.six == six).collect::<Vec<_>>();
        let (ours, without) = (of(ranges), of(except));
        // Where a piece begins: at each first address, and after each last.
        let mut begins = BTreeSet::new();
        for range in ours.iter().chain(&without).chain(&of(edges)) {
            begins.insert(range.first);
            begins.extend(range.last.checked_add(1).filter(|next| *next <= Range::most(six)));
        }
        let begins: Vec<u128> = begins.into_iter().collect();
        for (at, first) in begins.iter().enumerate() {
            let last = begins.get(at + 1).map_or(Range::most(six), |next| next - 1);
            let piece = Range { six, first: *first, last };
            let within = |ranges: &[Range]| ranges.iter().any(|range| range.contains(piece));
            if within(&ours) && !within(&without) {
                pieces.push(piece);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn ranges_are_written_as_people_write_them() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fc00::/7", "10.1.2.3"] {
            let whole = if text.contains('/') { text.to_owned() } else { format!("{text}/32") };
            assert_eq!(range(&whole).to_string(), text);
        }
        let odd = Range { six: false, first: 5, last: 7 };
        assert_eq!(odd.to_string(), "0.0.0.5-0.0.0.7");
    }

    fn net() -> impl Strategy<Value = Range> {
        (any::<bool>(), any::<u8>(), 0..=8u8).prop_map(|(six, low, bits)| {
            // Small numbers, so that they meet.
            let mask = u128::from(u8::MAX.checked_shr(u32::from(bits)).unwrap_or(0));
            let first = u128::from(low) & !mask;
            Range { six, first, last: first | mask }
        })
    }

    proptest! {
        /// Pieces are apart, hold what is wanted and nothing else, and no edge
        /// goes through one.
        #[test]
        fn atoms_are_what_was_cut(
            ours in proptest::collection::vec(net(), 0..5),
            except in proptest::collection::vec(net(), 0..5),
            edges in proptest::collection::vec(net(), 0..5),
            six in any::<bool>(),
            address in 0..300u128,
        ) {
            let pieces = cut(&ours, &except, &edges);
            let point = Range { six, first: address, last: address };
            let has = |ranges: &[Range]| ranges.iter().filter(|range| range.contains(point)).count();
            prop_assert_eq!(has(&pieces), usize::from(has(&ours) > 0 && has(&except) == 0));
            for piece in &pieces {
                for edge in edges.iter().chain(&ours).chain(&except) {
                    prop_assert!(!edge.overlaps(*piece) || edge.contains(*piece));
                }
            }
        }
    }
}
