//! Where keys live: files that only their owner can read, and what is made of
//! the keys in them. A shell around `trust`, which keeps none.
//!
//! It must never lose a key, show one, or use one that others could have read.

pub mod authority;
pub mod ca;
pub mod certificate;
pub mod credentials;
pub mod endorsement;
pub mod entropy;
pub mod folder;
pub mod office;
pub mod peer;
pub mod request;
pub mod revocation;
pub mod spiffe;
mod statement;

pub use folder::KeyError;
pub use statement::BadStatement;
