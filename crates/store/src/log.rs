//! An ordered log of many shards: one directory, one writer, one committer.
//!
//! It must never acknowledge what is not durable and never wait for ever: a
//! full queue and a full disk are answers. This is the thin shell, a queue and
//! a thread; `writer` does the work and `committer` decides.

mod committer;
mod error;
mod format;
mod inspect;
mod marks;
mod options;
mod prune;
mod read;
mod recover;
mod scan;
mod segment;
mod tail;
mod ticket;
mod writer;

pub(crate) use error::is_full;
pub use error::{AppendError, Damage, Loss, OpenError, ReadError};
pub use format::{EntryRef, ShardState};
pub(crate) use marks::{CLOSED, PRUNED, write as write_mark};
pub use options::Options;
pub use prune::{Hold, PruneError, Pruned};
pub(crate) use read::View;
pub use read::{Entry, Reader, Verified};
pub(crate) use recover::RESTORING;
pub(crate) use segment::{FIRST, name as segment_name};
pub use tail::Tail;
pub use ticket::Ticket;
pub use writer::Writer;

use crate::disk::Disk;
use crate::number::wide;
use crate::planted::Planted;
use committer::Pending;
use format::{Image, MAX_BATCH, Place};
use scan::{Bound, Scan, Step};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use ticket::{Promise, Sleepers};

const TOO_LONG: AppendError = AppendError::TooLong { limit: MAX_BATCH };

/// Where a batch stands; it lasts as long as its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The segment.
    pub segment: u64,
    /// Where in it.
    pub offset: u64,
}

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How the log was left.
    pub left: Left,
    /// Where each shard stands.
    pub shards: BTreeMap<u32, ShardState>,
    /// The torn end that was cut; nothing in it was acknowledged.
    pub cut: Option<Damage>,
    /// Damage behind the last head. [`Log::verify`] looks at all.
    pub damage: Vec<Damage>,
    /// How many there are beside these.
    pub more_damage: u64,
}

/// How a log was left by whoever had it open before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There was none.
    New,
    /// It was closed.
    Closed,
    /// Its process was killed, its machine stopped, or its disk failed.
    Killed,
}

/// How much of the log is durable.
#[derive(Debug)]
pub(crate) struct Extent {
    first: u64,
    active: u64,
    end: u64,
    salt: u64,
    shards: BTreeMap<u32, ShardState>,
    /// Segments from which on somebody needs all.
    held: Vec<u64>,
}

#[derive(Debug, Default)]
struct Queue {
    pending: Vec<Pending<Promise>>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Door {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl Door {
    fn enter(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log that is open; dropping it finishes what was submitted.
pub struct Log<D: Disk> {
    disk: Arc<D>,
    door: Arc<Door>,
    extent: Arc<Mutex<Extent>>,
    /// Rung when that has grown.
    grown: Arc<Condvar>,
    salt: u64,
    limits: Options,
    /// Held by the one who prunes.
    pruning: Mutex<()>,
    committer: Option<JoinHandle<()>>,
}

impl<D: Disk> Log<D> {
    /// Locks the directory, recovers what is there, and starts the committer.
    ///
    /// # Errors
    /// When it is locked, of a later version, or the disk refuses.
    pub fn open(disk: D, options: Options) -> Result<(Self, Recovery), OpenError> {
        let (writer, recovery) = Writer::open(Arc::new(disk), options)?;
        let door = Arc::new(Door::default());
        let (disk, extent, grown, salt) = (writer.disk(), writer.extent(), writer.grown(), writer.salt());
        let inside = Arc::clone(&door);
        let run = move || run(writer, &inside);
        let committer =
            thread::Builder::new().name("log".to_owned()).spawn(run).map_err(OpenError::io("start the committer"))?;
        let pruning = Mutex::default();
        Ok((Self { disk, door, extent, grown, salt, limits: options, pruning, committer: Some(committer) }, recovery))
    }

    /// Appends a run of entries whose first one is to be `expected` in its
    /// shard, and answers when they are durable.
    ///
    /// # Errors
    /// When the sequence is not the next, the epoch not the newest, there is
    /// no room, or the disk failed.
    pub fn append(
        &self,
        shard: u32,
        expected: u64,
        epoch: u64,
        batch: &[EntryRef<'_>],
    ) -> Result<Position, AppendError> {
        self.submit(shard, expected, epoch, batch)?.wait()
    }

    /// The same without waiting. Appends of one caller are done in the order
    /// in which they were submitted.
    ///
    /// # Errors
    /// When the batch is empty or too long, or the queue is full.
    pub fn submit(&self, shard: u32, expected: u64, epoch: u64, batch: &[EntryRef<'_>]) -> Result<Ticket, AppendError> {
        if batch.is_empty() {
            return Err(AppendError::Empty);
        }
        self.enqueue(shard, expected, epoch, batch)
    }

    /// Ends an epoch of a shard: only a newer one may write from then on.
    ///
    /// # Errors
    /// As for an append.
    pub fn seal(&self, shard: u32, expected: u64, epoch: u64) -> Result<Position, AppendError> {
        self.enqueue(shard, expected, epoch, &[])?.wait()
    }

    fn enqueue(&self, shard: u32, first: u64, epoch: u64, batch: &[EntryRef<'_>]) -> Result<Ticket, AppendError> {
        let image = Image::new(self.salt, shard, first, epoch, batch).ok_or(TOO_LONG)?;
        let bytes = image.bytes.len();
        let (promise, ticket) = ticket::pair();
        let mut queue = self.door.enter();
        if queue.closed {
            return Err(AppendError::Closed);
        }
        let waiting = queue.pending.len();
        // One append always finds room, however long it is.
        if waiting >= self.limits.queue_appends || (waiting > 0 && queue.bytes + bytes > self.limits.queue_bytes) {
            return Err(AppendError::Busy { waiting });
        }
        queue.bytes += bytes;
        queue.pending.push(Pending { token: promise, shard, first, epoch, image });
        drop(queue);
        if waiting == 0 {
            self.door.bell.notify_one();
        }
        Ok(ticket)
    }

    /// Where a shard stands durably.
    #[must_use]
    pub fn shard(&self, shard: u32) -> ShardState {
        self.durable().shards.get(&shard).copied().unwrap_or_default()
    }

    /// The durable entries of a shard in order, from a sequence on.
    #[must_use]
    pub fn read(&self, shard: u32, from: u64) -> Reader<D> {
        let until = self.shard(shard).next;
        Reader::new(self.view(), shard, from, until)
    }

    /// All durable entries of all shards in the order of the log, from the
    /// batch at a position on, or from the oldest that is there.
    #[must_use]
    pub fn tail(&self, from: Option<Position>) -> Tail<D> {
        Tail::new(self.view(), from)
    }

    /// Where the next batch will stand, at the earliest: all in front of it is
    /// durable.
    #[must_use]
    pub fn end(&self) -> Position {
        let extent = self.durable();
        Position { segment: extent.active, offset: extent.end }
    }

    /// The oldest segment that is there.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.durable().first
    }

    /// Waits until the log is durable beyond a position, but no longer than
    /// that; says where it ends then.
    #[must_use]
    pub fn wait(&self, beyond: Position, at_most: Duration) -> Position {
        let end = |extent: &Extent| Position { segment: extent.active, offset: extent.end };
        let waited = self.grown.wait_timeout_while(self.durable(), at_most, |extent| end(extent) <= beyond);
        end(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// One entry of the batch at a position, for those who keep an index.
    ///
    /// # Errors
    /// When it is damaged, or nothing stands there.
    pub fn entry(&self, position: Position, sequence: u64) -> Result<Entry, ReadError> {
        self.view().entry(position, sequence)
    }

    /// Removes the segments that lie wholly below a position: all that is
    /// there in front of it, but for less than one segment. What is held by a
    /// backup stays.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn prune(&self, below: Position) -> Result<Pruned, PruneError> {
        let _one = self.pruning.lock().unwrap_or_else(PoisonError::into_inner);
        prune::prune(&*self.disk, &self.extent, below)
    }

    /// Keeps the segments from a position on, or all that are there, from being
    /// pruned.
    #[must_use]
    pub fn hold(&self, from: Option<Position>) -> Hold {
        Hold::new(&self.extent, from.map_or(0, |from| from.segment))
    }

    /// Reads everything against its checksums.
    ///
    /// # Errors
    /// When the disk refuses; damage is no error here, but what is asked for.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        self.view().verify()
    }

    fn durable(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> View<D> {
        View::new(Arc::clone(&self.disk), &self.extent, self.limits.planted)
    }
}

impl<D: Disk> Drop for Log<D> {
    fn drop(&mut self) {
        self.door.enter().closed = true;
        self.door.bell.notify_one();
        if let Some(committer) = self.committer.take() {
            // A committer that panicked has answered `Closed` to all.
            let _ = committer.join();
        }
    }
}

impl<D: Disk, T> Writer<D, T> {
    /// As [`Log::end`].
    #[must_use]
    pub fn end(&self) -> Position {
        View::new(self.disk(), &self.extent(), self.planted()).end()
    }

    /// The durable entries of a shard, as [`Log::read`] gives them.
    #[must_use]
    pub fn read(&self, shard: u32, from: u64) -> Reader<D> {
        let extent = self.extent();
        let now = extent.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now.shards.get(&shard).map_or(0, |state| state.next);
        drop(now);
        Reader::new(View::new(self.disk(), &extent, self.planted()), shard, from, until)
    }

    /// As [`Log::tail`].
    #[must_use]
    pub fn tail(&self, from: Option<Position>) -> Tail<D> {
        Tail::new(View::new(self.disk(), &self.extent(), self.planted()), from)
    }

    /// As [`Log::prune`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn prune(&mut self, below: Position) -> Result<Pruned, PruneError> {
        prune::prune(&*self.disk(), &self.extent(), below)
    }

    /// As [`Log::verify`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        View::new(self.disk(), &self.extent(), self.planted()).verify()
    }
}

/// The committer's thread: takes what waits, and writes it.
fn run<D: Disk>(mut writer: Writer<D, Promise>, door: &Door) {
    /// Closes the door when the thread ends, however it ends.
    struct Close<'a>(&'a Door);
    impl Drop for Close<'_> {
        fn drop(&mut self) {
            let mut queue = self.0.enter();
            queue.closed = true;
            queue.pending.clear();
        }
    }
    let close = Close(door);
    let mut taken = Vec::new();
    let mut sleepers = Sleepers::default();
    loop {
        let mut queue = door.enter();
        while queue.pending.is_empty() && !queue.closed {
            queue = door.bell.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.pending.is_empty() {
            break;
        }
        std::mem::swap(&mut queue.pending, &mut taken);
        queue.bytes = 0;
        drop(queue);
        for pending in taken.drain(..) {
            writer.push(pending);
        }
        while writer.commit(|promise, answer| sleepers.add(promise.answer(answer))) {
            sleepers.wake();
        }
        writer.prepare_aside();
    }
    drop(close);
}

/// The entries that the bytes of a segment's file hold, the number of the
/// segment being its name. Nothing is opened, locked or cut: so whoever wants to
/// look at a log that somebody is writing to reads a file and asks this. What is
/// torn, damaged or being written is left out.
#[must_use]
pub fn segment_entries(number: u64, bytes: &[u8]) -> Vec<Entry> {
    decoded(number, bytes, false).0
}

/// The number of a segment, by the name of its file.
#[must_use]
pub fn segment_number(name: &str) -> Option<u64> {
    segment::number(name)
}

/// The entries that a segment of any bytes serves, and how many damages it
/// has. For tests that feed it any bytes.
#[doc(hidden)]
#[must_use]
pub fn decode(bytes: &[u8], exact: bool) -> (Vec<Entry>, u64) {
    decoded(1, bytes, exact)
}

fn decoded(number: u64, bytes: &[u8], exact: bool) -> (Vec<Entry>, u64) {
    let (mut served, mut damage) = (Vec::new(), 0);
    let Ok(headed) = segment::head(&bytes, number) else {
        return (served, 1);
    };
    let (from, salt) = headed.head.map_or((0, 0), |head| (head.data_start(), head.salt));
    let length = wide(bytes.len());
    let bound = if exact { Bound::Exact(length) } else { Bound::Tail(length) };
    let mut scan = Scan::new(bytes, Place { salt, segment: number }, from, bound, Planted::default());
    while let Ok(Some(step)) = scan.next() {
        let Step::Batch(batch) = step else {
            damage += 1;
            continue;
        };
        let position = Position { segment: number, offset: batch.start };
        for entry in batch.entries() {
            match read::served(&batch.fence, entry, position) {
                Ok(entry) => served.push(entry),
                Err(_) => damage += 1,
            }
        }
    }
    (served, damage)
}
