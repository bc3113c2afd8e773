//! How an agent comes to a slot, stays there, and leaves.

use super::{About, Attached, BlockAt, Code, Connection, Engine, Refusal, Where, locked};
use crate::directory::{Found, Place, Wish};
use crate::lane::Ask;
use block::house::{Deed, Left};
use block::shard::Answer;
use planet::Right;
use std::net::IpAddr;
use trust::attach::Session;
use trust::enrol::{Application, Source};
use trust::lease::{Lease, Rights};
use trust::{AgentId, BlockRef, Moment};
use vocab::{BlockId, CellId, Millis, Slot};

/// How long a lease lasts: an agent that vanishes keeps its slot for as long.
pub const LEASE: Millis = Millis::hours(1);

impl Engine {
    /// Gives an agent that applies a slot, or its own again.
    ///
    /// # Errors
    /// When the planet's policy does not admit it, or no slot is free there.
    pub async fn attach(&self, application: &Application, place: Where, source: IpAddr) -> Result<Attached, Refusal> {
        let wishes = self.wishes(&place)?;
        let now = self.now();
        let invitation = self.enrol(application, Some(source), now)?;
        self.seat(application.agent, &wishes, invitation, now).await
    }

    /// The same for an agent that an administrator brings: the limits of its
    /// source are not asked, and all else is.
    ///
    /// # Errors
    /// When the session does not administer, the planet's policy does not
    /// admit the agent, or no slot is free there.
    pub async fn attach_vouched(
        &self,
        (connection, administrator): (&Connection, &Session),
        application: &Application,
        place: Where,
    ) -> Result<Attached, Refusal> {
        self.allow(connection, administrator, Right::Administer, About::Everything)?;
        let wishes = self.wishes(&place)?;
        let now = self.now();
        let invitation = self.enrol(application, None, now)?;
        self.seat(application.agent, &wishes, invitation, now).await
    }

    async fn seat(
        &self,
        agent: AgentId,
        wishes: &[Wish],
        invitation: Option<block::house::Invitation>,
        now: Moment,
    ) -> Result<Attached, Refusal> {
        let is_open = |wish: &&Wish| match wish {
            Wish::Region(at) | Wish::Cell(at, _) => self.region(*at).is_ok_and(|region| !region.drained),
        };
        let open: Vec<Wish> = wishes.iter().filter(is_open).copied().collect();
        let found = locked(&self.0.directory).find(agent, &open);
        match found {
            Found::Known(known) if known.fencing == 0 => {
                let what = "this agent is being given a slot already: try again";
                Err(Refusal::new(Code::Conflict, what).after(Millis(50)))
            }
            Found::Known(known) => self.keep(agent, known, now).await,
            Found::New(block, slot) => {
                let assigned = self.assign(agent, block, slot, invitation, now).await;
                if assigned.is_err() {
                    locked(&self.0.directory).release(agent, block, slot);
                }
                assigned
            }
            Found::None if open.is_empty() && !wishes.is_empty() => {
                let what = "the region is drained, and seats nobody new: try another region";
                Err(Refusal::new(Code::Unavailable, what).after(Millis::minutes(1)).local())
            }
            Found::None => {
                let what = "no slot is free there: try another region";
                Err(Refusal::new(Code::Unavailable, what).after(Millis::minutes(1)).local())
            }
        }
    }

    fn enrol(
        &self,
        application: &Application,
        source: Option<IpAddr>,
        now: Moment,
    ) -> Result<Option<block::house::Invitation>, Refusal> {
        let nobody = || Refusal::new(Code::Forbidden, "nobody may enrol: the planet file has no [enrol]");
        let policy = self.0.policy.as_ref().ok_or_else(nobody)?;
        let (mut book, planet) = (locked(&self.0.book), self.0.planet);
        let enrolled = match source {
            Some(source) => book.enrol(policy, planet, application, Source::from(source), now),
            None => book.enrol_vouched(policy, planet, application, now),
        };
        drop(book);
        let record = enrolled.map_err(|why| not_enrolled(why, self, source))?.record();
        Ok(record.invitation.map(|(inviter, serial)| block::house::Invitation {
            inviter: inviter.0,
            serial: serial.0,
            expires: record.until,
        }))
    }

    fn wishes(&self, place: &Where) -> Result<Vec<Wish>, Refusal> {
        let region = |id: &str| {
            let at = (0..).zip(&self.0.regions).find(|(_, region)| region.id == id);
            if let Some((_, region)) = at {
                region.key()?;
            }
            at.map(|(at, _)| at).ok_or_else(|| {
                let known: Vec<&str> = self.0.regions.iter().map(|region| region.id.as_str()).collect();
                let what = format!("there is no region \"{id}\"; there are: {}", known.join(", "));
                Refusal::new(Code::Bad, what).field("region")
            })
        };
        Ok(match place {
            Where::Region(id) => vec![Wish::Region(region(id)?)],
            Where::Cell(id, cell) => {
                let at = region(id)?;
                let cells = self.region(at)?.blocks.div_ceil(BlockId::PER_CELL);
                if *cell >= cells {
                    let what = format!("region {id} has {cells} cells, counted from 0: there is no cell {cell}");
                    return Err(Refusal::new(Code::Bad, what).field("cell"));
                }
                vec![Wish::Cell(at, CellId(*cell))]
            }
            Where::Anywhere => {
                let served = (0..).zip(&self.0.regions).filter(|(_, region)| region.key.is_some());
                served.map(|(at, _)| Wish::Region(at)).collect()
            }
            Where::Near(site) => {
                let served = (0..).zip(&self.0.regions).filter(|(_, region)| region.key.is_some());
                let mut near: Vec<_> = served.map(|(at, region)| (region.site.kilometres_to(*site), at)).collect();
                near.sort_unstable();
                near.into_iter().map(|(_, at)| Wish::Region(at)).collect()
            }
        })
    }

    async fn assign(
        &self,
        agent: AgentId,
        block: BlockId,
        slot: Slot,
        invitation: Option<block::house::Invitation>,
        now: Moment,
    ) -> Result<Attached, Refusal> {
        let (until, rights) = (whole_second(now.after(LEASE)), self.rights_of(agent));
        let deed = Deed::Assign { slot, rights, until, invitation };
        let fencing = self.write_deed(agent, block, deed, until).await?;
        let place = Place { block, slot, fencing, until, rights };
        locked(&self.0.directory).confirm(agent, place);
        self.lease(agent, place, now)
    }

    /// The lease of an agent that has a slot already, prolonged when half of
    /// it has passed: sooner, the chain would hold little else.
    async fn keep(&self, agent: AgentId, place: Place, now: Moment) -> Result<Attached, Refusal> {
        let left = place.until.since(now).0;
        // One that has more left than any lease was given by a clock that was ahead.
        if left > LEASE.0 / 2 && left <= LEASE.0 + 1_000 {
            return self.lease(agent, place, now);
        }
        let until = whole_second(now.after(LEASE));
        self.write_deed(agent, place.block, Deed::Renew { slot: place.slot, until }, until).await?;
        let place = Place { until, rights: self.rights_of(agent), ..place };
        locked(&self.0.directory).confirm(agent, place);
        self.lease(agent, place, now)
    }

    async fn write_deed(&self, agent: AgentId, block: BlockId, deed: Deed, until: Moment) -> Result<u64, Refusal> {
        let region = self.region(block.region)?;
        let shard = Self::shard(region, block.index);
        let at = (shard, block.index);
        let assigns = matches!(deed, Deed::Assign { .. });
        let answer = self.answer(shard, |reply| Ask::Assign { at, agent, deed, until, reply }).await;
        let answer = answer.map_err(|refusal| {
            // The directory gave it out, so nobody holds it: an assignment there
            // that failed is not forgotten yet.
            let forgets = assigns && refusal.code == Code::Unknown;
            let what = "the slot is not free yet, because an assignment failed: try again";
            if forgets { Refusal::new(Code::Unavailable, what).after(Millis(50)) } else { refusal }
        });
        match answer? {
            Answer::Written(fencing) => Ok(fencing),
            other => Err(Refusal::new(Code::Internal, format!("an assignment was answered by {other:?}"))),
        }
    }

    fn region(&self, at: u32) -> Result<&super::Region, Refusal> {
        let region = self.0.regions.get(usize::try_from(at).unwrap_or(usize::MAX));
        region.ok_or_else(|| Refusal::new(Code::Internal, "a slot in no region"))
    }

    fn lease(&self, agent: AgentId, place: Place, now: Moment) -> Result<Attached, Refusal> {
        let region = self.region(place.block.region)?;
        let block = BlockRef { region: region.tag, index: place.block.index };
        let (fencing, rights) = (place.fencing, place.rights);
        let lease = Lease {
            planet: self.0.planet,
            block,
            slot: place.slot,
            fencing,
            agent,
            rights,
            issued: now,
            expires: place.until,
        };
        let text = lease.issue(&region.key()?.making(place.block.cell()), now);
        let text = text.map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
        let host = planet::plan::layout::Host::Slot(place.slot);
        Ok(Attached {
            lease: text.as_str().to_owned(),
            block: BlockAt { region: region.id.clone(), index: place.block.index },
            slot: place.slot,
            address: self.0.layout.address(place.block, host),
            fencing,
            until: place.until,
            administers: rights.include(Rights::ADMINISTER),
        })
    }

    /// Prolongs the lease of a session.
    ///
    /// # Errors
    /// When its agent holds the slot no more.
    pub async fn renew(&self, session: &Session) -> Result<Attached, Refusal> {
        let agent = session.lease().agent;
        let place = locked(&self.0.directory).place(agent).filter(|place| place.fencing == session.lease().fencing);
        let gone = || Refusal::new(Code::Unknown, "the slot is no longer this agent's: attach again");
        self.keep(agent, place.ok_or_else(gone)?, self.now()).await
    }

    /// Gives a session's slot back.
    ///
    /// # Errors
    /// When its agent holds the slot no more.
    pub async fn detach(&self, session: &Session) -> Result<(), Refusal> {
        let lease = session.lease();
        let at = self.at(lease.block)?;
        let (slot, why, fencing) = (lease.slot, Left::Detached, Some(lease.fencing));
        self.answer(at.0, |reply| Ask::Release { at, slot, why, fencing, reply }).await.map(|_| ())
    }
}

/// Leases end with a second, as the wheel counts.
fn whole_second(moment: Moment) -> Moment {
    Moment(moment.0.div_ceil(1_000) * 1_000)
}

fn not_enrolled(why: trust::enrol::Refused, engine: &Engine, source: Option<IpAddr>) -> Refusal {
    use trust::enrol::Refused;
    let what = why.to_string();
    match why {
        Refused::Checks { retry } | Refused::Quota { retry } | Refused::Busy { retry } => {
            Refusal::new(Code::TooMany, what).after(retry)
        }
        Refused::Signature => {
            if let Some(source) = source {
                engine.failed(source);
            }
            Refusal::new(Code::Unknown, what)
        }
        Refused::Stale => Refusal::new(Code::Bad, what).field("application"),
        _ => Refusal::new(Code::Forbidden, what),
    }
}
