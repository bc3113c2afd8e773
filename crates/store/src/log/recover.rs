//! What a directory holds after whatever happened to it.
//!
//! It must never serve what is only in the page cache, never erase what could
//! be an entry, and never read more than the segments behind the last whole
//! head: start-up is as long as one segment, however long the log.

use super::format::{Head, Place, SECTOR, VERSION};
use super::inspect::Inspection;
use super::marks::{self, Mark};
use super::scan::{Bound, Scan, Source, Step};
use super::segment::{self, FIRST, FileSource};
use super::writer::Active;
use super::{Damage, Left, Loss, OpenError, Options, Position, Recovery, prune};
use crate::disk::{Barrier, Disk};
use crate::number::{size, wide};
use std::io;

/// A file that stands in a directory as long as it is being restored.
pub(crate) const RESTORING: &str = "restoring";
/// How much of the last write is held at once while it is written again.
const MOST_AGAIN: usize = 1_024 * 1_024;

/// What recovery came to.
pub(crate) struct Found<D: Disk> {
    pub(crate) recovery: Recovery,
    /// The oldest segment that was not pruned.
    pub(crate) first: u64,
    /// Where to go on; nothing when the log is still to be begun.
    pub(crate) active: Option<Active<D>>,
    pub(crate) salt: u64,
}

struct Opened<D: Disk> {
    number: u64,
    file: D::File,
    length: u64,
}

pub(crate) fn recover<D: Disk>(disk: &D, options: Options) -> Result<Found<D>, OpenError> {
    let names = disk.list().map_err(OpenError::io(format!("list {}", disk.place())))?;
    if names.iter().any(|name| name == RESTORING) {
        return Err(OpenError::Restoring { place: disk.place() });
    }
    let mut numbers: Vec<_> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let mut inspection = Inspection::default();
    let first = oldest(disk, &mut numbers, &mut inspection)?;
    gaps(&numbers, &mut inspection);
    let closed = match marks::read(disk, marks::CLOSED).map_err(OpenError::io("read how the log was left"))? {
        Mark::Whole { at, .. } => Some(at),
        Mark::None | Mark::Broken => None,
    };
    let mut headless = Vec::new();
    let mut newest = None;
    for number in numbers.iter().rev() {
        let name = segment::name(*number);
        let opened = open(disk, *number).map_err(OpenError::io(format!("open {name}")))?;
        let source = FileSource { disk, file: &opened.file };
        let headed = segment::head(&source, *number).map_err(OpenError::io(format!("read {name}")))?;
        if let Some(version) = headed.newer {
            return Err(OpenError::Newer { file: name, version, known: VERSION });
        }
        if let Some(head) = headed.head {
            newest = Some((opened, head, headed.broken_copy));
            break;
        }
        headless.push(opened);
    }
    let found = match newest {
        Some((opened, head, broken_copy)) => {
            let found = behind(disk, (options, closed), opened, &head, headless, &mut inspection);
            // Without a batch behind it, it is the torn beginning of a segment.
            if let Some(copy) = broken_copy.filter(|_| inspection.batches > 0) {
                inspection.report(segment::copy_damage(head.segment, copy));
            }
            found
        }
        None => unbegun(disk, &headless, first).map(|()| (None, None)),
    };
    let (active, cut) = found.map_err(|(name, source)| OpenError::Io { what: format!("recover {name}"), source })?;
    let end = active.as_ref().map(|(active, _)| Position { segment: active.number, offset: active.end });
    let left = match end {
        None => Left::New,
        Some(_) if end == closed && cut.is_none() => Left::Closed,
        Some(_) => Left::Killed,
    };
    let Inspection { shards, damage, more_damage, .. } = inspection;
    let (active, salt) = active.map_or((None, options.salt), |(active, salt)| (Some(active), salt));
    Ok(Found { recovery: Recovery { left, shards, cut, damage, more_damage }, first, active, salt })
}

type Failed = (String, io::Error);
type Behind<D> = (Option<(Active<D>, u64)>, Option<Damage>);

/// Walks from the newest whole head to the end, and cuts there.
fn behind<D: Disk>(
    disk: &D,
    (options, closed): (Options, Option<Position>),
    newest: Opened<D>,
    head: &Head,
    headless: Vec<Opened<D>>,
    inspection: &mut Inspection,
) -> Result<Behind<D>, Failed> {
    inspection.shards = head.shards.iter().copied().collect();
    let mut last = (newest, head.data_start());
    // Segments behind it without a head: made ahead and never begun, and then
    // they are made anew when they are needed; or used and damaged.
    for opened in headless.into_iter().rev() {
        let place = Place { salt: head.salt, segment: opened.number };
        let failed = |error| (segment::name(opened.number), error);
        let mut scan = scan(disk, &opened, place, 0, options);
        if scan.holds_batches().map_err(failed)? {
            walk(scan_of(disk, &last, head.salt, options, closed), last.0.number, inspection).map_err(failed)?;
            let file = segment::name(opened.number);
            inspection.report(Damage { file, offset: 0, length: 0, what: Loss::Segment });
            last = (opened, 0);
        }
    }
    let failed = |error| (segment::name(last.0.number), error);
    let walked = walk(scan_of(disk, &last, head.salt, options, closed), last.0.number, inspection);
    let (end, remains, rewrite) = walked.map_err(failed)?;
    let opened = last.0;
    let failed = |error| (segment::name(opened.number), error);
    let mut cut = None;
    if let Some(to) = remains {
        cut = Some(Damage { file: segment::name(opened.number), offset: end, length: to - end, what: Loss::Unknown });
        if !options.planted.leaves_remains() {
            segment::erase(disk, &opened.file, end, to).map_err(failed)?;
        }
    }
    // A sync that failed leaves pages that the cache takes for clean and the
    // disk never got. Whatever was written last is written again, so that the
    // sync below means something.
    if !options.planted.trusts_the_cache() {
        if inspection.batches == 0 {
            disk.write_at(&opened.file, 0, &head.encode()).map_err(failed)?;
        }
        again(disk, &opened.file, rewrite, end).map_err(failed)?;
    }
    // Its space may have been set aside and not be durable, or there was none.
    let grown = opened.length < options.segment_bytes && disk.allocate(&opened.file, options.segment_bytes).is_ok();
    disk.sync_data(&opened.file, Barrier::Found).map_err(failed)?;
    let limit = if grown { options.segment_bytes } else { opened.length };
    Ok((Some((Active { number: opened.number, file: opened.file, end, limit }, head.salt)), cut))
}

/// Segments, but no head: the very first one was being made, or nothing of
/// them can be read. Then they are left as they are.
fn unbegun<D: Disk>(disk: &D, headless: &[Opened<D>], first: u64) -> Result<(), Failed> {
    let lost = || {
        io::Error::new(io::ErrorKind::InvalidData, "no segment has a head that can be read; restore it from a backup")
    };
    if first > FIRST && headless.is_empty() {
        return Err((segment::name(first), lost()));
    }
    for opened in headless {
        let failed = |error| (segment::name(opened.number), error);
        let place = Place { salt: 0, segment: opened.number };
        let first = Head { segment: 1, salt: 0, previous_end: 0, shards: Vec::new() }.data_start();
        let options = Options::default();
        let behind = scan(disk, opened, place, first, options).remains().map_err(failed)?;
        if behind.is_some() || opened.number != 1 {
            return Err(failed(lost()));
        }
    }
    Ok(())
}

/// Adds what stands in a segment up; says where it ends, how far something
/// stands behind that, and where the last write began.
fn walk(mut scan: Scan<impl Source>, number: u64, inspection: &mut Inspection) -> io::Result<(u64, Option<u64>, u64)> {
    let mut last_write = 0;
    while let Some(step) = scan.next()? {
        inspection.see(number, &step);
        if let Step::Batch(batch) = step {
            last_write = batch.fence.group(batch.start);
        }
    }
    let remains = scan.remains()?;
    Ok((scan.at(), remains, last_write))
}

/// Writes what stands between once more.
fn again<D: Disk>(disk: &D, file: &D::File, from: u64, to: u64) -> io::Result<()> {
    let mut bytes = vec![0; size(to - from).min(MOST_AGAIN)];
    let mut at = from;
    while at < to {
        let length = size(to - at).min(bytes.len());
        let read = disk.read_at(file, at, &mut bytes[..length])?;
        if read == 0 {
            break;
        }
        disk.write_at(file, at, &bytes[..read])?;
        at += wide(read);
    }
    Ok(())
}

/// A walk over a segment from a place on, which knows how far the log was
/// durable when it was closed.
fn scan_of<'a, D: Disk>(
    disk: &'a D,
    (opened, from): &'a (Opened<D>, u64),
    salt: u64,
    options: Options,
    closed: Option<Position>,
) -> Scan<FileSource<'a, D, &'a D::File>> {
    let mut scan = scan(disk, opened, Place { salt, segment: opened.number }, *from, options);
    if let Some(closed) = closed.filter(|closed| closed.segment == opened.number) {
        scan.known_durable(closed.offset);
    }
    scan
}

fn scan<'a, D: Disk>(
    disk: &'a D,
    opened: &'a Opened<D>,
    place: Place,
    from: u64,
    options: Options,
) -> Scan<FileSource<'a, D, &'a D::File>> {
    let source = FileSource { disk, file: &opened.file };
    Scan::new(source, place, from, Bound::Tail(opened.length), options.planted)
}

fn open<D: Disk>(disk: &D, number: u64) -> io::Result<Opened<D>> {
    let file = disk.open(&segment::name(number))?;
    let length = disk.len(&file)?;
    Ok(Opened { number, file, length })
}

/// The oldest segment that was not pruned. What is older and there is removed
/// once more; if it is not there, it is damaged.
fn oldest<D: Disk>(disk: &D, numbers: &mut Vec<u64>, inspection: &mut Inspection) -> Result<u64, OpenError> {
    let mark = marks::read(disk, marks::PRUNED).map_err(OpenError::io("read how far the log was pruned"))?;
    let file = || marks::PRUNED.file.to_owned();
    let first = match mark {
        Mark::None => FIRST,
        Mark::Whole { at, broken_copy } => {
            if let Some(offset) = broken_copy {
                inspection.report(Damage { file: file(), offset, length: wide(SECTOR), what: Loss::Copy });
            }
            at.segment
        }
        Mark::Broken => {
            inspection.report(Damage { file: file(), offset: 0, length: wide(2 * SECTOR), what: Loss::Mark });
            numbers.first().copied().unwrap_or(FIRST)
        }
    };
    if !numbers.is_empty() && !numbers.iter().any(|number| *number >= first) {
        // Other segments than those that the mark was made beside: whoever put
        // them here does not want them gone.
        let source = io::Error::new(io::ErrorKind::InvalidData, "all segments are older than what was pruned");
        return Err(OpenError::io(format!("recover {}", file()))(source));
    }
    if numbers.first().is_some_and(|number| *number < first) {
        // Its name may be in the cache alone, since a sync that failed: then
        // what is removed here would come back without it.
        if let Mark::Whole { at, .. } = mark {
            marks::write(disk, marks::PRUNED, at).map_err(OpenError::io("note how far the log is pruned"))?;
        }
        // One that stays takes space and nothing else; the next start tries again.
        let _ = prune::remove(disk, first);
        numbers.retain(|number| *number >= first);
    }
    if numbers.first().is_some_and(|number| *number > first) {
        inspection.report(Damage { file: segment::name(first), offset: 0, length: 0, what: Loss::Segment });
    }
    Ok(first)
}

/// Segments that are missing between others.
fn gaps(numbers: &[u64], inspection: &mut Inspection) {
    for pair in numbers.windows(2) {
        if pair[1] - pair[0] > 1 {
            let file = segment::name(pair[0] + 1);
            inspection.report(Damage { file, offset: 0, length: 0, what: Loss::Segment });
        }
    }
}
