//! What is answered piece by piece: messages as they come, and a backup.

use super::answer::{Answer, stream};
use super::calls::Asked;
use super::limits::{BACKUP_BYTES, BACKUP_PIECES, PAGE, STREAM_BEAT};
use super::no::No;
use super::peer::Peer;
use super::serve::Serving;
use super::shown;
use crate::engine::About;
use block::kinds::Cursor;
use bytes::Bytes;
use hyper::body::Frame;
use planet::Right;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use trust::attach::Session;

use wire::{Code, ask};

struct Follows {
    peer: Arc<Peer>,
    session: Arc<Session>,
    after: Option<Cursor>,
    begun: bool,
    _waits: OwnedSemaphorePermit,
    _serving: Serving,
}

/// Follows an inbox.
pub(super) fn inbox(peer: &Arc<Peer>, after: Option<Cursor>, asked: Asked) -> Result<Answer, No> {
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
        engine.allow(&*self.peer.connection().await, &self.session, Right::Read, About::Own).ok()?;
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

/// Hands what is written to whoever sends it.
struct Sends(mpsc::Sender<Result<Bytes, No>>);

impl Write for Sends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a backup while it is written. One that fails in the middle ends
/// early, and does not open: only its last piece says that it is whole.
pub(super) async fn backup(peer: &Arc<Peer>, ask: ask::Backup, asked: Asked) -> Result<Answer, No> {
    let engine = peer.shared.engine.clone();
    let by = engine.by(asked.session()?, Right::Administer, About::Everything, Some(asked.source));
    let (pieces, mut taken) = mpsc::channel(BACKUP_PIECES);
    tokio::task::spawn_blocking(move || {
        let mut to = BufWriter::with_capacity(BACKUP_BYTES, Sends(pieces.clone()));
        if let Err(refusal) = engine.backup(&by, &mut to, &ask.key.0, ask.owners) {
            tracing::warn!(why = %refusal, "a backup was not finished");
            // Whoever asked may be gone.
            let _ = pieces.blocking_send(Err(No::from(refusal)));
        }
    });
    let none = || No::new(Code::Internal, "the backup ended before it began");
    let first = taken.recv().await.ok_or_else(none)??;
    let state = (Some(first), taken, asked.serving);
    let pieces = futures_util::stream::unfold(state, |(first, mut taken, serving)| async move {
        let piece = match first {
            Some(first) => first,
            None => taken.recv().await?.ok()?,
        };
        Some((Ok(Frame::data(piece)), (None, taken, serving)))
    });
    Ok(stream("application/octet-stream", pieces))
}
