//! One planet in several processes on one machine: the planet's own keys stand
//! in its directory, and each region has one below it with the public halves
//! and secrets of its own. So a region's process can forge for its own cells at
//! most, and nobody but the planet's directory holds the root.

use crate::acts::{Acts, By};
use crate::apart;
use crate::clock::Settled;
use crate::home::{HomeError, lock};
use crate::signing::{self, NOTICE, Signing, Turning};
use audit::entry::{Act, Key, Name as Text, Place};
use custody::KeyError;
use custody::ca::{Ca, ENDORSED};
use custody::credentials::{Clock, Node};
use custody::folder::{Made, known, private, public, secret, secret_as, write_public};
use custody::lineage;
use custody::office::{Ages, Counter, Office, Open};
use custody::sealed;
use custody::signer::{Around, Looked, Signer};
use custody::spiffe::{Name, Role};
use custody::{succession, vault};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId, Secret};
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

const OPERATOR: &str = "operator";

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
        acts.begin(Some(file), &[])?;
        Ok(acts)
    }

    /// Enters that there is a CA, before it is one: as long as the root has not
    /// endorsed it, nobody believes it.
    ///
    /// # Errors
    /// When the disk refuses, or the log cannot be written.
    pub fn enters_ca(&self, acts: &Acts) -> Result<(), HomeError> {
        if self.keys().join(ENDORSED).exists() {
            return Ok(());
        }
        let key = Key(SigningKey::new(&secret(&self.keys(), "ca")?).id().0);
        let act = Act::KeyMade { line: Text::cut("ca"), key };
        // A start that gets no further tells of it once.
        let entered = acts.enter_once(&By::node(), Place::Planet, act, "");
        entered.map_err(|refusal| HomeError::NotEntered(refusal.what))
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

    /// The directory of a region's gateways on machines apart, with a key for
    /// each, by which the hosts of all regions know them; `made` is asked before
    /// one is made.
    ///
    /// # Errors
    /// When the disk refuses, or a key that is to be made is.
    pub fn apart(
        &self,
        region: &str,
        many: usize,
        regions: &[String],
        made: &mut Made<'_>,
    ) -> Result<PathBuf, HomeError> {
        let above = self.place.join("gateways");
        let (place, keys) = (above.join(region), above.join(region).join("keys"));
        for folder in [&above, &place, &keys] {
            private(folder)?;
        }
        vault::share(&self.keys(), &keys)?;
        let recovery = self.recovery.map(|key| ("recovery", key));
        for (name, key) in [("root", self.root)].into_iter().chain(recovery) {
            write_public(&keys, name, key)?;
        }
        for number in 0..many.min(MOST_GATEWAYS) {
            let name = apart::files(number);
            if known(&keys, &name)?.is_none() {
                secret_as(&keys, &name, made)?;
            }
            let key = public(&keys, &name)?;
            for host in regions {
                write_public(&self.region(host)?.join("keys"), &apart::called(region, number), key)?;
            }
        }
        Ok(place)
    }

    /// The counter of the CA's office for the hosts of these regions, and for the
    /// gateways that have a directory here.
    ///
    /// # Errors
    /// When the disk refuses, or a region could be none.
    pub fn counter(&self, regions: &[String], life: Millis) -> Result<Counter, HomeError> {
        let mut counter = Counter::new(&self.keys(), life)?;
        let no_name = |why: custody::spiffe::NoName| HomeError::Ca(why.to_string());
        for region in regions {
            let (keys, name) = (self.region(region)?.join("keys"), Name::block(self.planet(), region));
            counter.expect(Node { keys, files: "node".to_owned(), name: name.map_err(no_name)? }, None);
            let keys = self.place.join("gateways").join(region).join("keys");
            let name = Name::new(self.planet(), Some(region), Role::Gateway).map_err(no_name)?;
            for number in 0..MOST_GATEWAYS {
                let files = apart::files(number);
                if known(&keys, &files)?.is_some() {
                    let node = Node { keys: keys.clone(), files, name: name.clone() };
                    counter.expect(node, Some(apart::called(region, number)));
                }
            }
        }
        Ok(counter)
    }

    /// Opens the CA's office for the gateways and for the hosts of these
    /// regions, and gives them certificates that last so long, until what is
    /// returned is dropped.
    ///
    /// # Errors
    /// When the disk refuses, a key is damaged, or the root key is elsewhere
    /// and has endorsed no CA.
    pub fn office(&self, regions: &[String], life: Millis, clock: Clock) -> Result<Open, HomeError> {
        Ok(Open::new(self.closed_office(regions, life, &clock, None)?, clock)?)
    }

    /// The same, in which a CA gives its place to the next after so long, once
    /// that is entered; and how old the present one is.
    ///
    /// # Errors
    /// The same.
    pub fn rotating_office(
        &self,
        regions: &[String],
        (life, every): (Millis, Millis),
        clock: Clock,
        acts: Arc<Acts>,
    ) -> Result<(Open, Arc<Ages>), HomeError> {
        let entering = Arc::clone(&acts);
        let enter = move |from: AgentId, to: AgentId| {
            let act = Act::KeyRotated { line: Text::cut("ca"), from: Key(from.0), to: Key(to.0) };
            let entered = acts.enter(&By::node(), Place::Planet, act, "it has been in its place for as long as it may");
            entered.map(drop).map_err(|refusal| refusal.what)
        };
        let mut settled = Settled::new();
        let settled = move |now| settled.is_now(now);
        let office = self.closed_office(regions, life, &clock, Some(&entering))?;
        let (office, ages) = office.rotating(every, Box::new(settled), Box::new(enter));
        Ok((Open::new(office, clock)?, ages))
    }

    fn closed_office(
        &self,
        regions: &[String],
        life: Millis,
        clock: &Clock,
        acts: Option<&Acts>,
    ) -> Result<Office, HomeError> {
        let mut made = entering(acts, Place::Planet);
        let ca = Ca::open(&self.keys(), self.planet(), clock(), &mut made);
        let ca = ca.map_err(|why| HomeError::Ca(why.to_string()))?;
        let mut office = Office::new(&self.keys(), ca, life);
        for number in 0..self.gateways.len() {
            office.expect(self.gateway_node(number));
        }
        for region in regions {
            let mut made = entering(acts, Place::Region(Text::cut(region)));
            let keys = self.region_as(region, &mut made)?.join("keys");
            let name = Name::block(self.planet(), region).map_err(|why| HomeError::Ca(why.to_string()))?;
            office.expect(Node { keys, files: "node".to_owned(), name });
        }
        Ok(office)
    }

    /// The directory of a region, with the key of its own and the public keys
    /// that its process needs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn region(&self, region: &str) -> Result<PathBuf, HomeError> {
        self.region_as(region, &mut |_, _| Ok(()))
    }

    /// The same; `made` is asked before its key is made.
    ///
    /// # Errors
    /// The same, and when that refuses.
    pub fn region_as(&self, region: &str, made: &mut Made<'_>) -> Result<PathBuf, HomeError> {
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
        for (own, name) in self.told() {
            lineage::bring((&self.keys(), &own), (&keys, &name))?;
        }
        // Here, so that it is there before anybody expects it.
        if known(&keys, "node")?.is_none() {
            secret_as(&keys, "node", made)?;
        }
        // The word of a gateway that is no more is not taken.
        for number in self.gateways.len() + 1..=MOST_GATEWAYS {
            for end in ["pub", "line"] {
                succession::remove(&keys.join(format!("gateway-{number}.{end}")))?;
            }
        }
        Ok(place)
    }

    /// Keys that regions are told of: what they are called here, and there.
    fn told(&self) -> Vec<(String, String)> {
        let gateways = (1..=self.gateways.len()).map(|number| (called(number), format!("gateway-{number}")));
        std::iter::once((OPERATOR.to_owned(), OPERATOR.to_owned())).chain(gateways).collect()
    }

    /// Rotates the gateways' keys, and the operator's where its secret is here,
    /// as the planet file says, until what is returned is dropped. These regions
    /// are told of each key before it is used.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn turn(
        &self,
        regions: &[String],
        keys: Option<&planet::Keys>,
        acts: &Arc<Acts>,
    ) -> Result<Arc<Turning>, HomeError> {
        let (every, overlap) = signing::times(keys);
        let folders = regions.iter().map(|region| self.place.join("regions").join(region).join("keys"));
        let folders: Vec<PathBuf> = folders.collect();
        let mut signing = Vec::new();
        for (own, name) in self.told() {
            if own == OPERATOR && !signing::has_operator(&self.keys()) {
                continue;
            }
            let signer = Signer::new(self.keys(), own.clone(), self.planet(), every, overlap);
            let mut key = Signing::new(signer, Arc::default(), Arc::clone(acts));
            key.signer.notice = NOTICE;
            let (from, folders) = (self.keys(), folders.clone());
            key.tell = Box::new(move || {
                let bring = |to: &PathBuf| lineage::bring((&from, &own), (to, &name));
                folders.iter().filter(|folder| folder.is_dir()).try_for_each(bring).map(|()| true)
            });
            signing.push(key);
        }
        Turning::start(signing, Arc::clone(acts))
    }
}

/// Enters that there is a key, before there is, where somebody enters it.
fn entering(acts: Option<&Acts>, place: Place) -> impl FnMut(&str, &Secret) -> Result<(), String> {
    move |line, secret| {
        let Some(acts) = acts else { return Ok(()) };
        let act = Act::KeyMade { line: Text::cut(line), key: Key(SigningKey::new(secret).id().0) };
        acts.enter(&By::node(), place.clone(), act, "").map(drop).map_err(|refusal| refusal.what)
    }
}

/// Rotates the operator's key of a planet that does not run: nobody has to be
/// told, but those who start. Whether nobody uses the directory, and it is done.
///
/// # Errors
/// When the disk refuses, or a key is damaged.
pub fn turn_operator(
    place: &Path,
    asked: Option<&planet::Keys>,
    now: Moment,
    enter: &mut dyn FnMut(AgentId, AgentId) -> Result<(), String>,
) -> Result<bool, HomeError> {
    let keys = place.join("keys");
    let _held = match hold(place) {
        Ok(held) => held,
        // Whoever runs there does it, once everybody has been told.
        Err(HomeError::InUse { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let ((every, overlap), planet) = (signing::times(asked), PlanetId::of_root(public(&keys, "root")?));
    let mut signer = Signer::new(keys.clone(), OPERATOR.to_owned(), planet, every, overlap);
    let told = custody::recovery::folders(place)?.into_iter().map(|folder| place.join(folder));
    let told: Vec<PathBuf> = told.filter(|folder| *folder != keys).collect();
    succession::ask(&keys, OPERATOR)?;
    Ok(matches!(signer.look((now, true), &mut AtRest { keys: &keys, told: &told, enter })?, Looked::Turned { .. }))
}

/// What is done around the operator's rotation where nothing runs.
struct AtRest<'a> {
    keys: &'a Path,
    told: &'a [PathBuf],
    enter: &'a mut dyn FnMut(AgentId, AgentId) -> Result<(), String>,
}

impl Around for AtRest<'_> {
    fn enter(&mut self, from: AgentId, to: AgentId, _asked: bool) -> Result<(), String> {
        // Nothing but a command comes here.
        (self.enter)(from, to)
    }

    fn tell(&mut self) -> Result<bool, KeyError> {
        self.told.iter().try_for_each(|to| lineage::bring((self.keys, OPERATOR), (to, OPERATOR)))?;
        Ok(true)
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
