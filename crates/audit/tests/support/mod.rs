//! Logs to try things on.
#![allow(clippy::unwrap_used, dead_code)]

use audit::entry::{Act, Key, Name, Place, Reason, Right, Who};
use audit::{Audit, Entry, EntryKey, Folders, KeyKind, Mirror, OpenError, Opened, Recovery, Signer, Source, Tiles};
use audit::{Verifier, origin};
use std::path::Path;
use store::Disk;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};

pub(crate) const PLANET: PlanetId = PlanetId([0x1a; 16]);

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [seed; 32]))
}

pub(crate) fn log() -> Signer {
    Signer::new(&origin("garden", PLANET).unwrap(), KeyKind::Note, key(1)).unwrap()
}

pub(crate) fn verifier() -> Verifier {
    log().verifier().clone()
}

pub(crate) fn witness() -> Signer {
    Signer::new("witness.example/w1", KeyKind::Cosignature, key(2)).unwrap()
}

/// The key to the entries of the log.
pub(crate) fn entry_key() -> EntryKey {
    EntryKey::new(verifier().name(), Secret::take(&mut [4; 32]))
}

pub(crate) fn open<D: Disk>(disk: D) -> Result<(Audit<D>, Recovery), OpenError> {
    Audit::open(disk, log(), entry_key())
}

/// The log in a folder, with entries as everybody else has them.
pub(crate) fn opened(folder: &Path) -> Opened<Mirror> {
    Opened::new(Mirror::new(folder), Some(entry_key()))
}

/// A copy of the log in a folder, as a mirror has it.
pub(crate) fn mirrored(from: &Path, to: &Path) {
    audit::copy::copy(&opened(from), &Folders::open(to).unwrap(), &verifier(), true, &mut |_, _| {}).unwrap();
}

/// All entries of a log of so many, from a bundle's first on.
pub(crate) fn all(source: &impl Source, from: u64, size: u64) -> Result<Vec<Vec<u8>>, String> {
    let tiles = Tiles::new(source, size);
    let mut all = Vec::new();
    for index in from / 256..size.div_ceil(256) {
        let (path, bytes) = tiles.bundle(index).map_err(|error| error.to_string())?;
        let entries = audit::bundle::read(&bytes).map_err(|error| error.to_string())?;
        all.extend(entries[..path.width].iter().map(|entry| entry.to_vec()));
    }
    Ok(all)
}

/// Some entry, another for each number.
pub(crate) fn entry(number: u64) -> Entry {
    let name = |text: &str| Name::new(text).unwrap();
    let act = match number % 5 {
        0 => Act::Sealed {},
        1 => Act::Banned { net: name(&format!("192.0.2.{}/32", number % 256)), until: number },
        2 => Act::Erased { owner: Key([7; 32]) },
        3 => Act::Started { program: name("mycel 0.1.0") },
        _ => Act::GatewayKnown { key: Key([8; 32]) },
    };
    Entry {
        time: 1_800_000_000_000 + number,
        act,
        who: if number % 5 == 3 { Who::Node } else { Who::Key(AgentId([3; 32])) },
        right: Right::Operate,
        rule: name("role operator"),
        address: name("192.0.2.7"),
        place: Place::Block(name("eu"), number),
        reason: Reason::new(&format!("reason {number}")).unwrap(),
    }
}

pub(crate) fn entries(from: u64, many: u64) -> Vec<Entry> {
    (from..from + many).map(entry).collect()
}

/// A log of so many entries in a folder, written in some batches.
pub(crate) fn written(folder: &Path, many: u64) {
    let (audit, _) = open(Folders::open(folder).unwrap()).unwrap();
    let mut at = audit.published().size;
    while at < many {
        let next = (many - at).min(77);
        assert_eq!(audit.append(&entries(at, next)).unwrap(), at);
        at += next;
    }
}
