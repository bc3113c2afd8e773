//! What a request wants, as far as a gateway has to know it: where it may go,
//! and whether it is small enough to be looked at.

use super::body::Asked;
use super::front::Front;
use super::regions::Wish;
use super::session::Session;
use crate::engine::Where;
use crate::http::{BODY_BYTES, HEADERS, No, STRANGERS_BYTES, decode};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName};
use hyper::http::request::Parts;
use policy::residency::Purpose;
use policy::set::RegionNumber;
use std::time::Duration;
use vocab::{Millis, Site};
use wire::{Code, ask};

/// The class of what is asked for.
const CLASS: HeaderName = HeaderName::from_static("mycel-class");
/// The region of the records of whoever wants another slot: whether they may
/// be elsewhere meanwhile their class says.
const HOME: HeaderName = HeaderName::from_static("mycel-home");
/// Where it comes from.
const NEAR: HeaderName = HeaderName::from_static("mycel-near");

impl Front {
    /// Where an agent wants to be seated: in a region that it names, or where it
    /// is best for whoever is near some place.
    pub(super) async fn seat(
        &self,
        head: &Parts,
        body: Incoming,
        class: Option<Box<str>>,
        patience: Duration,
    ) -> Result<(Wish, Asked), No> {
        let body = self.small_body(head, body, patience).await?;
        let asked: ask::Attach = decode::json(&body)?;
        let (near, bound) = match decode::place(&asked)? {
            Where::Region(id) | Where::Cell(id, _) => (None, Some(self.region_named(&id)?)),
            Where::Near(site) => (Some(site), None),
            Where::Anywhere => (None, None),
        };
        let home = head.headers.get(&HOME).map(|home| self.region_named(home.to_str().unwrap_or_default()));
        let wish = Wish { near, class, purpose: Purpose::Store, home: home.transpose()?, bound };
        Ok((wish, Asked::own(body)))
    }

    fn region_named(&self, id: &str) -> Result<RegionNumber, No> {
        let unknown = || No::new(Code::NotFound, format!("there is no region \"{id}\"")).field("region");
        self.shared.regions.find(id).ok_or_else(unknown)
    }

    /// Where a request wants to go: where its path says, or where its lease is.
    pub(super) fn wish(&self, head: &Parts, class: Option<Box<str>>, session: Option<&Session>) -> Result<Wish, No> {
        let path = head.uri.path();
        let named = path.strip_prefix("/v1/blocks/").and_then(|rest| rest.split('/').next());
        let bound = match named.filter(|named| !named.is_empty()) {
            Some(named) => Some(self.region_named(named)?),
            None => session.map(|session| session.region),
        };
        let near = head.headers.get(&NEAR).map(|near| {
            let site = near.to_str().ok().and_then(site);
            site.ok_or_else(|| No::new(Code::Bad, "mycel-near is not `latitude,longitude`").field("mycel-near"))
        });
        Ok(Wish { near: near.transpose()?, class, purpose: Purpose::Process, home: None, bound })
    }

    /// The class that a request names, if there is such a one.
    pub(super) fn class(&self, head: &Parts) -> Result<Option<Box<str>>, No> {
        let Some(name) = head.headers.get(&CLASS) else { return Ok(None) };
        let name = name.to_str().unwrap_or_default();
        if self.shared.regions.has_class(name) {
            return Ok(Some(name.into()));
        }
        let what = format!("the planet has no residency class \"{name}\"");
        Err(No::new(Code::Bad, what).field("mycel-class"))
    }

    /// A body that is read here, before anybody is believed: a small one, and no
    /// more of them at once than there is room for.
    pub(super) async fn small_body(&self, head: &Parts, body: Incoming, patience: Duration) -> Result<Bytes, No> {
        let _room = self.shared.bodies.try_acquire().map_err(|_| {
            let wait = Some(Millis::seconds(1));
            No { retry_after: wait, ..No::new(Code::Unavailable, "too many bodies are on their way").closing() }
        })?;
        decode::body(&head.headers, body, (STRANGERS_BYTES, patience)).await
    }
}

/// What is refused before anything is done for it.
pub(super) fn bounded(head: &Parts) -> Result<(), No> {
    if head.headers.len() > HEADERS {
        return Err(No::new(Code::Bad, format!("a request has at most {HEADERS} headers")).closing());
    }
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY_BYTES) {
        return Err(decode::too_large(BODY_BYTES));
    }
    if head.headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(No::new(Code::Bad, "a request shows one lease").field("authorization"));
    }
    Ok(())
}

fn site(text: &str) -> Option<Site> {
    let (latitude, longitude) = text.split_once(',')?;
    let degrees = |text: &str| text.trim().parse::<vocab::MicroDegrees>().ok();
    let (latitude, longitude) = (degrees(latitude)?, degrees(longitude)?);
    let is_on_earth = latitude.0.abs() <= 90_000_000 && longitude.0.abs() <= 180_000_000;
    is_on_earth.then_some(Site { latitude, longitude })
}
