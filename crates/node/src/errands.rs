//! The thread of a node on a machine apart that goes to the CA's office every
//! few seconds, and at once when there is something to bring, and takes home
//! what belongs into the node's folder of keys. Everything else is as if the
//! office were beside it.
//!
//! It must never take what does not hold, nor wait for ever for anybody.

use crate::counter::PATH;
use custody::KeyError;
use custody::credentials::{Clock, Node};
use custody::errand::{Errand, Given, MOST_GIVEN, NotTaken, Seen};
use custody::lineage;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two errands with nothing to bring; hosts have heard of a next key when
/// two have passed.
pub(crate) const EVERY: Duration = LOOK.saturating_mul(LOOKS);
/// Between two looks whether there is something to bring, and between the first
/// errands that fail.
const LOOK: Duration = Duration::from_millis(250);
/// Looks between two errands with nothing to bring, which are five seconds.
const LOOKS: u32 = 20;
/// For each step of an errand: the way there, what is sent, each piece of what comes.
const PATIENCE: Duration = Duration::from_secs(5);
/// For all that comes.
const WHOLE: Duration = Duration::from_secs(20);
/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// Errands that fail before it is said again: five minutes.
const SAID: u32 = 60;
/// Headers of an answer.
const MOST_HEADERS: usize = 32;

/// Why an errand came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoErrand {
    /// Nobody is there, or nobody answers.
    #[error("the CA's office at {0} cannot be reached: {1}")]
    Unreached(String, io::Error),
    /// It refused.
    #[error("the CA's office at {0} refuses: {1}")]
    Refused(String, String),
    /// What it gave is not taken.
    #[error("what the CA's office at {0} gave is not taken: {1}")]
    NotTaken(String, NotTaken),
    /// A key here.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A node's errands to an office, until this is dropped.
pub struct Errands {
    /// The line of keys that the office has.
    brought: Arc<Mutex<Option<String>>>,
    node: Node,
    say: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Errands {
    /// Begins them, to an office at `HOST:PORT`. The first is tried before this
    /// returns; when it came to nothing they go on, and the reason is beside it.
    ///
    /// # Errors
    /// When there is no thread for them.
    pub fn start(node: Node, office: String, clock: Clock) -> io::Result<(Self, Option<NoErrand>)> {
        let brought = Arc::<Mutex<Option<String>>>::default();
        let (say, said) = channel();
        let mut runner = Runner { node: node.clone(), office, clock, brought: Arc::clone(&brought) };
        let first = runner.run().err();
        let failed_first = u32::from(first.is_some());
        let keep = move || {
            // Looks until the next one, with nothing to bring.
            let (mut seen, mut wait, mut failed) = (None, 0, failed_first);
            while let Err(RecvTimeoutError::Timeout) = said.recv_timeout(LOOK) {
                let now = Seen::of(&runner.node);
                if wait > 0 && seen.as_ref() == Some(&now) {
                    wait -= 1;
                    continue;
                }
                match runner.run() {
                    Ok(()) => (wait, failed) = (LOOKS, 0),
                    Err(why) => {
                        if failed % SAID == 1 {
                            tracing::warn!(node = %runner.node.name, %why, "a node is on its own: it tries again");
                        }
                        // In the first seconds the office may be just about to open.
                        wait = if failed < LOOKS { 0 } else { LOOKS };
                        failed = failed.saturating_add(1);
                    }
                }
                seen = Some(now);
            }
        };
        let thread = thread::Builder::new().name("errands".to_owned()).spawn(keep)?;
        Ok((Self { brought, node, say: Some(say), thread: Some(thread) }, first))
    }

    /// Whether the office has heard of all of the node's keys.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_told(&self) -> Result<bool, KeyError> {
        is_told(&self.node, &self.brought)
    }

    /// The same, for whoever outlives this.
    pub(crate) fn teller(&self) -> impl Fn() -> Result<bool, KeyError> + Send + use<> {
        let (node, brought) = (self.node.clone(), Arc::clone(&self.brought));
        move || is_told(&node, &brought)
    }
}

fn is_told(node: &Node, brought: &Mutex<Option<String>>) -> Result<bool, KeyError> {
    let line = lineage::letters(&node.keys, &node.files)?;
    Ok(brought.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&line))
}

impl Drop for Errands {
    fn drop(&mut self) {
        self.say.take();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

struct Runner {
    node: Node,
    office: String,
    clock: Clock,
    brought: Arc<Mutex<Option<String>>>,
}

impl Runner {
    /// Goes there once.
    fn run(&mut self) -> Result<(), NoErrand> {
        let errand = Errand::of(&self.node)?;
        let unreached = |error| NoErrand::Unreached(self.office.clone(), error);
        let body = serde_json::to_vec(&errand).map_err(|error| unreached(error.into()))?;
        let (status, told) = post(&self.office, &body).map_err(unreached)?;
        if status != 200 {
            let said: serde_json::Value = serde_json::from_slice(&told).unwrap_or_default();
            let said = said["error"].as_str().unwrap_or("it does not say why").chars().take(500).collect();
            return Err(NoErrand::Refused(self.office.clone(), said));
        }
        let given: Given = serde_json::from_slice(&told).map_err(|error| unreached(error.into()))?;
        let not_taken = |why| NoErrand::NotTaken(self.office.clone(), why);
        given.take(&self.node, (self.clock)()).map_err(not_taken)?;
        *self.brought.lock().unwrap_or_else(PoisonError::into_inner) = Some(errand.line);
        match given.refused {
            Some(why) => Err(NoErrand::Refused(self.office.clone(), why)),
            None => Ok(()),
        }
    }
}

/// Sends something to an office, and reads all that it answers.
fn post(office: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    let mut found = None;
    for address in office.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                found = Some(stream);
                break;
            }
            Err(error) => last = error,
        }
    }
    let mut stream = found.ok_or(last)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: {office}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    read(&all(stream)?)
}

/// All that comes until the connection ends, within its limits of bytes and time.
#[allow(clippy::disallowed_methods)] // How much time passes, and not which it is.
fn all(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let (begun, mut told, mut piece) = (Instant::now(), Vec::new(), vec![0; READ_BYTES]);
    while told.len() <= MOST_GIVEN {
        let came = stream.read(&mut piece)?;
        if came == 0 {
            return Ok(told);
        }
        if begun.elapsed() > WHOLE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "its answer takes too long"));
        }
        told.extend_from_slice(&piece[..came]);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is longer than any"))
}

/// The status and the body of an answer that ended with its connection.
fn read(told: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(told).map_err(|error| wrong(&error.to_string()))?;
    let httparse::Status::Complete(begins) = parsed else { return Err(wrong("its answer ended early")) };
    let status = answer.code.ok_or_else(|| wrong("its answer has no status"))?;
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let body = told.get(begins..).unwrap_or_default();
    // What was cut off is no shorter answer.
    if length != Some(body.len()) {
        return Err(wrong("its answer is not as long as it says"));
    }
    Ok((status, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_none() {
        let whole = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(read(whole).unwrap(), (403, b"abc".to_vec()));
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\nabc").is_err());
        assert!(read(b"SSH-2.0-x\r\n").is_err());
    }
}
