//! Mistakes on purpose, so that the simulator can show that it would find
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
    /// An op that failed is tried again behind those that wait.
    #[cfg(feature = "planted")]
    RetriesAtTheBack,
    /// A slot is free again, and no entry says so.
    #[cfg(feature = "planted")]
    ReleasesUnwritten,
    /// A record is read from the index, though a newer one is on its way there.
    #[cfg(feature = "planted")]
    ForgetsTheOverlay,
}

#[cfg(feature = "planted")]
impl Planted {
    pub(crate) fn retries_at_the_back(self) -> bool {
        self == Self::RetriesAtTheBack
    }

    pub(crate) fn forgets_the_overlay(self) -> bool {
        self == Self::ForgetsTheOverlay
    }

    pub(crate) fn releases_unwritten(self) -> bool {
        self == Self::ReleasesUnwritten
    }
}

#[cfg(not(feature = "planted"))]
impl Planted {
    pub(crate) const fn retries_at_the_back(self) -> bool {
        false
    }

    pub(crate) const fn forgets_the_overlay(self) -> bool {
        false
    }

    pub(crate) const fn releases_unwritten(self) -> bool {
        false
    }
}
