//! How the planet's blocks are divided over its regions.

use crate::file::value::Name;
use crate::model::{Planet, Split};

/// Why a planet cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unplannable {
    /// What is in the way.
    pub what: String,
    /// What to try.
    pub hint: String,
}

impl Unplannable {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    pub(crate) fn machine(name: &Name) -> Self {
        Self::new(
            format!("the price book has no machine `{name}`"),
            "name another machine in [compute], or add it to a price book and name that with --prices",
        )
    }

    pub(crate) fn item(name: &str) -> Self {
        Self::new(format!("the price book has no item `{name}`"), "add it to the price book")
    }

    pub(crate) fn no_region(planet: &Planet, name: &str) -> Self {
        let ids: Vec<_> = planet.region.iter().take(12).map(|region| region.id.as_str()).collect();
        Self::new(format!("no region is called `{name}`"), format!("the regions are {}", ids.join(", ")))
    }
}

/// A number that 64 bits hold: everything that is counted is exact, and what
/// cannot be counted exactly is refused.
pub(crate) fn count(exact: u128) -> Result<u64, Unplannable> {
    u64::try_from(exact).map_err(|_| {
        Unplannable::new(
            "the planet comes to more than can be counted",
            "look for a quantity with some zeros too many in [activity] or [calibration]",
        )
    })
}

/// How many blocks each region gets, in the order of the file.
pub(super) fn split(planet: &Planet) -> Result<Vec<u64>, Unplannable> {
    let regions = &planet.region;
    if regions.is_empty() {
        return Err(Unplannable::new("the planet has no regions", "add a [[region]] with an id and a site"));
    }
    let own: Vec<u64> = regions.iter().filter_map(|region| region.blocks.as_ref().map(|blocks| blocks.value)).collect();
    match &planet.planet.blocks {
        _ if own.len() == regions.len() => Ok(own),
        Some(blocks) if own.is_empty() && planet.planet.split.value == Split::Equal => {
            Ok(equal(blocks.value, regions.len()))
        }
        Some(blocks) if own.is_empty() => by_weight(planet, blocks.value),
        Some(_) => Err(Unplannable::new(
            "some regions say how many blocks they have and others do not",
            "write `blocks` in every region, or in none and let [planet] divide them",
        )),
        None => Err(Unplannable::new(
            "nothing says how many blocks there are",
            "write `blocks` in [planet], or in every region",
        )),
    }
}

/// The same for each; the remainder goes to the last regions.
fn equal(blocks: u64, regions: usize) -> Vec<u64> {
    let regions = regions as u64;
    let (share, remainder) = (blocks / regions, blocks % regions);
    (0..regions).map(|at| share + u64::from(at >= regions - remainder)).collect()
}

/// Each its exact share rounded down, and one more for the largest remainders;
/// among equals, for the earlier region.
fn by_weight(planet: &Planet, blocks: u64) -> Result<Vec<u64>, Unplannable> {
    let weights: Vec<u64> =
        planet.region.iter().map(|region| region.weight.as_ref().map_or(0, |weight| weight.value)).collect();
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    if sum == 0 {
        return Err(Unplannable::new(
            "blocks are split by weight, and no region has one",
            "write a `weight` in each region",
        ));
    }
    let exact = |weight: u64| u128::from(blocks) * u128::from(weight);
    let mut shares: Vec<u64> =
        weights.iter().map(|&weight| u64::try_from(exact(weight) / sum).unwrap_or(u64::MAX)).collect();
    let given: u64 = shares.iter().sum();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&at| (std::cmp::Reverse(exact(weights[at]) % sum), at));
    // Fewer are left over than there are remainders above zero.
    for at in by_remainder.into_iter().cycle().take(usize::try_from(blocks - given).unwrap_or(0)) {
        shares[at] += 1;
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn planet(head: &str, weights: &[u64]) -> Planet {
        let regions: String = weights
            .iter()
            .enumerate()
            .map(|(at, weight)| format!("[[region]]\nid = \"r{at}\"\nsite = [1, {at}]\nweight = {weight}\n"))
            .collect();
        crate::parse(format!("[planet]\nname = \"x\"\n{head}\n{regions}").as_bytes()).0.unwrap()
    }

    proptest! {
        #[test]
        fn equal_shares_add_up_and_differ_by_at_most_one(blocks in 0u64..1_000_000_000_000, regions in 1usize..300) {
            let shares = equal(blocks, regions);
            prop_assert_eq!(shares.iter().sum::<u64>(), blocks);
            prop_assert!(shares.is_sorted());
            prop_assert!(shares[regions - 1] - shares[0] <= 1);
        }

        #[test]
        fn weighted_shares_add_up_and_stay_within_a_block_of_the_ideal(blocks in 0u64..1_000_000_000_000, weights in prop::collection::vec(0u64..1_000_000, 1..40)) {
            prop_assume!(weights.iter().any(|&weight| weight > 0));
            let planet = planet(&format!("blocks = {blocks}\nsplit = \"by weight\""), &weights);
            let shares = split(&planet).unwrap();
            let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            prop_assert_eq!(shares.iter().sum::<u64>(), blocks);
            for (share, weight) in shares.iter().zip(&weights) {
                let distance = (u128::from(*share) * sum).abs_diff(u128::from(blocks) * u128::from(*weight));
                prop_assert!(distance < sum, "{share} of {blocks} for {weight} of {sum}");
            }
        }
    }

    #[test]
    fn carma_is_split_as_its_document_says() {
        let shares = equal(133_333_334, 7);
        assert_eq!(shares, [19_047_619, 19_047_619, 19_047_619, 19_047_619, 19_047_619, 19_047_619, 19_047_620]);
    }

    #[test]
    fn remainders_decide_and_then_the_order_of_the_file() {
        let shares = |weights: &[u64], blocks: u64| {
            split(&planet(&format!("blocks = {blocks}\nsplit = \"by weight\""), weights)).unwrap()
        };
        assert_eq!(shares(&[1, 1, 1], 4), [2, 1, 1]);
        assert_eq!(shares(&[5, 3, 2], 11), [6, 3, 2]);
        assert_eq!(shares(&[0, 7, 0], 11), [0, 11, 0]);
        assert!(split(&planet("blocks = 3\nsplit = \"by weight\"", &[0, 0])).is_err());
    }
}
