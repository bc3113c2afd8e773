//! A request on its way to a host and back: what it may carry, where it may go,
//! and whether it may be sent twice.

use super::body::{Asked, Told};
use super::front::Front;
use super::hosts::Lost;
use super::regions::Wish;
use super::settings::Settings;
use crate::http::No;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use policy::route::{Filter, Refusal};
use policy::set::RegionNumber;
use policy::signal::Outcome;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use vocab::Millis;
use wire::Code;

/// Headers that are about one connection, and end with it.
const OF_A_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes out what is about the connection that it came on.
fn strip(headers: &mut HeaderMap) {
    if let Some(named) = headers.remove(CONNECTION) {
        for name in named.to_str().unwrap_or_default().split(',') {
            headers.remove(name.trim());
        }
    }
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
}

/// Requests that may be sent a second time: one for five that were sent once.
#[derive(Debug)]
pub(crate) struct Budget(AtomicI64);

/// What a second try costs, in requests.
const PRICE: i64 = 5;
/// Tries that may have been saved up.
const MOST_SAVED: i64 = 100 * PRICE;

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(10 * PRICE))
    }
}

impl Budget {
    fn earn(&self) {
        if self.0.load(Relaxed) < MOST_SAVED {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn spend(&self) -> bool {
        if self.0.fetch_sub(PRICE, Relaxed) >= PRICE {
            return true;
        }
        self.0.fetch_add(PRICE, Relaxed);
        false
    }
}

/// Why there is no region for a request, as an answer.
pub(crate) fn no_region(refusal: &Refusal) -> No {
    let what = refusal.words();
    match refusal.retry_after {
        None => No::new(Code::Residency, what),
        Some(wait) => No { retry_after: Some(wait), ..No::new(Code::Unavailable, what) },
    }
}

/// Why a host has not answered, as an answer. What was sent may have been done:
/// an op is asked for again by its name.
fn no_answer(lost: &Lost, region: &str) -> No {
    let wait = match lost {
        Lost::Open(wait) => *wait,
        _ => Millis::seconds(1),
    };
    let done = if lost.was_sent() { "; an op that was sent may have run: ask again under the same name" } else { "" };
    No { retry_after: Some(wait), ..No::new(Code::Unavailable, format!("region {region}: {lost}{done}")) }
}

impl Front {
    /// The region of a request that may go where its lease is.
    pub(crate) fn admit(&self, wish: &Wish) -> Result<RegionNumber, No> {
        self.shared.regions.admit(wish, self.now()).map_err(|refusal| no_region(&refusal))
    }

    /// Whether a request may go to the region that it is bound to.
    pub(crate) fn pin(&self, wish: &Wish, region: RegionNumber) -> Result<RegionNumber, No> {
        let regions = &self.shared.regions;
        regions.pin(wish, region, self.now()).map(|()| region).map_err(|filter| {
            let what = format!("region {}: {}", regions.id(region), filter.words());
            match filter {
                Filter::Unlawful | Filter::NotListed => No::new(Code::Residency, what),
                Filter::Dead => {
                    let what = format!("{what}; attach again to be seated elsewhere, where residency allows it");
                    No { retry_after: Some(Millis::seconds(1)), ..No::new(Code::Unavailable, what) }
                }
                _ => No { retry_after: Some(Millis::seconds(1)), ..No::new(Code::Unavailable, what) },
            }
        })
    }

    /// Sends a request to a region, and takes note of what came of it.
    pub(crate) async fn forward(
        &self,
        region: RegionNumber,
        (mut head, body): (Parts, Asked),
        settings: &Settings,
    ) -> Result<Response<Told>, No> {
        strip(&mut head.headers);
        head.version = Version::HTTP_11;
        // The path alone: hosts are named by the header.
        if let Some(path) = head.uri.path_and_query() {
            head.uri = hyper::Uri::from(path.clone());
        }
        head.headers.insert(HeaderName::from_static(wire::SOURCE), self.source_header.clone());
        let again = matches!(head.method, Method::GET | Method::HEAD).then(|| (head.clone(), body.again()));
        let budget = &self.shared.budget;
        budget.earn();
        let (thread, _under_way) = ((self.thread, &*self.shared, settings), self.shared.regions.under_way(region));
        let mut answer = self.shared.hosts.send(region, Request::from_parts(head, body), thread).await;
        if let (Err(lost), Some((head, Some(body)))) = (&answer, again)
            && lost.was_sent()
            && budget.spend()
        {
            self.shared.counts.retried.fetch_add(1, Relaxed);
            answer = self.shared.hosts.send(region, Request::from_parts(head, body), thread).await;
        }
        let outcome = match &answer {
            Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => Outcome::TurnedAway,
            Ok(answer) if answer.status().is_server_error() => Outcome::Failed,
            // A 429 is the agent's own rate: the region has done its work.
            Ok(_) => Outcome::Answered,
            Err(_) => Outcome::Failed,
        };
        self.shared.regions.outcome(region, outcome, self.now());
        match answer {
            Ok(answer) => Ok(answer.map(passed)),
            Err(lost) => {
                self.shared.counts.lost.fetch_add(1, Relaxed);
                Err(no_answer(&lost, self.shared.regions.id(region)))
            }
        }
    }
}

fn passed(body: Incoming) -> Told {
    Told::Passed(body)
}

/// What a host said, without what is about its connection.
pub(crate) fn told(answer: &mut Response<Told>, id: &HeaderValue) {
    let headers = answer.headers_mut();
    strip(headers);
    headers.insert(HeaderName::from_static("x-request-id"), id.clone());
}
