//! Chance that is the same each time.
#![allow(dead_code)]

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `below`.
    pub(crate) const fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % below
    }

    /// So many times of a thousand.
    pub(crate) const fn happens(&mut self, of_a_thousand: u64) -> bool {
        self.roll(1_000) < of_a_thousand
    }
}
