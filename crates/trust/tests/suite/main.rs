//! What trust promises, tried from outside.

#![allow(clippy::unwrap_used)]

mod attach;
mod attacks;
mod enrol;
mod envelope;
mod erasure;
mod lease;
mod merkle;
mod rotation;
mod secrets;
mod vouch;
mod world;
