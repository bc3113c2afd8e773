//! Widths: between what memory counts in and what the format counts in.
//!
//! It must never lose a bit silently: what does not fit becomes the largest
//! number, which every limit then refuses.

/// A length in memory as the format counts.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A length of the format as memory counts.
pub(crate) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A count of the format as memory counts.
pub(crate) fn small(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Four bytes at `at`; zeros where there are none.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

/// Eight bytes at `at`; zeros where there are none.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// Whether there is nothing but zeros; in strides that the compiler turns into
/// wide instructions, because recovery looks at whole segments with it.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    let mut strides = bytes.chunks_exact(64);
    strides.by_ref().all(|stride| stride.iter().fold(0, |sum, byte| sum | byte) == 0)
        && strides.remainder().iter().all(|byte| *byte == 0)
}
