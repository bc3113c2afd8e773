//! An answer that is still to come: waited for by a thread or awaited.
//!
//! It must never be forgotten: a promise that is dropped without an answer
//! answers that the log was closed. Our own and not a channel's, because a
//! channel costs more than the append.

use super::{AppendError, Position};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

type Answer = Result<Position, AppendError>;

#[derive(Debug, Default)]
struct Slot {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

/// The answer to an append; await it, or [`wait`](Self::wait).
#[derive(Debug)]
#[must_use = "an append is not durable before its answer"]
pub struct Ticket(Arc<Mutex<Slot>>);

/// Whoever answers.
#[derive(Debug)]
pub(crate) struct Promise(Option<Arc<Mutex<Slot>>>);

pub(crate) fn pair() -> (Promise, Ticket) {
    let slot = Arc::new(Mutex::new(Slot::default()));
    (Promise(Some(Arc::clone(&slot))), Ticket(slot))
}

impl Promise {
    /// Gives the answer; whoever waits is still to be woken.
    pub(crate) fn answer(mut self, answer: Answer) -> Option<Waker> {
        self.settle(answer)
    }

    fn settle(&mut self, answer: Answer) -> Option<Waker> {
        let slot = self.0.take()?;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.answer = Some(answer);
        slot.waker.take()
    }
}

/// Those who are to be woken, all at once when all answers of a group are
/// given: one who is woken by his first answer would overtake the committer
/// and go to sleep again before the second.
#[derive(Default)]
pub(crate) struct Sleepers(Vec<Waker>);

impl Sleepers {
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        // However the committer ends, nobody sleeps for ever.
        self.wake();
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(waker) = self.settle(Err(AppendError::Closed)) {
            waker.wake();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Ticket {
    /// Blocks until the append is durable or refused.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn wait(mut self) -> Answer {
        if let Some(answer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).answer.take() {
            return answer;
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(answer) = Pin::new(&mut self).poll(&mut context) {
                return answer;
            }
            thread::park();
        }
    }
}

impl Future for Ticket {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = slot.answer.take() {
            return Poll::Ready(answer);
        }
        if slot.waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            slot.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}
