//! Restoring a backup into nothing.
//!
//! It must never leave a directory that opens before all of it was there and
//! agreed: a file says that it is being restored, and goes last.

use super::seal::SealedReader;
use super::stream::{self, LogHead, Piece, row_bytes};
use super::{Backup, BackupError, Part, Restored};
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
    let mut target =
        Target { disk: &**disk, records, progress, batch: Batch::default(), head: None, next: FIRST, done: 0 };
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

/// Where it goes, and how far it is.
struct Target<'a, D: Disk> {
    disk: &'a D,
    records: Option<Part<'a>>,
    progress: &'a mut dyn FnMut(u64, u64),
    batch: Batch,
    head: Option<LogHead>,
    /// The oldest segment that may come next.
    next: u64,
    done: u64,
}

impl<D: Disk> Target<'_, D> {
    fn all(&mut self, from: &mut SealedReader<'_>) -> Result<Backup, BackupError> {
        let (mut rows, mut segments) = (0, 0);
        loop {
            match (stream::next(from)?, self.head) {
                (Piece::Row { space, key, value }, None) => {
                    rows += 1;
                    self.row(&space, key, value)?;
                }
                (Piece::Log(head), None) => {
                    self.rows_end()?;
                    (self.head, self.next) = (Some(head), head.first);
                }
                (Piece::Segment { number, length }, Some(head)) if (self.next..=head.active).contains(&number) => {
                    segments += 1;
                    self.next = number + 1;
                    self.segment(from, number, length, head)?;
                }
                (Piece::End { rows: all_rows, segments: all }, Some(head)) if (all_rows, all) == (rows, segments) => {
                    let end = Position { segment: head.active, offset: head.end };
                    return Ok(Backup { rows, segments, bytes: head.bytes, first: head.first, end });
                }
                _ => return Err(from.damaged("its pieces are not in their order, or not all of them")),
            }
        }
    }

    fn row(&mut self, space: &[u8], key: Vec<u8>, value: Vec<u8>) -> Result<(), BackupError> {
        let part = self.records.and_then(|part| part.spaces.iter().find(|known| known.0.as_bytes() == space));
        let Some(space) = part.copied() else {
            return Err(BackupError::Nowhere { space: String::from_utf8_lossy(space).into_owned() });
        };
        self.add(row_bytes(&key, &value));
        self.batch.put(space, key, value);
        if self.batch.bytes() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        let batch = std::mem::take(&mut self.batch);
        match self.records {
            Some(part) if !batch.is_empty() => Ok(part.records.write(batch)?),
            _ => Ok(()),
        }
    }

    fn rows_end(&mut self) -> Result<(), BackupError> {
        self.flush()?;
        Ok(self.records.map_or(Ok(()), |part| part.records.persist())?)
    }

    fn segment(
        &mut self,
        from: &mut SealedReader<'_>,
        number: u64,
        length: u64,
        head: LogHead,
    ) -> Result<(), BackupError> {
        if number == head.active && length != head.end {
            return Err(from.damaged("the log does not end where it says"));
        }
        let name = segment_name(number);
        let refused = || BackupError::disk(format!("write {name}"));
        let file = self.disk.create(&name).map_err(refused())?;
        let mut buffer = vec![0; WINDOW.min(size(length))];
        let mut at = 0;
        while at < length {
            let now = size(length - at).min(WINDOW);
            from.read(&mut buffer[..now])?;
            self.disk.write_at(&file, at, &buffer[..now]).map_err(refused())?;
            at += wide(now);
            self.add(wide(now));
        }
        self.disk.sync_data(&file, Barrier::Restored).map_err(refused())
    }

    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let all = self.head.map_or(0, |head| head.bytes.max(self.done));
        (self.progress)(self.done, all);
    }
}
