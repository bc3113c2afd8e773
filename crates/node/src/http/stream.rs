//! Messages as they come: server-sent events.

use super::answer::{Answer, stream};
use super::calls::Asked;
use super::decode::{self, query};
use super::limits::{PAGE, STREAM_BEAT};
use super::no::No;
use super::peer::Peer;
use super::serve::Serving;
use super::shown;
use block::kinds::Cursor;
use bytes::Bytes;
use hyper::body::Frame;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use trust::attach::Session;
use trust::lease::Rights;
use wire::{Code, Hex, ask};

struct Follows {
    peer: Arc<Peer>,
    session: Arc<Session>,
    after: Option<Cursor>,
    begun: bool,
    _waits: OwnedSemaphorePermit,
    _serving: Serving,
}

/// Follows an inbox.
pub(super) fn inbox(peer: &Arc<Peer>, asked: Asked) -> Result<Answer, No> {
    let from: ask::InboxStream = query(asked.head.uri.query())?;
    let last = asked.head.headers.get("last-event-id").map(|id| {
        let id = id.to_str().unwrap_or_default().parse::<Hex<24>>();
        id.map_err(|error| No::new(Code::Bad, format!("Last-Event-ID: {error}")).field("Last-Event-ID"))
    });
    let after = last.transpose()?.or(from.after).map(decode::cursor).transpose()?;
    let follows = Follows {
        peer: Arc::clone(peer),
        session: Arc::clone(asked.session()?),
        after,
        begun: false,
        _waits: peer.shared.wait()?,
        _serving: asked.serving,
    };
    Ok(stream("text/event-stream", futures_util::stream::unfold(follows, Follows::next)))
}

impl Follows {
    /// What comes next; nothing when the lease has ended or the server stops.
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Infallible>, Self)> {
        let frame = |text: String| Ok(Frame::data(Bytes::from(text)));
        if !self.begun {
            // So that the head is sent at once, and whoever follows knows.
            self.begun = true;
            return Some((frame(": from here on\n\n".to_owned()), self));
        }
        let engine = self.peer.shared.engine.clone();
        engine.allow(&*self.peer.connection().await, &self.session, Rights::READ).ok()?;
        let agent = self.session.lease().agent;
        let messages = tokio::select! {
            biased;
            messages = engine.inbox(agent, self.after, PAGE, STREAM_BEAT) => messages.ok()?,
            () = self.peer.shared.stopped() => return None,
        };
        let mut text = String::new();
        for message in messages {
            self.after = Some(message.cursor);
            let told = shown::message(message, &self.peer.shared.places);
            let data = serde_json::to_string(&told).unwrap_or_default();
            // Writing into a string does not fail.
            let _ = write!(text, "id: {}\nevent: message\ndata: {data}\n\n", told.cursor);
        }
        if text.is_empty() {
            text.push_str(": nothing yet\n\n");
        }
        Some((frame(text), self))
    }
}
