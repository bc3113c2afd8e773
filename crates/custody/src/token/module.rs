//! The library that speaks for tokens, and the tokens that it knows.

use super::error::{TokenError, refused};
use super::{NEEDED, Token};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::path::Path;

/// A PKCS#11 library, once in a process.
///
/// Whoever names the library trusts it: it runs in this process.
pub struct Module(Pkcs11);

impl Module {
    /// Loads a library.
    ///
    /// # Errors
    /// When it is none, or does not start.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |error: Error| TokenError::NoModule { path: path.display().to_string(), why: error.to_string() };
        let module = Pkcs11::new(path).map_err(failed)?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another part of this process has: the library keeps one state for all.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(Self(module)),
            Err(error) => Err(failed(error)),
        }
    }

    /// The tokens that are there.
    ///
    /// # Errors
    /// When the library does not say.
    pub fn tokens(&self) -> Result<Vec<String>, TokenError> {
        Ok(self.all()?.into_iter().map(|(_, label)| label).collect())
    }

    fn all(&self) -> Result<Vec<(Slot, String)>, TokenError> {
        let slots = self.0.get_slots_with_initialized_token().map_err(refused("be looked for"))?;
        let label = |slot: Slot| {
            let info = self.0.get_token_info(slot).map_err(refused("say what it is called"))?;
            Ok((slot, info.label().to_owned()))
        };
        slots.into_iter().map(label).collect()
    }

    /// Opens a token by its PIN.
    ///
    /// # Errors
    /// When it is not there, does not take the PIN, or lacks what is needed.
    pub fn token(&self, label: &str, pin: &str) -> Result<Token, TokenError> {
        let all = self.all()?;
        let found: Vec<Slot> = all.iter().filter(|(_, known)| known == label).map(|(slot, _)| *slot).collect();
        let slot = match found[..] {
            [slot] => slot,
            [] => {
                let there = all.into_iter().map(|(_, label)| label).collect();
                return Err(TokenError::Absent { label: label.to_owned(), there });
            }
            _ => return Err(TokenError::Several(label.to_owned())),
        };
        let info = self.0.get_token_info(slot).map_err(refused("say how it is"))?;
        if info.user_pin_locked() {
            return Err(TokenError::Locked(label.to_owned()));
        }
        if !info.user_pin_initialized() {
            return Err(TokenError::NotSetUp(label.to_owned()));
        }
        let known = self.0.get_mechanism_list(slot).map_err(refused("say what it knows"))?;
        if let Some((_, what)) = NEEDED.iter().find(|(needed, _)| !known.contains(needed)) {
            return Err(TokenError::CannotDo { label: label.to_owned(), what });
        }
        let session = self.0.open_rw_session(slot).map_err(refused("be opened"))?;
        // The type wipes it when it is dropped.
        match session.login(UserType::User, Some(&AuthPin::from(pin))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(RvError::PinLocked, _)) => return Err(TokenError::Locked(label.to_owned())),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                let last = self.0.get_token_info(slot).is_ok_and(|info| info.user_pin_final_try());
                return Err(TokenError::WrongPin { label: label.to_owned(), last });
            }
            Err(error) => return Err(refused("be opened with a PIN")(error)),
        }
        let (serial, model) = (info.serial_number().to_owned(), info.model().to_owned());
        Ok(Token::new(session, info.label().to_owned(), serial, model))
    }
}
