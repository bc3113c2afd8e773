//! What a request asks for, whole, before anything is asked of the planet:
//! one decoder for each endpoint, and nothing that an endpoint does.

use super::decode::{self, block, cursor, json, most, query};
use super::limits::{CHAIN_PAGE, LONGEST_WAIT, PAGE};
use super::no::No;
use super::table::Call;
use crate::engine::{BlockAt, OpAsk, Where};
use audit::path::{Path, Row};
use block::bans::Net;
use block::chain::OpId;
use block::kinds::Cursor;
use hyper::HeaderMap;
use hyper::header::UPGRADE;
use std::time::Duration;
use trust::AgentId;
use trust::enrol::Application;
use trust::erasure::Demand;
use trust::sign::Signature;
use vocab::Millis;
use wire::{Code, Hex, ask};

/// The most letters of a reason for sealing a block.
const REASON_LETTERS: usize = 1_000;

/// What came, behind the path's constant parts.
pub(crate) struct Came<'r> {
    /// The variable parts of the path.
    pub(crate) parts: &'r [String],
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r [u8],
}

/// How many entries of a chain, from which on, and how long to wait for them.
pub(crate) struct Stretch {
    pub(crate) from: u64,
    pub(crate) most: usize,
    pub(crate) wait: Duration,
}

/// What a request asks for.
pub(crate) enum Want {
    OpenApi,
    Planet,
    /// Of a region; of the first one without.
    Line(Option<String>),
    /// With the lease of whoever brings the application, if it shows one.
    Attach(Box<Application>, Where, Option<String>),
    Challenge(String),
    Session(Signature),
    Gateway,
    Vouch(AgentId, Signature),
    Tick(ask::Tick),
    Renew,
    Detach,
    Op(Box<OpAsk>, ask::Wait),
    OpStatus(OpId),
    Ops(usize),
    Stances(usize),
    /// Whether it is only asked if it may be.
    Erase(Box<Demand>, bool),
    Cancel(OpId),
    Chain(BlockAt, Stretch),
    Inbox(Option<Cursor>, usize, Duration),
    InboxStream(Option<Cursor>),
    Regions,
    Blocks(Option<BlockAt>, usize),
    Block(BlockAt),
    Agents(Option<AgentId>, usize),
    Seal(BlockAt, String),
    Open(BlockAt),
    Bans,
    Ban(Net, Millis),
    Lift(Net),
    Backup(Box<ask::Backup>),
    AuditCheckpoint,
    AuditKey,
    AuditSuccessors,
    Audit(Path),
    /// Whether it names the protocol that is spoken here.
    Wire(bool),
    Health,
    Ready,
    Metrics,
}

/// How long a request waits for something to happen.
fn wait(asked: Option<u64>) -> Duration {
    Duration::from_millis(asked.unwrap_or(0)).min(LONGEST_WAIT)
}

impl Want {
    /// Reads what a request to an endpoint asks for. `new_id` names an op
    /// whose agent did not.
    pub(crate) fn read(call: Call, came: &Came<'_>, new_id: impl FnOnce() -> OpId) -> Result<Self, No> {
        let part = || came.parts.first().map_or("", String::as_str);
        Ok(match call {
            Call::OpenApi => Self::OpenApi,
            Call::Planet => Self::Planet,
            Call::Line => {
                let line: ask::Line = query(came.query)?;
                Self::Line(line.region)
            }
            Call::Health => Self::Health,
            Call::Ready => Self::Ready,
            Call::Metrics => Self::Metrics,
            Call::Regions => Self::Regions,
            Call::Gateway => Self::Gateway,
            Call::Bans => Self::Bans,
            Call::Wire => Self::Wire(upgrades(came.headers)),
            Call::Attach => attach(came)?,
            Call::Challenge => Self::Challenge(decode::lease(came.headers)?.to_owned()),
            Call::Session => {
                let prove: ask::Prove = json(came.body)?;
                Self::Session(Signature(prove.signature.0))
            }
            Call::Tick => Self::Tick(json(came.body)?),
            Call::Vouch => {
                let vouch: ask::Vouch = json(came.body)?;
                Self::Vouch(AgentId(vouch.gateway.0), Signature(vouch.signature.0))
            }
            Call::Renew | Call::Detach | Call::Open => {
                let ask::Nothing {} = json(came.body)?;
                match call {
                    Call::Renew => Self::Renew,
                    Call::Detach => Self::Detach,
                    _ => Self::Open(block(came.parts)?),
                }
            }
            Call::Op => {
                let (ask, wait) = decode::op(came.body, new_id)?;
                Self::Op(Box::new(ask), wait)
            }
            Call::Erasures => {
                let (demand, only_ask) = decode::demand(came.body)?;
                Self::Erase(Box::new(demand), only_ask)
            }
            Call::OpStatus => Self::OpStatus(decode::op_id(part())?),
            Call::Cancel => Self::Cancel(decode::op_id(part())?),
            Call::Block => Self::Block(block(came.parts)?),
            Call::Ops | Call::Stances | Call::Chain | Call::Inbox | Call::InboxStream | Call::Blocks | Call::Agents => {
                page(call, came)?
            }
            Call::AuditCheckpoint => Self::AuditCheckpoint,
            Call::AuditKey => Self::AuditKey,
            Call::AuditSuccessors => Self::AuditSuccessors,
            Call::AuditEntries => Self::Audit(tile(&format!("tile/entries/{}", part()), "bundle")?),
            Call::AuditTile => {
                // What holds entries is asked for by its own endpoint alone, which needs a right.
                let tile = tile(&format!("tile/{}", part()), "tile")?;
                if tile.row == Row::Entries {
                    return Err(No::new(Code::Bad, "entries are at /v1/audit/tile/entries/").field("tile"));
                }
                Self::Audit(tile)
            }
            Call::Seal | Call::Ban | Call::Lift | Call::Backup => administer(call, came)?,
        })
    }
}

/// A file of the audit log.
fn tile(name: &str, field: &'static str) -> Result<Path, No> {
    Path::parse(name).map_err(|why| No::new(Code::Bad, why.to_string()).field(field))
}

fn upgrades(headers: &HeaderMap) -> bool {
    let wanted = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|wanted| wanted.split(',').any(|one| one.trim() == wire::PROTOCOL))
}

fn attach(came: &Came<'_>) -> Result<Want, No> {
    let body: ask::Attach = json(came.body)?;
    let place = decode::place(&body)?;
    let application = Application::read(&body.application)
        .map_err(|error| No::new(Code::Bad, format!("this is not an application: {error}")).field("application"))?;
    // Whoever brings it need not show a lease: then its source's limits count.
    let lease = decode::lease(came.headers).ok().map(str::to_owned);
    Ok(Want::Attach(Box::new(application), place, lease))
}

/// What is asked for by the query.
fn page(call: Call, came: &Came<'_>) -> Result<Want, No> {
    Ok(match call {
        Call::Ops => {
            let page: ask::Most = query(came.query)?;
            Want::Ops(most(page.most, PAGE))
        }
        Call::Stances => {
            let page: ask::Most = query(came.query)?;
            Want::Stances(most(page.most, PAGE))
        }
        Call::Chain => {
            let block = block(came.parts)?;
            let page: ask::Chain = query(came.query)?;
            let from = page.from.map_or(0, |from| from.max(1));
            Want::Chain(block, Stretch { from, most: most(page.most, CHAIN_PAGE), wait: wait(page.wait_ms) })
        }
        Call::Inbox => {
            let page: ask::Inbox = query(came.query)?;
            let after = page.after.map(|after| cursor(after, "after")).transpose()?;
            Want::Inbox(after, most(page.most, PAGE), wait(page.wait_ms))
        }
        Call::InboxStream => {
            let from: ask::InboxStream = query(came.query)?;
            let after = from.after.map(|after| cursor(after, "after")).transpose()?;
            Want::InboxStream(last_event(came.headers)?.or(after))
        }
        Call::Agents => {
            let page: ask::Agents = query(came.query)?;
            Want::Agents(page.after.map(|after| AgentId(after.0)), most(page.most, PAGE))
        }
        _ => {
            let page: ask::Blocks = query(came.query)?;
            Want::Blocks(page.after.as_deref().map(decode::after).transpose()?, most(page.most, PAGE))
        }
    })
}

/// Where a browser's stream of events broke off.
fn last_event(headers: &HeaderMap) -> Result<Option<Cursor>, No> {
    const NAME: &str = "Last-Event-ID";
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let id = id.to_str().unwrap_or_default().parse::<Hex<24>>();
    let id = id.map_err(|error| No::new(Code::Bad, format!("{NAME}: {error}")).field(NAME))?;
    cursor(id, NAME).map(Some)
}

/// What only administrators ask for, with a body or a query.
fn administer(call: Call, came: &Came<'_>) -> Result<Want, No> {
    Ok(match call {
        Call::Seal => {
            let seal: ask::Seal = json(came.body)?;
            let reason = seal.reason.trim();
            if reason.is_empty() || reason.chars().count() > REASON_LETTERS {
                let what = format!("a reason has 1 to {REASON_LETTERS} letters");
                return Err(No::new(Code::Bad, what).field("reason"));
            }
            Want::Seal(block(came.parts)?, reason.to_owned())
        }
        Call::Ban => {
            let ban: ask::Ban = json(came.body)?;
            Want::Ban(decode::net(&ban.net)?, Millis(ban.for_ms))
        }
        Call::Lift => {
            let lift: ask::Lift = query(came.query)?;
            Want::Lift(decode::net(&lift.net)?)
        }
        _ => Want::Backup(Box::new(json(came.body)?)),
    })
}
