//! A demand for erasure, on its way to every region: each has the owners' keys
//! of its own, and an owner may have been in any.
//!
//! It must never say that something is erased which a region has not said is,
//! nor hide that something was. So whether an owner's keys may be destroyed by
//! somebody else is asked of all regions before any of them destroys one: each
//! knows the caller's slot there alone, and one of them could say no.
//! The demand is looked at here first, so that what is no demand costs one
//! request and not one for each region.

use super::body::{Asked, Told};
use super::front::{Front, json};
use super::regions::Wish;
use super::settings::Settings;
use crate::http::{BODY_BYTES, No, decode};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use policy::route::Filter;
use std::time::Duration;
use trust::erasure::{Demand, Refused};
use vocab::Millis;
use wire::{Code, tell};

/// For all regions to answer: some chains are many.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of it in one region.
enum Came {
    /// It is done there.
    Done(tell::Erasures),
    /// It will never be, as it was asked for.
    Never(No),
    /// Not now.
    NotYet(String, Option<Millis>),
}

impl Front {
    /// Sends a demand to every region, and answers when all have carried it out.
    pub(super) async fn erase(&self, head: Parts, body: Incoming, settings: &Settings) -> Result<Response<Told>, No> {
        let body = self.small_body(&head, body, settings.bounds.body).await?;
        let (demand, only_ask) = decode::demand(&body)?;
        self.good(&demand, settings)?;
        // An owner always may.
        if only_ask || demand.by != demand.agent {
            let may = all_of(self.in_all_regions(&head, (&demand, true), settings).await, true)?;
            if only_ask {
                return json(&may);
            }
        }
        json(&all_of(self.in_all_regions(&head, (&demand, false), settings).await, false)?)
    }

    async fn in_all_regions(
        &self,
        head: &Parts,
        (demand, only_ask): (&Demand, bool),
        settings: &Settings,
    ) -> Vec<(String, Came)> {
        let body = serde_json::json!({ "demand": demand.text(), "only_ask": only_ask }).to_string();
        let body = Bytes::from(body);
        let regions = settings.planet.region.iter().map(|region| region.id.value.as_str());
        let asked = regions.map(|region| async {
            let came = self.erase_in(region, head.clone(), body.clone(), settings);
            let late = || Came::NotYet("it did not answer in time".to_owned(), None);
            (region.to_owned(), tokio::time::timeout(PATIENCE, came).await.unwrap_or_else(|_| late()))
        });
        join_all(asked).await
    }

    fn good(&self, demand: &Demand, settings: &Settings) -> Result<(), No> {
        let now = self.shared.clock.now();
        demand.check(settings.id, now).map_err(|why| match why {
            Refused::Signature => {
                self.shared.turnstile.failed(self.source, now);
                No::new(Code::Unknown, why.to_string())
            }
            Refused::Stale => No::new(Code::Bad, why.to_string()).field("demand"),
            Refused::OtherPlanet => No::new(Code::Forbidden, why.to_string()),
        })
    }

    async fn erase_in(&self, region: &str, head: Parts, body: Bytes, settings: &Settings) -> Came {
        let Some(number) = self.shared.regions.find(region) else {
            return Came::NotYet("the gateway does not know it".to_owned(), None);
        };
        // It counts against what the region takes, as all that goes there. One that
        // is taken for lost is asked all the same: only it knows what it has.
        if self.shared.regions.pin(&Wish::of_own(number), number, self.now()) == Err(Filter::Full) {
            return Came::NotYet(Filter::Full.words().to_owned(), None);
        }
        let answer = match self.forward(number, (head, Asked::own(body)), settings).await {
            Ok(answer) => answer,
            Err(no) if no.code.may_pass_later() => return Came::NotYet(no.what, no.retry_after),
            Err(no) => return Came::Never(no),
        };
        let status = answer.status();
        let told = match Limited::new(answer.into_body(), BODY_BYTES).collect().await {
            Ok(told) => told.to_bytes(),
            Err(why) => return Came::NotYet(format!("its answer broke off: {why}"), None),
        };
        read(status, &told)
    }
}

/// What a region said.
fn read(status: StatusCode, told: &[u8]) -> Came {
    let strange = || Came::NotYet(format!("it answered {status}, and nothing that is known here"), None);
    if status == StatusCode::OK {
        return serde_json::from_slice(told).map_or_else(|_| strange(), Came::Done);
    }
    let Ok(fault) = serde_json::from_slice::<tell::Fault>(told) else { return strange() };
    match Code::from_name(&fault.error) {
        Some(code) if code.status() < 500 && code != Code::TooMany => {
            let no = No::new(code, fault.what);
            Came::Never(match fault.field {
                Some(field) => no.field(field),
                None => no,
            })
        }
        _ => Came::NotYet(fault.what, fault.retry_after_ms.map(Millis)),
    }
}

/// All of it, or who is missing: what was done stays done, and the same demand
/// again is answered alike where it was.
fn all_of(came: Vec<(String, Came)>, only_asked: bool) -> Result<tell::Erasures, No> {
    let mut all = tell::Erasures { erased: Vec::new(), keys: 0 };
    let (mut missing, mut never, mut wait) = (Vec::new(), None, Millis::seconds(1));
    for (region, came) in came {
        match came {
            Came::Done(told) => {
                all.keys = all.keys.saturating_add(told.keys);
                all.erased.extend(told.erased);
            }
            Came::Never(no) => never = never.or(Some((region, no))),
            Came::NotYet(why, retry) => {
                wait = wait.max(retry.unwrap_or(wait));
                missing.push(format!("{region} ({why})"));
            }
        }
    }
    let so_far = if all.erased.is_empty() && (only_asked || missing.is_empty()) {
        "nothing is erased".to_owned()
    } else if all.erased.is_empty() {
        // Who has not answered may have done it all the same.
        "none has said that anything is".to_owned()
    } else {
        let blocks: Vec<_> = all.erased.iter().map(|erased| erased.block.region.as_str()).collect();
        format!("what the others have erased is erased, in {}", blocks.join(", "))
    };
    if let Some((region, mut no)) = never {
        no.what = format!("region {region}: {}; {so_far}", no.what);
        return Err(no);
    }
    if missing.is_empty() {
        return Ok(all);
    }
    let done = if only_asked { "has been asked" } else { "has erased it" };
    let what = format!("not every region {done}: {}; {so_far}: send the same demand again", missing.join(", "));
    Err(No { retry_after: Some(wait), ..No::new(Code::Unavailable, what) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn done(region: &str) -> Came {
        let block = tell::Block { region: region.to_owned(), index: 0 };
        let erased = vec![tell::Erased { block, sequence: 7, link: wire::Hex([1; 32]) }];
        Came::Done(tell::Erasures { erased, keys: 1 })
    }

    fn of(came: impl IntoIterator<Item = (&'static str, Came)>) -> Result<tell::Erasures, No> {
        all_of(came.into_iter().map(|(region, came)| (region.to_owned(), came)).collect(), false)
    }

    #[test]
    fn it_is_done_when_it_is_in_every_region() {
        let all = of([("a", done("a")), ("b", done("b"))]).unwrap();
        assert_eq!((all.keys, all.erased.len()), (2, 2));
    }

    #[test]
    fn who_is_missing_is_named_and_the_longest_wait_is_told() {
        let late = Came::NotYet("it is lost".to_owned(), Some(Millis(7_000)));
        let no = of([("a", done("a")), ("b", late), ("c", Came::NotYet("busy".to_owned(), None))]).unwrap_err();
        assert_eq!((no.code, no.retry_after), (Code::Unavailable, Some(Millis(7_000))));
        assert!(
            no.what.contains("b (it is lost), c (busy)")
                && !no.what.contains("a (")
                && no.what.contains("is erased, in a:"),
            "{}",
            no.what
        );
    }

    /// Whoever did not answer may have done it.
    #[test]
    fn nothing_is_said_not_to_be_erased_that_may_be() {
        let late = || vec![("b".to_owned(), Came::NotYet("it did not answer in time".to_owned(), None))];
        let what = |only_asked| all_of(late(), only_asked).unwrap_err().what;
        assert!(what(false).contains("none has said that anything is") && !what(false).contains("nothing is erased"));
        assert!(what(true).contains("nothing is erased"));
    }

    #[test]
    fn a_refusal_is_passed_on_before_what_may_pass_later() {
        let never = Came::Never(No::new(Code::Forbidden, "no"));
        let no = of([("a", Came::NotYet("busy".to_owned(), None)), ("b", never), ("c", done("c"))]).unwrap_err();
        let what = "region b: no; what the others have erased is erased, in c";
        assert_eq!((no.code, no.what.as_str()), (Code::Forbidden, what));
        let no = of([("a", Came::Never(No::new(Code::Forbidden, "no")))]).unwrap_err();
        assert_eq!(no.what, "region a: no; nothing is erased");
    }

    #[test]
    fn what_a_region_said_is_read_for_what_it_is() {
        let fault = |error: &str| {
            let (error, what, field) = (error.to_owned(), "why".to_owned(), Some("demand".to_owned()));
            serde_json::to_vec(&tell::Fault { error, what, field, retry_after_ms: Some(9), right: None }).unwrap()
        };
        let (bad, busy) = (fault("bad_request"), fault("unavailable"));
        assert!(
            matches!(read(StatusCode::BAD_REQUEST, &bad), Came::Never(no) if no.field.as_deref() == Some("demand"))
        );
        assert!(matches!(read(StatusCode::SERVICE_UNAVAILABLE, &busy), Came::NotYet(_, Some(Millis(9)))));
        assert!(matches!(read(StatusCode::TOO_MANY_REQUESTS, &fault("too_many")), Came::NotYet(..)));
        assert!(matches!(read(StatusCode::INTERNAL_SERVER_ERROR, &fault("internal")), Came::NotYet(..)));
        assert!(matches!(read(StatusCode::OK, b"{}"), Came::NotYet(..)));
        assert!(matches!(read(StatusCode::BAD_GATEWAY, b"<html>"), Came::NotYet(..)));
    }
}
