//! A planet's network interface as a library: JSON requests for everything,
//! and frames for ops that have to be fast.
//!
//! It must never send an op twice under two names, believe a chain whose links
//! it has not checked, or wait without a bound. Keys stay here: what is sent
//! is signatures.

mod admin;
mod attach;
mod chain;
mod client;
mod dial;
mod erasures;
mod error;
mod frames;
mod http;
mod names;
mod node;
mod op;
mod path;
mod retry;
mod stances;

pub use chain::{Follow, Stretch};
pub use client::{Client, Options, Place};
pub use dial::Url;
pub use error::Error;
pub use frames::Wire;
pub use op::{Ask, Body, Done};
pub use retry::Backoff;
pub use wire::{Code, Data, Hex, tell};
