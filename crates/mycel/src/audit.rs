//! `mycel audit`: what was done to a planet, read from the files of its log, or
//! of a copy of them; or from a planet that runs.

mod planet;

use self::planet::Log;
use crate::Verdict;
use crate::cli::{AuditCommand, WitnessArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::store::{ENTRIES, bar, key};
use crate::word;
use audit::look::at_rest;
use audit::note::Note;
use audit::path::{Row, WIDTH};
use audit::proof::{Proof, Unprovable};
use audit::successor::Successor;
use audit::verify::{Fault, Report, verify};
use audit::witness::{Refused, cosign};
use audit::{Checkpoint, Entry, KeyKind, Missing, NotSigned, Signed, Signer, Tiles, Verifier, bundle, read_checkpoint};
use serde_json::json;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use store::RealDisk;
use trust::Secret;
use trust::sign::SigningKey;
use vocab::thousands;

pub(crate) fn run(command: &AuditCommand, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        AuditCommand::Verify { what, from, key, against } => {
            let log = log_key(key)?;
            match what {
                Some(file) if file.is_file() => check_proof(file, &log, screen),
                what => check((&Log::named(what.as_deref(), from)?, what.as_deref()), &log, against, screen),
            }
        }
        AuditCommand::Tail { log, most } => {
            let log = Log::of(log)?;
            let newest = newest(&log)?.checkpoint.head.size;
            each(&log, newest.saturating_sub(*most)..newest, screen, &mut |index, bytes| show(index, bytes, screen))
        }
        AuditCommand::Export { log } => {
            let log = Log::of(log)?;
            let newest = newest(&log)?.checkpoint.head.size;
            each(&log, 0..newest, screen, &mut |index, bytes| screen.data(as_json(index, bytes)))
        }
        AuditCommand::Prove { log, index } => prove(&Log::of(log)?, *index, screen),
        AuditCommand::Mirror(args) => planet::mirror(args, screen),
        AuditCommand::Witness(args) => witness(args, screen),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))
}

/// The public key of a log, as text or from a file.
fn log_key(key: &str) -> Result<Verifier, Failure> {
    let hint = "--key is the log's key itself, NAME+ID+KEY, or a file with it, such as keys/audit.vkey of the planet";
    let file = |key: &Path| fs::read_to_string(key).map_err(|error| Failure::missing(key, &error, hint));
    let text = if key.contains('+') { key.to_owned() } else { file(Path::new(key))? };
    Verifier::parse(text.trim()).map_err(|why| {
        Failure::told(
            format!("`{}` is not the public key of a log: {why}", text.trim()),
            "take it as it is, from whoever runs the log",
        )
    })
}

const WHERE: &str =
    "name the directory that has the file `checkpoint` and the folder `tile`; one that is gone is in a copy";

/// What the newest checkpoint says; nobody has checked who signed it.
fn newest(log: &Log) -> Result<Signed, Failure> {
    let text = read_checkpoint(log).map_err(|error| unread(log, &error))?;
    let text = text.ok_or_else(|| Failure::told(format!("{} has no checkpoint", log.name()), WHERE))?;
    let read = Note::parse(&text).and_then(|note| Ok(Signed { checkpoint: Checkpoint::parse(&note.text)?, note }));
    read.map_err(|why| Failure::told(format!("the checkpoint in {} is none: {why}", log.name()), WHERE))
}

fn unread(log: &Log, error: &io::Error) -> Failure {
    match log {
        Log::Here(_, name) => Failure::file("read", &Path::new(name).join("checkpoint"), error),
        Log::There(_) => Failure::told(error.to_string(), "`mycel up` runs a planet; --url says where it is"),
    }
}

/// What is done with an entry: its number and its bytes.
type Take<'t> = dyn FnMut(u64, &[u8]) -> Result<(), Failure> + 't;

/// Hands over entries in their order.
fn each(log: &Log, which: std::ops::Range<u64>, screen: &Screen, take: &mut Take<'_>) -> Result<Verdict, Failure> {
    let wide = u64::try_from(WIDTH).unwrap_or(u64::MAX);
    let tiles = Tiles::new(log, newest(log)?.checkpoint.head.size);
    let mut numbers = which.start / wide..which.end.div_ceil(wide);
    // Those that were pruned are the first ones; at least the newest is there.
    while numbers.end - numbers.start > 1 && matches!(tiles.bundle(numbers.start), Err(Missing::File(_))) {
        numbers.start += 1;
    }
    if numbers.start > which.start / wide {
        let first = thousands(numbers.start * wide);
        screen.say(format_args!(
            "entries before {first} are not here; `mycel audit verify` says whether they were pruned"
        ));
    }
    for number in numbers {
        let (path, bytes) = tiles.bundle(number).map_err(|why| missing(&why))?;
        let entries = bundle::read(&bytes).map_err(|why| missing(&Missing::entries(path, why)))?;
        for (index, entry) in (number * wide..).zip(entries).filter(|(index, _)| which.contains(index)) {
            take(index, entry)?;
        }
    }
    Ok(Verdict::Good)
}

fn missing(why: &Missing) -> Failure {
    Failure::told(why.to_string(), what_to_try(why))
}

/// What to try where something of a log could not be read.
fn what_to_try(why: &Missing) -> &'static str {
    match why {
        Missing::File(path) if path.row == Row::Entries => {
            "if it was pruned, a copy that was made before has it and proves it"
        }
        Missing::Sealed(_) => {
            "bring back what is missing, the key by `mycel trust recover`; a copy that was made with entries needs none"
        }
        Missing::Disk(_, error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "docs/guides/audit.md says who is shown entries, and where; `mycel audit mirror` and `witness` need none"
        }
        _ => "`mycel audit verify` says what else is wrong; a copy may have what is missing",
    }
}

fn as_json(index: u64, bytes: &[u8]) -> serde_json::Value {
    let mut shown = json!({ "index": index });
    match Entry::from_bytes(bytes) {
        Ok(entry) => {
            if let (Some(shown), serde_json::Value::Object(fields)) = (shown.as_object_mut(), entry.json()) {
                shown.extend(fields);
            }
        }
        // Of a newer program, or no entry of ours.
        Err(why) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            shown["unknown"] = json!(hex);
            shown["why"] = json!(why.to_string());
        }
    }
    shown
}

fn show(index: u64, bytes: &[u8], screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() { screen.data(as_json(index, bytes)) } else { screen.data(as_line(index, bytes)) }
}

fn as_line(index: u64, bytes: &[u8]) -> String {
    let entry = match Entry::from_bytes(bytes) {
        Ok(entry) => entry.json(),
        Err(why) => return format!("{index:>9}  ?  {why}"),
    };
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let place = match (entry["region"].as_str(), entry["block"].as_u64()) {
        (Some(region), Some(block)) => format!("{region}/{block}"),
        (Some(region), None) => region.to_owned(),
        _ => "planet".to_owned(),
    };
    let who: String = text("who").chars().take(12).collect();
    let field = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!(" {name}={}", text.chars().take(24).collect::<String>()),
        None => format!(" {name}={value}"),
    };
    let with: String = entry["with"].as_object().map(|with| with.iter().map(field).collect()).unwrap_or_default();
    let reason = if text("reason").is_empty() { String::new() } else { format!(": {}", text("reason")) };
    let time = word::utc(entry["time"].as_u64().unwrap_or(0));
    format!("{index:>9}  {time}  {place:16} {who:12} {:10} {}{with}{reason}", text("right"), text("act"))
}

fn check(
    (source, dir): (&Log, Option<&Path>),
    log: &Verifier,
    against: &[PathBuf],
    screen: &Screen,
) -> Result<Verdict, Failure> {
    if source.is_a_strangers() {
        // What nobody is shown is not what is wrong with a log.
        let hint =
            "--as operator, where the planet's data directory is; `mycel audit mirror` and `witness` need no right";
        return Err(Failure::told("a log is verified by its entries, and a stranger is shown none", hint));
    }
    let others = against.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    let bar = bar(0, ENTRIES)?;
    let report = verify(source, log, &others, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let mut report = report.map_err(|error| unread(source, &error))?;
    if report.signed.is_some()
        && let Some(wrong) = dir.and_then(|dir| at_rest(dir, log))
    {
        report.faults.push(Fault::Start(wrong));
    }
    if screen.is_json() {
        screen.json(&found(&report))?;
    } else {
        tell(&report, others.len(), screen)?;
    }
    Ok(if report.is_good() { Verdict::Good } else { Verdict::Bad })
}

fn found(report: &Report) -> serde_json::Value {
    let fault = |fault: &Fault| {
        let (entry, file) = match fault {
            Fault::Entry(index, _) => (Some(*index), None),
            Fault::Tile(path) | Fault::File(path, _) => (None, Some(path.to_string())),
            Fault::Start(wrong) => (None, Some(wrong.file.clone())),
            _ => (None, None),
        };
        json!({ "what": fault.to_string(), "entry": entry, "file": file })
    };
    let key = |step: &Successor| json!({ "entry": step.entry, "next": step.next.to_string() });
    let point = report.signed.as_ref().map(|signed| &signed.checkpoint);
    json!({
        "version": 1, "good": report.is_good(), "log": point.map(|point| &point.origin),
        "entries": point.map(|point| point.head.size), "root": point.map(|point| point.head.root.to_string()),
        "keys": report.way.iter().map(key).collect::<Vec<_>>(),
        "entries_pruned": report.pruned, "entries_pruned_before": report.pruned_before,
        "entries_good": report.good, "entries_unknown": report.unknown, "entries_unread": report.unread,
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(), "more_faults": report.more,
    })
}

fn tell(report: &Report, others: usize, screen: &Screen) -> Result<(), Failure> {
    if let Some(signed) = &report.signed {
        let Checkpoint { origin, head } = &signed.checkpoint;
        screen.data(format_args!("log      {origin}"))?;
        screen.data(format_args!("signed   {} entries, root {}", thousands(head.size), head.root))?;
        for step in &report.way {
            screen.data(format_args!("key      entry {} gave it to {}", thousands(step.entry), step.next))?;
        }
        if report.pruned > 0 {
            let (last, before) = (thousands(report.pruned - 1), word::utc(report.pruned_before));
            screen.data(format_args!(
                "pruned   entries 0 to {last} were pruned by age, before {before}; their hashes are here"
            ))?;
        }
        let (good, unread) = (thousands(report.good), thousands(report.unread));
        screen.data(match (report.good, report.unread) {
            (_, 0) => format!("entries  {good} are the signed ones, each by its leaf"),
            (0, _) => format!("entries  {unread} could not be read, and none is shown to be a signed one"),
            _ => format!("entries  {good} are the signed ones, each by its leaf; {unread} could not be read"),
        })?;
        if report.unknown > 0 {
            screen.data(format_args!("         {} of them are of a newer program", thousands(report.unknown)))?;
        }
    }
    for fault in &report.faults {
        screen.data(format_args!("fault    {fault}"))?;
    }
    if report.more > 0 {
        screen.data(format_args!("fault    {} more", thousands(report.more)))?;
    }
    if report.is_good() {
        let more = if others > 0 { ", and it continues what was signed before" } else { "" };
        return screen.data(format_args!("good{more}"));
    }
    screen.say(format_args!("not good: {}", next(report)));
    Ok(())
}

/// What to do about a log that is not good.
fn next(report: &Report) -> &'static str {
    let all = |is: fn(&Fault) -> bool| report.more == 0 && report.faults.iter().all(is);
    if all(|fault| matches!(fault, Fault::Start(_))) {
        "what was signed is whole in its tiles, and `mycel audit export` reads it there; a start needs its own \
         file as it was, see docs/guides/audit.md"
    } else if all(|fault| matches!(fault, Fault::File(path, _) if path.row == Row::Entries)) {
        "the hashes are the signed ones, and entries need their key, or a copy that was made with entries \
         (--as operator); `mycel audit witness` needs hashes alone"
    } else if all(|fault| matches!(fault, Fault::Checkpoint(NotSigned::Absent))) {
        WHERE
    } else {
        "keep this copy as it is, and hold it against another one and against its witnesses"
    }
}

fn check_proof(file: &Path, log: &Verifier, screen: &Screen) -> Result<Verdict, Failure> {
    let proof = Proof::parse(&read(file)?).map_err(|why| {
        Failure::told(format!("{} is no proof: {why}", file.display()), "`mycel audit prove` makes one")
    })?;
    match proof.verify(log) {
        Ok(signed) if screen.is_json() => {
            let entry = as_json(proof.inclusion.index, &proof.entry);
            let size = signed.checkpoint.head.size;
            screen.json(&json!({ "version": 1, "good": true, "entries": size, "entry": entry }))?;
        }
        Ok(signed) => {
            screen.data(as_line(proof.inclusion.index, &proof.entry))?;
            let Checkpoint { origin, head } = &signed.checkpoint;
            screen.data(format_args!("good: signed by {origin}, over {} entries", thousands(head.size)))?;
        }
        Err(why) => {
            if screen.is_json() {
                screen.json(&json!({ "version": 1, "good": false, "why": why.to_string() }))?;
            } else {
                screen.data(format_args!("not good: {why}"))?;
            }
            return Ok(Verdict::Bad);
        }
    }
    Ok(Verdict::Good)
}

fn prove(log: &Log, index: u64, screen: &Screen) -> Result<Verdict, Failure> {
    let proof = Proof::make(log, &newest(log)?, index).map_err(|why| {
        let hint = match &why {
            Unprovable::Beyond { .. } => "`mycel audit tail` shows the newest entries with their numbers",
            Unprovable::Missing(why) => what_to_try(why),
            _ => "`mycel audit verify` says which file is wrong",
        };
        Failure::told(why.to_string(), hint)
    })?;
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "index": index, "proof": proof.to_string() }))?;
    } else {
        screen.data(proof.to_string().trim_end())?;
    }
    Ok(Verdict::Good)
}

/// The witness's key, which nobody else may read.
fn own_key(args: &WitnessArgs, screen: &Screen) -> Result<Signer, Failure> {
    let file = &args.key_file;
    let (mut seed, made) = key(file, true, "a witness's key")?;
    let mode = fs::metadata(file).map_err(|error| Failure::file("read", file, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        let what = format!("{} can be read by others (mode {:03o})", file.display(), mode & 0o777);
        return Err(Failure::told(what, format!("chmod 600 {}, and a new key if somebody may have", file.display())));
    }
    let key = SigningKey::new(&Secret::take(&mut seed));
    let witness = Signer::new(&args.name, KeyKind::Cosignature, key)
        .map_err(|why| Failure::told(format!("`{}` is no name: {why}", args.name), "such as witness.example/w1"))?;
    if made {
        screen.say(format_args!("{} is the witness's key, made just now; in public it is", file.display()));
        screen.say(format_args!("  {}", witness.verifier()));
    }
    Ok(witness)
}

#[allow(clippy::disallowed_methods)] // A cosignature says when.
fn witness(args: &WitnessArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let log = log_key(&args.key)?;
    let folder = args.state.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = args.state.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::told("--state names no file", "such as --state garden.cosigned"))?;
    let witness = own_key(args, screen)?;
    let disk = RealDisk::open(folder).map_err(|error| Failure::file("create", folder, &error))?;
    let cosigned = cosign(&disk, name, &witness, &log, &Log::of(&args.log)?, word::now() / 1_000);
    let signed = cosigned.map_err(|why| {
        let hint = match &why {
            Refused::Fork(_) | Refused::Rollback { .. } => {
                "keep --state and a copy of the log: together they prove it, to anybody with the log's key"
            }
            Refused::Checkpoint(NotSigned::Absent) => WHERE,
            Refused::State(_) => "--state is for one log and one witness; what it cosigned last is in that file",
            Refused::InUse => "wait for it, or end it",
            Refused::Disk(error) if error.kind() == io::ErrorKind::PermissionDenied => "check who may write it",
            _ => "`mycel audit verify` says what is wrong with the log",
        };
        Failure::told(why.to_string(), hint)
    })?;
    if screen.is_json() {
        let Checkpoint { origin, head } = &signed.checkpoint;
        let (note, own) = (signed.note.to_string(), witness.verifier().to_string());
        screen.json(&json!({
            "version": 1, "log": origin, "entries": head.size, "witness": own, "checkpoint": note,
        }))?;
    } else {
        screen.data(signed.note.to_string().trim_end())?;
    }
    Ok(Verdict::Good)
}
