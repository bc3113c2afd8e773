//! Ops as a program asks for them.

use crate::error::Error;
use block::chain::{Link, OpId, Outcome};
use block::kinds::{self, Cursor, Kind};
use trust::{AgentId, Moment};
use wire::ask::{self, Wait};
use wire::{Data, Hex, frame, tell};

/// What an op is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Writes a record.
    Put {
        /// The record's name.
        key: Vec<u8>,
        /// What it is to say.
        value: Vec<u8>,
        /// Its residency class.
        class: Option<String>,
    },
    /// Reads a record.
    Get(Vec<u8>),
    /// Removes a record.
    Delete(Vec<u8>),
    /// Sends a message.
    Send {
        /// To whom.
        to: AgentId,
        /// What it says.
        message: Vec<u8>,
    },
    /// Acknowledges messages up to one.
    Ack(Cursor),
    /// Agrees that records of a class are kept, or takes that back.
    Consent {
        /// The residency class.
        class: String,
        /// Whether it is given from now on, or taken back.
        given: bool,
    },
    /// Opts out of sharing records of a class, or back in.
    OptOut {
        /// The residency class.
        class: String,
        /// Whether the agent is opted out from now on, or back in.
        out: bool,
    },
    /// Destroys the agent's keys: what it had sealed nobody reads again. What it
    /// sends before it has the answer may be erased with the rest.
    Erase,
    /// Makes an entry in the chain, and nothing else.
    Echo(Vec<u8>),
}

/// An op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its name: the same again gets the same answer, and does nothing twice.
    /// Without one it gets a new one.
    pub id: Option<OpId>,
    /// What it is about.
    pub body: Body,
    /// How many milliseconds it may wait for the rate.
    pub patience_ms: u32,
}

impl From<Body> for Ask {
    fn from(body: Body) -> Self {
        Self { id: None, body, patience_ms: 0 }
    }
}

/// An op that has ended; its entry is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its name.
    pub id: OpId,
    /// Its place in the chain.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// The hash of its entry: the receipt.
    pub link: Link,
    /// How it ended.
    pub outcome: Outcome,
    /// After how many tries.
    pub tries: u8,
    /// The entry that wrote what was there, 0 for none.
    pub before: Option<u64>,
    /// What the record says.
    pub value: Option<Vec<u8>>,
    /// Why it failed.
    pub why: Option<String>,
    /// Whether it had been here before.
    pub again: bool,
}

impl Body {
    const fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Get(_) => "get",
            Self::Delete(_) => "delete",
            Self::Send { .. } => "send",
            Self::Ack(_) => "ack",
            Self::Consent { .. } => "consent",
            Self::OptOut { .. } => "opt-out",
            Self::Erase => "erase",
            Self::Echo(_) => "echo",
        }
    }

    fn kind(&self) -> Result<&'static Kind, Error> {
        kinds::by_name(self.name()).ok_or_else(|| Error::Asked(format!("there is no kind of op `{}`", self.name())))
    }

    fn framed(&self) -> frame::Body<'_> {
        match self {
            Self::Put { key, value, class } => frame::Body::Value { key, value, class: class.as_deref() },
            Self::Get(key) | Self::Delete(key) => frame::Body::Record { key },
            Self::Send { to, message } => frame::Body::Message { to: *to, message },
            Self::Ack(cursor) => frame::Body::Place(*cursor),
            Self::Consent { class, given: stands } | Self::OptOut { class, out: stands } => {
                frame::Body::Stance { class, stands: *stands }
            }
            Self::Erase => frame::Body::Nothing,
            Self::Echo(bytes) => frame::Body::Bytes(bytes),
        }
    }
}

impl Ask {
    /// The op as a frame.
    pub(crate) fn frame(&self, number: u32, id: OpId) -> Result<Vec<u8>, Error> {
        let op = frame::Op { kind: self.body.kind()?, id, patience: self.patience_ms, body: self.body.framed() };
        let mut out = Vec::new();
        frame::Request::Op(number, op).encode(&mut out).map_err(|error| Error::Asked(error.to_string()))?;
        Ok(out)
    }

    /// The op as the body of a request.
    pub(crate) fn json(self, id: OpId, wait: Wait) -> ask::Op {
        let kind = self.body.name().to_owned();
        let (id, patience_ms) = (Some(Hex(id.0.to_be_bytes())), u64::from(self.patience_ms));
        match self.body {
            Body::Put { key, value, class } => {
                let (key, value) = (Data(key), Data(value));
                ask::Op::Put(ask::Put { kind, id, wait, patience_ms, key, value, class })
            }
            Body::Get(key) => ask::Op::Get(ask::Get { kind, id, wait, patience_ms, key: Data(key) }),
            Body::Delete(key) => ask::Op::Delete(ask::Delete { kind, id, wait, patience_ms, key: Data(key) }),
            Body::Send { to, message } => {
                let (to, message) = (Hex(to.0), Data(message));
                ask::Op::Send(ask::Send { kind, id, wait, patience_ms, to, message })
            }
            Body::Ack(cursor) => ask::Op::Ack(ask::Ack { kind, id, wait, patience_ms, cursor: Hex(cursor.to_bytes()) }),
            Body::Consent { class, given } => {
                ask::Op::Consent(ask::Consent { kind, id, wait, patience_ms, class, given })
            }
            Body::OptOut { class, out } => ask::Op::OptOut(ask::OptOut { kind, id, wait, patience_ms, class, out }),
            Body::Erase => ask::Op::Erase(ask::Erase { kind, id, wait, patience_ms }),
            Body::Echo(bytes) => ask::Op::Echo(ask::Echo { kind, id, wait, patience_ms, bytes: Data(bytes) }),
        }
    }
}

impl Done {
    pub(crate) fn of_frame(ended: &frame::Ended<'_>) -> Self {
        Self {
            id: ended.id,
            sequence: ended.sequence,
            time: ended.time,
            link: ended.link,
            outcome: ended.outcome,
            tries: ended.tries,
            before: ended.before,
            value: ended.value.map(<[u8]>::to_vec),
            why: ended.why.map(str::to_owned),
            again: ended.again,
        }
    }

    /// The op when it has ended, and nothing when it has not.
    #[must_use]
    pub fn of_told(told: tell::Op) -> Option<Self> {
        let outcome = match told.state {
            tell::OpState::Done => Outcome::Done,
            tell::OpState::Failed => Outcome::Failed,
            tell::OpState::Cancelled => Outcome::Cancelled,
            tell::OpState::Queued | tell::OpState::Running => return None,
        };
        Some(Self {
            id: OpId(u128::from_be_bytes(told.id.0)),
            sequence: told.sequence?,
            time: Moment(told.time?),
            link: Link(told.link?.0),
            outcome,
            tries: told.tries?,
            before: told.before,
            value: told.value.map(|value| value.0),
            why: told.why,
            again: told.again,
        })
    }
}
