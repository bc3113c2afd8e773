//! The access log: a line of JSON for each request, written by a thread of its
//! own. A disk that is too slow loses lines, and says how many; it never holds
//! up a request.

use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait to be written: at some 250 a line, a second of 32,000 requests.
const MOST_WAITING: usize = 8 << 20;
/// How long a line waits at most.
const EVERY: Duration = Duration::from_millis(100);

/// One request, as it was answered.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) time_ms: u64,
    pub(crate) id: &'a str,
    pub(crate) source: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) micros: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<&'a str>,
}

/// A connection that did not end by itself, and so may have had no request.
#[derive(Debug, Serialize)]
pub(crate) struct Closed<'a> {
    pub(crate) time_ms: u64,
    pub(crate) source: IpAddr,
    pub(crate) closed: &'a str,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    ended: bool,
}

/// Where requests are written down.
#[derive(Debug)]
pub(crate) struct AccessLog(Option<Writer>);

#[derive(Debug)]
struct Writer {
    waiting: Arc<Mutex<Waiting>>,
    thread: Option<thread::JoinHandle<()>>,
}

fn locked(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AccessLog {
    /// Writes to the end of a file; nowhere without one.
    pub(crate) fn start(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))?;
        let waiting = Arc::new(Mutex::<Waiting>::default());
        let shared = Arc::clone(&waiting);
        let run = move || {
            let mut lines = Vec::new();
            loop {
                thread::park_timeout(EVERY);
                let mut waiting = locked(&shared);
                std::mem::swap(&mut waiting.lines, &mut lines);
                let (lost, ended) = (std::mem::take(&mut waiting.lost), waiting.ended);
                drop(waiting);
                let mut written = file.write_all(&lines);
                if lost > 0 {
                    written = written.and_then(|()| writeln!(file, "{{\"lost_lines\":{lost}}}"));
                }
                if let Err(error) = written {
                    tracing::error!(%error, "the access log cannot be written");
                }
                lines.clear();
                if ended {
                    return;
                }
            }
        };
        let thread = Some(thread::Builder::new().name("access log".to_owned()).spawn(run)?);
        Ok(Self(Some(Writer { waiting, thread })))
    }

    /// Whether anything is written.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a line, soon.
    pub(crate) fn write(&self, line: &impl Serialize) {
        let Some(writer) = &self.0 else { return };
        let mut waiting = locked(&writer.waiting);
        if waiting.lines.len() > MOST_WAITING {
            waiting.lost += 1;
            return;
        }
        // A line of plain fields can always be written to memory.
        let _ = serde_json::to_writer(&mut waiting.lines, line);
        waiting.lines.push(b'\n');
    }
}

/// What waits is written first.
impl Drop for Writer {
    fn drop(&mut self) {
        locked(&self.waiting).ended = true;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // One that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}
