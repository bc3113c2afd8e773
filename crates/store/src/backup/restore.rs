//! Restoring a backup into nothing.
//!
//! It must never leave a directory that opens before all of it was there and
//! agreed: a file says that it is being restored, and goes last.

use super::seal::SealedReader;
use super::stream::{self, LogHead, Piece, row_bytes};
use super::{Backup, BackupError, Part, Restored, TakeFile};
use crate::disk::{Barrier, Disk};
use crate::log::{CLOSED, FIRST, PRUNED, Position, RESTORING, View, segment_name, write_mark};
use crate::number::{size, wide};
use crate::records::Batch;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

/// How much of a segment is written at once.
const WINDOW: usize = 1_024 * 1_024;
/// How many bytes of records are written at once.
const BATCH: usize = 1_024 * 1_024;

/// Writes a backup into an empty directory and empty records, and reads the
/// log back against its checksums. `progress` is told how many bytes are done
/// and how many there are, or 0 while that is not known.
///
/// # Errors
/// When it is not whole, the key does not open it, something is there already,
/// or the disk refuses. Then the directory does not open as a log.
pub fn restore<D: Disk>(
    from: &mut dyn Read,
    key: &[u8; 32],
    disk: &Arc<D>,
    records: Option<Part<'_>>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    let mut nowhere = |_: &str, _: u64, _: &[u8]| Err(ErrorKind::Unsupported.into());
    restore_with(from, key, disk, records, &mut nowhere, progress)
}

/// The same, with somebody who takes the files beside the log.
///
/// # Errors
/// As for [`restore`], and when a file is not taken.
pub fn restore_with<D: Disk>(
    from: &mut dyn Read,
    key: &[u8; 32],
    disk: &Arc<D>,
    records: Option<Part<'_>>,
    files: TakeFile<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    let mut sealed = SealedReader::new(from, key)?;
    let lock = |source: std::io::Error| match source.kind() {
        ErrorKind::WouldBlock => BackupError::NotEmpty { place: disk.place() },
        _ => BackupError::Disk { what: format!("lock {}", disk.place()), source },
    };
    let _lock = disk.lock("lock").map_err(lock)?;
    empty(&**disk, records)?;
    let refused = || BackupError::disk(format!("restore into {}", disk.place()));
    drop(disk.create(RESTORING).map_err(refused())?);
    disk.sync_dir(Barrier::Restored).map_err(refused())?;
    let into = Fresh { disk: &**disk, records, files, batch: Batch::default() };
    let mut target = Walk { into, progress, head: None, next: FIRST, done: 0 };
    let backup = target.all(&mut sealed)?;
    sealed.finish()?;
    let Some(head) = target.head else {
        return Err(BackupError::Damaged { at: 0, what: "it has no log" });
    };
    let end = Position { segment: head.active, offset: head.end };
    if head.first > FIRST {
        write_mark(&**disk, PRUNED, Position { segment: head.first, offset: 0 }).map_err(refused())?;
    }
    write_mark(&**disk, CLOSED, end).map_err(refused())?;
    disk.sync_dir(Barrier::Restored).map_err(refused())?;
    let verified = View::of(Arc::clone(disk), head.salt, head.first, end).verify()?;
    disk.remove(RESTORING).map_err(refused())?;
    disk.sync_dir(Barrier::Restored).map_err(refused())?;
    Ok(Restored { backup, verified })
}

/// There must be nothing yet.
fn empty<D: Disk>(disk: &D, records: Option<Part<'_>>) -> Result<(), BackupError> {
    let names = disk.list().map_err(BackupError::disk(format!("list {}", disk.place())))?;
    if names.iter().any(|name| name != "lock") {
        return Err(BackupError::NotEmpty { place: disk.place() });
    }
    for (part, space) in records.iter().flat_map(|part| part.spaces.iter().map(move |space| (part, space))) {
        if part.records.last(*space, b"", None)?.is_some() {
            return Err(BackupError::NotEmpty { place: format!("the space \"{}\"", space.0) });
        }
    }
    Ok(())
}

/// Reads a backup to its end, and writes nothing: whether it is whole and this
/// is its key.
///
/// # Errors
/// When it is not.
pub fn check(from: &mut dyn Read, key: &[u8; 32], progress: &mut dyn FnMut(u64, u64)) -> Result<Backup, BackupError> {
    let mut sealed = SealedReader::new(from, key)?;
    let mut walk = Walk { into: Nowhere, progress, head: None, next: FIRST, done: 0 };
    let backup = walk.all(&mut sealed)?;
    sealed.finish()?;
    Ok(backup)
}

/// Where the pieces of a backup go.
trait Target {
    fn row(&mut self, space: &[u8], key: Vec<u8>, value: Vec<u8>) -> Result<(), BackupError>;
    fn rows_end(&mut self) -> Result<(), BackupError>;
    /// A segment or a file; what it holds is handed out by `bytes`.
    fn segment(&mut self, number: u64, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError>;
    fn file(&mut self, name: &str, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError>;
}

/// Hands out the next bytes of a piece.
type Bytes<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), BackupError>;

/// Takes a part of a piece, and where it stands.
type Take<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), BackupError>;

/// Calls `take` with all of a piece, and where each part of it stands.
fn windows(length: u64, bytes: Bytes<'_>, take: Take<'_>) -> Result<(), BackupError> {
    let mut buffer = vec![0; WINDOW.min(size(length))];
    let mut at = 0;
    while at < length {
        let now = size(length - at).min(WINDOW);
        bytes(&mut buffer[..now])?;
        take(at, &buffer[..now])?;
        at += wide(now);
    }
    Ok(())
}

/// For a backup that is only looked at.
struct Nowhere;

impl Target for Nowhere {
    fn row(&mut self, _: &[u8], _: Vec<u8>, _: Vec<u8>) -> Result<(), BackupError> {
        Ok(())
    }

    fn rows_end(&mut self) -> Result<(), BackupError> {
        Ok(())
    }

    fn segment(&mut self, _: u64, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError> {
        windows(length, bytes, &mut |_, _| Ok(()))
    }

    fn file(&mut self, _: &str, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError> {
        windows(length, bytes, &mut |_, _| Ok(()))
    }
}

/// A directory and records that were empty.
struct Fresh<'a, D: Disk> {
    disk: &'a D,
    records: Option<Part<'a>>,
    files: TakeFile<'a>,
    batch: Batch,
}

impl<D: Disk> Fresh<'_, D> {
    fn flush(&mut self) -> Result<(), BackupError> {
        let batch = std::mem::take(&mut self.batch);
        match self.records {
            Some(part) if !batch.is_empty() => Ok(part.records.write(batch)?),
            _ => Ok(()),
        }
    }
}

impl<D: Disk> Target for Fresh<'_, D> {
    fn row(&mut self, space: &[u8], key: Vec<u8>, value: Vec<u8>) -> Result<(), BackupError> {
        let part = self.records.and_then(|part| part.spaces.iter().find(|known| known.0.as_bytes() == space));
        let Some(space) = part.copied() else {
            return Err(BackupError::Nowhere { space: String::from_utf8_lossy(space).into_owned() });
        };
        self.batch.put(space, key, value);
        if self.batch.bytes() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn rows_end(&mut self) -> Result<(), BackupError> {
        self.flush()?;
        Ok(self.records.map_or(Ok(()), |part| part.records.persist())?)
    }

    fn segment(&mut self, number: u64, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError> {
        let name = segment_name(number);
        let refused = || BackupError::disk(format!("write {name}"));
        let file = self.disk.create(&name).map_err(refused())?;
        windows(length, bytes, &mut |at, part| self.disk.write_at(&file, at, part).map_err(refused()))?;
        self.disk.sync_data(&file, Barrier::Restored).map_err(refused())
    }

    fn file(&mut self, name: &str, length: u64, bytes: Bytes<'_>) -> Result<(), BackupError> {
        let refused = |source| BackupError::File { name: name.to_owned(), source };
        if length == 0 {
            (self.files)(name, 0, &[]).map_err(refused)?;
        }
        windows(length, bytes, &mut |at, part| (self.files)(name, at, part).map_err(refused))
    }
}

/// The walk over a backup, and how far it is.
struct Walk<'a, T> {
    into: T,
    progress: &'a mut dyn FnMut(u64, u64),
    head: Option<LogHead>,
    /// The oldest segment that may come next.
    next: u64,
    done: u64,
}

impl<T: Target> Walk<'_, T> {
    fn all(&mut self, from: &mut SealedReader<'_>) -> Result<Backup, BackupError> {
        let (mut rows, mut segments, mut files) = (0, 0, 0);
        loop {
            match (stream::next(from)?, self.head) {
                (Piece::Row { space, key, value }, None) => {
                    rows += 1;
                    self.add(row_bytes(&key, &value));
                    self.into.row(&space, key, value)?;
                }
                (Piece::Log(head), None) => {
                    self.into.rows_end()?;
                    (self.head, self.next) = (Some(head), head.first);
                }
                (Piece::Segment { number, length }, Some(head))
                    if (self.next..=head.active).contains(&number) && files == 0 =>
                {
                    if number == head.active && length != head.end {
                        return Err(from.damaged("the log does not end where it says"));
                    }
                    segments += 1;
                    let last = || from.damaged("a segment has the last number that there is");
                    self.next = number.checked_add(1).ok_or_else(last)?;
                    self.piece(from, |into, bytes| into.segment(number, length, bytes))?;
                }
                (Piece::File { name, length }, Some(_)) => {
                    files += 1;
                    self.piece(from, |into, bytes| into.file(&name, length, bytes))?;
                }
                (Piece::End { rows: all_rows, segments: all }, Some(head)) if (all_rows, all) == (rows, segments) => {
                    let end = Position { segment: head.active, offset: head.end };
                    return Ok(Backup { rows, segments, bytes: head.bytes, files, first: head.first, end });
                }
                _ => return Err(from.damaged("its pieces are not in their order, or not all of them")),
            }
        }
    }

    fn piece(
        &mut self,
        from: &mut SealedReader<'_>,
        into: impl FnOnce(&mut T, Bytes<'_>) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let (done, progress) = (&mut self.done, &mut self.progress);
        let all = self.head.map_or(0, |head| head.bytes);
        into(&mut self.into, &mut |window| {
            from.read(window)?;
            *done += wide(window.len());
            progress(*done, all.max(*done));
            Ok(())
        })
    }

    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        (self.progress)(self.done, self.head.map_or(0, |head| head.bytes.max(self.done)));
    }
}
