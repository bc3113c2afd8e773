//! A disk that keeps what was not synced apart, and loses it by the dice.
//!
//! It must never be kinder than a real one: what a real disk may do, it does
//! with some seed. It must never forget a call: each is folded into a digest,
//! with all its bytes and its answer.

use crate::Dice;
use crate::inode::Inode;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Barrier, Disk};

/// The calls that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// `create`
    Create,
    /// `allocate`
    Allocate,
    /// `write_at`
    Write,
    /// `read_at`
    Read,
    /// `sync_data`
    SyncData,
    /// `sync_dir`
    SyncDir,
}

/// What is wrong with the disk.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Syncs for this reason do nothing and answer that they did.
    pub ignores: Option<Barrier>,
    /// The next such call fails with EIO, and a failed sync loses what it was
    /// to keep: as a kernel does that marks the pages clean.
    pub fails_once: Option<Op>,
    /// The machine stops after this many calls.
    pub stops_after: Option<u64>,
    /// Space in bytes; what was set aside counts.
    pub capacity: Option<u64>,
}

#[derive(Debug, Clone)]
enum Rename {
    Create(String, u64),
    Move(String, String),
    Remove(String),
}

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    renames: Vec<Rename>,
    locks: BTreeSet<String>,
    next_file: u64,
    /// Handles of a life before the last crash are dead.
    life: u64,
    calls: u64,
    read: u64,
    faults: Faults,
    dice: Dice,
    digest: blake3::Hasher,
}

/// A virtual directory. Clones are the same one.
#[derive(Debug, Clone)]
pub struct VirtualDisk(Arc<Mutex<State>>);

/// An open file of it.
#[derive(Debug)]
pub struct VirtualFile {
    life: u64,
    id: u64,
}

/// A lock of it.
#[derive(Debug)]
pub struct VirtualLock {
    disk: VirtualDisk,
    life: u64,
    name: String,
}

impl Drop for VirtualLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.name);
        }
    }
}

impl VirtualDisk {
    /// An empty disk whose accidents are this seed's.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renames: Vec::new(),
            locks: BTreeSet::new(),
            next_file: 0,
            life: 0,
            calls: 0,
            read: 0,
            faults: Faults::default(),
            dice: Dice::new(seed),
            digest: blake3::Hasher::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is wrong with it.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many bytes were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.state().read
    }

    /// Over every call so far.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self.state().digest.finalize().as_bytes()
    }

    /// The process dies: handles and locks go, the page cache stays.
    pub fn kill(&self) {
        let mut state = self.state();
        state.note(b"kill", "", &[]);
        state.life += 1;
        state.locks.clear();
        state.faults.stops_after = None;
    }

    /// The power fails: what was not synced is kept, lost or torn by the dice.
    pub fn crash(&self) {
        self.kill();
        let mut state = self.state();
        let State { files, dice, renames, names, durable_names, .. } = &mut *state;
        for file in files.values_mut() {
            file.crash(dice);
        }
        // Each change of a name is there or not, in their order.
        let kept = dice.below(4);
        for rename in renames.drain(..) {
            if kept == 0 || (kept > 1 && dice.one_in(2)) {
                continue;
            }
            apply(&rename, durable_names);
        }
        names.clone_from(durable_names);
    }

    /// Turns a bit of a file over; says whether there is such a byte.
    pub fn flip(&self, name: &str, offset: u64, bit: u8) -> bool {
        let mut state = self.state();
        state.note(b"flip", name, &offset.to_le_bytes());
        let Some(id) = state.names.get(name).copied() else {
            return false;
        };
        state.files.get_mut(&id).is_some_and(|file| file.flip(size(offset), bit))
    }

    /// What a file holds, past all faults.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let id = state.names.get(name)?;
        state.files.get(id).map(|file| file.seen().to_vec())
    }

    /// A call begins: it is counted and noted, and perhaps fails.
    fn call(&self, op: Option<Op>, what: &[u8], name: &str, bytes: &[u8]) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.faults.stops_after.is_some_and(|left| left == 0) {
            return Err(io::Error::other("the machine has stopped"));
        }
        if let Some(left) = &mut state.faults.stops_after {
            *left -= 1;
        }
        state.calls += 1;
        state.note(what, name, bytes);
        if op.is_some() && state.faults.fails_once == op {
            state.faults.fails_once = None;
            state.note(b"EIO", "", &[]);
            return Err(io::Error::other("input/output error"));
        }
        Ok(state)
    }
}

fn apply(rename: &Rename, names: &mut BTreeMap<String, u64>) {
    match rename {
        Rename::Create(name, id) => {
            names.insert(name.clone(), *id);
        }
        Rename::Move(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        Rename::Remove(name) => {
            names.remove(name);
        }
    }
}

impl State {
    fn note(&mut self, what: &[u8], name: &str, bytes: &[u8]) {
        for part in [what, name.as_bytes(), bytes] {
            self.digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            self.digest.update(part);
        }
    }

    fn file(&mut self, file: &VirtualFile) -> io::Result<&mut Inode> {
        if file.life != self.life {
            return Err(io::Error::other("the file was opened before the crash"));
        }
        self.files.get_mut(&file.id).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn rename(&mut self, rename: Rename) {
        apply(&rename, &mut self.names);
        self.renames.push(rename);
    }

    /// Whether so much more fits.
    fn room(&self, more: u64) -> io::Result<()> {
        let named: BTreeSet<_> = self.names.values().collect();
        let used: usize = named.iter().filter_map(|id| self.files.get(id)).map(|file| file.seen().len()).sum();
        let used = u64::try_from(used).unwrap_or(u64::MAX);
        match self.faults.capacity {
            Some(capacity) if used + more > capacity => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Disk for VirtualDisk {
    type File = VirtualFile;
    type Lock = VirtualLock;

    fn create(&self, name: &str) -> io::Result<VirtualFile> {
        let mut state = self.call(Some(Op::Create), b"create", name, &[])?;
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (life, id) = (state.life, state.next_file);
        state.next_file += 1;
        state.files.insert(id, Inode::default());
        state.rename(Rename::Create(name.to_owned(), id));
        Ok(VirtualFile { life, id })
    }

    fn open(&self, name: &str) -> io::Result<VirtualFile> {
        let state = self.call(None, b"open", name, &[])?;
        let id = state.names.get(name).copied().ok_or(ErrorKind::NotFound)?;
        Ok(VirtualFile { life: state.life, id })
    }

    fn allocate(&self, file: &VirtualFile, length: u64) -> io::Result<()> {
        let mut state = self.call(Some(Op::Allocate), b"allocate", "", &length.to_le_bytes())?;
        let now = state.file(file)?.seen().len();
        if size(length) > now {
            state.room(length - u64::try_from(now).unwrap_or(0))?;
            state.file(file)?.resize(size(length));
        }
        Ok(())
    }

    fn write_at(&self, file: &VirtualFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.call(None, b"write", "", bytes)?;
        state.note(b"at", "", &[file.id.to_le_bytes(), offset.to_le_bytes()].concat());
        let now = state.file(file)?.seen().len();
        let end = size(offset) + bytes.len();
        if end > now {
            state.room(u64::try_from(end - now).unwrap_or(u64::MAX))?;
        }
        let fails = state.faults.fails_once == Some(Op::Write);
        // A write that fails may have done a part of its work.
        let done = if fails { state.dice.index(bytes.len() + 1) } else { bytes.len() };
        state.file(file)?.write(size(offset), &bytes[..done]);
        if fails {
            state.faults.fails_once = None;
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn read_at(&self, file: &VirtualFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let place = [file.id.to_le_bytes(), offset.to_le_bytes()].concat();
        let mut state = self.call(Some(Op::Read), b"read", "", &place)?;
        let seen = state.file(file)?.seen();
        let from = size(offset).min(seen.len());
        let length = into.len().min(seen.len() - from);
        into[..length].copy_from_slice(&seen[from..from + length]);
        state.read += u64::try_from(length).unwrap_or(u64::MAX);
        state.note(b"got", "", &into[..length]);
        Ok(length)
    }

    fn sync_data(&self, file: &VirtualFile, why: Barrier) -> io::Result<()> {
        let failing = self.state().faults.fails_once == Some(Op::SyncData);
        let state = self.call(Some(Op::SyncData), b"sync", &format!("{why:?}"), &file.id.to_le_bytes());
        if failing && state.is_err() {
            // The pages are clean from now on, and perhaps not on the disk.
            let mut state = self.state();
            let mut dice = state.dice.clone();
            state.dice.roll();
            let seen = state.file(file)?;
            let shown = seen.seen().to_vec();
            seen.crash(&mut dice);
            seen.show(shown);
        }
        let mut state = state?;
        if state.faults.ignores != Some(why) {
            state.file(file)?.sync();
        }
        Ok(())
    }

    fn len(&self, file: &VirtualFile) -> io::Result<u64> {
        let mut state = self.call(None, b"len", "", &file.id.to_le_bytes())?;
        Ok(u64::try_from(state.file(file)?.seen().len()).unwrap_or(u64::MAX))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.call(None, b"list", "", &[])?;
        Ok(state.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.call(None, b"rename", from, to.as_bytes())?;
        if !state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        state.rename(Rename::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.call(None, b"remove", name, &[])?;
        if !state.names.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        state.rename(Rename::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, why: Barrier) -> io::Result<()> {
        let mut state = self.call(Some(Op::SyncDir), b"sync dir", &format!("{why:?}"), &[])?;
        if state.faults.ignores != Some(why) {
            let State { names, durable_names, renames, .. } = &mut *state;
            durable_names.clone_from(names);
            renames.clear();
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<VirtualLock> {
        let mut state = self.call(None, b"lock", name, &[])?;
        if !state.locks.insert(name.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(VirtualLock { disk: self.clone(), life: state.life, name: name.to_owned() })
    }

    fn place(&self) -> String {
        "the virtual disk".to_owned()
    }
}
