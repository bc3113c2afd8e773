//! Rendered files read back: every flow that the planet names works through every
//! layer that it crosses, and every other is denied.
//!
//! It shares no code with what renders: readers, semantics and the reading of
//! what the planet wants are its own, so that a mistake has to be made twice to
//! be missed. What it does not understand in a file is a failure, never a
//! silence. Pure: it is handed the files; `mycel` reads them.

mod atoms;
mod compose;
mod kubernetes;
mod nftables;
mod pipeline;
mod ports;
mod program;
mod read;
mod report;
mod secrets;
mod terraform;
mod wanted;

pub use report::{At, Cell, Failure, Kind, Layer, Matrix, Path, Report, Step, Walk};

use planet::Planet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files that are judged, by their paths below one folder; the parts of a path
/// are divided by `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The most failures that are told; a report of more is of a broken folder.
pub const MOST_FAILURES: usize = 10_000;

/// What is wanted: the planet, as it was read and as it was written.
pub(crate) struct Intent<'p> {
    pub(crate) planet: &'p Planet,
    text: &'p str,
    /// The region of each place of a provider, and of each zone.
    sites: BTreeMap<&'p str, &'p str>,
}

impl<'p> Intent<'p> {
    fn new(planet: &'p Planet, text: &'p str) -> Self {
        let mut sites = BTreeMap::new();
        for region in &planet.region {
            let names = region.zones.iter().map(|zone| zone.as_str());
            for name in names.chain(region.provider_regions.iter().map(|name| name.as_str())) {
                sites.insert(name, region.id.as_str());
            }
        }
        Self { planet, text, sites }
    }

    /// The region that a provider's place or zone is of.
    pub(crate) fn region_of(&self, site: &str) -> Option<&'p str> {
        self.sites.get(site).copied()
    }

    pub(crate) fn has_region(&self, id: &str) -> bool {
        self.planet.region.iter().any(|region| region.id.as_str() == id)
    }

    /// The line, from 0, in which another text of the planet begins to differ.
    pub(crate) fn differs(&self, text: &str) -> Option<u32> {
        if text == self.text {
            return None;
        }
        let same = text.lines().zip(self.text.lines()).take_while(|(one, two)| one == two).count();
        Some(u32::try_from(same).unwrap_or(u32::MAX))
    }
}

/// The targets whose files are judged. Those of any other are told as not
/// understood.
pub const TARGETS: [&str; 6] = ["compose", "kubernetes", "machine", "pipeline", "terraform", "vlan"];

/// Proves rendered files against the planet that they are of. `text` is what the
/// planet was read from, which its processes read again.
#[must_use]
pub fn prove(planet: &Planet, text: &str, files: &Files) -> Report {
    let intent = Intent::new(planet, text);
    let mut report = Report { files: files.len(), ..Report::default() };
    let mut roots = BTreeSet::new();
    for (scope, files) in scopes(files) {
        let failures = &mut report.failures;
        match scope.kind(&intent) {
            Judge::Kubernetes(region) => {
                report.matrices.push(kubernetes::prove(&intent, (&scope.folder, region), &files, failures));
            }
            Judge::Compose(region) => {
                let (scope, found) = (&scope.folder, (failures, &mut report.notes));
                report.matrices.push(compose::prove(&intent, (scope, region), &files, found));
            }
            Judge::Terraform(Some(region)) => {
                let (scope, found) = (&scope.folder, (failures, &mut report.notes));
                report.matrices.extend(terraform::prove(&intent, (scope, region), &files, found));
                roots.insert(region);
            }
            Judge::Terraform(None) => {
                terraform::prove_global(&intent, &scope.folder, &files, failures);
                roots.insert("");
            }
            Judge::Pipeline => pipeline::prove(&intent, &files, failures),
            Judge::Vlan => report.matrices.push(nftables::prove(&intent, &scope.folder, &files, failures)),
            Judge::Nobody(what) => {
                let at = |file: &Arc<str>| At { file: Arc::clone(file), line: 0 };
                failures.extend(
                    files.iter().map(|(file, _)| Failure::new(Kind::NotUnderstood, Layer::File, at(file), &what)),
                );
            }
        }
    }
    if report.matrices.is_empty() && roots.is_empty() {
        let at = At { file: Arc::from("."), line: 0 };
        report.failures.push(Failure::new(Kind::NotUnderstood, Layer::File, at, "no file of a deployment is here"));
    }
    report.notes.extend(absent(planet, &report.matrices));
    let missing = planet.region.iter().filter(|region| region.provider.as_str() == terraform::PROVIDER);
    let missing: Vec<&str> =
        missing.map(|region| region.id.as_str()).filter(|id| !roots.is_empty() && !roots.contains(id)).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        report.notes.push(format!("terraform: no files of {missing} are here, so nothing is said of that"));
    }
    if !roots.is_empty() && !roots.contains("") {
        report.notes.push(
            "terraform: what is of no region is not here, so nothing is said of names and accelerators".to_owned(),
        );
    }
    // Regions of one planet have the same to say.
    let mut said = BTreeSet::new();
    report.notes.retain(|note| said.insert(note.clone()));
    let has_vlans = planet.network.as_ref().is_some_and(|network| !network.vlan.is_empty());
    if has_vlans && !report.matrices.iter().any(|matrix| matrix.scope == "vlan") {
        report.notes.push("vlan: no rules for the planet's VLANs are here, so nothing is said of them".to_owned());
    }
    report.failures.sort();
    report.failures.dedup();
    if let Some(more) = report.failures.len().checked_sub(MOST_FAILURES).filter(|more| *more > 0) {
        report.failures.truncate(MOST_FAILURES);
        let at = At { file: Arc::from("."), line: 0 };
        let what = format!("{more} failures more, which are not told");
        report.failures.push(Failure::new(Kind::NotUnderstood, Layer::File, at, what));
    }
    report
}

/// Regions whose files are not there, where those of others are: nothing is said
/// about them.
fn absent(planet: &Planet, matrices: &[Matrix]) -> Vec<String> {
    let of = |target: &str| {
        let is_there = |region: &str| matrices.iter().any(|matrix| matrix.scope == format!("{target}/{region}"));
        let regions = || planet.region.iter().map(|region| region.id.as_str());
        let missing: Vec<&str> = regions().filter(|region| !is_there(region)).collect();
        let some = !missing.is_empty() && missing.len() < planet.region.len();
        some.then(|| format!("{target}: no files of {} are here, so nothing is said of that", missing.join(", ")))
    };
    ["compose", "kubernetes"].into_iter().filter_map(of).collect()
}

/// Walks a path through every deployment that knows both of its ends. `port` is
/// of TCP; without one, the ports that the planet names are walked, or all.
#[must_use]
pub fn why(planet: &Planet, text: &str, files: &Files, from: &str, to: &str, port: Option<u16>) -> Vec<Walk> {
    let intent = Intent::new(planet, text);
    let ports = port.map(|port| ports::Ports::one(ports::Protocol::Tcp, port));
    let asked = (from, to, ports.as_ref());
    let walks = scopes(files).into_iter().filter_map(|(scope, files)| match scope.kind(&intent) {
        Judge::Kubernetes(region) => kubernetes::why(&intent, (&scope.folder, region), &files, asked),
        Judge::Compose(region) => compose::why(&intent, (&scope.folder, region), &files, asked),
        Judge::Vlan => nftables::why(&intent, &scope.folder, &files, asked),
        Judge::Terraform(Some(region)) => terraform::why(&intent, (&scope.folder, region), &files, asked),
        Judge::Terraform(None) | Judge::Pipeline | Judge::Nobody(_) => None,
    });
    walks.collect()
}

/// The files of one deployment: a target, in one region or in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    folder: String,
}

enum Judge<'p> {
    Kubernetes(&'p str),
    /// Of a region, or of all on one machine.
    Compose(Option<&'p str>),
    /// Of a region, or of none.
    Terraform(Option<&'p str>),
    /// What leads to a deployment, and is none.
    Pipeline,
    /// Of the router between VLANs.
    Vlan,
    Nobody(String),
}

impl Scope {
    fn kind<'p>(&self, intent: &Intent<'p>) -> Judge<'p> {
        let (target, region) = self.folder.split_once('/').unwrap_or((&self.folder, ""));
        let known = intent.planet.region.iter().map(|known| known.id.as_str()).find(|known| *known == region);
        match (target, known) {
            ("kubernetes", Some(region)) => Judge::Kubernetes(region),
            ("compose", Some(region)) => Judge::Compose(Some(region)),
            ("machine", None) if region.is_empty() => Judge::Compose(None),
            ("terraform", Some(region)) => Judge::Terraform(Some(region)),
            ("terraform", None) if terraform::GLOBAL.contains(&region) => Judge::Terraform(None),
            ("pipeline", _) => Judge::Pipeline,
            ("vlan", None) if region.is_empty() => Judge::Vlan,
            ("kubernetes" | "compose", None) => Judge::Nobody("the planet has no such region".to_owned()),
            _ => Judge::Nobody("nothing here understands this file".to_owned()),
        }
    }
}

/// What `mycel render` keeps beside its files for itself.
const MANIFEST: &str = "mycel.json";

type Scoped<'f> = BTreeMap<Scope, Vec<(Arc<str>, &'f [u8])>>;

/// Files by the deployment that they are of.
fn scopes(files: &Files) -> Scoped<'_> {
    let mut scopes = Scoped::new();
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        let mut parts = path.split('/');
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let folder = match (second, third) {
            (Some(second), Some(_)) => format!("{first}/{second}"),
            _ => first.to_owned(),
        };
        scopes.entry(Scope { folder }).or_default().push((Arc::from(path.as_str()), bytes));
    }
    scopes
}
