//! `mycel trust wrap`: has the token that keeps a planet's root wrap the keys
//! beside it that are plain yet, such as those that somebody brought.

use crate::Verdict;
use crate::cli::WrapArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use custody::vault;
use serde_json::json;

pub(super) fn run(args: &WrapArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let data = &args.home.data;
    let failed = |why: node::HomeError| Failure::told(why.to_string(), "stop the planet while its keys are wrapped");
    let _held = node::hold(data).map_err(failed)?;
    let keys = data.join("keys");
    let Some(place) = vault::place(&keys)? else {
        let what = format!("no token keeps the keys in {}", keys.display());
        let hint = "a planet whose root is in a token begins with `mycel trust init FILE --token LABEL --module PATH`";
        return Err(Failure::told(what, hint));
    };
    vault::open(&keys)?;
    let wrapped = vault::wrap_all(data)?;
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
