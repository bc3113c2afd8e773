//! Which ranges of addresses overlap, without looking at every pair: a file
//! may hold 50,000 of them.

use vocab::{Net4, Net6};

/// A range of addresses, and who claims it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<T> {
    first: u128,
    last: u128,
    by: T,
}

impl<T> Claim<T> {
    pub(super) fn v4(net: Net4, by: T) -> Self {
        Self { first: net.first().into(), last: net.last().into(), by }
    }

    pub(super) fn v6(net: Net6, by: T) -> Self {
        Self { first: net.first(), last: net.last(), by }
    }
}

/// Each claim that overlaps one which begins no later, with that one.
///
/// In the order of their first addresses, a claim overlaps some earlier one
/// exactly if it overlaps the one that reaches furthest.
pub(super) fn overlaps<T: Copy>(mut claims: Vec<Claim<T>>) -> Vec<(T, T)> {
    claims.sort_by_key(|claim| claim.first);
    let mut found = Vec::new();
    let mut furthest: Option<Claim<T>> = None;
    for claim in claims {
        match furthest {
            Some(wide) if claim.first <= wide.last => {
                found.push((claim.by, wide.by));
                if claim.last > wide.last {
                    furthest = Some(claim);
                }
            }
            _ => furthest = Some(claim),
        }
    }
    found
}

/// Claims that can be asked which of them overlaps a range.
pub(super) struct Claims<T> {
    /// By first address: it, and the claim that reaches furthest so far.
    sorted: Vec<(u128, Claim<T>)>,
}

impl<T: Copy> Claims<T> {
    pub(super) fn new(mut claims: Vec<Claim<T>>) -> Self {
        claims.sort_by_key(|claim| claim.first);
        let mut furthest: Option<Claim<T>> = None;
        let reach = |claim: Claim<T>| {
            let wide = furthest.filter(|wide| wide.last >= claim.last).unwrap_or(claim);
            furthest = Some(wide);
            (claim.first, wide)
        };
        Self { sorted: claims.into_iter().map(reach).collect() }
    }

    /// One that shares an address with `net`.
    pub(super) fn overlapping(&self, net: Net4) -> Option<T> {
        let begun = self.sorted.partition_point(|(first, _)| *first <= u128::from(net.last()));
        let (_, wide) = self.sorted.get(begun.checked_sub(1)?)?;
        (wide.last >= u128::from(net.first())).then_some(wide.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(nets: &[&str]) -> Vec<Claim<usize>> {
        nets.iter().enumerate().map(|(at, net)| Claim::v4(net.parse().unwrap(), at)).collect()
    }

    #[test]
    fn every_claim_that_overlaps_is_found_once() {
        let nets = ["10.0.1.0/24", "10.0.0.0/16", "10.1.0.0/16", "10.0.1.128/25", "10.0.1.0/24"];
        assert_eq!(overlaps(claims(&nets)), [(0, 1), (4, 1), (3, 1)]);
        assert_eq!(overlaps(claims(&["10.0.0.0/24", "10.0.1.0/24"])), []);
        let all = Claim::v6("::/0".parse().unwrap(), 'a');
        assert_eq!(overlaps(vec![all, Claim::v6("ff00::/8".parse().unwrap(), 'b')]), [('b', 'a')]);
    }

    #[test]
    fn a_range_finds_one_that_it_touches() {
        let claims = Claims::new(claims(&["10.0.0.0/8", "10.5.0.0/16", "172.16.0.0/12"]));
        let find = |net: &str| claims.overlapping(net.parse().unwrap());
        assert_eq!((find("10.200.0.0/16"), find("172.0.0.0/8"), find("0.0.0.0/0")), (Some(0), Some(2), Some(2)));
        assert_eq!((find("9.0.0.0/8"), find("11.0.0.0/8"), find("173.0.0.0/8")), (None, None, None));
        assert_eq!(Claims::<u8>::new(Vec::new()).overlapping("0.0.0.0/0".parse().unwrap()), None);
    }
}
