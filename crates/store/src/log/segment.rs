//! Segments as files: their names, their heads, and reading them.
//!
//! It must never decide what an entry means; it only finds the bytes.

use super::format::{Head, HeadRead, SECTOR};
use super::scan::Source;
use super::{Damage, Loss};
use crate::disk::{Barrier, Disk};
use crate::number::{size, wide};
use std::io;

/// The first segment of a log.
pub(crate) const FIRST: u64 = 1;

/// The file of a segment; sorted by name they are sorted by number.
pub(crate) fn name(number: u64) -> String {
    format!("{number:016x}.log")
}

/// The segment of a file, if it is one.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() != 16 || digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// A file of a disk as a source of bytes.
pub(crate) struct FileSource<'a, D: Disk, F> {
    pub(crate) disk: &'a D,
    pub(crate) file: F,
}

impl<D: Disk, F: std::borrow::Borrow<D::File>> Source for FileSource<'_, D, F> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(self.file.borrow(), offset, into)
    }
}

/// What the head of a segment came to.
#[derive(Debug)]
pub(crate) struct Headed {
    /// The head, from whichever copy is whole.
    pub(crate) head: Option<Head>,
    /// A version that is not known here.
    pub(crate) newer: Option<u8>,
    /// The copy that is broken, when only one is.
    pub(crate) broken_copy: Option<(u64, u64)>,
}

/// Reads the head of segment `number`.
pub(crate) fn head(source: &impl Source, number: u64) -> io::Result<Headed> {
    let mut bytes = Vec::new();
    let first = copy(source, 0, &mut bytes)?;
    let newer = match first {
        HeadRead::Newer(version) => Some(version),
        _ => None,
    };
    if let HeadRead::Whole(head) = first
        && head.segment == number
    {
        let length = head.data_start() / 2;
        let second = copy(source, length, &mut bytes)?;
        let broken_copy = (second != HeadRead::Whole(head.clone())).then_some((length, length));
        return Ok(Headed { head: Some(head), newer: None, broken_copy });
    }
    // The second copy begins where the first one ends, which the broken first
    // one does not tell.
    for at in (1..=wide(Head::longest() / SECTOR)).map(|sectors| sectors * wide(SECTOR)) {
        match copy(source, at, &mut bytes)? {
            HeadRead::Whole(head) if head.segment == number && head.data_start() == 2 * at => {
                return Ok(Headed { head: Some(head), newer: None, broken_copy: Some((0, at)) });
            }
            _ if bytes.is_empty() => break,
            _ => {}
        }
    }
    Ok(Headed { head: None, newer, broken_copy: None })
}

fn copy(source: &impl Source, at: u64, bytes: &mut Vec<u8>) -> io::Result<HeadRead> {
    let mut wanted = SECTOR;
    loop {
        bytes.resize(wanted, 0);
        let read = source.read_at(at, bytes)?;
        bytes.truncate(read);
        match Head::decode(bytes) {
            HeadRead::Longer(length) if read == wanted => wanted = length,
            HeadRead::Longer(_) => return Ok(HeadRead::Broken),
            other => return Ok(other),
        }
    }
}

/// Makes the file of a segment that is not begun: its space set aside, zeros
/// all over it, its name durable.
///
/// Zeros, because space that was only set aside is not written yet: each sync
/// would wait for the journal of the file system too, and take half as long
/// again.
pub(crate) fn make<D: Disk>(disk: &D, number: u64, length: u64) -> Result<D::File, Unmade> {
    let name = name(number);
    // It may be there already: from before a crash, or without its space.
    let file = match disk.create(&name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&name),
        created => created,
    };
    let file = file.map_err(Unmade::Refused)?;
    disk.allocate(&file, length).map_err(Unmade::Refused)?;
    erase(disk, &file, 0, length).map_err(Unmade::Refused)?;
    disk.sync_data(&file, Barrier::Ahead).map_err(Unmade::Failed)?;
    disk.sync_dir(Barrier::Name).map_err(Unmade::Failed)?;
    Ok(file)
}

/// Why a segment was not made.
pub(crate) enum Unmade {
    /// Nothing was touched that matters; it can be tried again.
    Refused(io::Error),
    /// A sync failed: the disk cannot be trusted any more.
    Failed(io::Error),
}

/// Zeros over what lies between.
pub(crate) fn erase<D: Disk>(disk: &D, file: &D::File, from: u64, to: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];
    let mut at = from;
    while at < to {
        let length = size(to - at).min(ZEROS.len());
        disk.write_at(file, at, &ZEROS[..length])?;
        at += wide(length);
    }
    Ok(())
}

/// A broken copy of a head, as damage.
pub(crate) fn copy_damage(number: u64, (offset, length): (u64, u64)) -> Damage {
    Damage { file: name(number), offset, length, what: Loss::Copy }
}
