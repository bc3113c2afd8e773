//! What the system gives that nobody can guess.

use std::io;

/// So many bytes of it.
///
/// # Errors
/// When the system gives none.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
