//! Shares put together: of one planet, of one split, each once, and enough of
//! them; and what comes out is held against what every share says of the root.

use crate::sealed;
use crate::shamir;
use crate::share::{Share, Split, half};
use std::fmt;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};

/// Subsets that are tried to find the share that is not right: with 16 shares
/// of which 8 are needed there are 12,870.
const MOST_TRIES: usize = 16_384;

/// A share, and what its holder calls it: a file, or a line.
#[derive(Debug)]
pub struct Labelled {
    /// Where it came from.
    pub label: String,
    /// The share.
    pub share: Share,
}

/// A root secret that came out of its shares.
pub struct Recovered {
    /// The secret.
    pub secret: Secret,
    /// Its public half.
    pub root: AgentId,
    /// The planet that it is of.
    pub planet: PlanetId,
    /// Of which split the shares were.
    pub split: Split,
    /// The numbers of those that were right.
    pub numbers: Vec<u8>,
    /// Where those came from that were not: somebody changed them.
    pub wrong: Vec<String>,
}

impl fmt::Debug for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovered").field("root", &self.root).field("split", &self.split).finish_non_exhaustive()
    }
}

/// Why shares do not give the root secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRecovered {
    /// None was given.
    #[error("no share was given")]
    Nothing,
    /// One is of another planet.
    #[error("{label} is a share of another planet, {theirs}; this one is {ours}")]
    OtherPlanet {
        /// Which share.
        label: String,
        /// Whose it is.
        theirs: String,
        /// Whose it should be.
        ours: String,
    },
    /// They are of two splits.
    #[error(
        "{label} is of split {theirs}, and {first} of split {ours}: shares of different splits do not go together, \
         however many there are"
    )]
    OtherSplit {
        /// Which share.
        label: String,
        /// Of which split it is.
        theirs: String,
        /// The share that it is held against.
        first: String,
        /// Of which split that is.
        ours: String,
    },
    /// Two shares of one number are not the same.
    #[error("{one} and {other} both say that they are share {number}, and they differ: one of them was changed")]
    Contradict {
        /// Which share.
        one: String,
        /// The other.
        other: String,
        /// Their number.
        number: u8,
    },
    /// Too few.
    #[error(
        "{given} of the {needs} shares that are needed: so few say nothing about the root secret, not even a part of \
         it{again}"
    )]
    TooFew {
        /// How many different ones were given.
        given: usize,
        /// How many are needed.
        needs: u8,
        /// What was given twice, in words.
        again: String,
    },
    /// What comes out is not the root, and nobody can tell which share it is.
    #[error(
        "what comes out is not the root that was split: at least one of {shares} was changed, or made up; with more \
         shares it can be said which"
    )]
    Wrong {
        /// Which shares.
        shares: String,
    },
    /// It is not the root, and what it opens is not here.
    #[error("the shares are of a planet whose root is in a token: what they give opens a copy of its directory")]
    NoRoot,
}

fn hexed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named(split: &Split) -> String {
    format!("{} ({})", split.epoch, hexed(&split.name))
}

/// What is known of a planet whose shares are put together.
#[derive(Debug, Clone, Copy)]
pub struct Whose {
    /// Its root.
    pub root: AgentId,
    /// What its sealed copies are sealed to.
    pub recovery: Option<AgentId>,
}

impl Whose {
    fn planet(self) -> PlanetId {
        PlanetId::of_root(self.root)
    }

    /// Whether a secret is its root, or opens its copies in the root's place.
    fn has(self, secret: &Secret, id: AgentId) -> bool {
        id == self.root || self.recovery.is_some_and(|to| to.0 == sealed::opener(secret).public().0)
    }
}

/// Puts shares together; of a planet, where that is known.
///
/// # Errors
/// When they are not enough of one split of it, or something else comes out.
pub fn combine(shares: &[Labelled], whose: Option<Whose>) -> Result<Recovered, NotRecovered> {
    let Some(first) = shares.first() else { return Err(NotRecovered::Nothing) };
    let ours = whose.map_or(first.share.split.planet, |whose| half(whose.planet()));
    let mut kept: Vec<&Labelled> = Vec::new();
    let mut again = Vec::new();
    for given in shares {
        let Labelled { label, share } = given;
        if share.split.planet != ours {
            let (theirs, ours) = (hexed(&share.split.planet), hexed(&ours));
            return Err(NotRecovered::OtherPlanet { label: label.clone(), theirs, ours });
        }
        if share.split != first.share.split {
            let (theirs, ours) = (named(&share.split), named(&first.share.split));
            return Err(NotRecovered::OtherSplit { label: label.clone(), theirs, first: first.label.clone(), ours });
        }
        match kept.iter().find(|other| other.share.number == share.number) {
            Some(other) if other.share == *share => again.push(format!("{label} is {} again", other.label)),
            Some(other) => {
                let (one, other) = (other.label.clone(), label.clone());
                return Err(NotRecovered::Contradict { one, other, number: share.number });
            }
            None => kept.push(given),
        }
    }
    let split = first.share.split;
    if kept.len() < usize::from(split.needs) {
        let again = if again.is_empty() { String::new() } else { format!(" ({})", again.join(", ")) };
        return Err(NotRecovered::TooFew { given: kept.len(), needs: split.needs, again });
    }
    whole(split, &kept, whose)
}

/// Tries subsets, the first of them first, until one gives the root.
fn whole(split: Split, kept: &[&Labelled], whose: Option<Whose>) -> Result<Recovered, NotRecovered> {
    let needs = usize::from(split.needs);
    let mut chosen: Vec<usize> = (0..needs).collect();
    for _ in 0..MOST_TRIES {
        let points: Vec<(u8, &Secret)> =
            chosen.iter().filter_map(|at| kept.get(*at)).map(|one| (one.share.number, &one.share.part)).collect();
        let secret = shamir::at(0, &points);
        let root = SigningKey::new(&secret).id();
        if split.check_of(root) == split.check && whose.is_none_or(|whose| whose.has(&secret, root)) {
            let planet = whose.map_or_else(|| PlanetId::of_root(root), Whose::planet);
            // Nothing tells of which planet it is but what it opens.
            if half(planet) != split.planet {
                return Err(NotRecovered::NoRoot);
            }
            let right = |one: &&&Labelled| shamir::at(one.share.number, &points) == one.share.part;
            let numbers = kept.iter().filter(right).map(|one| one.share.number).collect();
            let wrong = kept.iter().filter(|one| !right(one)).map(|one| one.label.clone()).collect();
            return Ok(Recovered { secret, root, planet, split, numbers, wrong });
        }
        if !next(&mut chosen, kept.len()) {
            break;
        }
    }
    Err(NotRecovered::Wrong { shares: kept.iter().map(|one| one.label.as_str()).collect::<Vec<_>>().join(", ") })
}

/// The next subset of as many of `of`, in order; whether there is one.
fn next(chosen: &mut [usize], of: usize) -> bool {
    let many = chosen.len();
    let Some(at) = (0..many).rev().find(|at| chosen[*at] < of - many + at) else { return false };
    let from = chosen[at] + 1;
    for (step, place) in chosen[at..].iter_mut().enumerate() {
        *place = from + step;
    }
    true
}
