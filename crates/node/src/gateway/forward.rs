//! A request on its way to a host and back: what it may carry, where it may go,
//! and whether it may be sent twice.

use super::body::{Asked, Told};
use super::front::Front;
use super::hosts::Lost;
use super::regions::Wish;
use super::settings::Settings;
use crate::http::{BODY_BYTES, No, decode};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Response, StatusCode};
use policy::route::{Filter, Refusal};
use policy::set::RegionNumber;
use policy::signal::Outcome;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use vocab::Millis;
use wire::Code;

/// A host's refusal that is about one block, or about slots.
const LOCAL: HeaderName = HeaderName::from_static("mycel-local");

/// Headers that are about one connection, and end with it.
pub(super) const OF_A_CONNECTION: [HeaderName; 9] = [
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
/// Who asks: said by us alone.
const SOURCE: HeaderName = HeaderName::from_static(wire::SOURCE);
/// The head of most requests: a lease, a path, and some headers.
const HEAD: usize = 1_024;

/// A request's head as a host gets it: without what is about the connection that
/// it came on, and with the host's name, its source, and how long its body is.
pub(super) fn spelled(head: &Parts, host: &HeaderValue, source: &HeaderValue, length: Option<u64>) -> Vec<u8> {
    let named: Vec<&str> = head.headers.get_all(CONNECTION).iter().flat_map(names).collect();
    let stays = |name: &HeaderName| {
        !OF_A_CONNECTION.contains(name)
            && ![HOST, CONTENT_LENGTH, SOURCE].contains(name)
            && !named.iter().any(|named| named.eq_ignore_ascii_case(name.as_str()))
    };
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.extend_from_slice(head.method.as_str().as_bytes());
    bytes.push(b' ');
    // The path alone: hosts are named by the header.
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if !path.starts_with(['/', '*']) {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(path.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    let mut line = |name: &HeaderName, value: &[u8]| {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    };
    line(&HOST, host.as_bytes());
    line(&SOURCE, source.as_bytes());
    for (name, value) in head.headers.iter().filter(|(name, _)| stays(name)) {
        line(name, value.as_bytes());
    }
    match length {
        Some(0) if matches!(head.method, Method::GET | Method::HEAD) => {}
        Some(length) => line(&CONTENT_LENGTH, length.to_string().as_bytes()),
        None => line(&TRANSFER_ENCODING, b"chunked"),
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn names(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
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
pub(crate) fn no_region(refusal: &Refusal, law: &str) -> No {
    let what = format!("{}{law}", refusal.words());
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

/// What is told to a client whose body did not come whole, as its host would.
fn no_body(error: &io::Error) -> No {
    match error.kind() {
        io::ErrorKind::TimedOut => No::new(Code::Slow, "the body came too slowly").closing(),
        io::ErrorKind::FileTooLarge => decode::too_large(BODY_BYTES),
        _ => No::new(Code::Bad, format!("the body did not come whole: {error}")).closing(),
    }
}

impl Front {
    /// The region of a request that may go where its lease is.
    pub(crate) fn admit(&self, wish: &Wish) -> Result<RegionNumber, No> {
        let regions = &self.shared.regions;
        regions.admit(wish, self.now()).map_err(|refusal| no_region(&refusal, &regions.where_it_may_be(wish)))
    }

    /// Whether a request may go to the region that it is bound to.
    pub(crate) fn pin(&self, wish: &Wish, region: RegionNumber) -> Result<RegionNumber, No> {
        let regions = &self.shared.regions;
        regions.pin(wish, region, self.now()).map(|()| region).map_err(|filter| {
            let what = format!("region {}: {}", regions.id(region), filter.words());
            match filter {
                // Nor does waiting help what waits for another region than this.
                Filter::Unlawful | Filter::NotListed | Filter::NotHome => No::new(Code::Residency, what),
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
        (head, mut body): (Parts, Asked),
        settings: &Settings,
    ) -> Result<Response<Told>, No> {
        let budget = &self.shared.budget;
        budget.earn();
        let (thread, _under_way) = ((self.thread, &*self.shared, settings), self.shared.regions.under_way(region));
        let request = (&head, &self.source_header);
        let mut answer = self.shared.hosts.send(region, request, &mut body, thread).await;
        if let Err(lost) = &answer
            && lost.may_pass()
            && matches!(head.method, Method::GET | Method::HEAD)
            && body.again()
            && budget.spend()
        {
            self.shared.counts.retried.fetch_add(1, Relaxed);
            answer = self.shared.hosts.send(region, request, &mut body, thread).await;
        }
        let outcome = match &answer {
            // What is about one block, or about slots, says nothing of the region.
            Ok(answer) if answer.headers().contains_key(LOCAL) => Some(Outcome::Answered),
            Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => Some(Outcome::TurnedAway),
            Ok(answer) if answer.status().is_server_error() => Some(Outcome::Failed),
            // A 429 is the agent's own rate: the region has done its work.
            Ok(_) => Some(Outcome::Answered),
            Err(Lost::Body(_)) => None,
            Err(_) => Some(Outcome::Failed),
        };
        if let Some(outcome) = outcome {
            self.shared.regions.outcome(region, outcome, self.now());
        }
        answer.map_err(|lost| match lost {
            Lost::Body(error) => no_body(&error),
            lost => {
                self.shared.counts.lost.fetch_add(1, Relaxed);
                no_answer(&lost, self.shared.regions.id(region))
            }
        })
    }
}

/// What a host, or we ourselves, said, under the name of its request.
pub(crate) fn told(answer: &mut Response<Told>, id: &HeaderValue) {
    answer.headers_mut().insert(HeaderName::from_static("x-request-id"), id.clone());
}
