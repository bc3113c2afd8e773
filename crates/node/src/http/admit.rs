//! What stands between a request and its call: what its endpoint needs.
//!
//! Nothing else does, so an endpoint needs what the table says; whether a right
//! is given is the planet's roles and rules to say, through the engine.

use super::decode;
use super::no::No;
use super::peer::Peer;
use super::table::Needs;
use super::want::Want;
use crate::engine::{About, BlockAt, Connection};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use planet::Right;
use policy::access::Decision;
use std::sync::Arc;
use trust::attach::Session;
use trust::{BlockRef, RegionTag};
use wire::Code;

/// Whether to say why.
const EXPLAIN: HeaderName = HeaderName::from_static("mycel-explain");
/// Why a request was let through, as JSON, when that was asked.
pub(super) const ACCESS: HeaderName = HeaderName::from_static("mycel-access");

/// Asks for what an endpoint needs.
pub(super) async fn admit(
    peer: &Peer,
    needs: Needs,
    parts: &[String],
    head: &Parts,
) -> Result<Option<Arc<Session>>, No> {
    if !needs.a_lease() {
        let nobody =
            || No::new(Code::Unknown, "nobody has proved on this connection to be a gateway: POST /v1/gateway");
        return if needs == Needs::Gateway && !peer.is_gateway() { Err(nobody()) } else { Ok(None) };
    }
    let lease = decode::lease(&head.headers)?;
    if needs == Needs::Lease {
        return Ok(None);
    }
    let engine = &peer.shared.engine;
    let session = peer.session(lease).await?;
    let connection = peer.connection().await;
    match needs {
        Needs::Right(right) => match block(parts)? {
            Some(block) => engine.allow(&connection, &session, right, About::Block(&block))?,
            None => engine.allow(&connection, &session, right, about(right))?,
        },
        Needs::Own(right) => own(peer, (&connection, &session), &decode::block(parts)?, right)?,
        // The right of an op's kind is asked for with the op; that the session holds, here.
        Needs::Proof | Needs::Kind | Needs::Nothing | Needs::Gateway | Needs::Lease => {
            engine.holds(&connection, &session)?;
        }
    }
    Ok(Some(session))
}

/// The block that the path names, if it names one.
fn block(parts: &[String]) -> Result<Option<BlockAt>, No> {
    if parts.len() < 2 { Ok(None) } else { decode::block(parts).map(Some) }
}

/// What a right is asked for where the path names no block: whoever
/// administers does so everywhere, and all else is the caller's own.
fn about(right: Right) -> About<'static> {
    if right == Right::Administer { About::Everything } else { About::Own }
}

/// Asks for a right over a block, and to administer it where it is another's.
fn own(peer: &Peer, (connection, session): (&Connection, &Session), block: &BlockAt, right: Right) -> Result<(), No> {
    let engine = &peer.shared.engine;
    let held = session.lease().block;
    if !is_own(session, block) && engine.allow(connection, session, Right::Administer, About::Block(block)).is_err() {
        let named = peer.shared.places.at(held);
        let what = format!("the lease is for block {} of region {}: ask for that one", named.index, named.region);
        return Err(No { right: Some(Box::new(named)), ..No::new(Code::WrongBlock, what) });
    }
    Ok(engine.allow(connection, session, right, About::Block(block))?)
}

/// Whether a block is the one that a lease is for.
fn is_own(session: &Session, block: &BlockAt) -> bool {
    session.lease().block == BlockRef { region: RegionTag::of(&block.region), index: block.index }
}

/// Why a request is let through, where it asks; a refusal says why by itself.
pub(super) fn explained(
    peer: &Peer,
    (needs, parts): (Needs, &[String]),
    head: &Parts,
    (session, want): (Option<&Session>, Option<&Want>),
) -> Option<HeaderValue> {
    if !head.headers.contains_key(EXPLAIN) {
        return None;
    }
    let decision = decision(peer, needs, parts, session?, want?)?;
    HeaderValue::from_bytes(&serde_json::to_vec(&decision).ok()?).ok()
}

fn decision(peer: &Peer, needs: Needs, parts: &[String], session: &Session, want: &Want) -> Option<Decision> {
    let engine = &peer.shared.engine;
    match (needs, want) {
        (Needs::Kind, Want::Op(ask, _)) => engine.decide_op(session, ask).ok(),
        (Needs::Right(right), _) => Some(match block(parts).ok()? {
            Some(block) => engine.decide(session, right, About::Block(&block)),
            None => engine.decide(session, right, about(right)),
        }),
        (Needs::Own(right), _) => {
            let block = decode::block(parts).ok()?;
            let decided = engine.decide(session, right, About::Block(&block));
            // What lets somebody read another's block is that it administers.
            let by_own = !decided.allowed || is_own(session, &block);
            Some(if by_own { decided } else { engine.decide(session, Right::Administer, About::Block(&block)) })
        }
        _ => None,
    }
}
