//! The thin shell that runs a planet: threads, clocks, sockets and files
//! around the pure crates.
//!
//! It must never decide what a core decides, never answer an op before its
//! entry is durable, and never keep anything without a bound.

mod engine;
pub mod http;

pub use engine::{
    Attached, BlockAt, BlockStanding, Body, ChainPart, Code, Connection, Engine, InboxMessage, OpAsk, OpDone, OpSeen,
    Refusal, RegionStanding, Seated, Where,
};
