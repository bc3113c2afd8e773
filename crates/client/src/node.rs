//! Who signs the heads of a region's chains: a key that was given, or believed
//! when it was first heard, and those that have followed it since, each named by
//! the one before.
//!
//! It must never take a key because somebody says that it is the node's: only
//! the statements of the keys between say so, and what they have said once they
//! cannot say otherwise.

use crate::client::Client;
use crate::dial::Url;
use crate::error::Error;
use crate::http::{Line as Connection, Sent};
use crate::path::encoded;
use hyper::Method;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use trust::rotation::{Line, Refused, Statement};
use trust::{AgentId, Moment, PlanetId};
use wire::{Code, tell};

/// Where it is told how a node came by its key.
const LINE: &str = "/v1/planet/line";

/// The nodes of a planet.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// The first one, or the only one.
    first: Mutex<Node>,
    /// Those of the regions, where each has its own.
    of: BTreeMap<String, Mutex<Node>>,
}

impl Nodes {
    /// Those that a planet named at first. One that is expected has to be the
    /// first, or to have become it.
    pub(crate) async fn hear(
        line: &mut Connection,
        told: &tell::Planet,
        expected: Option<AgentId>,
        at: &Url,
    ) -> Result<Self, Error> {
        let (key, now) = (AgentId(told.node.0), Moment(told.now));
        let mut first = Node::new(expected.unwrap_or(key));
        if !first.believes(key, now) {
            let said = line.call(&Sent::get(LINE, None)).await;
            let followed = said.is_ok_and(|said| first.follow(&said, PlanetId(told.planet.0), now).is_ok());
            if !followed || !first.believes(key, now) {
                let why = format!("its node is {key}, and {} was expected", first.told);
                return Err(Error::Strange { at: at.to_string(), why });
            }
        }
        let of = |known: &tell::Node| match AgentId(known.node.0) {
            same if same == key => first.clone(),
            other => Node::new(other),
        };
        let of = told.nodes.iter().map(|known| (known.region.clone(), Mutex::new(of(known)))).collect();
        Ok(Self { first: Mutex::new(first), of })
    }

    /// The key of the first one.
    pub(crate) fn first(&self) -> AgentId {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).key()
    }
}

impl Client {
    /// Who is to have signed what is told of a region: this key when it is its
    /// node's, or has become it.
    pub(crate) async fn signs(&self, region: &str, key: AgentId) -> Result<AgentId, Error> {
        let node = self.0.nodes.of.get(region).unwrap_or(&self.0.nodes.first);
        let known = || node.lock().unwrap_or_else(PoisonError::into_inner);
        if known().believes(key, self.now()) {
            return Ok(key);
        }
        let path = format!("{LINE}?region={}", encoded(region));
        let said = match self.call(Method::GET, &path, None, false, Duration::ZERO).await {
            // An earlier version has no lines.
            Err(error) if error.code() == Some(Code::NotFound) => tell::Line { statements: Vec::new() },
            said => said?,
        };
        let mut known = known();
        let another = |why: String| Error::Chain(format!("its head is signed by another node: {why}"));
        known.follow(&said, self.0.planet, self.now()).map_err(another)?;
        Ok(if known.believes(key, self.now()) { key } else { known.key() })
    }
}

/// A node, as far as it is known here.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    told: AgentId,
    /// Its line, once that was asked for.
    line: Option<Line>,
}

impl Node {
    /// One by a key that is believed.
    pub(crate) const fn new(told: AgentId) -> Self {
        Self { told, line: None }
    }

    /// Its key today, as far as that is known.
    pub(crate) fn key(&self) -> AgentId {
        self.line.as_ref().map_or(self.told, Line::newest)
    }

    /// Whether what a key signs is its word.
    pub(crate) fn believes(&self, key: AgentId, now: Moment) -> bool {
        self.line.as_ref().map_or(self.told == key, |line| line.believes(key, now))
    }

    /// Follows it by what somebody says of its line; stays where it is, with the
    /// reason, when that does not lead from its key on.
    pub(crate) fn follow(&mut self, told: &tell::Line, planet: PlanetId, now: Moment) -> Result<(), String> {
        let mut line = self.line.clone();
        for bytes in &told.statements {
            let said = Statement::from_bytes(&bytes.0).map_err(|why| why.to_string())?;
            let begun = line.take().map_or_else(|| Line::new(planet, said.line), Ok);
            let mut begun = begun.map_err(|why| why.to_string())?;
            match begun.accept(&said, now) {
                Ok(()) | Err(Refused::Stale { .. }) => line = Some(begun),
                Err(why) => return Err(why.to_string()),
            }
        }
        match line.filter(|line| line.has(self.told)) {
            Some(line) => self.line = Some(line),
            None => return Err(format!("no statement leads to it from {}", self.told)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trust::Secret;
    use trust::sign::SigningKey;
    use vocab::Millis;
    use wire::Base64;

    const PLANET: PlanetId = PlanetId([7; 16]);
    const NOW: Moment = Moment(1_800_000_000_000);

    fn key(seed: u8) -> SigningKey {
        SigningKey::new(&Secret::take(&mut [seed; 32]))
    }

    /// A line through these keys, a day from one to the next.
    fn line(seeds: &[u8]) -> tell::Line {
        let mut line = Line::new(PLANET, key(seeds[0]).id()).unwrap();
        let mut statements = Vec::new();
        for (pair, day) in seeds.windows(2).zip(0..) {
            let from = Moment(NOW.0 - Millis::days(30).0).after(Millis::days(day));
            let said = line.rotate(&key(pair[0]), &key(pair[1]), from, from.after(Millis::hours(1)));
            line.accept(&said, NOW).unwrap();
            statements.push(Base64(said.to_bytes().to_vec()));
        }
        tell::Line { statements }
    }

    fn follow(node: &mut Node, told: &tell::Line) -> Result<AgentId, String> {
        node.follow(told, PLANET, NOW).map(|()| node.key())
    }

    #[test]
    fn a_key_is_followed_from_wherever_in_its_line_it_was_believed() {
        for from in 1..=4 {
            let mut node = Node::new(key(from).id());
            assert_eq!(follow(&mut node, &line(&[1, 2, 3, 4])), Ok(key(4).id()));
            assert_eq!(follow(&mut node, &line(&[1, 2, 3, 4, 5])), Ok(key(5).id()), "and on from there");
            assert!(node.believes(key(5).id(), NOW) && !node.believes(key(4).id(), NOW), "its time has passed");
        }
        let mut node = Node::new(key(1).id());
        follow(&mut node, &line(&[1, 2, 3])).unwrap();
        // Whoever has heard less takes nothing back.
        assert_eq!(follow(&mut node, &line(&[1, 2])), Ok(key(3).id()));
        assert_eq!(follow(&mut node, &line(&[1])), Ok(key(3).id()));
    }

    #[test]
    fn nobody_is_followed_to_a_key_that_no_statement_names() {
        let stays = |told: &tell::Line, why: &str| {
            let mut node = Node::new(key(2).id());
            let refused = follow(&mut node, told).unwrap_err();
            assert!(refused.contains(why), "{refused}");
            assert!(node.believes(key(2).id(), NOW) && node.key() == key(2).id());
        };
        stays(&line(&[2]), "no statement leads to it");
        stays(&line(&[8, 9]), "no statement leads to it");
        let mut forged = line(&[1, 2, 3]);
        let at = forged.statements[1].0.len() - 1;
        forged.statements[1].0[at] ^= 1;
        stays(&forged, "signed by both");
        let mut gap = line(&[1, 2, 3]);
        gap.statements.remove(0);
        stays(&gap, "missing");
        stays(&tell::Line { statements: vec![Base64(vec![1, 2, 3])] }, "");
        // One that was followed already says something else of the same key.
        let mut node = Node::new(key(2).id());
        follow(&mut node, &line(&[1, 2, 3])).unwrap();
        let refused = follow(&mut node, &line(&[1, 2, 9])).unwrap_err();
        assert!(refused.contains("second history"), "{refused}");
        assert_eq!(node.key(), key(3).id());
    }
}
