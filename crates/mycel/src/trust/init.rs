//! `mycel trust init`: makes the keys of a planet that are missing, and says
//! what each is for. What is there stays as it is.

use super::cas;
use super::inventory::{self, Ages};
use crate::Verdict;
use crate::acts::Log;
use crate::cli::{InitArgs, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::hardware;
use crate::screen::Screen;
use crate::word;
use audit::entry::{Act, Key, Name};
use custody::KeyError;
use custody::ca::{Ca, ENDORSED};
use custody::folder::{private, public, secret_as, write_public};
use custody::vault;
use node::{HomeError, Homes};
use planet::Planet;
use serde_json::{Value, json};
use std::path::Path;
use trust::{Moment, RegionTag, RegionalKey, Secret};

/// What the audit log says of the keys that were made.
fn made(keys: &Path) -> Result<Vec<Act>, KeyError> {
    let made = |line: &str| Ok(Act::KeyMade { line: Name::cut(line), key: Key(public(keys, line)?.0) });
    ["root", "operator", "gateway", "ca"].into_iter().map(made).collect()
}

/// Makes the keys of a region's host that are missing: its own, and the region's.
fn region_keys(homes: &Homes, (data, name): (&Path, &str), region: &str) -> Result<(), HomeError> {
    let mut enter = cas::made(data, Some(name), Some(region));
    let keys = homes.region_as(region, &mut enter)?.join("keys");
    let tag = RegionTag::of(region);
    let mut enter = |_: &str, secret: &Secret| {
        // It signs nothing, and is named by its fingerprint.
        let mut bytes = *secret.expose();
        let key = RegionalKey::new(homes.planet(), tag, Secret::take(&mut bytes)).id();
        let act = Act::RegionKeyMade { key: Name::cut(&key.to_string()) };
        let entered = Log::of(data, Some(name)).and_then(|log| log.at(Some(region)).enter(&[act], ""));
        entered.map_err(|failure| failure.to_string())
    };
    secret_as(&keys, &format!("region-{tag}"), &mut enter)?;
    Ok(())
}

/// Has a token keep the keys, when it is named.
fn in_token(args: &InitArgs, is_asked: bool) -> Result<(), Failure> {
    let (data, keys) = (&args.home.data, args.home.data.join("keys"));
    let Some((label, module)) = args.token.as_ref().zip(args.module.as_ref()) else {
        if is_asked && vault::place(&keys)?.is_none() {
            let what = "the planet file asks for `hardware = true` in [keys], and no token is named";
            let hint =
                "--token LABEL --module PATH names it; a program that was built with --features pkcs11 can use it";
            return Err(Failure::told(what, hint));
        }
        return Ok(());
    };
    private(data)?;
    let held = node::hold(data).map_err(|why| Failure::told(why.to_string(), "name another directory with --data"))?;
    private(&keys)?;
    vault::begin(&keys, module, label)?;
    drop(held);
    Ok(())
}

/// Directories for the gateways that run on machines apart.
fn apart(homes: &Homes, data: &Path, planet: &Planet) -> Result<(), HomeError> {
    let ids: Vec<String> = planet.region.iter().map(|region| region.id.to_string()).collect();
    for (region, id) in planet.region.iter().zip(&ids) {
        let many = usize::try_from(region.replicas.at_most()).unwrap_or(usize::MAX);
        let mut enter = cas::made(data, Some(planet.planet.name.as_str()), Some(id));
        homes.apart(id, many, &ids, &mut enter)?;
    }
    Ok(())
}

pub(super) fn run(args: &InitArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    let planet = files::planet(&args.file, &tables, screen)?;
    let (data, now) = (&args.home.data, Moment(word::now()));
    let failed = |why: String| Failure::told(why, "mend what it says, and run it again: what was made stays");
    in_token(args, hardware::is_asked(&planet))?;
    let homes = Homes::open(data).map_err(|why| failed(why.to_string()))?;
    // Whether there was a CA before says whether there was anything.
    let new = !homes.keys().join("ca.key").exists();
    let token = vault::place(&homes.keys())?;
    let root = public(&homes.keys(), "root").and_then(|root| write_public(&homes.keys(), "root", root));
    root.map_err(|why| failed(why.to_string()))?;
    let name = planet.planet.name.as_str();
    let open = || {
        let mut enter = cas::made(data, Some(name), None);
        let opened = Ca::open(&homes.keys(), homes.planet(), now, &mut enter);
        opened.map(drop).map_err(|why| failed(why.to_string()))
    };
    if homes.keys().join(ENDORSED).exists() {
        open()?;
    } else {
        // Nobody believes the CA before the root endorses it, which this does last.
        let made = made(&homes.keys()).map_err(|why| failed(why.to_string()))?;
        Log::of(data, Some(name))?.then(&made, "", open)?;
    }
    for region in &planet.region {
        region_keys(&homes, (data, name), region.id.as_str()).map_err(|why| failed(why.to_string()))?;
    }
    if args.apart {
        apart(&homes, data, &planet).map_err(|why| failed(why.to_string()))?;
    }
    let items = inventory::read(data, Ages::of(planet.keys.as_ref()), now)?;
    if screen.is_json() {
        let keys: Vec<Value> = items
            .iter()
            .map(|item| json!({ "what": item.what, "for": item.purpose, "file": item.file, "names": item.names }))
            .collect();
        screen.json(&json!({
            "version": 1, "planet": planet.planet.name.to_string(), "id": homes.planet().to_string(),
            "data": data, "new": new, "keys": keys, "token": token.as_ref().map(|token| &token.label),
        }))?;
        return Ok(Verdict::Good);
    }
    let state = if new { "its keys were made" } else { "its keys were there, and stay" };
    screen.data(format_args!("{}  planet {}: {state}", planet.planet.name.as_str(), homes.planet()))?;
    screen.data(format_args!("in {}, readable by you and nobody else:\n", data.display()))?;
    for item in &items {
        screen.data(format_args!("  {:<44} {}: {}", item.file, item.what, item.purpose))?;
    }
    let (file, data) = (args.file.display(), data.display());
    screen.data("\nnext:")?;
    screen.data(format_args!("  1. mycel trust split {file} --data {data} --out shares"))?;
    let (what, key) = match &token {
        Some(token) => {
            screen.data(format_args!("     the root key is in the token \"{}\" and nowhere else;", token.label))?;
            ("what brings back the other keys", "recovery.key")
        }
        None => ("the root key", "root.key"),
    };
    screen.data(format_args!("     {what} in shares, for people apart from each other; when `mycel trust drill`"))?;
    screen.data(format_args!("     with them went well, remove keys/{key}: nothing from day to day needs it"))?;
    screen.data(format_args!("  2. mycel up --regions {file} --data {data}"))?;
    screen.data(format_args!("  3. mycel trust status --data {data}"))?;
    Ok(Verdict::Good)
}
