//! Writing a backup while the log goes on.
//!
//! It must never read behind what was durable at one moment, and never let a
//! segment be pruned before it was copied: it holds them until it is done.

use super::seal::SealedWriter;
use super::stream::{self, LogHead, row_bytes};
use super::{Backup, BackupError, Beside, Besides, Part, Secrets};
use crate::disk::Disk;
use crate::log::{Log, Position, ReadError, View, segment_name};
use crate::number::{size, wide};
use std::io::{ErrorKind, Write};

/// How much of a segment is read at once.
const WINDOW: usize = 1_024 * 1_024;

/// Writes all that is durable, or what is from the segment of `since` on, and
/// the records. `progress` is told how many bytes are done and how many there
/// are; the records add to both as they are met.
///
/// The damage of a log is copied as it is; [`restore`](super::restore()) tells it.
///
/// # Errors
/// When the log or the records cannot be read, or the backup not written.
pub fn backup<D: Disk>(
    log: &Log<D>,
    records: Option<Part<'_>>,
    to: &mut dyn Write,
    secrets: Secrets<'_>,
    since: Option<Position>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Backup, BackupError> {
    backup_with(log, records, &mut || Ok(Vec::new()), to, secrets, since, progress)
}

/// The same, with files beside the log. They are asked for when the log was
/// read, so that they have all that the log depends on.
///
/// # Errors
/// As for [`backup`], and when a file cannot be read.
pub fn backup_with<D: Disk>(
    log: &Log<D>,
    records: Option<Part<'_>>,
    files: Besides<'_>,
    to: &mut dyn Write,
    secrets: Secrets<'_>,
    since: Option<Position>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Backup, BackupError> {
    let hold = log.hold(since);
    let end = log.end();
    let about = [hold.segment(), end.segment, end.offset].map(u64::to_le_bytes).concat();
    let mut sealed = SealedWriter::new(to, secrets, &about)?;
    let mut done = Done { bytes: 0, all: lengths(&log.view(), hold.segment())?.1, progress };
    let rows = records.map_or(Ok(0), |part| rows(&mut sealed, part, &mut done))?;
    // Only now, so that the log is not behind the records.
    let view = log.view();
    let first = hold.segment().min(view.active);
    let (lengths, bytes) = lengths(&view, first)?;
    done.all = done.bytes + bytes;
    let segments = wide(lengths.len());
    stream::log(&mut sealed, LogHead { salt: view.salt, first, active: view.active, end: view.end, bytes })?;
    for (number, length) in lengths {
        segment(&mut sealed, &view, number, length, &mut done)?;
    }
    let listed = files().map_err(|source| BackupError::File { name: "list".to_owned(), source })?;
    let files = wide(listed.len());
    for beside in listed {
        file(&mut sealed, beside, &mut done)?;
    }
    stream::end(&mut sealed, rows, segments)?;
    sealed.finish()?;
    Ok(Backup { rows, segments, bytes, files, first, end: view.end() })
}

struct Done<'a> {
    bytes: u64,
    all: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Done<'_> {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        (self.progress)(self.bytes, self.all.max(self.bytes));
    }
}

/// The segments and how far each was written. One that is lost is left out:
/// then it is missing in what is restored too, and told there.
fn lengths<D: Disk>(view: &View<D>, first: u64) -> Result<(Vec<(u64, u64)>, u64), BackupError> {
    let mut lengths = Vec::new();
    for number in first..=view.active {
        match view.length(number) {
            Ok(length) => lengths.push((number, length)),
            Err(ReadError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let bytes = lengths.iter().map(|(_, length)| length).sum();
    Ok((lengths, bytes))
}

fn rows(to: &mut SealedWriter<'_>, part: Part<'_>, done: &mut Done<'_>) -> Result<u64, BackupError> {
    let (mut rows, mut failed) = (0, None);
    part.records.each(part.spaces, &mut |space, key, value| {
        rows += 1;
        done.all += row_bytes(key, value);
        done.add(row_bytes(key, value));
        failed = stream::row(to, space.0, key, value).err();
        failed.is_none()
    })?;
    failed.map_or(Ok(rows), Err)
}

fn file(to: &mut SealedWriter<'_>, beside: Beside, done: &mut Done<'_>) -> Result<(), BackupError> {
    let Beside { name, length, mut bytes } = beside;
    if !stream::is_plain(&name) || length > stream::MAX_FILE {
        return Err(BackupError::File { name, source: ErrorKind::InvalidInput.into() });
    }
    stream::file(to, &name, length)?;
    let mut buffer = vec![0; WINDOW.min(size(length))];
    let mut left = length;
    while left > 0 {
        let now = size(left).min(WINDOW);
        if let Err(source) = bytes.read_exact(&mut buffer[..now]) {
            return Err(BackupError::File { name, source });
        }
        to.write(&buffer[..now])?;
        left -= wide(now);
        done.all += wide(now);
        done.add(wide(now));
    }
    Ok(())
}

fn segment<D: Disk>(
    to: &mut SealedWriter<'_>,
    view: &View<D>,
    number: u64,
    length: u64,
    done: &mut Done<'_>,
) -> Result<(), BackupError> {
    stream::segment(to, number, length)?;
    let file = view.open(number)?;
    let mut buffer = vec![0; WINDOW];
    let mut at = 0;
    while at < length {
        let wanted = size(length - at).min(WINDOW);
        let read = view.disk.read_at(&file, at, &mut buffer[..wanted]);
        let read = read.map_err(|source| ReadError::Io { file: segment_name(number), source })?;
        // What a file lacks is damage; as zeros it is told as that.
        buffer[read..wanted].fill(0);
        to.write(&buffer[..wanted])?;
        at += wide(wanted);
        done.add(wide(wanted));
    }
    Ok(())
}
