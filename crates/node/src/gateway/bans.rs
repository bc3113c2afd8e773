//! Who is turned away by a gateway, before any host hears of them.
//!
//! Whether somebody may see, set or lift bans is for the host of its lease to
//! say, which knows the planet's rules: what that has allowed, the gateway does
//! as well. So a ban holds in front of all regions, at this gateway.

use super::body::{Asked, Told};
use super::front::{Front, Seen, json, too_soon};
use super::regions::Wish;
use super::session::{self, Session};
use super::settings::Settings;
use crate::http::{No, decode, shown};
use block::bans::Net;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use policy::set::RegionNumber;
use vocab::Millis;
use wire::{Code, ask, tell};

/// Of what a host says about bans: it keeps a bounded number of them.
const MOST_TOLD: usize = 16 << 20;

/// What is to be done here when the host has allowed it.
enum Change {
    Nothing,
    Ban(Net, Millis),
    Lift(Net),
}

fn change(head: &Parts, body: &[u8]) -> Result<Change, No> {
    match head.method {
        Method::POST => {
            let ban: ask::Ban = decode::json(body)?;
            Ok(Change::Ban(decode::net(&ban.net)?, Millis(ban.for_ms)))
        }
        Method::DELETE => {
            let lift: ask::Lift = decode::query(head.uri.query())?;
            Ok(Change::Lift(decode::net(&lift.net)?))
        }
        _ => Ok(Change::Nothing),
    }
}

impl Front {
    /// The region of a session, when its agent may ask once more and the region
    /// can take it.
    fn counted(&self, session: &Session) -> Result<RegionNumber, No> {
        self.shared.rates.ask_agent(&session.meter, self.now()).map_err(|wait| too_soon("agent", wait))?;
        self.pin(&Wish::of_own(session.region), session.region)
    }

    /// Shows, sets and lifts bans: the host's of the lease, and this gateway's.
    pub(super) async fn bans(
        &self,
        head: Parts,
        body: Incoming,
        seen: &mut Seen,
        settings: &Settings,
    ) -> Result<Response<Told>, No> {
        let found = self.sessions.find(decode::lease(&head.headers)?);
        let session = session::good(found, self.shared.clock.now())?;
        let region = self.counted(&session)?;
        (seen.region, seen.session) = (Some(region), Some(session));
        let body = self.small_body(&head, body, settings.bounds.body).await?;
        let (change, is_list) = (change(&head, &body)?, head.method == Method::GET);
        let answer = self.forward(region, (head, Asked::own(body)), settings).await?;
        let now = self.shared.clock.now();
        match (change, answer.status()) {
            (Change::Nothing, StatusCode::OK) if is_list => {
                let told = whole(answer).await?;
                let mut told: tell::Bans = serde_json::from_slice(&told).map_err(|why| strange(&why.to_string()))?;
                let own = self.shared.turnstile.bans(now).into_iter().map(shown::ban);
                told.bans.extend(own.filter(|own| own.until > now.0));
                told.bans.sort_by(|a, b| (&a.net, b.until).cmp(&(&b.net, a.until)));
                told.bans.dedup_by(|later, first| later.net == first.net);
                json(&told)
            }
            (Change::Ban(net, lasts), StatusCode::OK) => {
                self.shared.turnstile.ban(net, now.after(lasts), now)?;
                Ok(answer)
            }
            // What the host does not turn away, the gateway may.
            (Change::Lift(net), status @ (StatusCode::OK | StatusCode::NOT_FOUND)) => {
                let lifted = self.shared.turnstile.lift(net).is_ok();
                if lifted && status == StatusCode::NOT_FOUND { json(&tell::Done {}) } else { Ok(answer) }
            }
            _ => Ok(answer),
        }
    }
}

fn strange(why: &str) -> No {
    No::new(Code::Unavailable, format!("the region's host said of bans what is none: {why}"))
}

async fn whole(answer: Response<Told>) -> Result<Bytes, No> {
    let told = Limited::new(answer.into_body(), MOST_TOLD).collect().await;
    told.map(http_body_util::Collected::to_bytes).map_err(|why| strange(&why.to_string()))
}
