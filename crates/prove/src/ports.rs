//! Sets of ports, by protocol.

use std::fmt;

/// The protocols whose ports policies tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

pub(crate) const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

impl Protocol {
    pub(crate) fn named(text: &str) -> Option<Self> {
        PROTOCOLS.into_iter().find(|protocol| protocol.word() == text)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }

    const fn at(self) -> usize {
        match self {
            Self::Tcp => 0,
            Self::Udp => 1,
            Self::Sctp => 2,
        }
    }
}

/// Ports: for each protocol, ranges that are sorted and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ports([Vec<(u16, u16)>; 3]);

impl Ports {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn all() -> Self {
        Self([vec![(1, u16::MAX)], vec![(1, u16::MAX)], vec![(1, u16::MAX)]])
    }

    pub(crate) fn range(protocol: Protocol, first: u16, last: u16) -> Self {
        let mut ports = Self::none();
        let first = first.max(1);
        if first <= last
            && let Some(ranges) = ports.0.get_mut(protocol.at())
        {
            ranges.push((first, last));
        }
        ports
    }

    pub(crate) fn every(protocol: Protocol) -> Self {
        Self::range(protocol, 1, u16::MAX)
    }

    pub(crate) fn one(protocol: Protocol, port: u16) -> Self {
        Self::range(protocol, port, port)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    fn of(&self, protocol: Protocol) -> &[(u16, u16)] {
        self.0.get(protocol.at()).map_or(&[], Vec::as_slice)
    }

    fn each(&self, other: &Self, with: impl Fn(&[(u16, u16)], &[(u16, u16)]) -> Vec<(u16, u16)>) -> Self {
        Self(PROTOCOLS.map(|protocol| with(self.of(protocol), other.of(protocol))))
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        self.each(other, |ours, theirs| {
            let mut all: Vec<_> = ours.iter().chain(theirs).copied().collect();
            all.sort_unstable();
            let mut merged: Vec<(u16, u16)> = Vec::new();
            for (first, last) in all {
                match merged.last_mut() {
                    Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                    _ => merged.push((first, last)),
                }
            }
            merged
        })
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.each(other, |ours, theirs| {
            let pairs = ours.iter().flat_map(|one| theirs.iter().map(move |two| (one, two)));
            pairs.map(|(one, two)| (one.0.max(two.0), one.1.min(two.1))).filter(|(first, last)| first <= last).collect()
        })
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        let all = Self::all();
        let rest = all.each(other, |whole, taken| {
            let (mut rest, mut next) = (Vec::new(), whole.first().map(|range| range.0));
            for (first, last) in taken {
                if let Some(begin) = next
                    && begin < *first
                {
                    rest.push((begin, first.saturating_sub(1)));
                }
                next = last.checked_add(1);
            }
            rest.extend(next.map(|begin| (begin, u16::MAX)));
            rest
        });
        self.and(&rest)
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.minus(self).is_empty()
    }
}

fn ranges(ranges: &[(u16, u16)]) -> String {
    let texts = ranges.iter().map(|range| match range {
        (1, u16::MAX) => "all".to_owned(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

impl fmt::Display for Ports {
    /// `443`, `53/TCP+UDP`, `all`: TCP is not named where there is nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        let [tcp, udp, sctp] = &self.0;
        let mut parts = Vec::new();
        if !tcp.is_empty() && tcp == udp {
            parts.push(format!("{}/TCP+UDP", ranges(tcp)));
        } else {
            if !tcp.is_empty() {
                let alone = tcp.as_slice() != [(1, u16::MAX)];
                parts.push(if alone { ranges(tcp) } else { "all/TCP".to_owned() });
            }
            if !udp.is_empty() {
                parts.push(format!("{}/UDP", ranges(udp)));
            }
        }
        if !sctp.is_empty() {
            parts.push(format!("{}/SCTP", ranges(sctp)));
        }
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn some() -> impl Strategy<Value = Ports> {
        let one = (0..3usize, 1..40u16, 0..20u16);
        proptest::collection::vec(one, 0..6).prop_map(|parts| {
            parts.into_iter().fold(Ports::none(), |ports, (protocol, first, more)| {
                ports.or(&Ports::range(PROTOCOLS[protocol], first, first + more))
            })
        })
    }

    proptest! {
        #[test]
        fn sets_of_ports_are_sets(a in some(), b in some(), port in 1..70u16, protocol in 0..3usize) {
            let has = |ports: &Ports| ports.contains(&Ports::one(PROTOCOLS[protocol], port));
            prop_assert_eq!(has(&a.or(&b)), has(&a) || has(&b));
            prop_assert_eq!(has(&a.and(&b)), has(&a) && has(&b));
            prop_assert_eq!(has(&a.minus(&b)), has(&a) && !has(&b));
            prop_assert!(a.minus(&b).or(&a.and(&b)) == a && a.minus(&a).is_empty());
        }
    }

    #[test]
    fn people_can_read_them() {
        let both = Ports::one(Protocol::Tcp, 53).or(&Ports::one(Protocol::Udp, 53));
        assert_eq!(both.to_string(), "53/TCP+UDP");
        assert_eq!(Ports::every(Protocol::Tcp).to_string(), "all/TCP");
        assert_eq!(Ports::all().to_string(), "all");
        assert_eq!(Ports::range(Protocol::Tcp, 1, 5).or(&Ports::one(Protocol::Tcp, 9)).to_string(), "1-5,9");
    }
}
