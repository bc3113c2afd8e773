//! `mycel trust recover`, and what a holder does: shows the key that shares are
//! sealed to, and opens its share.

use crate::Verdict;
use crate::acts::Log;
use crate::agent::of_keys;
use crate::cli::{HolderArgs, OpenShareArgs, RecoverArgs, SharesArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use audit::entry::Act;
use custody::folder::{self, read_public};
use custody::recovery::{self, Kept, Labelled, NotRecovered, NotRestored, Recovered, Whose, combine};
use custody::share::{self, Given, NoShare, SealedShare, Share};
use custody::words::{BadWords, read_file};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use trust::{PlanetId, Secret};
use zeroize::Zeroizing;

/// Shares that are read at once: as many as a split has.
const MOST_SHARES: usize = 16;
/// Letters of a share that is typed.
const MOST_TYPED: u64 = 64 << 10;

impl From<NotRestored> for Failure {
    fn from(error: NotRestored) -> Self {
        let hint = match &error {
            NotRestored::Other { .. } => "move it away if it is to be replaced, or name another directory",
            NotRestored::OtherPlanet { .. } => "name the data directory of the planet that was split",
            NotRestored::Copy { .. } => "a copy or a backup of the directory may have one that opens",
            NotRestored::Nothing { .. } => "--data names the copy; a planet makes them when it starts",
            NotRestored::Kept { .. } => {
                "name another directory, or remove the files `token` and *.key first, of regions too"
            }
            NotRestored::Key(custody::KeyError::Token { .. }) => {
                "bring its token; when that is lost, --into DIR --plain makes the keys in plain files"
            }
            NotRestored::Key(why) => of_keys(why),
        };
        Self::told(error.to_string(), hint)
    }
}

impl From<NotRecovered> for Failure {
    fn from(error: NotRecovered) -> Self {
        let hint = match &error {
            NotRecovered::Nothing => "name the files, or type a share a line",
            NotRecovered::OtherPlanet { .. } | NotRecovered::OtherSplit { .. } => {
                "each file and page says of which split it is: bring those of one"
            }
            NotRecovered::Contradict { .. } | NotRecovered::Wrong { .. } => "bring another share too",
            NotRecovered::NoRoot => "--data names that copy",
            NotRecovered::TooFew { .. } => "bring as many as are needed, of different holders",
        };
        Self::told(error.to_string(), hint)
    }
}

/// The secret in a key file of a holder.
fn secret(file: &Path, make: bool) -> Result<Secret, Failure> {
    let named = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".key"));
    let Some(name) = named.filter(|name| !name.is_empty()) else {
        return Err(Failure::told(format!("{} is no key file", file.display()), "name a file that ends with .key"));
    };
    let keys = file.parent().filter(|keys| !keys.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if make {
        if !keys.exists() {
            folder::private(keys)?;
        }
        return Ok(folder::secret(keys, name)?);
    }
    let hint = "name the key file that `mycel trust holder --key FILE` showed the key of";
    folder::existing(keys, name)?.ok_or_else(|| Failure::missing(file, &io::ErrorKind::NotFound.into(), hint))
}

pub(super) fn holder(args: &HolderArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let key = share::holder(&secret(&args.key, true)?).public();
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "key": key.to_string(), "file": args.key }))?;
    } else {
        screen.data(key)?;
        screen.say(format_args!("shares that are sealed to it open with {} alone: do not lose it", args.key.display()));
    }
    Ok(Verdict::Good)
}

pub(super) fn open_share(args: &OpenShareArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let label = args.share.display().to_string();
    let Given::Sealed(sealed) = given(&label, &share_in(&args.share)?)? else {
        return Err(Failure::told(format!("{label} is not sealed"), "use it as it is"));
    };
    let share = opened(&label, &sealed, &[secret(&args.key, false)?])?;
    let mut text = Zeroizing::new(share.words().join(" "));
    text.push('\n');
    if let Some(out) = &args.out {
        let mut open = OpenOptions::new();
        let made = open.write(true).create_new(true).mode(0o600).open(out);
        let written = made.and_then(|mut made| made.write_all(text.as_bytes()).and_then(|()| made.sync_all()));
        written.map_err(|error| Failure::file("create", out, &error))?;
    }
    let shown = args.print.then(|| text.trim_end());
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "number": share.number, "out": args.out, "words": shown }))?;
    } else if let Some(shown) = shown {
        screen.data(shown)?;
    }
    Ok(Verdict::Good)
}

pub(super) fn run(args: &RecoverArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let data = &args.data.data;
    if !data.join("keys").is_dir() {
        let what = format!("{} has no folder `keys`: it is no copy of a planet's data directory", data.display());
        let hint =
            "--data names that copy; to put a root secret back where nothing else is left, make the folder first";
        return Err(Failure::told(what, hint));
    }
    let found = brought(data, &args.shares, screen)?;
    let kept = if args.plain { Kept::Plain } else { Kept::AsBefore };
    let recover = || match &args.into {
        Some(into) => Ok(recovery::make_anew(data, into, (found.planet, &found.secret), kept)?),
        None => Ok((recovery::put_back(&data.join("keys"), &found.secret)?, 0)),
    };
    let log = Log::of_recovered(data, found.planet, &found.secret)?;
    let act = Act::Recovered { epoch: found.split.epoch, shares: given_shares(&found) };
    let (file, made) = match &log {
        Some(log) => log.then(&[act], "", recover)?,
        None => recover()?,
    };
    let is_root = PlanetId::of_root(found.root) == found.planet;
    if screen.is_json() {
        screen.json(&json!({
            "version": 1, "planet": found.planet.to_string(), "split": found.split.epoch,
            "root": is_root.then_some(&file), "recovery": (!is_root).then_some(&file),
            "keys_made": made, "shares": found.numbers, "changed": found.wrong, "entered": log.is_some(),
        }))?;
    } else {
        let what = if is_root { "root" } else { "recovery" };
        screen.data(format_args!("{} is the {what} secret of planet {}", file.display(), found.planet))?;
        if args.into.is_some() {
            screen.data(format_args!("{made} other keys were made anew out of their sealed copies"))?;
        }
        if !is_root {
            screen.say("the planet's root is in its token, and nothing else brings that back");
        }
        tell_wrong(&found, screen);
        if log.is_none() {
            screen.say(NO_LOG);
        }
    }
    Ok(Verdict::Good)
}

/// What is said of a directory that nobody can enter anything in.
pub(super) const NO_LOG: &str = "there is no audit log in the data directory: this is entered nowhere";

/// How many shares were brought.
pub(super) fn given_shares(found: &Recovered) -> u32 {
    u32::try_from(found.numbers.len()).unwrap_or(u32::MAX)
}

/// Names the shares that were changed since they were handed out.
pub(super) fn tell_wrong(found: &Recovered, screen: &Screen) {
    for label in &found.wrong {
        screen.say(format_args!("{label} is not what was handed out: ask its holder, and split anew"));
    }
}

/// Why no secret came of what was brought.
pub(super) enum Unbrought {
    /// Somebody slipped, and gives the command again: nothing was learnt of any share.
    Slip(Failure),
    /// Shares that are not what was handed out, or are too few.
    Bad(Failure),
}

impl From<Failure> for Unbrought {
    fn from(failure: Failure) -> Self {
        Self::Slip(failure)
    }
}

impl From<custody::KeyError> for Unbrought {
    fn from(error: custody::KeyError) -> Self {
        Self::Slip(error.into())
    }
}

impl From<Unbrought> for Failure {
    fn from((Unbrought::Slip(failure) | Unbrought::Bad(failure)): Unbrought) -> Self {
        failure
    }
}

/// The root secret, out of the shares that were brought.
pub(super) fn brought(data: &Path, args: &SharesArgs, screen: &Screen) -> Result<Recovered, Unbrought> {
    let keys = data.join("keys");
    let named = keys.join("root.pub");
    let whose = match named.exists() {
        true => Some(Whose { root: read_public(&named)?, recovery: custody::sealed::recovery_key(&keys)? }),
        false => None,
    };
    let keys = args.key.iter().map(|file| secret(file, false)).collect::<Result<Vec<_>, _>>()?;
    let labelled = if args.shares.is_empty() { typed(&keys)? } else { in_files(&args.shares, &keys, screen)? };
    combine(&labelled, whose).map_err(|why| Unbrought::Bad(why.into()))
}

fn many() -> Failure {
    Failure::told(format!("more than {MOST_SHARES} shares"), "bring those of one split, each once")
}

/// A share, opened where it is sealed to one of these keys.
fn labelled(label: String, read: Given, keys: &[Secret]) -> Result<Labelled, Failure> {
    let share = match read {
        Given::Plain(share) => share,
        Given::Sealed(sealed) => opened(&label, &sealed, keys)?,
    };
    Ok(Labelled { label, share })
}

/// Shares that are typed, one a line.
fn typed(keys: &[Secret]) -> Result<Vec<Labelled>, Failure> {
    let mut all = Vec::new();
    let mut lines = io::stdin().lock().take(MOST_TYPED);
    for number in 1.. {
        let mut line = Zeroizing::new(String::with_capacity(2_048));
        if lines.read_line(&mut line).map_err(|error| Failure::file("read", Path::new("-"), &error))? == 0 {
            break;
        }
        let typed = line.trim();
        if typed.is_empty() || typed.starts_with('#') {
            continue;
        }
        if all.len() == MOST_SHARES {
            return Err(many());
        }
        let label = format!("line {number}");
        let read = given(&label, typed)?;
        all.push(labelled(label, read, keys)?);
    }
    Ok(all)
}

/// Shares in files. One that is there and says nothing is what a drill is to find.
fn in_files(files: &[PathBuf], keys: &[Secret], screen: &Screen) -> Result<Vec<Labelled>, Unbrought> {
    if files.len() > MOST_SHARES {
        return Err(many().into());
    }
    let mut all = Vec::new();
    for file in files {
        let (label, text) = (file.display().to_string(), share_in(file)?);
        let read = given(&label, &text).map_err(Unbrought::Bad)?;
        if matches!(read, Given::Plain(_)) && is_open(file) {
            screen.say(format_args!("{label} can be read by others who use this machine: `chmod go= {label}`"));
        }
        all.push(labelled(label, read, keys)?);
    }
    Ok(all)
}

/// Whether others than its owner can read a file.
fn is_open(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o077 != 0)
}

/// What the file of a share says.
fn share_in(file: &Path) -> Result<Zeroizing<String>, Failure> {
    read_file(file).map_err(|why| {
        let hint = "name the file of a share, as `mycel trust split` wrote it and its holder keeps it";
        Failure::told(why.to_string(), hint)
    })
}

fn given(label: &str, text: &str) -> Result<Given, Failure> {
    share::read(text).map_err(|error| {
        let hint = match &error {
            NoShare::Words(BadWords::Count(_)) => "a share has eight rows of six words; a line is one share",
            NoShare::Words(_) => "compare that word with the page",
            NoShare::Letters => "scan the page again, or type its words",
            NoShare::Version(_) => "use the newest program",
            NoShare::Counts { .. } | NoShare::Nothing => "name the file of a share, or type its words",
        };
        Failure::told(format!("{label}: {error}"), hint)
    })
}

fn opened(label: &str, sealed: &SealedShare, keys: &[Secret]) -> Result<Share, Failure> {
    let found = keys.iter().find_map(|key| sealed.open(&share::holder(key)));
    found.ok_or_else(|| match keys.is_empty() {
        true => Failure::told(format!("{label} is sealed to its holder"), "--key names the holder's key file"),
        false => Failure::told(format!("{label} is sealed to another key than this"), "--key may be given for each"),
    })
}
