//! One sync for all who wait: a disk whose first sync takes as long as the test
//! wants.
#![allow(clippy::unwrap_used)]

mod support;

use sim::{VirtualDisk, VirtualFile, VirtualLock};
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use store::{Barrier, Disk};
use support::{entries, open};

#[derive(Clone)]
struct Slow {
    disk: VirtualDisk,
    open: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
}

impl Disk for Slow {
    type File = VirtualFile;
    type Lock = VirtualLock;

    fn create(&self, name: &str) -> io::Result<VirtualFile> {
        self.disk.create(name)
    }
    fn open(&self, name: &str) -> io::Result<VirtualFile> {
        self.disk.open(name)
    }
    fn allocate(&self, file: &VirtualFile, length: u64) -> io::Result<()> {
        self.disk.allocate(file, length)
    }
    fn write_at(&self, file: &VirtualFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(file, offset, bytes)
    }
    fn read_at(&self, file: &VirtualFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(file, offset, into)
    }
    fn sync_data(&self, file: &VirtualFile, why: Barrier) -> io::Result<()> {
        if why == Barrier::Group {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            while !self.open.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        self.disk.sync_data(file, why)
    }
    fn len(&self, file: &VirtualFile) -> io::Result<u64> {
        self.disk.len(file)
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self, why: Barrier) -> io::Result<()> {
        self.disk.sync_dir(why)
    }
    fn lock(&self, name: &str) -> io::Result<VirtualLock> {
        self.disk.lock(name)
    }
    fn place(&self) -> String {
        self.disk.place()
    }
}

#[test]
fn all_who_wait_share_one_sync_and_nobody_is_answered_before_it() {
    let slow = Slow { disk: VirtualDisk::new(1), open: Arc::default(), syncs: Arc::default() };
    let (audit, _) = open(slow.clone()).unwrap();
    let (sender, answers) = mpsc::channel();
    let places: BTreeSet<u64> = std::thread::scope(|scope| {
        for number in 0..17 {
            let (audit, sender) = (&audit, sender.clone());
            scope.spawn(move || sender.send(audit.append(&entries(number, 3)).unwrap()).unwrap());
        }
        // One writes, and the sixteen others wait for what comes after it.
        while audit.waiting() < 16 {
            std::thread::yield_now();
        }
        assert!(answers.try_recv().is_err(), "answered before it was durable");
        slow.open.store(true, Ordering::SeqCst);
        answers.iter().take(17).collect()
    });
    assert_eq!(places, (0..17).map(|at| at * 3).collect());
    assert_eq!(slow.syncs.load(Ordering::SeqCst), 2);
}
