//! The process of a region, from its start to its end. Neither is waited for
//! without a limit: what hangs would hang whoever waits for it.

use super::{LOOK, Word, now};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// Until a process that starts says where it is. It first follows what an
/// unclean stop left, which is one segment of each log: seconds.
const STARTS: Duration = Duration::from_secs(120);
/// Until a process that was told to stop has: what it gives to requests that it
/// has begun, and half as long to close its log.
const STOPS: Duration = crate::up::GRACE.saturating_add(Duration::from_secs(5));
/// Until a process that was killed is gone.
const DIES: Duration = Duration::from_secs(5);
/// Of what a process says when it starts.
const MOST_BYTES: u64 = 1 << 20;

/// Why a process did not start, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl From<String> for Why {
    fn from(what: String) -> Self {
        Self { what, hint: None }
    }
}

/// What came of a start that came to nothing.
pub(super) enum Halt {
    Failed(Why),
    /// Something else was said meanwhile; nothing when nobody is left to say it.
    Told(Option<Word>),
}

/// How to start the process of a region.
pub(super) struct Recipe {
    pub(super) region: String,
    pub(super) file: PathBuf,
    pub(super) data: PathBuf,
    pub(super) manner: Manner,
}

/// How the processes of all regions are told to run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// What the log of each may take.
    pub(crate) quota: Option<vocab::Bytes>,
    /// Whether they say nothing on standard error.
    pub(crate) quiet: bool,
    /// Whether keys stay in files when the planet asks for hardware.
    pub(crate) plain_keys: bool,
}

/// Where a region is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// By agents that come themselves.
    pub(crate) agents: SocketAddr,
    /// By gateways, with certificates.
    pub(crate) nodes: SocketAddr,
}

/// A process that runs.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
}

impl Recipe {
    /// Starts it where it was, or anywhere, and waits until it says where it is.
    pub(super) fn start(&self, at: Option<At>, said: &Receiver<Word>) -> Result<(Process, At), Halt> {
        let failed = |why: std::io::Error| Halt::Failed(Why::from(why.to_string()));
        let mut child = self.command(at).map_err(failed)?.spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            kill(&mut child);
            return Err(Halt::Failed(Why::from("its standard input or output is missing".to_owned())));
        };
        let mut process = Process { child, stdin };
        match first_words(stdout, said) {
            Ok(words) => match address(&words) {
                Some(at) => Ok((process, at)),
                None => Err(Halt::Failed(process.failed(&words))),
            },
            Err(halt) => {
                kill(&mut process.child);
                Err(halt)
            }
        }
    }

    fn command(&self, at: Option<At>) -> std::io::Result<Command> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let at = at.unwrap_or(At { agents: anywhere, nodes: anywhere });
        let (agents, nodes) = (at.agents.to_string(), at.nodes.to_string());
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("up").arg(&self.file).arg("--data").arg(&self.data);
        command.args(["--only", &self.region, "--listen", &agents, "--node-listen", &nodes]);
        command.args(["--json", "--no-kernel-bans", "--until-stdin-closes"]);
        if let Some(quota) = self.manner.quota {
            command.args(["--quota", &quota.to_string()]);
        }
        if self.manner.plain_keys {
            command.arg("--plain-keys");
        }
        crate::pin::hand_on(&mut command);
        if self.manner.quiet {
            command.stderr(Stdio::null());
        }
        // What a terminal tells its group is for the process that began this one.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }
}

/// What a process says of itself when it has started, or of why it has not.
fn first_words(stdout: ChildStdout, said: &Receiver<Word>) -> Result<Value, Halt> {
    let (tell, told) = channel();
    // It ends with the process, which is killed when nobody waits any more.
    std::thread::spawn(move || {
        let mut text = String::new();
        for line in BufReader::new(stdout.take(MOST_BYTES)).lines().map_while(Result::ok) {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        // Whoever waited has perhaps been told to stop.
        let _ = tell.send(text);
    });
    let begun = now();
    loop {
        match told.recv_timeout(LOOK) {
            // What is no JSON names no address.
            Ok(text) => return Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(RecvTimeoutError::Disconnected) => return Ok(Value::Null),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match said.try_recv() {
            Err(TryRecvError::Empty) | Ok(Word::Return) => {}
            Err(TryRecvError::Disconnected) => return Err(Halt::Told(None)),
            Ok(word) => return Err(Halt::Told(Some(word))),
        }
        if begun.elapsed() > STARTS {
            let why = format!("it did not say within {} s where it is", STARTS.as_secs());
            return Err(Halt::Failed(Why::from(why)));
        }
    }
}

fn address(words: &Value) -> Option<At> {
    let agents = words["at"][0].as_str()?.strip_prefix("http://")?.parse().ok()?;
    let nodes = words["nodes"][0].as_str()?.parse().ok()?;
    Some(At { agents, nodes })
}

/// Its end, when it comes soon enough.
fn ended_within(child: &mut Child, time: Duration) -> Option<ExitStatus> {
    let begun = now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            // One that cannot be asked is none of ours any more.
            Err(_) => return None,
            Ok(None) if begun.elapsed() >= time => return None,
            Ok(None) => std::thread::park_timeout(LOOK),
        }
    }
}

/// SIGKILL, which a process that hangs hears as well.
fn kill(child: &mut Child) {
    // An error means that it has ended by itself.
    let _ = child.kill();
    ended_within(child, DIES);
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, when it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("it ended: {status}")),
            Err(error) => Some(format!("it cannot be watched: {error}")),
        }
    }

    /// Why it did not start, in its own words if it has any.
    fn failed(&mut self, words: &Value) -> Why {
        let own = |key: &str| words["error"][key].as_str().map(str::to_owned);
        let status = ended_within(&mut self.child, DIES);
        kill(&mut self.child);
        let without_a_word = || match status {
            Some(status) => format!("it ended before it said where it is: {status}"),
            None => "it did not say where it is".to_owned(),
        };
        Why { what: own("what").unwrap_or_else(without_a_word), hint: own("try") }
    }

    /// Stops it; whether it had to be cut off.
    pub(super) fn stop(mut self) -> bool {
        drop(self.stdin);
        let is_late = ended_within(&mut self.child, STOPS).is_none();
        if is_late {
            kill(&mut self.child);
        }
        is_late
    }

    pub(super) fn kill(mut self) {
        kill(&mut self.child);
    }

    /// Has it hang, or go on.
    pub(super) fn hang(&self, hangs: bool) {
        let signal = if hangs { Signal::STOP } else { Signal::CONT };
        // One that has ended hangs for ever.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> (Option<At>, Why) {
        let child = Command::new("true").stdin(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let stdin = child.stdin.take().unwrap();
        let words = serde_json::from_str(text).unwrap_or_default();
        (address(&words), Process { child, stdin }.failed(&words))
    }

    #[test]
    fn only_an_address_is_a_start_and_a_failure_has_its_own_reason() {
        let (agents, nodes) = ("127.0.0.1:7".parse().unwrap(), "127.0.0.1:8".parse().unwrap());
        let whole = r#"{"at": ["http://127.0.0.1:7"], "nodes": ["127.0.0.1:8"]}"#;
        assert_eq!(words(whole).0, Some(At { agents, nodes }));
        let (at, why) = words(r#"{"version": 1, "error": {"what": "the disk is full", "try": "make room"}}"#);
        assert_eq!(at, None);
        assert_eq!(why, Why { what: "the disk is full".to_owned(), hint: Some("make room".to_owned()) });
        for text in ["", "{}", r#"{"at": []}"#, r#"{"at": ["here"]}"#, r#"{"at": ["http://127.0.0.1:7"]}"#] {
            let (at, why) = words(text);
            assert_eq!((at, why.what.as_str()), (None, "it ended before it said where it is: exit status: 0"));
        }
    }
}
