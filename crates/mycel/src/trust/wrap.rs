//! `mycel trust wrap`: has the token that keeps a planet's root wrap the keys
//! beside it that are plain yet, such as those that somebody brought.

use crate::Verdict;
use crate::acts::Log;
use crate::cli::WrapArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use audit::entry::{Act, Name};
use custody::vault;
use serde_json::json;
use std::path::{Path, PathBuf};

const APART: &str = "keep that disk encrypted, and its keys readable by their owner alone: docs/guides/keys.md says what \
                     that is worth";

/// Why a machine apart from the root has its keys in files.
fn apart(keys: &Path) -> String {
    format!(
        "no token keeps the keys in {}, and a host that knows no more than root.pub cannot have one: a token keeps keys \
         where it has the planet's root as well",
        keys.display()
    )
}

pub(super) fn run(args: &WrapArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let data = &args.home.data;
    if !data.join("keys/root.pub").exists() {
        let what = format!("{} is no planet's data directory: it has no keys/root.pub", data.display());
        return Err(Failure::told(what, "--data names the directory whose keys are to be wrapped"));
    }
    let failed = |why: node::HomeError| Failure::told(why.to_string(), "stop the planet while its keys are wrapped");
    let _held = node::hold(data).map_err(failed)?;
    let keys = data.join("keys");
    let Some(place) = vault::place(&keys)? else {
        if !keys.join("root.key").exists() {
            return Err(Failure::told(apart(&keys), APART));
        }
        let what = format!("no token keeps the keys in {}", keys.display());
        let hint = "a planet whose root is in a token begins with `mycel trust init FILE --token LABEL --module PATH`";
        return Err(Failure::told(what, hint));
    };
    vault::open(&keys)?;
    let plain = vault::plain(data)?;
    let act = |file: &PathBuf| {
        let file = Name::cut(&file.with_extension("").display().to_string());
        Act::KeyWrapped { file, token: Name::cut(&place.label) }
    };
    let acts: Vec<_> = plain.iter().map(act).collect();
    let wrap = || Ok(vault::wrap_all(data)?);
    let wrapped = if acts.is_empty() { wrap()? } else { Log::of(data, None)?.then(&acts, "", wrap)? };
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "token": place.label, "serial": place.serial, "wrapped": wrapped }))?;
        return Ok(Verdict::Good);
    }
    for file in &wrapped {
        screen.data(format_args!("{}", file.display()))?;
    }
    match wrapped.len() {
        0 => screen.say("all keys are wrapped already"),
        many => screen.say(format_args!("{many} keys are wrapped by the token \"{}\" now", place.label)),
    }
    Ok(Verdict::Good)
}
