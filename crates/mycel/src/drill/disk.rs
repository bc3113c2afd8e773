//! How long the disk takes while a drill runs, for nobody: whoever waits longer
//! than it does can tell whether the planet or the machine was slow.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two writes.
const EVERY: Duration = Duration::from_millis(100);
/// What is written: a small batch of a log.
const BYTES: [u8; 4_096] = [0; 4_096];

#[allow(clippy::disallowed_methods)] // This is where the time comes in.
fn now() -> Instant {
    Instant::now()
}

/// A write that is made durable, and when it began.
pub(super) type Write = (Instant, Duration);

/// A thread that writes until it is asked what it took.
pub(super) struct Disk {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Write>>,
}

impl Disk {
    /// Writes to a file in a folder, again and again.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let mut file = File::create(folder.join("disk"))?;
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut writes = Vec::new();
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let begun = now();
                let written = file.rewind().and_then(|()| file.write_all(&BYTES)).and_then(|()| file.sync_data());
                if written.is_ok() {
                    writes.push((begun, begun.elapsed()));
                }
            }
            writes
        });
        Ok(Self { stop, thread })
    }

    /// What it took, write by write.
    pub(super) fn stop(self) -> Vec<Write> {
        drop(self.stop);
        // One that panicked has measured nothing.
        self.thread.join().unwrap_or_default()
    }
}
