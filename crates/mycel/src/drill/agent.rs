//! An agent at work in a drill: a client as anybody may write one. It does one
//! op at a time, asks again under the same name when it is refused, and looks
//! for another seat when it is refused twice.

use super::facts::{Acknowledged, Bond, Event, Role, What};
use crate::agent::fresh_key;
use crate::failure::Failure;
use block::chain::{OpId, Outcome};
use client::{Ask, Backoff, Body, Client, Done, Error, Options, Place, tell};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use vocab::{Rate, Site};

/// Records of an agent.
pub(super) const KEYS: u64 = 4;
/// How long an op may wait for its slot's rate.
pub(super) const PATIENCE_MS: u32 = 2_000;
/// How long an answer is waited for beside that. Who hangs says nothing, and
/// whoever waits for it longer learns of nothing else.
const PATIENCE: Duration = Duration::from_secs(3);
/// So many refusals of an op, and another seat is looked for: one may be a hiccup.
const LOOK_ELSEWHERE: u32 = 2;
/// Tries of a first seat: some ten seconds.
const SEATINGS: u32 = 10;

/// What agents are called in the log of the gateway, before their number.
pub(super) const NAME: &str = "drill-";

/// What all agents share.
pub(super) struct Stage {
    pub(super) begin: Instant,
    /// When those come who have no seat yet.
    pub(super) arrive: Instant,
    pub(super) end: Instant,
    pub(super) rate: Rate,
    pub(super) agents: usize,
    pub(super) events: Mutex<Vec<Event>>,
}

impl Stage {
    /// How long the agents have worked.
    pub(super) fn at(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.begin).as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn tell(&self, agent: usize, what: What) {
        let event = Event { at: self.at(Instant::now()), agent, what };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

/// A slot that an agent was given.
pub(super) struct Seat {
    pub(super) block: tell::Block,
    pub(super) lease: Arc<str>,
}

/// An op that was sent.
pub(super) struct Sent {
    pub(super) seat: usize,
    pub(super) id: OpId,
    /// When it first was.
    at: u64,
    /// The record that it writes, and what.
    pub(super) put: Option<(u64, u64)>,
    pub(super) done: Option<Acknowledged>,
}

pub(super) struct Agent {
    pub(super) number: usize,
    pub(super) role: Role,
    site: Site,
    consents: bool,
    /// Whether it has consented on its seat.
    agreed: bool,
    pub(super) client: Client,
    pub(super) seats: Vec<Seat>,
    pub(super) sent: Vec<Sent>,
    puts: u64,
}

/// How an agent reaches the gateway.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) url: String,
    /// Whether each comes from an address of its own.
    pub(super) spread: bool,
}

impl Door {
    fn options(&self, number: usize, role: &Role) -> Options {
        // From 127.77.0.1 on; who is behind the last has the first again.
        let place = u16::try_from(number % usize::from(u16::MAX)).unwrap_or(0).saturating_add(1).to_be_bytes();
        let own = IpAddr::from(Ipv4Addr::new(127, 77, place[0], place[1]));
        Options {
            class: role.class.clone(),
            name: Some(format!("{NAME}{number}")),
            from: self.spread.then_some(own),
            patience: Some(PATIENCE),
            ..Options::default()
        }
    }

    /// Whether this machine lets a client choose an address of its own.
    pub(super) fn may_spread() -> bool {
        std::net::TcpListener::bind((Ipv4Addr::new(127, 77, 0, 1), 0)).is_ok()
    }
}

impl Agent {
    /// Connects an agent, and seats it in its region, unless it comes later.
    pub(super) async fn new(
        door: &Door,
        number: usize,
        (role, site, consents): (Role, Site, bool),
    ) -> Result<Self, Failure> {
        let client = Client::connect(&door.url, fresh_key()?, door.options(number, &role)).await?;
        let mut agent = Self {
            number,
            role,
            site,
            consents,
            agreed: !consents,
            client,
            seats: Vec::new(),
            sent: Vec::new(),
            puts: 0,
        };
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        if agent.role.bond == Bond::Arrives {
            return Ok(agent);
        }
        loop {
            let home = Place::Region(agent.role.home.clone());
            let Err(error) = agent.seat(home, None).await else { return Ok(agent) };
            tries += 1;
            if tries >= SEATINGS || !error.may_pass_later() {
                let what = format!("agent {number} gets no seat in {}: {error}", agent.role.home);
                return Err(Failure::told(what, "fewer --agents, or more blocks in the file"));
            }
            tokio::time::sleep(backoff.pause(&error)).await;
        }
    }

    /// Gets a slot; whether it is another than before.
    async fn seat(&mut self, place: Place, stage: Option<&Stage>) -> Result<bool, Error> {
        let told = self.client.attach(place, None).await?;
        if let Some(stage) = stage {
            stage.tell(self.number, What::Seated { region: told.block.region.clone() });
        }
        let is_new = self.seats.last().is_none_or(|seat| seat.block != told.block);
        if is_new {
            self.seats.push(Seat { block: told.block, lease: told.lease.as_str().into() });
            self.agreed = !self.consents;
        }
        Ok(is_new)
    }

    /// Sends an op, and before the first of a seat what its class asks for: a
    /// consent holds in its own block.
    async fn send(&mut self, ask: Ask, stage: &Stage) -> Result<Done, Error> {
        if let (false, Some(class)) = (self.agreed, self.role.class.clone()) {
            let id = self.client.op_id()?;
            self.write_down(stage, id, None);
            let ask = Ask { id: Some(id), body: Body::Consent { class, given: true }, patience_ms: PATIENCE_MS };
            let done = self.client.op(ask).await?;
            self.acknowledged(&done, stage.at(Instant::now()));
            self.agreed = true;
        }
        self.client.op(ask).await
    }

    fn write_down(&mut self, stage: &Stage, id: OpId, put: Option<(u64, u64)>) {
        let (seat, at) = (self.seats.len().saturating_sub(1), stage.at(Instant::now()));
        self.sent.push(Sent { seat, id, at, put, done: None });
    }

    fn acknowledged(&mut self, done: &Done, at: u64) {
        if let Some(sent) = self.sent.iter_mut().rev().find(|sent| sent.id == done.id) {
            let (sequence, id, link) = (done.sequence, done.id.0, done.link.0);
            sent.done = Some(Acknowledged { sent: sent.at, at, sequence, id, link });
        }
    }

    /// Works until the end. What was due while an op was waiting is not made up
    /// for: that would be a herd of its own.
    pub(super) async fn work(mut self, stage: Arc<Stage>) -> Self {
        if self.seats.is_empty() {
            self.arrive(&stage).await;
        }
        let agents = u64::try_from(stage.agents).unwrap_or(u64::MAX);
        let mut turn = u64::try_from(self.number).unwrap_or(u64::MAX);
        loop {
            let due = stage.begin + crate::load::due(stage.rate, turn);
            if due >= stage.end {
                return self;
            }
            turn = turn.saturating_add(agents);
            if self.seats.is_empty() || stage.begin + crate::load::due(stage.rate, turn) <= Instant::now() {
                continue;
            }
            sleep_until(due).await;
            self.op(&stage, due).await;
        }
    }

    /// Asks for a first seat until there is one, or it is over.
    async fn arrive(&mut self, stage: &Stage) {
        sleep_until(stage.arrive).await;
        let mut backoff = Backoff::default();
        while Instant::now() < stage.end {
            let home = Place::Region(self.role.home.clone());
            let Err(error) = self.seat(home, Some(stage)).await else { return };
            self.refused(stage, &error);
            if !error.may_pass_later() {
                return;
            }
            sleep_until(stage.end.min(Instant::now() + backoff.pause(&error))).await;
        }
    }

    /// The next op, until it is acknowledged.
    async fn op(&mut self, stage: &Stage, due: Instant) {
        let put = (self.puts % KEYS, self.puts);
        self.puts += 1;
        let (mut backoff, mut refusals) = (Backoff::default(), 0_u32);
        let Ok(mut id) = self.client.op_id() else { return };
        self.write_down(stage, id, Some(put));
        loop {
            let error = match self.send(self.ask(id, put), stage).await {
                Ok(done) if done.outcome == Outcome::Done => {
                    let now = Instant::now();
                    self.acknowledged(&done, stage.at(now));
                    let took = stage.at(now).saturating_sub(stage.at(due));
                    let region = self.seats.last().map(|seat| seat.block.region.clone()).unwrap_or_default();
                    stage.tell(self.number, What::Done { region, took });
                    return;
                }
                Ok(failed) => return stage.tell(self.number, What::Refused { why: failed.why }),
                Err(error) => error,
            };
            self.refused(stage, &error);
            refusals += 1;
            if Instant::now() >= stage.end || !error.may_pass_later() {
                return;
            }
            match self.elsewhere(stage, refusals).await {
                // Another slot has another chain: there it is another op.
                Some(true) => {
                    let Ok(new) = self.client.op_id() else { return };
                    id = new;
                    self.write_down(stage, id, Some(put));
                }
                Some(false) => {}
                None => sleep_until(stage.end.min(Instant::now() + backoff.pause(&error))).await,
            }
        }
    }

    /// Whoever gave up waiting was told nothing, and so not refused.
    fn refused(&self, stage: &Stage, error: &Error) {
        if !matches!(error, Error::Late { .. }) {
            stage.tell(self.number, What::Refused { why: reason(error) });
        }
    }

    fn ask(&self, id: OpId, (key, value): (u64, u64)) -> Ask {
        let (key, value, class) = (record(key), value.to_string().into_bytes(), self.role.class.clone());
        Ask { id: Some(id), body: Body::Put { key, value, class }, patience_ms: PATIENCE_MS }
    }

    /// Looks for another seat when it is time; whether it got another, or
    /// nothing when it is not time, or there is none.
    async fn elsewhere(&mut self, stage: &Stage, refusals: u32) -> Option<bool> {
        let is_time = match self.role.bond {
            Bond::Elsewhere | Bond::Arrives => false,
            Bond::Moves => refusals >= LOOK_ELSEWHERE,
            // Once: the answer is no, and stays so.
            Bond::Waits => refusals == LOOK_ELSEWHERE,
        };
        if !is_time {
            return None;
        }
        match self.seat(Place::Near(self.site), Some(stage)).await {
            Ok(is_new) => Some(is_new),
            Err(error) => {
                self.refused(stage, &error);
                None
            }
        }
    }

    /// Goes back to an earlier seat.
    pub(super) fn back_on(&self, seat: usize) -> Result<(), Error> {
        let seat = self.seats.get(seat).ok_or(Error::NotAttached)?;
        self.client.resume(&seat.lease)
    }
}

/// The name of a record.
pub(super) fn record(key: u64) -> Vec<u8> {
    format!("drill-{key}").into_bytes()
}

/// Why somebody was refused, when the planet said so; a connection that broke
/// says nothing.
fn reason(error: &Error) -> Option<String> {
    match error {
        Error::Refused { fault, .. } => Some(fault.what.clone()),
        _ => None,
    }
}
