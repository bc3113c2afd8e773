//! A lease as text: as long as every other, on the stack.

use super::Lease;
use crate::wire;
use std::fmt;

/// A lease as it is handed to its agent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LeaseText([u8; Self::LEN]);

impl LeaseText {
    /// Letters of a lease.
    pub const LEN: usize = wire::text_len(Lease::LEN);

    pub(super) fn of(bytes: &[u8; Lease::LEN]) -> Self {
        let mut text = [0; Self::LEN];
        wire::write_text(bytes, &mut text);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Base64 is ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Whoever reads a log must not find leases in it, even though one is of no
/// use without its agent's key.
impl fmt::Debug for LeaseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseText(not shown)")
    }
}
