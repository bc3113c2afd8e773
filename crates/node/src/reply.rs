//! Where a lane's answers go: to whoever waits for this one, or into the mail
//! of one who has many ops on their way.
//!
//! Answers come in batches, as entries become durable. Whoever waits for many
//! is woken once when all of a batch has been put into its mail, and not for
//! each of them: waking somebody costs more than the answer.

use crate::engine::{OpDone, Refusal};
use block::shard::Answer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::AppendError;
use tokio::sync::{Notify, oneshot};
use trust::attach::NotOn;

/// What is sent back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The shard's answer.
    Answer(Answer),
    /// The session does not hold.
    NotOn(NotOn),
    /// It could not be made durable.
    Lost(AppendError),
    /// It was not even asked.
    Refused(Refusal),
    /// What it came to when it was here before, which had to be looked up.
    Done(Box<Result<OpDone, Refusal>>),
    /// Whoever should have answered is gone.
    Gone,
}

/// Where an answer goes; nowhere when it was the house that asked.
pub(crate) type Token = Option<To>;

/// Whoever waits.
#[derive(Debug)]
pub(crate) enum To {
    /// For this answer alone.
    One(oneshot::Sender<Reply>),
    /// For many.
    Mail(Mail),
}

impl To {
    /// Sends an answer; the bell to ring when the others of its batch are sent.
    fn send(self, reply: Reply) -> Option<Arc<Inbox>> {
        match self {
            Self::One(one) => {
                // Whoever asked may be gone.
                let _ = one.send(reply);
                None
            }
            Self::Mail(mail) => mail.send(reply),
        }
    }
}

/// Sends one answer.
pub(crate) fn send(token: Token, reply: Reply) {
    send_all(std::iter::once((token, reply)));
}

/// Sends answers, then wakes whoever waits for some of them.
pub(crate) fn send_all(answers: impl IntoIterator<Item = (Token, Reply)>) {
    let mut woken = Vec::new();
    for (token, reply) in answers {
        woken.extend(token.and_then(|to| to.send(reply)));
    }
    for inbox in woken {
        inbox.bell.notify_one();
    }
}

/// Answers that nobody has taken yet. As many as ops are on their way, which
/// whoever owns the mailbox bounds.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    came: Mutex<Vec<(usize, Reply)>>,
    bell: Notify,
}

impl Inbox {
    fn came(&self) -> MutexGuard<'_, Vec<(usize, Reply)>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token for the answer that will be known by a number here.
    pub(crate) fn token(self: &Arc<Self>, number: usize) -> Token {
        Some(To::Mail(Mail { inbox: Some(Arc::clone(self)), number }))
    }

    /// Takes everything that is there in exchange for something empty.
    pub(crate) fn take(&self, empty: &mut Vec<(usize, Reply)>) {
        std::mem::swap(&mut *self.came(), empty);
    }

    /// Waits until something may be there.
    pub(crate) async fn wait(&self) {
        self.bell.notified().await;
    }
}

/// The way into a mailbox, for one answer. One that is dropped says so: nobody
/// waits for ever.
#[derive(Debug)]
pub(crate) struct Mail {
    inbox: Option<Arc<Inbox>>,
    number: usize,
}

impl Mail {
    fn send(mut self, reply: Reply) -> Option<Arc<Inbox>> {
        let inbox = self.inbox.take()?;
        let mut came = inbox.came();
        let first = came.is_empty();
        came.push((self.number, reply));
        drop(came);
        first.then_some(inbox)
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            inbox.came().push((self.number, Reply::Gone));
            inbox.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_token_that_is_dropped_leaves_nobody_waiting() {
        let inbox = Arc::<Inbox>::default();
        drop(inbox.token(7));
        inbox.wait().await;
        let mut came = Vec::new();
        inbox.take(&mut came);
        assert!(matches!(came[..], [(7, Reply::Gone)]));
    }

    #[tokio::test]
    async fn whoever_waits_for_many_is_woken_when_all_are_there() {
        let inbox = Arc::<Inbox>::default();
        send_all((0..3).map(|number| (inbox.token(number), Reply::Gone)));
        inbox.wait().await;
        let mut came = Vec::new();
        inbox.take(&mut came);
        assert_eq!(came.len(), 3);
        // One bell was enough, and there is no second one.
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), inbox.wait()).await.is_err());
    }
}
