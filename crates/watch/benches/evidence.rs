//! Evidence into what is believed of a million agents, beside nothing but the
//! access to as many places of as much memory; and what signing it adds.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_arithmetic)]

use std::hint::black_box;
use trust::merkle::{Head, Node};
use trust::sign::{PublicKey, SigningKey};
use trust::{AgentId, PlanetId, Secret};
use vocab::{FactEnd, FactKind, Millis, OpFact};
use watch::batch::{About, Batch, Point};
use watch::nats::{Nats, Weight};
use watch::observe::Round;
use watch::posterior::Beliefs;
use watch::summary::Summary;
use watch::tree::{Leaf, Part};

const AGENTS: usize = 1_000_000;
/// Points of one run, in an order that no cache foresees.
const POINTS: usize = 1 << 20;
/// Agents of one watcher.
const WATCHED: u32 = 2_000;

fn main() {
    measure::title();
    let order = order();
    let (mut beliefs, weight) = (Beliefs::new(AGENTS), Weight::parts(40_000));
    // The same array, the same places: sixteen bytes read, changed and written.
    let mut bare = vec![[0_u32; 4]; AGENTS];
    let (ours, raw) = measure::both(
        || beliefs.report(&order, weight),
        || {
            for point in &order {
                let place = &mut bare[point.agent as usize];
                place[2] = place[2].wrapping_add(point.evidence.0.cast_unsigned());
            }
        },
    );
    let (ours, raw) = (ours / POINTS as f64, raw / POINTS as f64);
    measure::at_least("a point into a million agents", 3e7, ours, Some(("bare access", raw)));
    measure::share("the same, as a share", 0.5, ours, ("bare access", raw));
    let ends = measure::many(|| beliefs.end(|agent, _, _| _ = black_box(agent)));
    measure::at_most("a round of a million agents ends", 1e9, ends, None);
    watcher();
    facts();
    node();
}

fn order() -> Vec<Point> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut point =
        || Point { agent: (next() % AGENTS as u64) as u32, evidence: Nats((next() % 600_000) as i32 - 65_536) };
    (0..POINTS).map(|_| point()).collect()
}

/// A watcher's round of 2,000 agents, read, with and without its security.
fn watcher() {
    let key = SigningKey::new(&Secret::take(&mut [7; 32]));
    let about = About { planet: PlanetId([1; 16]), epoch: 1, roster: Node([2; 32]), round: 9 };
    let points: Vec<Point> =
        (0..WATCHED).map(|agent| Point { agent, evidence: Nats(i32::try_from(agent).unwrap() * 17 - 6_000) }).collect();
    let bytes = Batch::sign(&key, about, [3; 16], points).to_bytes();
    let ready = PublicKey::new(key.id()).unwrap();
    let mut beliefs = Beliefs::new(WATCHED as usize);
    let take = |beliefs: &mut Beliefs, batch: &Batch| {
        beliefs.report(&batch.points, Weight::ONE);
    };
    let bare = measure::many(|| take(&mut beliefs, &Batch::read(&bytes).unwrap()));
    let secured = measure::many(|| {
        let batch = Batch::read(&bytes).unwrap();
        assert!(batch.signed.verify(&ready).is_ok() && batch.is_whole() && batch.is_on_scale());
        take(&mut beliefs, &batch);
    });
    let each = f64::from(WATCHED);
    measure::plain("a point of a batch, nothing checked", bare / each);
    measure::plain("a point of a batch, signature and root checked", secured / each);
}

/// Facts into observers.
fn facts() {
    let mut rounds: Vec<Round> = vec![Round::default(); WATCHED as usize];
    let mut at = 0;
    let fact = |agent: u32, at| OpFact {
        agent,
        at: Millis(at),
        kind: FactKind::Write,
        size: 200,
        to: u64::from(agent) % 7,
        end: FactEnd::Done,
    };
    let all = measure::many(|| {
        at += 1_000;
        for (agent, round) in (0..).zip(&mut rounds) {
            round.take(&fact(agent, at));
        }
    });
    measure::at_least("a fact into eight observers", 1e6, all / f64::from(WATCHED), None);
}

/// A local node's round: each of its agents does something, the round ends, and
/// its part of the tree is made.
fn node() {
    let mut rounds: Vec<Round> = vec![Round::default(); WATCHED as usize];
    let mut beliefs = Beliefs::new(WATCHED as usize);
    let mut at = 0;
    let mut turn = || {
        at += 5_000;
        let (mut summary, mut points) = (Summary::default(), Vec::with_capacity(WATCHED as usize));
        for (agent, round) in (0..WATCHED).zip(&mut rounds) {
            let kind = FactKind::Write;
            round.take(&OpFact { agent, at: Millis(at), kind, size: 200, to: 3, end: FactEnd::Done });
            let Some(conclusion) = round.end() else { continue };
            summary.take(&conclusion.said);
            points.push(Point { agent, evidence: conclusion.evidence });
        }
        beliefs.report(&points, Weight::ONE);
        beliefs.end(|agent, _, _| _ = black_box(agent));
        let leaf = |agent: u32| {
            let known = beliefs.agent(agent).unwrap();
            let (odds, cumulated, level) = (known.odds(), known.cumulated(), known.level());
            let chain = Head { size: at, root: Node([3; 32]) };
            Leaf { agent: AgentId([7; 32]), level, odds, cumulated, chain }
        };
        let leaves: Vec<Leaf> = (0..WATCHED).map(leaf).collect();
        Part::local(1, at, &leaves, summary)
    };
    let all = measure::many(|| drop(black_box(turn())));
    measure::at_most("a local node of 2,000 agents, all of it", 1e6, all, None);
    let hashes = measure::many(|| _ = black_box(Node::over(&Node([1; 32]), &Node([2; 32]))));
    measure::share("of that, its 4,000 hashes as bare SHA-256", 0.5, all, ("4,000 hashes", hashes * 4_000.0));
}
