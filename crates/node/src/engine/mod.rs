//! A planet that runs in this process, as requests see it.

mod api;

pub use api::{
    Attached, BlockAt, BlockStanding, Body, ChainPart, Code, InboxMessage, OpAsk, OpDone, OpSeen, Refusal,
    RegionStanding, Seated, Where,
};

use block::bans::{Ban, Net};
use block::chain::OpId;
use block::kinds::Cursor;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use trust::attach::{Channel, Nonce, Session};
use trust::enrol::Application;
use trust::lease::Rights;
use trust::sign::Signature;
use trust::{AgentId, Moment, PlanetId};

/// One connection of somebody: what it has proved, and where it comes from.
pub struct Connection {
    /// What names it.
    pub channel: Channel,
    /// Where it comes from.
    pub source: IpAddr,
}

/// A planet that runs.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner;

fn absent<T>() -> Result<T, Refusal> {
    Err(Refusal::new(Code::Unavailable, "this is not served yet"))
}

#[allow(clippy::unused_async, unused_variables, missing_docs)]
impl Engine {
    pub fn planet(&self) -> PlanetId {
        PlanetId([0; 16])
    }
    /// A connection that has just come; refused when its source is banned.
    pub fn connect(&self, source: IpAddr, channel: Channel) -> Result<Connection, Refusal> {
        absent()
    }
    /// A nonce for whoever shows a lease; to be answered by `prove` on the same connection.
    pub fn challenge(&self, connection: &mut Connection, lease: &str) -> Result<Nonce, Refusal> {
        absent()
    }
    /// The answer to the newest challenge: from here on the connection is the agent's.
    pub fn prove(&self, connection: &mut Connection, answer: &Signature) -> Result<Arc<Session>, Refusal> {
        absent()
    }
    /// The session of the lease that a request on this connection shows.
    pub fn session(&self, connection: &Connection, lease: &str) -> Result<Arc<Session>, Refusal> {
        absent()
    }
    /// Whether a session gives a right, now.
    pub fn allow(&self, session: &Session, needs: Rights) -> Result<(), Refusal> {
        absent()
    }
    pub async fn attach(&self, application: &Application, place: Where, source: IpAddr) -> Result<Attached, Refusal> {
        absent()
    }
    pub async fn renew(&self, session: &Session) -> Result<Attached, Refusal> {
        absent()
    }
    pub async fn detach(&self, session: &Session) -> Result<(), Refusal> {
        absent()
    }
    /// Runs an op to its end.
    pub async fn op(&self, connection: &Connection, session: &Arc<Session>, ask: OpAsk) -> Result<OpDone, Refusal> {
        absent()
    }
    /// Takes an op in, and answers where it is then.
    pub async fn op_later(
        &self,
        connection: &Connection,
        session: &Arc<Session>,
        ask: OpAsk,
    ) -> Result<OpSeen, Refusal> {
        absent()
    }
    pub async fn op_status(&self, session: &Session, id: OpId) -> Result<OpSeen, Refusal> {
        absent()
    }
    /// The newest ops of the session's agent: those that have not ended, then those that have.
    pub async fn ops(&self, session: &Session, most: usize) -> Result<Vec<(OpId, OpSeen)>, Refusal> {
        absent()
    }
    pub async fn cancel(&self, session: &Session, id: OpId) -> Result<OpSeen, Refusal> {
        absent()
    }
    /// Entries of the session's own block (or of any, for an administrator), from a sequence on;
    /// when there are none yet, waits for one.
    pub async fn chain(&self, block: &BlockAt, from: u64, most: usize, wait: Duration) -> Result<ChainPart, Refusal> {
        absent()
    }
    pub async fn inbox(
        &self,
        agent: AgentId,
        after: Option<Cursor>,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<InboxMessage>, Refusal> {
        absent()
    }
    pub fn regions(&self) -> Vec<RegionStanding> {
        Vec::new()
    }
    pub async fn block(&self, block: &BlockAt) -> Result<BlockStanding, Refusal> {
        absent()
    }
    /// Blocks in which somebody holds a slot, after one.
    pub async fn blocks(&self, after: Option<BlockAt>, most: usize) -> Result<Vec<BlockStanding>, Refusal> {
        absent()
    }
    pub async fn agents(&self, after: Option<AgentId>, most: usize) -> Result<Vec<Seated>, Refusal> {
        absent()
    }
    pub async fn seal(&self, block: &BlockAt, reason: &str) -> Result<(), Refusal> {
        absent()
    }
    pub async fn open_block(&self, block: &BlockAt) -> Result<(), Refusal> {
        absent()
    }
    pub fn bans(&self) -> Vec<(Net, Ban)> {
        Vec::new()
    }
    pub fn ban(&self, net: Net, until: Moment) -> Result<(), Refusal> {
        absent()
    }
    pub fn lift(&self, net: Net) -> Result<(), Refusal> {
        absent()
    }
    /// A request that came, for the monitor: its source may be banned from now on.
    pub fn saw(
        &self,
        connection: &Connection,
        agent: Option<AgentId>,
        bytes: u64,
        destination: u64,
    ) -> Result<(), Refusal> {
        absent()
    }
    /// Somebody failed to prove who it is.
    pub fn failed(&self, source: IpAddr) {}
    /// Whether it can serve: else why not.
    pub fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    /// What a head is signed under: the domain of chain heads, over region tag, index, sequence and link.
    pub fn head_domain() -> trust::sign::Domain {
        trust::sign::Domain::new("chain head")
    }
    /// The name of the node whose key signs heads.
    pub fn node(&self) -> AgentId {
        AgentId([0; 32])
    }
    pub fn now(&self) -> Moment {
        Moment(0)
    }
    /// Figures for `/metrics`, each a name, labels, and a number.
    pub fn figures(&self) -> Vec<(&'static str, String, u64)> {
        Vec::new()
    }
}
