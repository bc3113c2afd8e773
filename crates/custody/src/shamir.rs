//! Shamir's shares of 32 bytes: each byte is where a polynomial over GF(256)
//! meets zero, and a share is that polynomial elsewhere. As many shares as its
//! coefficients give the byte; one share fewer leaves every byte as likely as
//! every other.
//!
//! Why it is here: it is sixty lines; they multiply in constant time, where the
//! crates that are kept look up tables by secret bytes, and they wipe what
//! they compute with. The field is that of `blahaj`, and the tests hold each
//! against the other.

use crate::entropy;
use std::io;
use trust::Secret;
use zeroize::Zeroizing;

/// The most shares that there are of a secret. The field would have 255; nobody
/// finds so many holders, and whoever looks for the wrong one tries subsets.
pub(crate) const MOST_SHARES: u8 = 16;

/// A product in GF(256) modulo x⁸ + x⁴ + x³ + x² + 1, without a branch or a
/// place in memory that depends on what is multiplied.
const fn product(mut one: u8, mut other: u8) -> u8 {
    let (mut sum, mut bit) = (0, 0);
    while bit < 8 {
        sum ^= one & 0_u8.wrapping_sub(other & 1);
        one = (one << 1) ^ (0x1d & 0_u8.wrapping_sub(one >> 7));
        other >>= 1;
        bit += 1;
    }
    sum
}

/// One over it: there are 255 numbers beside 0, so that is its 254th power.
const fn inverse(of: u8) -> u8 {
    let (mut power, mut result, mut left) = (of, 1, 254_u8);
    while left > 0 {
        if left & 1 == 1 {
            result = product(result, power);
        }
        power = product(power, power);
        left >>= 1;
    }
    result
}

/// The shares 1 to `of`, of which `needs` give the secret.
pub(crate) fn split(secret: &Secret, needs: u8, of: u8) -> io::Result<Vec<Secret>> {
    let mut coefficients: Vec<Zeroizing<[u8; 32]>> = Vec::with_capacity(usize::from(needs));
    for _ in 1..needs {
        coefficients.push(Zeroizing::new(entropy::bytes()?));
    }
    let share = |x: u8| {
        let mut share = [0; 32];
        for (at, byte) in share.iter_mut().enumerate() {
            let above = coefficients.iter().fold(0, |sum, row| product(sum ^ row[at], x));
            *byte = above ^ secret.expose()[at];
        }
        Secret::take(&mut share)
    };
    Ok((1..=of).map(share).collect())
}

/// What all polynomials through these points are at `x`: the secret at 0. The
/// numbers are not 0 and each is there once.
pub(crate) fn at(x: u8, points: &[(u8, &Secret)]) -> Secret {
    let mut found = [0; 32];
    for (number, share) in points {
        let others = points.iter().map(|(other, _)| *other).filter(|other| other != number);
        let weight = others.fold(1, |all, other| product(all, product(x ^ other, inverse(number ^ other))));
        for (byte, of) in found.iter_mut().zip(share.expose()) {
            *byte ^= product(weight, *of);
        }
    }
    Secret::take(&mut found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blahaj::{Share, Sharks};
    use proptest::prelude::*;

    fn secret(bytes: [u8; 32]) -> Secret {
        Secret::take(&mut { bytes })
    }

    #[test]
    fn every_number_but_0_has_an_inverse() {
        for number in 1..=255 {
            assert_eq!(product(number, inverse(number)), 1);
        }
    }

    proptest! {
        #[test]
        fn any_needed_subset_gives_the_secret_and_is_anothers_too(
            bytes: [u8; 32], needs in 1_u8..=8, more in 0_u8..=8, order: u64,
        ) {
            let of = needs + more;
            let shares = split(&secret(bytes), needs, of).unwrap();
            let mut numbers: Vec<u8> = (1..=of).collect();
            numbers.sort_by_key(|number| order.rotate_left(u32::from(*number) * 7) ^ u64::from(*number));
            let points: Vec<_> = numbers.iter().map(|n| (*n, &shares[usize::from(*n) - 1])).collect();
            let points = &points[..usize::from(needs)];
            prop_assert_eq!(at(0, points), secret(bytes));
            let theirs: Vec<Share> = points
                .iter()
                .map(|(x, y)| Share::try_from(&[&[*x][..], y.expose()].concat()[..]).unwrap())
                .collect();
            prop_assert_eq!(Sharks(needs).recover(&theirs).unwrap(), bytes.to_vec());
        }

        #[test]
        fn what_another_has_split_comes_together_here(bytes: [u8; 32], needs in 1_u8..=8) {
            let theirs: Vec<Vec<u8>> =
                Sharks(needs).dealer(&bytes).take(usize::from(needs)).map(|share| Vec::from(&share)).collect();
            let ours: Vec<_> = theirs.iter().map(|one| (one[0], secret(one[1..].try_into().unwrap()))).collect();
            let points: Vec<_> = ours.iter().map(|(x, y)| (*x, y)).collect();
            prop_assert_eq!(at(0, &points), secret(bytes));
        }

        /// With one share fewer, every secret is as likely: for each there is one
        /// further share that would give it.
        #[test]
        fn one_share_fewer_leaves_every_secret_possible(bytes: [u8; 32], other: [u8; 32]) {
            let shares = split(&secret(bytes), 3, 5).unwrap();
            let zero = secret(other);
            let third = at(3, &[(1, &shares[0]), (2, &shares[1]), (0, &zero)]);
            prop_assert_eq!(at(0, &[(1, &shares[0]), (2, &shares[1]), (3, &third)]), secret(other));
        }
    }
}
