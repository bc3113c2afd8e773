//! What happens inside a block: who holds which slot, how often its holder may
//! send, in what order ops run and are chained, and whom the block's monitor
//! turns away.
//!
//! Pure: time and input are arguments, and nothing here knows of files,
//! sockets or other blocks than the one that it is asked about.

pub mod bans;
pub mod census;
pub mod chain;
pub mod house;
pub mod index;
pub mod kinds;
pub mod monitor;
mod planted;
pub mod queue;
pub mod rate;
pub mod shard;
pub mod slots;
pub mod wheel;

#[doc(hidden)]
pub use planted::Planted;
