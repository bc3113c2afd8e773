//! The writer: durable before it is acknowledged, one sync for all who wait.
//!
//! Whoever appends and finds nobody writing writes for everybody who waits;
//! there is no thread. What it wrote is acknowledged as soon as the truth is
//! synced, and published after that: tiles, then the signed checkpoint. So no
//! head is ever signed over what a crash could take back.

mod core;
mod hand;
mod prune;
mod recover;
mod upgrade;

pub use prune::Pruned;
pub use recover::{OpenError, Recovery};

use self::core::{Core, Stop, Stored};
use crate::entry::Entry;
use crate::sealed::EntryKey;
use crate::segment;
use crate::truth::{self, Form};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use store::{Barrier, Disk};
use trust::merkle::{Head, Node};

/// Appends that wait: as many as connections that could each ask for one.
const MAX_WAITING: usize = 16_384;

/// Why nothing was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// More than one batch at once.
    #[error("{0} entries are more than one batch of the audit log, which has 4,096")]
    TooMany(usize),
    /// Too many wait.
    #[error("16,384 appends to the audit log wait already; try again")]
    Busy,
    /// The disk refused; nothing was kept, and the next append tries again.
    #[error("the audit log cannot be written: {0}")]
    Refused(String),
    /// The disk failed in a sync: nobody knows what it kept until the log is
    /// opened again.
    #[error("the audit log's disk failed, and the log takes nothing until it is opened again: {0}")]
    Failed(String),
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    entries: Vec<Stored>,
}

struct Shared<D: Disk> {
    queue: VecDeque<Waiting>,
    next_ticket: u64,
    answers: BTreeMap<u64, Result<u64, AppendError>>,
    /// With whoever writes, while somebody does.
    core: Option<Core<D>>,
    failed: Option<AppendError>,
    published: Head,
}

/// An audit log that is open for appends.
pub struct Audit<D: Disk> {
    shared: Mutex<Shared<D>>,
    answered: Condvar,
    key: EntryKey,
    _lock: Mutex<D::Lock>,
}

impl<D: Disk> Audit<D> {
    fn new(core: Core<D>, key: EntryKey, lock: D::Lock) -> Self {
        let shared = Shared {
            queue: VecDeque::new(),
            next_ticket: 0,
            answers: BTreeMap::new(),
            published: core.head(),
            core: Some(core),
            failed: None,
        };
        Self { shared: Mutex::new(shared), answered: Condvar::new(), key, _lock: Mutex::new(lock) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared<D>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest head that was signed and can be read.
    #[must_use]
    pub fn published(&self) -> Head {
        self.shared().published
    }

    /// Why it takes nothing any more, when that is so.
    #[must_use]
    pub fn failed(&self) -> Option<AppendError> {
        self.shared().failed.clone()
    }

    /// How many appends wait for the batch after the one that is being written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared().queue.len()
    }

    /// Appends entries, one after another with none between them, and waits
    /// until they are durable. Says which the first of them is.
    ///
    /// # Errors
    /// When they are not durable; then nobody may be told that they are.
    pub fn append(&self, entries: &[Entry]) -> Result<u64, AppendError> {
        if entries.len() > truth::MOST {
            return Err(AppendError::TooMany(entries.len()));
        }
        // Here, and not by whoever writes for all.
        let sealed = entries.iter().map(|entry| {
            let (time, entry) = (entry.time, entry.to_bytes());
            Ok(Stored { leaf: Node::leaf(&entry), sealed: self.key.seal(&entry)?, time })
        });
        let sealed: Result<Vec<_>, trust::envelope::TooLarge> = sealed.collect();
        let entries = sealed.map_err(|error| AppendError::Refused(error.to_string()))?;
        let mut shared = self.shared();
        if shared.queue.len() >= MAX_WAITING {
            return Err(AppendError::Busy);
        }
        let ticket = shared.next_ticket;
        shared.next_ticket += 1;
        shared.queue.push_back(Waiting { ticket, entries });
        loop {
            if let Some(answer) = shared.answers.remove(&ticket) {
                return answer;
            }
            shared = match shared.core.take() {
                Some(core) => self.write(shared, core),
                None => self.answered.wait(shared).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Does something with what only one writer at a time has.
    fn with<T>(&self, act: impl FnOnce(&mut Core<D>) -> io::Result<T>) -> Result<T, AppendError> {
        let mut shared = self.shared();
        let mut core = loop {
            if let Some(failed) = &shared.failed {
                return Err(failed.clone());
            }
            match shared.core.take() {
                Some(core) => break core,
                None => shared = self.answered.wait(shared).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(shared);
        let done = act(&mut core);
        let mut shared = self.shared();
        shared.published = core.head();
        shared.core = Some(core);
        self.answered.notify_all();
        done.map_err(|error| AppendError::Refused(error.to_string()))
    }

    /// Writes one batch for all who wait.
    fn write<'a>(&'a self, mut shared: MutexGuard<'a, Shared<D>>, mut core: Core<D>) -> MutexGuard<'a, Shared<D>> {
        let (mut group, mut count) = (Vec::new(), 0);
        while let Some(first) = shared.queue.front() {
            if count + first.entries.len() > truth::MOST {
                break;
            }
            count += first.entries.len();
            group.extend(shared.queue.pop_front());
        }
        let failed = shared.failed.clone();
        drop(shared);
        let first = core.size();
        let written = match failed {
            Some(failed) => Err(failed),
            None => core.commit(group.iter().flat_map(|waiting| &waiting.entries)).map_err(|stop| match stop {
                Stop::Refused(error) => AppendError::Refused(error.to_string()),
                Stop::Lost(error) => AppendError::Failed(error.to_string()),
            }),
        };
        let mut shared = self.shared();
        if let Err(error @ AppendError::Failed(_)) = &written {
            shared.failed = Some(error.clone());
        }
        let mut at = first;
        for waiting in group {
            shared.answers.insert(waiting.ticket, written.clone().map(|()| at));
            at += crate::number::wide(waiting.entries.len());
        }
        self.answered.notify_all();
        if written.is_ok() {
            drop(shared);
            // Those above are answered; a failure here is the next append's.
            let published = core.publish();
            shared = self.shared();
            if published.is_ok() {
                shared.published = core.head();
            }
        }
        shared.core = Some(core);
        self.answered.notify_all();
        shared
    }
}

impl<D: Disk> std::fmt::Debug for Audit<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("published", &self.published()).finish_non_exhaustive()
    }
}

/// Reads all entries of a log as opening it would, and changes nothing: the first
/// entry that is there, or what a start would refuse it for.
pub(crate) fn look<D: Disk>(disk: &D, (origin, key): (&str, &EntryKey), signed: Head) -> Result<u64, OpenError> {
    let start = Form::Sealed(key).start(origin);
    let mut firsts: Vec<u64> = disk.list()?.iter().filter_map(|name| segment::first(name)).collect();
    firsts.sort_unstable();
    let mut found = Vec::with_capacity(firsts.len());
    for first in firsts {
        let file = disk.open(&segment::name(first))?;
        let mut read = vec![0; start.len()];
        let many = disk.read_at(&file, 0, &mut read)?;
        read.truncate(many);
        if read.starts_with(&Form::Plain.start(origin)) {
            // Of version 1: the next start writes it again, and holds it against its root as it does.
            return Ok(0);
        }
        if read != start {
            return Err(if truth::is_of(&read, origin) { OpenError::OtherKey } else { OpenError::Foreign });
        }
        found.push(recover::begin(disk, (file, first), &start)?);
    }
    let Some(begins) = found.first().map(|found| found.grown.edge.clone()) else {
        return Err(OpenError::Lost { has: 0, signed: signed.size });
    };
    let truths: Vec<_> = found.iter().map(|found| found.truth(disk, key)).collect();
    let first = begins.size();
    recover::check(&truths, begins, signed).map(|_| first)
}

/// Writes a file under another name and then gives it its own.
///
/// A file that is synced has a draft of its own, so that whichever changes of
/// names a crash leaves out, nothing that was not synced gets its name.
pub(crate) fn replace<D: Disk>(disk: &D, name: &str, bytes: &[u8], sync: Option<Barrier>) -> io::Result<()> {
    let draft = if sync.is_some() { format!("{name}.draft") } else { "draft".to_owned() };
    let file = match disk.create(&draft) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&draft)?;
            if sync.is_some() {
                disk.sync_dir(Barrier::Name)?;
            }
            disk.create(&draft)?
        }
        made => made?,
    };
    disk.write_at(&file, 0, bytes)?;
    if let Some(why) = sync {
        disk.sync_data(&file, why)?;
    }
    disk.rename(&draft, name)
}
