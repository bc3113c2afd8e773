//! Evidence of one reporter about one round, signed: a head, and points under
//! the head's root.
//!
//! Nothing about a batch is outside its signature: whose it is, of which planet,
//! which agents its numbers mean, by which models, of which round, how many
//! points there are and what each says. The signature is over a head of fixed
//! length; the points are under its root in leaves of 64, so that hashing them
//! costs a fraction of what it would one by one.

use crate::nats::Nats;
use crate::observe::{Conclusion, VERSION};
use trust::merkle::{Frontier, Node};
use trust::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use trust::{AgentId, PlanetId};

/// What a head is signed as.
pub const EVIDENCE: Domain = Domain::new("evidence batch");
/// Points of one batch: a watcher has two thousand agents.
pub const MOST_POINTS: usize = 1 << 16;

const FORM: u8 = 1;
const HEAD: usize = 149;
const POINT: usize = 8;
/// Points of one leaf.
const LEAF: usize = 64;

/// What one reporter says of one agent in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The agent's number in the roster.
    pub agent: u32,
    /// What speaks against it.
    pub evidence: Nats,
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Of which planet.
    pub planet: PlanetId,
    /// Who says it.
    pub reporter: AgentId,
    /// Which assignment of numbers to agents: it rises with each roster.
    pub epoch: u32,
    /// The roster itself.
    pub roster: Node,
    /// Which round.
    pub round: u64,
    /// So that two batches of one content are two.
    pub nonce: [u8; 16],
    /// The version of the models.
    pub models: u32,
    /// How many points there are.
    pub points: u32,
    /// The root over them.
    pub root: Node,
}

/// Why bytes are no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They are of another form.
    #[error("it is no batch of evidence of this form")]
    Form,
    /// They end too early or too late.
    #[error("its length is not what its head says")]
    Length,
}

impl Head {
    /// What is signed, byte by byte.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (here, after) = std::mem::take(&mut rest).split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = after;
        };
        put(&[FORM]);
        put(&self.planet.0);
        put(&self.reporter.0);
        put(&self.epoch.to_be_bytes());
        put(&self.roster.0);
        put(&self.round.to_be_bytes());
        put(&self.nonce);
        put(&self.models.to_be_bytes());
        put(&self.points.to_be_bytes());
        put(&self.root.0);
        bytes
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Malformed> {
        let [FORM] = take(bytes)? else { return Err(Malformed::Form) };
        Ok(Self {
            planet: PlanetId(take(bytes)?),
            reporter: AgentId(take(bytes)?),
            epoch: u32::from_be_bytes(take(bytes)?),
            roster: Node(take(bytes)?),
            round: u64::from_be_bytes(take(bytes)?),
            nonce: take(bytes)?,
            models: u32::from_be_bytes(take(bytes)?),
            points: u32::from_be_bytes(take(bytes)?),
            root: Node(take(bytes)?),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Malformed::Length)?;
    *bytes = rest;
    Ok(*first)
}

/// A head with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub head: Head,
    /// By the key that the head names.
    pub signature: Signature,
}

impl Signed {
    /// Checks it by a key that is ready, and that has to be the reporter's.
    ///
    /// # Errors
    /// When it is another's, or does not hold.
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        if key.id() != self.head.reporter {
            return Err(BadSignature::Key);
        }
        key.verify(EVIDENCE, &self.head.to_bytes(), &self.signature)
    }
}

/// A batch of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The head, signed.
    pub signed: Signed,
    /// The points, by agent.
    pub points: Vec<Point>,
}

/// Of which round of which roster evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Of which planet.
    pub planet: PlanetId,
    /// Which assignment of numbers to agents.
    pub epoch: u32,
    /// That roster.
    pub roster: Node,
    /// Which round.
    pub round: u64,
}

impl Batch {
    /// Signs points, which stand in the order of their agents.
    #[must_use]
    pub fn sign(key: &SigningKey, about: About, nonce: [u8; 16], points: Vec<Point>) -> Self {
        let About { planet, epoch, roster, round } = about;
        let (count, root) = (u32::try_from(points.len()).unwrap_or(u32::MAX), root(&points));
        let head =
            Head { planet, reporter: key.id(), epoch, roster, round, nonce, models: VERSION, points: count, root };
        let signature = key.sign(EVIDENCE, &head.to_bytes());
        Self { signed: Signed { head, signature }, points }
    }

    /// As it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + Signature::LEN + POINT * self.points.len());
        bytes.extend_from_slice(&self.signed.head.to_bytes());
        bytes.extend_from_slice(&self.signed.signature.0);
        self.points.iter().for_each(|point| bytes.extend_from_slice(&spelled(*point)));
        bytes
    }

    /// Reads what was sent. Whether it is true, nobody has asked yet.
    ///
    /// # Errors
    /// When it is no batch.
    pub fn read(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let head = Head::read(&mut bytes)?;
        let signature = Signature(take(&mut bytes)?);
        let (points, []) = bytes.as_chunks::<POINT>() else { return Err(Malformed::Length) };
        if points.len() > MOST_POINTS || u32::try_from(points.len()) != Ok(head.points) {
            return Err(Malformed::Length);
        }
        let read = |[a, b, c, d, e, f, g, h]: &[u8; POINT]| Point {
            agent: u32::from_be_bytes([*a, *b, *c, *d]),
            evidence: Nats(i32::from_be_bytes([*e, *f, *g, *h])),
        };
        Ok(Self { signed: Signed { head, signature }, points: points.iter().map(read).collect() })
    }

    /// Whether the points are those that were signed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u32::try_from(self.points.len()) == Ok(self.signed.head.points) && root(&self.points) == self.signed.head.root
    }

    /// Whether each agent stands there once, in order, and each point says what
    /// a round can say.
    #[must_use]
    pub fn is_on_scale(&self) -> bool {
        let can_be = Conclusion::LEAST..=Conclusion::MOST;
        self.points.is_sorted_by(|one, next| one.agent < next.agent)
            && self.points.iter().all(|point| can_be.contains(&point.evidence))
    }
}

fn spelled(point: Point) -> [u8; POINT] {
    let [a, b, c, d] = point.agent.to_be_bytes();
    let [e, f, g, h] = point.evidence.0.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

/// The root over points.
#[must_use]
pub fn root(points: &[Point]) -> Node {
    let mut tree = Frontier::default();
    let mut leaf = [0; LEAF * POINT];
    for points in points.chunks(LEAF) {
        let (places, _) = leaf.as_chunks_mut::<POINT>();
        places.iter_mut().zip(points).for_each(|(place, point)| *place = spelled(*point));
        let bytes = leaf.get(..points.len() * POINT).unwrap_or(&leaf);
        // A tree of 2^63 leaves is never full of these.
        let _ = tree.append(Node::leaf(bytes));
    }
    tree.head().root
}
