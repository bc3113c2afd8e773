//! `[keys] hardware = true`: the root key is in a token, and the other keys of
//! the planet's directory are wrapped by it, or nothing starts.

use crate::failure::Failure;
use custody::vault;
use planet::Planet;
use std::path::Path;

/// Whether a planet file asks for it.
pub(crate) fn is_asked(planet: &Planet) -> bool {
    planet.keys.as_ref().is_some_and(|keys| keys.hardware.value)
}

/// The keys of the planet are where its file wants them, or why not.
pub(crate) fn ready(planet: &Planet, data: &Path) -> Result<(), Failure> {
    if !is_asked(planet) {
        return Ok(());
    }
    let asks = "the planet file asks for `hardware = true` in [keys]";
    if !vault::BUILT {
        let what = format!("{asks}, and this program was built without tokens");
        let hint = "cargo build --release --package mycel --features pkcs11; `mycel up --plain-keys` goes on without";
        return Err(Failure::told(what, hint));
    }
    let keys = data.join("keys");
    let shown = data.display();
    if vault::open(&keys)?.is_none() {
        let what = format!("{asks}, and no token keeps the keys in {}", keys.display());
        let hint = format!(
            "mycel trust init FILE --token LABEL --module PATH --data {shown}; `mycel up --plain-keys` goes on without"
        );
        return Err(Failure::told(what, hint));
    }
    let plain = vault::plain(data)?;
    if let Some(first) = plain.first() {
        let what = format!("{asks}, and {} of the keys in {shown} are plain: {}", plain.len(), first.display());
        return Err(Failure::told(what, format!("mycel trust wrap --data {shown}")));
    }
    Ok(())
}
