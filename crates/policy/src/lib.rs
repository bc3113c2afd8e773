//! Where an op may go, where it should go, who may ask for it, and why.
//!
//! Pure: time, signals and the state of the world are arguments, and decisions
//! are data. The gateway, the simulator and `mycel route explain` call the same
//! functions. It must never read a clock, keep a float or depend on the order in
//! which regions stand in a file; and no score may ever see a region that
//! residency has removed.

pub mod access;
pub mod atlas;
pub mod cost;
pub mod explain;
pub mod health;
pub mod place;
pub mod preview;
pub mod quota;
pub mod residency;
pub mod rollout;
pub mod route;
pub mod score;
pub mod set;
pub mod shares;
pub mod signal;
pub mod table;
