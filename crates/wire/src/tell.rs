//! What is answered, in JSON.

use crate::{Base64, Data, Hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an answer: what is not there is not written.
macro_rules! tells {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
        )*
    };
}

tells! {
    /// What went wrong, and what to try.
    Fault {
        /// The kind of it.
        error: String,
        /// What, why, and what to try.
        what: String,
        /// The field of the request that is wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// When trying again may help.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
        /// The right block, when this was the wrong one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        right: Option<Block>,
    }
    /// A block.
    Block {
        /// Its region's id in the planet file.
        region: String,
        /// Which block of it, counted from 0.
        index: u64,
    }
    /// Who signs for a region.
    Node {
        /// The region's id in the planet file.
        region: String,
        /// The node whose key signs the heads of its chains.
        node: Hex<32>,
    }
    /// What a gateway hears from a region, each tick.
    Tick {
        /// How many requests it may let through in the tick that it asked for; no limit without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<u64>,
        /// Which tick it is here.
        now: u64,
        /// How the region stands.
        region: Region,
    }
    /// Which planet this is, and who answers for it.
    Planet {
        /// The planet: what applications name.
        planet: Hex<16>,
        /// The node whose key signs the heads of chains.
        node: Hex<32>,
        /// The nodes of the regions, where each has its own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<Node>,
        /// The planet's time, in milliseconds since 1970.
        now: u64,
        /// The version of the program.
        version: String,
    }
    /// How a node came by its key.
    Line {
        /// Each says that one key gives its place to the next, signed by both; the first first. None while the node has
        /// its first key.
        statements: Vec<Base64>,
    }
    /// A slot, and the lease to it.
    Attached {
        /// The lease: what `Authorization: Mycel …` shows.
        lease: String,
        /// The block.
        block: Block,
        /// The slot, counted from 1.
        slot: u8,
        /// Its address in its cell.
        address: String,
        /// The sequence of the entry that assigned it.
        fencing: u64,
        /// Until when, in milliseconds since 1970.
        until: u64,
        /// Whether the agent may look at everything, seal and ban.
        administers: bool,
    }
    /// What to sign to prove whose a lease is, on this connection.
    Challenge {
        /// What the server has never sent before.
        nonce: Hex<32>,
        /// What names the connection. Absent under TLS, where both ends derive it (RFC 9266): nobody
        /// between them can then pass the proof on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Hex<32>>,
    }
    /// Who this connection is from now on, whenever it shows the lease.
    Session {
        /// The agent.
        agent: Hex<32>,
    }
    /// Where an op is.
    Op {
        /// Its name.
        id: Hex<16>,
        /// `queued`, `running`, `done`, `failed` or `cancelled`.
        state: OpState,
        /// While it is in its block's queue: so many are before it. An op that is queued without this waits for
        /// the rate, before the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before_it: Option<u64>,
        /// Its place in the chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
        /// When it ended, in milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<u64>,
        /// The hash of its entry: the receipt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<Hex<32>>,
        /// After how many tries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tries: Option<u8>,
        /// `put`, `get`, `delete`: the entry that wrote what was there, 0 for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        /// `get`: what the record says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Data>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// Whether it had been here before: this is the same answer again.
        again: bool,
    }
    /// Ops of an agent: those that have not ended, then those that have.
    Ops {
        /// The ops.
        ops: Vec<Op>,
    }
    /// A stretch of a chain, and its head.
    Chain {
        /// Whose.
        block: Block,
        /// The entries in their order.
        entries: Vec<Entry>,
        /// Where the chain ends now.
        head: Head,
        /// The first entry that has not been pruned.
        oldest: u64,
        /// The last entry that was pruned, by the node's word, when this begins
        /// with the oldest that is there: what it links to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor: Option<Head>,
    }
    /// An entry: the bytes that are hashed, and what they say.
    Entry {
        /// The bytes that the next entry's link covers.
        bytes: Base64,
        /// Its place.
        sequence: u64,
        /// The epoch of its writer.
        epoch: u64,
        /// When, in milliseconds since 1970.
        time: u64,
        /// Who asked.
        agent: Hex<32>,
        /// By what name.
        id: Hex<16>,
        /// What kind of op; a number where this program does not know it.
        kind: String,
        /// `done`, `failed` or `cancelled`.
        outcome: OpState,
        /// After how many tries.
        tries: u8,
        /// The hash of the entry before.
        previous: Hex<32>,
        /// The hash of this one.
        link: Hex<32>,
        /// Bytes of what was asked, which is sealed.
        payload: u64,
        /// Bytes of what was answered, which is sealed.
        result: u64,
    }
    /// The end of a chain, and the node's word for it.
    Head {
        /// The place of the last entry.
        sequence: u64,
        /// Its hash.
        link: Hex<32>,
        /// The node's signature over block, sequence and hash.
        signature: Hex<64>,
        /// The node.
        node: Hex<32>,
    }
    /// Messages that wait.
    Inbox {
        /// The messages in their order.
        messages: Vec<Message>,
    }
    /// A message.
    Message {
        /// Its place: what it is acknowledged by.
        cursor: Hex<24>,
        /// Who sent it.
        from: Hex<32>,
        /// When, in milliseconds since 1970.
        time: u64,
        /// The op that sent it.
        id: Hex<16>,
        /// The block that it was sent in.
        block: Block,
        /// Its place in that block's chain.
        sequence: u64,
        /// What it says; absent when its sender's key was destroyed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Data>,
    }
    /// What an agent has said last.
    Stances {
        /// Of each matter, class and block, the newest first.
        stances: Vec<Stance>,
    }
    /// What an agent has said of a residency class, or of what it had sealed.
    Stance {
        /// Of what.
        matter: Matter,
        /// The class; absent for an erasure, and where the planet file has it no longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Whether it stands. Consent from before an erasure does not.
        stands: bool,
        /// The block in whose chain it stands; consent holds there alone.
        block: Block,
        /// Its place in that chain.
        sequence: u64,
        /// When, in milliseconds since 1970.
        time: u64,
    }
    /// What came of a demand for erasure.
    Erasures {
        /// The entries that say so, in each block where the owner had been; none where it had never
        /// sealed anything.
        erased: Vec<Erased>,
        /// How many keys the demand was the end of: an owner has one in each region where it sealed.
        keys: u64,
    }
    /// An entry that says that what its owner had sealed is erased.
    Erased {
        /// The block in whose chain it stands.
        block: Block,
        /// Its place in that chain.
        sequence: u64,
        /// The hash of it.
        link: Hex<32>,
    }
    /// The regions of the planet.
    Regions {
        /// The regions in the order of the file.
        regions: Vec<Region>,
    }
    /// How a region stands.
    Region {
        /// Its id in the planet file.
        id: String,
        /// Its blocks.
        blocks: u64,
        /// Slots that are taken.
        taken: u64,
        /// Slots in all.
        slots: u64,
    }
    /// Blocks in which somebody holds a slot.
    Blocks {
        /// The blocks in their order.
        blocks: Vec<Standing>,
    }
    /// How a block stands.
    Standing {
        /// Which block.
        block: Block,
        /// Its number on the planet as it is planned now.
        number: u64,
        /// Entries of its chain.
        entries: u64,
        /// The hash of the last one.
        link: Hex<32>,
        /// Slots that are taken.
        taken: u32,
        /// Slots in all.
        slots: u32,
        /// Ops that have not ended.
        waiting: u64,
        /// Why it is sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    }
    /// Agents that hold slots.
    Agents {
        /// The agents in their order.
        agents: Vec<Seat>,
    }
    /// A slot that somebody holds.
    Seat {
        /// Who.
        agent: Hex<32>,
        /// The block.
        block: Block,
        /// The slot, counted from 1.
        slot: u8,
        /// The sequence of the entry that assigned it.
        fencing: u64,
        /// Until when, in milliseconds since 1970.
        until: u64,
    }
    /// Who is turned away.
    Bans {
        /// The bans, by network.
        bans: Vec<Ban>,
    }
    /// A ban.
    Ban {
        /// The network.
        net: String,
        /// `traffic`, `authentication`, `verdict` or `operator`.
        reason: String,
        /// The score, when it was for traffic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        score: Option<u32>,
        /// Since when, in milliseconds since 1970.
        since: u64,
        /// Until when.
        until: u64,
        /// Which ban of this network it is, counted from 1.
        times: u32,
    }
    /// It is done.
    Done {}
    /// The process answers.
    Health {
        /// `ok`.
        status: String,
    }
}

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Matter {
    /// That records of a class may be kept.
    Consent,
    /// That records of a class may not be shared.
    OptOut,
    /// That all it had sealed be erased.
    Erase,
}

/// Where an op is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OpState {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It ran.
    Done,
    /// It was tried as often as it may be.
    Failed,
    /// It was cancelled before it began, and never runs.
    Cancelled,
}
