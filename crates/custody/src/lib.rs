//! Where keys live: files that only their owner can read, and what is made of
//! the keys in them. A shell around `trust`, which keeps none.
//!
//! It must never lose a key, show one, or use one that others could have read.

pub mod entropy;
pub mod folder;
pub mod hybrid;
pub mod recovery;
pub mod scratch;
pub mod sealed;
mod shamir;
pub mod share;
pub mod succession;
#[cfg(feature = "pkcs11")]
pub mod token;
pub mod words;

pub use folder::KeyError;
