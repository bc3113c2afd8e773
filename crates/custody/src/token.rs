//! Keys that never leave a token: Ed25519 keys that are made and kept in it, and
//! keys that wrap secrets, behind the interface that hardware has (PKCS#11).
//!
//! It must never use anything else in a token's place. A token that is absent,
//! locked or full is said to be so, and whoever asked decides; what a token
//! signs is checked before it is handed out.
//!
//! What is signed begins with its domain, in the message itself: tokens were
//! seen that take the context of Ed25519ctx and sign as if it were not there.

mod error;
mod module;

pub use error::{TokenError, Trouble};
pub use module::Module;

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use error::{not_made, refused};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trust::sign::{Domain, PublicKey, Signature};
use trust::{AgentId, Secret};
use zeroize::{Zeroize as _, Zeroizing};

/// The curve, as tokens want it named: the text "edwards25519".
const CURVE: [u8; 14] = *b"\x13\x0cedwards25519";
/// What is in front of a point: the header of an octet string of 32 bytes.
const POINT: [u8; 2] = [0x04, 0x20];
/// Bits of the tag of what is wrapped.
const TAG_BITS: u64 = 128;
const NONCE: usize = 12;

/// A token that was opened with its PIN.
pub struct Token {
    session: Mutex<Session>,
    label: String,
    serial: String,
    model: String,
}

/// A signing key in a token, by its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKey {
    private: ObjectHandle,
    public: AgentId,
}

impl TokenKey {
    /// Its public half.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.public
    }
}

/// A wrapping key in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapKey(ObjectHandle);

/// What a token says of a key that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// It was made in the token, and not put there.
    pub made_there: bool,
    /// It cannot be read out, and never could.
    pub never_left: bool,
}

impl Token {
    const fn new(session: Session, label: String, serial: String, model: String) -> Self {
        Self { session: Mutex::new(session), label, serial, model }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is called.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Which one it is, for whoever looks for it: its model and serial number.
    #[must_use]
    pub fn which(&self) -> String {
        format!("{} {}", self.model, self.serial)
    }

    /// Makes a signing key that stays in the token.
    ///
    /// # Errors
    /// When there is one of that name, or the token cannot.
    pub fn make_key(&self, name: &str) -> Result<TokenKey, TokenError> {
        let session = self.session();
        if find(&session, ObjectClass::PRIVATE_KEY, name)?.is_some() {
            return Err(TokenError::Twice(name.to_owned()));
        }
        let named = || [Attribute::Token(true), Attribute::Label(name.into()), Attribute::Id(name.into())];
        let mut public = named().to_vec();
        public.extend([Attribute::Private(false), Attribute::Verify(true), Attribute::EcParams(CURVE.to_vec())]);
        let mut private = named().to_vec();
        private.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ]);
        let made = session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private);
        let (public, private) = made.map_err(not_made)?;
        let public = point(&session, public, name)?;
        Ok(TokenKey { private, public })
    }

    /// The signing key of a name.
    ///
    /// # Errors
    /// When there is none, or several; when it is none that this program signs
    /// with.
    pub fn key(&self, name: &str) -> Result<TokenKey, TokenError> {
        let session = self.session();
        let missing = || TokenError::NoKey { name: name.to_owned(), token: self.label.clone() };
        let private = find(&session, ObjectClass::PRIVATE_KEY, name)?.ok_or_else(missing)?;
        let public = find(&session, ObjectClass::PUBLIC_KEY, name)?.ok_or_else(missing)?;
        Ok(TokenKey { private, public: point(&session, public, name)? })
    }

    /// What the token says of how a key came to it.
    ///
    /// # Errors
    /// When it does not say.
    pub fn kept(&self, key: TokenKey) -> Result<Kept, TokenError> {
        let asked = [AttributeType::Local, AttributeType::NeverExtractable, AttributeType::AlwaysSensitive];
        let told = self.session().get_attributes(key.private, &asked).map_err(refused("look at a key"))?;
        Ok(Kept {
            made_there: told.contains(&Attribute::Local(true)),
            never_left: told.contains(&Attribute::NeverExtractable(true))
                && told.contains(&Attribute::AlwaysSensitive(true)),
        })
    }

    /// Signs a statement of a domain.
    ///
    /// # Errors
    /// When the token does not, or what it says is no signature of that key.
    pub fn sign(&self, key: TokenKey, domain: Domain, message: &[u8]) -> Result<Signature, TokenError> {
        let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signed = self.session().sign(&pure, key.private, &domain.framed(message)).map_err(refused("sign"))?;
        let signature = <[u8; Signature::LEN]>::try_from(&signed[..]).map(Signature);
        let wrong = |why: &str| TokenError::Wrong { what: "signature", why: why.to_owned() };
        let signature = signature.map_err(|_| wrong("it is not 64 bytes long"))?;
        let public = PublicKey::new(key.public).map_err(|why| wrong(&why.to_string()))?;
        public.verify(domain, message, &signature).map_err(|why| wrong(&why.to_string()))?;
        Ok(signature)
    }

    /// Makes a key that wraps secrets and stays in the token.
    ///
    /// # Errors
    /// When there is one of that name, or the token cannot.
    pub fn make_wrapping(&self, name: &str) -> Result<WrapKey, TokenError> {
        let session = self.session();
        if find(&session, ObjectClass::SECRET_KEY, name)?.is_some() {
            return Err(TokenError::Twice(name.to_owned()));
        }
        let asked = [
            Attribute::Token(true),
            Attribute::Label(name.into()),
            Attribute::Id(name.into()),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &asked).map(WrapKey).map_err(not_made)
    }

    /// The wrapping key of a name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn wrapping(&self, name: &str) -> Result<WrapKey, TokenError> {
        let found = find(&self.session(), ObjectClass::SECRET_KEY, name)?;
        found.map(WrapKey).ok_or_else(|| TokenError::NoKey { name: name.to_owned(), token: self.label.clone() })
    }

    /// Wraps a secret: a nonce, and what only this token opens. What it is for is
    /// bound to it.
    ///
    /// # Errors
    /// When the token, or the system's entropy, refuses.
    pub fn wrap(&self, key: WrapKey, what_for: &[u8], secret: &Secret) -> Result<Vec<u8>, TokenError> {
        let nonce: [u8; NONCE] = crate::entropy::bytes().map_err(TokenError::Entropy)?;
        let mut used = nonce;
        let gcm = GcmParams::new(&mut used, what_for, TAG_BITS.into()).map_err(refused("wrap"))?;
        let sealed = self.session().encrypt(&Mechanism::AesGcm(gcm), key.0, secret.expose());
        Ok([&nonce[..], &sealed.map_err(refused("wrap"))?].concat())
    }

    /// Unwraps what was wrapped for this.
    ///
    /// # Errors
    /// When it was not, or not by this key.
    pub fn unwrap(&self, key: WrapKey, what_for: &[u8], wrapped: &[u8]) -> Result<Secret, TokenError> {
        let wrong = |why: &str| TokenError::Wrong { what: "wrapped secret", why: why.to_owned() };
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or_else(|| wrong("it is too short"))?;
        let mut used = *nonce;
        let gcm = GcmParams::new(&mut used, what_for, TAG_BITS.into()).map_err(refused("unwrap"))?;
        let opened = self.session().decrypt(&Mechanism::AesGcm(gcm), key.0, sealed);
        let opened = Zeroizing::new(opened.map_err(|_| wrong("it is another key's, or for something else"))?);
        let mut bytes = <[u8; Secret::LEN]>::try_from(&opened[..]).map_err(|_| wrong("it is not 32 bytes long"))?;
        let secret = Secret::take(&mut bytes);
        bytes.zeroize();
        Ok(secret)
    }
}

/// The one object of a kind and a name.
fn find(session: &Session, class: ObjectClass, name: &str) -> Result<Option<ObjectHandle>, TokenError> {
    let asked = [Attribute::Class(class), Attribute::Token(true), Attribute::Label(name.into())];
    let found = session.find_objects(&asked).map_err(refused("look for a key"))?;
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(TokenError::Twice(name.to_owned())),
    }
}

/// The public key that an object is.
fn point(session: &Session, object: ObjectHandle, name: &str) -> Result<AgentId, TokenError> {
    let told = session
        .get_attributes(object, &[AttributeType::KeyType, AttributeType::EcPoint])
        .map_err(refused("read a public key"))?;
    let wrong = || TokenError::Wrong { what: "key", why: format!("`{name}` is not an Ed25519 key") };
    let [Attribute::KeyType(KeyType::EC_EDWARDS), Attribute::EcPoint(point)] = &told[..] else { return Err(wrong()) };
    let bytes = point.strip_prefix(&POINT[..]).unwrap_or(point);
    let id = <[u8; 32]>::try_from(bytes).map(AgentId).map_err(|_| wrong())?;
    PublicKey::new(id).map(|_| id).map_err(|_| wrong())
}

/// What a token has to know for keys of each kind.
pub(crate) const NEEDED: [(MechanismType, &str); 3] = [
    (MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, "making Ed25519 keys"),
    (MechanismType::EDDSA, "signing with Ed25519"),
    (MechanismType::AES_GCM, "wrapping with AES-GCM"),
];
