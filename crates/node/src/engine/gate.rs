//! Who comes in: connections, and what they have proved.

use super::{About, Code, Engine, Refusal, locked};
use crate::acts::By;
use crate::turnstile::Turnstile;
use ::audit::entry::{Act, Name, Place};
use block::bans::{Ban, Net};
use custody::entropy;
use planet::Right;
use policy::shares::NoShare;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use trust::attach::{Challenge, Channel, Nonce, NotAttached, NotOn, Session};
use trust::lease::{Admitted, Claim, Door, Refused, Rights};
use trust::sign::Signature;
use trust::vouch::{Awaited, NotVouching, Vouching};
use trust::{AgentId, Moment};
use vocab::Millis;

/// Agents whose leases one connection has proved: a gateway carries some.
pub const MOST_SESSIONS: usize = 64;

/// Agents whose leases one connection of a gateway has shown: one that is
/// forgotten is looked at again.
const MOST_VOUCHED: usize = 4_096;

/// One connection of somebody: where it comes from, and what it has proved.
pub struct Connection {
    /// What names it.
    pub channel: Channel,
    /// Where it comes from.
    pub source: IpAddr,
    challenge: Option<(String, Challenge)>,
    sessions: BTreeMap<String, Arc<Session>>,
    gateway: Gateway,
}

/// What a connection has to do with gateways.
enum Gateway {
    /// Nothing.
    Not,
    /// It says that it is one's.
    Awaited(Awaited),
    /// It is that one's.
    Vouching(Vouching, AgentId),
}

impl Connection {
    /// The same for ops, which need not what it has proved, and may outlive it.
    pub(crate) fn for_ops(&self) -> Self {
        Self {
            channel: self.channel,
            source: self.source,
            challenge: None,
            sessions: BTreeMap::new(),
            gateway: Gateway::Not,
        }
    }
}

impl Engine {
    /// A connection that has just come. One from where a gateway has proved
    /// itself before is let in even though its address is turned away: it may be
    /// the gateway's, which carries others; all else on it is refused.
    ///
    /// # Errors
    /// When its source is turned away.
    pub fn connect(&self, source: IpAddr, channel: Channel) -> Result<Connection, Refusal> {
        if !self.is_a_gateways(source) {
            self.0.turnstile.turned_away(source, self.now())?;
        }
        Ok(Connection { channel, source, challenge: None, sessions: BTreeMap::new(), gateway: Gateway::Not })
    }

    /// Tells somebody of every ban that begins and of every one that is lifted.
    pub fn on_ban(&self, tell: impl Fn(Net, Option<Millis>) + Send + Sync + 'static) {
        self.0.turnstile.on_ban(tell);
    }

    /// A nonce for whoever shows a lease; to be answered on the same connection.
    ///
    /// # Errors
    /// When the lease opens nothing here.
    pub fn challenge(&self, connection: &mut Connection, lease: &str) -> Result<Nonce, Refusal> {
        let admitted = self.admit(lease)?;
        let nonce = entropy::bytes().map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
        let challenge = Challenge::new(admitted, Nonce(nonce), connection.channel, self.now());
        connection.challenge = Some((lease.to_owned(), challenge));
        Ok(Nonce(nonce))
    }

    /// What a lease opens here.
    fn admit(&self, lease: &str) -> Result<Admitted, Refusal> {
        let now = self.now();
        let claim =
            Claim::read(lease).map_err(|why| Refusal::new(Code::Unknown, format!("this is not a lease: {why}")))?;
        let named = claim.lease;
        let (at, region) = self
            .region_of(named.block.region)
            .ok_or_else(|| Refusal::new(Code::Unknown, "the lease is for a region that this planet does not have"))?;
        let keys = region.key()?.checking(named.block.cell(), now);
        let door = Door { planet: self.0.planet, block: named.block, keys: &keys, revoked: &self.0.shared.revoked };
        let block = vocab::BlockId { region: at, index: named.block.index };
        let fencing = locked(&self.0.directory).fencing(named.agent, block, named.slot);
        door.admit(lease, named.slot, fencing, now).map_err(|why| self.not_on(NotOn::Lease(why)))
    }

    /// A nonce for whoever says that it is a gateway.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn await_gateway(&self, connection: &mut Connection) -> Result<Nonce, Refusal> {
        let nonce = Nonce(entropy::bytes().map_err(|why| Refusal::new(Code::Internal, why.to_string()))?);
        let awaited = Awaited::new(self.0.planet, nonce, connection.channel, self.now());
        connection.gateway = Gateway::Awaited(awaited);
        Ok(nonce)
    }

    /// A gateway's answer: from here on every lease that is shown on the
    /// connection is its agent's.
    ///
    /// # Errors
    /// When nothing was asked, or the answer is no proof of a gateway that is
    /// known here.
    pub fn vouch(&self, connection: &mut Connection, gateway: AgentId, answer: &Signature) -> Result<(), Refusal> {
        let Gateway::Awaited(awaited) = std::mem::replace(&mut connection.gateway, Gateway::Not) else {
            return Err(Refusal::new(Code::Unknown, "there is no challenge to answer: ask for one first"));
        };
        match awaited.check(gateway, &self.0.believed.gateways(self.now()), answer, self.now()) {
            Ok(vouching) => {
                connection.gateway = Gateway::Vouching(vouching, gateway);
                self.0.turnstile.vouched(connection.source);
                Ok(())
            }
            Err(why) => {
                if why == NotVouching::Proof {
                    self.failed(connection.source);
                }
                Err(Refusal::new(Code::Unknown, why.to_string()))
            }
        }
    }

    /// Whether a gateway has proved itself from an address.
    #[must_use]
    pub fn is_a_gateways(&self, source: IpAddr) -> bool {
        self.0.turnstile.is_a_gateways(source)
    }

    /// What a gateway may let through to a region in a tick, and which tick it
    /// is; no limit without a part.
    ///
    /// # Errors
    /// When the connection is no gateway's, or the tick is not to be had.
    pub fn share(
        &self,
        connection: &Connection,
        region: &str,
        (tick, asked): (u64, u64),
    ) -> Result<(Option<u64>, u64), Refusal> {
        let Gateway::Vouching(_, gateway) = &connection.gateway else {
            return Err(Refusal::new(Code::Unknown, "nobody has proved on this connection to be a gateway"));
        };
        let unknown = || Refusal::new(Code::NotFound, format!("there is no region \"{region}\" here")).field("region");
        let region = self.0.regions.iter().find(|known| known.id == region).ok_or_else(unknown)?;
        region.key()?;
        let now = self.now().0 / policy::route::TICK.0;
        let part = locked(&region.shares).ask(gateway, (tick, asked), now);
        part.map(|part| (part, now)).map_err(|why| match why {
            NoShare::NotNow { .. } => Refusal::new(Code::Conflict, why.to_string()).field("tick"),
            NoShare::TooMany => Refusal::new(Code::TooMany, why.to_string()),
        })
    }

    /// The session of a lease that a gateway shows.
    ///
    /// # Errors
    /// When the connection is no gateway's, or the lease opens nothing here.
    pub fn vouched(&self, connection: &mut Connection, lease: &str) -> Result<Arc<Session>, Refusal> {
        let Gateway::Vouching(vouching, _) = connection.gateway else { return self.session(connection, lease) };
        let session = Arc::new(vouching.session(self.admit(lease)?));
        let agent = session.lease().agent;
        connection.sessions.retain(|_, older| older.lease().agent != agent);
        if connection.sessions.len() >= MOST_VOUCHED {
            connection.sessions.pop_first();
        }
        connection.sessions.insert(lease.to_owned(), Arc::clone(&session));
        Ok(session)
    }

    /// The answer to the newest challenge: from here on what comes on the
    /// connection with that lease is its agent's.
    ///
    /// # Errors
    /// When there was no challenge, or the answer is no proof.
    pub fn prove(&self, connection: &mut Connection, answer: &Signature) -> Result<Arc<Session>, Refusal> {
        let asked = || Refusal::new(Code::Unknown, "there is no challenge to answer: ask for one first");
        let (lease, challenge) = connection.challenge.take().ok_or_else(asked)?;
        let session = match challenge.check(answer, self.now()) {
            Ok(session) => Arc::new(session),
            Err(why) => {
                if why == NotAttached::Proof {
                    self.failed(connection.source);
                }
                return Err(Refusal::new(Code::Unknown, why.to_string()));
            }
        };
        self.0.turnstile.succeeded(connection.source);
        // A newer lease of the same agent takes the place of the older one.
        let agent = session.lease().agent;
        connection.sessions.retain(|_, older| older.lease().agent != agent);
        if connection.sessions.len() >= MOST_SESSIONS {
            let what = format!("a connection carries at most {MOST_SESSIONS} agents: open another");
            return Err(Refusal::new(Code::TooMany, what));
        }
        connection.sessions.insert(lease, Arc::clone(&session));
        Ok(session)
    }

    /// The session of the lease that a request on this connection shows.
    ///
    /// # Errors
    /// When nothing was proved for it here.
    pub fn session(&self, connection: &Connection, lease: &str) -> Result<Arc<Session>, Refusal> {
        let unproved = "nobody has proved on this connection that the lease is theirs: \
                        GET /v1/challenge, then POST /v1/session";
        connection.sessions.get(lease).map(Arc::clone).ok_or_else(|| Refusal::new(Code::Unknown, unproved))
    }

    /// Whether a session holds, here and now.
    ///
    /// # Errors
    /// Why it does not.
    pub fn holds(&self, connection: &Connection, session: &Session) -> Result<(), Refusal> {
        let lease = session.lease();
        let door = Door { planet: self.0.planet, block: lease.block, keys: &[], revoked: &self.0.shared.revoked };
        let region = self.region_of(lease.block.region).map_or(u32::MAX, |(at, _)| at);
        let block = vocab::BlockId { region, index: lease.block.index };
        let fencing = locked(&self.0.directory).fencing(lease.agent, block, lease.slot);
        let admitted = session.admit(&connection.channel, &door, lease.slot, fencing, Rights::default(), self.now());
        admitted.map(|_| ()).map_err(|why| self.not_on(why))
    }

    /// Whether a session holds, and the planet's roles and rules give whoever
    /// holds it a right.
    ///
    /// # Errors
    /// Why it does not, or they do not.
    pub fn allow(
        &self,
        connection: &Connection,
        session: &Session,
        right: Right,
        about: About<'_>,
    ) -> Result<(), Refusal> {
        self.holds(connection, session)?;
        self.may(session, right, about)
    }

    /// What the refusal of a lease is to whoever showed it.
    pub(super) fn not_on(&self, why: NotOn) -> Refusal {
        let what = why.to_string();
        let NotOn::Lease(refused) = why else { return Refusal::new(Code::Unknown, what) };
        match refused {
            Refused::NoRight => Refusal::new(Code::Forbidden, what),
            Refused::WrongBlock { right } => {
                Refusal { right: Some(self.named(right)), ..Refusal::new(Code::WrongBlock, what) }
            }
            Refused::WrongSlot { .. } => Refusal::new(Code::WrongBlock, what),
            _ => Refusal::new(Code::Unknown, what),
        }
    }

    /// A request that came: its source, or its agent, may be turned away from
    /// now on.
    ///
    /// # Errors
    /// When it is turned away.
    pub fn saw(&self, source: IpAddr, agent: Option<AgentId>, bytes: u64, destination: u64) -> Result<(), Refusal> {
        self.saw_all(source, agent, std::iter::once((bytes, destination))).1
    }

    /// The same for requests that came together, each with its bytes and what
    /// it reaches: how many of them are let through, and why not the next one.
    pub fn saw_all(
        &self,
        source: IpAddr,
        agent: Option<AgentId>,
        requests: impl Iterator<Item = (u64, u64)>,
    ) -> (usize, Result<(), Refusal>) {
        self.0.turnstile.saw_all(source, agent, requests, self.now())
    }

    /// Somebody failed to prove who it is: its source is locked out when that
    /// was once too often, never the agent that it named.
    pub fn failed(&self, source: IpAddr) {
        self.0.turnstile.failed(source, self.now());
    }

    /// Everybody who is turned away.
    #[must_use]
    pub fn bans(&self) -> Vec<(Net, Ban)> {
        self.0.turnstile.bans(self.now())
    }

    /// Turns a network away until a moment.
    ///
    /// # Errors
    /// When the moment has passed, or that cannot be entered.
    pub fn ban(&self, by: &By, net: Net, until: Moment) -> Result<(), Refusal> {
        Turnstile::may_last(until, self.now())?;
        let act = Act::Banned { net: Name::cut(&net.to_string()), until: until.0 };
        let done = || self.0.turnstile.ban(net, until, self.now());
        self.0.acts.then((by, Place::Planet), (act, ""), done)
    }

    /// Lets a network in again.
    ///
    /// # Errors
    /// When it was not turned away, or that cannot be entered.
    pub fn lift(&self, by: &By, net: Net) -> Result<(), Refusal> {
        self.0.turnstile.is_banned(net, self.now())?;
        let act = Act::Lifted { net: Name::cut(&net.to_string()) };
        self.0.acts.then((by, Place::Planet), (act, ""), || self.0.turnstile.lift(net))
    }
}
