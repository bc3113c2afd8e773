//! Distances on Earth, in integers.
//!
//! Tables are rebuilt on every gateway and must agree bit by bit, and `sin` of
//! two C libraries differs in its last bit. CORDIC turns a vector by halving
//! angles with shifts and one table, gives sine, cosine and angle alike, and is
//! exact to some ten metres: more than a latency can tell.

use vocab::{MicroDegrees, Site};

/// A quarter of a turn, in radians of which 2^30 are one.
const QUARTER: i64 = 1_686_629_713;
/// The mean radius of the Earth.
const RADIUS_KM: i64 = 6_371;
/// How long a vector becomes by all turns together, inverted; 2^30 is one.
const SHRINK: i64 = 652_032_874;
/// The angle whose tangent is 2^-n, in fixed-point radians.
const ANGLES: [i64; 31] = [
    843_314_857,
    497_837_829,
    263_043_837,
    133_525_159,
    67_021_687,
    33_543_516,
    16_775_851,
    8_388_437,
    4_194_283,
    2_097_149,
    1_048_576,
    524_288,
    262_144,
    131_072,
    65_536,
    32_768,
    16_384,
    8_192,
    4_096,
    2_048,
    1_024,
    512,
    256,
    128,
    64,
    32,
    16,
    8,
    4,
    2,
    1,
];

/// Half the way around the Earth: nothing is farther.
pub const FARTHEST_KM: u32 = 20_015;

/// Great-circle distance in kilometres, rounded down.
#[must_use]
pub fn kilometres(from: Site, to: Site) -> u32 {
    let ([a, b, c], [d, e, f]) = (direction(from), direction(to));
    let product = |left: i64, right: i64| (left * right) >> 30;
    // The angle between two directions from both sine and cosine: each alone is
    // blind where it is flat.
    let cross = [product(b, f) - product(c, e), product(c, d) - product(a, f), product(a, e) - product(b, d)];
    let sine = cross.iter().map(|part| part * part).sum::<i64>().isqrt();
    let cosine = product(a, d) + product(b, e) + product(c, f);
    let km = (angle(cosine, sine) * RADIUS_KM) >> 30;
    u32::try_from(km).unwrap_or(0).min(FARTHEST_KM)
}

/// A site as a vector of length one.
fn direction(site: Site) -> [i64; 3] {
    let (north, level) = sine_and_cosine(site.latitude);
    let (east, forward) = sine_and_cosine(site.longitude);
    [(level * forward) >> 30, (level * east) >> 30, north]
}

/// Sine and cosine of an angle of at most half a turn; what is beyond counts as
/// half a turn.
fn sine_and_cosine(angle: MicroDegrees) -> (i64, i64) {
    let radians = i64::from(angle.0.clamp(-180_000_000, 180_000_000)) * QUARTER / 90_000_000;
    // Turns add up to little more than a quarter; the rest is a reflection.
    let (mut left, mirrored) = match radians {
        over if over > QUARTER => (2 * QUARTER - over, true),
        under if under < -QUARTER => (-2 * QUARTER - under, true),
        within => (within, false),
    };
    let (mut x, mut y) = (SHRINK, 0);
    for (bits, turn) in ANGLES.iter().enumerate() {
        let (dx, dy) = (y >> bits, x >> bits);
        if left >= 0 {
            (x, y, left) = (x - dx, y + dy, left - turn);
        } else {
            (x, y, left) = (x + dx, y - dy, left + turn);
        }
    }
    (y, if mirrored { -x } else { x })
}

/// The angle of a vector with `y` not below zero, from 0 to half a turn.
fn angle(x: i64, y: i64) -> i64 {
    let (mut along, mut across, mut sum) = (x.abs(), y, 0);
    for (bits, turn) in ANGLES.iter().enumerate() {
        let (dx, dy) = (across >> bits, along >> bits);
        if across > 0 {
            (along, across, sum) = (along + dx, across - dy, sum + turn);
        } else {
            (along, across, sum) = (along - dx, across + dy, sum - turn);
        }
    }
    let sum = sum.clamp(0, QUARTER);
    if x < 0 { 2 * QUARTER - sum } else { sum }
}
