//! Frames from a client.

use super::NoFrame;
use super::bytes::{Reader, Writer};
use block::chain::OpId;
use block::kinds::{self, Cursor, Kind};
use trust::AgentId;
use trust::sign::Signature;

/// What a kind's op carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A record's name.
    Record,
    /// A record's name, what it is to say, and its residency class.
    Value,
    /// An agent's name, and a message.
    Message,
    /// A cursor.
    Place,
    /// A residency class, and whether something stands for it.
    Stance,
    /// Nothing.
    Nothing,
    /// Any bytes.
    Bytes,
}

impl Shape {
    /// The shape of a kind.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        match kind.name {
            "put" => Self::Value,
            "get" | "delete" => Self::Record,
            "send" => Self::Message,
            "ack" => Self::Place,
            "consent" | "opt-out" => Self::Stance,
            "erase" => Self::Nothing,
            _ => Self::Bytes,
        }
    }
}

/// What an op is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'f> {
    /// A record by its name.
    Record {
        /// The record's name.
        key: &'f [u8],
    },
    /// A record, what it is to say, and its residency class.
    Value {
        /// The record's name.
        key: &'f [u8],
        /// What it says.
        value: &'f [u8],
        /// Its residency class.
        class: Option<&'f str>,
    },
    /// A message to an agent.
    Message {
        /// To whom.
        to: AgentId,
        /// What it says.
        message: &'f [u8],
    },
    /// A place in the inbox.
    Place(Cursor),
    /// What an agent says of a residency class.
    Stance {
        /// The class.
        class: &'f str,
        /// Whether it stands from now on.
        stands: bool,
    },
    /// Nothing.
    Nothing,
    /// Any bytes.
    Bytes(&'f [u8]),
}

impl Body<'_> {
    /// Its shape, which has to be its kind's.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        match self {
            Self::Record { .. } => Shape::Record,
            Self::Value { .. } => Shape::Value,
            Self::Message { .. } => Shape::Message,
            Self::Place(_) => Shape::Place,
            Self::Stance { .. } => Shape::Stance,
            Self::Nothing => Shape::Nothing,
            Self::Bytes(_) => Shape::Bytes,
        }
    }
}

/// An op.
#[derive(Debug, Clone, Copy)]
pub struct Op<'f> {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its name.
    pub id: OpId,
    /// How many milliseconds it may wait for the rate.
    pub patience: u32,
    /// What it is about.
    pub body: Body<'f>,
}

impl PartialEq for Op<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind.code == other.kind.code
            && self.id == other.id
            && self.patience == other.patience
            && self.body == other.body
    }
}

/// A frame from a client. Each but the last carries a number of the client's
/// choice, which its answer repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Request<'f> {
    /// Shows a lease, and asks what to sign.
    Challenge(u32, &'f str),
    /// Answers the newest challenge. What was sent before has ended before.
    Prove(u32, Signature),
    /// Asks for an op.
    Op(u32, Op<'f>),
    /// Asks for nothing but an answer.
    Ping(u32),
    /// Nothing follows; what was asked is answered still.
    Close,
}

const CHALLENGE: u8 = 1;
const PROVE: u8 = 2;
const OP: u8 = 3;
const PING: u8 = 4;
const CLOSE: u8 = 5;

impl<'f> Request<'f> {
    /// Writes the frame behind what `out` holds, or leaves it as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), NoFrame> {
        match self {
            Self::Challenge(number, lease) => {
                let mut to = Writer::new(out, CHALLENGE);
                to.u32(*number).bytes(lease.as_bytes());
                to.finish()
            }
            Self::Prove(number, signature) => {
                let mut to = Writer::new(out, PROVE);
                to.u32(*number).put(&signature.0);
                to.finish()
            }
            Self::Op(_, op) if Shape::of(op.kind) != op.body.shape() => {
                Err(NoFrame::Field("the op's body is not of its kind's shape"))
            }
            Self::Op(number, op) => {
                let mut to = Writer::new(out, OP);
                to.u32(*number).byte(op.kind.code).put(&op.id.0.to_be_bytes()).u32(op.patience);
                match op.body {
                    Body::Record { key } => to.bytes(key),
                    Body::Value { key, value, class } => to.bytes(key).bytes(value).maybe(class.map(str::as_bytes)),
                    Body::Message { to: agent, message } => to.put(&agent.0).bytes(message),
                    Body::Place(cursor) => to.put(&cursor.to_bytes()),
                    Body::Stance { class, stands } => to.bytes(class.as_bytes()).flag(stands),
                    Body::Nothing => &mut to,
                    Body::Bytes(bytes) => to.bytes(bytes),
                };
                to.finish()
            }
            Self::Ping(number) => {
                let mut to = Writer::new(out, PING);
                to.u32(*number);
                to.finish()
            }
            Self::Close => Writer::new(out, CLOSE).finish(),
        }
    }

    /// Reads a frame that is exactly these bytes.
    pub fn decode(frame: &'f [u8]) -> Result<Self, NoFrame> {
        let mut from = Reader(frame);
        let request = match from.byte()? {
            CHALLENGE => Self::Challenge(from.u32()?, from.text()?),
            PROVE => Self::Prove(from.u32()?, Signature(from.take()?)),
            OP => Self::Op(from.u32()?, Op::read(&mut from)?),
            PING => Self::Ping(from.u32()?),
            CLOSE => Self::Close,
            other => return Err(NoFrame::Kind(other)),
        };
        from.end(request)
    }
}

impl<'f> Op<'f> {
    fn read(from: &mut Reader<'f>) -> Result<Self, NoFrame> {
        let code = from.byte()?;
        let kind = kinds::by_code(code).ok_or(NoFrame::Op(code))?;
        let id = OpId(u128::from_be_bytes(from.take()?));
        let patience = from.u32()?;
        let body = match Shape::of(kind) {
            Shape::Record => Body::Record { key: from.bytes()? },
            Shape::Value => Body::Value { key: from.bytes()?, value: from.bytes()?, class: from.maybe(Reader::text)? },
            Shape::Message => Body::Message { to: AgentId(from.take()?), message: from.bytes()? },
            Shape::Place => {
                let place: [u8; Cursor::LEN] = from.take()?;
                Body::Place(Cursor::from_bytes(&place).ok_or(NoFrame::Field("this is no cursor"))?)
            }
            Shape::Stance => Body::Stance { class: from.text()?, stands: from.flag()? },
            Shape::Nothing => Body::Nothing,
            Shape::Bytes => Body::Bytes(from.bytes()?),
        };
        Ok(Self { kind, id, patience, body })
    }
}
