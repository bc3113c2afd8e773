//! An answer as far as its bytes go, without a connection: what the fuzzer asks
//! of the reader of what hosts say.

use super::reply::{self, Wrong};
use bytes::BytesMut;

/// What a host's bytes say.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    /// The answer's status.
    pub status: u16,
    /// Its headers that go on, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body, as far as it came.
    pub body: Vec<u8>,
    /// Whether it came to its end.
    pub whole: bool,
    /// Whether the connection can be used again then.
    pub stays: bool,
    /// The bytes behind it.
    pub behind: usize,
}

/// What a host's bytes say when they come in pieces of a size; to some requests
/// an answer never has a body. `None` while the head is not whole.
///
/// # Errors
/// Why they are no answer.
pub fn heard(bytes: &[u8], piece: usize, bodiless: bool) -> Result<Option<Heard>, String> {
    let said = |wrong: Wrong| wrong.to_string();
    let (mut came, mut head, mut body) = (BytesMut::new(), None, Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        came.extend_from_slice(piece);
        if head.is_none() {
            head = reply::head(&mut came, bodiless).map_err(said)?;
        }
        let Some(head) = &mut head else { continue };
        while let Some(data) = head.end.take(&mut came).map_err(said)? {
            body.extend_from_slice(&data);
        }
    }
    Ok(head.map(|head| Heard {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body,
        whole: head.end.is_here(),
        stays: head.stays,
        behind: came.len(),
    }))
}
