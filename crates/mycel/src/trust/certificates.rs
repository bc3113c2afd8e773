//! `mycel trust request | issue | revoke`: certificates by hand, for machines
//! apart from the CA, and what is taken back.

use crate::Verdict;
use crate::acts::Log;
use crate::cli::{IssueArgs, RequestArgs, RevokeArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use audit::entry::{Act, Key, Name as Said};
use custody::authority::{REVOKED, root};
use custody::ca::{CERTIFICATE, Ca, ENDORSED};
use custody::credentials::Node;
use custody::folder;
use custody::office::{Book, Office, RevokeError, revoke as take_back};
use custody::request::Request;
use custody::revocation::{NotRevoked, What, is_reason};
use custody::spiffe::{Name, Role};
use serde_json::json;
use std::path::Path;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};

pub(super) const GUIDE: &str = "docs/guides/keys.md says what belongs where";

pub(super) fn told(why: impl std::fmt::Display) -> Failure {
    Failure::told(why.to_string(), GUIDE)
}

/// The CA of a planet's directory, which has to be there.
pub(super) fn ca(keys: &Path) -> Result<Ca, Failure> {
    let planet = PlanetId::of_root(root(keys).map_err(told)?);
    let none = || {
        let what = format!("{} has no ca.key: certificates are issued and taken back where the CA is", keys.display());
        Failure::told(what, "name the planet's directory with --data; `mycel trust init` makes one")
    };
    let secret = folder::existing(keys, "ca").map_err(told)?.ok_or_else(none)?;
    Ca::new(planet, &secret).map_err(told)
}

pub(super) fn request(args: &RequestArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let keys = args.home.data.join("keys");
    let no_root = |why| {
        let hint = "bring root.pub from where the planet's root key is, with the command `mycel trust status` shows it";
        Failure::told(format!("{why}"), hint)
    };
    let planet = PlanetId::of_root(root(&keys).map_err(no_root)?);
    let name = Name::new(planet, args.region.as_deref(), args.role).map_err(told)?;
    let files = if args.role == Role::Gateway { "gateway" } else { "node" };
    let key = SigningKey::new(&folder::secret(&keys, files).map_err(told)?);
    let node = Node { keys, files: files.to_owned(), name: name.clone() };
    let last = std::fs::read_to_string(node.request()).ok().and_then(|text| Request::read(&text).ok());
    let last = last.filter(|last| last.key == key.id());
    let request = Request::after(last.as_ref(), &key, name, Moment(word::now()));
    folder::replace(&node.request(), request.text().as_bytes()).map_err(told)?;
    if screen.is_json() {
        let (request_file, certificate) = (node.request(), node.certificate());
        screen.json(&json!({
            "version": 1, "request": request_file, "certificate": certificate,
            "name": request.name.to_string(), "key": key.id().to_string(),
        }))?;
        return Ok(Verdict::Good);
    }
    screen.data(format_args!("{}", node.request().display()))?;
    screen.say(format_args!("  asks for {}", request.name));
    screen.say(format_args!("  with the key {}", key.id()));
    screen.say("bring the file to the CA within five minutes, and tell the key by another way; there:");
    screen.say(format_args!("  mycel trust issue FILE --key {}", key.id()));
    screen.say(format_args!("what it prints belongs into {}", node.certificate().display()));
    screen.say(format_args!("and beside it the CA's {CERTIFICATE}, {ENDORSED} and, when there is one, {REVOKED}"));
    Ok(Verdict::Good)
}

pub(super) fn issue(args: &IssueArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let keys = args.home.data.join("keys");
    let said = args.key.as_deref().map(|key| word::read_hex(key, "a key").map(AgentId)).transpose()?;
    let hint = "name the file that `mycel trust request` wrote where the node is, and that was brought from there";
    let text = std::fs::read_to_string(&args.request);
    let text = text.map_err(|error| Failure::missing(&args.request, &error, hint))?;
    let (ca, book) = (ca(&keys)?, Book::read(&keys).map_err(told)?);
    // A key that has borne the name before is expected again.
    let known = |name: &Name, key| book.of(key).is_some_and(|issued| issued.name == *name);
    let expected = |name: &Name, key: AgentId| said.map_or_else(|| known(name, key), |said| said == key);
    let no = |why: String| Failure::told(format!("no certificate is issued: {why}"), GUIDE);
    let asked = Request::read(&text).map_err(|why| no(why.to_string()))?;
    let act = Act::CertificateIssued { role: Said::cut(&asked.name.role().to_string()), key: Key(asked.key.0) };
    let log = Log::of(&args.home.data, None)?.at(asked.name.region());
    let pem = log.then(&[act], "", || {
        let answer = Office::new(&keys, ca, args.life).answer(&text, expected, Moment(word::now()));
        answer.map_err(|why| no(why.to_string()))
    })?;
    if screen.is_json() {
        let book = Book::read(&keys).map_err(told)?;
        let issued = Request::read(&text).ok().and_then(|asked| book.of(asked.key).cloned());
        let issued = issued.map(|issued| (issued.name.to_string(), issued.serial.to_string(), issued.until.0));
        let (name, serial, until) = issued.unwrap_or_default();
        screen.json(&json!({ "version": 1, "certificate": pem, "name": name, "serial": serial, "until": until }))?;
    } else {
        screen.data(pem.trim_end())?;
    }
    Ok(Verdict::Good)
}

/// Every key of a region that the CA knows.
fn of_region(data: &Path, region: &str) -> Result<Vec<What>, Failure> {
    let book = Book::read(&data.join("keys")).map_err(told)?;
    let issued = book.issued().filter(|issued| issued.name.region() == Some(region)).map(|issued| issued.key);
    let mut keys: Vec<AgentId> = issued.collect();
    // One that has not asked yet, too.
    for name in ["node", "node.next"] {
        keys.extend(folder::known(&data.join("regions").join(region).join("keys"), name).map_err(told)?);
    }
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        let what = format!("no node of region {region} has a certificate, and none has a key here");
        return Err(Failure::told(what, "`mycel trust status` shows what there is"));
    }
    Ok(keys.into_iter().map(What::Key).collect())
}

/// What the audit log says of it.
fn act(what: &What) -> Act {
    match what {
        What::Key(key) => Act::KeyRevoked { key: Key(key.0) },
        What::Serial(serial) => Act::CertificateRevoked { serial: Said::cut(&serial.to_string()) },
    }
}

pub(super) fn revoke(args: &RevokeArgs, screen: &Screen) -> Result<Verdict, Failure> {
    if args.ca {
        return super::cas::revoke(args, screen);
    }
    let keys = args.home.data.join("keys");
    let ca = ca(&keys)?;
    let what = match (&args.what, &args.region) {
        (Some(what), _) => vec![*what],
        (None, Some(region)) => of_region(&args.home.data, region)?,
        (None, None) => Vec::new(),
    };
    let refused = |why: RevokeError| match why {
        RevokeError::Not(why) => Failure::told(why.to_string(), "write one with --reason \"a stolen disk\""),
        RevokeError::Key(why) => told(why),
    };
    if !is_reason(&args.reason) {
        return Err(refused(NotRevoked::Reason.into()));
    }
    let acts: Vec<_> = what.iter().map(act).collect();
    let revoked = Log::of(&args.home.data, None)?.then(&acts, &args.reason, || {
        take_back(&keys, &ca, &what, &args.reason, Moment(word::now())).map_err(refused)
    })?;
    if screen.is_json() {
        let all: Vec<_> = revoked
            .iter()
            .map(|entry| json!({ "what": entry.what.to_string(), "at": entry.at.0, "reason": entry.reason }))
            .collect();
        screen.json(&json!({ "version": 1, "list": keys.join(REVOKED), "revoked": all }))?;
        return Ok(Verdict::Good);
    }
    for what in &what {
        screen.data(format_args!("revoked {what}"))?;
    }
    screen.say("the nodes of this machine refuse it within seconds, and close the connections that it has");
    screen.say(format_args!("bring {} to the keys of every machine apart", keys.join(REVOKED).display()));
    if let Some(region) = &args.region {
        screen
            .say("the region is away until its host has another key: move its keys/node.key away, and start it again");
        let book = Book::read(&keys).map_err(told)?;
        let is_apart = |what: &What| {
            let What::Key(key) = what else { return false };
            book.of(*key).is_some_and(|issued| issued.name.role() == Role::Gateway)
        };
        if what.iter().any(is_apart) {
            screen.say(format_args!(
                "its gateways on machines apart are away too, until each has another key: move gateways/{region}/keys/\
                 gateway-N.*"
            ));
            screen.say("away, run `mycel trust init --apart` again, and bring what it makes: docs/guides/keys.md");
        }
    }
    Ok(Verdict::Good)
}
