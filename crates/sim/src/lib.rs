//! A world that obeys a seed: dice, a scheduler and a virtual disk.
//!
//! It must never ask the real world for anything: no clock, no thread, no
//! random number but the seed's. The same seed gives the same run, call by
//! call, and the disk's digest proves it.

mod dice;
mod disk;
mod inode;
mod schedule;

pub use dice::Dice;
pub use disk::{Faults, Op, VirtualDisk, VirtualFile, VirtualLock};
pub use schedule::Schedule;
