//! Names in order, so that asking for one is a binary search.
//!
//! A list that somebody else was to keep in order is a list that one day is
//! not, and then a search misses what is on it. Here there is no way to have
//! one out of order.

/// Names, sorted once, when they are collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted<T>(Vec<T>);

impl<T> Sorted<T> {
    /// No names.
    pub const NONE: Self = Self(Vec::new());
}

impl<T: Ord> Sorted<T> {
    /// Whether a name is among them.
    #[must_use]
    pub fn contains(&self, name: &T) -> bool {
        self.0.binary_search(name).is_ok()
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T: Ord> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        Self(names)
    }
}
