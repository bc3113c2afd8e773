//! Reading files, never more of them than can be a planet.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file, or standard input for `-`. One byte more than a planet may
/// have is enough to say that it is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = planet::MAX_FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| {
            // A folder opens, and only fails when it is read.
            let size = file.metadata()?.len().min(limit);
            bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
            file.take(limit).read_to_end(&mut bytes)
        })
    };
    result.map_err(|error| Failure::file("read", path, &error))?;
    Ok(bytes)
}

/// What a file is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}
