//! What the planet's roles and rules say to whoever asks something here.
//!
//! Every right that an endpoint or an op needs is asked for in this file, and
//! nowhere else. Where it is not known beforehand of which region or class
//! something is, a rule must not be passed by for want of knowing.

use super::{BlockAt, Body, Code, Engine, OpAsk, Refusal, locked};
use crate::acts::By;
use block::kinds::{self, ClassTag, Closed, Kind};
use planet::{PublicKey, Right};
use policy::access::{Asked, Caller, Decision, Rights};
use std::net::IpAddr;
use trust::attach::Session;
use trust::erasure::Demand;
use trust::lease::{self, Lease};
use trust::{AgentId, BlockRef};

/// What a right is asked for.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// What is the caller's own: its slot, its messages, its ops.
    Own,
    /// A block of the planet.
    Block(&'a BlockAt),
    /// All regions at once.
    Everything,
}

/// The right of a kind of op.
fn right_of(kind: &Kind) -> Result<Right, Refusal> {
    let several = || Refusal::new(Code::Internal, format!("{} needs no right, or several", kind.name));
    Rights::from_bits(kind.right.bits()).only().ok_or_else(several)
}

/// When the class of what an op is about is known.
enum Known {
    /// Now: it is of no class, or says so.
    Now,
    /// At its turn: it is of the class that its record has then.
    Then,
    /// Never: it is about records of every class.
    OfAll,
}

const fn class_known(body: &Body) -> Known {
    match body {
        Body::Record { .. } => Known::Then,
        Body::Nothing => Known::OfAll,
        _ => Known::Now,
    }
}

impl Engine {
    /// What an agent's lease is to carry.
    pub(super) fn rights_of(&self, agent: AgentId) -> lease::Rights {
        let most = self.0.access.most(PublicKey(agent.0), self.is_operator(agent));
        lease::Rights::from_bits(most.bits()).unwrap_or_default()
    }

    fn is_operator(&self, agent: AgentId) -> bool {
        self.0.believed.is_operator(agent, self.now())
    }

    fn caller(&self, lease: &Lease) -> Caller<'_> {
        Caller {
            agent: PublicKey(lease.agent.0),
            lease: Rights::from_bits(lease.rights.bits()),
            seated: true,
            is_operator: self.is_operator(lease.agent),
            region: self.id_of(lease.block),
        }
    }

    fn id_of(&self, block: BlockRef) -> Option<&str> {
        self.region_of(block.region).map(|(_, region)| region.id.as_str())
    }

    /// Whether whoever holds a session may, and why: the first answer that is
    /// no, where several regions have to agree.
    #[must_use]
    pub fn decide(&self, session: &Session, right: Right, about: About<'_>) -> Decision {
        let caller = self.caller(session.lease());
        let asked = |region, own| Asked { right, region, class: None, own };
        let decide = |asked| self.0.access.decide(&caller, &asked);
        match about {
            About::Own => decide(asked(caller.region, true)),
            About::Block(block) => {
                let own = session.lease().block.index == block.index && caller.region == Some(block.region.as_str());
                decide(asked(Some(&block.region), own))
            }
            About::Everything => self.everywhere(&caller, right),
        }
    }

    /// Whether somebody may in all regions at once.
    fn everywhere(&self, caller: &Caller<'_>, right: Right) -> Decision {
        let decide = |region| self.0.access.decide(caller, &Asked { right, region, class: None, own: false });
        let ids = self.0.regions.iter().map(|region| Some(region.id.as_str()));
        let ids = ids.filter(|_| self.0.access.minds_regions(right));
        let no = ids.map(decide).find(|decision| !decision.allowed);
        no.unwrap_or_else(|| decide(None))
    }

    /// Whether whoever signed a demand may have its owner's keys destroyed: the
    /// owner, always; and who administers the planet, whatever lease it has. A
    /// rule may ask where its slot is: when that is not here, it has to be let
    /// through from everywhere, or it would choose by leaving.
    ///
    /// By which right it may.
    ///
    /// # Errors
    /// When it may not.
    pub(super) fn may_demand(&self, demand: &Demand, source: IpAddr) -> Result<By, Refusal> {
        let Demand { agent, by, .. } = *demand;
        let mut right = By::own(by, Some(source));
        if agent == by {
            return Ok(right);
        }
        let place = locked(&self.0.directory).place(by);
        let seat = place.and_then(|place| self.0.regions.get(usize::try_from(place.block.region).ok()?));
        let from: Vec<_> = match seat {
            Some(region) => vec![Some(region.id.as_str())],
            None => self.0.regions.iter().map(|region| Some(region.id.as_str())).chain([None]).collect(),
        };
        // A signature alone is nobody's slot: it has what names its key.
        let seated = place.is_some_and(|place| place.fencing != 0);
        for region in from {
            let (agent, is_operator) = (PublicKey(by.0), self.is_operator(by));
            let caller = Caller { agent, lease: Rights::ALL, seated, is_operator, region };
            let decision = self.everywhere(&caller, Right::Administer);
            if !decision.allowed {
                let words = decision.words(Right::Administer);
                return Err(Refusal::new(Code::Forbidden, format!("only its owner may, and who administers: {words}")));
            }
            right = By::allowed(by, Right::Administer, &decision, Some(source));
        }
        Ok(right)
    }

    /// The same as a refusal.
    ///
    /// # Errors
    /// When it may not.
    pub fn may(&self, session: &Session, right: Right, about: About<'_>) -> Result<(), Refusal> {
        let decision = self.decide(session, right, about);
        if decision.allowed { Ok(()) } else { Err(Refusal::new(Code::Forbidden, decision.words(right))) }
    }

    /// Whether an op may run, and why.
    ///
    /// # Errors
    /// When there is no such kind of op.
    pub fn decide_op(&self, session: &Session, ask: &OpAsk) -> Result<Decision, Refusal> {
        let unknown = || Refusal::new(Code::Bad, format!("there is no op \"{}\"", ask.kind)).field("kind");
        let kind = kinds::by_name(ask.kind).ok_or_else(unknown)?;
        Ok(self.decide_of_kind(session.lease(), right_of(kind)?, &ask.body))
    }

    /// What says its class is asked for by that; what is about all classes, by
    /// each. A record is asked for again when its class is known, so one class
    /// that may be is enough here.
    fn decide_of_kind(&self, lease: &Lease, right: Right, body: &Body) -> Decision {
        let caller = self.caller(lease);
        let decide = |class| self.0.access.decide(&caller, &Asked { right, region: caller.region, class, own: true });
        let named = match body {
            Body::Value { class, .. } => class.as_deref(),
            Body::Stance { class, .. } => Some(class.as_str()),
            _ => None,
        };
        let first = decide(named);
        if !self.0.access.minds_classes(right) {
            return first;
        }
        let wanted = match class_known(body) {
            Known::Now => return first,
            Known::Then => true,
            Known::OfAll => false,
        };
        if first.allowed == wanted {
            return first;
        }
        let others = self.0.classes.iter().map(|(name, _)| decide(Some(name)));
        others.into_iter().find(|decision| decision.allowed == wanted).unwrap_or(first)
    }

    /// Whether an op may be taken in.
    pub(super) fn may_run(&self, lease: &Lease, kind: &Kind, body: &Body) -> Result<(), Refusal> {
        let right = right_of(kind)?;
        let caller = self.caller(lease);
        if !self.0.access.minds_classes(right) {
            // As nearly always: nothing is allocated for a yes.
            let asked = Asked { right, region: caller.region, class: None, own: true };
            if self.0.access.allows(&caller, &asked) {
                return Ok(());
            }
        }
        let decision = self.decide_of_kind(lease, right, body);
        if decision.allowed { Ok(()) } else { Err(Refusal::new(Code::Forbidden, decision.words(right))) }
    }

    /// The classes of records that an op may not be the end of, each with why.
    pub(super) fn closed(&self, lease: &Lease, kind: &Kind, body: &Body) -> Result<Closed, Refusal> {
        let right = right_of(kind)?;
        let touches = matches!(body, Body::Record { .. } | Body::Value { .. });
        if !touches || right == Right::Read || !self.0.access.minds_classes(right) {
            return Ok(Closed::default());
        }
        let caller = self.caller(lease);
        let named = self.0.classes.iter().map(|(name, tag)| (*tag, Some(name.as_str())));
        let denied = |(tag, class)| {
            let decision = self.0.access.decide(&caller, &Asked { right, region: caller.region, class, own: true });
            (!decision.allowed).then(|| (tag, decision.words(right)))
        };
        Ok(Closed::new(named.chain([(ClassTag::NONE, None)]).filter_map(denied).collect()))
    }

    /// Whether a record may be read, now that its class is known; why not.
    pub(super) fn may_read(&self, lease: &Lease, class: ClassTag) -> Result<(), String> {
        let right = Right::Read;
        if !self.0.access.minds_classes(right) {
            return Ok(());
        }
        let named = self.0.classes.iter().find(|(_, tag)| *tag == class);
        let class = named.map(|(name, _)| name.as_str());
        let caller = self.caller(lease);
        let decision = self.0.access.decide(&caller, &Asked { right, region: caller.region, class, own: true });
        if decision.allowed { Ok(()) } else { Err(decision.words(right)) }
    }
}
