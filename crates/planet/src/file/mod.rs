//! From bytes to typed sections, with every value's place in the file kept.
//!
//! `tree` turns TOML into a compact tree; `section` declares what a planet
//! file may say, once, for decoder and schema alike; `read` walks the tree by
//! those declarations and reports everything that is wrong, not only the first.

pub(crate) mod flat;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod section;
pub(crate) mod span;
pub(crate) mod tree;
pub(crate) mod value;
