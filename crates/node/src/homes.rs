//! One planet in several processes on one machine: the planet's own keys stand
//! in its directory, and each region has one below it with the public halves
//! and secrets of its own. So a region's process can forge for its own cells at
//! most, and nobody but the planet's directory holds the root.

use crate::acts::Acts;
use crate::home::{HomeError, failed, lock};
use custody::folder::{private, public, secret, write_public};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId};

/// The directory of a planet whose regions are served by several processes:
/// nobody else's for as long as this lives.
pub struct Homes {
    place: PathBuf,
    root: AgentId,
    operator: AgentId,
    gateways: Vec<Arc<SigningKey>>,
    _lock: File,
}

/// More gateways than anybody runs on one machine.
pub const MOST_GATEWAYS: usize = 64;

impl Homes {
    /// Opens the directory, and makes the keys that are missing: with one
    /// gateway.
    ///
    /// # Errors
    /// When the disk refuses, another process has it, or a key is damaged.
    pub fn open(place: &Path) -> Result<Self, HomeError> {
        Self::with_gateways(place, 1)
    }

    /// The same with several gateways, and at least one.
    ///
    /// # Errors
    /// When the disk refuses, another process has it, or a key is damaged.
    pub fn with_gateways(place: &Path, gateways: usize) -> Result<Self, HomeError> {
        let keys = place.join("keys");
        private(place)?;
        let lock = lock(place)?;
        private(&keys)?;
        let (root, operator) = (public(&keys, "root")?, public(&keys, "operator")?);
        let of = |number: usize| match number {
            1 => secret(&keys, "gateway"),
            number => secret(&keys, &format!("gateway-{number}")),
        };
        let gateways = (1..=gateways.clamp(1, MOST_GATEWAYS)).map(|number| Ok(Arc::new(SigningKey::new(&of(number)?))));
        let gateways = gateways.collect::<Result<Vec<_>, HomeError>>()?;
        Ok(Self { place: place.to_owned(), root, operator, gateways, _lock: lock })
    }

    /// Which planet it is.
    #[must_use]
    pub fn planet(&self) -> PlanetId {
        PlanetId::of_root(self.root)
    }

    /// The audit log of the gateways' process, which says that it begins, by
    /// which file of the planet.
    ///
    /// # Errors
    /// When it is not what was signed, or the disk refuses.
    pub fn acts(&self, name: &str, file: [u8; 32]) -> Result<Arc<Acts>, audit::home::HomeError> {
        let acts = Acts::open(&self.place, (name, None), self.planet(), Arc::default())?;
        acts.begin(Some(file))?;
        Ok(acts)
    }

    /// The first gateway's key.
    #[must_use]
    pub fn gateway(&self) -> Arc<SigningKey> {
        Arc::clone(&self.gateways[0])
    }

    /// The gateways' keys.
    #[must_use]
    pub fn gateways(&self) -> &[Arc<SigningKey>] {
        &self.gateways
    }

    /// The directory of a region, with the public keys that its process needs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn region(&self, region: &str) -> Result<PathBuf, HomeError> {
        let place = self.place.join("regions").join(region);
        let keys = place.join("keys");
        private(&self.place.join("regions"))?;
        private(&place)?;
        private(&keys)?;
        let named = [("root".to_owned(), self.root), ("operator".to_owned(), self.operator)];
        let gateways = (1..).zip(&self.gateways).map(|(number, key)| (format!("gateway-{number}"), key.id()));
        for (name, key) in named.into_iter().chain(gateways) {
            write_public(&keys, &name, key)?;
        }
        // The word of a gateway that is no more is not taken.
        for number in self.gateways.len() + 1..=MOST_GATEWAYS {
            match std::fs::remove_file(keys.join(format!("gateway-{number}.pub"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(format!("remove what is trusted in {}", keys.display()))(error));
                }
                _ => {}
            }
        }
        Ok(place)
    }
}
