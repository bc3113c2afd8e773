//! The tree over all agents of a planet in one round: a leaf for each agent, a
//! branch for each local node, region, hub and for the planet, and proofs from
//! any leaf to the top.
//!
//! A branch says how many leaves are below it, their root, and what they come to
//! together; it is a leaf of the branch above. Whoever knows the branches below
//! one can make it anew, so an aggregator can leave something out or lie about a
//! child only where somebody sees it.

use crate::level::Level;
use crate::nats::Nats;
use crate::summary::Summary;
use trust::AgentId;
use trust::merkle::{BadProof, Head, Inclusion, Node, OutOfTree, Tree};

/// What a branch is of, from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rank {
    /// A node that watches agents itself.
    Local = 1,
    /// One that puts local results together.
    Regional = 2,
    /// One that votes.
    Hub = 3,
    /// All of them.
    Planet = 4,
}

/// An agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Who.
    pub agent: AgentId,
    /// What is done about it.
    pub level: Level,
    /// What is believed of it.
    pub odds: Nats,
    /// The sum that does not fade.
    pub cumulated: Nats,
    /// The head of its block's chain.
    pub chain: Head,
}

const LEAF: usize = 32 + 1 + 4 + 4 + Head::LEN;

impl Leaf {
    fn node(&self) -> Node {
        let mut bytes = [0; LEAF];
        let (agent, rest) = bytes.split_at_mut(32);
        agent.copy_from_slice(&self.agent.0);
        let (level, rest) = rest.split_at_mut(1);
        level.copy_from_slice(&[self.level as u8]);
        let (odds, rest) = rest.split_at_mut(4);
        odds.copy_from_slice(&self.odds.0.to_be_bytes());
        let (cumulated, chain) = rest.split_at_mut(4);
        cumulated.copy_from_slice(&self.cumulated.0.to_be_bytes());
        chain.copy_from_slice(&self.chain.to_bytes());
        Node::leaf(&bytes)
    }
}

/// What one node says of all below it in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// What it is of.
    pub rank: Rank,
    /// Which one of its rank.
    pub number: u32,
    /// Which round.
    pub round: u64,
    /// How many leaves or branches are right below it, and their root.
    pub head: Head,
    /// What agents below it were like.
    pub summary: Summary,
}

const BRANCH: usize = 1 + 4 + 8 + Head::LEN + Summary::LEN;

impl Branch {
    /// As a leaf of the branch above.
    #[must_use]
    pub fn node(&self) -> Node {
        let mut bytes = Vec::with_capacity(BRANCH);
        bytes.push(self.rank as u8);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.round.to_be_bytes());
        bytes.extend_from_slice(&self.head.to_bytes());
        bytes.extend_from_slice(&self.summary.to_bytes());
        Node::leaf(&bytes)
    }
}

/// Why branches cannot be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBranch {
    /// One is of another rank.
    #[error("branch {number} is of another rank than what is put together here")]
    Rank {
        /// Which.
        number: u32,
    },
    /// One is of another round.
    #[error("branch {number} is of round {theirs}, and this is round {ours}")]
    Round {
        /// Which.
        number: u32,
        /// Its own.
        theirs: u64,
        /// The one at hand.
        ours: u64,
    },
    /// They do not stand in order, each once.
    #[error("branch {number} does not stand in its place")]
    Order {
        /// Which.
        number: u32,
    },
    /// One says what so many agents cannot have come to.
    #[error("branch {number} says more than {most} agents can have come to")]
    Claims {
        /// Which.
        number: u32,
        /// How many are below it.
        most: u64,
    },
}

/// One node's part of the tree, with what is right below it.
#[derive(Debug, Clone)]
pub struct Part {
    branch: Branch,
    tree: Tree,
}

impl Part {
    /// A local node's: its agents in the order of its roster, and what those that
    /// did anything were like.
    #[must_use]
    pub fn local(number: u32, round: u64, agents: &[Leaf], summary: Summary) -> Self {
        Self::over((Rank::Local, number, round), agents.iter().map(Leaf::node), summary)
    }

    /// That of the rank above some branches. `most` says how many agents are
    /// below each, so that no child counts more than it can have seen.
    ///
    /// # Errors
    /// When they do not belong together, or one claims what cannot be.
    pub fn above(
        (rank, number, round): (Rank, u32, u64),
        below: &[Branch],
        most: impl Fn(&Branch) -> u64,
    ) -> Result<Self, NoBranch> {
        let mut before = None;
        let mut summary = Summary::default();
        for child in below {
            let number = child.number;
            if child.rank as u8 + 1 != rank as u8 {
                return Err(NoBranch::Rank { number });
            }
            if child.round != round {
                return Err(NoBranch::Round { number, theirs: child.round, ours: round });
            }
            if before.is_some_and(|before| number <= before) {
                return Err(NoBranch::Order { number });
            }
            let most = most(child);
            if !child.summary.is_possible(most) {
                return Err(NoBranch::Claims { number, most });
            }
            before = Some(number);
            summary.join(&child.summary);
        }
        Ok(Self::over((rank, number, round), below.iter().map(Branch::node), summary))
    }

    fn over((rank, number, round): (Rank, u32, u64), nodes: impl Iterator<Item = Node>, summary: Summary) -> Self {
        let mut tree = Tree::default();
        for node in nodes {
            tree.append(node);
        }
        Self { branch: Branch { rank, number, round, head: tree.head(), summary }, tree }
    }

    /// What it says to the one above.
    #[must_use]
    pub const fn branch(&self) -> &Branch {
        &self.branch
    }

    /// The step from one of those right below it up to it.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn step(&self, index: u64) -> Result<Step, OutOfTree> {
        Ok(Step { inclusion: self.tree.inclusion(index, self.tree.size())?, branch: self.branch })
    }
}

/// A step up the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// That what is below is in the branch.
    pub inclusion: Inclusion,
    /// The branch.
    pub branch: Branch,
}

/// That an agent stands so in the planet's tree of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The agent.
    pub leaf: Leaf,
    /// From its local node to the planet.
    pub steps: Vec<Step>,
}

impl Proof {
    /// Checks it against the planet's branch, which somebody vouches for.
    ///
    /// # Errors
    /// When it does not hold, or leaves out a rank.
    pub fn verify(&self, planet: &Branch) -> Result<(), BadProof> {
        let (mut node, mut rank) = (self.leaf.node(), 0);
        for step in &self.steps {
            if step.branch.rank as u8 != rank + 1 || step.branch.round != planet.round {
                return Err(BadProof);
            }
            step.inclusion.verify(&node, &step.branch.head)?;
            (node, rank) = (step.branch.node(), step.branch.rank as u8);
        }
        let is_top = self.steps.last().is_some_and(|top| top.branch == *planet);
        if is_top && planet.rank == Rank::Planet { Ok(()) } else { Err(BadProof) }
    }
}
