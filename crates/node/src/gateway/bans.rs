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
use crate::acts::By;
use crate::engine::Refusal;
use crate::http::{No, audit, decode, shown};
use crate::turnstile::Turnstile;
use ::audit::entry::{Act, Name, Place};
use ::audit::path::{Path, Row};
use block::bans::Net;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use policy::set::RegionNumber;
use std::sync::Arc;
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
        let by = By::administers(session.lease.agent, self.source);
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
                let until = now.after(lasts);
                let act = Act::Banned { net: Name::cut(&net.to_string()), until: until.0 };
                self.entered(by, act, move |turnstile| turnstile.ban(net, until, now)).await?;
                Ok(answer)
            }
            // What the host does not turn away, the gateway may.
            (Change::Lift(net), status @ (StatusCode::OK | StatusCode::NOT_FOUND)) => {
                let lifted = self.shared.turnstile.is_banned(net, now).is_ok();
                if lifted {
                    let act = Act::Lifted { net: Name::cut(&net.to_string()) };
                    self.entered(by, act, move |turnstile| turnstile.lift(net)).await?;
                }
                if lifted && status == StatusCode::NOT_FOUND { json(&tell::Done {}) } else { Ok(answer) }
            }
            _ => Ok(answer),
        }
    }
}

impl Front {
    /// Does what the host has allowed here as well, with its entry first.
    async fn entered(
        &self,
        by: By,
        act: Act,
        done: impl FnOnce(&Turnstile) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), No> {
        let (turnstile, acts) = (Arc::clone(&self.shared.turnstile), self.shared.settings().acts.clone());
        let entered = tokio::task::spawn_blocking(move || match acts {
            Some(acts) => acts.then((&by, Place::Planet), (act, "the host allowed it"), || done(&turnstile)),
            None => done(&turnstile),
        });
        Ok(entered.await.map_err(|_| No::new(Code::Internal, "what was begun ended early"))??)
    }

    /// The audit log of the gateways' process: what everybody may have of it.
    /// Whether somebody may read entries is a host's to say, for its own.
    pub(super) async fn audit(&self, path: &str) -> Result<Response<Told>, No> {
        let acts = self.shared.settings().acts.clone();
        let acts = acts.ok_or_else(|| No::new(Code::NotFound, "this gateway has no audit log"))?;
        let answer = match path.strip_prefix("/v1/audit/").unwrap_or_default() {
            "checkpoint" => audit::checkpoint(&acts).await?,
            "log.vkey" => audit::key(&acts),
            "successors" => audit::successors(&acts).await?,
            name => {
                let tile = Path::parse(name).map_err(|why| No::new(Code::Bad, why.to_string()).field("tile"))?;
                if tile.row == Row::Entries {
                    let what = "a gateway shows the hashes of its own log and no entries: those are read on its \
                                machine, `mycel audit tail DATA/audit`; a region's log is at its host's address";
                    return Err(No::new(Code::Forbidden, what));
                }
                audit::tile(&acts, tile).await?
            }
        };
        Ok(answer.map(super::front::own))
    }
}

fn strange(why: &str) -> No {
    No::new(Code::Unavailable, format!("the region's host said of bans what is none: {why}"))
}

async fn whole(answer: Response<Told>) -> Result<Bytes, No> {
    let told = Limited::new(answer.into_body(), MOST_TOLD).collect().await;
    told.map(http_body_util::Collected::to_bytes).map_err(|why| strange(&why.to_string()))
}
