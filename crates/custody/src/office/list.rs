//! The list of what is revoked, as the CA's office reads it.
//!
//! It must never forget with a file what was revoked once.

use crate::authority::{Authority, REVOKED};
use crate::ca::Ca;
use crate::folder::{KeyError, failed};
use crate::revocation::Revocations;
use std::fs;
use std::path::Path;

/// The CA's list of what is revoked; an empty one when there is none. A list
/// that the regions beside it were brought, and that is gone here, counts: what
/// was revoked once is not forgotten with a file.
///
/// # Errors
/// When the disk refuses, or it is damaged or another planet's.
pub fn revocations(keys: &Path, ca: &Ca) -> Result<Revocations, KeyError> {
    let file = keys.join(REVOKED);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        text => Some(text.map_err(failed(format!("read {}", file.display())))?),
    };
    let damaged = |what: String| KeyError::Damaged { file: file.display().to_string(), what };
    let own = text.map(|text| Revocations::read(&text).map_err(|why| damaged(why.to_string()))).transpose()?;
    if own.as_ref().is_some_and(|list| list.planet != ca.planet()) {
        return Err(damaged("it is another planet's".to_owned()));
    }
    let cas = Authority::read(keys).map(|authority| authority.cas()).unwrap_or_default();
    let ours = |list: &Revocations| list.planet == ca.planet() && cas.iter().any(|(key, ..)| *key == list.by);
    let beside = lists_beside(keys).into_iter().filter(ours);
    Ok(own.into_iter().chain(beside).max_by_key(|list| list.number).unwrap_or_else(|| Revocations::none(ca.planet())))
}

/// The lists that regions of this directory have; what cannot be read is none.
fn lists_beside(keys: &Path) -> Vec<Revocations> {
    let regions = keys.join("..").join("regions");
    let found = fs::read_dir(regions).into_iter().flatten().flatten();
    let read = |region: fs::DirEntry| {
        let text = fs::read_to_string(region.path().join("keys").join(REVOKED)).ok()?;
        Revocations::read(&text).ok()
    };
    found.filter_map(read).collect()
}
