//! A folder of keys: secrets are 64 letters in `NAME.key`, which nobody but
//! their owner can read; public keys are 64 letters in `NAME.pub`.
//!
//! A file that others can read is refused: its secret is no secret any more.
//! What is written is there whole, under its name and after a crash, or not at
//! all.

use crate::authority::REVOKED;
use crate::office::BOOK;
use crate::vault::{self, NoToken};
use crate::{entropy, sealed};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use trust::sign::SigningKey;
use trust::{AgentId, Secret};
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The disk refuses.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// It is none.
    #[error("{file}: {what}; {}", instead(file))]
    Damaged {
        /// Which file.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// Others than its owner can read it, or change it.
    #[error(
        "{file} can be read or changed by others (mode {mode:03o}): `chmod go= {file}` closes it; if anybody else \
         uses this machine, {}",
        then(file)
    )]
    Open {
        /// Which file.
        file: String,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to somebody else, who can change it.
    #[error(
        "{file} belongs to user {owner}, and this program runs as {us}: let it run as that user, or give it the file"
    )]
    NotOurs {
        /// Which file.
        file: String,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        us: u32,
    },
    /// Somebody has it, and goes on having it.
    #[error(
        "{file} has been locked for 20 seconds by {who}: let that end what it does and try again, or end it, where it \
         was stopped halfway"
    )]
    Busy {
        /// Which file.
        file: String,
        /// Who has it.
        who: String,
    },
    /// A token keeps it, and is not used.
    #[error("{file}: {why}")]
    Token {
        /// Which file.
        file: String,
        /// Why not.
        why: NoToken,
    },
}

/// What to do about a file that is damaged: to take away what says who is
/// refused would let them in again.
pub(crate) fn instead(file: &str) -> &'static str {
    match Path::new(file).file_name().and_then(|name| name.to_str()) {
        Some(REVOKED) => {
            "bring it from where the CA is, from the keys of a region that has it, or from a backup, and leave it until \
             then: without it nobody is revoked"
        }
        Some(BOOK) => {
            "restore it from a backup: without it `mycel trust revoke --region` knows no keys but those that are here"
        }
        _ => "restore it from a backup, or move it away",
    }
}

/// What to do once a file is closed that others could read or change.
fn then(file: &str) -> &'static str {
    match Path::new(file).extension().and_then(|end| end.to_str()) {
        Some("key") => "replace the key",
        _ => "look whether it was changed, and replace what was secret in it",
    }
}

/// The end of the name of what is not in its place yet.
pub(crate) const DRAFT: &str = ".new";

/// Says what was tried when the disk refuses.
pub fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> KeyError {
    let what = what.into();
    move |source| KeyError::Io { what, source }
}

/// Makes a folder that nobody but its owner can look into.
///
/// # Errors
/// When the disk refuses.
pub fn private(path: &Path) -> Result<(), KeyError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(failed(format!("make {}", path.display())))
}

/// Opens what nobody but its owner may read; nothing when there is no such file.
///
/// # Errors
/// When the disk refuses, or others could read or change it.
pub fn open_private(file: &Path) -> Result<Option<File>, KeyError> {
    let what = || format!("read {}", file.display());
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(what())(error)),
    };
    // Of what is open and not of the name: that may be another file by now.
    let found = open.metadata().map_err(failed(what()))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { file: file.display().to_string(), mode });
    }
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us && us != 0 {
        return Err(KeyError::NotOurs { file: file.display().to_string(), owner: found.uid(), us });
    }
    Ok(Some(open))
}

/// Reads what nobody but its owner may; nothing when there is no such file.
///
/// # Errors
/// When the disk refuses, or others could read or change it.
pub fn read_private(file: &Path) -> Result<Option<Zeroizing<String>>, KeyError> {
    let Some(mut open) = open_private(file)? else { return Ok(None) };
    let mut text = Zeroizing::new(String::with_capacity(128));
    open.read_to_string(&mut text).map_err(failed(format!("read {}", file.display())))?;
    Ok(Some(text))
}

/// A secret that is kept in a file; nothing when there is none.
///
/// # Errors
/// When it cannot be read, others could, or it is no key.
pub fn existing(keys: &Path, name: &str) -> Result<Option<Secret>, KeyError> {
    let Some(text) = contents(keys, name)? else { return Ok(None) };
    let mut bytes = hex(text.trim()).ok_or_else(|| no_key(&keys.join(format!("{name}.key"))))?;
    Ok(Some(Secret::take(&mut bytes)))
}

/// What the file of a key says, out of its token where that has wrapped it;
/// nothing when there is none.
///
/// # Errors
/// When it cannot be read, others could, or its token is not here.
pub fn contents(keys: &Path, name: &str) -> Result<Option<Zeroizing<String>>, KeyError> {
    let text = read_private(&keys.join(format!("{name}.key")))?;
    text.map(|text| vault::disclose(keys, name, text)).transpose()
}

/// The same, made when there is none.
///
/// # Errors
/// When it cannot be read or written, others could read it, or it is no key.
pub fn secret(keys: &Path, name: &str) -> Result<Secret, KeyError> {
    secret_as(keys, name, &mut |_, _| Ok(()))
}

/// Asked before a key is made, by its name and with its secret: who enters that
/// there is one. A key that is there is nobody's act.
pub type Made<'m> = dyn FnMut(&str, &Secret) -> Result<(), String> + 'm;

/// The same, which `made` is asked for before it is made: nothing is when that
/// refuses.
///
/// # Errors
/// The same, and when it is refused.
pub fn secret_as(keys: &Path, name: &str, made: &mut Made<'_>) -> Result<Secret, KeyError> {
    if let Some(secret) = existing(keys, name)? {
        return Ok(secret);
    }
    let secret = drawn()?;
    let what = || format!("enter in the audit log that the key {name} is made");
    made(name, &secret).map_err(io::Error::other).map_err(failed(what()))?;
    keep(keys, name, &secret)?;
    Ok(secret)
}

/// A secret that nobody has had before.
pub(crate) fn drawn() -> Result<Secret, KeyError> {
    let mut bytes: [u8; 32] = entropy::bytes().map_err(failed("draw entropy"))?;
    Ok(Secret::take(&mut bytes))
}

/// Keeps a secret in its file, wrapped where a token keeps the folder's keys,
/// with the copy that the root opens.
///
/// # Errors
/// When the disk refuses, or the token is not here.
pub fn keep(keys: &Path, name: &str, secret: &Secret) -> Result<(), KeyError> {
    let text = vault::close(keys, name, secret)?;
    // First the copy: a key that could not be recovered is never there.
    sealed::keep(keys, name, letters(secret.expose()).as_bytes())?;
    replace(&keys.join(format!("{name}.key")), text.as_bytes())
}

/// The public half of a key: alone in a file where its secret is elsewhere,
/// and else of the secret, which is made when there is none.
///
/// # Errors
/// When it cannot be read or written, or is no key.
pub fn public(keys: &Path, name: &str) -> Result<AgentId, KeyError> {
    let file = keys.join(format!("{name}.pub"));
    if file.exists() { read_public(&file) } else { Ok(SigningKey::new(&secret(keys, name)?).id()) }
}

/// The public half of a key that is there, in either form; nothing is made.
///
/// # Errors
/// When it cannot be read, or is no key.
pub fn known(keys: &Path, name: &str) -> Result<Option<AgentId>, KeyError> {
    let file = keys.join(format!("{name}.pub"));
    if file.exists() {
        return read_public(&file).map(Some);
    }
    Ok(existing(keys, name)?.map(|secret| SigningKey::new(&secret).id()))
}

/// A public key in a file.
///
/// # Errors
/// When it cannot be read, or is no key.
pub fn read_public(file: &Path) -> Result<AgentId, KeyError> {
    let text = fs::read_to_string(file).map_err(failed(format!("read {}", file.display())))?;
    hex(text.trim()).map(AgentId).ok_or_else(|| no_key(file))
}

/// Writes a public key to its file.
///
/// # Errors
/// When the disk refuses.
pub fn write_public(keys: &Path, name: &str, key: AgentId) -> Result<(), KeyError> {
    replace(&keys.join(format!("{name}.pub")), letters(&key.0).as_bytes())
}

fn no_key(file: &Path) -> KeyError {
    KeyError::Damaged { file: file.display().to_string(), what: "it is no key".to_owned() }
}

/// Thirty-two bytes as 64 letters, which are wiped.
#[must_use]
pub fn letters(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text
}

/// Reads 64 letters.
#[must_use]
pub fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(2 * at..2 * at + 2)?;
        // What `from_str_radix` takes as well.
        if pair.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Writes a file that only its owner can read: all of it, or what was there.
///
/// # Errors
/// When the disk refuses.
pub fn replace(file: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let what = || format!("write {}", file.display());
    // A name of its own: two who write at once, also files that differ in their
    // endings only, never take each other's draft.
    let chance: [u8; 8] = entropy::bytes().map_err(failed("draw entropy"))?;
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{:016x}{DRAFT}", u64::from_be_bytes(chance)));
    let draft = Path::new(&draft);
    let mut open = OpenOptions::new();
    let mut draft_file = open.create_new(true).write(true).mode(0o600).open(draft).map_err(failed(what()))?;
    let written = draft_file.write_all(bytes).and_then(|()| draft_file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(draft, file)) {
        // What is left is wiped later, when this fails as well.
        let _ = fs::remove_file(draft);
        return Err(failed(what())(error));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(what()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(file: &Path, mode: u32) {
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(existing(folder.path(), "node").unwrap().is_none());
        let made = secret(folder.path(), "node").unwrap();
        assert_eq!(secret(folder.path(), "node").unwrap(), made);
        assert_ne!(secret(folder.path(), "other").unwrap(), made);
        let file = folder.path().join("node.key");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        secret(folder.path(), "node").unwrap();
        let file = folder.path().join("node.key");
        for open in [0o640, 0o604, 0o620, 0o602, 0o644, 0o777] {
            mode(&file, open);
            let refused = secret(folder.path(), "node").unwrap_err().to_string();
            assert!(refused.contains(&format!("mode {open:03o}")) && refused.contains("chmod go="), "{refused}");
        }
        mode(&file, 0o400);
        secret(folder.path(), "node").unwrap();
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none_and_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.key");
        for bad in ["", "12", &"g".repeat(64), &"+1".repeat(32), &"1".repeat(65), &"é".repeat(32)] {
            replace(&file, bad.as_bytes()).unwrap();
            assert!(matches!(secret(folder.path(), "node"), Err(KeyError::Damaged { .. })), "{bad}");
            assert_eq!(fs::read_to_string(&file).unwrap(), *bad);
        }
    }

    #[test]
    fn a_public_key_stands_for_a_secret_that_is_elsewhere() {
        let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = public(with.path(), "root").unwrap();
        write_public(without.path(), "root", key).unwrap();
        assert_eq!(public(without.path(), "root").unwrap(), key);
        assert!(!without.path().join("root.key").exists());
    }
}
