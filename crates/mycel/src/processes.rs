//! The regions of a planet as processes of this machine, each kept alive by a
//! thread of its own.
//!
//! A region's process ends with this one: it reads its standard input, which
//! nobody writes to, to its end. It is in a process group of its own, so that
//! what a terminal says is heard here, and the gateways stop before the regions
//! do. One that ends by itself is started again at the same address, sooner at
//! first and later when it goes on ending. One that is lost on purpose stays
//! away until it is let back.

mod child;

use crate::failure::Failure;
pub(crate) use child::Manner;
use child::{At, Halt, Process, Recipe, Why};
use clap::ValueEnum;
use node::Homes;
use node::gateway::Host;
use planet::Planet;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Before a region that ended is started again, doubled up to the longest.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(10);
/// A process that served this long did start.
const LIVED: Duration = Duration::from_secs(30);
/// A process is looked at now and then: a wait for it could not hear what is said.
const LOOK: Duration = Duration::from_millis(50);

#[allow(clippy::disallowed_methods)] // This is where the time comes in.
fn now() -> Instant {
    Instant::now()
}

/// How a region is lost on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// Its process is killed (SIGKILL).
    #[default]
    Kill,
    /// Its process is stopped where it is (SIGSTOP), and goes on later.
    Hang,
}

impl How {
    /// What happens to it, and what that is called.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Kill => ("killed", "kill"),
            Self::Hang => ("stopped", "stop"),
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
        }
    }
}

/// What a region's keeper is told; a sender that is gone says stop.
enum Word {
    Lose(How),
    Return,
}

/// What a region's keeper has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Life {
    pub(crate) process: Option<u32>,
    /// When it said where it is, after it was started again, or went on.
    pub(crate) serves: Option<Instant>,
}

/// The process of a region, and the thread that starts it again.
pub(crate) struct Region {
    pub(crate) id: String,
    pub(crate) at: At,
    life: Arc<Mutex<Life>>,
    say: Option<Sender<Word>>,
    keeper: Option<JoinHandle<bool>>,
}

fn locked(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Region {
    fn start(recipe: Recipe) -> Result<Self, Failure> {
        let (say, said) = channel();
        let failed = |why: Why| {
            let what = format!("region {} does not start: {}", recipe.region, why.what);
            let more = || format!("mycel up --only {} says more", recipe.region);
            Failure::told(what, why.hint.unwrap_or_else(more))
        };
        let (process, at) = recipe.start(None, &said).map_err(|halt| match halt {
            Halt::Failed(why) => failed(why),
            Halt::Told(_) => failed(Why::from("it was told to stop".to_owned())),
        })?;
        let life = Arc::new(Mutex::new(Life { process: Some(process.id()), ..Life::default() }));
        let (id, known) = (recipe.region.clone(), Arc::clone(&life));
        let keeper = std::thread::spawn(move || Keeper { recipe, at, life: known, said }.keep(process));
        Ok(Self { id, at, life, say: Some(say), keeper: Some(keeper) })
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.life().process
    }

    pub(crate) fn life(&self) -> Life {
        *locked(&self.life)
    }

    /// Has it lost: it stays away until it is let back.
    pub(crate) fn lose(&self, how: How) {
        self.tell(Word::Lose(how));
    }

    /// Lets it start again, or go on.
    pub(crate) fn let_back(&self) {
        self.tell(Word::Return);
    }

    fn tell(&self, word: Word) {
        if let Some(say) = &self.say {
            // A keeper that is gone keeps nothing.
            let _ = say.send(word);
        }
    }

    /// Waits for its end; whether it had to be cut off.
    fn stopped(&mut self) -> bool {
        self.say.take();
        // One that panicked has nothing left to stop.
        self.keeper.take().is_some_and(|keeper| keeper.join().unwrap_or(false))
    }
}

/// The regions of a planet, which end together.
pub(crate) struct Regions(Vec<Region>);

impl Regions {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Region> {
        self.0.iter()
    }

    /// Stops all of them; those that had to be cut off.
    pub(crate) fn stop(&mut self) -> Vec<String> {
        // Each is told before any is waited for: they stop at the same time.
        for region in &mut self.0 {
            region.say.take();
        }
        let stopped = self.0.drain(..);
        stopped.filter_map(|mut region| region.stopped().then(|| std::mem::take(&mut region.id))).collect()
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The pauses before a region is started again: each twice the one before,
/// until it has served for a while.
struct Pauses(Duration);

impl Pauses {
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        pause
    }
}

/// How a process came to its end.
enum End {
    Stopped { cut_off: bool },
    Lost,
    Ended { why: String },
}

/// Whoever starts a region again for as long as nobody says stop.
struct Keeper {
    recipe: Recipe,
    at: At,
    life: Arc<Mutex<Life>>,
    said: Receiver<Word>,
}

impl Keeper {
    /// Keeps a region until it is told to stop; whether it had to be cut off.
    fn keep(&self, mut process: Process) -> bool {
        let (mut pauses, mut told, mut begun) = (Pauses(AGAIN), None, now());
        loop {
            let end = self.watch(process);
            if matches!(end, End::Lost) || begun.elapsed() >= LIVED {
                (pauses, told) = (Pauses(AGAIN), None);
            }
            let held = match end {
                End::Stopped { cut_off } => return cut_off,
                End::Lost => true,
                End::Ended { why } => {
                    self.note(&mut told, why);
                    false
                }
            };
            let Some(again) = self.start_again(held, &mut pauses, &mut told) else { return false };
            (process, begun) = (again, now());
        }
    }

    /// Waits for the end of a process, and brings it about when it is told to.
    fn watch(&self, mut process: Process) -> End {
        let mut hangs = false;
        loop {
            if let Some(why) = process.ended() {
                locked(&self.life).process = None;
                return End::Ended { why };
            }
            match self.said.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Word::Return) => {
                    if std::mem::take(&mut hangs) {
                        process.hang(false);
                        locked(&self.life).serves = Some(now());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if hangs {
                        process.hang(false);
                    }
                    return End::Stopped { cut_off: process.stop() };
                }
                Ok(Word::Lose(How::Hang)) => {
                    process.hang(true);
                    hangs = true;
                    locked(&self.life).serves = None;
                }
                Ok(Word::Lose(How::Kill)) => {
                    process.kill();
                    *locked(&self.life) = Life::default();
                    return End::Lost;
                }
            }
        }
    }

    /// Starts it again, as often as it takes; nothing when it is told to stop.
    fn start_again(&self, mut held: bool, pauses: &mut Pauses, told: &mut Option<String>) -> Option<Process> {
        loop {
            // One that is held away waits for a word, and the others for a while.
            let heard = if held {
                self.said.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.said.recv_timeout(pauses.next())
            };
            match heard {
                Err(RecvTimeoutError::Disconnected) => return None,
                Ok(Word::Lose(_)) => {
                    held = true;
                    continue;
                }
                Ok(Word::Return) | Err(RecvTimeoutError::Timeout) => held = false,
            }
            match self.recipe.start(Some(self.at), &self.said) {
                Ok((process, _)) => {
                    let mut life = locked(&self.life);
                    (life.process, life.serves) = (Some(process.id()), Some(now()));
                    return Some(process);
                }
                Err(Halt::Failed(why)) => self.note(told, why.what),
                Err(Halt::Told(None)) => return None,
                Err(Halt::Told(Some(_))) => held = true,
            }
        }
    }

    /// Says why it is started again: once, until there is another reason.
    fn note(&self, told: &mut Option<String>, why: String) {
        let region = self.recipe.region.as_str();
        if told.as_ref() == Some(&why) {
            tracing::debug!(region, why, "a region is started again, as before");
        } else {
            tracing::error!(region, why, "a region is started again, later each time");
            *told = Some(why);
        }
    }
}

/// Starts a process for each region of the planet that a file describes.
pub(crate) fn start(planet: &Planet, file: &Path, homes: &Homes, manner: Manner) -> Result<Regions, Failure> {
    let failed = |why: String| Failure::told(why, "mend what it says, and start again");
    let mut regions = Regions(Vec::new());
    for region in &planet.region {
        let id = region.id.to_string();
        let data = homes.region(&id).map_err(|error| failed(error.to_string()))?;
        regions.0.push(Region::start(Recipe { region: id, file: file.to_owned(), data, manner })?);
    }
    Ok(regions)
}

/// Where a gateway finds them.
pub(crate) fn hosts(regions: &Regions) -> Vec<Host> {
    regions.iter().map(|region| Host { region: region.id.clone(), address: region.at.nodes.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_have_an_end() {
        let mut pauses = Pauses(AGAIN);
        let all: Vec<u128> = (0..7).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(all, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }
}
