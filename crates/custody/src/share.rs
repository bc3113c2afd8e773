//! A share of a planet's root secret, as its holder keeps it: 60 bytes that say
//! of which planet and of which split it is, its number, and its part; then a
//! checksum. People copy it as 48 words, cameras read it as letters.
//!
//! | bytes | are |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | the first half of the planet's id |
//! | 4 | the split's number, which rises |
//! | 4 | the split's name, drawn |
//! | 3 | the share's number; how many are needed; how many there are |
//! | 8 | a digest of all that and of the root's public key: what comes out is held against it; where the root is in a token, of the key of the secret that stands for it |
//! | 32 | the share itself |
//! | 6 | the checksum: of SHA-256 of what is before it |
//!
//! Beside its number a share says nothing about the secret; what is in front of
//! it is in every share of the split.

use crate::hybrid::{self, Opener, SealTo};
use crate::words::{self, BadWords};
use crate::{KeyError, shamir};
use sha2::{Digest as _, Sha256};
use std::fmt;
use trust::{AgentId, PlanetId, Secret};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
/// What stands in front of the share itself.
const HEAD: usize = 28;
const LEN: usize = HEAD + Secret::LEN;
const CHECKSUM: usize = 6;
/// In front of the letters of a share, and of one that is sealed.
const PLAIN: &str = "MYCEL:SHARE:";
const SEALED: &str = "MYCEL:SEALED:";
/// What a share is sealed for.
const PURPOSE: &str = "mycel sealed share v1";
/// What a holder's key pair is derived for.
const HOLDER: &str = "mycel holder v1";
const SEALED_LEN: usize = HEAD + LEN + CHECKSUM + hybrid::OVERHEAD;

const _: () = assert!(LEN + CHECKSUM == words::BYTES, "a share fills its words");

/// Which split a share is of, and what every share of it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The first half of the planet's id.
    pub planet: [u8; 8],
    /// Which split of the planet's root it is, counted from 1.
    pub epoch: u32,
    /// Its name, so that two splits of one number do not mix.
    pub name: [u8; 4],
    /// How many shares give the secret.
    pub needs: u8,
    /// How many there are.
    pub of: u8,
    /// What the root that was split is held against.
    pub check: [u8; 8],
}

/// A share.
#[derive(PartialEq, Eq)]
pub struct Share {
    /// Of which split.
    pub split: Split,
    /// Its number, from 1 on.
    pub number: u8,
    pub(crate) part: Secret,
}

/// A share as it was handed out.
#[derive(Debug, PartialEq, Eq)]
pub enum Given {
    /// As it is.
    Plain(Share),
    /// Sealed to its holder.
    Sealed(SealedShare),
}

/// A share that its holder alone can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedShare {
    /// Of which split.
    pub split: Split,
    /// Its number, from 1 on.
    pub number: u8,
    sealed: Vec<u8>,
}

/// Why text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoShare {
    /// Its words are not those of a share.
    #[error("{0}")]
    Words(#[from] BadWords),
    /// Its letters are not those of a share.
    #[error("it was changed or cut: its letters do not have their checksum")]
    Letters,
    /// A newer program made it.
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(u8),
    /// It cannot be.
    #[error("it says that it is number {number}, that {needs} are needed and that there are {of}")]
    Counts {
        /// Its number.
        number: u8,
        /// How many are needed.
        needs: u8,
        /// How many there are.
        of: u8,
    },
    /// There is nothing.
    #[error("there is no share in it")]
    Nothing,
}

/// A split that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NoSplit {
    /// So many shares cannot be.
    #[error("{needs} of {of} shares cannot be: at least 2 are needed, and there are at most {most}", most = shamir::MOST_SHARES)]
    Counts {
        /// How many are needed.
        needs: u32,
        /// How many there are.
        of: u32,
    },
    /// No entropy.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The key pair that a holder opens its share with: of any secret that it has,
/// such as its agent's.
#[must_use]
pub fn holder(secret: &Secret) -> Opener {
    Opener::new(secret, HOLDER)
}

impl Split {
    fn new(planet: PlanetId, root: AgentId, epoch: u32, name: [u8; 4], needs: u8, of: u8) -> Self {
        let mut split = Self { planet: half(planet), epoch, name, needs, of, check: [0; 8] };
        split.check = split.check_of(root);
        split
    }

    /// What its shares would say if this were the root that was split.
    pub(crate) fn check_of(&self, root: AgentId) -> [u8; 8] {
        let mut hash = Sha256::new_with_prefix(b"mycel split v1");
        hash.update(self.planet);
        hash.update(self.epoch.to_be_bytes());
        hash.update(self.name);
        hash.update([self.needs, self.of]);
        hash.update(root.0);
        let digest: [u8; 32] = hash.finalize().into();
        std::array::from_fn(|at| digest[at])
    }

    fn head(&self, number: u8) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[0] = VERSION;
        head[1..9].copy_from_slice(&self.planet);
        head[9..13].copy_from_slice(&self.epoch.to_be_bytes());
        head[13..17].copy_from_slice(&self.name);
        head[17..20].copy_from_slice(&[number, self.needs, self.of]);
        head[20..].copy_from_slice(&self.check);
        head
    }

    fn read(head: &[u8; HEAD]) -> Result<(Self, u8), NoShare> {
        let field = |from: usize| head[from..].first_chunk().copied().unwrap_or_default();
        let (number, needs, of) = (head[17], head[18], head[19]);
        if head[0] != VERSION {
            return Err(NoShare::Version(head[0]));
        }
        if needs < 2 || needs > of || of > shamir::MOST_SHARES || number == 0 || number > of {
            return Err(NoShare::Counts { number, needs, of });
        }
        let planet = head[1..9].first_chunk().copied().unwrap_or_default();
        let check = head[20..].first_chunk().copied().unwrap_or_default();
        Ok((Self { planet, epoch: u32::from_be_bytes(field(9)), name: field(13), needs, of, check }, number))
    }
}

/// The half of a planet's id that stands in its shares.
#[must_use]
pub fn half(planet: PlanetId) -> [u8; 8] {
    std::array::from_fn(|at| planet.0[at])
}

/// Splits a planet's root secret, or what stands for it where the root is in a
/// token.
///
/// # Errors
/// When there cannot be so many shares, or the system gives no entropy.
pub fn split(planet: PlanetId, root: &Secret, epoch: u32, needs: u32, of: u32) -> Result<Vec<Share>, NoSplit> {
    let counts = || NoSplit::Counts { needs, of };
    let (few, many) = (u8::try_from(needs).map_err(|_| counts())?, u8::try_from(of).map_err(|_| counts())?);
    if few < 2 || few > many || many > shamir::MOST_SHARES {
        return Err(counts());
    }
    let entropy = || crate::folder::failed("draw entropy");
    let name = crate::entropy::bytes().map_err(entropy())?;
    let split = Split::new(planet, trust::sign::SigningKey::new(root).id(), epoch, name, few, many);
    let parts = shamir::split(root, few, many).map_err(entropy())?;
    Ok((1..).zip(parts).map(|(number, part)| Share { split, number, part }).collect())
}

impl Share {
    /// The share in words.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        words::words(&self.bytes())
    }

    /// The share in letters, for a picture.
    #[must_use]
    pub fn letters(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PLAIN}{}", &**words::letters(&*self.bytes())))
    }

    /// Seals it to its holder.
    ///
    /// # Errors
    /// When the system gives no entropy, or this is no key.
    pub fn seal(&self, holder: SealTo) -> Result<SealedShare, KeyError> {
        let sealed = holder.seal(PURPOSE, &self.split.head(self.number), &self.bytes()[..])?;
        Ok(SealedShare { split: self.split, number: self.number, sealed })
    }

    fn bytes(&self) -> Zeroizing<[u8; words::BYTES]> {
        let mut bytes = Zeroizing::new([0; words::BYTES]);
        bytes[..HEAD].copy_from_slice(&self.split.head(self.number));
        bytes[HEAD..LEN].copy_from_slice(self.part.expose());
        let checksum = checksum(&bytes[..LEN]);
        bytes[LEN..].copy_from_slice(&checksum);
        bytes
    }

    fn read(bytes: &[u8; words::BYTES]) -> Result<Self, NoShare> {
        let (head, part) = bytes.split_first_chunk().ok_or(NoShare::Letters)?;
        let (split, number) = Split::read(head)?;
        let mut part = part.first_chunk().copied().ok_or(NoShare::Letters)?;
        Ok(Self { split, number, part: Secret::take(&mut part) })
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("split", &self.split).field("number", &self.number).finish_non_exhaustive()
    }
}

impl SealedShare {
    /// The sealed share in letters, for a file and for a picture.
    #[must_use]
    pub fn letters(&self) -> String {
        let mut bytes = self.split.head(self.number).to_vec();
        bytes.extend_from_slice(&self.sealed);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        format!("{SEALED}{}", &**words::letters(&bytes))
    }

    /// Opens it with its holder's key.
    ///
    /// # Errors
    /// When it is sealed to another key.
    pub fn open(&self, holder: &Opener) -> Option<Share> {
        let opened = holder.open(PURPOSE, &self.split.head(self.number), &self.sealed)?;
        let share = Share::read(opened.first_chunk().filter(|bytes| has_checksum(*bytes))?).ok()?;
        (share.split == self.split && share.number == self.number).then_some(share)
    }

    fn read(letters: &str) -> Result<Self, NoShare> {
        let bytes = words::read_letters(letters, SEALED_LEN + CHECKSUM).filter(|bytes| has_checksum(bytes));
        let bytes = bytes.ok_or(NoShare::Letters)?;
        let (head, sealed) = bytes.split_first_chunk().ok_or(NoShare::Letters)?;
        let (split, number) = Split::read(head)?;
        let sealed = sealed.get(..SEALED_LEN - HEAD).ok_or(NoShare::Letters)?.to_vec();
        Ok(Self { split, number, sealed })
    }
}

/// Reads a share: its words or its letters, and nothing beside them but lines
/// that begin with `#`.
///
/// # Errors
/// When it is none: with what is wrong, and where.
pub fn read(text: &str) -> Result<Given, NoShare> {
    let mut kept = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        kept.push_str(line);
        kept.push(' ');
    }
    let kept = kept.trim();
    let upper = Zeroizing::new(kept.to_ascii_uppercase());
    if let Some(letters) = upper.strip_prefix(SEALED) {
        return SealedShare::read(letters).map(Given::Sealed);
    }
    if let Some(letters) = upper.strip_prefix(PLAIN) {
        let bytes = words::read_letters(letters, words::BYTES).filter(|bytes| has_checksum(bytes));
        let bytes = bytes.ok_or(NoShare::Letters)?;
        return Share::read(bytes.first_chunk().ok_or(NoShare::Letters)?).map(Given::Plain);
    }
    if kept.is_empty() {
        return Err(NoShare::Nothing);
    }
    let bytes = words::read(kept, &|bytes| has_checksum(bytes))?;
    Share::read(&bytes).map(Given::Plain)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new_with_prefix(b"mycel share v1");
    hash.update(bytes);
    let digest: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|at| digest[at])
}

fn has_checksum(bytes: &[u8]) -> bool {
    bytes.split_last_chunk().is_some_and(|(bytes, found)| checksum(bytes) == *found)
}

#[cfg(test)]
mod tests;
