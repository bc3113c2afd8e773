//! How often the holder of a slot may send: the words for it are in `vocab`,
//! where crates below this one find them too.

use trust::lease::Rights;
pub use vocab::limit::{Answer, Due, Limit};

/// How often the holder of a slot may send an op, by the right that it needs.
/// All count against one [`Due`]: whoever has just written reads a little later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    read: Limit,
    other: Limit,
}

impl Limits {
    /// One limit for all ops.
    #[must_use]
    pub const fn all(limit: Limit) -> Self {
        Self { read: limit, other: limit }
    }

    /// Ops that only read have a limit of their own. Both are to be made by
    /// [`Limit::sharing`].
    #[must_use]
    pub const fn new(other: Limit, read: Limit) -> Self {
        Self { read, other }
    }

    /// The limit of ops that need a right.
    #[must_use]
    pub fn of(self, right: Rights) -> Limit {
        if right == Rights::READ { self.read } else { self.other }
    }

    /// The limiter of somebody whose last op, of whatever kind, was let through
    /// at that moment: the strictest of all.
    #[must_use]
    pub fn after_op_at(self, then_ms: u64) -> Due {
        self.read.after_op_at(then_ms).max(self.other.after_op_at(then_ms))
    }
}
