//! What stands within a backup, piece by piece.
//!
//! It must never trust a length that it was not sealed for: each is held
//! against the limit of what it is a length of.

use super::BackupError;
use super::seal::{SealedReader, SealedWriter};
use crate::number::{small, u32_at, u64_at, wide};
use crate::records::{MAX_KEY, MAX_VALUE};

/// The longest segment that a log makes.
const MAX_SEGMENT: u64 = 1 << 31;

/// The most segments from the oldest to the newest: a pebibyte of log.
const MAX_SEGMENTS: u64 = 1 << 24;

const ROW: u8 = 1;
const LOG: u8 = 2;
const SEGMENT: u8 = 3;
const END: u8 = 4;
const FILE: u8 = 5;

/// The longest name of a file beside the log.
pub(super) const MAX_NAME: usize = 255;
/// The longest file beside the log: the keys of more owners than a planet has.
pub(super) const MAX_FILE: u64 = 1 << 40;

/// A log, as far as it was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogHead {
    pub(super) salt: u64,
    pub(super) first: u64,
    pub(super) active: u64,
    pub(super) end: u64,
    /// Of all its segments.
    pub(super) bytes: u64,
}

/// A piece; the bytes of a segment or a file follow it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Row { space: Vec<u8>, key: Vec<u8>, value: Vec<u8> },
    Log(LogHead),
    Segment { number: u64, length: u64 },
    File { name: String, length: u64 },
    End { rows: u64, segments: u64 },
}

fn words(to: &mut SealedWriter<'_>, kind: u8, numbers: &[u64]) -> Result<(), BackupError> {
    to.write(&[kind])?;
    numbers.iter().try_for_each(|number| to.write(&number.to_le_bytes()))
}

pub(super) fn row(to: &mut SealedWriter<'_>, space: &str, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    to.write(&[ROW, u8::try_from(space.len()).unwrap_or(u8::MAX)])?;
    for part in [&length(key)[..], &length(value), space.as_bytes(), key, value] {
        to.write(part)?;
    }
    Ok(())
}

pub(super) fn log(to: &mut SealedWriter<'_>, head: LogHead) -> Result<(), BackupError> {
    words(to, LOG, &[head.salt, head.first, head.active, head.end, head.bytes])
}

pub(super) fn segment(to: &mut SealedWriter<'_>, number: u64, length: u64) -> Result<(), BackupError> {
    words(to, SEGMENT, &[number, length])
}

pub(super) fn file(to: &mut SealedWriter<'_>, name: &str, length: u64) -> Result<(), BackupError> {
    to.write(&[FILE, u8::try_from(name.len()).unwrap_or(u8::MAX)])?;
    to.write(&length.to_le_bytes())?;
    to.write(name.as_bytes())
}

pub(super) fn end(to: &mut SealedWriter<'_>, rows: u64, segments: u64) -> Result<(), BackupError> {
    words(to, END, &[rows, segments])
}

/// The next piece.
pub(super) fn next(from: &mut SealedReader<'_>) -> Result<Piece, BackupError> {
    let mut kind = [0];
    from.read(&mut kind)?;
    match kind {
        [ROW] => read_row(from),
        [LOG] => {
            let [salt, first, active, end, bytes] = numbers(from)?;
            if first == 0 || first > active || active - first > MAX_SEGMENTS || end > MAX_SEGMENT {
                return Err(from.damaged("it says that the log ends where none does"));
            }
            Ok(Piece::Log(LogHead { salt, first, active, end, bytes }))
        }
        [SEGMENT] => {
            let [number, length] = numbers(from)?;
            if length > MAX_SEGMENT {
                return Err(from.damaged("a segment is longer than any is"));
            }
            Ok(Piece::Segment { number, length })
        }
        [FILE] => {
            let mut head = [0; 9];
            from.read(&mut head)?;
            let (length, mut name) = (u64_at(&head, 1), vec![0; usize::from(head[0])]);
            from.read(&mut name)?;
            match String::from_utf8(name) {
                Ok(name) if length <= MAX_FILE && is_plain(&name) => Ok(Piece::File { name, length }),
                _ => Err(from.damaged("a file beside the log has a name or a length that none has")),
            }
        }
        [END] => {
            let [rows, segments] = numbers(from)?;
            Ok(Piece::End { rows, segments })
        }
        _ => Err(from.damaged("it has a piece of a kind that there is not")),
    }
}

/// Whether a name stays in the directory that it is restored into.
pub(super) fn is_plain(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.len() <= MAX_NAME && !name.contains(['\\', '\0']) && name.split('/').all(part)
}

fn read_row(from: &mut SealedReader<'_>) -> Result<Piece, BackupError> {
    let mut lengths = [0; 9];
    from.read(&mut lengths)?;
    let (key, value) = (small(u32_at(&lengths, 1)), small(u32_at(&lengths, 5)));
    if key == 0 || key > MAX_KEY || value > MAX_VALUE {
        return Err(from.damaged("a row is longer than any is"));
    }
    let mut part = |length: usize| {
        let mut bytes = vec![0; length];
        from.read(&mut bytes).map(|()| bytes)
    };
    Ok(Piece::Row { space: part(usize::from(lengths[0]))?, key: part(key)?, value: part(value)? })
}

fn numbers<const N: usize>(from: &mut SealedReader<'_>) -> Result<[u64; N], BackupError> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let mut bytes = [0; 8];
        from.read(&mut bytes)?;
        *number = u64_at(&bytes, 0);
    }
    Ok(numbers)
}

/// What a row counts for in a batch and in progress.
pub(super) fn row_bytes(key: &[u8], value: &[u8]) -> u64 {
    wide(key.len() + value.len())
}
