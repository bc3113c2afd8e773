//! `mycel trust split`: the root secret, in shares.
//!
//! The shares are made beside the directory that is asked for, and that gets
//! its name when all of them are on the disk: so there are all, or none.

use super::page::{About, Handed, blocks};
use crate::Verdict;
use crate::acts::Log;
use crate::cli::SplitArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::{files, word};
use audit::entry::Act;
use custody::hybrid::SealTo;
use custody::recovery::{folders, last_split, next_split};
use custody::share::{NoSplit, Share, split};
use custody::{folder, sealed, vault};
use planet::Tables;
use serde_json::json;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use trust::{PlanetId, Secret};

/// How many shares there are, and how many are needed, where no file says so.
const NEEDS: u32 = 3;
const OF: u32 = 5;

/// Who gets a share, and sealed to which key.
struct Holder {
    name: String,
    key: Option<SealTo>,
}

pub(super) fn run(args: &SplitArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (planet, needs, of) = counts(args, screen)?;
    let holders = args.holder.iter().map(|text| holder(text)).collect::<Result<Vec<_>, _>>()?;
    if u32::try_from(holders.len()).unwrap_or(u32::MAX) > of {
        let what = format!("there are {} holders, and {of} shares", holders.len());
        return Err(Failure::told(what, "`recovery_of` in the planet file says how many shares there are"));
    }
    let empty = fs::read_dir(&args.out)
        .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |mut names| names.next().is_none());
    if !empty {
        return Err(Failure::file("create", &args.out, &io::ErrorKind::AlreadyExists.into()));
    }
    let keys = args.data.data.join("keys");
    let (id, root) = root(&keys)?;
    let now = word::now();
    // Tried before it is written down that there is one more.
    split(id, &root, 0, needs, of).map_err(|error| not_split(&error))?;
    let epoch = last_split(&keys)?.map_or(0, |last| last.epoch).saturating_add(1);
    let act = Act::RootSplit { epoch, needs, shares: of };
    let name = args.file.is_some().then_some(planet.as_str());
    let (handed, written) = Log::of(&args.data.data, name)?.then(&[act], "", || {
        if next_split(&keys, now, needs, of)?.epoch != epoch {
            return Err(Failure::told("somebody else splits the root secret just now", "give the command again"));
        }
        let shares = split(id, &root, epoch, needs, of).map_err(|error| not_split(&error))?;
        let handed = hand_out(shares, &holders)?;
        let date = &word::utc(now)[..10];
        let about = |at: usize| About { planet: &planet, holder: holders.get(at).map(|one| one.name.as_str()), date };
        let written = write(&args.out, &handed, &about)?;
        Ok((handed, written))
    })?;
    show(args, (epoch, needs, of), &handed, &written, screen)
}

fn counts(args: &SplitArgs, screen: &Screen) -> Result<(String, u32, u32), Failure> {
    let Some(file) = &args.file else { return Ok(("the planet".to_owned(), NEEDS, OF)) };
    let planet = files::planet(file, &Tables::builtin(), screen)?;
    let name = planet.planet.name.to_string();
    let (needs, of) = planet.keys.as_ref().map_or((NEEDS, OF), |keys| (*keys.recovery_needs, *keys.recovery_of));
    Ok((name, needs, of))
}

fn holder(text: &str) -> Result<Holder, Failure> {
    let (name, key) = text.split_once('=').map_or((text, None), |(name, key)| (name, Some(key)));
    let good = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.chars().count() > 40 || !name.chars().all(good) {
        return Err(Failure::told(format!("`{name}` is no name of a holder"), "use letters, digits, - and _"));
    }
    let key = key.map(|key| word::read_hex(key, "the key of a holder: `mycel trust holder` shows it")).transpose()?;
    Ok(Holder { name: name.to_owned(), key: key.map(SealTo) })
}

/// The key that is split: the root's, or what stands for it where that is in a
/// token.
fn split_key(keys: &Path) -> Result<&'static str, Failure> {
    let is_apart = vault::place(keys)?.is_some() || keys.join("recovery.key").exists();
    Ok(if is_apart { "recovery" } else { "root" })
}

/// The planet, and its root secret or what stands for it; every key that has no
/// sealed copy yet gets it.
fn root(keys: &Path) -> Result<(PlanetId, Secret), Failure> {
    let name = split_key(keys)?;
    let Some(root) = folder::existing(keys, name)? else {
        let what = format!("{} is not there", keys.join(format!("{name}.key")).display());
        let hint = "--data names the planet's data directory; `mycel trust recover` puts the root secret back";
        return Err(Failure::told(what, hint));
    };
    Ok((PlanetId::of_root(sealed::root(keys)?), root))
}

fn not_split(error: &NoSplit) -> Failure {
    Failure::told(error.to_string(), "`recovery_needs` and `recovery_of` in the planet file say how many")
}

fn hand_out(shares: Vec<Share>, holders: &[Holder]) -> Result<Vec<Handed>, Failure> {
    let hand = |(at, share): (usize, Share)| {
        Ok(match holders.get(at).and_then(|holder| holder.key) {
            Some(key) => Handed::Sealed(share.seal(key)?),
            None => Handed::Plain(share),
        })
    };
    shares.into_iter().enumerate().map(hand).collect()
}

/// Writes a file and a page for each share; their names.
fn write<'a>(
    out: &Path,
    handed: &[Handed],
    about: &dyn Fn(usize) -> About<'a>,
) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    // Without a slash at its end, behind which the draft would be in it.
    let out = &out.components().collect::<PathBuf>();
    let mut draft = out.as_os_str().to_owned();
    draft.push(".splitting");
    let draft = PathBuf::from(draft);
    // What a kill has left are shares of a split that nobody has.
    custody::scratch::wipe(&draft)?;
    let written = write_draft((&draft, out), handed, about);
    if written.is_err() {
        // Nobody has handed these out; what fails here is told with the first failure's hint.
        custody::scratch::wipe(&draft)?;
    }
    written
}

fn write_draft<'a>(
    (draft, out): (&Path, &Path),
    handed: &[Handed],
    about: &dyn Fn(usize) -> About<'a>,
) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    folder::private(draft)?;
    let mut written = Vec::new();
    for (at, share) in handed.iter().enumerate() {
        let about = about(at);
        let holder = about.holder.map(|name| format!("-{name}")).unwrap_or_default();
        let name = format!("share-{}{holder}", share.number());
        let (text, page) = (format!("{name}.txt"), format!("{name}.html"));
        folder::replace(&draft.join(&text), share.text(&about).as_bytes())?;
        folder::replace(&draft.join(&page), share.page(&about)?.as_bytes())?;
        written.push((out.join(text), out.join(page)));
    }
    fs::rename(draft, out).map_err(|error| Failure::file("create", out, &error))?;
    let beside = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(beside).and_then(|beside| beside.sync_all()).map_err(|error| Failure::file("write", beside, &error))?;
    Ok(written)
}

fn show(
    args: &SplitArgs,
    (epoch, needs, of): (u32, u32, u32),
    handed: &[Handed],
    written: &[(PathBuf, PathBuf)],
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let unsealed = without_copy(&args.data.data)?;
    if screen.is_json() {
        let shares: Vec<_> = handed
            .iter()
            .zip(written)
            .map(|(share, (text, page))| {
                let letters = args.print.then(|| share.letters().to_string());
                let sealed = matches!(share, Handed::Sealed(_));
                json!({ "number": share.number(), "sealed": sealed, "file": text, "page": page, "letters": letters })
            })
            .collect();
        screen.json(&json!({
            "version": 1, "split": epoch, "needs": needs, "of": of, "shares": shares, "without_copy": unsealed,
        }))?;
        return Ok(Verdict::Good);
    }
    let key = split_key(&args.data.data.join("keys"))?;
    screen.data(format_args!("split {epoch}: {of} shares, any {needs} of which give the {key} secret"))?;
    for (share, (text, page)) in handed.iter().zip(written) {
        let sealed = if matches!(share, Handed::Sealed(_)) { "sealed to its holder" } else { "not sealed" };
        screen.data(format_args!("  {}  {sealed}; to print: {}", text.display(), page.display()))?;
        if args.print {
            screen.data(&**blocks(&share.letters())?)?;
            if let Handed::Plain(share) = share {
                screen.data(share.words().join(" "))?;
            }
        }
    }
    screen.say("give each share to its holder, and destroy this directory: with it anybody has the planet");
    screen.say(format_args!(
        "then rehearse: `mycel trust drill FILE SHARE...`; when that is good, {key}.key can leave the machine"
    ));
    if epoch > 1 {
        let last = epoch - 1;
        screen.say(format_args!("shares of splits 1 to {last} still give the {key} secret: have them destroyed"));
    }
    for file in &unsealed {
        screen.say(format_args!("{file} has no sealed copy, so the root does not open it: start the planet once"));
    }
    Ok(Verdict::Good)
}

/// The keys that no root would bring back.
pub(super) fn without_copy(data: &Path) -> Result<Vec<String>, Failure> {
    let mut without = Vec::new();
    for folder in folders(data)? {
        let keys = data.join(&folder);
        for name in sealed::names(&keys, ".key")? {
            if !sealed::opens_copies(&name) && sealed::read(&keys, &name)?.is_none() {
                without.push(folder.join(format!("{name}.key")).display().to_string());
            }
        }
    }
    Ok(without)
}
