//! Whom the monitor turns away: sources and agents that ask for too much, and
//! sources that fail to prove who they are. Hosts have one, and gateways.

use crate::acts::{Acts, Banned};
use crate::engine::{Code, Refusal};
use block::bans::{Ban, Bans, Lockout, Net, Reason};
use block::monitor::{Event, Monitor, Rules, Standing};
use planet::Planet;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trust::{AgentId, Moment};
use vocab::Millis;

/// Addresses of gateways that are remembered: as many as a host may know.
const MOST_GATEWAYS: usize = crate::homes::MOST_GATEWAYS;

/// Agents that are turned away at once.
const MOST_AGENTS: usize = 65_536;

fn rules(planet: &Planet) -> Rules {
    let monitor = &planet.block.monitor;
    Rules {
        window: monitor.window.value,
        large: monitor.large.value.0,
        large_score: monitor.large_score.value,
        requests: monitor.requests.value,
        requests_score: monitor.requests_score.value,
        destinations: monitor.destinations.value,
        destinations_score: monitor.destinations_score.value,
        event_score: monitor.event_score.value,
        suspicious: monitor.suspicious.value,
        blocked: monitor.blocked.value,
    }
}

struct Kept {
    bans: Bans,
    lockout: Lockout,
    sources: Monitor<IpAddr>,
    agents: Monitor<AgentId>,
    banned_agents: BTreeMap<AgentId, u64>,
    /// Where gateways have proved themselves from, the newest last.
    gateways: VecDeque<IpAddr>,
}

impl Kept {
    /// Takes note of a request; a ban that begins with it is the next one's.
    fn saw(
        &mut self,
        source: IpAddr,
        agent: Option<AgentId>,
        (bytes, destination): (u64, u64),
        now: Moment,
        begun: &mut Vec<(Banned, u64, String)>,
    ) -> Result<(), Refusal> {
        if let Some((net, ban)) = self.bans.turned_away(source, now.0) {
            return Err(turned_away(net, ban, now));
        }
        let source = source.to_canonical();
        if self.sources.see(Event { source, bytes, destination }, now.0) == Standing::Banned {
            let net = Net::of_source(source);
            let score = self.sources.score(source, now.0);
            let until = self.bans.ban(net, Reason::Traffic(score), now.0);
            begun.push((Banned::Net(net), until, format!("its traffic scored {score}")));
        }
        let Some(agent) = agent else { return Ok(()) };
        if let Some(until) = self.banned_agents.get(&agent).copied().filter(|until| *until > now.0) {
            let wait = Moment(until).since(now);
            return Err(Refusal::new(Code::Forbidden, format!("this agent is turned away for {wait}")).after(wait));
        }
        if self.agents.see(Event { source: agent, bytes, destination }, now.0) == Standing::Banned {
            if self.banned_agents.len() >= MOST_AGENTS {
                self.banned_agents.retain(|_, until| *until > now.0);
                if self.banned_agents.len() >= MOST_AGENTS {
                    self.banned_agents.pop_first();
                }
            }
            let until = now.after(block::bans::FIRST).0;
            self.banned_agents.insert(agent, until);
            begun.push((Banned::Agent(agent), until, "its traffic scored too high".to_owned()));
        }
        Ok(())
    }
}

/// Told of every ban that begins, with its end, and of every one that is lifted.
pub(crate) type OnBan = dyn Fn(Net, Option<Millis>) + Send + Sync;

/// Whom the monitor lets through.
pub(crate) struct Turnstile {
    kept: Mutex<Kept>,
    on_ban: Mutex<Vec<Box<OnBan>>>,
    /// Where what the monitor does of itself is entered.
    acts: Option<Arc<Acts>>,
}

impl Turnstile {
    /// By the rules of a planet's file.
    pub(crate) fn new(planet: &Planet, acts: Option<Arc<Acts>>) -> Self {
        let (rules, limits) = (rules(planet), &planet.block.monitor);
        let kept = Kept {
            bans: Bans::default(),
            lockout: Lockout::new(limits.failures.value, limits.lockout.value),
            sources: Monitor::new(rules),
            agents: Monitor::new(rules),
            banned_agents: BTreeMap::new(),
            gateways: VecDeque::new(),
        };
        Self { kept: Mutex::new(kept), on_ban: Mutex::default(), acts }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, net: Net, lasts: Option<Millis>) {
        // Whoever hears of it turns all of the network away, and a gateway is let in.
        if lasts.is_some() && self.kept().gateways.iter().any(|gateway| net.includes(*gateway)) {
            return;
        }
        for on_ban in self.on_ban.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            on_ban(net, lasts);
        }
    }

    /// Tells somebody else of every ban that begins and of every one that is lifted.
    pub(crate) fn on_ban(&self, tell: impl Fn(Net, Option<Millis>) + Send + Sync + 'static) {
        self.on_ban.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(tell));
    }

    /// Whether a source may come in at all.
    pub(crate) fn turned_away(&self, source: IpAddr, now: Moment) -> Result<(), Refusal> {
        self.kept().bans.turned_away(source, now.0).map_or(Ok(()), |(net, ban)| Err(turned_away(net, ban, now)))
    }

    /// Requests that came together, each with its bytes and what it reaches:
    /// how many of them are let through, and why not the next one.
    pub(crate) fn saw_all(
        &self,
        source: IpAddr,
        agent: Option<AgentId>,
        requests: impl Iterator<Item = (u64, u64)>,
        now: Moment,
    ) -> (usize, Result<(), Refusal>) {
        let (mut let_through, mut begun, mut all) = (0, Vec::new(), Ok(()));
        let mut kept = self.kept();
        for request in requests {
            all = kept.saw(source, agent, request, now, &mut begun);
            if all.is_err() {
                break;
            }
            let_through += 1;
        }
        drop(kept);
        for (who, until, why) in begun {
            self.begun(who, until, &why, now);
        }
        (let_through, all)
    }

    /// The monitor turns somebody away from now on.
    fn begun(&self, who: Banned, until: u64, why: &str, now: Moment) {
        if let Banned::Net(net) = who {
            self.tell(net, Some(Moment(until).since(now)));
        }
        if let Some(acts) = &self.acts {
            acts.banned(who, until, why);
        }
    }

    /// Somebody failed to prove who it is.
    pub(crate) fn failed(&self, source: IpAddr, now: Moment) {
        let mut kept = self.kept();
        let Some(until) = kept.lockout.failed(source, now.0) else { return };
        let net = Net::of_source(source);
        kept.bans.ban_until(net, Reason::Authentication, now.0, until);
        drop(kept);
        self.begun(Banned::Net(net), until, "it failed to authenticate too often", now);
    }

    /// Somebody has proved who it is.
    pub(crate) fn succeeded(&self, source: IpAddr) {
        self.kept().lockout.succeeded(source);
    }

    /// A gateway has proved itself from an address.
    pub(crate) fn vouched(&self, source: IpAddr) {
        let (source, mut kept) = (source.to_canonical(), self.kept());
        kept.gateways.retain(|known| *known != source);
        if kept.gateways.len() >= MOST_GATEWAYS {
            kept.gateways.pop_front();
        }
        kept.gateways.push_back(source);
    }

    /// Whether a gateway has, of those that are remembered.
    pub(crate) fn is_a_gateways(&self, source: IpAddr) -> bool {
        self.kept().gateways.contains(&source.to_canonical())
    }

    /// Everybody who is turned away.
    pub(crate) fn bans(&self, now: Moment) -> Vec<(Net, Ban)> {
        self.kept().bans.list(now.0).collect()
    }

    /// Whether a ban can last until a moment.
    pub(crate) fn may_last(until: Moment, now: Moment) -> Result<(), Refusal> {
        let over = || Refusal::new(Code::Bad, "the ban would have ended already").field("until");
        if until <= now { Err(over()) } else { Ok(()) }
    }

    /// Whether a network is turned away, as a list of bans would show it.
    pub(crate) fn is_banned(&self, net: Net, now: Moment) -> Result<(), Refusal> {
        let there = self.kept().bans.list(now.0).any(|(known, _)| known == net.network());
        if there { Ok(()) } else { Err(not_banned(net)) }
    }

    /// Turns a network away until a moment.
    pub(crate) fn ban(&self, net: Net, until: Moment, now: Moment) -> Result<(), Refusal> {
        Self::may_last(until, now)?;
        self.kept().bans.ban_until(net, Reason::Operator, now.0, until.0);
        self.tell(net, Some(until.since(now)));
        Ok(())
    }

    /// Lets a network in again.
    pub(crate) fn lift(&self, net: Net) -> Result<(), Refusal> {
        if !self.kept().bans.lift(net) {
            return Err(not_banned(net));
        }
        self.tell(net, None);
        Ok(())
    }
}

fn not_banned(net: Net) -> Refusal {
    Refusal::new(Code::NotFound, format!("{net} is not turned away"))
}

fn turned_away(net: Net, ban: Ban, now: Moment) -> Refusal {
    let wait = Moment(ban.until).since(now);
    let why = match ban.reason {
        Reason::Traffic(score) => format!("its traffic scored {score}"),
        Reason::Authentication => "it failed to authenticate too often".to_owned(),
        Reason::Verdict => "the hubs agreed".to_owned(),
        Reason::Operator => "an operator said so".to_owned(),
    };
    Refusal::new(Code::Forbidden, format!("{net} is turned away for {wait}: {why}")).after(wait)
}
