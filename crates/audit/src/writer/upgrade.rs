//! A log of version 1, whose entries stand as they are, is written again with
//! each in an envelope, once, when it is opened.
//!
//! It must never lose what was acknowledged: the new file is whole and durable
//! before it gets the name of the old one, and until then the old one is the
//! truth. Bundles follow from it as they always do.

use super::recover::{OpenError, check};
use crate::edge::Edge;
use crate::number::wide;
use crate::sealed::EntryKey;
use crate::segment;
use crate::truth::{Form, Next, Truth, batch};
use std::io::{self, ErrorKind};
use store::{Barrier, Disk};
use trust::merkle::Head;

/// The file while it is written.
const DRAFT: &str = "entries.sealing";

/// Writes all batches again, and says how much at the end was never
/// acknowledged and is left out.
pub(super) fn upgrade<D: Disk>(
    disk: &D,
    old: &D::File,
    (origin, key): (&str, &EntryKey),
    signed: Head,
) -> Result<u64, OpenError> {
    let start = wide(Form::Plain.start(origin).len());
    let truth = [Truth { disk, file: old, form: Form::Plain, first: 0, start }];
    let end = check(&truth, Edge::default(), signed)?.end;
    let [truth] = truth;
    remove(disk, DRAFT)?;
    // What a crash of the other version has left of a bundle.
    remove(disk, "draft")?;
    let new = disk.create(DRAFT)?;
    let start = Form::Sealed(key).start(origin);
    disk.write_at(&new, 0, &start)?;
    let (mut from, mut to) = (truth.start, wide(start.len()));
    while from < end
        && let Next::Batch(read) = truth.next(from)?
    {
        let sealed = read.entries.iter().map(|read| Ok((read.leaf, key.seal(&read.entry)?)));
        let sealed: Vec<_> = sealed
            .collect::<Result<_, _>>()
            .map_err(|error: trust::envelope::TooLarge| io::Error::new(ErrorKind::InvalidData, error))?;
        let entries: Vec<_> = sealed.iter().map(|(leaf, entry)| (*leaf, &entry[..])).collect();
        let bytes = batch(&entries, &read.root);
        disk.write_at(&new, to, &bytes)?;
        to += wide(bytes.len());
        from = read.end;
    }
    disk.sync_data(&new, Barrier::Head)?;
    disk.rename(DRAFT, &segment::name(0))?;
    // Before a bundle is written anew that the old file would find wrong.
    disk.sync_dir(Barrier::Name)?;
    Ok(disk.len(old)?.saturating_sub(end))
}

fn remove<D: Disk>(disk: &D, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
