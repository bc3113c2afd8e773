//! One thing that was done: when, what, by whom, by which right, where and why.
//!
//! It must never hold a secret. There is a public key for who did it, digests
//! for what was saved or changed, and short texts; there is no field that
//! takes a private key, a share, a lease or a payload, and whoever fills in a
//! reason writes it for every auditor to read. An address is where somebody
//! administered from, or what was turned away.
//!
//! One value has one byte string: version, number of the act, time, who, right,
//! rule, address, place, the act's own fields in their order, reason. Numbers are big-endian
//! and texts stand behind their length. The numbers of acts are for ever.

mod act;
mod field;

pub use act::Act;
pub use field::{Digest, Key, Text, Verdict};

use crate::Malformed;
use field::{Field, Reader};
use serde_json::{Map, Value, json};
use trust::AgentId;

/// The version of every entry, its first byte.
const VERSION: u8 = 1;
/// The longest entry: all its texts at their longest come to less.
pub const MAX_ENTRY: usize = 1_024;

/// The name of something.
pub type Name = Text<64>;
/// Why something was done, in somebody's words.
pub type Reason = Text<512>;

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The node, of itself.
    Node,
    /// Whoever holds this key.
    Key(AgentId),
    /// Whoever the planet's directory belongs to, by a command there: nobody
    /// else can read or change it, and no key says who it was.
    Directory,
}

/// By which right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// The planet's file says so, and nobody had to ask.
    Planet,
    /// The right to operate.
    Operate,
    /// The right to administer.
    Administer,
    /// It is one's own: data, a key, a share.
    Own,
    /// What the hubs agreed on.
    Hubs,
}

impl Right {
    const ALL: [(u8, Self, &'static str); 5] = [
        (0, Self::Planet, "planet"),
        (1, Self::Operate, "operate"),
        (2, Self::Administer, "administer"),
        (3, Self::Own, "own"),
        (4, Self::Hubs, "hubs"),
    ];

    fn row(self) -> (u8, &'static str) {
        Self::ALL.iter().find(|row| row.1 == self).map_or((0, ""), |row| (row.0, row.2))
    }
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the planet.
    Planet,
    /// In a region.
    Region(Name),
    /// In a block of it.
    Block(Name, u64),
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in milliseconds since 1970 began, by the clock of whoever wrote it.
    pub time: u64,
    /// What.
    pub act: Act,
    /// Who.
    pub who: Who,
    /// By which right.
    pub right: Right,
    /// The role or the rule of the planet's file that gave it; empty where none
    /// had to.
    pub rule: Name,
    /// The address that it was asked from, or which command it was; empty where
    /// nobody asked.
    pub address: Name,
    /// Where.
    pub place: Place,
    /// Why; empty where nobody said.
    pub reason: Reason,
}

/// When an entry was made, also one that this program cannot read.
pub(crate) fn time_of(entry: &[u8]) -> u64 {
    entry.get(2..).and_then(|rest| rest.first_chunk()).map_or(0, |time| u64::from_be_bytes(*time))
}

impl Entry {
    /// The entry in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.act.number()];
        self.time.put(&mut out);
        match &self.who {
            Who::Node => out.push(0),
            Who::Key(key) => {
                out.push(1);
                out.extend_from_slice(&key.0);
            }
            Who::Directory => out.push(2),
        }
        out.push(self.right.row().0);
        self.rule.put(&mut out);
        self.address.put(&mut out);
        match &self.place {
            Place::Planet => out.push(0),
            Place::Region(region) => {
                out.push(1);
                region.put(&mut out);
            }
            Place::Block(region, index) => {
                out.push(2);
                region.put(&mut out);
                index.put(&mut out);
            }
        }
        self.act.put(&mut out);
        self.reason.put(&mut out);
        out
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When it has not the one form of an entry, or is one that this program
    /// does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed("the entry is of a version that is not known here; this program reads version 1"));
        }
        let number = reader.byte()?;
        let time = u64::take(&mut reader)?;
        let who = match reader.byte()? {
            0 => Who::Node,
            1 => Who::Key(AgentId(reader.array()?)),
            2 => Who::Directory,
            _ => return Err(Malformed("an entry is the node's own, somebody's, or of the directory")),
        };
        let right = reader.byte()?;
        let right = Right::ALL
            .iter()
            .find(|row| row.0 == right)
            .ok_or(Malformed("the entry names a right that is not known here"))?;
        let (rule, address) = (Name::take(&mut reader)?, Name::take(&mut reader)?);
        let place = match reader.byte()? {
            0 => Place::Planet,
            1 => Place::Region(Name::take(&mut reader)?),
            2 => Place::Block(Name::take(&mut reader)?, u64::take(&mut reader)?),
            _ => return Err(Malformed("an entry is about the planet, a region or a block")),
        };
        let act = Act::take(number, &mut reader)?;
        let reason = Reason::take(&mut reader)?;
        reader.end()?;
        Ok(Self { time, act, who, right: right.1, rule, address, place, reason })
    }

    /// The entry for programs to read.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("time".to_owned(), json!(self.time));
        shown.insert("act".to_owned(), json!(self.act.name()));
        let who = match self.who {
            Who::Node => "node".to_owned(),
            Who::Key(key) => key.to_string(),
            Who::Directory => "directory".to_owned(),
        };
        shown.insert("who".to_owned(), json!(who));
        shown.insert("right".to_owned(), json!(self.right.row().1));
        shown.insert("rule".to_owned(), json!(self.rule.as_str()));
        shown.insert("address".to_owned(), json!(self.address.as_str()));
        let (region, block) = match &self.place {
            Place::Planet => (None, None),
            Place::Region(region) => (Some(region.as_str()), None),
            Place::Block(region, index) => (Some(region.as_str()), Some(*index)),
        };
        shown.insert("region".to_owned(), json!(region));
        shown.insert("block".to_owned(), json!(block));
        shown.insert("with".to_owned(), Value::Object(self.act.fields()));
        shown.insert("reason".to_owned(), json!(self.reason.as_str()));
        Value::Object(shown)
    }
}
