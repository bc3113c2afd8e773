//! Payloads are sealed here, before they reach a block: what the chain keeps
//! nobody can read without the owner's key. What a kind has to see stands in
//! front of the envelope.

use super::{Body, Code, Engine, Refusal};
use crate::keyring::NoKey;
use block::chain::{MOST_BYTES, OpId};
use block::kinds::{ClassTag, Stored};
use trust::envelope::OVERHEAD;
use trust::{AgentId, BlockRef};

/// The longest name of a record.
pub const MOST_KEY: usize = 1_024;

/// What stands in front of an envelope at most, and what it adds.
const ROOM: usize = 64 + OVERHEAD + 2;

/// What an envelope is sealed for: one op, which has one payload.
pub(crate) fn context(block: BlockRef, agent: AgentId, id: OpId) -> Vec<u8> {
    [&block::index::block_key(block)[..], &agent.0, &id.0.to_be_bytes()].concat()
}

fn named(key: &[u8], value: &[u8]) -> Result<Vec<u8>, Refusal> {
    let length = u16::try_from(key.len()).ok().filter(|_| key.len() <= MOST_KEY && !key.is_empty());
    let length = length
        .ok_or_else(|| Refusal::new(Code::Bad, format!("a record's name has 1 to {MOST_KEY} bytes")).field("key"))?;
    Ok([&length.to_be_bytes(), key, value].concat())
}

fn no_key(why: &NoKey) -> Refusal {
    match why {
        NoKey::Erased => Refusal::new(Code::Gone, why.to_string()),
        NoKey::Trouble(_) => Refusal::new(Code::Unavailable, why.to_string()),
    }
}

impl Engine {
    /// The payload of an op, as its chain keeps it.
    pub(super) fn seal_payload(
        &self,
        block: BlockRef,
        agent: AgentId,
        (id, kind, body): (OpId, &str, &Body),
    ) -> Result<Vec<u8>, Refusal> {
        let size = match body {
            Body::Record { key } => key.len(),
            Body::Value { key, value, .. } => key.len() + value.len(),
            Body::Message { message, .. } => message.len(),
            Body::Place(_) | Body::Stance { .. } | Body::Nothing => 0,
            Body::Bytes(bytes) => bytes.len(),
        };
        if size > MOST_BYTES - ROOM {
            let what = format!("an op carries at most {} bytes", MOST_BYTES - ROOM);
            return Err(Refusal::new(Code::TooLarge, what));
        }
        // What is not sealed needs no key, and makes none.
        match body {
            Body::Place(cursor) => return Ok(cursor.to_bytes().to_vec()),
            Body::Stance { class, stands } => {
                return Ok([&self.class(Some(class))?.0[..], &[u8::from(*stands)]].concat());
            }
            Body::Nothing => return Ok(Vec::new()),
            _ => {}
        }
        let key = self.0.keyring.key(block.region, agent.into()).map_err(|why| no_key(&why))?;
        let seal = |clear: &[u8]| {
            let sealed = key.seal(&context(block, agent, id), clear);
            sealed.map_err(|why| Refusal::new(Code::TooLarge, why.to_string()))
        };
        Ok(match body {
            Body::Record { key: name } => [&key.tag(name)[..], &seal(&named(name, &[])?)?].concat(),
            Body::Value { key: name, value, class } => {
                let class = self.class(class.as_deref())?;
                [&key.tag(name)[..], &class.0, &seal(&named(name, value)?)?].concat()
            }
            Body::Message { to, message } => [&to.0[..], &seal(message)?].concat(),
            Body::Bytes(bytes) => seal(bytes)?,
            Body::Place(_) | Body::Stance { .. } | Body::Nothing => {
                return Err(Refusal::new(Code::Internal, format!("{kind} carries nothing to be sealed")));
            }
        })
    }

    fn class(&self, name: Option<&str>) -> Result<ClassTag, Refusal> {
        let Some(name) = name else { return Ok(ClassTag::NONE) };
        let known = self.0.classes.iter().find(|(known, _)| known == name);
        known.map(|(_, tag)| *tag).ok_or_else(|| {
            let names: Vec<&str> = self.0.classes.iter().map(|(name, _)| name.as_str()).collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let what = format!("the planet has no residency class \"{name}\"; it has: {has}");
            Refusal::new(Code::Bad, what).field("class")
        })
    }

    /// Whether a record has been kept for as long as its class lets it.
    pub(super) fn is_too_old(&self, stored: &Stored) -> bool {
        self.0.retention.get(&stored.class).is_some_and(|kept| stored.time.after(*kept) <= self.now())
    }

    /// What a record says; `None` when its owner's key was destroyed.
    pub(super) fn open_record(&self, block: BlockRef, owner: AgentId, stored: &Stored) -> Option<Vec<u8>> {
        self.open_value(block, owner, stored.id, &stored.envelope)
    }

    /// The value in the envelope of a `put`.
    pub(super) fn open_value(&self, block: BlockRef, owner: AgentId, id: OpId, envelope: &[u8]) -> Option<Vec<u8>> {
        let clear = self.open_envelope(block, owner, id, envelope)?;
        let (length, rest) = clear.split_first_chunk()?;
        rest.get(usize::from(u16::from_be_bytes(*length))..).map(<[u8]>::to_vec)
    }

    /// What is in an envelope; `None` when its owner's key was destroyed.
    pub(super) fn open_envelope(&self, block: BlockRef, owner: AgentId, id: OpId, envelope: &[u8]) -> Option<Vec<u8>> {
        let key = self.0.keyring.existing(block.region, owner.into()).ok()?;
        key.open(&context(block, owner, id), envelope).ok()
    }
}
