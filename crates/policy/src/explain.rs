//! A decision with its reasons, as data: each region with the filter that
//! removed it or its four terms, and the winner.
//!
//! It asks the same functions as a decision does and decides nothing itself.

use crate::place::FARTHEST_KM;
use crate::residency::Purpose;
use crate::route::{Filter, Policy, Request, TICK, decide, removes};
use crate::score::{Score, Scored, Terms, Trust, View, score};
use crate::set::RegionNumber;
use crate::table::{Now, Table};
use serde::Serialize;

/// Why a region won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It has the best score of those that are left.
    Best,
    /// Others have the same score; the tie decided.
    Tie,
    /// It is in use, and no other is better by enough, or for long enough.
    InUse,
    /// It is the only one that is left.
    OnlyOne,
    /// Nobody knows where the request comes from; the fallback decides.
    Fallback,
    /// It was bound to it: by its lease, or because it named it.
    Bound,
}

impl Because {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Best => "the best score of those that are left",
            Self::Tie => "another has the same score, and the fallback decides",
            Self::InUse => "it is in use, and no other is better by enough",
            Self::OnlyOne => "no other is left",
            Self::Bound => "it is bound to it, by its lease or by its own words",
            Self::Fallback => "nobody knows where it comes from, and the fallback decides",
        }
    }
}

/// What is to be said about one region.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The region.
    pub region: String,
    /// What removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Filter>,
    /// Why the law allows it; empty without a class, or when it does not.
    pub lawful: String,
    /// Its score, in millionths of a point.
    pub score: Score,
    /// What the score is the sum of.
    pub terms: Terms,
    /// How far it is by the sites.
    pub distance_km: u32,
    /// The distance that counted.
    pub counted_km: u32,
    /// Whether the distance was believed.
    pub geography: Trust,
    /// The round trip that counted, in microseconds.
    pub rtt_us: u64,
    /// "measured", or "modelled" from the distance.
    pub rtt: &'static str,
}

/// A decision with its reasons.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The class.
    pub class: String,
    /// What for.
    pub purpose: Purpose,
    /// Where it goes.
    pub winner: Option<String>,
    /// Why there.
    pub because: Option<Because>,
    /// Why nowhere.
    pub refused: Option<&'static str>,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The regions: those that are left, the best first, and then the others.
    pub regions: Vec<Line>,
}

impl Explanation {
    /// The same for what goes to one region or nowhere, and what keeps it from
    /// there.
    #[must_use]
    pub fn bound_to(mut self, region: &str, kept_from: Option<Filter>) -> Self {
        self.winner = kept_from.is_none().then(|| region.to_owned());
        self.because = kept_from.is_none().then_some(Because::Bound);
        self.refused = kept_from.map(Filter::words);
        self.retry_after_ms = kept_from.filter(|filter| filter.passes()).map(|_| TICK.0);
        self
    }
}

/// Explains where a request goes at this moment.
#[must_use]
pub fn explain(policy: &Policy, table: &Table, now: &Now<'_>, request: &Request) -> Explanation {
    let count = policy.atlas.count();
    let start = request.origin.0 as usize * count;
    let known = now.views.get(start..start + count);
    let nowhere = vec![View { distance_km: FARTHEST_KM / 2, rtt: None }; count];
    let views = known.unwrap_or(&nowhere);
    let mut scored: Vec<(Line, RegionNumber)> = policy
        .atlas
        .all()
        .iter()
        .zip(views.iter().zip(now.conditions))
        .map(|(region, (view, condition))| {
            let scored = score(*view, *condition, policy.settings.weights, policy.settings.scales);
            (line(policy, now, request, region, view.distance_km, scored), region)
        })
        .collect();
    scored.sort_by_key(|(line, region)| (line.removed, std::cmp::Reverse(line.score), *region));
    let decision = decide(policy, table, &now.standing, request);
    let winner = decision.as_ref().ok().copied();
    let because = winner.map(|winner| match because(&scored, winner) {
        Because::OnlyOne => Because::OnlyOne,
        _ if known.is_none() => Because::Fallback,
        because => because,
    });
    let refusal = decision.err();
    let class = policy.residency.class(request.class);
    Explanation {
        class: class.map_or_else(String::new, |class| class.name.clone()),
        purpose: request.purpose,
        winner: winner.map(|region| policy.atlas.id(region).to_owned()),
        because,
        refused: refusal.as_ref().map(|refusal| refusal.words()),
        retry_after_ms: refusal.and_then(|refusal| refusal.retry_after).map(|after| after.0),
        regions: scored.into_iter().map(|(line, _)| line).collect(),
    }
}

fn line(
    policy: &Policy,
    now: &Now<'_>,
    request: &Request,
    region: RegionNumber,
    distance_km: u32,
    scored: Scored,
) -> Line {
    Line {
        region: policy.atlas.id(region).to_owned(),
        removed: removes(policy, &now.standing, request, region),
        lawful: policy.residency.class(request.class).map_or_else(String::new, |class| class.ground(region).to_owned()),
        score: scored.terms.score(),
        terms: scored.terms,
        distance_km,
        counted_km: scored.counted_km,
        geography: scored.trust,
        rtt_us: scored.rtt.0,
        rtt: if scored.rtt_modelled { "modelled" } else { "measured" },
    }
}

fn because(scored: &[(Line, RegionNumber)], winner: RegionNumber) -> Because {
    let left: Vec<_> = scored.iter().filter(|(line, _)| line.removed.is_none()).collect();
    let best = left.iter().map(|(line, _)| line.score).max();
    let with_best = left.iter().filter(|(line, _)| Some(line.score) == best).count();
    match left.iter().find(|(_, region)| *region == winner) {
        Some(_) if left.len() == 1 => Because::OnlyOne,
        Some((line, _)) if Some(line.score) == best && with_best > 1 => Because::Tie,
        Some((line, _)) if Some(line.score) == best => Because::Best,
        _ => Because::InUse,
    }
}
