//! Who may do what, and how anyone can check afterwards what was done: leases,
//! signatures, envelopes and proofs.
//!
//! It must never read a clock, draw a random number or keep a key: time,
//! entropy and keys are arguments, and what it answers depends on nothing
//! else. Secrets are wiped when they are dropped, compared in constant time
//! and never printed. `docs/guides/trust.md` says what each thing protects
//! against, and what it does not.

mod hash;
mod ids;
mod keys;
pub mod pi;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod remains;
mod secret;
mod wire;

pub mod attach;
pub mod enrol;
pub mod envelope;
pub mod erasure;
pub mod lease;
pub mod merkle;
pub mod rotation;
pub mod sign;
mod sorted;
pub mod vouch;

pub use ids::{AgentId, BlockRef, KeyId, Moment, OwnerId, PlanetId, RegionTag};
pub use keys::{CellKey, RegionalKey};
pub use secret::Secret;
pub use sorted::Sorted;
pub use wire::Malformed;
