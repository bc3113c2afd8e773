//! What a command asks the process to enter that holds the log: a folder in the
//! data directory, with a file for each request and one for its answer.
//!
//! | file | is |
//! |---|---|
//! | `ID.ask` | a bundle of entries, locked by the command for as long as it waits |
//! | `ID.answer` | `entered N`, the number of the first of them, or `refused WHY` |
//!
//! It must never have anything entered but what commands do, nor for anybody
//! who cannot have it done anyway: the files are those of whoever owns the
//! directory. A request is whole when it has its name. It is over when nobody
//! has it locked, so what a kill leaves is nobody's and is removed.
//!
//! Each entry carries the request's name where the address stands. So whoever
//! finds a request again, after a kill between the entry and the answer, sees
//! in the log whether it was entered, and enters it once.

use crate::entry::{Act, Entry, MAX_ENTRY, Name, Right, Who};
use crate::path::WIDTH;
use crate::{bundle, number};
use custody::KeyError;
use custody::folder::{failed, open_private, private, replace};
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The folder in a data directory.
pub const FOLDER: &str = "audit-asked";
/// Entries of one request: a bundle.
pub const MOST_ENTRIES: usize = WIDTH;
/// Requests that are looked at together; a person types one at a time.
pub const MOST_WAITING: usize = 64;
/// Bytes of an answer: a number, or why not.
const MOST_ANSWER: usize = 4_096;

const ASK: &str = "ask";
const ANSWER: &str = "answer";
const DRAFT: &str = "new";

/// The name of a request, drawn by whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub [u8; 16]);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // What has one form is one request.
        let number = u128::from_str_radix(text, 16).map_err(|_| ())?;
        let id = Self(number.to_be_bytes());
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

impl Id {
    /// Where its entries were asked from.
    #[must_use]
    pub fn address(self) -> Name {
        Name::cut(&format!("command {self}"))
    }

    fn file(self, data: &Path, end: &str) -> PathBuf {
        data.join(FOLDER).join(format!("{self}.{end}"))
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its entries are in the log, and the first has this number.
    Entered(u64),
    /// None is, and why.
    Refused(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entered(first) => write!(f, "entered {first}"),
            Self::Refused(why) => write!(f, "refused {why}"),
        }
    }
}

impl FromStr for Answer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(why) = text.strip_prefix("refused ") {
            return Ok(Self::Refused(why.to_owned()));
        }
        let first = text.strip_prefix("entered ").ok_or(())?.parse().map_err(|_| ())?;
        if Self::Entered(first).to_string() == text { Ok(Self::Entered(first)) } else { Err(()) }
    }
}

/// A request that somebody waits for. With this it is over.
#[derive(Debug)]
pub struct Asked {
    id: Id,
    data: PathBuf,
    /// Locked.
    _alive: File,
}

impl Asked {
    /// Asks for entries, which are the request's own ([`Id::address`]).
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn ask(data: &Path, id: Id, entries: &[Entry]) -> Result<Self, KeyError> {
        private(&data.join(FOLDER))?;
        let (file, draft) = (id.file(data, ASK), id.file(data, DRAFT));
        let what = || format!("write {}", file.display());
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| bundle::write(&mut bytes, &entry.to_bytes()));
        let mut open = OpenOptions::new();
        let mut alive = open.create_new(true).write(true).mode(0o600).open(&draft).map_err(failed(what()))?;
        // It is made before it is locked and gets its name after that: nobody sees it unlocked. Nothing is synced, for
        // whoever waits ends with the machine.
        let written = alive.lock().and_then(|()| alive.write_all(&bytes)).and_then(|()| fs::rename(&draft, &file));
        let asked = Self { id, data: data.to_owned(), _alive: alive };
        written.map_err(failed(what()))?;
        Ok(asked)
    }

    /// The answer, when there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn answer(&self) -> Result<Option<Answer>, KeyError> {
        let file = self.id.file(&self.data, ANSWER);
        let Some(open) = open_private(&file)? else { return Ok(None) };
        let mut text = String::new();
        let read = open.take(number::wide(MOST_ANSWER)).read_to_string(&mut text);
        read.map_err(failed(format!("read {}", file.display())))?;
        let damaged = |()| KeyError::Damaged { file: file.display().to_string(), what: "it is no answer".to_owned() };
        text.parse().map(Some).map_err(damaged)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // What cannot be removed is seen to be nobody's.
        for end in [DRAFT, ASK, ANSWER] {
            let _ = fs::remove_file(self.id.file(&self.data, end));
        }
    }
}

/// Whether a command may have it entered. All that is done through a process
/// that runs is entered by that process, at its own word.
#[must_use]
pub const fn is_a_commands(act: &Act) -> bool {
    matches!(
        act,
        Act::KeyRotated { .. }
            | Act::KeyRevoked { .. }
            | Act::Recovered { .. }
            | Act::RecoveryDrilled { .. }
            | Act::NotDone { .. }
            | Act::CertificateRevoked { .. }
            | Act::CertificateIssued { .. }
            | Act::KeyMade { .. }
            | Act::RegionKeyMade { .. }
            | Act::KeyWrapped { .. }
            | Act::RootSplit { .. }
            | Act::DrillBegun { .. }
    )
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Request {
    /// Its name.
    pub id: Id,
    /// What is to be entered, or why not.
    pub entries: Result<Vec<Entry>, String>,
    data: PathBuf,
    file: File,
}

impl Request {
    fn read(data: &Path, id: Id, file: File) -> Self {
        let most = number::wide(MOST_ENTRIES * (2 + MAX_ENTRY));
        let mut bytes = Vec::new();
        let read = (&file).take(most + 1).read_to_end(&mut bytes);
        let entries = read.map_err(|error| error.to_string()).and_then(|_| entries(&bytes, id));
        Self { id, entries, data: data.to_owned(), file }
    }

    /// Whether somebody waits for it still.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        is_waited_for(&self.file) && self.id.file(&self.data, ASK).exists()
    }

    /// Answers it.
    ///
    /// # Errors
    /// When the disk refuses; then it is found again, without an answer.
    pub fn answer(&self, answer: &Answer) -> Result<(), KeyError> {
        let mut text = answer.to_string();
        text.truncate(text.floor_char_boundary(MOST_ANSWER));
        replace(&self.id.file(&self.data, ANSWER), text.as_bytes())
    }
}

/// Reads what a request of a name asks for.
fn entries(bytes: &[u8], id: Id) -> Result<Vec<Entry>, String> {
    let address = id.address();
    let entry = |bytes: &&[u8]| {
        let entry = Entry::from_bytes(bytes).map_err(|why| why.to_string())?;
        if !is_a_commands(&entry.act) {
            return Err(format!("no command enters `{}`", entry.act.name()));
        }
        let own = entry.who == Who::Directory && entry.right == Right::Own && entry.rule.as_str().is_empty();
        if own && entry.address == address { Ok(entry) } else { Err("the entry is not the command's own".to_owned()) }
    };
    bundle::read(bytes).map_err(|why| why.to_string())?.iter().map(entry).collect()
}

fn is_waited_for(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// The requests that wait and have no answer, at most [`MOST_WAITING`]. What
/// nobody waits for any more is removed.
///
/// # Errors
/// When the folder cannot be read; a file that cannot be is passed over.
pub fn waiting(data: &Path) -> io::Result<Vec<Request>> {
    let folder = match fs::read_dir(data.join(FOLDER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        folder => folder?,
    };
    let mut requests = Vec::new();
    for file in folder {
        let path = file?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse::<Id>().ok());
        let Some(id) = name else { continue };
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        let Ok(Some(open)) = open_private(&path) else { continue };
        let is_over = match end {
            ASK => !is_waited_for(&open),
            ANSWER => !id.file(data, ASK).exists(),
            DRAFT => !is_waited_for(&open),
            _ => continue,
        };
        if is_over {
            // One that is asked or answered this very moment is asked or answered again.
            let _ = fs::remove_file(&path);
        } else if end == ASK && requests.len() < MOST_WAITING && !id.file(data, ANSWER).exists() {
            requests.push(Request::read(data, id, open));
        }
    }
    Ok(requests)
}
