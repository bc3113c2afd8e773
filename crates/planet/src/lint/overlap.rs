//! Which ranges of addresses overlap, without looking at every pair: a file
//! may hold 50,000 of them.

use vocab::Net6;

/// A range of addresses, and who claims it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<T> {
    first: u128,
    last: u128,
    by: T,
}

impl<T> Claim<T> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(nets: &[&str]) -> Vec<Claim<usize>> {
        nets.iter().enumerate().map(|(at, net)| Claim::v6(net.parse().unwrap(), at)).collect()
    }

    #[test]
    fn every_claim_that_overlaps_is_found_once() {
        let nets = ["fc00:1::/32", "fc00::/16", "fc01::/16", "fc00:1:8000::/33", "fc00:1::/32"];
        assert_eq!(overlaps(claims(&nets)), [(0, 1), (4, 1), (3, 1)]);
        assert_eq!(overlaps(claims(&["fc00::/32", "fc00:1::/32"])), []);
        let all = Claim::v6("::/0".parse().unwrap(), 'a');
        assert_eq!(overlaps(vec![all, Claim::v6("ff00::/8".parse().unwrap(), 'b')]), [('b', 'a')]);
    }
}
