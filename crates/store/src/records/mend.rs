//! Cutting the torn end off the engine's journal.
//!
//! It must never cut in front of a batch that is whole with all before it, and
//! never touch a journal that somebody has open.
//!
//! Why: the engine takes a batch that stops short for the end, but refuses to
//! open when one is there to its end and has a hole within. That is what a
//! power cut leaves of what was not synced: pages reach a disk in any order. A
//! hole can be in no batch that was synced, so what is in front of it is all
//! that was promised.
//!
//! ```text
//! journal  batches, zeros
//! batch    1, count u32, sequence u64; count items; 3, xxh3 of the items u64, "FJL" 3
//! item     2, kind u8, packing u8, space u64, key u16, length u32, packed u32, key, value
//!       or 4, space u64
//! ```

use crate::number::{u32_at, u64_at, wide};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8; 4] = b"FJL\x03";
/// How much of a value is looked at at once.
const WINDOW: usize = 64 * 1_024;

/// Cuts the newest journal behind its last whole batch; says how much of it
/// was cut, or nothing when no cut helps.
pub(super) fn mend(directory: &Path) -> io::Result<Option<u64>> {
    let lock = File::open(directory.join("lock"))?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    let Some(path) = newest(directory)? else {
        return Ok(None);
    };
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(WINDOW, &file);
    let end = whole(&mut reader)?;
    if end == length {
        return Ok(None);
    }
    file.set_len(end)?;
    file.sync_all()?;
    Ok(Some(length - end))
}

fn newest(directory: &Path) -> io::Result<Option<PathBuf>> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    Ok(journals.into_iter().max().map(|(_, path)| path))
}

/// Where the last whole batch ends.
pub(super) fn whole(journal: &mut impl Read) -> io::Result<u64> {
    let mut end = 0;
    loop {
        match batch(journal) {
            Ok(Some(length)) => end += length,
            Ok(None) => return Ok(end),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(end),
            Err(error) => return Err(error),
        }
    }
}

/// How long the next batch is, if it is whole.
fn batch(journal: &mut impl Read) -> io::Result<Option<u64>> {
    let mut start = [0; 13];
    journal.read_exact(&mut start)?;
    if start[0] != START {
        return Ok(None);
    }
    let mut hash = Xxh3::new();
    let mut length = wide(start.len());
    for _ in 0..u32_at(&start, 1) {
        match item(journal, &mut hash)? {
            Some(item) => length += item,
            None => return Ok(None),
        }
    }
    let mut end = [0; 13];
    journal.read_exact(&mut end)?;
    let agrees = end[0] == END && u64_at(&end, 1) == hash.digest() && end[9..] == TRAILER[..];
    Ok(agrees.then_some(length + wide(end.len())))
}

/// How long the next item is, if there is one.
fn item(journal: &mut impl Read, hash: &mut Xxh3) -> io::Result<Option<u64>> {
    let mut head = [0; 21];
    let fixed = |kind| match kind {
        ITEM => Some(21),
        CLEAR => Some(9),
        _ => None,
    };
    journal.read_exact(&mut head[..1])?;
    let Some(fixed) = fixed(head[0]) else {
        return Ok(None);
    };
    journal.read_exact(&mut head[1..fixed])?;
    hash.update(&head[..fixed]);
    let key = u64::from(u16::from_le_bytes([head[11], head[12]]));
    let behind = if head[0] == ITEM { key + u64::from(u32_at(&head, 17)) } else { 0 };
    let mut rest = journal.take(behind);
    let mut window = [0; WINDOW];
    let mut read = 0;
    loop {
        match rest.read(&mut window) {
            Ok(0) => break,
            Ok(now) => {
                hash.update(&window[..now]);
                read += wide(now);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if read < behind { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Some(wide(fixed) + behind)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for count in [1_u32, 3, 2] {
            let mut items = Vec::new();
            for key in 0..count {
                let value = vec![7; usize::try_from(key * 50).unwrap()];
                items.extend([ITEM, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
                items.extend([u32::try_from(value.len()).unwrap().to_le_bytes(); 2].concat());
                items.extend(key.to_le_bytes());
                items.extend(value);
            }
            items.extend([CLEAR, 1, 0, 0, 0, 0, 0, 0, 0]);
            bytes.push(START);
            bytes.extend((count + 1).to_le_bytes());
            bytes.extend([9; 8]);
            let mut hash = Xxh3::new();
            hash.update(&items);
            bytes.extend(items);
            bytes.push(END);
            bytes.extend(hash.digest().to_le_bytes());
            bytes.extend(TRAILER);
            ends.push(wide(bytes.len()));
        }
        (bytes, ends)
    }

    #[test]
    fn a_journal_ends_behind_its_last_whole_batch() {
        let (bytes, ends) = journal();
        let below = |at: usize| ends.iter().copied().filter(|end| *end <= wide(at)).max().unwrap_or(0);
        for cut in 0..=bytes.len() {
            let mut zeros = bytes[..cut].to_vec();
            assert_eq!(whole(&mut &zeros[..]).unwrap(), below(cut));
            zeros.resize(bytes.len() + 100, 0);
            assert_eq!(whole(&mut &zeros[..]).unwrap(), below(cut), "zeros from {cut} on");
        }
        // Any bit of a batch, but those of its sequence, which nothing covers.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let end = whole(&mut &changed[..]).unwrap();
            assert!(end == below(at) || end == wide(bytes.len()), "{at}");
        }
    }
}
