//! Frames from a server.

use super::NoFrame;
use super::bytes::{Reader, Writer};
use crate::Code;
use block::chain::{Link, OpId, Outcome};
use trust::Moment;
use trust::attach::{Channel, Nonce};

/// An op that has ended; its entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended<'f> {
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
    /// Whether it had been here before.
    pub again: bool,
    /// The entry that wrote what was there, 0 for none.
    pub before: Option<u64>,
    /// What the record says.
    pub value: Option<&'f [u8]>,
    /// Why it failed.
    pub why: Option<&'f str>,
}

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused<'f> {
    /// What kind.
    pub code: Code,
    /// What, why, and what to try.
    pub what: &'f str,
    /// The field that is wrong.
    pub field: Option<&'f str>,
    /// In how many milliseconds trying again may help.
    pub retry_after: Option<u64>,
    /// The right block, by its region's id and its index.
    pub right: Option<(&'f str, u64)>,
}

/// A frame from a server. Each but the last carries the number of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'f> {
    /// What to sign; without a channel where both ends derive it from TLS.
    Challenged(u32, Nonce, Option<Channel>),
    /// From here on the connection is the agent's.
    Proved(u32),
    /// An op has ended.
    Ended(u32, Ended<'f>),
    /// The request was refused.
    Refused(u32, Refused<'f>),
    /// The answer to a ping.
    Pong(u32),
    /// The server closes, for this reason. It is the last frame, behind the
    /// answers to all that was taken in.
    Closed(&'f str),
}

const CHALLENGED: u8 = 129;
const PROVED: u8 = 130;
const ENDED: u8 = 131;
const REFUSED: u8 = 132;
const PONG: u8 = 133;
const CLOSED: u8 = 134;

impl<'f> Answer<'f> {
    /// Writes the frame behind what `out` holds, or leaves it as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), NoFrame> {
        let kind = match self {
            Self::Challenged(..) => CHALLENGED,
            Self::Proved(_) => PROVED,
            Self::Ended(..) => ENDED,
            Self::Refused(..) => REFUSED,
            Self::Pong(_) => PONG,
            Self::Closed(_) => CLOSED,
        };
        let mut to = Writer::new(out, kind);
        match self {
            Self::Challenged(number, nonce, channel) => {
                to.u32(*number).put(&nonce.0).flag(channel.is_some());
                if let Some(channel) = channel {
                    to.put(&channel.0);
                }
            }
            Self::Ended(number, ended) => {
                to.u32(*number);
                ended.write(&mut to);
            }
            Self::Refused(number, refused) => {
                to.u32(*number);
                refused.write(&mut to);
            }
            Self::Proved(number) | Self::Pong(number) => {
                to.u32(*number);
            }
            Self::Closed(why) => {
                to.bytes(why.as_bytes());
            }
        }
        to.finish()
    }

    /// Reads a frame that is exactly these bytes.
    pub fn decode(frame: &'f [u8]) -> Result<Self, NoFrame> {
        let mut from = Reader(frame);
        let answer = match from.byte()? {
            CHALLENGED => {
                let (number, nonce) = (from.u32()?, Nonce(from.take()?));
                Self::Challenged(number, nonce, from.maybe(|from| from.take().map(Channel))?)
            }
            PROVED => Self::Proved(from.u32()?),
            ENDED => Self::Ended(from.u32()?, Ended::read(&mut from)?),
            REFUSED => Self::Refused(from.u32()?, Refused::read(&mut from)?),
            PONG => Self::Pong(from.u32()?),
            CLOSED => Self::Closed(from.text()?),
            other => return Err(NoFrame::Kind(other)),
        };
        from.end(answer)
    }
}

impl<'f> Ended<'f> {
    fn write(&self, to: &mut Writer<'_>) {
        to.put(&self.id.0.to_be_bytes()).u64(self.sequence).u64(self.time.0).put(&self.link.0);
        to.byte(outcome_number(self.outcome)).byte(self.tries).flag(self.again);
        to.maybe_u64(self.before).maybe(self.value).maybe(self.why.map(str::as_bytes));
    }

    fn read(from: &mut Reader<'f>) -> Result<Self, NoFrame> {
        Ok(Self {
            id: OpId(u128::from_be_bytes(from.take()?)),
            sequence: from.u64()?,
            time: Moment(from.u64()?),
            link: Link(from.take()?),
            outcome: Outcome::from_number(from.byte()?).ok_or(NoFrame::Field("there is no such outcome"))?,
            tries: from.byte()?,
            again: from.flag()?,
            before: from.maybe(Reader::u64)?,
            value: from.maybe(Reader::bytes)?,
            why: from.maybe(Reader::text)?,
        })
    }
}

const fn outcome_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 1,
        Outcome::Failed => 2,
        Outcome::Cancelled => 3,
    }
}

impl<'f> Refused<'f> {
    fn write(&self, to: &mut Writer<'_>) {
        to.byte(self.code.number()).bytes(self.what.as_bytes()).maybe(self.field.map(str::as_bytes));
        to.maybe_u64(self.retry_after).flag(self.right.is_some());
        if let Some((region, index)) = self.right {
            to.bytes(region.as_bytes()).u64(index);
        }
    }

    fn read(from: &mut Reader<'f>) -> Result<Self, NoFrame> {
        Ok(Self {
            code: Code::from_number(from.byte()?).ok_or(NoFrame::Field("there is no such kind of refusal"))?,
            what: from.text()?,
            field: from.maybe(Reader::text)?,
            retry_after: from.maybe(Reader::u64)?,
            right: from.maybe(|from| Ok((from.text()?, from.u64()?)))?,
        })
    }
}
