//! What is asked, in JSON: the bodies and the queries of requests.

use crate::{Data, Hex};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::borrow::Cow;

/// Where an agent asks to be let in, and where it wants its slot: in a region,
/// in a cell of it, near a site, or, with none of these, anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The application, signed by the agent's key: base64url without padding.
    pub application: String,
    /// A region's id in the planet file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A cell of that region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u64>,
    /// Latitude and longitude in degrees, with at most six decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Near>")]
    pub near: Option<[Number; 2]>,
}

/// The schema of a site: two numbers, each in its own range.
struct Near;

impl JsonSchema for Near {
    fn schema_name() -> Cow<'static, str> {
        "Near".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "prefixItems": [
                { "type": "number", "minimum": -90, "maximum": 90 },
                { "type": "number", "minimum": -180, "maximum": 180 }
            ],
            "minItems": 2,
            "maxItems": 2
        })
    }
}

/// The answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// The agent's signature over nonce, lease and channel.
    pub signature: Hex<64>,
}

/// A gateway's answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vouch {
    /// The gateway's key.
    pub gateway: Hex<32>,
    /// Its signature over planet, nonce and channel.
    pub signature: Hex<64>,
}

/// A gateway's turn with a region, each tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// The region.
    pub region: String,
    /// The tick of which it wants its part: whole seconds since 1970.
    pub tick: u64,
    /// How many requests wanted to go there in the newest tick that is over.
    pub asked: u64,
}

/// A backup of the planet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The key that it is sealed under. It travels in the request: over TLS, or within one machine.
    pub key: Hex<32>,
    /// Whether the register of the owners' keys is to be in it. What is erased later can be read from
    /// such a backup for as long as it is kept.
    #[serde(default)]
    pub owners: bool,
}

impl std::fmt::Debug for Backup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backup").field("owners", &self.owners).finish_non_exhaustive()
    }
}

/// Until when a request that asks for an op waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// Until the op has ended, and its entry is durable.
    #[default]
    Done,
    /// Until the op is in its block's queue: the answer is 202.
    Accepted,
}

/// What every op has beside what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Common {
    /// Its name.
    pub id: Option<Hex<16>>,
    /// Until when to wait.
    pub wait: Wait,
    /// How long it may wait for the rate.
    pub patience_ms: u64,
}

/// Declares the ops: each is a body of its own, so that its schema says which
/// fields it must have, and `kind` tells them apart.
macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident, $kind:literal { $($fields:tt)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                /// The kind of op.
                #[schemars(extend("const" = $kind))]
                pub kind: String,
                /// The op's name, chosen by its agent: 48 bits of milliseconds since 1970, then 80
                /// bits of chance. The same name again gets the same answer and does nothing twice.
                /// Without it the server chooses one, and an answer that is lost cannot be had again.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub id: Option<Hex<16>>,
                /// Until when to wait.
                #[serde(default)]
                pub wait: Wait,
                /// When the rate is used up: wait up to so many milliseconds instead of a refusal.
                #[serde(default)]
                pub patience_ms: u64,
                $($fields)*
            }

            impl $name {
                /// What every op has.
                #[must_use]
                pub const fn common(&self) -> Common {
                    Common { id: self.id, wait: self.wait, patience_ms: self.patience_ms }
                }
            }
        )*

        /// An op: one of these, told apart by `kind`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
        #[serde(untagged)]
        #[schemars(rename = "OpRequest")]
        pub enum Op {
            $($(#[$doc])* $name($name),)*
        }

        /// The kinds of op that have a body here.
        pub const KINDS: &[&str] = &[$($kind,)*];

        impl Op {
            /// Reads the body of an op of a kind; `None` when there is no such kind.
            pub fn read<'d, D: serde::Deserializer<'d>>(kind: &str, body: D) -> Option<Result<Self, D::Error>> {
                match kind {
                    $($kind => Some($name::deserialize(body).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// What every op has.
            #[must_use]
            pub const fn common(&self) -> Common {
                match self { $(Self::$name(op) => op.common(),)* }
            }
        }
    };
}

ops! {
    /// `put`: writes a record.
    Put, "put" {
        /// The record's name.
        pub key: Data,
        /// What it is to say.
        pub value: Data,
        /// Its residency class.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub class: Option<String>,
    }
    /// `get`: reads a record.
    Get, "get" {
        /// The record's name.
        pub key: Data,
    }
    /// `delete`: removes a record.
    Delete, "delete" {
        /// The record's name.
        pub key: Data,
    }
    /// `send`: a message to an agent.
    Send, "send" {
        /// To whom.
        pub to: Hex<32>,
        /// What it says.
        pub message: Data,
    }
    /// `ack`: acknowledges messages.
    Ack, "ack" {
        /// The last message that the agent has, by its cursor.
        pub cursor: Hex<24>,
    }
    /// `consent`: agrees that records of a class are kept, or takes that back.
    Consent, "consent" {
        /// The residency class.
        pub class: String,
        /// Whether it is given from now on, or taken back.
        pub given: bool,
    }
    /// `opt-out`: records of a class are not to be shared, or may be again.
    OptOut, "opt-out" {
        /// The residency class.
        pub class: String,
        /// Whether the agent is opted out from now on, or back in.
        pub out: bool,
    }
    /// `erase`: destroys the agent's keys once its entry is durable. What it had sealed nobody reads again.
    Erase, "erase" {
    }
    /// `echo`: an entry in the chain, and nothing else.
    Echo, "echo" {
        /// Any bytes.
        pub bytes: Data,
    }
}

/// Which kind of op a body asks for; the rest of it is not looked at.
#[derive(Debug, Deserialize)]
pub struct KindOf<'d> {
    /// The kind.
    #[serde(borrow)]
    pub kind: Cow<'d, str>,
}

/// The node of which region.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its id in the planet file; the node that answers, or a gateway's first, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// How many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Most {
    /// At most so many; the server gives fewer when this is more than it gives at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
}

/// A stretch of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The first entry to tell, counted from 1; the oldest that is kept by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// At most so many entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
    /// When there is none yet: wait for one, up to so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Messages after one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// The last message that the agent has, by its cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Hex<24>>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
    /// When there is none yet: wait for one, up to so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Where a stream of messages begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxStream {
    /// The last message that the agent has, by its cursor. The header `Last-Event-ID` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Hex<24>>,
}

/// Blocks after one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// The last block of the page before, as `region/index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[^/]+/(0|[1-9][0-9]{0,15})$"))]
    pub after: Option<String>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
}

/// Agents after one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    /// The last agent of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Hex<32>>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
}

/// Why a block is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// For whoever meets the sealed block.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,
}

/// A demand that an owner's keys be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ErasureRequest")]
pub struct Erasure {
    /// The demand, signed by its owner's key or by that of somebody who administers the planet: base64url
    /// without padding. It is good for ten minutes.
    pub demand: String,
    /// Whether it is only asked if this may be: then nothing is erased.
    #[serde(default)]
    pub only_ask: bool,
}

/// Whom to turn away, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BanRequest")]
pub struct Ban {
    /// A network, `192.0.2.0/24` or `2001:db8::/64`, or an address.
    pub net: String,
    /// For how long from now.
    pub for_ms: u64,
}

/// Whom to let in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The network, as the list of bans has it.
    pub net: String,
}

/// No body at all, or an empty object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
