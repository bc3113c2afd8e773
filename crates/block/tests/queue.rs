//! One op at a time, in the order accepted; what the originals did otherwise is
//! a test here each.

use block::chain::{OpId, Outcome};
use block::kinds::Closed;
use block::queue::{AHEAD, Cancelled, Known, MOST_TRIES, Op, Queue, REMEMBERED, State, Submitted, Tried};
use proptest::prelude::*;
use trust::{AgentId, Moment};
use vocab::Millis;

const NOW: Moment = Moment(1_700_000_000_000);
const NEW: Known = Known { ended: None, among_last: false };

fn op(agent: u8, number: u128) -> Op {
    Op {
        agent: AgentId([agent; 32]),
        id: OpId::new(NOW, number),
        kind: 1,
        payload: vec![agent],
        closed: Closed::default(),
    }
}

/// Runs everything to its end; `good` says how each try goes. The ops in the
/// order in which they ended.
fn run(queue: &mut Queue, mut good: impl FnMut(&Op) -> bool) -> Vec<(u8, Outcome, u8)> {
    let mut ended = Vec::new();
    while let Some(op) = queue.begin() {
        let good = good(op);
        if let Tried::Ended { op, outcome, tries } = queue.tried(good) {
            ended.push((op.agent.0[0], outcome, tries));
        }
    }
    ended
}

#[test]
fn a_retry_stays_at_the_head() {
    // The original ran u0 u1 u2 u3 as u1 u2 u3 u0 when u0 failed once.
    let mut queue = Queue::new(10);
    for agent in 0..4 {
        queue.submit(op(agent, 1), NEW, NOW);
    }
    let mut failures = 1;
    let order = run(&mut queue, |op| {
        op.agent.0[0] != 0 || {
            failures -= 1;
            failures < 0
        }
    });
    assert_eq!(order, [(0, Outcome::Done, 2), (1, Outcome::Done, 1), (2, Outcome::Done, 1), (3, Outcome::Done, 1)]);
}

#[test]
fn an_op_that_never_works_is_recorded_as_failed_and_lets_the_next_one_by() {
    let mut queue = Queue::new(10);
    queue.submit(op(0, 1), NEW, NOW);
    queue.submit(op(1, 1), NEW, NOW);
    let order = run(&mut queue, |op| op.agent.0[0] == 1);
    assert_eq!(order, [(0, Outcome::Failed, MOST_TRIES), (1, Outcome::Done, 1)]);
}

#[test]
fn a_cancelled_op_never_runs() {
    let mut queue = Queue::new(10);
    for agent in 0..3 {
        queue.submit(op(agent, 1), NEW, NOW);
    }
    queue.begin();
    assert_eq!(queue.cancel(op(0, 1).agent, op(0, 1).id), Cancelled::TooLate);
    assert_eq!(queue.cancel(op(1, 1).agent, op(1, 1).id), Cancelled::Yes);
    assert_eq!(queue.cancel(op(9, 1).agent, op(9, 1).id), Cancelled::Unknown);
    // Sent again, it is still cancelled: the chain knows.
    let known = Known { ended: Some((Outcome::Cancelled, 7)), among_last: true };
    assert_eq!(queue.submit(op(1, 1), known, NOW), Submitted::Again(State::Ended(Outcome::Cancelled, 7)));
    assert_eq!(run(&mut queue, |_| true), [(0, Outcome::Done, 1), (2, Outcome::Done, 1)]);
}

#[test]
fn twenty_quick_ops_of_one_agent_are_twenty() {
    let mut queue = Queue::new(100);
    for number in 0..20 {
        assert_eq!(queue.submit(op(1, number), NEW, NOW), Submitted::Accepted(usize::try_from(number).unwrap_or(99)));
    }
    assert_eq!(run(&mut queue, |_| true).len(), 20);
}

#[test]
fn the_same_op_again_is_the_same_op() {
    let mut queue = Queue::new(10);
    queue.submit(op(1, 1), NEW, NOW);
    assert_eq!(queue.submit(op(1, 1), NEW, NOW), Submitted::Again(State::Queued(0)));
    queue.begin();
    assert_eq!(queue.submit(op(1, 1), NEW, NOW), Submitted::Again(State::Running));
    // Another agent may use the same name.
    assert_eq!(queue.submit(op(2, 1), NEW, NOW), Submitted::Accepted(1));
    assert_eq!(run(&mut queue, |_| true).len(), 2);
    let ended = Known { ended: Some((Outcome::Done, 41)), among_last: true };
    assert_eq!(queue.submit(op(1, 1), ended, NOW), Submitted::Again(State::Ended(Outcome::Done, 41)));
}

#[test]
fn what_is_older_than_is_remembered_is_refused() {
    let mut queue = Queue::new(10);
    let later = |wait: Millis| NOW.after(wait);
    assert_eq!(queue.submit(op(1, 1), NEW, later(REMEMBERED)), Submitted::Accepted(0));
    assert_eq!(queue.submit(op(1, 2), NEW, Moment(later(REMEMBERED).0 + 1)), Submitted::TooOld);
    let among = Known { ended: None, among_last: true };
    assert_eq!(queue.submit(op(1, 2), among, Moment(later(REMEMBERED).0 + 1)), Submitted::Accepted(1));
    assert_eq!(queue.submit(op(1, 3), NEW, Moment(NOW.0 - AHEAD.0)), Submitted::Accepted(2));
    assert_eq!(queue.submit(op(1, 4), NEW, Moment(NOW.0 - AHEAD.0 - 1)), Submitted::TooNew);
}

#[test]
fn a_full_queue_says_so_and_keeps_what_it_has() {
    let mut queue = Queue::new(3);
    for number in 0..3 {
        queue.submit(op(1, number), NEW, NOW);
    }
    assert_eq!(queue.submit(op(1, 9), NEW, NOW), Submitted::Full);
    // What is here already is still answered.
    assert_eq!(queue.submit(op(1, 2), NEW, NOW), Submitted::Again(State::Queued(2)));
    queue.begin();
    assert_eq!(queue.submit(op(1, 9), NEW, NOW), Submitted::Accepted(3));
}

#[derive(Debug, Clone)]
enum Step {
    Submit(u8, u8),
    Cancel(u8, u8),
    Begin,
    Try(bool),
}

proptest! {
    /// Whatever happens, ops end in the order in which they were accepted, each
    /// at most once, and never one that was cancelled.
    #[test]
    fn one_order(steps in prop::collection::vec(prop_oneof![
        (0u8..3, 0u8..20).prop_map(|(agent, number)| Step::Submit(agent, number)),
        (0u8..3, 0u8..20).prop_map(|(agent, number)| Step::Cancel(agent, number)),
        Just(Step::Begin),
        any::<bool>().prop_map(Step::Try),
    ], 0..300)) {
        let mut queue = Queue::new(8);
        let (mut accepted, mut ended, mut cancelled) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Submit(agent, number) => {
                    let op = op(agent, u128::from(number));
                    let key = (op.agent, op.id);
                    // The index knows what has ended.
                    let place = ended.iter().chain(&cancelled).position(|known| *known == key);
                    let known = Known { ended: place.map(|at| (Outcome::Done, at as u64)), among_last: false };
                    if let Submitted::Accepted(before) = queue.submit(op, known, NOW) {
                        prop_assert_eq!(before, queue.ops().count() - 1);
                        accepted.push(key);
                    }
                }
                Step::Cancel(agent, number) => {
                    let op = op(agent, u128::from(number));
                    if queue.cancel(op.agent, op.id) == Cancelled::Yes {
                        accepted.retain(|key| *key != (op.agent, op.id) || ended.contains(key));
                        cancelled.push((op.agent, op.id));
                    }
                }
                Step::Begin => _ = queue.begin(),
                Step::Try(good) => if let Tried::Ended { op, .. } = queue.tried(good) {
                    ended.push((op.agent, op.id));
                },
            }
            prop_assert!(accepted.starts_with(&ended));
            prop_assert_eq!(queue.ops().count(), accepted.len() - ended.len());
        }
    }
}
