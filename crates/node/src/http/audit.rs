//! The audit log for whoever mirrors it: its files as they are, by the names
//! that C2SP gives them.
//!
//! Checkpoint and hashes are for everybody: with them anybody can witness that
//! the log is one, and check a proof. Entries are for who administers: they
//! name the addresses that people asked from, and those who were erased.

use super::answer::{Answer, bytes};
use super::no::No;
use crate::acts::Acts;
use audit::path::{Path, WIDTH};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use std::io;
use std::sync::Arc;
use wire::Code;

const TEXT: &str = "text/plain; charset=utf-8";
/// What never changes is not asked for again.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(crate) fn key(acts: &Acts) -> Answer {
    bytes(StatusCode::OK, TEXT, acts.vkey().into())
}

pub(crate) async fn checkpoint(acts: &Arc<Acts>) -> Result<Answer, No> {
    let found = read(acts, Acts::checkpoint).await?;
    let found = found.ok_or_else(|| No::new(Code::NotFound, "the audit log has no checkpoint"))?;
    Ok(bytes(StatusCode::OK, TEXT, found.into()))
}

pub(crate) async fn successors(acts: &Arc<Acts>) -> Result<Answer, No> {
    let found = read(acts, Acts::successors).await?;
    let found = found.ok_or_else(|| No::new(Code::NotFound, "the audit log is under its first key"))?;
    Ok(bytes(StatusCode::OK, TEXT, found.into()))
}

pub(crate) async fn tile(acts: &Arc<Acts>, tile: Path) -> Result<Answer, No> {
    let found = read(acts, move |acts| acts.file(&tile)).await?;
    let gone = || {
        let what = format!("{tile} is not there: take the checkpoint anew, and what it is over");
        No::new(Code::NotFound, what)
    };
    let mut answer = bytes(StatusCode::OK, "application/octet-stream", found.ok_or_else(gone)?.into());
    // Entries are for who administers, and for no cache on the way.
    if tile.width == WIDTH && tile.row != audit::path::Row::Entries {
        answer.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    }
    Ok(answer)
}

/// Reads from the disk, where nobody else has to wait for it.
async fn read<T: Send + 'static>(
    acts: &Arc<Acts>,
    from: impl FnOnce(&Acts) -> io::Result<T> + Send + 'static,
) -> Result<T, No> {
    let acts = Arc::clone(acts);
    let read = tokio::task::spawn_blocking(move || from(&acts)).await;
    let early = || No::new(Code::Internal, "what was begun ended early");
    let read = read.map_err(|_| early())?;
    read.map_err(|error| No::new(Code::Unavailable, format!("the audit log cannot be read: {error}")))
}
