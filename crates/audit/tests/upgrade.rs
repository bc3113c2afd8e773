//! A log of version 1, whose entries stood on the disk as they are: it is read,
//! sealed once, and lost by no crash on the way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use audit::verify::verify;
use audit::{Edge, OnDisk, OpenError, Opened, Source, bundle};
use sha2::{Digest, Sha256};
use sim::VirtualDisk;
use store::{Barrier, Disk};
use support::{all, entries, entry, entry_key, open, verifier};
use trust::merkle::Node;

/// Two bundles that are full, and more.
const MANY: u64 = 600;

fn put(disk: &VirtualDisk, name: &str, bytes: &[u8]) {
    let _ = disk.remove(name);
    let file = disk.create(name).unwrap();
    disk.write_at(&file, 0, bytes).unwrap();
    disk.sync_data(&file, Barrier::Head).unwrap();
    disk.sync_dir(Barrier::Name).unwrap();
}

/// The file of entries as version 1 wrote it, in batches of a hundred.
fn truth() -> Vec<u8> {
    let of: [u8; 32] = Sha256::digest(verifier().name().as_bytes()).into();
    let mut out = [&b"mycel audit v1\n\0"[..], &of].concat();
    let mut edge = Edge::default();
    for batch in entries(0, MANY).chunks(100) {
        let mut records = Vec::new();
        for entry in batch.iter().map(audit::Entry::to_bytes) {
            let leaf = Node::leaf(&entry);
            edge.append(leaf, &mut |_| {});
            records.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_be_bytes());
            records.extend_from_slice(&leaf.0[..4]);
            records.extend_from_slice(&entry);
        }
        out.extend_from_slice(b"MAB1");
        out.extend_from_slice(&u32::try_from(batch.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&u32::try_from(records.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&edge.head().root.0);
        out.extend_from_slice(&records);
    }
    out
}

/// A disk as version 1 left it, with a partial bundle that a crash kept.
fn old(seed: u64) -> VirtualDisk {
    let disk = VirtualDisk::new(seed);
    open(disk.clone()).unwrap().0.append(&entries(0, MANY)).unwrap();
    disk.kill();
    put(&disk, "entries", &truth());
    for (from, many, name) in [
        (0, 256, "tile/entries/000"),
        (256, 256, "tile/entries/001"),
        (512, 88, "tile/entries/002.p/88"),
        (256, 44, "tile/entries/001.p/44"),
    ] {
        let mut bytes = Vec::new();
        entries(from, many).iter().for_each(|entry| bundle::write(&mut bytes, &entry.to_bytes()));
        put(&disk, name, &bytes);
    }
    disk
}

fn says(disk: &VirtualDisk) -> Vec<String> {
    let plain = |name: &String| {
        let bytes = disk.bytes(name).unwrap();
        bytes.windows(6).any(|word| word == b"reason") || bytes.windows(9).any(|word| word == b"192.0.2.7")
    };
    disk.list().unwrap().into_iter().filter(plain).collect()
}

fn holds(disk: &VirtualDisk) -> Result<(), String> {
    let seen = Opened::new(OnDisk(disk), Some(entry_key()));
    let report = verify(&seen, &verifier(), &[], &mut |_, _| {}).map_err(|error| error.to_string())?;
    if !report.is_good() || report.good < MANY {
        return Err(format!("{} are good: {:?}", report.good, report.faults));
    }
    let whole = all(&seen, 0, report.good)?;
    match (0..MANY).zip(&whole).find(|(index, found)| **found != entry(*index).to_bytes()) {
        Some((index, _)) => Err(format!("entry {index} is another")),
        None => Ok(()),
    }
}

#[test]
fn a_log_of_version_1_is_sealed_when_it_is_opened() {
    let disk = old(1);
    assert_eq!(says(&disk).len(), 5, "the looking finds what is there");
    let (audit, recovery) = open(disk.clone()).unwrap();
    assert_eq!((recovery.entries, recovery.cut, recovery.mended), (MANY, 0, 2));
    assert_eq!(audit.append(&entries(MANY, 10)).unwrap(), MANY);
    drop(audit);
    assert_eq!(says(&disk), Vec::<String>::new());
    holds(&disk).unwrap();
    assert_eq!(open(disk).unwrap().1.mended, 0);
}

/// One life in which the machine stops after so many calls, and then another.
fn crashed(stops: u64, ignores: Option<Barrier>) -> Result<(), String> {
    let disk = old(stops);
    disk.faults(|faults| (faults.stops_after, faults.ignores) = (Some(stops), ignores));
    let _ = open(disk.clone());
    disk.crash();
    let opened = open(disk.clone()).map_err(|error| error.to_string())?;
    drop(opened);
    if !says(&disk).is_empty() {
        return Err(format!("{:?} are not sealed", says(&disk)));
    }
    holds(&disk)
}

#[test]
fn a_crash_while_it_is_sealed_loses_nothing() {
    for stops in 0..150 {
        crashed(stops, None).unwrap_or_else(|wrong| panic!("after {stops} calls: {wrong}"));
    }
}

#[test]
fn it_is_durable_before_it_takes_the_place_of_the_old() {
    assert!((0..3_000).any(|seed| crashed(seed % 150, Some(Barrier::Head)).is_err()));
}

#[test]
fn what_was_changed_in_version_1_is_named_and_not_sealed() {
    let disk = old(1);
    let bytes = entry(250).to_bytes();
    let place = disk.bytes("entries").unwrap().windows(bytes.len()).position(|window| window == bytes).unwrap();
    disk.flip("entries", u64::try_from(place).unwrap() + 4, 3);
    let error = open(disk.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Changed(250)), "{error}");
    assert!(disk.bytes("entries").unwrap().starts_with(b"mycel audit v1"));
    // A tile may still say so: the file under another key is not taken for damaged.
    let disk = VirtualDisk::new(2);
    open(disk.clone()).unwrap();
    let other = audit::EntryKey::new(verifier().name(), trust::Secret::take(&mut [5; 32]));
    let error = audit::Audit::open(disk.clone(), support::log(), other).unwrap_err();
    assert!(matches!(error, OpenError::OtherKey), "{error}");
    assert!(OnDisk(&disk).file("entries", 1_000).unwrap().is_some());
}
