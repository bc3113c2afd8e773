//! A witness: somebody else who has seen each head of a log continue the last.
//!
//! It must never cosign two heads of which neither continues the other. What it
//! cosigned last is in one small file, which is durable before its signature
//! leaves; where that file cannot be believed it cosigns nothing.

use crate::checkpoint::{NotSigned, Signed, Signer};
use crate::files::{OnDisk, Source, checkpoint};
use crate::note::{Note, Verifier};
use crate::successor::{self, Followed};
use crate::tiles::Tiles;
use crate::verify::{Compared, compare};
use crate::writer::replace;
use std::io;
use store::{Barrier, Disk};
use trust::merkle::walk;

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not there, or not believed.
    #[error("the log's checkpoint is not believed: {0}")]
    Checkpoint(NotSigned),
    /// What was cosigned last is not believed.
    #[error("the witness's own file is not believed: {0}")]
    State(NotSigned),
    /// There are fewer entries than were cosigned.
    #[error("a rollback: {old} entries were cosigned, and the log has {new} now")]
    Rollback {
        /// What was cosigned.
        old: u64,
        /// What there is.
        new: u64,
    },
    /// The first entries are others than those that were cosigned.
    #[error("a fork: the log's first {0} entries are others than those that were cosigned")]
    Fork(u64),
    /// The tiles do not give the root.
    #[error("the log's tiles are not there or do not give the root that it has signed: {0}")]
    Tiles(String),
    /// Another process uses the file.
    #[error("another process uses the witness's file")]
    InUse,
    /// The disk.
    #[error("the witness's file cannot be read or written: {0}")]
    Disk(#[from] io::Error),
}

/// Looks at a log's newest checkpoint, and cosigns it when it continues the
/// last that this witness has cosigned; the time is in seconds since 1970.
///
/// # Errors
/// When it does not, or nobody can tell. Then nothing is signed.
pub fn cosign<D: Disk>(
    disk: &D,
    name: &str,
    witness: &Signer,
    log: &Verifier,
    source: &impl Source,
    seconds: u64,
) -> Result<Signed, Refused> {
    let _lock = disk.lock(&format!("{name}.lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Refused::InUse,
        _ => Refused::Disk(error),
    })?;
    let text = checkpoint(source)?.ok_or(Refused::Checkpoint(NotSigned::Absent))?;
    let Followed { signed: new, by, .. } = successor::open(source, &text, log).map_err(Refused::Checkpoint)?;
    let last = last(disk, name, witness, &|text| Ok(successor::open(source, text, log)?.signed))?;
    let head = new.checkpoint.head;
    if let Some((old, _)) = &last {
        let old = old.checkpoint.head;
        match compare(source, old, head) {
            Compared::Continued => {}
            Compared::Behind => return Err(Refused::Rollback { old: old.size, new: head.size }),
            Compared::Fork => return Err(Refused::Fork(old.size)),
            Compared::Unknown => return Err(Refused::Tiles("a tile of the proof is missing".to_owned())),
        }
    }
    let shown = walk::head(&mut Tiles::new(source, head.size), head.size);
    match shown {
        Ok(shown) if shown == head => {}
        Ok(_) => return Err(Refused::Tiles("their root is another".to_owned())),
        Err(missing) => return Err(Refused::Tiles(missing.to_string())),
    }
    // A clock that stepped back must not make the newest head look older.
    let seconds = last.map_or(seconds, |(_, before)| before.max(seconds));
    let line = witness.line(&new.note.text, seconds).map_err(|why| Refused::Checkpoint(why.into()))?;
    let own = new.note.lines.into_iter().filter(|line| line.name == by.name() && line.id == by.id());
    let note = Note { lines: own.chain([line]).collect(), text: new.note.text };
    replace(disk, name, note.to_string().as_bytes(), Some(Barrier::Mark))?;
    disk.sync_dir(Barrier::Name)?;
    Ok(Signed { checkpoint: new.checkpoint, note })
}

/// What was cosigned last, and when.
fn last<D: Disk>(
    disk: &D,
    name: &str,
    witness: &Signer,
    open: &dyn Fn(&str) -> Result<Signed, NotSigned>,
) -> Result<Option<(Signed, u64)>, Refused> {
    let Some(bytes) = OnDisk(disk).file(name, crate::note::MAX_NOTE)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| Refused::State(NotSigned::False))?;
    let signed = open(&text).map_err(Refused::State)?;
    let seconds = signed.cosigned(witness.verifier()).map_err(Refused::State)?;
    // It may be in the cache alone, and what follows would be signed over it.
    disk.sync_dir(Barrier::Name)?;
    Ok(Some((signed, seconds)))
}
