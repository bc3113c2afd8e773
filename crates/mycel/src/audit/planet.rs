//! The log of a planet that runs, file by file over the network; and a copy of
//! it in a folder.

use super::log_key;
use crate::Verdict;
use crate::agent::attached;
use crate::cli::{FromArgs, LogArgs, MirrorArgs, Who};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::store::{ENTRIES, bar};
use audit::copy::{Copied, NotCopied, copy};
use audit::{Checkpoint, Folders, Mirror, Missing, NotSigned, Opened, Source, Verifier, home};
use client::{Client, Code, Options, Place};
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;
use tokio::runtime::Runtime;
use trust::Secret;
use trust::sign::SigningKey;
use vocab::thousands;

/// The file of a copy with the key that it was begun with.
const KEY: &str = "log.vkey";

/// Where a log is read.
pub(super) enum Log {
    /// In a folder.
    Here(Opened<Mirror>, String),
    /// On a planet that runs.
    There(Planet),
}

/// A planet that runs, as an auditor asks it.
pub(super) struct Planet {
    runtime: Runtime,
    client: Client,
    url: String,
    /// Whether somebody is named who may read entries.
    named: bool,
}

impl Log {
    /// What was named: a folder, or the address of a planet.
    pub(super) fn of(args: &LogArgs) -> Result<Self, Failure> {
        Self::named(args.dir.as_deref(), &args.from)
    }

    pub(super) fn named(dir: Option<&Path>, from: &FromArgs) -> Result<Self, Failure> {
        match (dir, &from.url) {
            (None, Some(url)) => Ok(Self::There(Planet::reach(url, from)?)),
            (Some(dir), None) if is_above(dir) => {
                let log = home::folder(dir);
                let what = format!("{} is a planet's data directory, and its log is a folder there", dir.display());
                Err(Failure::told(what, format!("name {}", log.display())))
            }
            (Some(dir), None) => {
                let reader = home::reader(dir).map_err(|error| {
                    let hint = "who may read the planet's keys reads entries there; a copy has them as they are";
                    Failure::told(error.to_string(), hint)
                })?;
                Ok(Self::Here(reader, dir.display().to_string()))
            }
            _ => Err(Failure::told("a log is in a folder or at a planet", "name DIR, or --url, and not both")),
        }
    }

    /// Whether it is asked for by nobody who may read entries.
    pub(super) const fn is_a_strangers(&self) -> bool {
        matches!(self, Self::There(planet) if !planet.named)
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Here(_, name) => name,
            Self::There(planet) => &planet.url,
        }
    }
}

/// Whether a directory is none of a log, and has one in it.
fn is_above(dir: &Path) -> bool {
    !dir.join("checkpoint").exists() && home::folder(dir).join("checkpoint").exists()
}

impl Source for Log {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Here(mirror, _) => mirror.file(name, most),
            Self::There(planet) => planet.file(name, most),
        }
    }
}

impl Planet {
    fn reach(url: &str, from: &FromArgs) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
        let options = Options { authority: from.authority.clone(), ..Options::default() };
        let client = runtime.block_on(async {
            let Some(name) = &from.agent else {
                // Whoever is nobody here has a key for as long as it asks.
                let mut key = custody::entropy::bytes().map_err(custody::folder::failed("draw entropy"))?;
                let key = SigningKey::new(&Secret::take(&mut key));
                return Ok::<_, Failure>(Client::connect(url, key, options).await?);
            };
            let (name, home, authority) = (name.clone(), from.home.clone(), from.authority.clone());
            Ok(attached(&Who { url: url.to_owned(), name, home, authority }).await?.client)
        })?;
        Ok(Self { runtime, client, url: url.to_owned(), named: from.agent.is_some() })
    }

    /// A file of the log. A region's host opens no lease of another region, such
    /// as whoever came in by a gateway may hold: then a slot is taken here, and
    /// the lease that is kept stays as it is.
    async fn ask(&self, name: &str) -> Result<Option<Vec<u8>>, client::Error> {
        match self.client.audit(name).await {
            Err(error) if self.named && error.code() == Some(Code::WrongBlock) => {
                self.client.attach(Place::Anywhere, None).await?;
                self.client.audit(name).await
            }
            answer => answer,
        }
    }
}

impl Source for Planet {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let told = |error: client::Error| {
            let hint = if name.starts_with("tile/entries/") && !self.named {
                "; entries are shown to who administers: --as operator, where the planet's data directory is"
            } else {
                ""
            };
            let kind = if error.code() == Some(Code::Forbidden) {
                io::ErrorKind::PermissionDenied
            } else {
                io::ErrorKind::Other
            };
            io::Error::new(kind, format!("{error}{hint}"))
        };
        let found = self.runtime.block_on(self.ask(name)).map_err(told)?;
        match found {
            Some(bytes) if bytes.len() > most => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the file is longer than it can be"))
            }
            found => Ok(found),
        }
    }
}

/// The key that a copy is held against, and whether it is believed for the
/// first time, on the word of the planet.
fn key(args: &MirrorArgs, planet: &Planet) -> Result<(Verifier, bool), Failure> {
    let kept = args.dir.join(KEY);
    if let Some(key) = &args.key {
        return Ok((log_key(key)?, false));
    }
    if kept.exists() {
        return Ok((log_key(&kept.display().to_string())?, false));
    }
    let told = planet.file(KEY, 1_024).map_err(|error| Failure::told(error.to_string(), "is a planet there?"))?;
    let told = String::from_utf8(told.unwrap_or_default()).unwrap_or_default();
    Ok((log_key(told.trim())?, true))
}

pub(super) fn mirror(args: &MirrorArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let url = args.from.url.as_ref();
    let url = url.ok_or_else(|| Failure::told("of which planet?", "--url names it, such as http://127.0.0.1:7117"))?;
    let planet = Planet::reach(url, &args.from)?;
    let (log, is_first) = key(args, &planet)?;
    let is_new = !args.dir.exists();
    let disk = Folders::open(&args.dir).map_err(|error| Failure::file("create", &args.dir, &error))?;
    let bar = bar(0, ENTRIES)?;
    let copied = copy(&planet, &disk, &log, planet.named, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let Copied { before, signed } = match copied {
        Ok(copied) => copied,
        Err(why @ (NotCopied::Fork(_) | NotCopied::Rollback { .. })) => {
            screen.data(format_args!("not good: {why}"))?;
            return Ok(Verdict::Bad);
        }
        Err(why) => {
            if is_new {
                // A folder with nothing in it is no copy; one that has something is gone on with.
                let _ = fs::remove_dir(&args.dir);
            }
            let hint = match &why {
                NotCopied::Checkpoint(NotSigned::Absent) => "is this the planet that you meant? --url names it",
                NotCopied::Missing(Missing::Disk(_, error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                    "without --as it copies checkpoint and hashes, which are for everybody"
                }
                NotCopied::Checkpoint(_) | NotCopied::Own(_) => "--key names the log's public key",
                _ => "the same command again goes on where this ended",
            };
            return Err(Failure::told(why.to_string(), hint));
        }
    };
    let kept = args.dir.join(KEY);
    if !kept.exists() {
        fs::write(&kept, format!("{log}\n")).map_err(|error| Failure::file("write", &kept, &error))?;
    }
    let Checkpoint { origin, head } = &signed.checkpoint;
    let what = if planet.named { "entries" } else { "hashes" };
    if screen.is_json() {
        screen.json(&json!({
            "version": 1, "log": origin, "before": before, "entries": head.size, "root": head.root.to_string(),
            "copied": what, "key": log.to_string(), "key_is_new": is_first,
        }))?;
        return Ok(Verdict::Good);
    }
    screen.data(format_args!("log      {origin}"))?;
    screen.data(format_args!("signed   {} entries, root {}", thousands(head.size), head.root))?;
    screen.data(format_args!("copied   the {what} of {} that are new; good", thousands(head.size - before)))?;
    if is_first {
        screen.say("  its key is the one that the planet names: hold it against what its operator gave you elsewhere");
        screen.say(format_args!("  {log}"));
    }
    if !planet.named {
        screen.say("  entries are shown to who administers: --as operator copies them as well; without them");
        screen.say("  `mycel audit verify` finds none to verify, and `mycel audit witness` needs none");
    }
    Ok(Verdict::Good)
}
