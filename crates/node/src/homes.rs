//! One planet in several processes on one machine: the planet's own keys stand
//! in its directory, and each region has one below it with the public halves
//! and secrets of its own. So a region's process can forge for its own cells at
//! most, and nobody but the planet's directory holds the root.

use crate::home::{HomeError, private_folder, public, replace, secret};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId};

/// The directory of a planet whose regions are served by several processes.
pub struct Homes {
    place: PathBuf,
    root: AgentId,
    operator: AgentId,
    gateway: Arc<SigningKey>,
}

impl Homes {
    /// Opens the directory, and makes the keys that are missing.
    ///
    /// # Errors
    /// When the disk refuses, or a key is damaged.
    pub fn open(place: &Path) -> Result<Self, HomeError> {
        let keys = place.join("keys");
        private_folder(place)?;
        private_folder(&keys)?;
        let (root, operator) = (public(&keys, "root")?, public(&keys, "operator")?);
        let gateway = Arc::new(SigningKey::new(&secret(&keys, "gateway")?));
        Ok(Self { place: place.to_owned(), root, operator, gateway })
    }

    /// Which planet it is.
    #[must_use]
    pub fn planet(&self) -> PlanetId {
        PlanetId::of_root(self.root)
    }

    /// The gateway's key.
    #[must_use]
    pub fn gateway(&self) -> Arc<SigningKey> {
        Arc::clone(&self.gateway)
    }

    /// The directory of a region, with the public keys that its process needs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn region(&self, region: &str) -> Result<PathBuf, HomeError> {
        let place = self.place.join("regions").join(region);
        let keys = place.join("keys");
        private_folder(&self.place.join("regions"))?;
        private_folder(&place)?;
        private_folder(&keys)?;
        for (name, key) in [("root", self.root), ("operator", self.operator), ("gateway-1", self.gateway.id())] {
            let text: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
            replace(&keys.join(format!("{name}.pub")), text.as_bytes())?;
        }
        Ok(place)
    }
}
