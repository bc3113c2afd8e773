//! Frames: the same ops without text, many at once on one connection.
//!
//! A frame is its length (four bytes, big-endian, itself not counted), a kind,
//! and fields of fixed form: numbers big-endian, bytes behind their length,
//! what may be absent behind a 0 or a 1. Nothing may follow the last field, so
//! a frame has one encoding. An answer carries the number of its request, and
//! answers come in any order.
//!
//! Envelope: no allocation to decode, none to encode into a buffer that has
//! room; about 60 bytes beside key and value, so that a core takes in more
//! frames than a disk syncs.

mod answer;
mod bytes;
mod request;

pub use answer::{Answer, Ended, Refused};
pub use request::{Body, Op, Request, Shape};

use block::chain::MOST_BYTES;

/// The longest frame: as much payload as an entry carries, and the rest of an op.
pub const MOST_FRAME: usize = MOST_BYTES + (64 << 10);

/// Requests of one connection that have not been answered; beyond it the
/// server reads no further. Sixty-four connections then fill the queue of a
/// log (8,192) twice over, and one alone still hides a sync behind the next.
pub const MOST_IN_FLIGHT: usize = 256;

/// Bytes before a frame's own.
const PREFIX: usize = 4;

/// Bytes that are no frame: the connection cannot go on, because where the
/// next frame begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// It says that it is longer than any frame.
    #[error("a frame of {0} bytes is longer than any frame, which has at most {MOST_FRAME}")]
    Long(usize),
    /// It ends before its fields do.
    #[error("the frame ends before its fields do")]
    Short,
    /// It goes on behind its last field.
    #[error("{0} bytes follow the last field of the frame")]
    Rest(usize),
    /// There is no such kind of frame.
    #[error("there is no frame of kind {0} in this direction")]
    Kind(u8),
    /// There is no such kind of op.
    #[error("there is no op of kind {0}")]
    Op(u8),
    /// A field holds what it cannot.
    #[error("{0}")]
    Field(&'static str),
}

/// The next frame in what was read, and how long it is with its prefix;
/// nothing when more has to be read.
pub fn next(buffer: &[u8]) -> Result<Option<(&[u8], usize)>, NoFrame> {
    let Some((prefix, rest)) = buffer.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > MOST_FRAME {
        return Err(NoFrame::Long(length));
    }
    Ok(rest.get(..length).map(|frame| (frame, PREFIX + length)))
}
