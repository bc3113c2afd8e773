//! A small planet to try things on.

use std::sync::OnceLock;
use trust::lease::{Door, Lease, Revoked, Rights};
use trust::sign::SigningKey;
use trust::{AgentId, BlockRef, CellKey, Moment, PlanetId, RegionTag, RegionalKey, Secret};
use vocab::{Millis, Slot};

/// When everything here happens.
pub(crate) const NOW: Moment = Moment(1_800_000_000_000);
/// The assignment that every lease here is from.
pub(crate) const FENCING: u64 = 77;

/// A secret that is the same byte over and over.
pub(crate) fn secret(byte: u8) -> Secret {
    Secret::take(&mut [byte; 32])
}

pub(crate) fn signer(byte: u8) -> SigningKey {
    SigningKey::new(&secret(byte))
}

pub(crate) fn agent(byte: u8) -> AgentId {
    signer(byte).id()
}

pub(crate) fn planet() -> PlanetId {
    PlanetId::of_root(agent(200))
}

pub(crate) fn region() -> RegionTag {
    RegionTag::of("eu-west-1")
}

/// The regional key; its salt takes a moment, so it is made once.
pub(crate) fn regional() -> &'static RegionalKey {
    static KEY: OnceLock<RegionalKey> = OnceLock::new();
    KEY.get_or_init(|| RegionalKey::new(planet(), region(), secret(1)))
}

pub(crate) fn block(index: u64) -> BlockRef {
    BlockRef { region: region(), index }
}

pub(crate) fn slot(number: u8) -> Slot {
    Slot::new(number).unwrap()
}

/// Agent 1's lease for slot 5 of block 2,000, for an hour.
pub(crate) fn lease() -> Lease {
    Lease {
        planet: planet(),
        block: block(2_000),
        slot: slot(5),
        fencing: FENCING,
        agent: agent(1),
        rights: Rights::READ.and(Rights::OPERATE),
        issued: NOW,
        expires: NOW.after(Millis::hours(1)),
    }
}

pub(crate) fn cell_key(block: BlockRef) -> CellKey {
    regional().cell(block.cell())
}

static NOTHING: Revoked = Revoked::NOTHING;

/// The door of block 2,000.
pub(crate) fn door(keys: &[CellKey]) -> Door<'_> {
    Door { planet: planet(), block: block(2_000), keys, revoked: &NOTHING }
}
