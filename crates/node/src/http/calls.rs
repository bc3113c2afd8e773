//! What each endpoint does, by the engine.

use super::answer::{Answer, bytes, json_of};
use super::decode::{self, json, most, query};
use super::limits::{CHAIN_BYTES, CHAIN_PAGE, LONGEST_WAIT, PAGE};
use super::no::No;
use super::peer::Peer;
use super::serve::Serving;
use super::table::Call;
use super::{frames, shown, stream};
use crate::engine::OpAsk;
use block::kinds;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use trust::attach::Session;
use trust::enrol::Application;
use trust::lease::Rights;
use vocab::Millis;
use wire::{Code, Hex, ask, tell};

/// A request that may be answered.
pub(super) struct Asked {
    /// The variable parts of its path.
    pub(super) parts: Vec<String>,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// Whose it is, when the endpoint asks.
    pub(super) session: Option<Arc<Session>>,
    /// The op, when it asks for one.
    pub(super) op: Option<(OpAsk, ask::Wait)>,
    pub(super) upgrade: Option<OnUpgrade>,
    pub(super) serving: Serving,
}

impl Asked {
    fn query<T: serde::de::DeserializeOwned>(&self) -> Result<T, No> {
        query(self.head.uri.query())
    }

    /// The session, which the endpoint's row in the table has made sure of.
    pub(super) fn session(&self) -> Result<&Arc<Session>, No> {
        self.session.as_ref().ok_or_else(|| No::new(Code::Unknown, "nobody has proved who asks"))
    }

    fn part(&self) -> &str {
        self.parts.first().map_or("", String::as_str)
    }
}

fn ok<T: Serialize>(value: &T) -> Answer {
    json_of(StatusCode::OK, value)
}

/// How long a request waits for something to happen.
fn wait(asked: Option<u64>) -> Duration {
    Duration::from_millis(asked.unwrap_or(0)).min(LONGEST_WAIT)
}

/// Answers a request at its endpoint.
pub(super) async fn call(peer: &Arc<Peer>, call: Call, asked: Asked) -> Result<Answer, No> {
    match call {
        Call::OpenApi => Ok(bytes(StatusCode::OK, "application/json", peer.shared.document.clone())),
        Call::Planet => Ok(ok(&planet(peer))),
        Call::Health => Ok(ok(&tell::Health { status: "ok".to_owned() })),
        Call::Ready => ready(peer),
        Call::Metrics => {
            let text = peer.shared.metrics.text(&peer.shared.engine);
            Ok(bytes(StatusCode::OK, "text/plain; version=0.0.4", text.into()))
        }
        Call::Attach => attach(peer, &asked).await,
        Call::Challenge => {
            let (nonce, channel) = peer.challenge(decode::lease(&asked.head.headers)?).await?;
            Ok(ok(&tell::Challenge { nonce: Hex(nonce.0), channel: channel.map(|channel| Hex(channel.0)) }))
        }
        Call::Session => {
            let prove: ask::Prove = json(&asked.body)?;
            let session = peer.prove(&trust::sign::Signature(prove.signature.0)).await?;
            Ok(ok(&tell::Session { agent: Hex(session.lease().agent.0) }))
        }
        Call::Renew => {
            let ask::Nothing {} = json(&asked.body)?;
            Ok(ok(&shown::attached(peer.shared.engine.renew(asked.session()?).await?)))
        }
        Call::Detach => {
            let ask::Nothing {} = json(&asked.body)?;
            peer.shared.engine.detach(asked.session()?).await?;
            Ok(ok(&tell::Done {}))
        }
        Call::Op => op(peer, asked).await,
        Call::OpStatus => {
            let id = decode::op_id(asked.part())?;
            let seen = peer.shared.engine.op_status(asked.session()?, id).await?;
            Ok(ok(&shown::seen(id, seen)))
        }
        Call::Cancel => {
            let id = decode::op_id(asked.part())?;
            let seen = peer.shared.engine.cancel(asked.session()?, id).await?;
            Ok(ok(&shown::seen(id, seen)))
        }
        Call::Ops => {
            let page: ask::Most = asked.query()?;
            let ops = peer.shared.engine.ops(asked.session()?, most(page.most, PAGE)).await?;
            Ok(ok(&tell::Ops { ops: ops.into_iter().map(|(id, seen)| shown::seen(id, seen)).collect() }))
        }
        Call::Chain => chain(peer, &asked).await,
        Call::Inbox => inbox(peer, &asked).await,
        Call::InboxStream => stream::inbox(peer, asked),
        Call::Backup => stream::backup(peer, asked).await,
        Call::Wire => frames::upgrade(peer, asked),
        Call::Regions | Call::Blocks | Call::Block | Call::Agents => standing(peer, call, &asked).await,
        Call::Seal | Call::Open | Call::Bans | Call::Ban | Call::Lift => administer(peer, call, &asked).await,
    }
}

fn planet(peer: &Peer) -> tell::Planet {
    let engine = &peer.shared.engine;
    tell::Planet {
        planet: Hex(engine.planet().0),
        node: Hex(engine.node().0),
        now: engine.now().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
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

async fn attach(peer: &Peer, asked: &Asked) -> Result<Answer, No> {
    let body: ask::Attach = json(&asked.body)?;
    let place = decode::place(&body)?;
    let application = Application::read(&body.application)
        .map_err(|error| No::new(Code::Bad, format!("this is not an application: {error}")).field("application"))?;
    let engine = &peer.shared.engine;
    let connection = peer.connection().await;
    // Whoever brings it need not administer: then its source's limits count.
    let session = decode::lease(&asked.head.headers).ok().and_then(|lease| engine.session(&connection, lease).ok());
    let vouches = session.filter(|session| engine.allow(&connection, session, Rights::ADMINISTER).is_ok());
    let attached = match vouches {
        Some(session) => engine.attach_vouched((&connection, &session), &application, place).await?,
        None => engine.attach(&application, place, peer.source).await?,
    };
    Ok(ok(&shown::attached(attached)))
}

async fn op(peer: &Peer, asked: Asked) -> Result<Answer, No> {
    let session = Arc::clone(asked.session()?);
    let Some((ask, wait)) = asked.op else {
        return Err(No::new(Code::Bad, "the body asks for no op"));
    };
    let engine = &peer.shared.engine;
    let connection = peer.connection().await;
    if let Some(kind) = kinds::by_name(ask.kind) {
        engine.allow(&connection, &session, kind.right)?;
    }
    if wait == ask::Wait::Done {
        return Ok(ok(&shown::done(engine.op(&connection, &session, ask).await?)));
    }
    let id = ask.id;
    let told = shown::seen(id, engine.op_later(&connection, &session, ask).await?);
    let ended = !matches!(told.state, tell::OpState::Queued | tell::OpState::Running);
    let mut answer = json_of(if ended { StatusCode::OK } else { StatusCode::ACCEPTED }, &told);
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/ops/{}", told.id)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

async fn chain(peer: &Peer, asked: &Asked) -> Result<Answer, No> {
    let block = decode::block(&asked.parts)?;
    let page: ask::Chain = asked.query()?;
    let wait = wait(page.wait_ms);
    let _waits = if wait.is_zero() { None } else { Some(peer.shared.wait()?) };
    let engine = &peer.shared.engine;
    let from = page.from.map_or(0, |from| from.max(1));
    let part = unless_stopped(peer, engine.chain(&block, from, most(page.most, CHAIN_PAGE), wait)).await?;
    Ok(ok(&shown::chain(block, &part, engine.node(), CHAIN_BYTES)))
}

async fn inbox(peer: &Peer, asked: &Asked) -> Result<Answer, No> {
    let page: ask::Inbox = asked.query()?;
    let wait = wait(page.wait_ms);
    let _waits = if wait.is_zero() { None } else { Some(peer.shared.wait()?) };
    let after = page.after.map(decode::cursor).transpose().map_err(|no| no.field("after"))?;
    let agent = asked.session()?.lease().agent;
    let messages = peer.shared.engine.inbox(agent, after, most(page.most, PAGE), wait);
    let messages = unless_stopped(peer, messages).await?;
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
async fn standing(peer: &Peer, call: Call, asked: &Asked) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    match call {
        Call::Regions => Ok(ok(&tell::Regions { regions: engine.regions().into_iter().map(shown::region).collect() })),
        Call::Block => Ok(ok(&shown::standing(engine.block(&decode::block(&asked.parts)?).await?))),
        Call::Agents => {
            let page: ask::Agents = asked.query()?;
            let after = page.after.map(|after| trust::AgentId(after.0));
            let agents = engine.agents(after, most(page.most, PAGE)).await?;
            Ok(ok(&tell::Agents { agents: agents.into_iter().map(shown::seat).collect() }))
        }
        _ => {
            let page: ask::Blocks = asked.query()?;
            let after = page.after.as_deref().map(decode::after).transpose()?;
            let blocks = engine.blocks(after, most(page.most, PAGE)).await?;
            Ok(ok(&tell::Blocks { blocks: blocks.into_iter().map(shown::standing).collect() }))
        }
    }
}

/// What an administrator changes.
async fn administer(peer: &Peer, call: Call, asked: &Asked) -> Result<Answer, No> {
    let engine = &peer.shared.engine;
    match call {
        Call::Seal => {
            let seal: ask::Seal = json(&asked.body)?;
            let reason = seal.reason.trim();
            if reason.is_empty() || reason.chars().count() > 1_000 {
                return Err(No::new(Code::Bad, "a reason has 1 to 1000 letters").field("reason"));
            }
            engine.seal(&decode::block(&asked.parts)?, reason).await?;
        }
        Call::Open => {
            let ask::Nothing {} = json(&asked.body)?;
            engine.open_block(&decode::block(&asked.parts)?).await?;
        }
        Call::Ban => {
            let ban: ask::Ban = json(&asked.body)?;
            engine.ban(decode::net(&ban.net)?, engine.now().after(Millis(ban.for_ms)))?;
        }
        Call::Lift => {
            let lift: ask::Lift = asked.query()?;
            engine.lift(decode::net(&lift.net)?)?;
        }
        _ => {
            return Ok(ok(&tell::Bans { bans: engine.bans().into_iter().map(shown::ban).collect() }));
        }
    }
    Ok(ok(&tell::Done {}))
}
