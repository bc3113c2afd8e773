//! `mycel trust rotate --ca` and `mycel trust revoke --ca`: the CA gives its
//! place to one that is endorsed to follow it, or all of them to new ones.
//!
//! A planet that runs meanwhile takes the one that is in its place: its office
//! looks at the same files.

use super::certificates::{GUIDE, ca, told};
use super::rotate::{LOOK, now};
use crate::Verdict;
use crate::acts::Log;
use crate::cli::{RevokeArgs, RotateArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use audit::entry::{Act, Key, Name};
use custody::ca::Ca;
use custody::heirs::{self, NotInherited};
use custody::revocation::{NotRevoked, is_reason};
use custody::root::Root;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};

pub(super) fn rotate(args: &RotateArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let keys = args.home.data.join("keys");
    let planet = ca(&keys)?.planet();
    if Root::here(&keys)?.is_some() {
        // Others are endorsed where there are too few.
        let mut made = made(&args.home.data, None, None);
        Ca::open(&keys, planet, Moment(word::now()), &mut made).map_err(told)?;
    }
    let (begun, patience) = (now(), Duration::from_millis(args.patience.0));
    let (from, to) = loop {
        match heirs::inherit(&keys, planet, Moment(word::now()), enter(&args.home.data, "ca", "asked for")) {
            Err(NotInherited::NotYet(_)) if begun.elapsed() < patience => std::thread::park_timeout(LOOK),
            Err(NotInherited::Nobody) => {
                let hint = "bring the root key back for a moment: `mycel trust recover` does from its shares";
                return Err(Failure::told(NotInherited::Nobody.to_string(), hint));
            }
            done => break done.map_err(told)?,
        }
    };
    say(&keys, planet, (from, to), screen)
}

pub(super) fn revoke(args: &RevokeArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let keys = args.home.data.join("keys");
    let planet = ca(&keys)?.planet();
    let none = || {
        let what = format!("the root key is not in {}, and only it can endorse another CA", keys.display());
        Failure::told(what, "bring it back for a moment: `mycel trust recover` does from its shares")
    };
    let root = Root::here(&keys)?.ok_or_else(none)?;
    if !is_reason(&args.reason) {
        return Err(Failure::told(NotRevoked::Reason.to_string(), "write one with --reason \"a stolen disk\""));
    }
    let mut made = made(&args.home.data, None, None);
    let enter = enter(&args.home.data, "ca", &args.reason);
    let changed = heirs::begin_anew(&keys, planet, &root, Moment(word::now()), (enter, &mut made)).map_err(told)?;
    screen.say(format_args!("the CA is believed no longer: {}", args.reason));
    say(&keys, planet, changed, screen)
}

/// Enters that a key gives its place away, before it does.
pub(super) fn enter(data: &Path, line: &str, reason: &str) -> impl FnOnce(AgentId, AgentId) -> Result<(), String> {
    |from, to| {
        let act = Act::KeyRotated { line: Name::cut(line), from: Key(from.0), to: Key(to.0) };
        let entered = Log::of(data, None).and_then(|log| log.enter(&[act], reason));
        entered.map_err(|failure| failure.to_string())
    }
}

/// Enters that there is a key, before there is, in a region where one is named.
pub(super) fn made(
    data: &Path,
    name: Option<&str>,
    region: Option<&str>,
) -> impl FnMut(&str, &Secret) -> Result<(), String> {
    move |line, secret| {
        let act = Act::KeyMade { line: Name::cut(line), key: Key(SigningKey::new(secret).id().0) };
        let entered = Log::of(data, name).and_then(|log| log.at(region).enter(&[act], ""));
        entered.map_err(|failure| failure.to_string())
    }
}

fn say(keys: &Path, planet: PlanetId, (from, to): (AgentId, AgentId), screen: &Screen) -> Result<Verdict, Failure> {
    let heirs = heirs::names(keys)?.len();
    if screen.is_json() {
        let (from, to) = (from.to_string(), to.to_string());
        screen.json(&json!({ "version": 1, "planet": planet.to_string(), "from": from, "to": to, "heirs": heirs }))?;
        return Ok(Verdict::Good);
    }
    screen.data(format_args!("the CA is {to}"))?;
    screen.data(format_args!("    before {from}"))?;
    screen.say(format_args!("{heirs} CAs are endorsed to follow it"));
    if heirs == 0 {
        screen.say("  `mycel trust init`, where the root key is, endorses the next ones");
    }
    screen.say("nodes of machines apart need ca.pem, ca.endorsed and revoked as they are here now");
    screen.say(format_args!("  {GUIDE}"));
    Ok(Verdict::Good)
}
