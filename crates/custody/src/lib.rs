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
pub mod errand;
pub mod folder;
pub mod heirs;
pub mod hybrid;
pub mod lineage;
pub mod office;
pub mod peer;
pub mod recovery;
pub mod request;
pub mod revocation;
pub mod root;
pub mod scratch;
pub mod sealed;
mod shamir;
pub mod share;
pub mod signer;
pub mod spiffe;
mod statement;
pub mod succession;
#[cfg(feature = "pkcs11")]
pub mod token;
pub mod vault;
pub mod words;

pub use folder::KeyError;
pub use statement::BadStatement;
