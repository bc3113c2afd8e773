//! What an operator did, so that nobody can deny it: a log in tiles as C2SP
//! writes them down, with its writer, its verifier and its witness.
//!
//! It must never acknowledge what is not durable, sign a head that does not
//! continue the last one it signed, or hold a secret: an entry says who did
//! what by which right and why, and has no field for a key that is not public
//! or for anybody's data. It reads no clock and draws no random number: time
//! and keys are arguments. All but [`asked`], [`home`], [`look`], [`Folders`] and
//! [`Mirror`] touch files only through a `store::Disk` or a [`Source`] that they
//! are handed.

pub mod asked;
pub mod bundle;
pub mod checkpoint;
pub mod copy;
mod edge;
pub mod entry;
mod files;
pub mod home;
pub mod look;
pub mod note;
mod number;
pub mod path;
pub mod proof;
mod sealed;
mod segment;
pub mod successor;
mod tiles;
mod truth;
pub mod verify;
pub mod witness;
mod writer;

pub use checkpoint::{Checkpoint, NotSigned, Signed, Signer, Signers, origin};
pub use edge::{Edge, Tile};
pub use entry::Entry;
pub use files::{Folders, Mirror, OnDisk, Source, checkpoint as read_checkpoint};
pub use note::{KeyKind, Verifier};
pub use sealed::{EntryKey, Opened};
pub use tiles::{Missing, Tiles};
pub use writer::{AppendError, Audit, OpenError, Pruned, Recovery};

/// A text or bytes that are not of the form that they should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);
