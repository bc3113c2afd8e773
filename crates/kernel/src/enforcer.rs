//! The thread that tells the kernel.

use crate::Change;
use crate::nft::{Nft, Refusal, Unavailable};
use crate::script::Table;
use crate::wanted::{Batch, MAX_BANS, MAX_PART, Scope, Wanted};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two batches: what comes meanwhile goes together. A person who bans
/// does not notice it.
const PAUSE: Duration = Duration::from_millis(50);

/// How many times as long as a batch took nothing is sent after it, so that
/// whoever is banned from ever new addresses takes a fifth of a core.
const PAUSE_OF_BATCH: u32 = 4;

/// Longer than this nobody waits for the next batch: the kernel is to be told
/// while it still helps.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// After the whole table was refused, the next try: at first, and at last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// How it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Bans that the kernel enforces, or will when it is up to date.
    pub bans: usize,
    /// Whether the kernel was told everything.
    pub up_to_date: bool,
    /// Batches that the kernel has taken.
    pub batches: u64,
    /// Why it has not taken the last one.
    pub trouble: Option<String>,
}

/// Lets the kernel enforce bans for one TCP port, until it is dropped.
///
/// One process uses a tag at a time: starting takes over the table that a
/// process before has left behind.
#[derive(Debug)]
pub struct Enforcer {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when there is something to send, when it was sent, and at the end.
    moved: Condvar,
    /// When time begins, for the bans that are kept here.
    start: Instant,
}

#[derive(Debug, Default)]
struct State {
    wanted: Wanted,
    is_sending: bool,
    is_over: bool,
    batches: u64,
    trouble: Option<String>,
}

impl Enforcer {
    /// Puts an empty table of this tag into the kernel, in place of whatever
    /// table of it is there.
    ///
    /// # Errors
    /// When the kernel cannot be told; it has no table of this tag then that it
    /// did not have before.
    #[allow(clippy::disallowed_methods)] // the shell may look at the clock
    pub fn start(port: u16, tag: &str) -> Result<Self, Unavailable> {
        let mut table = Table::new(tag, port).ok_or_else(|| Unavailable::Tag(tag.to_owned()))?;
        let nft = Nft::find()?;
        let script = table.script(&Batch { scope: Scope::Whole, bans: Vec::new(), lifts: Vec::new() });
        nft.run(&script.text)?;
        table.done(script);
        let shared = Shared { state: Mutex::default(), moved: Condvar::new(), start: Instant::now() };
        let shared = Arc::new(shared);
        let worker = Worker { shared: Arc::clone(&shared), nft, table, most: MAX_BANS, retry: FIRST_RETRY };
        let worker = thread::Builder::new()
            .name("kernel-bans".to_owned())
            .spawn(move || worker.work())
            .map_err(|error| Unavailable::Failed(format!("no thread for it could be started: {error}")))?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// Tells the kernel of a change, soon. It never waits for the kernel: at
    /// worst for a copy of all bans, about a millisecond.
    pub fn change(&self, change: Change) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let was_behind = state.wanted.is_behind();
        state.wanted.change(change, now);
        drop(state);
        // Who is told of the first of many changes knows of all.
        if !was_behind {
            self.shared.moved.notify_all();
        }
    }

    /// Tells the kernel everything again: for whoever knows that somebody else
    /// has flushed its tables.
    pub fn resync(&self) {
        self.shared.lock().wanted.resync();
        self.shared.moved.notify_all();
    }

    /// Waits until the kernel was told everything; `false` when it took longer
    /// than this.
    #[must_use]
    pub fn settled(&self, limit: Duration) -> bool {
        let state = self.shared.lock();
        let waiting = |state: &mut State| state.is_sending || state.wanted.is_behind();
        let waited = self.shared.moved.wait_timeout_while(state, limit, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            bans: state.wanted.len(),
            up_to_date: !state.is_sending && !state.wanted.is_behind(),
            batches: state.batches,
            trouble: state.trouble.clone(),
        }
    }
}

/// Takes the table out of the kernel, after the batch that is on its way; the
/// bans hold in the process alone then.
impl Drop for Enforcer {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.moved.notify_all();
        // A worker that panicked has said so on its own.
        let _ = self.worker.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for so long, and then for something to send; `None` at the end.
    fn next(&self, pause: Duration) -> Option<Batch> {
        let state = self.lock();
        let paused = self.moved.wait_timeout_while(state, pause, |state| !state.is_over);
        let (state, _) = paused.unwrap_or_else(PoisonError::into_inner);
        let idle = |state: &mut State| !state.is_over && !state.wanted.is_behind();
        let mut state = self.moved.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            return None;
        }
        state.is_sending = true;
        Some(state.wanted.take(self.now()))
    }

    fn sent(&self, result: &Result<(), Refusal>) {
        let mut state = self.lock();
        state.is_sending = false;
        match result {
            Ok(()) => {
                state.batches = state.batches.saturating_add(1);
                state.trouble = None;
            }
            Err(why) => {
                state.trouble = Some(why.to_string());
                state.wanted.resync();
            }
        }
        drop(state);
        self.moved.notify_all();
    }
}

struct Worker {
    shared: Arc<Shared>,
    nft: Nft,
    table: Table,
    /// How many networks one transaction is about, at most.
    most: usize,
    retry: Duration,
}

impl Worker {
    fn work(mut self) {
        let mut pause = Duration::ZERO;
        while let Some(batch) = self.shared.next(pause) {
            pause = self.send(batch);
        }
        // Whoever is left in a table that stays is let go by its timeout, and
        // the next start removes it.
        let _ = self.nft.run(&self.table.removal());
    }

    /// Sends a batch; how long nothing is sent after it.
    #[allow(clippy::disallowed_methods)] // the shell may look at the clock
    fn send(&mut self, batch: Batch) -> Duration {
        let started = Instant::now();
        let (networks, scope) = (batch.len(), batch.scope);
        let result = batch.in_parts(self.most).iter().try_for_each(|part| self.send_part(part));
        self.shared.sent(&result);
        if result.is_ok() {
            self.retry = FIRST_RETRY;
        } else if scope == Scope::Whole {
            if networks.min(self.most) <= MAX_PART {
                let pause = self.retry;
                self.retry = pause.saturating_mul(2).min(LAST_RETRY);
                return pause;
            }
            self.most = MAX_PART;
        }
        // Changes that were refused become the whole table, which may well be
        // taken: perhaps somebody has removed it. So may the whole in parts.
        started.elapsed().saturating_mul(PAUSE_OF_BATCH).clamp(PAUSE, MAX_PAUSE)
    }

    /// One transaction: all of it holds, or none.
    fn send_part(&mut self, part: &Batch) -> Result<(), Refusal> {
        let script = self.table.script(part);
        self.nft.run(&script.text)?;
        self.table.done(script);
        Ok(())
    }
}
