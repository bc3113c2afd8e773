//! Durable entries on the real disk, beside bare append and fdatasync of the
//! same bytes in the same batches; then the verification of a long log, beside
//! the SHA-256 that it cannot do without.
//!
//! The envelope: 20,000 durable entries a second in batches of 256 are 78 syncs
//! of the truth and as many of the checkpoint, and 16 tiles and bundles of 256
//! entries for each second. A verification hashes each entry of some 90 bytes
//! once and one node of 65 bytes: 4 compressions, so a million a second where
//! the processor does 4.
//!
//! `MYCEL_AUDIT_ENTRIES=10000000` verifies a longer log; a million is built
//! when nothing is said.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

use audit::copy::copy;
use audit::entry::{Act, Name, Place, Reason, Right, Who};
use audit::verify::verify;
use audit::{Audit, Entry, EntryKey, Folders, KeyKind, Mirror, Opened, Signer, origin};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};

const ROUNDS: usize = 7;
/// Entries of a round of appends.
const ENTRIES: u64 = 20_480;

fn log() -> Signer {
    let key = SigningKey::new(&Secret::take(&mut [1; 32]));
    Signer::new(&origin("bench", PlanetId([1; 16])).unwrap(), KeyKind::Note, key).unwrap()
}

fn entry_key() -> EntryKey {
    EntryKey::new(log().verifier().name(), Secret::take(&mut [2; 32]))
}

fn entry(number: u64) -> Entry {
    Entry {
        time: 1_800_000_000_000 + number,
        act: Act::Lifted { net: Name::new("192.0.2.0/24").unwrap() },
        who: Who::Key(AgentId([3; 32])),
        right: Right::Operate,
        rule: Name::new("role operator").unwrap(),
        address: Name::new("192.0.2.7").unwrap(),
        place: Place::Block(Name::new("eu-west-1").unwrap(), number),
        reason: Reason::new("it was a mistake").unwrap(),
    }
}

/// Entries a second, each batch durable before the next.
fn ours(folder: &Path, batch: u64) -> f64 {
    let folder = folder.join("ours");
    let _ = fs::remove_dir_all(&folder);
    let (audit, _) = Audit::open(Folders::open(&folder).unwrap(), log(), entry_key()).unwrap();
    let batches: Vec<Vec<_>> =
        (0..ENTRIES / batch).map(|at| (at * batch..(at + 1) * batch).map(entry).collect()).collect();
    let start = Instant::now();
    batches.iter().for_each(|batch| {
        audit.append(batch).unwrap();
    });
    ENTRIES as f64 / start.elapsed().as_secs_f64()
}

/// By so many at once, each waiting for its own entry.
fn together(folder: &Path, threads: u64) -> f64 {
    let folder = folder.join("ours");
    let _ = fs::remove_dir_all(&folder);
    let (audit, _) = Audit::open(Folders::open(&folder).unwrap(), log(), entry_key()).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..ENTRIES / threads).for_each(|at| audit.append(&[entry(at)]).map(|_| ()).unwrap()));
        }
    });
    ENTRIES as f64 / start.elapsed().as_secs_f64()
}

fn bare(folder: &Path, batch: u64) -> f64 {
    let path = folder.join("bare");
    let _ = fs::remove_file(&path);
    let mut file = File::create(&path).unwrap();
    let length = entry(0).to_bytes().len() + 2;
    let bytes = vec![0x5a; length * usize::try_from(batch).unwrap()];
    let start = Instant::now();
    for _ in 0..ENTRIES / batch {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
    ENTRIES as f64 / start.elapsed().as_secs_f64()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn appends(folder: &Path) {
    println!(
        "durable entries of {} B (median of {ROUNDS} pairs; budget 20000/s in batches)",
        entry(0).to_bytes().len()
    );
    let beside = |name: &str, run: &dyn Fn() -> f64, bare: &dyn Fn() -> f64| {
        let pairs: Vec<_> = (0..ROUNDS).map(|_| (run(), bare())).collect();
        let ratio = median(pairs.iter().map(|(ours, bare)| ours / bare).collect());
        let (ours, bare) = pairs.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let (ours, bare) = (median(ours), median(bare));
        println!("{name:44} {ours:>10.0}/s   {ratio:>5.2} of bare append + fdatasync ({bare:.0}/s)");
    };
    for batch in [16, 256, 1_024, 4_096] {
        beside(&format!("batches of {batch}"), &|| ours(folder, batch), &|| bare(folder, batch));
    }
    beside("64 at once, one entry each", &|| together(folder, 64), &|| bare(folder, 64));
}

fn verification(folder: &Path) {
    let many = std::env::var("MYCEL_AUDIT_ENTRIES").ok().and_then(|many| many.parse().ok()).unwrap_or(1_000_000_u64);
    let folder = folder.join("long");
    let (audit, _) = Audit::open(Folders::open(&folder).unwrap(), log(), entry_key()).unwrap();
    for from in (0..many).step_by(4_096) {
        audit.append(&(from..many.min(from + 4_096)).map(entry).collect::<Vec<_>>()).unwrap();
    }
    drop(audit);
    let copied = folder.with_file_name("copy");
    let (own, key) = (Opened::new(Mirror::new(&folder), Some(entry_key())), log());
    copy(&own, &Folders::open(&copied).unwrap(), key.verifier(), true, &mut |_, _| {}).unwrap();
    let plain = Opened::new(Mirror::new(&copied), None);
    let (leaf, node) = (vec![0_u8; entry(0).to_bytes().len() + 1], [1_u8; 65]);
    let hashes = measure::many(|| {
        black_box(Sha256::digest(black_box(&leaf)));
        black_box(Sha256::digest(black_box(&node)));
    });
    println!();
    measure::title();
    for (name, source) in [("of a copy", plain), ("in their envelopes", own)] {
        let (mut good, mut ns) = (0, f64::MAX);
        for _ in 0..3 {
            let one = measure::once(|| good = verify(&source, key.verifier(), &[], &mut |_, _| {}).unwrap().good);
            ns = ns.min(one / many as f64);
        }
        assert_eq!(good, many);
        let name = format!("{many} entries verified {name}, one core");
        measure::at_least(&name, 500_000.0, ns, Some(("two SHA-256", hashes)));
    }
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let folder = folder.join(format!("audit-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    appends(&folder);
    verification(&folder);
    fs::remove_dir_all(&folder).unwrap();
}
