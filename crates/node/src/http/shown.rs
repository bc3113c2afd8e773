//! What the engine answers, as it is told in JSON.

use super::peer::Places;
use crate::engine::{
    Attached, BlockAt, BlockStanding, ChainPart, Erasures, InboxMessage, OpDone, OpSeen, RegionStanding, Seated, Stance,
};
use block::bans::{Ban, Net, Reason};
use block::chain::{self, Entry, OpId, Outcome};
use block::kinds::{self, Matter};
use block::queue::State;
use trust::rotation::Statement;
use wire::tell::{self, OpState};
use wire::{Base64, Data, Hex};

fn id(id: OpId) -> Hex<16> {
    Hex(id.0.to_be_bytes())
}

pub(super) fn block(block: BlockAt) -> tell::Block {
    tell::Block { region: block.region, index: block.index }
}

pub(super) fn attached(attached: Attached) -> tell::Attached {
    tell::Attached {
        lease: attached.lease,
        block: block(attached.block),
        slot: attached.slot.number(),
        address: attached.address.to_string(),
        fencing: attached.fencing,
        until: attached.until.0,
        administers: attached.administers,
    }
}

const fn state_of(outcome: Outcome) -> OpState {
    match outcome {
        Outcome::Done => OpState::Done,
        Outcome::Failed => OpState::Failed,
        Outcome::Cancelled => OpState::Cancelled,
    }
}

pub(super) fn done(done: OpDone) -> tell::Op {
    tell::Op {
        id: id(done.id),
        state: state_of(done.outcome),
        before_it: None,
        sequence: Some(done.sequence),
        time: Some(done.time.0),
        link: Some(Hex(done.link.0)),
        tries: Some(done.tries),
        before: done.before,
        value: done.value.map(Data),
        why: done.why,
        again: done.again,
    }
}

pub(super) fn seen(name: OpId, seen: OpSeen) -> tell::Op {
    let here = |state, before_it, sequence| tell::Op {
        id: id(name),
        state,
        before_it,
        sequence,
        time: None,
        link: None,
        tries: None,
        before: None,
        value: None,
        why: None,
        again: false,
    };
    match seen {
        OpSeen::Ended(ended) => done(ended),
        OpSeen::Here(State::Queued(before)) => here(OpState::Queued, u64::try_from(before).ok(), None),
        OpSeen::Here(State::Running) => here(OpState::Running, None, None),
        OpSeen::Here(State::Ended(outcome, sequence)) => here(state_of(outcome), None, Some(sequence)),
        OpSeen::Here(State::Cancelled) => here(OpState::Cancelled, None, None),
    }
}

/// A stretch of a chain. What is told of an entry is read from its bytes, so
/// that it cannot say anything else.
pub(super) fn chain(block: BlockAt, part: &ChainPart, most_bytes: usize) -> tell::Chain {
    let mut left = most_bytes;
    let fits = |bytes: &&Vec<u8>| {
        let fits = left > 0;
        left = left.saturating_sub(bytes.len());
        fits
    };
    let entries = part.entries.iter().take_while(fits).filter_map(|bytes| entry(bytes)).collect();
    let told = |sequence, link: chain::Link, signature| tell::Head {
        sequence,
        link: Hex(link.0),
        signature: Hex(signature),
        node: Hex(part.node.0),
    };
    let head = told(part.head.0, part.head.1, part.signature);
    let anchor = part.anchor.map(|(sequence, link, signature)| told(sequence, link, signature));
    tell::Chain { block: self::block(block), entries, head, oldest: part.oldest, anchor }
}

/// How a node came by its key.
pub(super) fn line(statements: &[Statement]) -> tell::Line {
    tell::Line { statements: statements.iter().map(|said| Base64(said.to_bytes().to_vec())).collect() }
}

fn entry(bytes: &[u8]) -> Option<tell::Entry> {
    let read = Entry::decode(bytes).ok()?;
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Some(tell::Entry {
        bytes: Base64(bytes.to_vec()),
        sequence: read.sequence,
        epoch: read.epoch,
        time: read.time.0,
        agent: Hex(read.agent.0),
        id: id(read.id),
        kind: kinds::by_code(read.kind).map_or_else(|| read.kind.to_string(), |kind| kind.name.to_owned()),
        outcome: state_of(read.outcome),
        tries: read.tries,
        previous: Hex(read.previous.0),
        link: Hex(chain::link(bytes).0),
        payload: length(read.payload),
        result: length(read.result),
    })
}

pub(super) fn message(message: InboxMessage, places: &Places) -> tell::Message {
    tell::Message {
        cursor: Hex(message.cursor.to_bytes()),
        from: Hex(message.from.0),
        time: message.time.0,
        id: id(message.id),
        block: block(places.at(message.block)),
        sequence: message.sequence,
        message: message.message.map(Data),
    }
}

pub(super) fn stance(stance: Stance, places: &Places) -> tell::Stance {
    let matter = match stance.matter {
        Matter::Consent => tell::Matter::Consent,
        Matter::OptOut => tell::Matter::OptOut,
        Matter::Erasure => tell::Matter::Erase,
    };
    tell::Stance {
        matter,
        class: stance.class,
        stands: stance.stands,
        block: block(places.at(stance.block)),
        sequence: stance.sequence,
        time: stance.time.0,
    }
}

pub(super) fn erasures(erasures: Erasures) -> tell::Erasures {
    let erased = erasures.erased.into_iter().map(|erased| tell::Erased {
        block: block(erased.block),
        sequence: erased.sequence,
        link: Hex(erased.link.0),
    });
    tell::Erasures { erased: erased.collect(), keys: erasures.keys }
}

pub(super) fn region(region: RegionStanding) -> tell::Region {
    tell::Region { id: region.id, blocks: region.blocks, taken: region.taken, slots: region.slots }
}

pub(super) fn standing(standing: BlockStanding) -> tell::Standing {
    tell::Standing {
        block: block(standing.block),
        number: standing.number,
        entries: standing.entries,
        link: Hex(standing.link.0),
        taken: standing.taken,
        slots: standing.slots,
        waiting: u64::try_from(standing.waiting).unwrap_or(u64::MAX),
        sealed: standing.sealed,
    }
}

pub(super) fn seat(seated: Seated) -> tell::Seat {
    tell::Seat {
        agent: Hex(seated.agent.0),
        block: block(seated.block),
        slot: seated.slot.number(),
        fencing: seated.fencing,
        until: seated.until.0,
    }
}

pub(crate) fn ban((net, ban): (Net, Ban)) -> tell::Ban {
    let (reason, score) = match ban.reason {
        Reason::Traffic(score) => ("traffic", Some(score)),
        Reason::Authentication => ("authentication", None),
        Reason::Verdict => ("verdict", None),
        Reason::Operator => ("operator", None),
    };
    let (since, until, times) = (ban.since, ban.until, ban.times);
    tell::Ban { net: net.to_string(), reason: reason.to_owned(), score, since, until, times }
}
