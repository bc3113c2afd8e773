//! What has been proved on a client's connection: whose leases are its agents'.
//!
//! Whether a lease is good its host says, once, when the challenge to it is
//! asked for, and with each request again; the proof of its agent is checked
//! here, on the channel that ends here.

use super::rates::Meter;
use crate::http::No;
use policy::set::RegionNumber;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trust::attach::{Channel, Nonce, NotAttached};
use trust::lease::Lease;
use trust::sign::Signature;
use trust::vouch::Shown;
use trust::{AgentId, Moment};
use wire::Code;

/// Agents that one connection carries, as at a host.
const MOST: usize = crate::engine::MOST_SESSIONS;

/// An agent that has proved itself on a connection.
pub(crate) struct Session {
    pub(crate) agent: AgentId,
    /// The agent in letters, for the log.
    pub(crate) name: String,
    pub(crate) lease: Lease,
    pub(crate) region: RegionNumber,
    pub(crate) meter: Arc<Meter>,
}

#[derive(Default)]
struct State {
    /// The newest challenge, with its lease and what the session will be.
    shown: Option<(String, Shown, RegionNumber)>,
    sessions: BTreeMap<String, Arc<Session>>,
}

/// The agents of one connection.
pub(crate) struct Sessions {
    channel: Channel,
    state: Mutex<State>,
}

impl Sessions {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn channel(&self) -> Channel {
        self.channel
    }

    /// A nonce for the agent of a lease that its host has found good.
    pub(crate) fn challenge(&self, lease: &str, region: RegionNumber, now: Moment) -> Result<Nonce, No> {
        let nonce = custody::entropy::bytes().map_err(|why| No::new(Code::Internal, why.to_string()))?;
        let shown = Shown::new(lease, Nonce(nonce), self.channel, now)
            .map_err(|why| No::new(Code::Unknown, format!("this is not a lease: {why}")))?;
        self.state().shown = Some((lease.to_owned(), shown, region));
        Ok(Nonce(nonce))
    }

    /// The answer to the newest challenge.
    pub(crate) fn prove(
        &self,
        answer: &Signature,
        now: Moment,
        meter: impl FnOnce(AgentId) -> Option<Arc<Meter>>,
        wrong: impl FnOnce(),
    ) -> Result<AgentId, No> {
        let mut state = self.state();
        let asked = || No::new(Code::Unknown, "there is no challenge to answer: ask for one first");
        let (text, shown, region) = state.shown.take().ok_or_else(asked)?;
        let proved = shown.check(answer, now).map_err(|why| {
            if why == NotAttached::Proof {
                wrong();
            }
            No::new(Code::Unknown, why.to_string())
        })?;
        let lease = *proved.lease();
        let agent = lease.agent;
        // A newer lease of the same agent takes the place of the older one.
        state.sessions.retain(|_, older| older.agent != agent);
        if state.sessions.len() >= MOST {
            return Err(No::new(Code::TooMany, format!("a connection carries at most {MOST} agents: open another")));
        }
        let busy = || No::new(Code::Unavailable, "too many agents ask at once: try again");
        let meter = meter(agent).ok_or_else(busy)?;
        let session = Session { agent, name: agent.to_string(), lease, region, meter };
        state.sessions.insert(text, Arc::new(session));
        Ok(agent)
    }

    /// The session of a lease, when its agent has proved itself here.
    pub(crate) fn find(&self, lease: &str) -> Option<Arc<Session>> {
        self.state().sessions.get(lease).map(Arc::clone)
    }

    /// The session of the lease that a request shows.
    pub(crate) fn of(&self, lease: &str, now: Moment) -> Result<Arc<Session>, No> {
        good(self.find(lease), now)
    }
}

/// A session that was found, while its lease lasts.
pub(crate) fn good(found: Option<Arc<Session>>, now: Moment) -> Result<Arc<Session>, No> {
    let unproved = "nobody has proved on this connection that the lease is theirs: \
                    GET /v1/challenge, then POST /v1/session";
    let session = found.ok_or_else(|| No::new(Code::Unknown, unproved))?;
    if session.lease.expires <= now {
        return Err(No::new(Code::Unknown, "the lease has ended: attach again"));
    }
    Ok(session)
}
