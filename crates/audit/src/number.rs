//! Widths: between what memory counts in and what the formats count in. What
//! does not fit becomes the largest number, which every limit then refuses.

/// A length in memory as a format counts.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A length of a format as memory counts.
pub(crate) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A length in four bytes.
pub(crate) fn word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A length in two bytes.
pub(crate) fn short(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
