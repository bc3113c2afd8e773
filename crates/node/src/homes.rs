//! One planet in several processes on one machine: the planet's own keys stand
//! in its directory, and each region has one below it with the public halves
//! and secrets of its own. So a region's process can forge for its own cells at
//! most, and nobody but the planet's directory holds the root.

use crate::acts::Acts;
use crate::home::{HomeError, failed, lock};
use custody::ca::Ca;
use custody::credentials::{Clock, Node};
use custody::folder::{private, public, secret, write_public};
use custody::office::{Office, Open};
use custody::sealed;
use custody::spiffe::Name;
use custody::vault;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId};
use vocab::Millis;

/// The directory of a planet whose regions are served by several processes:
/// nobody else's for as long as this lives.
pub struct Homes {
    place: PathBuf,
    root: AgentId,
    operator: AgentId,
    recovery: Option<AgentId>,
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
        let (root, operator) = (sealed::root(&keys)?, public(&keys, "operator")?);
        let recovery = sealed::recovery_key(&keys)?;
        let of = |number: usize| Ok(Arc::new(SigningKey::new(&secret(&keys, &called(number))?)));
        let gateways = (1..=gateways.clamp(1, MOST_GATEWAYS)).map(of);
        let gateways = gateways.collect::<Result<Vec<_>, HomeError>>()?;
        Ok(Self { place: place.to_owned(), root, operator, recovery, gateways, _lock: lock })
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

    /// Where the planet's own keys are.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.place.join("keys")
    }

    /// A gateway as a node, counted from 0.
    #[must_use]
    pub fn gateway_node(&self, number: usize) -> Node {
        Node { keys: self.keys(), files: called(number + 1), name: Name::gateway(self.planet()) }
    }

    /// Opens the CA's office for the gateways and for the hosts of these
    /// regions, and gives them certificates that last so long, until what is
    /// returned is dropped.
    ///
    /// # Errors
    /// When the disk refuses, a key is damaged, or the root key is elsewhere
    /// and has endorsed no CA.
    pub fn office(&self, regions: &[String], life: Millis, clock: Clock) -> Result<Open, HomeError> {
        let ca = Ca::open(&self.keys(), self.planet(), clock()).map_err(|why| HomeError::Ca(why.to_string()))?;
        let mut office = Office::new(&self.keys(), ca, life);
        for number in 0..self.gateways.len() {
            office.expect(self.gateway_node(number));
        }
        for region in regions {
            let keys = self.region(region)?.join("keys");
            let name = Name::block(self.planet(), region).map_err(|why| HomeError::Ca(why.to_string()))?;
            office.expect(Node { keys, files: "node".to_owned(), name });
        }
        Ok(Open::new(office, clock)?)
    }

    /// The directory of a region, with the key of its own and the public keys
    /// that its process needs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn region(&self, region: &str) -> Result<PathBuf, HomeError> {
        let place = self.place.join("regions").join(region);
        let keys = place.join("keys");
        private(&self.place.join("regions"))?;
        private(&place)?;
        private(&keys)?;
        // The same token keeps them, from the first key on.
        vault::share(&self.keys(), &keys)?;
        let named = [("root".to_owned(), self.root), ("operator".to_owned(), self.operator)];
        let gateways = (1..).zip(&self.gateways).map(|(number, key)| (format!("gateway-{number}"), key.id()));
        let recovery = self.recovery.map(|key| ("recovery".to_owned(), key));
        let named: Vec<_> = named.into_iter().chain(recovery).chain(gateways).collect();
        for (name, key) in named {
            write_public(&keys, &name, key)?;
        }
        // Here, so that it is there before anybody expects it.
        public(&keys, "node")?;
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

/// Has a planet's directory, and those of its regions, to itself until what is
/// returned is dropped.
///
/// # Errors
/// When a process uses one of them, or the disk refuses.
pub fn hold(place: &Path) -> Result<Vec<File>, HomeError> {
    let mut held = vec![lock(place)?];
    for keys in custody::recovery::folders(place)? {
        // The folder `keys` of a region stands in its directory.
        if let Some(region) = keys.parent().filter(|region| !region.as_os_str().is_empty()) {
            held.push(lock(&place.join(region))?);
        }
    }
    Ok(held)
}

/// What the files of a gateway are called, counted from 1.
fn called(number: usize) -> String {
    if number == 1 { "gateway".to_owned() } else { format!("gateway-{number}") }
}
