//! The access log: a line of JSON for each request, written by a thread of its
//! own. A disk that is too slow, or full, loses lines, and the log says how many
//! once it can; it never holds up a request. Whoever keeps the file short moves
//! it away and has it opened anew, by SIGHUP.

use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
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
    /// The file was moved away, and is to be made again.
    moved: bool,
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

fn open(path: &Path) -> io::Result<File> {
    let open = OpenOptions::new().create(true).append(true).open(path);
    open.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
}

/// What the thread writes with.
struct Pen {
    path: PathBuf,
    file: File,
    /// Lines that nobody will read.
    lost: u64,
    /// Whether it failed last time: that is told once.
    fails: bool,
}

impl Pen {
    /// Without a new file the old one goes on.
    fn begin_anew(&mut self) {
        match open(&self.path) {
            Ok(file) => self.file = file,
            Err(error) => tracing::error!(%error, "the access log stays where it was"),
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let mut written = Ok(());
        if self.lost > 0 {
            written = writeln!(self.file, "{{\"lost_lines\":{}}}", self.lost);
            if written.is_ok() {
                self.lost = 0;
            }
        }
        written = written.and_then(|()| self.file.write_all(lines));
        let fails = written.is_err();
        if let Err(error) = written {
            self.lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            if !self.fails {
                tracing::error!(%error, "the access log cannot be written: lines are lost until it can");
            }
        }
        self.fails = fails;
    }
}

impl AccessLog {
    /// Writes to the end of a file; nowhere without one.
    pub(crate) fn start(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = open(path)?;
        let waiting = Arc::new(Mutex::<Waiting>::default());
        let mut pen = Pen { path: path.to_owned(), file, lost: 0, fails: false };
        let shared = Arc::clone(&waiting);
        let run = move || {
            let mut lines = Vec::new();
            loop {
                thread::park_timeout(EVERY);
                let mut waiting = locked(&shared);
                std::mem::swap(&mut waiting.lines, &mut lines);
                pen.lost += std::mem::take(&mut waiting.lost);
                let (moved, ended) = (std::mem::take(&mut waiting.moved), waiting.ended);
                drop(waiting);
                if moved {
                    pen.begin_anew();
                }
                pen.write(&lines);
                lines.clear();
                if ended {
                    return;
                }
            }
        };
        let thread = Some(thread::Builder::new().name("access log".to_owned()).spawn(run)?);
        Ok(Self(Some(Writer { waiting, thread })))
    }

    /// Opens the file anew, under its name.
    pub(crate) fn open_anew(&self) {
        if let Some(writer) = &self.0 {
            locked(&writer.waiting).moved = true;
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pen(path: &Path) -> Pen {
        Pen { path: path.to_owned(), file: open(path).unwrap(), lost: 0, fails: false }
    }

    #[test]
    fn what_a_full_disk_loses_is_counted_and_told_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut pen = pen(Path::new("/dev/full"));
        pen.write(b"one\ntwo\n");
        pen.write(b"three\n");
        assert_eq!((pen.lost, pen.fails), (3, true));
        pen.path = folder.path().join("log");
        pen.begin_anew();
        pen.write(b"four\n");
        assert_eq!((pen.lost, pen.fails), (0, false));
        assert_eq!(std::fs::read_to_string(&pen.path).unwrap(), "{\"lost_lines\":3}\nfour\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut pen = pen(&path);
        pen.write(b"one\n");
        std::fs::rename(&path, &moved).unwrap();
        pen.write(b"two\n");
        pen.begin_anew();
        pen.write(b"three\n");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&moved), read(&path)), ("one\ntwo\n".to_owned(), "three\n".to_owned()));
    }
}
