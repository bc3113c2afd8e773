//! How a log's key gives its place to the next: a note that the old key signs,
//! and that names the new one and the entry in which it was done. Whoever knows
//! one of a log's keys finds the present one by the file of these notes.
//!
//! It must never believe a key that no known one has named, nor follow a note of
//! another log. What the notes name is believed as the old key is: whoever
//! steals that can name another, as it can sign another history, and a witness
//! tells both.

use crate::Malformed;
use crate::checkpoint::{NotSigned, Signed, Signer, signed};
use crate::files::Source;
use crate::note::{KeyKind, Note, Verifier, decimal};
use std::fmt;

/// The file of a log with all of them, the oldest first.
pub const FILE: &str = "successors";
/// What a note says it is, and the version of that.
const WHAT: &str = "successor v1";
/// Notes that are read: thirty years of a key each quarter.
pub(crate) const MOST: usize = 128;
/// The longest file.
pub const LONGEST: usize = MOST * 1_024;

/// One note: the log goes on under another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The next key, under the name of the same log.
    pub next: Verifier,
    /// The entry that says so.
    pub entry: u64,
}

impl fmt::Display for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four lines: no checkpoint has as many.
        writeln!(f, "{}\n{WHAT}\n{}\n{}", self.next.name(), self.next, self.entry)
    }
}

impl Successor {
    /// Reads the text of a note, without its signatures.
    ///
    /// # Errors
    /// When it has not the one form of such a text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines: Vec<_> = text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [origin, WHAT, next, entry] = lines[..] else {
            return Err(Malformed("a successor has four lines: origin, `successor v1`, its key and its entry"));
        };
        let next = Verifier::parse(next)?;
        if next.name() != origin || next.kind() != KeyKind::Note {
            return Err(Malformed("a successor is a key of the same log"));
        }
        let entry = decimal(entry).ok_or(Malformed("a successor's entry is a number without zeros before it"))?;
        Ok(Self { next, entry })
    }

    /// The note, signed by the key that gives its place, and by the next, which
    /// so shows that it is there.
    ///
    /// # Errors
    /// When it is no text that can be signed.
    pub fn sign(&self, old: &Signer, next: &Signer) -> Result<Note, Malformed> {
        let text = self.to_string();
        Ok(Note { lines: vec![old.line(&text, 0)?, next.line(&text, 0)?], text })
    }
}

/// Reads the file of notes. Who signed them nobody has checked.
///
/// # Errors
/// When it is not whole notes, at most 128 of them.
pub fn read(file: &str) -> Result<Vec<(Note, Successor)>, Malformed> {
    let mut notes = Vec::new();
    let mut lines = file.split_inclusive('\n').peekable();
    while lines.peek().is_some() {
        let mut note: String = lines.by_ref().take(5).collect();
        while let Some(line) = lines.next_if(|line| line.starts_with('\u{2014}')) {
            note.push_str(line);
        }
        let note = Note::parse(&note)?;
        let successor = Successor::parse(&note.text)?;
        if notes.len() == MOST {
            return Err(Malformed("a log has at most 128 successors of its keys"));
        }
        notes.push((note, successor));
    }
    Ok(notes)
}

/// A checkpoint that a known key has signed, or one that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The checkpoint.
    pub signed: Signed,
    /// The key that has signed it.
    pub by: Verifier,
    /// The keys on the way, from the one after the known on.
    pub way: Vec<(Verifier, Successor)>,
}

/// Opens a checkpoint of a log, by a key of it that is known. Where another has
/// signed it, the log's file of successors has to lead there.
///
/// # Errors
/// When it is none, of another log, or not signed by a key that follows.
pub fn open(source: &impl Source, text: &str, known: &Verifier) -> Result<Followed, NotSigned> {
    let mut by = known.clone();
    let mut way = Vec::new();
    let mut notes = None;
    loop {
        match Signed::open(text, &by) {
            Ok(signed) => return Ok(Followed { signed, by, way }),
            Err(NotSigned::Missing) => {}
            Err(why) => return Err(why),
        }
        if notes.is_none() {
            let file = source.file(FILE, LONGEST).ok().flatten().unwrap_or_default();
            let file = String::from_utf8(file).map_err(|_| Malformed("the file `successors` is no text"))?;
            notes = Some(read(&file)?.into_iter());
        }
        // In their order, so that no two keys name each other for ever.
        let named = notes.iter_mut().flatten().find(|(note, successor)| {
            successor.next.name() == by.name()
                && note.lines.iter().any(|line| line.id == by.id())
                && signed(note, &by).is_ok()
        });
        let (_, successor) = named.ok_or(NotSigned::Missing)?;
        let before = std::mem::replace(&mut by, successor.next.clone());
        way.push((before, successor));
    }
}
