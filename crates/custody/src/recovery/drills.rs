//! Which drills there were: a line of JSON for each in the file `drills` beside
//! the planet's keys. One that went well is signed by the root that came out of
//! the shares, so that nobody writes one down who has not recovered it.

use crate::KeyError;
use crate::folder::{failed, read_public, replace};
use crate::vault;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use trust::Secret;
use trust::sign::{Domain, PublicKey, Signature, SigningKey};
use vocab::Millis;

/// Drills that are kept: twenty years of one a month.
const MOST: usize = 256;
/// A line with all that it may say.
const MOST_BYTES: u64 = 1 << 20;
const DRILL: Domain = Domain::new("recovery drill");

/// What was opened in a drill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Sealed copies of keys: each is the key in use, where that is there.
    pub keys: u64,
    /// Owners' keys out of the register.
    pub owners: u64,
    /// Records, out of their envelopes in the log.
    pub records: u64,
}

/// A rehearsed recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    version: u32,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Whether all that was tried was opened.
    pub good: bool,
    /// What went wrong, or nothing.
    pub what: String,
    /// Of which split the shares were.
    pub epoch: u32,
    /// Their numbers.
    pub shares: Vec<u8>,
    /// What was opened.
    pub opened: Opened,
    /// The root's signature over all that, where it came out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
}

impl Drill {
    /// A drill with its result: `Ok` with what was opened, or what went wrong.
    #[must_use]
    pub fn new(at: u64, epoch: u32, shares: Vec<u8>, result: Result<Opened, String>) -> Self {
        let (good, opened, mut what) = match result {
            Ok(opened) => (true, opened, String::new()),
            Err(what) => (false, Opened::default(), what),
        };
        while what.len() > 512 {
            what.pop();
        }
        Self { version: 1, at, good, what, epoch, shares, opened, signature: String::new() }
    }

    fn signed_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Self { signature: String::new(), ..self.clone() }).unwrap_or_default()
    }

    fn holds(&self, root: Option<PublicKey>) -> bool {
        let bytes = crate::words::read_letters(&self.signature, Signature::LEN);
        let signature = bytes.and_then(|bytes| bytes.first_chunk().copied()).map(Signature);
        let (Some(root), Some(signature)) = (root, signature) else { return false };
        root.verify(DRILL, &self.signed_bytes(), &signature).is_ok()
    }
}

/// Writes a drill down, behind the others, and durably. One that went well is
/// signed by the root that was recovered.
///
/// # Errors
/// When the disk refuses.
pub fn record(keys: &Path, mut drill: Drill, root: Option<&Secret>) -> Result<Drill, KeyError> {
    if let Some(root) = root {
        drill.signature =
            crate::words::letters(&SigningKey::new(root).sign(DRILL, &drill.signed_bytes()).0).to_string();
    }
    let mut lines = lines(keys)?;
    lines.push(serde_json::to_string(&drill).unwrap_or_default());
    let from = lines.len().saturating_sub(MOST);
    replace(&keys.join("drills"), (lines[from..].join("\n") + "\n").as_bytes())?;
    Ok(drill)
}

fn lines(keys: &Path) -> Result<Vec<String>, KeyError> {
    let file = keys.join("drills");
    let what = || format!("read {}", file.display());
    match fs::metadata(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(what())(error)),
        Ok(found) if found.len() > MOST_BYTES => {
            let what = format!("it is larger than {MOST_BYTES} bytes");
            return Err(KeyError::Damaged { file: file.display().to_string(), what });
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(&file).map_err(failed(what()))?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(ToOwned::to_owned).collect())
}

/// The drills that were written down, the oldest first. One that says that it
/// went well and has not the root's signature did not.
///
/// # Errors
/// When the disk refuses.
pub fn drills(keys: &Path) -> Result<Vec<Drill>, KeyError> {
    let of = |name: &str| -> Result<Option<PublicKey>, KeyError> {
        let file = keys.join(format!("{name}.pub"));
        Ok(if file.exists() { PublicKey::new(read_public(&file)?).ok() } else { None })
    };
    // Where the root is in a token, what was split has a key of its own.
    let signers = [of("root")?, of(vault::DRILLS)?];
    let read = |line: String| {
        let mut drill: Drill = serde_json::from_str(&line).ok()?;
        if drill.good && !signers.iter().any(|signer| drill.holds(*signer)) {
            drill.good = false;
            "it says that it went well, and the root has not signed that".clone_into(&mut drill.what);
        }
        Some(drill)
    };
    Ok(lines(keys)?.into_iter().filter_map(read).collect())
}

/// The last drill that went well; nothing when none did, or it cannot be read.
#[must_use]
pub fn last_drill(keys: &Path) -> Option<Drill> {
    drills(keys).unwrap_or_default().into_iter().filter(|drill| drill.good).max_by_key(|drill| drill.at)
}

/// Whether the last drill is older than the planet allows: one that never took
/// place is, where the planet asks for any. One that is later than now is none.
#[must_use]
pub fn is_late(last: Option<&Drill>, every: Option<Millis>, now: u64) -> bool {
    let Some(every) = every else { return false };
    last.is_none_or(|last| last.at > now || now - last.at > every.0)
}
