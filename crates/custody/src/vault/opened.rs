//! The token that this process has open, and the planet's keys in it.
//!
//! It must never try a PIN again that was refused: the answer to that stays
//! until the process ends.

use super::{FILE, NoToken, Place, pin, write};
use crate::folder::{self, KeyError};
use crate::statement::Letters;
use crate::token::{Module, Token, TokenError, TokenKey};
use crate::{entropy, sealed};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use trust::sign::{Domain, Signature};
use trust::{AgentId, Secret};

/// What became of the one token of a process.
enum State {
    Closed,
    Open(Arc<Token>),
    /// It did not take its PIN.
    Refused(NoToken),
}

static STATE: Mutex<State> = Mutex::new(State::Closed);

fn said(error: &TokenError) -> NoToken {
    NoToken::Said(error.to_string())
}

/// The token of a label, and where that is known of a serial number: opened
/// once in a process.
fn token(module: &Path, label: &str, serial: Option<&str>) -> Result<Arc<Token>, NoToken> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*state {
        State::Open(token) if token.label() == label && serial.is_none_or(|serial| serial == token.serial()) => {
            return Ok(Arc::clone(token));
        }
        State::Open(token) => {
            return Err(NoToken::Another { open: token.label().to_owned(), label: label.to_owned() });
        }
        State::Refused(why) => return Err(why.clone()),
        State::Closed => {}
    }
    let module = Module::load(module).map_err(|why| said(&why))?;
    // Whether it is there comes before its PIN is asked for.
    module.look(label, serial).map_err(|why| said(&why))?;
    let pin = match pin(label) {
        Ok(pin) => pin,
        Err(why) => {
            // Nobody is asked for every key again.
            *state = State::Refused(why.clone());
            return Err(why);
        }
    };
    match module.open(label, serial, &pin) {
        Ok(token) => {
            let token = Arc::new(token);
            *state = State::Open(Arc::clone(&token));
            Ok(token)
        }
        Err(why) => {
            let is_final = matches!(why, TokenError::WrongPin { .. } | TokenError::Locked(_));
            let why = said(&why);
            if is_final {
                *state = State::Refused(why.clone());
            }
            Err(why)
        }
    }
}

fn of(place: &Place) -> Result<Arc<Token>, NoToken> {
    token(&place.module, &place.label, Some(&place.serial))
}

/// A planet's root, in its token.
pub struct Signer {
    token: Arc<Token>,
    key: TokenKey,
}

impl Signer {
    /// Its public half.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.key.id()
    }

    pub(crate) fn sign(&self, domain: Domain, message: &[u8]) -> Result<Signature, KeyError> {
        let signed = self.token.sign(self.key, domain, message);
        signed.map_err(|why| said(&why).of(Path::new("the root key")))
    }
}

pub(super) fn root(place: &Place) -> Result<Signer, NoToken> {
    let token = of(place)?;
    let key = token.key(&place.root()).map_err(|why| said(&why))?;
    Ok(Signer { token, key })
}

pub(super) fn wrap(place: &Place, what_for: &[u8], secret: &Secret) -> Result<Vec<u8>, NoToken> {
    let token = of(place)?;
    let wrapped = token.wrapping(&place.wrap()).and_then(|key| token.wrap(key, what_for, secret));
    wrapped.map_err(|why| said(&why))
}

pub(super) fn unwrap(place: &Place, what_for: &[u8], wrapped: &[u8]) -> Result<Secret, NoToken> {
    let token = of(place)?;
    let secret = token.wrapping(&place.wrap()).and_then(|key| token.unwrap(key, what_for, wrapped));
    secret.map_err(|why| said(&why))
}

/// Has a token keep the keys of a folder that has none yet: makes the planet's
/// root in it, what wraps the others, and what opens their sealed copies. What
/// a kill has cut short goes on. Whether there was something to make.
///
/// # Errors
/// When the token is absent, locked or full, the disk refuses, or the planet's
/// keys are kept otherwise already.
pub fn begin(keys: &Path, module: &Path, label: &str) -> Result<bool, KeyError> {
    let file = keys.join(FILE);
    let told = |why: String| NoToken::Said(why).of(&file);
    let module = std::path::absolute(module).map_err(|error| told(format!("{}: {error}", module.display())))?;
    let place = match super::place(keys)? {
        Some(place) if place.label != label || place.module != module => {
            let (there, by) = (&place.label, place.module.display());
            return Err(told(format!("the token \"{there}\" keeps the keys here, by the library {by}: name that one")));
        }
        Some(place) => place,
        None if keys.join("root.pub").exists() || keys.join("root.key").exists() => {
            let why = "this planet has its root already, and not in a token: that names the planet, and stays; a planet \
                       with its root in a token begins in another directory";
            return Err(told(why.to_owned()));
        }
        None => {
            let token = token(&module, label, None).map_err(|why| why.of(&file))?;
            let tag: [u8; 8] = entropy::bytes().map_err(folder::failed("draw entropy"))?;
            let name = format!("mycel-{}", Letters(&tag));
            let place = Place { version: 1, module, label: label.to_owned(), serial: token.serial().to_owned(), name };
            // Before the keys: those of a name that nobody knows would stay for ever.
            write(keys, &place)?;
            place
        }
    };
    let token = of(&place).map_err(|why| why.of(&file))?;
    let failed = |why: TokenError| said(&why).of(&file);
    let is_new = sealed::recovery_key(keys)?.is_none();
    if is_new {
        // Where its public half is known it is never made a second time.
        let root = match token.key(&place.root()) {
            Err(TokenError::NoKey { .. }) if !keys.join("root.pub").exists() => token.make_key(&place.root()),
            found => found,
        };
        let root = root.map_err(failed)?.id();
        if !keys.join("recovery.key").exists() && matches!(token.wrapping(&place.wrap()), Err(TokenError::NoKey { .. }))
        {
            token.make_wrapping(&place.wrap()).map_err(failed)?;
        }
        if !keys.join("root.pub").exists() {
            folder::write_public(keys, "root", root)?;
        }
    }
    super::recovery(keys)?;
    super::open(keys)?;
    Ok(is_new)
}
