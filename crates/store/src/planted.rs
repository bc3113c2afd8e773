//! Mistakes on purpose, so that the crash tests can show that they would find
//! them.
//!
//! It must never do anything in a build without the feature `planted`, which
//! only tests turn on: there the answers are constants.

/// Which mistake is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Planted {
    /// None.
    #[default]
    Nothing,
    /// An append is acknowledged before it is written.
    #[cfg(feature = "planted")]
    AcknowledgesEarly,
    /// An append is acknowledged although its sync failed.
    #[cfg(feature = "planted")]
    IgnoresFailedSync,
    /// An entry is served without a look at its checksum.
    #[cfg(feature = "planted")]
    SkipsChecksums,
    /// What a torn group left behind the cut is not erased.
    #[cfg(feature = "planted")]
    LeavesRemains,
    /// What recovery reads is taken to be on the disk, although a failed sync
    /// may have left it in the cache alone.
    #[cfg(feature = "planted")]
    TrustsTheCache,
}

#[cfg(feature = "planted")]
impl Planted {
    pub(crate) fn acknowledges_early(self) -> bool {
        self == Self::AcknowledgesEarly
    }

    pub(crate) fn ignores_failed_sync(self) -> bool {
        self == Self::IgnoresFailedSync
    }

    pub(crate) fn skips_checksums(self) -> bool {
        self == Self::SkipsChecksums
    }

    pub(crate) fn leaves_remains(self) -> bool {
        self == Self::LeavesRemains
    }

    pub(crate) fn trusts_the_cache(self) -> bool {
        self == Self::TrustsTheCache
    }
}

#[cfg(not(feature = "planted"))]
impl Planted {
    pub(crate) const fn acknowledges_early(self) -> bool {
        false
    }

    pub(crate) const fn ignores_failed_sync(self) -> bool {
        false
    }

    pub(crate) const fn skips_checksums(self) -> bool {
        false
    }

    pub(crate) const fn leaves_remains(self) -> bool {
        false
    }

    pub(crate) const fn trusts_the_cache(self) -> bool {
        false
    }
}
