//! Enters what commands at the data directory ask for, while this process has
//! the log: see `audit::asked`.
//!
//! It must never answer what is not durable. Whoever asked acts on the answer;
//! whoever is gone before it gets one has not acted, and that is entered too.

use crate::acts::{Acts, By};
use audit::asked::{Answer, Request, waiting};
use audit::entry::Act;
use std::path::PathBuf;
use std::sync::Weak;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Between two looks: somebody waits in front of a screen, and a look where
/// nobody asks is one call that finds nothing.
const LOOK: Duration = Duration::from_millis(100);
/// Looks from one line about a folder that cannot be read to the next: a minute.
const SAID: u32 = 600;

/// The thread that looks whether somebody asks, until this is dropped.
pub(crate) struct Asking {
    say: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Asking {
    pub(crate) fn begin(data: PathBuf, acts: Weak<Acts>) -> std::io::Result<Self> {
        let (say, said) = channel();
        let look = move || {
            let mut quiet = 0_u32;
            while matches!(said.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                quiet = quiet.saturating_sub(1);
                let requests = waiting(&data).unwrap_or_else(|error| {
                    if quiet == 0 {
                        quiet = SAID;
                        tracing::warn!(%error, "what commands ask to have entered cannot be read");
                    }
                    Vec::new()
                });
                if requests.is_empty() {
                    continue;
                }
                // The log is free for another as soon as nobody has it: it is held for no longer than this.
                let Some(acts) = acts.upgrade() else { return };
                requests.iter().for_each(|request| answer(&acts, request));
            }
        };
        let thread = Builder::new().name("asked".to_owned()).spawn(look)?;
        Ok(Self { say: Some(say), thread: Some(thread) })
    }

    /// Looks no more, and waits for what was begun.
    pub(crate) fn end(mut self) {
        self.say.take();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn answer(acts: &Acts, request: &Request) {
    let entered = request.entries.as_ref().map_err(Clone::clone).and_then(|entries| {
        let entered = acts.enter_asked(request.id, entries);
        entered.map(|first| (first, entries))
    });
    let answer = match &entered {
        Ok((first, _)) => Answer::Entered(*first),
        Err(why) => Answer::Refused(why.clone()),
    };
    if !request.is_waited_for() {
        let Ok((first, entries)) = entered else { return };
        for (number, entry) in (first..).zip(entries).filter(|(_, entry)| !matches!(entry.act, Act::NotDone { .. })) {
            acts.not_done(&By::directory(), (entry.place.clone(), number), "whoever asked for it was gone");
        }
    } else if let Err(why) = request.answer(&answer) {
        // It is found again without an answer, and in the log.
        tracing::warn!(%why, "a command that waits cannot be answered");
    }
}
