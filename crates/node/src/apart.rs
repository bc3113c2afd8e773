//! A gateway on a machine apart from the hosts and from the CA: its directory
//! has its own key and the planet's public ones, and nothing else of anybody's.
//!
//! It must never make a key: one that nobody was told is of no use to anybody.

use crate::acts::Acts;
use crate::errands::{EVERY, Errands};
use crate::home::{HomeError, lock};
use crate::rotation::LOOK;
use crate::signing::{self, Signing, Turning};
use custody::authority::root;
use custody::credentials::Node;
use custody::folder::{existing, private};
use custody::signer::Signer;
use custody::spiffe::{Name, Role};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trust::PlanetId;
use trust::sign::SigningKey;

/// What the files of a region's gateway are called, counted from 0.
pub(crate) fn files(number: usize) -> String {
    format!("gateway-{number}")
}

/// What hosts call its key.
pub(crate) fn called(region: &str, number: usize) -> String {
    format!("gateway-{region}-{number}")
}

/// The directory of a gateway: nobody else's for as long as this lives.
pub struct Apart {
    place: PathBuf,
    planet: PlanetId,
    region: String,
    number: usize,
    key: Arc<SigningKey>,
    _lock: File,
}

impl Apart {
    /// Opens it: that of a region's gateway, counted from 0.
    ///
    /// # Errors
    /// When it has no key of that gateway, does not say which planet it is of,
    /// another process has it, or the disk refuses.
    pub fn open(place: &Path, region: &str, number: usize) -> Result<Self, HomeError> {
        let keys = place.join("keys");
        let absent = |file: &str, what: &str| HomeError::Damaged {
            file: keys.join(file).display().to_string(),
            what: format!(
                "{what}: `mycel trust init --apart` makes it, in gateways/{region}/keys of the planet's directory"
            ),
        };
        if !keys.is_dir() {
            return Err(absent("", "there are no keys"));
        }
        let (lock, files) = (lock(place)?, files(number));
        private(&keys)?;
        let planet = root(&keys).map(PlanetId::of_root).map_err(|why| absent("root.pub", &why.to_string()))?;
        let secret = existing(&keys, &files)?;
        let secret = secret.ok_or_else(|| absent(&format!("{files}.key"), "it is not there"))?;
        let key = Arc::new(SigningKey::new(&secret));
        Ok(Self { place: place.to_owned(), planet, region: region.to_owned(), number, key, _lock: lock })
    }

    /// Which planet it is of.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.key)
    }

    /// It, as a node.
    ///
    /// # Errors
    /// When the region could be none.
    pub fn node(&self) -> Result<Node, HomeError> {
        let name = Name::new(self.planet, Some(&self.region), Role::Gateway);
        let name = name.map_err(|why| HomeError::Ca(why.to_string()))?;
        Ok(Node { keys: self.place.join("keys"), files: files(self.number), name })
    }

    /// Its audit log, which says that it begins, by which file of the planet.
    ///
    /// # Errors
    /// When it is not what was signed, or the disk refuses.
    pub fn acts(&self, name: &str, file: [u8; 32]) -> Result<Arc<Acts>, audit::home::HomeError> {
        let called = called(&self.region, self.number);
        let acts = Acts::open(&self.place, (name, Some(&called)), self.planet, Arc::default())?;
        acts.begin(Some(file), &[])?;
        Ok(acts)
    }

    /// Rotates its key, where there is an office to hear of it first: no host
    /// would believe the next one otherwise.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn turn(
        &self,
        keys: Option<&planet::Keys>,
        acts: &Arc<Acts>,
        errands: &Errands,
    ) -> Result<Arc<Turning>, HomeError> {
        let (every, overlap) = signing::times(keys);
        let signer = Signer::new(self.place.join("keys"), files(self.number), self.planet, every, overlap);
        let mut key = Signing::new(signer, Arc::default(), Arc::clone(acts));
        // Every host has been at the office twice by then.
        key.signer.notice = u32::try_from(2 * EVERY.as_secs() / LOOK.as_secs().max(1)).unwrap_or(u32::MAX) + 1;
        key.tell = Box::new(errands.teller());
        Turning::start(vec![key], Arc::clone(acts))
    }
}
