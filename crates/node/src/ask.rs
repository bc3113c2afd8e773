//! What a lane is asked, and where its answers go.

use crate::reply::Token;
use block::chain::OpId;
use block::house::{Deed, Left};
use block::kinds::Tag;
use block::queue::Op;
use block::shard::{Standing, Why};
use std::sync::Arc;
use tokio::sync::oneshot;
use trust::attach::{Channel, Session};
use trust::erasure::Demand;
use trust::lease::Rights;
use trust::{AgentId, Moment};
use vocab::Slot;

/// An op on its way to a lane.
pub(crate) struct Sent {
    pub(crate) needs: Rights,
    pub(crate) op: Op,
    pub(crate) reply: Token,
}

/// What a lane is asked.
pub(crate) enum Ask {
    /// Ops of one session, in their order.
    Ops {
        at: (u32, u64),
        session: Arc<Session>,
        channel: Channel,
        ops: Vec<Sent>,
    },
    State {
        at: (u32, u64),
        agent: AgentId,
        id: OpId,
        reply: Token,
    },
    Cancel {
        at: (u32, u64),
        agent: AgentId,
        id: OpId,
        reply: Token,
    },
    Assign {
        at: (u32, u64),
        agent: AgentId,
        deed: Deed,
        until: Moment,
        reply: Token,
    },
    Release {
        at: (u32, u64),
        slot: Slot,
        why: Left,
        fencing: Option<u64>,
        reply: Token,
    },
    Expire {
        at: (u32, u64),
        owner: AgentId,
        tag: Tag,
    },
    Erase {
        at: (u32, u64),
        demand: Box<Demand>,
        id: OpId,
        keys: u64,
        reply: Token,
    },
    Seal {
        at: (u32, u64),
        reason: Option<String>,
        reply: Token,
    },
    Standing {
        at: (u32, u64),
        reply: oneshot::Sender<Result<Standing, Why>>,
    },
    Waiting {
        at: (u32, u64),
        reply: oneshot::Sender<Vec<(AgentId, OpId, u8)>>,
    },
}

impl Ask {
    /// Where its answers go, when it changes what the index follows; itself,
    /// when it only looks.
    pub(crate) fn changes(self) -> Result<Vec<Token>, Box<Self>> {
        match self {
            Self::Ops { ops, .. } => Ok(ops.into_iter().map(|sent| sent.reply).collect()),
            Self::Cancel { reply, .. }
            | Self::Assign { reply, .. }
            | Self::Release { reply, .. }
            | Self::Erase { reply, .. } => Ok(vec![reply]),
            // It is asked for again.
            Self::Expire { .. } => Ok(Vec::new()),
            looks => Err(Box::new(looks)),
        }
    }

    /// The shard, and the block in its region.
    pub(crate) const fn at(&self) -> (u32, u64) {
        match self {
            Self::Ops { at, .. }
            | Self::State { at, .. }
            | Self::Cancel { at, .. }
            | Self::Assign { at, .. }
            | Self::Release { at, .. }
            | Self::Expire { at, .. }
            | Self::Erase { at, .. }
            | Self::Seal { at, .. }
            | Self::Standing { at, .. }
            | Self::Waiting { at, .. } => *at,
        }
    }
}
