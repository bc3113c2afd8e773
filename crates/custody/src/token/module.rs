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

/// A token that is there.
struct Found {
    slot: Slot,
    label: String,
    serial: String,
}

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
        Ok(self.all()?.into_iter().map(|found| found.label).collect())
    }

    fn all(&self) -> Result<Vec<Found>, TokenError> {
        let slots = self.0.get_slots_with_initialized_token().map_err(refused("be looked for"))?;
        let found = |slot: Slot| {
            let info = self.0.get_token_info(slot).map_err(refused("say what it is called"))?;
            Ok(Found { slot, label: info.label().to_owned(), serial: info.serial_number().to_owned() })
        };
        slots.into_iter().map(found).collect()
    }

    /// Opens a token by its PIN.
    ///
    /// # Errors
    /// When it is not there, does not take the PIN, or lacks what is needed.
    pub fn token(&self, label: &str, pin: &str) -> Result<Token, TokenError> {
        self.open(label, None, pin)
    }

    /// Where a token is that could be opened, of a serial number where that is
    /// known: no PIN is tried.
    ///
    /// # Errors
    /// When it is not there, cannot be opened now, or lacks what is needed.
    pub(crate) fn look(&self, label: &str, serial: Option<&str>) -> Result<Slot, TokenError> {
        let all = self.all()?;
        let named: Vec<&Found> = all.iter().filter(|found| found.label == label).collect();
        let wanted = |found: &&&Found| serial.is_none_or(|serial| serial == found.serial);
        let slot = match (&named.iter().filter(wanted).map(|found| found.slot).collect::<Vec<_>>()[..], &named[..]) {
            ([slot], _) => *slot,
            ([], []) => {
                let there = all.iter().map(|found| found.label.clone()).collect();
                return Err(TokenError::Absent { label: label.to_owned(), there });
            }
            ([], [other, ..]) => {
                let (label, wanted) = (label.to_owned(), serial.unwrap_or_default().to_owned());
                return Err(TokenError::Another { label, wanted, there: other.serial.clone() });
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
        Ok(slot)
    }

    /// Opens a token by its PIN, of a serial number where that is known.
    ///
    /// # Errors
    /// When it is not there, does not take the PIN, or lacks what is needed.
    pub(crate) fn open(&self, label: &str, serial: Option<&str>, pin: &str) -> Result<Token, TokenError> {
        let slot = self.look(label, serial)?;
        let info = self.0.get_token_info(slot).map_err(refused("say how it is"))?;
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
