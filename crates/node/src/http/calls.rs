//! What each endpoint does, by the engine.

use super::answer::{Answer, bytes, json_of};
use super::limits::CHAIN_BYTES;
use super::no::No;
use super::peer::Peer;
use super::serve::Serving;
use super::want::{Stretch, Want};
use super::{audit, frames, shown, stream};
use crate::engine::{About, BlockAt, Engine, OpAsk, OpSeen, Refusal, Where};
use block::chain::OpId;
use block::kinds::Cursor;
use block::queue::State;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use hyper::upgrade::OnUpgrade;
use planet::Right;
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use trust::AgentId;
use trust::attach::Session;
use trust::enrol::Application;

use wire::{Code, Hex, ask, tell};

/// A request that may be answered, beside what it asks for.
pub(super) struct Asked {
    /// Whose it is, when the endpoint asks.
    pub(super) session: Option<Arc<Session>>,
    /// Where it comes from.
    pub(super) source: IpAddr,
    pub(super) upgrade: Option<OnUpgrade>,
    pub(super) serving: Serving,
}

impl Asked {
    /// The session, which the endpoint's row in the table has made sure of.
    pub(super) fn session(&self) -> Result<&Arc<Session>, No> {
        self.session.as_ref().ok_or_else(|| No::new(Code::Unknown, "nobody has proved who asks"))
    }
}

fn ok<T: Serialize>(value: &T) -> Answer {
    json_of(StatusCode::OK, value)
}

/// Does what a request asks for.
pub(super) async fn call(peer: &Arc<Peer>, want: Want, asked: Asked) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    match want {
        Want::OpenApi => Ok(bytes(StatusCode::OK, "application/json", peer.shared.document.clone())),
        Want::Planet => Ok(ok(&planet(peer))),
        Want::Line(region) => Ok(ok(&line(engine, region.as_deref())?)),
        Want::Health => Ok(ok(&tell::Health { status: "ok".to_owned() })),
        Want::Ready => ready(peer),
        Want::Metrics => {
            let text = peer.shared.metrics.text(engine);
            Ok(bytes(StatusCode::OK, "text/plain; version=0.0.4", text.into()))
        }
        Want::Attach(application, place, lease) => {
            attach(peer, (&application, asked.source), place, lease.as_deref()).await
        }
        Want::Challenge(lease) => {
            let (nonce, channel) = peer.challenge(&lease).await?;
            Ok(ok(&tell::Challenge { nonce: Hex(nonce.0), channel: channel.map(|channel| Hex(channel.0)) }))
        }
        Want::Session(signature) => {
            let session = peer.prove(&signature).await?;
            Ok(ok(&tell::Session { agent: Hex(session.lease().agent.0) }))
        }
        Want::Gateway => {
            let (nonce, channel) = peer.await_gateway().await?;
            Ok(ok(&tell::Challenge { nonce: Hex(nonce.0), channel: channel.map(|channel| Hex(channel.0)) }))
        }
        Want::Vouch(gateway, signature) => {
            peer.vouch(gateway, &signature).await?;
            Ok(ok(&tell::Done {}))
        }
        Want::Tick(ask::Tick { region, tick, asked }) => {
            let (part, now) = engine.share(&*peer.connection().await, &region, (tick, asked))?;
            let standing = engine.regions().into_iter().find(|known| known.id == region);
            let gone = || No::new(Code::Internal, "a region that is served does not stand");
            Ok(ok(&tell::Tick { part, now, region: shown::region(standing.ok_or_else(gone)?) }))
        }
        Want::Renew => Ok(ok(&shown::attached(engine.renew(asked.session()?).await?))),
        Want::Detach => {
            engine.detach(asked.session()?).await?;
            Ok(ok(&tell::Done {}))
        }
        Want::Op(ask, wait) => op(peer, asked.session()?, *ask, wait).await,
        Want::OpStatus(id) => Ok(ok(&shown::seen(id, engine.op_status(asked.session()?, id).await?))),
        Want::Cancel(id) => Ok(ok(&shown::seen(id, engine.cancel(asked.session()?, id).await?))),
        Want::Ops(most) => {
            let ops = engine.ops(asked.session()?, most).await?;
            Ok(ok(&tell::Ops { ops: ops.into_iter().map(|(id, seen)| shown::seen(id, seen)).collect() }))
        }
        Want::Stances(most) => stances(peer, asked.session()?, most).await,
        Want::Erase(demand, only_ask) => {
            let erasures = engine.erase(&demand, only_ask, asked.source).await?;
            Ok(ok(&shown::erasures(erasures)))
        }
        Want::Chain(block, stretch) => chain(peer, block, &stretch).await,
        Want::Inbox(after, most, wait) => inbox(peer, asked.session()?.lease().agent, after, (most, wait)).await,
        Want::InboxStream(after) => stream::inbox(peer, after, asked),
        Want::AuditKey => Ok(audit::key(engine.acts())),
        Want::AuditSuccessors => audit::successors(engine.acts()).await,
        Want::AuditCheckpoint => audit::checkpoint(engine.acts()).await,
        Want::Audit(tile) => audit::tile(engine.acts(), tile).await,
        Want::Backup(backup) => stream::backup(peer, *backup, asked).await,
        Want::Wire(known) => frames::upgrade(peer, known, asked),
        Want::Regions | Want::Blocks(..) | Want::Block(_) | Want::Agents(..) | Want::Bans => standing(peer, want).await,
        Want::Seal(..) | Want::Open(_) | Want::Ban(..) | Want::Lift(_) => administer(peer, want, &asked).await,
    }
}

fn planet(peer: &Peer) -> tell::Planet {
    let engine = &peer.shared.engine;
    tell::Planet {
        planet: Hex(engine.planet().0),
        node: Hex(engine.node().0),
        nodes: Vec::new(),
        now: engine.now().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn line(engine: &Engine, region: Option<&str>) -> Result<tell::Line, No> {
    region.map_or(Ok(()), |region| engine.serves(region))?;
    Ok(shown::line(&engine.line()))
}

fn ready(peer: &Peer) -> Result<Answer, No> {
    if *peer.shared.stopping.borrow() {
        return Err(No::new(Code::Unavailable, "the server stops"));
    }
    match peer.shared.engine.ready() {
        Ok(()) => Ok(ok(&tell::Health { status: "ready".to_owned() })),
        Err(why) => Err(No::new(Code::Unavailable, why)),
    }
}

async fn attach(
    peer: &Peer,
    (application, source): (&Application, IpAddr),
    place: Where,
    lease: Option<&str>,
) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    let connection = peer.connection().await;
    // Whoever brings it need not administer: then its source's limits count.
    let session = lease.and_then(|lease| engine.session(&connection, lease).ok());
    let vouches =
        session.filter(|session| engine.allow(&connection, session, Right::Administer, About::Everything).is_ok());
    let attached = match vouches {
        Some(session) => engine.attach_vouched((&connection, &session), application, place).await?,
        None => engine.attach(application, place, source).await?,
    };
    Ok(ok(&shown::attached(attached)))
}

async fn stances(peer: &Peer, session: &Session, most: usize) -> Result<Answer, No> {
    let stances = peer.shared.engine.stances(session.lease().agent, most).await?;
    let shown = stances.into_iter().map(|stance| shown::stance(stance, &peer.shared.places));
    Ok(ok(&tell::Stances { stances: shown.collect() }))
}

async fn op(peer: &Peer, session: &Arc<Session>, ask: OpAsk, wait: ask::Wait) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    let connection = peer.connection().await;
    if wait == ask::Wait::Done {
        return Ok(ok(&shown::done(engine.op(&connection, session, ask).await?)));
    }
    let id = ask.id;
    let told = match engine.op_later(&connection, session, ask).await? {
        OpSeen::Here(_) => here(peer, session, id).await,
        ended => shown::seen(id, ended),
    };
    let ended = !matches!(told.state, tell::OpState::Queued | tell::OpState::Running);
    let mut answer = json_of(if ended { StatusCode::OK } else { StatusCode::ACCEPTED }, &told);
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/ops/{}", told.id)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

/// Where an op is that was taken in: its block knows, unless the op still
/// waits for the rate, and then it has no place in the queue yet.
async fn here(peer: &Peer, session: &Session, id: OpId) -> tell::Op {
    match peer.shared.engine.op_status(session, id).await {
        Ok(seen) => shown::seen(id, seen),
        Err(_) => tell::Op { before_it: None, ..shown::seen(id, OpSeen::Here(State::Queued(0))) },
    }
}

async fn chain(peer: &Peer, block: BlockAt, stretch: &Stretch) -> Result<Answer, No> {
    let Stretch { from, most, wait } = *stretch;
    let _waits = if wait.is_zero() { None } else { Some(peer.shared.wait()?) };
    let engine = &peer.shared.engine;
    let part = unless_stopped(peer, engine.chain(&block, from, most, wait)).await?;
    Ok(ok(&shown::chain(block, &part, CHAIN_BYTES)))
}

async fn inbox(
    peer: &Peer,
    agent: AgentId,
    after: Option<Cursor>,
    (most, wait): (usize, Duration),
) -> Result<Answer, No> {
    let _waits = if wait.is_zero() { None } else { Some(peer.shared.wait()?) };
    let messages = unless_stopped(peer, peer.shared.engine.inbox(agent, after, most, wait)).await?;
    let messages = messages.into_iter().map(|message| shown::message(message, &peer.shared.places)).collect();
    Ok(ok(&tell::Inbox { messages }))
}

/// Waits, unless the server stops: nobody has to wait for who waits.
async fn unless_stopped<T>(
    peer: &Peer,
    answer: impl Future<Output = Result<T, crate::engine::Refusal>>,
) -> Result<T, No> {
    tokio::select! {
        // An answer that is there is given.
        biased;
        answer = answer => Ok(answer?),
        () = peer.shared.stopped() => Err(No::new(Code::Unavailable, "the server stops: ask again").closing()),
    }
}

/// How things stand.
async fn standing(peer: &Peer, want: Want) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    match want {
        Want::Block(block) => Ok(ok(&shown::standing(engine.block(&block).await?))),
        Want::Agents(after, most) => {
            let agents = engine.agents(after, most).await?;
            Ok(ok(&tell::Agents { agents: agents.into_iter().map(shown::seat).collect() }))
        }
        Want::Blocks(after, most) => {
            let blocks = engine.blocks(after, most).await?;
            Ok(ok(&tell::Blocks { blocks: blocks.into_iter().map(shown::standing).collect() }))
        }
        Want::Bans => Ok(ok(&tell::Bans { bans: engine.bans().into_iter().map(shown::ban).collect() })),
        _ => Ok(ok(&tell::Regions { regions: engine.regions().into_iter().map(shown::region).collect() })),
    }
}

/// What an administrator changes.
async fn administer(peer: &Peer, want: Want, asked: &Asked) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    let about = match &want {
        Want::Seal(block, _) | Want::Open(block) => About::Block(block),
        _ => About::Everything,
    };
    let by = engine.by(asked.session()?, Right::Administer, about, Some(asked.source));
    match want {
        Want::Seal(block, reason) => engine.seal(&by, &block, &reason).await?,
        Want::Open(block) => engine.open_block(&by, &block).await?,
        // The engine is told until when, and the request says for how long.
        Want::Ban(net, lasts) => {
            let until = engine.now().after(lasts);
            let banned = entered(engine, move |engine| engine.ban(&by, net, until)).await?;
            banned.map_err(|refusal| No::from(refusal).field("for_ms"))?;
        }
        Want::Lift(net) => entered(engine, move |engine| engine.lift(&by, net)).await??,
        _ => return Err(No::new(Code::Internal, "what was asked for is nothing that an administrator changes")),
    }
    Ok(ok(&tell::Done {}))
}

/// What waits for a disk, where nobody else has to wait for it.
async fn entered<T: Send + 'static>(
    engine: &Engine,
    act: impl FnOnce(&Engine) -> Result<T, Refusal> + Send + 'static,
) -> Result<Result<T, Refusal>, No> {
    let engine = engine.clone();
    let done = tokio::task::spawn_blocking(move || act(&engine)).await;
    done.map_err(|_| No::new(Code::Internal, "what was begun ended early"))
}
