//! The proof that one entry is in a log, in a text of its own
//! (`c2sp.org/tlog-proof`): it needs neither the log nor a network.

use crate::Malformed;
use crate::checkpoint::{NotSigned, Signed};
use crate::files::Source;
use crate::note::{Verifier, decimal, decode};
use crate::tiles::{Missing, Tiles};
use base64ct::{Base64, Encoding};
use std::fmt;
use trust::merkle::{BadProof, Inclusion, Node, walk};

/// The first line.
const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// No way to a root is longer.
const MAX_PATH: usize = 64;
/// The longest proof that is read.
pub const MAX_PROOF: usize = 2 * crate::note::MAX_NOTE;

/// An entry, the way from it to a root, and who signed that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry; in the text it is the extra data, which the proof then covers.
    pub entry: Vec<u8>,
    /// Where it stands, and the nodes beside its way.
    pub inclusion: Inclusion,
    /// The checkpoint, as it stands.
    pub checkpoint: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// Its checkpoint is not believed.
    #[error("the proof's checkpoint is not believed: {0}")]
    Checkpoint(#[from] NotSigned),
    /// The entry is not where it says.
    #[error("the entry is not in the log at that place")]
    Inclusion(#[from] BadProof),
}

/// Why no proof could be made.
#[derive(Debug, thiserror::Error)]
pub enum Unprovable {
    /// There is no such entry.
    #[error("the log has {size} entries, counted from 0, and entry {index} was asked for")]
    Beyond {
        /// What was asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The log is not what was signed.
    #[error("entry {0}, the tiles above it and the checkpoint do not agree")]
    Unlike(u64),
}

impl Proof {
    /// Makes the proof of one entry, and checks it.
    ///
    /// # Errors
    /// When there is no such entry, or the log is not what was signed.
    pub fn make(source: &impl Source, signed: &Signed, index: u64) -> Result<Self, Unprovable> {
        let head = signed.checkpoint.head;
        if index >= head.size {
            return Err(Unprovable::Beyond { index, size: head.size });
        }
        let entry = Tiles::new(source, head.size).entry(index)?;
        Self::of(source, signed, index, entry)
    }

    /// Makes the proof of one entry that somebody has kept, where the log has
    /// its hash alone, and checks it.
    ///
    /// # Errors
    /// When it is not that entry, or the log is not what was signed.
    pub fn of(source: &impl Source, signed: &Signed, index: u64, entry: Vec<u8>) -> Result<Self, Unprovable> {
        let head = signed.checkpoint.head;
        if index >= head.size {
            return Err(Unprovable::Beyond { index, size: head.size });
        }
        let inclusion = walk::inclusion(&mut Tiles::new(source, head.size), index, head.size)?;
        inclusion.verify(&Node::leaf(&entry), &head).map_err(|_| Unprovable::Unlike(index))?;
        Ok(Self { entry, inclusion, checkpoint: signed.note.to_string() })
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// When it has not the one form of a proof with its entry.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let bad = Malformed("a proof is a first line, the entry, its index, nodes, an empty line and a checkpoint");
        if text.len() > MAX_PROOF {
            return Err(Malformed("a proof has at most 128 KiB"));
        }
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(bad)?;
        let mut lines = proof.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(Malformed("a proof begins with c2sp.org/tlog-proof@v1"));
        }
        let entry = lines.next().and_then(|line| line.strip_prefix("extra ")).and_then(decode).ok_or(bad)?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal).ok_or(bad)?;
        let node = |line: &str| decode(line).and_then(|node| <[u8; 32]>::try_from(node).ok()).map(Node);
        let path: Vec<_> = lines.map(node).collect::<Option<_>>().ok_or(bad)?;
        if path.len() > MAX_PATH {
            return Err(bad);
        }
        Ok(Self { entry, inclusion: Inclusion { index, path }, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that the log has signed a head over this entry.
    ///
    /// # Errors
    /// When it has not.
    pub fn verify(&self, log: &Verifier) -> Result<Signed, NotProved> {
        let signed = Signed::open(&self.checkpoint, log)?;
        self.inclusion.verify(&Node::leaf(&self.entry), &signed.checkpoint.head)?;
        Ok(signed)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\nextra {}\nindex {}", Base64::encode_string(&self.entry), self.inclusion.index)?;
        for node in &self.inclusion.path {
            writeln!(f, "{}", Base64::encode_string(&node.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
