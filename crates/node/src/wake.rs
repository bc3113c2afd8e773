//! Who is woken by what: threads by how far the index has come, requests by
//! what came into an inbox or a chain.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use trust::{AgentId, BlockRef};

#[derive(Debug, Default)]
struct State {
    reached: BTreeMap<u32, u64>,
    work: bool,
    /// Somebody waits for the index.
    hurry: bool,
    stopping: bool,
    stuck: Option<String>,
}

/// How far the index has followed.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<State>,
    bell: Condvar,
    generation: watch::Sender<u64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), bell: Condvar::new(), generation: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has become durable.
    pub(crate) fn work(&self) {
        self.state().work = true;
        self.bell.notify_all();
    }

    /// Nothing more will.
    pub(crate) fn stop(&self) {
        self.state().stopping = true;
        self.bell.notify_all();
    }

    /// Waits until something has become durable; `false` when nothing more will.
    pub(crate) fn wait_for_work(&self) -> bool {
        let state = self.state();
        let idle = |state: &mut State| !state.work && !state.stopping;
        let mut state = self.bell.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.work)
    }

    /// Lets more become durable before it is followed, so that rows are written
    /// for many entries together; not when somebody waits for them.
    pub(crate) fn gather(&self, at_most: Duration) {
        let nobody_waits = |state: &mut State| !state.hurry && !state.stopping;
        let waited = self.bell.wait_timeout_while(self.state(), at_most, nobody_waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.hurry = false;
    }

    fn hurry(&self) {
        self.state().hurry = true;
        self.bell.notify_all();
    }

    /// The index knows a shard up to here.
    pub(crate) fn reached(&self, shard: u32, next: u64) {
        self.state().reached.insert(shard, next);
        self.bell.notify_all();
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// The index cannot go on.
    pub(crate) fn stuck(&self, why: String) {
        self.state().stuck = Some(why);
        self.bell.notify_all();
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// The index goes on.
    pub(crate) fn goes_on(&self) {
        self.state().stuck = None;
        self.bell.notify_all();
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Waits before the index tries again; `false` when it need not, because
    /// the planet stops.
    pub(crate) fn wait_to_try_again(&self, pause: Duration) -> bool {
        let waited = self.bell.wait_timeout_while(self.state(), pause, |state| !state.stopping);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    /// Why the index cannot go on, if it cannot.
    pub(crate) fn why_stuck(&self) -> Option<String> {
        self.state().stuck.clone()
    }

    /// How far the index knows a shard.
    pub(crate) fn of(&self, shard: u32) -> u64 {
        self.state().reached.get(&shard).copied().unwrap_or(0)
    }

    /// Waits until the index knows a shard up to here, or for so long; whether
    /// it does.
    pub(crate) fn wait(&self, shard: u32, next: u64, at_most: Duration) -> bool {
        let behind =
            |state: &mut State| state.stuck.is_none() && state.reached.get(&shard).copied().unwrap_or(0) < next;
        let waited = self.bell.wait_timeout_while(self.state(), at_most, behind);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.reached.get(&shard).copied().unwrap_or(0) >= next
    }

    /// The same for a task.
    pub(crate) async fn caught_up(&self, shard: u32, next: u64, at_most: Duration) -> bool {
        let mut changes = self.generation.subscribe();
        let wait = async {
            while self.of(shard) < next && self.why_stuck().is_none() {
                self.hurry();
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        // Being late is told by the answer.
        let _ = tokio::time::timeout(at_most, wait).await;
        self.of(shard) >= next
    }
}

/// Those who wait for something to come.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    agents: Mutex<BTreeMap<AgentId, Arc<Notify>>>,
    blocks: Mutex<BTreeMap<BlockRef, Arc<Notify>>>,
}

fn bell<K: Ord + Copy>(bells: &Mutex<BTreeMap<K, Arc<Notify>>>, of: K) -> Arc<Notify> {
    let mut bells = bells.lock().unwrap_or_else(PoisonError::into_inner);
    // Those that nobody holds any more are let go, so there are as many as
    // requests that wait.
    if bells.len() > 64 && bells.len().is_power_of_two() {
        bells.retain(|_, bell| Arc::strong_count(bell) > 1);
    }
    Arc::clone(bells.entry(of).or_default())
}

fn ring<'k, K: Ord + 'k>(bells: &Mutex<BTreeMap<K, Arc<Notify>>>, keys: impl Iterator<Item = &'k K>) {
    let bells = bells.lock().unwrap_or_else(PoisonError::into_inner);
    if bells.is_empty() {
        return;
    }
    for key in keys {
        if let Some(bell) = bells.get(key) {
            bell.notify_waiters();
        }
    }
}

impl Bells {
    /// Whether anybody waits.
    pub(crate) fn anybody(&self) -> bool {
        let waits = |bell: &Arc<Notify>| Arc::strong_count(bell) > 1;
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if agents.values().any(waits) {
            return true;
        }
        drop(agents);
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).values().any(waits)
    }

    /// What rings when a message comes for an agent.
    pub(crate) fn of_agent(&self, agent: AgentId) -> Arc<Notify> {
        bell(&self.agents, agent)
    }

    /// What rings when a block's chain grows.
    pub(crate) fn of_block(&self, block: BlockRef) -> Arc<Notify> {
        bell(&self.blocks, block)
    }

    pub(crate) fn agents(&self, agents: &[AgentId]) {
        ring(&self.agents, agents.iter());
    }

    pub(crate) fn blocks<'b>(&self, blocks: impl Iterator<Item = &'b BlockRef>) {
        ring(&self.blocks, blocks);
    }
}
