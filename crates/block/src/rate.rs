//! How often the holder of a slot may send: the words for it are in `vocab`,
//! where crates below this one find them too.

pub use vocab::limit::{Answer, Due, Limit};
