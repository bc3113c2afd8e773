//! The one writer of a log: carries out what the committer plans.
//!
//! It must never acknowledge before the sync, never go on after a write or a
//! sync that failed, and never begin a write that may not find space. It knows
//! no threads: the simulator calls it step by step, and the shell in a loop.
//!
//! The cost of an append of one entry of n bytes, at least:
//! - bytes: n + 128 (two fences of 48 with 16 for the entry), rounded up to 8
//! - syncs: one for its whole group; three more for every 64 MiB of segment,
//!   two of them aside
//! - copies: caller → image → group → kernel
//! - allocations: the image and the ticket, both by the submitter

use super::committer::{Committer, End, Group, Pending, Plan};
use super::error::is_full;
use super::format::{Head, Image, Place};
use super::recover::Found;
use super::segment::Unmade;
use super::{
    AppendError, EntryRef, Extent, OpenError, Options, Position, Recovery, ShardState, marks, recover, segment,
};
use crate::disk::{Barrier, Disk};
use crate::number::wide;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The segment that is written to.
pub(crate) struct Active<D: Disk> {
    pub(crate) number: u64,
    pub(crate) file: D::File,
    pub(crate) end: u64,
    pub(crate) limit: u64,
}

/// The one writer of a directory; a token says whom an answer is for.
pub struct Writer<D: Disk, T> {
    disk: Arc<D>,
    _lock: D::Lock,
    options: Options,
    salt: u64,
    extent: Arc<Mutex<Extent>>,
    /// Rung when that has grown.
    grown: Arc<Condvar>,
    committer: Committer<T>,
    active: Active<D>,
    /// The next segment, with its space set aside and its name durable.
    spare: Option<D::File>,
    /// Where that is being made.
    making: Option<JoinHandle<Result<D::File, Unmade>>>,
    buffer: Vec<u8>,
    failed: Option<String>,
}

/// What stops the next segment.
enum Stop {
    /// Nothing was touched that matters.
    Refused(AppendError),
    /// The disk cannot be trusted any more.
    Failed(io::Error),
}

impl<D: Disk, T> Writer<D, T> {
    /// Locks the directory, recovers what is there, and begins a log when
    /// nothing is.
    ///
    /// # Errors
    /// When it is locked, of a later version, or the disk refuses.
    pub fn open(disk: Arc<D>, options: Options) -> Result<(Self, Recovery), OpenError> {
        options.check()?;
        let lock = disk.lock("lock").map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked { place: disk.place() },
            _ => OpenError::Io { what: format!("lock {}", disk.place()), source },
        })?;
        let Found { recovery, first, active, salt } = recover::recover(&*disk, options)?;
        let (active, salt) = match active {
            Some(active) => (active, salt),
            None => (begin(&*disk, options)?, options.salt),
        };
        let extent = Extent {
            first,
            active: active.number,
            end: active.end,
            salt,
            shards: recovery.shards.clone(),
            held: Vec::new(),
        };
        let writer = Self {
            committer: Committer::new(recovery.shards.clone(), options.group_bytes),
            disk,
            _lock: lock,
            options,
            salt,
            extent: Arc::new(Mutex::new(extent)),
            grown: Arc::default(),
            active,
            spare: None,
            making: None,
            buffer: Vec::with_capacity(options.group_bytes),
            failed: None,
        };
        Ok((writer, recovery))
    }

    pub(crate) fn extent(&self) -> Arc<Mutex<Extent>> {
        Arc::clone(&self.extent)
    }

    pub(crate) fn grown(&self) -> Arc<Condvar> {
        Arc::clone(&self.grown)
    }

    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    pub(crate) fn planted(&self) -> crate::planted::Planted {
        self.options.planted
    }

    pub(crate) fn disk(&self) -> Arc<D> {
        Arc::clone(&self.disk)
    }

    /// Where each shard stands durably.
    pub fn shards(&self) -> impl Iterator<Item = (u32, ShardState)> {
        self.committer.shards().iter().map(|(shard, state)| (*shard, *state))
    }

    /// Takes an append in; it is answered by a later [`commit`](Self::commit).
    /// Without entries it is a seal.
    ///
    /// # Errors
    /// When it is too long.
    pub fn submit(
        &mut self,
        token: T,
        shard: u32,
        first: u64,
        epoch: u64,
        entries: &[EntryRef<'_>],
    ) -> Result<(), AppendError> {
        let image = Image::new(self.salt, shard, first, epoch, entries).ok_or(super::TOO_LONG)?;
        self.push(Pending { token, shard, first, epoch, image });
        Ok(())
    }

    pub(crate) fn push(&mut self, pending: Pending<T>) {
        self.committer.push(pending);
    }

    /// Writes and syncs the next group and answers its appends. Says whether
    /// there was anything to do.
    pub fn commit(&mut self, mut answer: impl FnMut(T, Result<Position, AppendError>)) -> bool {
        let mut answered = false;
        loop {
            if self.failed.is_some() {
                return self.refuse(&AppendError::Poisoned, answer) || answered;
            }
            let place = Place { salt: self.salt, segment: self.active.number };
            let end = End { place, at: self.active.end, limit: self.active.limit };
            let fresh = self.options.segment_bytes.saturating_sub(Head::data_start_of(self.committer.shards().len()));
            let plan = self.committer.plan(end, fresh, &mut self.buffer, &mut |token, why| {
                answered = true;
                answer(token, Err(why));
            });
            match plan {
                Plan::Idle => return answered,
                Plan::Write(group) => {
                    self.write(group, answer);
                    return true;
                }
                Plan::Rotate => match self.rotate() {
                    Ok(()) => {}
                    // All that waits is refused, not only what did not fit:
                    // what follows it in its shard would be out of order.
                    Err(Stop::Refused(why)) => return self.refuse(&why, answer) || answered,
                    Err(Stop::Failed(why)) => self.failed = Some(why.to_string()),
                },
            }
        }
    }

    /// Makes the next segment when this one is a quarter full: long before it
    /// is needed, and after the appends were answered.
    pub fn prepare(&mut self) {
        if self.wants_spare() {
            let made = segment::make(&*self.disk, self.active.number + 1, self.options.segment_bytes);
            // No space is no failure yet: it is asked for again when needed.
            if let Err(Stop::Failed(why)) = self.keep(made) {
                self.failed = Some(why.to_string());
            }
        }
    }

    /// The same on a thread of its own, because to write a whole segment takes
    /// as long as many groups. It may fail to start: then it is made in line.
    pub(crate) fn prepare_aside(&mut self) {
        if self.wants_spare() && self.making.is_none() {
            let (disk, number, length) = (Arc::clone(&self.disk), self.active.number + 1, self.options.segment_bytes);
            let make = move || segment::make(&*disk, number, length);
            self.making = thread::Builder::new().name("log ahead".to_owned()).spawn(make).ok();
        }
    }

    fn wants_spare(&self) -> bool {
        let wanted = self.active.end > self.active.limit / 4 && self.spare.is_none() && self.failed.is_none();
        wanted && self.within_quota().is_ok()
    }

    /// Whether one segment more may be made.
    fn within_quota(&self) -> Result<(), AppendError> {
        let first = self.extent.lock().unwrap_or_else(PoisonError::into_inner).first;
        let segments = self.active.number.saturating_sub(first) + 2;
        match self.options.quota_bytes {
            Some(limit) if segments.saturating_mul(self.options.segment_bytes) > limit => {
                Err(AppendError::Quota { limit })
            }
            _ => Ok(()),
        }
    }

    /// What made the log unusable, if something did.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    fn refuse(&mut self, why: &AppendError, mut answer: impl FnMut(T, Result<Position, AppendError>)) -> bool {
        let mut any = false;
        for pending in self.committer.drain() {
            any = true;
            answer(pending.token, Err(why.clone()));
        }
        any
    }

    fn write(&mut self, group: Group<T>, mut answer: impl FnMut(T, Result<Position, AppendError>)) {
        let segment = self.active.number;
        let Group { mut appends, shards } = group;
        if self.options.planted.acknowledges_early() {
            for (pending, offset) in appends.drain(..) {
                answer(pending.token, Ok(Position { segment, offset }));
            }
        }
        let written = self.disk.write_at(&self.active.file, self.active.end, &self.buffer);
        let mut synced = written.and_then(|()| self.disk.sync_data(&self.active.file, Barrier::Group));
        if self.options.planted.ignores_failed_sync() {
            synced = Ok(());
        }
        if let Err(why) = synced {
            // A page that failed to sync may be clean in the cache and old on
            // the disk: a second sync would succeed and prove nothing.
            let why = why.to_string();
            for (pending, _) in appends {
                answer(pending.token, Err(AppendError::Unknown { why: why.clone() }));
            }
            self.failed = Some(why);
            return;
        }
        self.active.end += wide(self.buffer.len());
        let mut extent = self.extent.lock().unwrap_or_else(PoisonError::into_inner);
        extent.end = self.active.end;
        extent.shards.extend(&shards);
        drop(extent);
        self.grown.notify_all();
        self.committer.settle(shards);
        for (pending, offset) in appends {
            answer(pending.token, Ok(Position { segment, offset }));
        }
    }

    /// The next segment, made by now, waited for, or made here.
    fn make_spare(&mut self) -> Result<(), Stop> {
        let aside = self.making.take().map(JoinHandle::join);
        self.within_quota().map_err(Stop::Refused)?;
        let made = match aside {
            Some(Ok(made @ (Ok(_) | Err(Unmade::Failed(_))))) => made,
            // What was refused then may be granted now.
            _ => segment::make(&*self.disk, self.active.number + 1, self.options.segment_bytes),
        };
        self.keep(made)
    }

    fn keep(&mut self, made: Result<D::File, Unmade>) -> Result<(), Stop> {
        match made {
            Ok(file) => {
                self.spare = Some(file);
                Ok(())
            }
            Err(Unmade::Refused(error)) if is_full(&error) => Err(Stop::Refused(AppendError::Full)),
            Err(Unmade::Refused(error)) => Err(Stop::Refused(AppendError::Segment { why: error.to_string() })),
            Err(Unmade::Failed(error)) => Err(Stop::Failed(error)),
        }
    }

    fn next_head(&self) -> Head {
        Head {
            segment: self.active.number + 1,
            salt: self.salt,
            previous_end: self.active.end,
            shards: self.committer.shards().iter().map(|(shard, state)| (*shard, *state)).collect(),
        }
    }

    fn rotate(&mut self) -> Result<(), Stop> {
        if self.spare.is_none() {
            self.make_spare()?;
        }
        let head = self.next_head();
        let Some(file) = self.spare.take() else {
            return Ok(());
        };
        write_head(&*self.disk, &file, &head).map_err(Stop::Failed)?;
        self.active = Active { number: head.segment, file, end: head.data_start(), limit: self.options.segment_bytes };
        let mut extent = self.extent.lock().unwrap_or_else(PoisonError::into_inner);
        extent.active = self.active.number;
        extent.end = self.active.end;
        Ok(())
    }
}

impl<D: Disk, T> Drop for Writer<D, T> {
    fn drop(&mut self) {
        // Nobody may write into the directory once it is no longer locked.
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
        // All that was answered is durable, so this is true however it ends;
        // without it, the next start looks for a torn end and finds none.
        if self.failed.is_none() && !thread::panicking() {
            let end = Position { segment: self.active.number, offset: self.active.end };
            let _ = marks::write(&*self.disk, marks::CLOSED, end);
        }
    }
}

fn write_head<D: Disk>(disk: &D, file: &D::File, head: &Head) -> io::Result<()> {
    disk.write_at(file, 0, &head.encode())?;
    disk.sync_data(file, Barrier::Head)
}

/// The first segment of a log.
fn begin<D: Disk>(disk: &D, options: Options) -> Result<Active<D>, OpenError> {
    let name = segment::name(1);
    let file = match disk.create(&name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&name),
        created => created,
    };
    let file = file.map_err(OpenError::io(format!("create {name}")))?;
    disk.allocate(&file, options.segment_bytes).map_err(|source| {
        if is_full(&source) {
            return OpenError::Full { file: name.clone(), bytes: options.segment_bytes };
        }
        OpenError::Io { what: format!("set space aside for {name}"), source }
    })?;
    disk.sync_dir(Barrier::Name).map_err(OpenError::io(format!("sync {}", disk.place())))?;
    let head = Head { segment: 1, salt: options.salt, previous_end: 0, shards: Vec::new() };
    write_head(disk, &file, &head).map_err(OpenError::io(format!("write the head of {name}")))?;
    Ok(Active { number: 1, file, end: head.data_start(), limit: options.segment_bytes })
}
