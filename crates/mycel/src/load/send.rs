//! The agents, and what they send.

use super::schedule::{due, due_before};
use super::tally::Tally;
use crate::agent::fresh_key;
use crate::cli::{LoadArgs, LoadKind};
use crate::failure::Failure;
use client::{Ask, Body, Client, Error, Options, Place, Wire};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Agents that attach or detach at once: as many as a client has connections.
const TOGETHER: usize = 16;
/// Records of an agent.
const KEYS: u64 = 1_000;
/// An op may go out so much before it is due, and is then measured from when it
/// went: a timer counts in milliseconds, and this would be all that is seen.
const EARLY: Duration = Duration::from_millis(1);
/// How long a first op may wait for its turn.
const FIRST_PATIENCE_MS: u32 = 10_000;

/// What is to be sent.
pub(super) struct Work {
    pub(super) kind: LoadKind,
    pub(super) value: Vec<u8>,
    pub(super) tally: Tally,
}

impl Work {
    fn body(&self, number: u64) -> Body {
        let key = || format!("load-{}", number / 2 % KEYS).into_bytes();
        let put = || Body::Put { key: key(), value: self.value.clone(), class: None };
        match self.kind {
            LoadKind::Echo => Body::Echo(self.value.clone()),
            LoadKind::Put => put(),
            LoadKind::Get => Body::Get(key()),
            LoadKind::Mix if number.is_multiple_of(2) => put(),
            LoadKind::Mix => Body::Get(key()),
        }
    }

    /// Sends an op, and counts what comes of it.
    async fn one(&self, wire: &Wire, number: u64, from: Instant) {
        let ended = wire.op(self.body(number)).await;
        self.tally.ended(from.elapsed(), ended.err().map(|error| name(&error)));
    }
}

/// The name of a kind of failure.
fn name(error: &Error) -> String {
    match (error, error.code()) {
        (_, Some(code)) => code.name().to_owned(),
        (Error::Unreachable { .. } | Error::Broken { .. } | Error::Late { .. }, _) => "connection".to_owned(),
        _ => error.to_string(),
    }
}

/// Agents that are good for this load alone: their keys are nowhere else.
pub(super) async fn attach(args: &LoadArgs, host: &Client, agents: &mut Vec<Client>) -> Result<(), Failure> {
    let (url, options) =
        (args.who().url, Options { authority: args.who().authority, node: Some(host.node()), ..Options::default() });
    let mut coming = JoinSet::new();
    for _ in 0..args.agents {
        while coming.len() >= TOGETHER {
            came(coming.join_next().await, agents)?;
        }
        let (url, options, host, key) = (url.clone(), options.clone(), host.clone(), fresh_key()?);
        coming.spawn(async move {
            let agent = Client::connect(&url, key, options).await?;
            host.attach_for(&agent, Place::Anywhere).await?;
            Ok(agent)
        });
    }
    while !coming.is_empty() {
        came(coming.join_next().await, agents)?;
    }
    Ok(())
}

type Came = Option<Result<Result<Client, Error>, tokio::task::JoinError>>;

fn came(came: Came, agents: &mut Vec<Client>) -> Result<(), Failure> {
    match came {
        Some(Ok(agent)) => agents.push(agent?),
        Some(Err(error)) => return Err(Failure::told(format!("an agent was lost: {error}"), "report this")),
        None => {}
    }
    Ok(())
}

/// Gives all slots back; how many could not be.
pub(super) async fn detach(agents: Vec<Client>) -> usize {
    let (mut going, mut failed) = (JoinSet::new(), 0);
    let mut gone = |went: Option<Result<bool, tokio::task::JoinError>>| {
        failed += usize::from(!matches!(went, Some(Ok(true)) | None));
    };
    for agent in agents {
        if going.len() >= TOGETHER {
            gone(going.join_next().await);
        }
        going.spawn(async move { agent.detach().await.is_ok() });
    }
    while !going.is_empty() {
        gone(going.join_next().await);
    }
    failed
}

/// Opens a connection for each agent, so that the first op does not pay for it.
pub(super) async fn connect(agents: &[Client]) -> Result<Vec<Arc<Wire>>, Failure> {
    let wires: Vec<_> = agents.iter().map(|agent| Arc::new(agent.wire())).collect();
    let mut first = JoinSet::new();
    for wire in &wires {
        let wire = Arc::clone(wire);
        let ask = Ask { id: None, body: Body::Echo(b"load".to_vec()), patience_ms: FIRST_PATIENCE_MS };
        first.spawn(async move { wire.op(ask).await });
    }
    while let Some(done) = first.join_next().await {
        done.map_err(|error| Failure::told(format!("an op was lost: {error}"), "report this"))??;
    }
    // So long after it each slot may do another, unless the planet is slower than most.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(wires)
}

/// Sends what is due, when it is due, and waits for the answers.
pub(super) async fn open_loop(args: &LoadArgs, work: &Arc<Work>, wires: &[Arc<Wire>]) {
    let (begin, many, rate) = (Instant::now(), due_before(args.rate, args.time), args.rate);
    let mut agents = JoinSet::new();
    for (first, wire) in (0_u64..).zip(wires) {
        let (work, wire) = (Arc::clone(work), Arc::clone(wire));
        let (step, end) = (u64::from(args.agents), begin + Duration::from_millis(args.time.0));
        let room = Arc::new(Semaphore::new(usize::try_from(args.in_flight).unwrap_or(usize::MAX)));
        agents.spawn(async move {
            let mut on_their_way = JoinSet::new();
            let mut number = first;
            while number < many {
                let due = begin + due(rate, number);
                tokio::time::sleep_until(due - EARLY.min(due - begin)).await;
                let turn = tokio::time::timeout_at(end, Arc::clone(&room).acquire_owned()).await;
                // What could not be sent until the end never is.
                let Ok(Ok(turn)) = turn else { break };
                let (work, wire, from) = (Arc::clone(&work), Arc::clone(&wire), due.min(Instant::now()));
                work.tally.sent();
                on_their_way.spawn(async move {
                    work.one(&wire, number, from).await;
                    drop(turn);
                });
                while on_their_way.try_join_next().is_some() {}
                number += step;
            }
            on_their_way.join_all().await;
        });
    }
    agents.join_all().await;
}

/// Sends whenever something has ended.
pub(super) async fn closed_loop(args: &LoadArgs, work: &Arc<Work>, wires: &[Arc<Wire>]) {
    let end = Instant::now() + Duration::from_millis(args.time.0);
    let mut turns = JoinSet::new();
    for wire in wires {
        for turn in 0..args.in_flight {
            let (work, wire, step) = (Arc::clone(work), Arc::clone(wire), u64::from(args.in_flight));
            turns.spawn(async move {
                let mut number = u64::from(turn);
                while Instant::now() < end {
                    work.tally.sent();
                    work.one(&wire, number, Instant::now()).await;
                    number += step;
                }
            });
        }
    }
    turns.join_all().await;
}
