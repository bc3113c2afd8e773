//! The tree over a planet: what it proves, what it takes from its children, and
//! what one liar can move.
#![allow(clippy::unwrap_used, clippy::float_arithmetic, clippy::cast_precision_loss)]

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;
use proptest::prelude::*;
use trust::AgentId;
use trust::merkle::{Head, Node};
use watch::level::Level;
use watch::nats::Nats;
use watch::summary::{HABITS, Summary, median};
use watch::tree::{Branch, Leaf, NoBranch, Part, Proof, Rank};

const ROUND: u64 = 12;
/// Agents of a local node; locals of a region; regions of a hub; hubs.
const SHAPE: [u32; 4] = [33, 5, 3, 2];

fn leaf(agent: u32) -> Leaf {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&agent.to_be_bytes());
    let chain = Head { size: u64::from(agent), root: Node(id) };
    let odds = Nats(agent.cast_signed() * 3);
    Leaf { agent: AgentId(id), level: Level::None, odds, cumulated: Nats(7), chain }
}

fn said(dice: &mut Dice) -> [Nats; HABITS] {
    std::array::from_fn(|_| Nats(i32::try_from(dice.roll(200_000)).unwrap() - 6_905))
}

/// All parts, by rank.
struct World {
    local: Vec<Part>,
    regional: Vec<Part>,
    hubs: Vec<Part>,
    planet: Part,
}

fn above(rank: Rank, below: &[Part], each: u32, most: u64) -> Vec<Part> {
    let size = usize::try_from(each).unwrap();
    let part = |(number, below): (usize, &[Part])| {
        let below: Vec<Branch> = below.iter().map(|part| *part.branch()).collect();
        Part::above((rank, u32::try_from(number).unwrap(), ROUND), &below, |_| most).unwrap()
    };
    below.chunks(size).enumerate().map(part).collect()
}

fn world() -> World {
    let [agents, locals, regions, hubs] = SHAPE;
    let mut dice = Dice::new(4);
    let local = |number: u32| {
        let leaves: Vec<Leaf> = (number * agents..(number + 1) * agents).map(leaf).collect();
        let mut summary = Summary::default();
        leaves.iter().for_each(|_| summary.take(&said(&mut dice)));
        Part::local(number, ROUND, &leaves, summary)
    };
    let local: Vec<Part> = (0..locals * regions * hubs).map(local).collect();
    let agents = u64::from(agents);
    let regional = above(Rank::Regional, &local, locals, agents);
    let hub = above(Rank::Hub, &regional, regions, agents * u64::from(locals));
    let mut planet = above(Rank::Planet, &hub, hubs, agents * u64::from(locals * regions));
    World { local, regional, hubs: hub, planet: planet.pop().unwrap() }
}

fn proof(world: &World, agent: u32) -> Proof {
    let [agents, locals, regions, _] = SHAPE;
    let (local, regional) = (agent / agents, agent / agents / locals);
    let hub = regional / regions;
    let at = |parts: &[Part], number: u32, below: u32| {
        parts[usize::try_from(number).unwrap()].step(u64::from(below)).unwrap()
    };
    let steps = vec![
        at(&world.local, local, agent % agents),
        at(&world.regional, regional, local % locals),
        at(&world.hubs, hub, regional % regions),
        world.planet.step(u64::from(hub)).unwrap(),
    ];
    Proof { leaf: leaf(agent), steps }
}

#[test]
fn every_agent_is_proved_from_its_leaf_to_the_planet() {
    let world = world();
    let all: u32 = SHAPE.iter().product();
    assert_eq!(world.planet.branch().summary.count(), u64::from(all));
    for agent in 0..all {
        proof(&world, agent).verify(world.planet.branch()).unwrap();
    }
}

#[test]
fn whatever_is_changed_in_a_proof_is_found() {
    let world = world();
    let (right, top) = (proof(&world, 400), world.planet.branch());
    let mut wrong: Vec<Proof> = Vec::new();
    let mut change = |change: &dyn Fn(&mut Proof)| {
        let mut proof = right.clone();
        change(&mut proof);
        wrong.push(proof);
    };
    change(&|proof| proof.leaf = leaf(401));
    change(&|proof| proof.leaf.level = Level::Ban);
    change(&|proof| proof.leaf.odds = Nats(-1));
    change(&|proof| proof.leaf.cumulated = Nats(8));
    change(&|proof| proof.leaf.chain.size += 1);
    change(&|proof| proof.steps.clear());
    for at in 0..4 {
        change(&|proof| drop(proof.steps.remove(at)));
        change(&|proof| proof.steps[at].branch.number += 1);
        change(&|proof| proof.steps[at].branch.round += 1);
        change(&|proof| proof.steps[at].branch.head.size += 1);
        change(&|proof| proof.steps[at].branch.rank = Rank::Planet);
        change(&|proof| proof.steps[at].branch.summary.take(&[Nats(1); HABITS]));
        change(&|proof| proof.steps[at].inclusion.index ^= 1);
    }
    let same = wrong.iter().filter(|proof| **proof == right).count();
    // The planet's rank is what it is already.
    assert_eq!(same, 1);
    for proof in wrong.iter().filter(|proof| **proof != right) {
        assert!(proof.verify(top).is_err(), "{proof:?}");
    }
    right.verify(top).unwrap();
    assert!(right.verify(world.hubs[0].branch()).is_err());
}

#[test]
fn a_child_counts_no_more_than_it_can_have_seen() {
    let world = world();
    let [agents, ..] = SHAPE;
    let mut below: Vec<Branch> = world.local[..5].iter().map(|part| *part.branch()).collect();
    let join = |below: &[Branch]| {
        Part::above((Rank::Regional, 0, ROUND), below, |_| u64::from(agents)).map(|part| *part.branch())
    };
    assert_eq!(join(&below).unwrap(), *world.regional[0].branch());
    // One more than it has.
    below[3].summary.take(&[Nats(0); HABITS]);
    assert_eq!(join(&below), Err(NoBranch::Claims { number: 3, most: u64::from(agents) }));
    below[3] = below[2];
    assert_eq!(join(&below), Err(NoBranch::Order { number: 2 }));
    below[3].round = 11;
    assert_eq!(join(&below), Err(NoBranch::Round { number: 2, theirs: 11, ours: ROUND }));
    below[3].rank = Rank::Hub;
    assert_eq!(join(&below), Err(NoBranch::Rank { number: 2 }));
}

/// Ten aggregators, of which up to four lie as much as they may, and claim to
/// have seen four times as many agents.
#[test]
fn liars_do_not_move_what_most_say() {
    let mut dice = Dice::new(9);
    let mut honest = || {
        let mut summary = Summary::default();
        (0..500).for_each(|_| summary.take(&[Nats(i32::try_from(dice.roll(20_000)).unwrap()); HABITS]));
        summary
    };
    let truth: Vec<Summary> = (0..10).map(|_| honest()).collect();
    let mut liar = Summary::default();
    (0..2_000).for_each(|_| liar.take(&[Nats(4 << 16); HABITS]));
    let means: Vec<Nats> = truth.iter().map(|summary| summary.mean(0).unwrap()).collect();
    for liars in 1..5 {
        let mut said = truth.clone();
        said[..liars].fill(liar);
        let after = median(&said, 0).unwrap();
        assert!(means.iter().any(|mean| *mean >= after) && means.iter().any(|mean| *mean <= after), "{liars} of ten");
        // The mean follows them.
        let mut pooled = Summary::default();
        said.iter().for_each(|summary| pooled.join(summary));
        assert!(pooled.mean(0).unwrap().0 > after.0 * 4, "{liars} of ten");
    }
    assert_eq!((median(&[], 0), median(&[Summary::default()], 0)), (None, None));
}

/// Chan's way of putting means and scatter together, in floats.
#[derive(Clone, Copy, Default)]
struct Chan {
    count: f64,
    mean: [f64; 2],
    scatter: [f64; 3],
}

impl Chan {
    fn join(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let by = [0, 1].map(|at| other.mean[at] - self.mean[at]);
        let share = self.count * other.count / count;
        let scatter = [by[0] * by[0], by[0] * by[1], by[1] * by[1]];
        Self {
            count,
            mean: [0, 1].map(|at| self.mean[at] + by[at] * other.count / count),
            scatter: [0, 1, 2].map(|at| self.scatter[at] + other.scatter[at] + scatter[at] * share),
        }
    }
}

proptest! {
    #[test]
    fn parts_are_put_together_to_what_the_whole_is(
        said in proptest::collection::vec((-6_905_i32..262_145, -6_905_i32..262_145), 1..200),
        part in 1_usize..50,
    ) {
        let (mut whole, mut joined, mut chan) = (Summary::default(), Summary::default(), Chan::default());
        for part in said.chunks(part).rev() {
            let (mut summary, mut floats) = (Summary::default(), Chan::default());
            for (one, other) in part {
                let mut all = [Nats(0); HABITS];
                (all[0], all[1]) = (Nats(*one), Nats(*other));
                summary.take(&all);
                whole.take(&all);
                let mean = [f64::from(*one), f64::from(*other)];
                floats = floats.join(Chan { count: 1.0, mean, scatter: [0.0; 3] });
            }
            joined.join(&summary);
            chan = chan.join(floats);
        }
        prop_assert_eq!(whole, joined);
        prop_assert!(joined.is_possible(said.len() as u64));
        prop_assert!(said.len() < 2 || !joined.is_possible(said.len() as u64 - 1));
        for (pair, scatter) in [(0, 0), (0, 1), (1, 1)].into_iter().zip(chan.scatter) {
            let ours = joined.covariance(pair.0, pair.1).unwrap() as f64;
            prop_assert!((ours - scatter / chan.count).abs() <= 1.0 + scatter.abs() * 1e-9, "{} {}", ours, scatter / chan.count);
        }
        prop_assert!((f64::from(joined.mean(0).unwrap().0) - chan.mean[0]).abs() <= 1.0);
    }

    #[test]
    fn what_no_agents_can_have_come_to_is_no_summary(at in 0_usize..45, by in 44_u32..62, up: bool) {
        let mut summary = Summary::default();
        let mut dice = Dice::new(1);
        (0..100).for_each(|_| summary.take(&said(&mut dice)));
        let mut bytes = summary.to_bytes();
        let place = &mut bytes[8 * at..][..8];
        let number = i64::from_be_bytes(place.try_into().unwrap());
        let number = if up { number.saturating_add(1 << by) } else { number.saturating_sub(1 << by) };
        place.copy_from_slice(&number.to_be_bytes());
        prop_assert!(!Summary::from_bytes(&bytes).is_possible(100));
    }
}
