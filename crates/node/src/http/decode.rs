//! What was sent, as what it means, or why it means nothing.

use super::no::No;
use crate::engine::{BlockAt, Body, OpAsk, Where};
use block::bans::Net;
use block::chain::OpId;
use block::kinds::{self, Cursor};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::time::Duration;
use trust::AgentId;
use trust::erasure::Demand;
use vocab::{MicroDegrees, Millis, Net4, Net6, Site};
use wire::{Code, Hex, ask};

/// The lease that a request shows.
pub(crate) fn lease(headers: &HeaderMap) -> Result<&str, No> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| {
        No::new(Code::Unknown, "no lease was shown: send `Authorization: Mycel <lease>`; attach to get one")
    })?;
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, lease)) if scheme.eq_ignore_ascii_case(wire::SCHEME) => Ok(lease.trim()),
        _ => Err(No::new(Code::Unknown, "the Authorization header is not `Mycel <lease>`")),
    }
}

/// The body of a request, within its bound and in its time.
pub(crate) async fn body<B>(headers: &HeaderMap, body: B, (most, patience): (usize, Duration)) -> Result<Bytes, No>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let collected = tokio::time::timeout(patience, Limited::new(body, most).collect()).await;
    let bytes = match collected {
        Err(_) => {
            let what = format!("the body did not come within {} s", patience.as_secs_f32());
            return Err(No::new(Code::Slow, what).closing());
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(most)),
        Ok(Err(error)) => return Err(No::new(Code::Bad, format!("the body broke off: {error}")).closing()),
        Ok(Ok(body)) => body.to_bytes(),
    };
    media(headers, &bytes)?;
    Ok(bytes)
}

/// What is said of a body beyond its bound.
pub(crate) fn too_large(most: usize) -> No {
    No::new(Code::TooLarge, format!("the body is larger than {most} bytes, the most that is read")).closing()
}

/// A body is JSON, and says so.
pub(crate) fn media(headers: &HeaderMap, body: &[u8]) -> Result<(), No> {
    let media = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = media.map(|media| media.split(';').next().unwrap_or_default().trim());
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        None if body.is_empty() => Ok(()),
        _ => Err(No::new(Code::Type, "the body is read as JSON alone: send `Content-Type: application/json`")),
    }
}

/// Reads JSON as a type.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, No> {
    read(or_empty(bytes), |from| serde_path_to_error::deserialize(from))
}

/// Nothing at all is an empty object.
const fn or_empty(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"{}" } else { bytes }
}

/// What a body is to be, for a message.
const OBJECT: &str = "the body is not a JSON object: write {\"name\": value}";

fn read<'d, T>(
    bytes: &'d [u8],
    read: impl FnOnce(
        &mut serde_json::Deserializer<serde_json::de::SliceRead<'d>>,
    ) -> Result<T, serde_path_to_error::Error<serde_json::Error>>,
) -> Result<T, No> {
    // The types would also be read from a list of their values, whose order nobody has promised.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(No::new(Code::Bad, OBJECT));
    }
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let value = read(&mut from).map_err(|error| {
        let path = error.path().to_string();
        let what = error.into_inner().to_string();
        wrong(what, leads(path))
    })?;
    from.end().map_err(behind)?;
    Ok(value)
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` hands it over
fn behind(error: serde_json::Error) -> No {
    No::new(Code::Bad, format!("the body goes on behind its JSON: {error}"))
}

/// A path that leads to a field.
fn leads(path: String) -> Option<String> {
    Some(path).filter(|path| path != "." && path != "?")
}

/// The field that a message is about, when it is missing or too many.
fn named(what: &str) -> Option<&str> {
    if let Some(unknown) = what.strip_prefix("unknown field `") {
        // Whoever sent it chose the name, and it may hold anything.
        let end = unknown.rfind("`, expected").or_else(|| unknown.rfind("`, there are no"));
        return end.and_then(|end| unknown.get(..end));
    }
    let known = what.strip_prefix("missing field `").or_else(|| what.strip_prefix("duplicate field `"))?;
    known.split('`').next()
}

/// A mistake in a field: which one is in the path, or in the message.
fn wrong(what: String, path: Option<String>) -> No {
    let name = named(&what);
    let field = match (path, name) {
        (Some(path), Some(name)) if path != name => Some(format!("{path}.{name}")),
        (path, name) => path.or_else(|| name.map(str::to_owned)),
    };
    let no = No::new(Code::Bad, what);
    match field {
        Some(field) => no.field(field),
        None => no,
    }
}

/// Reads a query as a type.
pub(crate) fn query<T: DeserializeOwned>(query: Option<&str>) -> Result<T, No> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
    read.map_err(|error| {
        let path = error.path().to_string();
        let no = wrong(error.into_inner().to_string(), leads(path));
        No { what: format!("in the query: {}", no.what), ..no }
    })
}

/// An op as its body asks for it, and until when to wait.
pub(crate) fn op(bytes: &[u8], new_id: impl FnOnce() -> OpId) -> Result<(OpAsk, ask::Wait), No> {
    let bytes = or_empty(bytes);
    let kind: ask::KindOf<'_> = read(bytes, |from| serde_path_to_error::deserialize(from))?;
    let known = kinds::by_name(&kind.kind);
    let unknown = || {
        let what = format!("there is no kind of op `{}`: try one of {}", kind.kind, ask::KINDS.join(", "));
        No::new(Code::Bad, what).field("kind")
    };
    let known = known.ok_or_else(unknown)?;
    let mut track = serde_path_to_error::Track::new();
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let asked = ask::Op::read(&kind.kind, serde_path_to_error::Deserializer::new(&mut from, &mut track));
    let asked = asked.ok_or_else(unknown)?.map_err(|error| {
        let path = track.path().to_string();
        wrong(error.to_string(), leads(path))
    })?;
    from.end().map_err(behind)?;
    let common = asked.common();
    let id = common.id.map_or_else(new_id, |id| OpId(u128::from_be_bytes(id.0)));
    let patience = Millis(common.patience_ms);
    Ok((OpAsk { id, kind: known.name, body: body_of(asked)?, patience }, common.wait))
}

fn body_of(op: ask::Op) -> Result<Body, No> {
    Ok(match op {
        ask::Op::Put(put) => Body::Value { key: put.key.0, value: put.value.0, class: put.class },
        ask::Op::Get(get) => Body::Record { key: get.key.0 },
        ask::Op::Delete(delete) => Body::Record { key: delete.key.0 },
        ask::Op::Send(send) => Body::Message { to: AgentId(send.to.0), message: send.message.0 },
        ask::Op::Ack(ack) => Body::Place(cursor(ack.cursor, "cursor")?),
        ask::Op::Consent(consent) => Body::Stance { class: consent.class, stands: consent.given },
        ask::Op::OptOut(opt) => Body::Stance { class: opt.class, stands: opt.out },
        ask::Op::Erase(_) => Body::Nothing,
        ask::Op::Echo(echo) => Body::Bytes(echo.bytes.0),
    })
}

/// The demand for erasure that a body carries, and whether it is only asked for.
pub(crate) fn demand(bytes: &[u8]) -> Result<(Demand, bool), No> {
    let body: ask::Erasure = json(bytes)?;
    let no_demand = |why| No::new(Code::Bad, format!("this is no demand for erasure: {why}")).field("demand");
    Ok((Demand::read(&body.demand).map_err(no_demand)?, body.only_ask))
}

/// A cursor from the text of a field.
pub(crate) fn cursor(hex: Hex<24>, field: &'static str) -> Result<Cursor, No> {
    let what = "this is no cursor: send one as it came with a message";
    Cursor::from_bytes(&hex.0).ok_or_else(|| No::new(Code::Bad, what).field(field))
}

/// The op that a path names.
pub(crate) fn op_id(text: &str) -> Result<OpId, No> {
    let hex: Hex<16> = text.parse().map_err(|error: wire::NoHex| No::new(Code::Bad, error.to_string()).field("id"))?;
    Ok(OpId(u128::from_be_bytes(hex.0)))
}

/// The block that a path names.
pub(crate) fn block(parts: &[String]) -> Result<BlockAt, No> {
    let [region, index, ..] = parts else {
        return Err(No::new(Code::NotFound, "the path names no block"));
    };
    let canonical = index == "0" || !index.starts_with(['0', '+']);
    let number = index.parse().ok().filter(|_| canonical);
    let number = number.ok_or_else(|| {
        No::new(Code::Bad, format!("`{index}` is not the index of a block, which is a whole number")).field("index")
    })?;
    Ok(BlockAt { region: region.clone(), index: number })
}

/// The block after which a page begins.
pub(crate) fn after(text: &str) -> Result<BlockAt, No> {
    let (region, index) = text
        .rsplit_once('/')
        .ok_or_else(|| No::new(Code::Bad, format!("`{text}` is not a block: write `region/index`")).field("after"))?;
    block(&[region.to_owned(), index.to_owned()]).map_err(|no| no.field("after"))
}

/// Where an agent wants its slot.
pub(crate) fn place(asked: &ask::Attach) -> Result<Where, No> {
    match (&asked.region, asked.cell, &asked.near) {
        (None, None, None) => Ok(Where::Anywhere),
        (Some(region), None, None) => Ok(Where::Region(region.clone())),
        (Some(region), Some(cell), None) => Ok(Where::Cell(region.clone(), cell)),
        (None, None, Some([latitude, longitude])) => {
            let site = Site { latitude: degrees(latitude)?, longitude: degrees(longitude)? };
            if site.is_on_earth() {
                return Ok(Where::Near(site));
            }
            Err(No::new(Code::Bad, "there is no such site: latitude is -90 to 90, longitude -180 to 180").field("near"))
        }
        (None, Some(_), None) => Err(No::new(Code::Bad, "a cell is one of a region: name the region").field("cell")),
        _ => Err(No::new(Code::Bad, "`near` stands for itself: leave out `region` and `cell`").field("near")),
    }
}

fn degrees(number: &serde_json::Number) -> Result<MicroDegrees, No> {
    let text = number.to_string();
    let text = text.strip_suffix(".0").unwrap_or(&text);
    text.parse().map_err(|error: vocab::BadQuantity| No::new(Code::Bad, error.what).field("near"))
}

/// A network, or an address as one.
pub(crate) fn net(text: &str) -> Result<Net, No> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(match address {
            IpAddr::V4(address) => Net::V4(Net4 { address, prefix: 32 }),
            IpAddr::V6(address) => Net::V6(Net6 { address, prefix: 128 }),
        });
    }
    let net = if text.contains(':') { text.parse().map(Net::V6) } else { text.parse().map(Net::V4) };
    let net = net.map_err(|error| No::new(Code::Bad, error.what).field("net"))?;
    if net == net.network() {
        return Ok(net);
    }
    Err(No::new(Code::Bad, format!("{net} has bits behind its prefix: did you mean {}?", net.network())).field("net"))
}

/// So many as were asked for, and no more than one answer has.
pub(crate) fn most(asked: Option<u64>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(most).clamp(1, most)
}
