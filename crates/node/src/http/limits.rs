//! Every bound of the network side, with where its number comes from.

use block::chain::MOST_BYTES;
use std::time::Duration;

/// Of a request's head. A lease is 188 letters; sixteen kibibytes leave room for every proxy's headers, and a
/// thousand half-sent heads are 16 MiB.
pub(crate) const HEAD_BYTES: usize = 16 << 10;

/// Headers of a request. A browser sends some twenty.
pub(crate) const HEADERS: usize = 64;

/// Of a request's body: as much payload as an entry carries, in base64, beside its name.
pub(crate) const BODY_BYTES: usize = MOST_BYTES / 3 * 4 + (64 << 10);

/// Of a body that comes before anybody is believed: an application with its invitation has some 700 bytes. What is
/// half sent is held, so a thousand of these are 4 MiB.
pub(crate) const STRANGERS_BYTES: usize = 4 << 10;

/// How long what is too slow, or too many, is put up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a head to come, from its first byte.
    pub head: Duration,
    /// For a body to come.
    pub body: Duration,
    /// For a connection on which nothing is asked, and for an answer that is
    /// not taken.
    pub idle: Duration,
    /// How often a connection's patience is looked at: what is too slow ends
    /// so much later at most.
    pub look: Duration,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one source: an address, or an IPv6 /64. Those on which a
    /// gateway has proved itself are no source's.
    pub of_a_source: usize,
    /// Long polls and streams in all; the rest of the connections are for
    /// those who ask.
    pub waiting: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            // A round trip around the Earth and three lost segments.
            head: Duration::from_secs(10),
            // 1.4 MiB at 400 kbit/s.
            body: Duration::from_secs(30),
            // Longer than the minute that load balancers keep a connection.
            idle: Duration::from_secs(75),
            look: Duration::from_secs(2),
            // At some 20 KiB each, 320 MiB.
            connections: 16_384,
            // A block's sixty agents behind one address, with sixteen connections each.
            of_a_source: 1_024,
            waiting: 8_192,
        }
    }
}

/// For a long poll. Shorter than [`Bounds::idle`], so that no proxy in between gives up first.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Between two signs of life on a stream of events.
pub(crate) const STREAM_BEAT: Duration = Duration::from_secs(15);

/// Messages, ops, blocks or agents of one answer.
pub(crate) const PAGE: usize = 256;

/// Entries of one answer. An entry has at most 2 MiB, but most have some hundred bytes.
pub(crate) const CHAIN_PAGE: usize = 256;

/// Ops of frames on one connection that wait for their end: what the protocol says.
pub(crate) const IN_FLIGHT: usize = wire::frame::MOST_IN_FLIGHT;

/// Bytes of those ops' frames; the frame that goes over it is still taken.
pub(crate) const IN_FLIGHT_BYTES: usize = 4 << 20;

/// Pieces of a backup that wait to be sent: it goes on as fast as they are taken.
pub(crate) const BACKUP_PIECES: usize = 4;

/// Bytes of such a piece.
pub(crate) const BACKUP_BYTES: usize = 256 << 10;

/// Bytes that are read from an upgraded connection at once.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Answers that wait to be written: beyond it nothing more is read.
pub(crate) const WRITE_BYTES: usize = 4 << 20;

/// Bytes of entries in one answer; the entry that goes over it is still told.
pub(crate) const CHAIN_BYTES: usize = 8 << 20;
