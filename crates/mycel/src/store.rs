//! `mycel store`: what a planet keeps, looked at, backed up and restored.

use crate::Verdict;
use crate::agent::entropy;
use crate::agent::{attached, block_on, is_here};
use crate::cli::{BackupArgs, RestoreArgs, StoreCommand, Who};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::{chain, word};
use indicatif::{ProgressBar, ProgressStyle};
use node::{AtRest, BlockAt, Checked, Compared, Fault, RestError, restore_planet};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::Backup;
use vocab::{Bytes, thousands};

/// How much is read and written at once.
const BUFFER: usize = 1 << 20;
/// What is in a key's file.
const KEY: &str = "the key of a backup";
/// Between two looks at the bar.
const STRIDE: u64 = 1_024;

pub(crate) fn run(command: StoreCommand, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        StoreCommand::Verify(args) => verify(&args.data, screen),
        StoreCommand::Dump { data, block } => dump(&data.data, block.as_deref(), screen),
        StoreCommand::Backup(args) => backup(&args, screen),
        StoreCommand::Restore(args) => restore(&args, screen),
    }
}

fn told(error: &RestError) -> Failure {
    let hint = match error {
        RestError::InUse { .. } => {
            "stop it first, or take a copy of it while it runs, and look at that: \
             `mycel store backup --url http://127.0.0.1:7117 --as operator --home DIR --out FILE`, where DIR is that \
             directory, then `mycel store restore`"
        }
        RestError::Nothing { .. } => "name its directory with --data; `mycel up` makes one",
        RestError::Exists { .. } => "name a directory that is not there yet, or move that one away",
        RestError::Backup(store::BackupError::Key) => "--key names the file that was made with the backup",
        _ => "read the message above; a backup may have what is lost",
    };
    Failure::told(error.to_string(), hint)
}

fn open(data: &Path) -> Result<AtRest, Failure> {
    AtRest::open(data).map_err(|error| told(&error))
}

/// A bar on stderr, when that is a terminal.
pub(crate) fn bar(steps: u64, template: &str) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template(template);
    let style = style.map_err(|error| Failure::told(error.to_string(), "report this: the bar's template is wrong"))?;
    Ok(ProgressBar::new(steps).with_style(style))
}

pub(crate) const ENTRIES: &str = "{bar:32} {percent:>3}%  {human_pos} entries, {eta} to go";
const BYTES: &str = "{bar:32} {percent:>3}%  {bytes} of {total_bytes}, {eta} to go";

fn verify(data: &Path, screen: &Screen) -> Result<Verdict, Failure> {
    let rest = open(data)?;
    let bar = bar(rest.entries(), ENTRIES)?;
    let checked = rest.verify(&mut |done| {
        if done.is_multiple_of(STRIDE) {
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    let checked = checked.map_err(|error| told(&error))?;
    if screen.is_json() {
        let found = found(&checked);
        screen.json(&json!({ "version": 1, "planet": rest.name(), "data": data, "found": found }))?;
    } else {
        show(&checked, screen)?;
    }
    Ok(if checked.is_whole() { Verdict::Good } else { Verdict::Bad })
}

fn named(block: &BlockAt) -> String {
    format!("{}/{}", block.region, block.index)
}

fn found(checked: &Checked) -> serde_json::Value {
    let fault = |fault: &Fault| {
        json!({
            "what": fault.what, "block": fault.block.as_ref().map(named), "file": fault.file, "offset": fault.offset,
        })
    };
    let (index, rows) = match checked.index {
        Compared::Absent => ("absent", None),
        Compared::Chains => ("chains", None),
        Compared::Whole { rows } => ("whole", Some(rows)),
    };
    json!({
        "whole": checked.is_whole(), "segments": checked.segments, "entries": checked.entries,
        "blocks": checked.blocks, "pruned": checked.pruned, "index": index, "rows": rows,
        "behind": checked.behind, "faults": checked.faults.iter().map(fault).collect::<Vec<_>>(),
        "more_faults": checked.more,
    })
}

fn show(checked: &Checked, screen: &Screen) -> Result<(), Failure> {
    let pruned = if checked.pruned { ", the older ones pruned" } else { "" };
    let index = match checked.index {
        Compared::Absent => "there is none: the next start makes it".to_owned(),
        Compared::Chains => {
            "where chains stand and end, by the log; the rest cannot follow from a pruned one".to_owned()
        }
        Compared::Whole { rows } => format!("{} rows beside those of chains, by the log", thousands(rows)),
    };
    screen.data(format_args!("log     {} segments, each byte by its checksum{pruned}", thousands(checked.segments)))?;
    let (entries, blocks) = (thousands(checked.entries), thousands(checked.blocks));
    screen.data(format_args!("chains  {entries} entries of {blocks} blocks, each link"))?;
    screen.data(format_args!("index   {index}"))?;
    if checked.behind > 0 {
        screen
            .data(format_args!("        {} entries behind: the next start follows them", thousands(checked.behind)))?;
    }
    for fault in &checked.faults {
        let block = fault.block.as_ref().map_or_else(|| "any block".to_owned(), named);
        let place = match (&fault.file, fault.offset) {
            (Some(file), Some(offset)) => format!("log/{file} at byte {offset}: "),
            _ => String::new(),
        };
        screen.data(format_args!("damage  {block}: {place}{}", fault.what))?;
    }
    if checked.more > 0 {
        screen.data(format_args!("damage  {} more", thousands(checked.more)))?;
    }
    if checked.is_whole() {
        return screen.data("whole");
    }
    screen.say("not whole: a block above is sealed as soon as its damage is read, and the others go on");
    Ok(())
}

fn dump(data: &Path, block: Option<&str>, screen: &Screen) -> Result<Verdict, Failure> {
    let block = block.map(word::read_block).transpose()?;
    let wanted = block.map(|block| BlockAt { region: block.region, index: block.index });
    let rest = open(data)?;
    let (mut failed, mut whole) = (None, true);
    rest.each(&mut |read| {
        let shown = match read {
            Ok(kept) if wanted.as_ref().is_none_or(|wanted| *wanted == kept.block) => {
                let (name, bytes) = (named(&kept.block), &kept.entry.bytes);
                if screen.is_json() {
                    let mut line = chain::as_json(bytes);
                    line["block"] = name.into();
                    screen.data(line)
                } else {
                    screen.data(format_args!("{name:16} {}", chain::as_line(bytes)))
                }
            }
            Ok(_) => Ok(()),
            Err(fault) => {
                whole = false;
                let block = fault.block.as_ref().map_or_else(|| "any block".to_owned(), named);
                screen.say(format_args!("damage: {block}: {}", fault.what));
                Ok(())
            }
        };
        failed = shown.err();
        failed.is_none()
    })
    .map_err(|error| told(&error))?;
    failed.map_or(Ok(if whole { Verdict::Good } else { Verdict::Bad }), Err)
}

/// The key of a backup, or what `what` says; whether it was made just now.
pub(crate) fn key(file: &Path, make: bool, what: &str) -> Result<([u8; 32], bool), Failure> {
    match fs::read_to_string(file) {
        Ok(text) => return Ok((word::read_hex::<32>(text.trim(), what)?, false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && make => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "--key names the file that was made with the backup; without it nobody opens that";
            return Err(Failure::told(format!("{} is not there", file.display()), hint));
        }
        Err(error) => return Err(Failure::file("read", file, &error)),
    }
    let bytes: [u8; 32] = entropy()?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let write = || {
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        made.write_all(text.as_bytes())?;
        made.sync_all()
    };
    write().map_err(|error| Failure::file("create", file, &error))?;
    Ok((bytes, true))
}

fn beside(file: &Path, more: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(more);
    name.into()
}

fn backup(args: &BackupArgs, screen: &Screen) -> Result<Verdict, Failure> {
    if args.out.exists() {
        return Err(Failure::file("create", &args.out, &io::ErrorKind::AlreadyExists.into()));
    }
    if let Some(url) = &args.url {
        not_in_the_clear(url)?;
        is_here(&who(args))?;
    }
    // Before a key is made, so that a mistake leaves none.
    let rest = if args.url.is_none() { Some(open(&args.data)?) } else { None };
    let key_file = args.key.clone().unwrap_or_else(|| beside(&args.out, ".key"));
    let (key, made) = key(&key_file, true, KEY)?;
    let draft = beside(&args.out, ".new");
    let unwritten = |error: &io::Error| Failure::file("create", &draft, error);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let file = file.map_err(|error| unwritten(&error))?;
    let mut to = BufWriter::with_capacity(BUFFER, &file);
    let written = match &rest {
        Some(rest) => from_rest(rest, &mut to, &key, args.with_owners),
        None => from_running(args, &mut to, &key),
    };
    let kept = written.and_then(|()| {
        to.flush().and_then(|()| file.sync_all()).map_err(|error| unwritten(&error))?;
        // Read back as whoever restores it will: a stream that broke has no end.
        let backup = read_back(&draft, &key)?;
        fs::rename(&draft, &args.out).map_err(|error| Failure::file("create", &args.out, &error))?;
        Ok(backup)
    });
    let backup = kept.inspect_err(|_| {
        // It is of no use to anybody.
        let _ = fs::remove_file(&draft);
    })?;
    tell_backup(args, &key_file, made, &backup, screen).map(|()| Verdict::Good)
}

fn from_rest(rest: &AtRest, to: &mut dyn Write, key: &[u8; 32], owners: bool) -> Result<(), Failure> {
    let bar = bar(0, BYTES)?;
    let done = rest.backup(to, key, owners, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    done.map(|_| ()).map_err(|error| told(&error))
}

/// As whom a planet that runs is asked.
fn who(args: &BackupArgs) -> Who {
    Who {
        url: args.url.clone().unwrap_or_default(),
        name: args.name.clone(),
        home: args.home.clone(),
        authority: args.authority.clone(),
    }
}

fn from_running(args: &BackupArgs, to: &mut dyn Write, key: &[u8; 32]) -> Result<(), Failure> {
    let who = who(args);
    let spinner = bar(0, "{spinner} {bytes}, {bytes_per_sec}")?;
    let mut failed = None;
    let sent = block_on(async {
        let agent = attached(&who).await?;
        let mut take = |piece: &[u8]| {
            spinner.inc(u64::try_from(piece.len()).unwrap_or(0));
            failed = to.write_all(piece).err();
            failed.is_none()
        };
        Ok(agent.client.backup(*key, args.with_owners, &mut take).await?)
    });
    spinner.finish_and_clear();
    match failed {
        Some(error) => Err(Failure::file("write", &args.out, &error)),
        None => sent,
    }
}

/// The key of a backup is sent to whoever writes it, so nobody else may see it.
fn not_in_the_clear(url: &str) -> Result<(), Failure> {
    let Some(host) = url.strip_prefix("http://") else { return Ok(()) };
    let host = host.split('/').next().unwrap_or(host);
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return Ok(());
    }
    let what = format!("{url} is not on this machine and not https: the backup's key would travel in the clear");
    Err(Failure::told(what, "start the planet with --tls-cert and --tls-key, or run this where the planet runs"))
}

fn read_back(file: &Path, key: &[u8; 32]) -> Result<Backup, Failure> {
    let opened = File::open(file).map_err(|error| Failure::file("read", file, &error))?;
    let bar = bar(0, BYTES)?;
    let backup = store::check(&mut BufReader::with_capacity(BUFFER, opened), key, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    backup.map_err(|error| Failure::told(format!("the backup cannot be read back: {error}"), "take it again"))
}

fn tell_backup(
    args: &BackupArgs,
    key_file: &Path,
    made: bool,
    backup: &Backup,
    screen: &Screen,
) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.json(&json!({
            "version": 1, "out": args.out, "key": key_file, "key_made": made, "rows": backup.rows,
            "segments": backup.segments, "log_bytes": backup.bytes, "files": backup.files, "owners": args.with_owners,
        }));
    }
    let (rows, log) = (thousands(backup.rows), Bytes(backup.bytes).rounded());
    screen.data(format_args!("{}  {log} of log, {rows} rows, read back", args.out.display()))?;
    if made {
        screen.say(format_args!(
            "{} is its key, made just now: keep it apart from the backup, for without it nobody restores that, and \
             with both anybody does",
            key_file.display()
        ));
    }
    if args.with_owners {
        screen.say("the owners' keys are in it: what is erased from now on can be read from it while it is kept");
    } else {
        screen.say(
            "the owners' keys are not in it, so that what is erased stays erased: keep the file `owners` of the data \
             directory apart, and restore with --owners",
        );
    }
    Ok(())
}

fn restore(args: &RestoreArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let key_file = args.key.clone().unwrap_or_else(|| beside(&args.from, ".key"));
    let file = File::open(&args.from).map_err(|error| Failure::file("read", &args.from, &error))?;
    let (key, _) = key(&key_file, false, KEY)?;
    let bar = bar(0, BYTES)?;
    let mut from = BufReader::with_capacity(BUFFER, file);
    let proven = restore_planet(&mut from, &key, &args.data, args.owners.as_deref(), &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let proven = proven.map_err(|error| told(&error))?;
    if screen.is_json() {
        screen.json(&json!({
            "version": 1, "data": args.data, "owners": proven.owners, "found": found(&proven.checked),
        }))?;
    } else {
        show(&proven.checked, screen)?;
        screen.data(format_args!("restored to {0}: mycel up --data {0}", args.data.display()))?;
        if !proven.owners {
            screen.say(
                "without the owners' keys nobody reads what they had sealed: --owners, or --with-owners at the backup",
            );
        }
    }
    Ok(if proven.checked.is_whole() { Verdict::Good } else { Verdict::Bad })
}
