//! What goes over the network: JSON for people, frames for machines. A server
//! and its clients share these types, so that they cannot differ.
//!
//! It must never open a socket or read a clock. Every decoder takes any bytes,
//! answers in bounded memory, and accepts one encoding of one value.

pub mod ask;
mod code;
mod data;
pub mod frame;
mod hex;
pub mod tell;

pub use code::Code;
pub use data::{Base64, Data};
pub use frame::Shape;
pub use hex::{Hex, NoHex};

use block::chain::Link;
use trust::BlockRef;
use trust::sign::Domain;

/// What a connection is upgraded to. A form of frames that this one cannot
/// read has another name, and the name is agreed on before the first frame.
pub const PROTOCOL: &str = "mycel/1";

/// The scheme of the `Authorization` header: `Mycel <lease>`.
pub const SCHEME: &str = "Mycel";

/// The header in which a gateway says where a request came from. It counts on
/// a connection on which a gateway that is known has proved itself, and nowhere
/// else.
pub const SOURCE: &str = "mycel-source";

/// The header of a refusal that is about one block or about slots alone: it
/// says nothing of how its host stands.
pub const LOCAL: &str = "mycel-local";

/// What both ends of a TLS connection derive its name by (RFC 9266).
pub const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";

/// What a node signs the head of a chain under.
pub const CHAIN_HEAD: Domain = Domain::new("chain head");

/// What a node signs: whose chain it is, and where it ends.
#[must_use]
pub fn chain_head(block: BlockRef, sequence: u64, link: Link) -> [u8; 56] {
    let mut message = [0; 56];
    message[..8].copy_from_slice(&block.region.0);
    message[8..16].copy_from_slice(&block.index.to_be_bytes());
    message[16..24].copy_from_slice(&sequence.to_be_bytes());
    message[24..].copy_from_slice(&link.0);
    message
}
