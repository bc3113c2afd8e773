//! The thin shell that runs a planet: threads, clocks, sockets and files
//! around the pure crates.
//!
//! It must never decide what a core decides, never answer an op before its
//! entry is durable, and never keep anything without a bound.

mod acts;
mod apart;
mod ask;
mod asked;
mod believed;
mod below;
mod clock;
mod counter;
mod directory;
mod engine;
mod errands;
mod expiry;
mod follower;
pub mod gateway;
mod home;
mod homes;
pub mod http;
mod keyring;
mod lane;
mod links;
mod reopen;
mod reply;
mod rest;
mod retention;
mod rotation;
mod served;
mod signing;
mod trace;
mod turnstile;
mod wake;

pub use acts::{Acts, By};
pub use apart::Apart;
pub use counter::Attended;
pub use engine::{
    About, Attached, BlockAt, BlockStanding, Body, ChainPart, Code, Connection, Engine, Erased, Erasures, InboxMessage,
    LEASE, MOST_KEY, MOST_PATIENCE, MOST_SESSIONS, Mailbox, OpAsk, OpDone, OpSeen, Options, Pending, Refusal,
    RegionStanding, Seated, Stance, StartError, Started, Where,
};
pub use errands::{Errands, NoErrand};
pub use home::HomeError;
pub use homes::{Homes, MOST_GATEWAYS, hold, turn_operator};
pub use rest::{AtRest, Checked, Compared, Fault, Kept, NotProven, Opens, Proven, RestError, opens, restore_planet};
pub use signing::Turning;
#[cfg(feature = "otel")]
pub use trace::TARGET as TRACE_TARGET;
