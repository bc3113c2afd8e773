//! What is rendered from: a planet, computed once, and the program that is to
//! run it.

use crate::Refused;
use crate::name;
use planet::plan::layout::Layout;
use planet::plan::{Plan, RegionPlan, Unplannable};
use planet::{Planet, Region, StoreEngine, Tables};
use sha2::{Digest as _, Sha256};

/// The largest planet file that a deployment hands to its processes: a
/// ConfigMap of Kubernetes holds 1 MiB, and its other keys are small.
const MOST_TEXT: usize = 1_000_000;

/// No disk is smaller: a log's first files, an index, and room to grow.
const LEAST_DISK: u64 = 10 << 30;

/// What is rendered from.
pub struct Scene<'a> {
    /// The planet.
    pub planet: &'a Planet,
    /// The text that it was read from, which its processes read again.
    pub text: &'a str,
    /// What it comes to.
    pub plan: &'a Plan,
    /// Where its blocks stand.
    pub layout: Layout,
    /// The container image of the program.
    pub image: &'a str,
    /// The program's version.
    pub version: &'a str,
    /// Where the CA's office is, as HOST:PORT: with one, gateways run apart from
    /// hosts.
    pub office: Option<&'a str>,
}

/// A region of the planet.
pub struct Place<'a> {
    /// Its number in the file.
    pub at: usize,
    /// What the file says of it.
    pub region: &'a Region,
    /// What it comes to.
    pub plan: &'a RegionPlan,
}

impl Place<'_> {
    /// What the file calls it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.region.id.as_str()
    }
}

impl<'a> Scene<'a> {
    /// Gathers what is rendered from.
    ///
    /// # Errors
    /// When the planet cannot be laid out.
    pub fn new(
        (planet, text): (&'a Planet, &'a str),
        plan: &'a Plan,
        (image, version): (&'a str, &'a str),
    ) -> Result<Self, Unplannable> {
        Ok(Self { planet, text, plan, layout: Layout::new(planet)?, image, version, office: None })
    }

    /// What the planet is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.planet.planet.name.as_str()
    }

    /// The regions, in the order of the file.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let pairs = self.planet.region.iter().zip(&self.plan.regions).enumerate();
        pairs.map(|(at, (region, plan))| Place { at, region, plan })
    }

    /// The memory that the plan takes a host to keep for itself.
    #[must_use]
    pub fn reserved_bytes(&self) -> u64 {
        Tables::builtin().calibration.for_planet(self.planet).host_reserved.0
    }

    /// The disk of a region's host: what the plan takes its active slots to keep,
    /// once in the log and once in the index.
    #[must_use]
    pub fn disk_bytes(&self, place: &Place<'_>) -> u64 {
        let activity = &self.planet.activity;
        let active = activity.active.of_ceil(place.plan.slots);
        active.saturating_mul(activity.stored.0).saturating_mul(2).max(LEAST_DISK)
    }
}

/// What no target can render.
pub(crate) fn check(scene: &Scene<'_>, wanted: &[&str]) -> Result<(), Refused> {
    let store = &scene.planet.store.engine;
    if store.value != StoreEngine::Embedded {
        return Err(Refused {
            what: format!("the engine \"{}\" is not served: what is rendered for it would not start", store.value),
            hint: format!("write \"{}\", or leave the key out", StoreEngine::Embedded),
            at: Some(store.span),
        });
    }
    if let Some(unknown) = wanted.iter().find(|id| scene.layout.region(id).is_none()) {
        let ids: Vec<&str> = scene.planet.region.iter().map(|region| region.id.as_str()).collect();
        return Err(Refused {
            what: format!("there is no region `{}`", unknown.escape_debug()),
            hint: format!("name one of {}", ids.join(", ")),
            at: None,
        });
    }
    if scene.text.len() > MOST_TEXT {
        return Err(Refused {
            what: format!("the planet file is {} bytes long; {MOST_TEXT} can be deployed with", scene.text.len()),
            hint: "leave comments out of the file that is deployed".to_owned(),
            at: None,
        });
    }
    name::image(scene.image)
}

/// SHA-256, in letters.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
