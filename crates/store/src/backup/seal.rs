//! Sealing a stream in chunks with AES-256-GCM.
//!
//! It must never use a nonce twice under one key: each file has a key of its
//! own, and each chunk its number as nonce. It must never hand out a byte whose
//! chunk did not open, nor an end that was not sealed as one: a chunk's number
//! and whether it is the last are sealed with it, so that chunks cannot be
//! left out, moved, or cut off.
//!
//! The file's key is made of the entropy and the given key and of what is
//! backed up. Entropy that is used twice by mistake then still gives another
//! key, unless all else is the same too.

use super::{BackupError, Secrets};
use crate::number::{small, u32_at, wide};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use std::io::{ErrorKind, Read, Write};
use zeroize::Zeroizing;

/// The version that is written. Version 1 had no files beside the log, and is
/// read as it was.
const VERSION: u8 = 2;
const MAGIC: &[u8; 7] = b"mycelbk";
const KEY: usize = 32;
const SALT: usize = 32;
const TAG: usize = 16;
const SALTED: usize = 8 + SALT;
const WRAPPED: usize = SALTED + KEY + TAG;
const HEADER: usize = WRAPPED + 4;
/// What is sealed at once, and what a reader holds: enough that the tag does
/// not matter.
pub(super) const CHUNK: usize = 1_024 * 1_024;
const LAST: u32 = 1 << 31;

type Key = Zeroizing<[u8; KEY]>;

fn derive(context: &str, parts: &[&[u8]]) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&wide(part.len()).to_le_bytes());
        hasher.update(part);
    }
    Zeroizing::new(*hasher.finalize().as_bytes())
}

fn wrapping(key: &[u8; KEY], salt: &[u8]) -> Aes256Gcm {
    let key = derive("mycel backup wrapping key v1", &[key, salt]);
    Aes256Gcm::new((&*key).into())
}

/// The nonce of a chunk, which is its number.
fn nonce(number: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

/// A stream that is sealed as it is written.
pub struct SealedWriter<'a> {
    to: &'a mut dyn Write,
    cipher: Aes256Gcm,
    number: u64,
    buffer: Vec<u8>,
}

impl<'a> SealedWriter<'a> {
    /// Begins a file; `about` is what is going to be in it.
    ///
    /// # Errors
    /// What the stream says.
    pub fn new(to: &'a mut dyn Write, secrets: Secrets<'_>, about: &[u8]) -> Result<Self, BackupError> {
        let mut header = vec![VERSION];
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&derive("mycel backup salt v1", &[secrets.entropy, about])[..]);
        let mut file = derive("mycel backup file key v1", &[secrets.entropy, secrets.key, about]);
        let cipher = Aes256Gcm::new((&*file).into());
        let tag = wrapping(secrets.key, &header[8..SALTED])
            .encrypt_inout_detached(&Nonce::default(), &header, file.as_mut_slice().into())
            .map_err(|_| too_long())?;
        header.extend_from_slice(&file[..]);
        header.extend_from_slice(&tag);
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        to.write_all(&header).map_err(unwritten)?;
        Ok(Self { to, cipher, number: 0, buffer: Vec::with_capacity(CHUNK) })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What the stream says.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            // A full chunk waits for more, because the last one is another.
            if self.buffer.len() == CHUNK {
                self.seal(0)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals what is left, as the end.
    ///
    /// # Errors
    /// What the stream says.
    pub fn finish(mut self) -> Result<(), BackupError> {
        self.seal(LAST)?;
        self.to.flush().map_err(unwritten)
    }

    fn seal(&mut self, last: u32) -> Result<(), BackupError> {
        let head = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX) | last;
        let (head, nonce) = (head.to_le_bytes(), nonce(self.number));
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &head, self.buffer.as_mut_slice().into())
            .map_err(|_| too_long())?;
        for part in [&head[..], &self.buffer, &tag] {
            self.to.write_all(part).map_err(unwritten)?;
        }
        self.buffer.clear();
        self.number += 1;
        Ok(())
    }
}

fn unwritten(source: std::io::Error) -> BackupError {
    BackupError::Io { what: "write", source }
}

fn unread(source: std::io::Error) -> BackupError {
    BackupError::Io { what: "read", source }
}

/// Longer than AES-GCM seals at once, which no chunk is.
fn too_long() -> BackupError {
    unwritten(ErrorKind::InvalidInput.into())
}

/// A sealed stream that is opened as it is read.
pub(super) struct SealedReader<'a> {
    from: &'a mut dyn Read,
    cipher: Aes256Gcm,
    number: u64,
    buffer: Vec<u8>,
    used: usize,
    last: bool,
    /// How much was read of the file.
    pub(super) at: u64,
}

impl<'a> SealedReader<'a> {
    pub(super) fn new(from: &'a mut dyn Read, key: &[u8; KEY]) -> Result<Self, BackupError> {
        let mut header = [0; HEADER];
        let read = fill(from, &mut header)?;
        if read < 8 || &header[1..8] != MAGIC || header[0] == 0 {
            return Err(BackupError::NotOne);
        }
        if header[0] > VERSION {
            return Err(BackupError::Newer { version: header[0], known: VERSION });
        }
        if read < HEADER || u32_at(&header, WRAPPED) != crc32c::crc32c(&header[..WRAPPED]) {
            return Err(BackupError::Damaged { at: 0, what: "its head is not what was written" });
        }
        let mut file = Key::default();
        file.copy_from_slice(&header[SALTED..SALTED + KEY]);
        let tag: [u8; TAG] = header[SALTED + KEY..WRAPPED].first_chunk().copied().unwrap_or_default();
        wrapping(key, &header[8..SALTED])
            .decrypt_inout_detached(&Nonce::default(), &header[..SALTED], file.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| BackupError::Key)?;
        let cipher = Aes256Gcm::new((&*file).into());
        Ok(Self { from, cipher, number: 0, buffer: Vec::new(), used: 0, last: false, at: wide(HEADER) })
    }

    pub(super) fn damaged(&self, what: &'static str) -> BackupError {
        BackupError::Damaged { at: self.at, what }
    }

    /// Fills `into`.
    pub(super) fn read(&mut self, mut into: &mut [u8]) -> Result<(), BackupError> {
        while !into.is_empty() {
            if self.used == self.buffer.len() {
                self.open()?;
            }
            let length = into.len().min(self.buffer.len() - self.used);
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&self.buffer[self.used..self.used + length]);
            self.used += length;
            into = later;
        }
        Ok(())
    }

    /// There must be nothing more, in it or behind it.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        if self.used < self.buffer.len() || !self.last || fill(self.from, &mut [0])? > 0 {
            return Err(self.damaged("something stands behind its end"));
        }
        self.used = 0;
        Ok(())
    }

    fn open(&mut self) -> Result<(), BackupError> {
        if self.last {
            return Err(self.damaged("it ends too early"));
        }
        let mut head = [0; 4];
        self.whole(&mut head)?;
        let length = small(u32_at(&head, 0) & !LAST);
        self.last = u32_at(&head, 0) & LAST != 0;
        // Only the last one may be short, and only one alone empty: or a file
        // of nothing would be read for ever.
        if length > CHUNK || (length < CHUNK && !self.last) {
            return Err(self.damaged("a chunk has a length that none has"));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(length, 0);
        self.whole(&mut buffer)?;
        let mut tag = [0; TAG];
        self.whole(&mut tag)?;
        self.cipher
            .decrypt_inout_detached(&nonce(self.number), &head, buffer.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| self.damaged("a chunk is not what was written, or not where it was"))?;
        (self.buffer, self.used) = (buffer, 0);
        self.number += 1;
        Ok(())
    }

    fn whole(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        let read = fill(self.from, into)?;
        self.at += wide(read);
        if read < into.len() { Err(self.damaged("it ends in the middle")) } else { Ok(()) }
    }
}

/// Reads until `into` is full or the file ends, and says how much.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> Result<usize, BackupError> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(error)),
        }
    }
    Ok(filled)
}
