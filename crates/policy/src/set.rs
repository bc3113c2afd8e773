//! Regions by number, and sets of them as bits: a filter is one `and`.

/// Regions that one planet may route between. Every set is four words, and the
/// whole of it is a copy; planets of the published plans have seven at most.
pub const MAX_REGIONS: usize = 256;

/// A region: its place among the planet's ids in the order of the alphabet, so
/// that nothing depends on the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionNumber(pub u8);

impl RegionNumber {
    /// For looking something up.
    #[must_use]
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// Some regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionSet([u64; 4]);

impl RegionSet {
    /// No region.
    pub const NONE: Self = Self([0; 4]);

    /// The first `count` regions.
    #[must_use]
    pub fn first(count: usize) -> Self {
        (0..=u8::MAX).take(count).map(RegionNumber).collect()
    }

    /// Whether a region is in it.
    #[must_use]
    pub const fn has(self, region: RegionNumber) -> bool {
        self.0[(region.0 >> 6) as usize] >> (region.0 & 63) & 1 == 1
    }

    /// With this region.
    pub const fn insert(&mut self, region: RegionNumber) {
        self.0[(region.0 >> 6) as usize] |= 1 << (region.0 & 63);
    }

    /// Without this region.
    #[must_use]
    pub const fn without(mut self, region: RegionNumber) -> Self {
        self.0[(region.0 >> 6) as usize] &= !(1 << (region.0 & 63));
        self
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// What is in this one only.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        let [e, f, g, h] = other.0;
        self.and(Self([!e, !f, !g, !h]))
    }

    /// Whether there is no region in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Each of them, by number.
    pub fn iter(self) -> impl Iterator<Item = RegionNumber> {
        (0..=u8::MAX).map(RegionNumber).filter(move |region| self.has(*region))
    }
}

impl FromIterator<RegionNumber> for RegionSet {
    fn from_iter<I: IntoIterator<Item = RegionNumber>>(regions: I) -> Self {
        regions.into_iter().fold(Self::NONE, |mut set, region| {
            set.insert(region);
            set
        })
    }
}
