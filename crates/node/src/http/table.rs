//! The endpoints, each once: what routes requests, what asks for rights and
//! what writes the OpenAPI document read this table and nothing else.

use super::limits::{BODY_BYTES, STRANGERS_BYTES};
use hyper::Method;
use planet::Right;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use wire::{Code, ask, tell};

/// What a request has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// To come from a gateway that has proved itself on this connection.
    Gateway,
    /// A lease in its header; whose it is, it is about to prove.
    Lease,
    /// A lease that was proved on this connection.
    Proof,
    /// A proved lease that gives a right.
    Right(Right),
    /// A proved lease for the very block that the path names, which gives a right; or one that gives it there and administers.
    Own(Right),
    /// A proved lease that gives the right of the op's kind.
    Kind,
}

/// What a request is, to the code that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    OpenApi,
    Planet,
    Line,
    Attach,
    Challenge,
    Session,
    Gateway,
    Vouch,
    Tick,
    Renew,
    Detach,
    Op,
    OpStatus,
    Ops,
    Cancel,
    Chain,
    Inbox,
    InboxStream,
    Stances,
    Erasures,
    Regions,
    Blocks,
    Block,
    Agents,
    Seal,
    Open,
    Bans,
    Ban,
    Lift,
    Backup,
    AuditCheckpoint,
    AuditKey,
    AuditSuccessors,
    AuditEntries,
    AuditTile,
    Wire,
    Health,
    Ready,
    Metrics,
}

/// What a type of request or answer is in the document.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What comes back.
#[derive(Clone, Copy)]
pub(crate) enum Back {
    /// JSON of a type.
    Json(Shape),
    /// Text of a media type.
    Text(&'static str),
    /// Nothing: the connection is another one from here on.
    Upgraded,
}

/// An endpoint.
pub(crate) struct Endpoint {
    pub(crate) call: Call,
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    pub(crate) about: &'static str,
    pub(crate) query: Option<Shape>,
    pub(crate) body: Option<Shape>,
    pub(crate) back: Back,
    pub(crate) status: u16,
    pub(crate) codes: &'static [Code],
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A query is written out parameter by parameter, so its schema stands by itself.
fn query<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// What any endpoint may answer, beside its own codes.
pub(crate) const ANYWHERE: &[Code] =
    &[Code::Bad, Code::Slow, Code::HeadTooLarge, Code::TooMany, Code::Internal, Code::Unavailable];

/// What any endpoint that wants a lease may answer.
pub(crate) const WITH_LEASE: &[Code] = &[Code::Unknown, Code::Forbidden, Code::WrongBlock];

/// Declares the table. What is not said of an endpoint is nothing, and 200.
macro_rules! endpoints {
    ($($call:ident $name:literal $method:ident $path:literal $needs:expr, $about:literal,
       $(query $query:ty,)? $(body $body:ty,)? $(json $json:ty,)? $(text $text:literal,)? $(upgraded $up:ident,)?
       $(status $status:literal,)? [$($code:ident)*];)*) => {
        /// Every endpoint.
        pub(crate) static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            call: Call::$call,
            name: $name,
            method: Method::$method,
            path: $path,
            needs: $needs,
            about: $about,
            query: { #[allow(unused_mut, unused_assignments)] let mut q: Option<Shape> = None; $(q = Some(query::<$query>);)? q },
            body: { #[allow(unused_mut, unused_assignments)] let mut b: Option<Shape> = None; $(b = Some(of::<$body>);)? b },
            back: { $(Back::Json(of::<$json>))? $(Back::Text($text))? $(Back::$up)? },
            status: { #[allow(unused_mut, unused_assignments)] let mut s = 200; $(s = $status;)? s },
            codes: &[$(Code::$code,)*],
        },)*];
    };
}

const READ: Right = Right::Read;
const OPERATE: Right = Right::Operate;
const ADMINISTER: Right = Right::Administer;

endpoints! {
    OpenApi "openapi" GET "/v1/openapi.json" Needs::Nothing, "This document.",
        text "application/json", [];
    Planet "planet" GET "/v1/planet" Needs::Nothing, "Which planet this is, and who signs for it.",
        json tell::Planet, [];
    Line "line" GET "/v1/planet/line" Needs::Nothing,
        "How a region's node came by the key that signs its heads: by which statements each gave its place to the next. \
         Whoever knows one of them can follow.",
        query ask::Line, json tell::Line, [NotFound WrongBlock];
    Attach "attach" POST "/v1/attach" Needs::Nothing,
        "A slot and the lease to it, for the agent that signed the application. On a connection and with the lease of \
         somebody who administers, the limits of the source are not asked.",
        body ask::Attach, json tell::Attached, [Unknown Forbidden NotFound Conflict TooLarge Type Residency];
    Challenge "challenge" GET "/v1/challenge" Needs::Lease,
        "What the lease's agent has to sign, on this connection, to be taken for it.",
        json tell::Challenge, [];
    Session "session" POST "/v1/session" Needs::Lease,
        "The answer to the newest challenge: requests on this connection that show the lease are its agent's.",
        body ask::Prove, json tell::Session, [TooLarge Type];
    Gateway "gateway" GET "/v1/gateway" Needs::Nothing,
        "What a gateway has to sign, on this connection, for its word to be taken.",
        json tell::Challenge, [];
    Vouch "vouch" POST "/v1/gateway" Needs::Nothing,
        "The answer to that: on this connection every lease is its agent's, and `mycel-source` says where from.",
        body ask::Vouch, json tell::Done, [Unknown TooLarge Type];
    Tick "tick" POST "/v1/tick" Needs::Gateway,
        "What a gateway may let through to a region in a tick, and how the region stands.",
        body ask::Tick, json tell::Tick, [Unknown NotFound Conflict WrongBlock TooLarge Type];
    Renew "renew" POST "/v1/renew" Needs::Proof, "A lease to the same slot that lasts longer.",
        body ask::Nothing, json tell::Attached, [Conflict TooLarge Type];
    Detach "detach" POST "/v1/detach" Needs::Proof, "The slot is free again, and the lease worth nothing.",
        body ask::Nothing, json tell::Done, [Conflict TooLarge Type];
    Op "op" POST "/v1/ops" Needs::Kind,
        "Runs an op. 202 with its place when `wait` is `accepted` and it has not ended.",
        body ask::Op, json tell::Op, [NotFound Conflict Gone TooLarge Type Residency];
    Ops "ops" GET "/v1/ops" Needs::Right(READ), "The agent's newest ops: those that have not ended first.",
        query ask::Most, json tell::Ops, [];
    OpStatus "op-status" GET "/v1/ops/{id}" Needs::Right(READ), "Where an op of the agent is.",
        json tell::Op, [NotFound Gone];
    Cancel "cancel" DELETE "/v1/ops/{id}" Needs::Right(OPERATE),
        "Cancels an op that has not begun: it never runs.",
        json tell::Op, [NotFound Conflict Gone];
    Chain "chain" GET "/v1/blocks/{region}/{index}/chain" Needs::Own(READ),
        "Entries as they are hashed, and the signed head, so that every link can be checked elsewhere.",
        query ask::Chain, json tell::Chain, [NotFound Gone];
    Inbox "inbox" GET "/v1/inbox" Needs::Right(READ), "Messages for the agent, at least once, until it acknowledges them.",
        query ask::Inbox, json tell::Inbox, [];
    InboxStream "inbox-stream" GET "/v1/inbox/stream" Needs::Right(READ),
        "The same as events: each has its cursor as `id` and a message as `data`.",
        query ask::InboxStream, text "text/event-stream", [];
    Stances "stances" GET "/v1/stances" Needs::Right(READ),
        "What the agent has agreed to, opted out of and had erased, in each block, the newest first.",
        query ask::Most, json tell::Stances, [];
    Erasures "erasures" POST "/v1/erasures" Needs::Nothing,
        "Destroys an owner's keys on a demand that is its own proof, once the entries that say so are durable. The same \
         demand again is answered alike.",
        body ask::Erasure, json tell::Erasures, [Unknown Forbidden Conflict TooLarge Type];
    Regions "regions" GET "/v1/regions" Needs::Proof, "The regions of the planet.", json tell::Regions, [];
    Blocks "blocks" GET "/v1/blocks" Needs::Right(ADMINISTER), "Blocks in which somebody holds a slot.",
        query ask::Blocks, json tell::Blocks, [NotFound];
    Block "block" GET "/v1/blocks/{region}/{index}" Needs::Own(READ), "How a block stands.",
        json tell::Standing, [NotFound];
    Agents "agents" GET "/v1/agents" Needs::Right(ADMINISTER), "Who holds slots.",
        query ask::Agents, json tell::Agents, [];
    Seal "seal" POST "/v1/blocks/{region}/{index}/seal" Needs::Right(ADMINISTER),
        "The block takes nothing in until it is opened.",
        body ask::Seal, json tell::Done, [NotFound Conflict TooLarge Type];
    Open "open" POST "/v1/blocks/{region}/{index}/open" Needs::Right(ADMINISTER), "The block goes on.",
        body ask::Nothing, json tell::Done, [NotFound Conflict TooLarge Type];
    Bans "bans" GET "/v1/bans" Needs::Right(ADMINISTER), "Who is turned away.", json tell::Bans, [];
    Ban "ban" POST "/v1/bans" Needs::Right(ADMINISTER), "Turns a network away for a time.",
        body ask::Ban, json tell::Done, [Conflict TooLarge Type];
    Lift "lift" DELETE "/v1/bans" Needs::Right(ADMINISTER), "Lets a network in again.",
        query ask::Lift, json tell::Done, [NotFound];
    Backup "backup" POST "/v1/backup" Needs::Right(ADMINISTER),
        "All that was acknowledged before, sealed under the key: whole if and only if it opens to its end.",
        body ask::Backup, text "application/octet-stream", [TooLarge Type];
    AuditCheckpoint "audit-checkpoint" GET "/v1/audit/checkpoint" Needs::Nothing,
        "How many entries the audit log has and their root, signed (c2sp.org/tlog-checkpoint).",
        text "text/plain; charset=utf-8", [NotFound];
    AuditKey "audit-key" GET "/v1/audit/log.vkey" Needs::Nothing,
        "The key that signs it, as this planet says; an auditor has it from elsewhere.",
        text "text/plain; charset=utf-8", [];
    AuditSuccessors "audit-successors" GET "/v1/audit/successors" Needs::Nothing,
        "How its keys followed each other: notes, each signed by the key before.",
        text "text/plain; charset=utf-8", [NotFound];
    AuditEntries "audit-entries" GET "/v1/audit/tile/entries/{bundle}" Needs::Right(ADMINISTER),
        "256 entries of the audit log, or those that there are of them (c2sp.org/tlog-tiles).",
        text "application/octet-stream", [NotFound];
    AuditTile "audit-tile" GET "/v1/audit/tile/{tile}" Needs::Nothing,
        "256 hashes over its entries, or those that there are of them (c2sp.org/tlog-tiles).",
        text "application/octet-stream", [NotFound];
    Wire "wire" GET "/v1/wire" Needs::Nothing,
        "Upgrades to frames (`Upgrade: mycel/1`): the same ops, many at once. docs/guides/wire.md says how.",
        upgraded Upgraded, status 101, [Upgrade];
    Health "health" GET "/health" Needs::Nothing, "The process answers.", json tell::Health, [];
    Ready "ready" GET "/ready" Needs::Nothing, "It serves; 503 with the reason while it does not.",
        json tell::Health, [];
    Metrics "metrics" GET "/metrics" Needs::Nothing, "Figures for Prometheus.",
        text "text/plain; version=0.0.4", [];
}

impl Endpoint {
    /// Bytes of a body that are read at most.
    pub(crate) const fn most_bytes(&self) -> usize {
        match self.needs {
            Needs::Nothing | Needs::Gateway | Needs::Lease => STRANGERS_BYTES,
            _ => BODY_BYTES,
        }
    }

    /// Every code that it may answer.
    pub(crate) fn all_codes(&self) -> Vec<Code> {
        let with_lease = if self.needs.a_lease() { WITH_LEASE } else { &[][..] };
        let mut codes = [self.codes, ANYWHERE, with_lease].concat();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

impl Needs {
    /// Whether that begins with a lease.
    pub(crate) const fn a_lease(self) -> bool {
        !matches!(self, Self::Nothing | Self::Gateway)
    }

    /// In words, for the document.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Gateway => "gateway",
            Self::Lease => "lease",
            Self::Proof => "proof",
            Self::Right(right) => right.word(),
            Self::Own(_) => "read, and administer where the block is another's",
            Self::Kind => "of the op's kind",
        }
    }
}
