//! The regions of a planet as processes of this machine, each kept alive by a
//! thread of its own.
//!
//! A region's process ends with this one: it reads its standard input, which
//! nobody writes to, to its end. One that ends by itself is started again at
//! the same address, sooner at first and later when it goes on ending. One that
//! is killed on purpose stays away until it is let back.

use crate::failure::Failure;
use node::Homes;
use node::gateway::Host;
use planet::Planet;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Before a region that ended is started again, doubled up to the longest.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(10);
/// A process that lived this long did start.
const LIVED: Duration = Duration::from_secs(30);
/// A process is looked at now and then: a wait for it could not hear what is said.
const LOOK: Duration = Duration::from_millis(50);
/// Of what a region's process says when it starts.
const MOST_LINES: usize = 1_000;

#[allow(clippy::disallowed_methods)] // This is where the time comes in.
fn now() -> Instant {
    Instant::now()
}

/// How to start the process of a region.
struct Recipe {
    region: String,
    file: PathBuf,
    data: PathBuf,
    quota: Option<vocab::Bytes>,
    /// Whether it says nothing on standard error.
    quiet: bool,
}

impl Recipe {
    /// Starts it at an address, and at one for gateways, and waits until it says
    /// where it is.
    fn start(&self, at: &str, nodes: &str) -> Result<(Child, ChildStdin, Value), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg("up").arg(&self.file).arg("--data").arg(&self.data);
        command.args(["--only", &self.region, "--listen", at, "--node-listen", nodes]);
        command.args(["--json", "--no-kernel-bans", "--until-stdin-closes"]);
        if let Some(quota) = self.quota {
            command.args(["--quota", &quota.to_string()]);
        }
        if self.quiet {
            command.stderr(Stdio::null());
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its standard input or output is missing".to_owned());
        };
        let mut text = String::new();
        for line in BufReader::new(stdout).lines().take(MOST_LINES).map_while(Result::ok) {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        match serde_json::from_str(&text) {
            Ok(told) => Ok((child, stdin, told)),
            Err(_) => {
                // It has ended, or is of no use.
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("it did not start: {text}"))
            }
        }
    }
}

/// What a region's keeper is told; a sender that is gone says stop.
enum Word {
    Lose,
    Return,
}

/// What a region's keeper has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Life {
    pub(crate) process: Option<u32>,
    /// When it said where it is, after it was started again.
    pub(crate) serves: Option<Instant>,
}

/// The process of a region, and the thread that starts it again.
pub(crate) struct Region {
    pub(crate) id: String,
    pub(crate) at: SocketAddr,
    /// Where gateways come, with certificates.
    pub(crate) nodes: SocketAddr,
    life: Arc<Mutex<Life>>,
    say: Option<Sender<Word>>,
    keeper: Option<JoinHandle<()>>,
}

fn locked(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Region {
    fn start(recipe: Recipe) -> Result<Self, Failure> {
        let failed = |why: String| {
            let what = format!("region {} does not start: {why}", recipe.region);
            Failure::told(what, format!("mycel up --only {} says more", recipe.region))
        };
        let (child, stdin, told) = recipe.start("127.0.0.1:0", "127.0.0.1:0").map_err(failed)?;
        let url = told["at"][0].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        let at: SocketAddr = url.ok_or_else(|| failed("it named no address".to_owned()))?;
        let nodes = told["nodes"][0].as_str().and_then(|nodes| nodes.parse().ok());
        let nodes: SocketAddr = nodes.ok_or_else(|| failed("it named no address for gateways".to_owned()))?;
        let (say, said) = channel();
        let life = Arc::new(Mutex::new(Life { process: Some(child.id()), ..Life::default() }));
        let (id, known) = (recipe.region.clone(), Arc::clone(&life));
        let keeper = std::thread::spawn(move || keep(&recipe, (child, stdin), (at, nodes), &known, &said));
        Ok(Self { id, at, nodes, life, say: Some(say), keeper: Some(keeper) })
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.life().process
    }

    pub(crate) fn life(&self) -> Life {
        *locked(&self.life)
    }

    /// Kills its process (SIGKILL), which stays away until it is let back.
    pub(crate) fn lose(&self) {
        self.tell(Word::Lose);
    }

    /// Lets it start again.
    pub(crate) fn let_back(&self) {
        self.tell(Word::Return);
    }

    fn tell(&self, word: Word) {
        if let Some(say) = &self.say {
            // A keeper that is gone keeps nothing.
            let _ = say.send(word);
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.say.take();
        if let Some(keeper) = self.keeper.take() {
            // One that panicked has nothing left to stop.
            let _ = keeper.join();
        }
    }
}

/// How a process came to its end.
enum End {
    Stopped,
    Lost,
    Ended,
}

/// Waits for the end of a process, and brings it about when it is told to.
fn watch(child: &mut Child, stdin: ChildStdin, life: &Mutex<Life>, said: &Receiver<Word>) -> End {
    while matches!(child.try_wait(), Ok(None)) {
        match said.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) | Ok(Word::Return) => {}
            Err(RecvTimeoutError::Disconnected) => {
                drop(stdin);
                let _ = child.wait();
                return End::Stopped;
            }
            Ok(Word::Lose) => {
                // An error means that it has ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                *locked(life) = Life::default();
                return End::Lost;
            }
        }
    }
    locked(life).process = None;
    End::Ended
}

/// Starts a region again for as long as nobody says stop.
fn keep(
    recipe: &Recipe,
    (mut child, mut stdin): (Child, ChildStdin),
    (at, nodes): (SocketAddr, SocketAddr),
    life: &Mutex<Life>,
    said: &Receiver<Word>,
) {
    let (mut pause, mut begun) = (AGAIN, now());
    loop {
        let mut held = match watch(&mut child, stdin, life, said) {
            End::Stopped => return,
            End::Lost => true,
            End::Ended => false,
        };
        if held || begun.elapsed() > LIVED {
            pause = AGAIN;
        }
        loop {
            // One that is held away waits for a word, and the others for a while.
            let heard =
                if held { said.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { said.recv_timeout(pause) };
            match heard {
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(Word::Lose) => {
                    held = true;
                    continue;
                }
                Ok(Word::Return) | Err(RecvTimeoutError::Timeout) => held = false,
            }
            begun = now();
            match recipe.start(&at.to_string(), &nodes.to_string()) {
                Ok((again, input, _)) => {
                    (child, stdin) = (again, input);
                    let mut life = locked(life);
                    (life.process, life.serves) = (Some(child.id()), Some(now()));
                    break;
                }
                Err(why) => tracing::error!(region = recipe.region, why, "a region does not start again"),
            }
            pause = (pause * 2).min(LONGEST);
        }
    }
}

/// Starts a process for each region of the planet that a file describes; quiet
/// ones say nothing on standard error.
pub(crate) fn start(
    planet: &Planet,
    file: &Path,
    homes: &Homes,
    (quota, quiet): (Option<vocab::Bytes>, bool),
) -> Result<Vec<Region>, Failure> {
    let failed = |why: String| Failure::told(why, "mend what it says, and start again");
    let mut regions = Vec::new();
    for region in &planet.region {
        let id = region.id.to_string();
        let data = homes.region(&id).map_err(|error| failed(error.to_string()))?;
        regions.push(Region::start(Recipe { region: id, file: file.to_owned(), data, quota, quiet })?);
    }
    Ok(regions)
}

/// Where a gateway finds them.
pub(crate) fn hosts(regions: &[Region]) -> Vec<Host> {
    regions.iter().map(|region| Host { region: region.id.clone(), address: region.nodes }).collect()
}
