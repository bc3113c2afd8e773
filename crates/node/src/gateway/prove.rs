//! What a gateway answers itself before anybody is believed: which planet it
//! is, a challenge to the agent of a lease, and what the answer proves.

use super::body::{Asked, Told};
use super::front::{Front, Seen, json};
use super::regions::Wish;
use super::settings::Settings;
use super::turns;
use crate::http::{No, decode};
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Response, StatusCode};
use policy::set::RegionNumber;
use std::sync::Arc;
use trust::lease::Claim;
use trust::sign::Signature;
use vocab::Millis;
use wire::{Code, Hex, ask, tell};

fn nobody() -> No {
    let wait = Some(Millis::seconds(1));
    No { retry_after: wait, ..No::new(Code::Unavailable, "no region has answered yet") }
}

impl Front {
    /// Which planet it is, and who signs for its regions.
    pub(super) async fn planet(&self, settings: &Settings) -> Result<Response<Told>, No> {
        let usable = self.shared.regions.usable();
        let unheard = usable.iter().filter(|region| self.shared.hosts.node(*region).is_none());
        join_all(unheard.map(|region| turns::check(Arc::clone(&self.shared), region))).await;
        let regions = settings.planet.region.iter().map(|region| region.id.value.as_str());
        let node = |id: &str| Some((id.to_owned(), self.shared.hosts.node(self.shared.regions.find(id)?)?));
        let known = regions.filter_map(node);
        let nodes: Vec<tell::Node> = known.map(|(region, node)| tell::Node { region, node }).collect();
        json(&tell::Planet {
            planet: Hex(settings.id.0),
            node: nodes.first().ok_or_else(nobody)?.node,
            nodes,
            now: self.shared.clock.now().0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// How the node of a region came by its key, as its host says.
    pub(super) async fn line(&self, head: Parts, seen: &mut Seen, settings: &Settings) -> Result<Response<Told>, No> {
        let ask::Line { region } = decode::query(head.uri.query())?;
        let unknown = || No::new(Code::NotFound, "this planet has no such region").field("region");
        let region = match region {
            Some(region) => self.shared.regions.find(&region).ok_or_else(unknown)?,
            None => {
                let mut ids = settings.planet.region.iter().map(|region| region.id.value.as_str());
                let first = |id: &str| self.shared.regions.find(id).filter(|at| self.shared.hosts.node(*at).is_some());
                ids.find_map(first).ok_or_else(nobody)?
            }
        };
        seen.region = Some(self.pin(&Wish::of_own(region), region)?);
        // Without a region's name a host says its own.
        let (mut head, own) = (head, PathAndQuery::from_static("/v1/planet/line"));
        head.uri = own.into();
        self.forward(region, (head, Asked::none()), settings).await
    }

    /// A challenge to the agent of a lease, once its host has found that good.
    pub(super) async fn challenge(
        &self,
        head: Parts,
        seen: &mut Seen,
        settings: &Settings,
    ) -> Result<Response<Told>, No> {
        let lease = decode::lease(&head.headers)?.to_owned();
        let claim = Claim::read(&lease).map_err(|why| No::new(Code::Unknown, format!("this is not a lease: {why}")))?;
        let region = self.region_of(&claim)?;
        seen.region = Some(self.pin(&Wish::of_own(region), region)?);
        let answer = self.forward(region, (head, Asked::none()), settings).await?;
        if answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        drop(answer);
        let nonce = self.sessions.challenge(&lease, region, self.shared.clock.now())?;
        let channel = (!self.secure).then(|| Hex(self.sessions.channel().0));
        json(&tell::Challenge { nonce: Hex(nonce.0), channel })
    }

    fn region_of(&self, claim: &Claim) -> Result<RegionNumber, No> {
        let tag = claim.lease.block.region;
        let settings = self.shared.settings();
        let of_tag = settings.planet.region.iter().find(|region| trust::RegionTag::of(region.id.value.as_str()) == tag);
        let unknown = || No::new(Code::Unknown, "the lease is for a region that this planet does not have");
        of_tag.and_then(|region| self.shared.regions.find(region.id.value.as_str())).ok_or_else(unknown)
    }

    pub(super) async fn prove(
        &self,
        head: &Parts,
        body: Incoming,
        seen: &mut Seen,
        settings: &Settings,
    ) -> Result<Response<Told>, No> {
        decode::lease(&head.headers)?;
        let body = self.small_body(head, body, settings.bounds.body).await?;
        let prove: ask::Prove = decode::json(&body)?;
        let now = self.shared.clock.now();
        let meter = |agent| self.shared.rates.agent(agent, self.now());
        // A late answer, or one to nothing, is no attempt to be somebody else.
        let wrong = || self.shared.turnstile.failed(self.source, now);
        let agent = self.sessions.prove(&Signature(prove.signature.0), now, meter, wrong)?;
        self.shared.turnstile.succeeded(self.source);
        let lease = decode::lease(&head.headers)?;
        seen.session = self.sessions.of(lease, now).ok();
        json(&tell::Session { agent: Hex(agent.0) })
    }
}
