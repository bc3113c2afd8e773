//! The roots of Terraform: one for each region, one for what is of no region, and
//! one for content delivery. Each is judged by itself, as it is applied.
//!
//! A file for each layer: `network` subnets and routes, `acl`, `group`, `balance`;
//! `stands` who is there, `judge` who reaches whom through all of them.

mod acl;
mod asked;
mod balance;
mod data;
mod entry;
mod global;
mod group;
mod hop;
mod item;
mod judge;
mod kinds;
mod network;
mod root;
mod script;
mod secret;
mod stands;
mod ways;

pub(crate) use global::prove as prove_global;
pub(crate) use judge::{prove, why};

/// Whose regions have roots.
pub(crate) const PROVIDER: &str = "aws";
/// The folders of roots that are of no region.
pub(crate) const GLOBAL: [&str; 2] = ["global", "cloudflare"];
