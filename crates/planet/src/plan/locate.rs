//! From a name or an address, as a person writes it, to the place it stands.

use super::layout::{Host, Layout, Place};
use super::split::Unplannable;
use serde::Serialize;
use std::net::{Ipv4Addr, Ipv6Addr};
use vocab::{BlockId, BlockNumber, CellId};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The block.
    #[serde(flatten)]
    pub place: Place,
    /// What the address is for: "slot", "router" or "monitor"; nothing when a
    /// block was asked for.
    pub host: Option<&'static str>,
    /// The slot, when it is one.
    pub slot: Option<u8>,
    /// The address inside the cell.
    pub address: Option<Ipv4Addr>,
    /// The address outside.
    pub external_address: Option<Ipv6Addr>,
    /// Each way of writing this that finds it again.
    pub names: Vec<String>,
}

/// The ways to ask, for help and for errors.
pub const FORMS: &str =
    "NUMBER/SLOT, REGION:INDEX/SLOT, REGION:CELL:192.168.x.y, or an IPv6 address; without /SLOT, the block";

/// Finds what `text` names.
pub fn locate(layout: &Layout, text: &str) -> Result<Located, Unplannable> {
    let (block, host) = parse(layout, text.trim())?;
    describe(layout, block, host).ok_or_else(|| nothing(text, "no such block"))
}

fn nothing(text: &str, why: &str) -> Unplannable {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    Unplannable { what: format!("`{shown}` is nowhere on this planet: {why}"), hint: format!("write it as {FORMS}") }
}

type Found = (BlockId, Option<Host>);

fn parse(layout: &Layout, text: &str) -> Result<Found, Unplannable> {
    let none = |why: &str| nothing(text, why);
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        let found = layout.at_external(address).ok_or_else(|| none("no block has this address"))?;
        return Ok((found.0, Some(found.1)));
    }
    if let Some((cell, address)) = text.rsplit_once(':')
        && let Ok(address) = address.parse::<Ipv4Addr>()
    {
        return in_cell(layout, cell, address)
            .ok_or_else(|| none("no such cell, or nothing stands at this address of it"));
    }
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err(none("every cell has this address; say which cell of which region, as eu:0:192.168.4.7"));
    }
    let (block, slot) = text.split_once('/').map_or((text, None), |(block, slot)| (block, Some(slot)));
    let block = block_of(layout, block).ok_or_else(|| none("no such block"))?;
    let Some(slot) = slot else { return Ok((block, None)) };
    let slot = number(slot).ok_or_else(|| none("a slot is a number"))?;
    let slot = u8::try_from(slot).ok().and_then(|slot| layout.slot(slot));
    let slot = slot.ok_or_else(|| none(&format!("slots are 0 to {}", layout.slots() - 1)))?;
    Ok((block, Some(Host::Slot(slot))))
}

fn in_cell(layout: &Layout, cell: &str, address: Ipv4Addr) -> Option<Found> {
    let (region, cell) = cell.split_once(':')?;
    let (block, host) = layout.at(layout.region(region)?, CellId(number(cell)?), address)?;
    Some((block, Some(host)))
}

fn block_of(layout: &Layout, text: &str) -> Option<BlockId> {
    match text.split_once(':') {
        Some((region, index)) => {
            let block = BlockId { region: layout.region(region)?, index: number(index)? };
            layout.number(block).map(|_| block)
        }
        None => layout.block(BlockNumber(number(text)?)),
    }
}

/// Digits, with single `_` or `,` between them as people copy them from tables.
fn number(text: &str) -> Option<u64> {
    let groups: Vec<_> = text.split(['_', ',']).collect();
    let digits = groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if digits { groups.concat().parse().ok() } else { None }
}

fn describe(layout: &Layout, block: BlockId, host: Option<Host>) -> Option<Located> {
    let place = layout.place(block)?;
    let slot = match host {
        Some(Host::Slot(slot)) => Some(slot.number()),
        _ => None,
    };
    let address = host.map(|host| layout.address(block, host));
    let external_address = host.and_then(|host| layout.external_address(block, host));
    let names = names(&place, slot, address, external_address);
    let host = host.map(|host| match host {
        Host::Slot(_) => "slot",
        Host::Router => "router",
        Host::Monitor => "monitor",
    });
    Some(Located { place, host, slot, address, external_address, names })
}

fn names(place: &Place, slot: Option<u8>, address: Option<Ipv4Addr>, external: Option<Ipv6Addr>) -> Vec<String> {
    let (region, index, number, cell) = (&place.region, place.index, place.number, place.cell);
    let mut names = match (slot, address) {
        (Some(slot), _) => vec![format!("{region}:{index}/{slot}"), format!("{number}/{slot}")],
        (None, None) => vec![format!("{region}:{index}"), number.to_string()],
        // Routers and monitors are named by their addresses only.
        (None, Some(_)) => Vec::new(),
    };
    names.extend(address.map(|address| format!("{region}:{cell}:{address}")));
    names.extend(external.map(|address| address.to_string()));
    names
}
