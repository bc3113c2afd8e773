//! Who could be at an end of a connection: pods that are in the files, pods that
//! somebody could add with the labels that policies ask for, pods of other
//! namespaces, and addresses. What is true of these is true of everybody.

use crate::atoms::Range;
use crate::kubernetes::Labels;
use crate::kubernetes::objects::Objects;
use crate::kubernetes::policy::{End, Pod, Policy};
use crate::kubernetes::selector::{OWN_NAME, Selector};
use crate::report::At;
use crate::wanted::{Wanted, Who};
use std::collections::BTreeSet;

/// How a pod says that it stands in a tier, as docs/guides/deploy.md has it.
const TIER: &str = "tier.mycel.dev/";
/// Where the cluster's DNS is, and Prometheus: by the same guide.
const DNS: [(&str, &str); 2] = [("kube-system", "k8s-app"), ("kube-dns", "")];
const PROMETHEUS: [(&str, &str); 2] = [("monitoring", "app.kubernetes.io/name"), ("prometheus", "")];
/// A namespace that nobody has named.
const OTHER: &str = "elsewhere";

/// Who could stand at ends of paths, all together. CARMA has some 150 in a region.
const MOST_ENDS: usize = 20_000;
/// Policies, workloads, and different selectors of one region.
const MOST_OBJECTS: usize = 2_000;

/// A place of the matrix: all who are the same to the planet.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) who: Who,
    /// Who that could be.
    pub(crate) ends: Vec<Stand>,
}

/// Somebody who could be at an end.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    pub(crate) end: End,
    /// In words.
    pub(crate) words: String,
    /// The line that puts it there, when one does.
    pub(crate) at: Option<At>,
    /// The policies that hold it, by their number.
    pub(crate) held: Vec<usize>,
}

impl Stand {
    fn new(end: End, words: String, at: Option<At>) -> Self {
        Self { end, words, at, held: Vec::new() }
    }
}

/// None when that is more than can be judged.
pub(crate) fn places(objects: &Objects<'_>, wanted: &Wanted<'_>) -> Option<Vec<Place>> {
    let (of_pods, of_spaces) = selectors(objects);
    let outside = (of_pods.len() + wanted.tiers.len()).saturating_mul(of_spaces.len() + 3);
    let most = [objects.policies.len(), objects.workloads.len(), of_pods.len(), outside / 10];
    if most.iter().any(|many| *many > MOST_OBJECTS) {
        return None;
    }
    let own = objects.intent.planet.planet.name.as_str();
    let mut places = Vec::new();
    let edges: Vec<Range> = edges(objects, wanted);
    let address = |name: &str, who: Who| {
        let pieces = wanted.pieces(&who, &edges);
        let ends = pieces.into_iter().map(|piece| Stand::new(End::Piece(piece), piece.to_string(), None)).collect();
        Place { name: name.to_owned(), who, ends }
    };
    places.push(address("internet", Who::Internet));
    for tier in wanted.nets.keys() {
        places.push(address(&format!("net:{tier}"), Who::Net((*tier).to_owned())));
    }
    if !wanted.elsewhere.is_empty() {
        places.push(address("region:*", Who::Regions));
    }
    places.push(address("net:*", Who::Private));
    places.extend(pods(objects, own));
    let free = free(objects, own);
    places.extend(wanted.tiers.iter().map(|tier| of_tier(objects, own, tier, &free)));
    places.extend(free.iter().filter(|labels| tiers(labels).len() > 1).map(|labels| of_tiers(objects, own, labels)));
    places.push(others(objects, own, &free));
    places.push(known(objects, "dns", Who::Dns, DNS));
    places.push(known(objects, "prometheus", Who::Prometheus, PROMETHEUS));
    places.push(strangers(objects, own, wanted));
    places.retain(|place| !place.ends.is_empty());
    if places.iter().map(|place| place.ends.len()).sum::<usize>() > MOST_ENDS {
        return None;
    }
    for stand in places.iter_mut().flat_map(|place| &mut place.ends) {
        if let End::Pod(pod) = &stand.end {
            let policies = objects.policies.iter().enumerate();
            stand.held = policies.filter(|(_, policy)| policy.selects(pod)).map(|(at, _)| at).collect();
        }
    }
    Some(places)
}

fn edges(objects: &Objects<'_>, wanted: &Wanted<'_>) -> Vec<Range> {
    let policies = objects.policies.iter().flat_map(Policy::edges);
    let services = objects.services.iter().flat_map(|service| service.sources.iter().copied());
    policies.chain(services).chain(wanted.edges()).collect()
}

fn end(objects: &Objects<'_>, namespace: &str, labels: Labels) -> End {
    let namespace_labels = objects.labels_of(namespace);
    End::Pod(Pod { namespace: namespace.to_owned(), namespace_labels, labels, named: Vec::new() })
}

/// The pods that are in the files.
fn pods(objects: &Objects<'_>, own: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for workload in &objects.workloads {
        let namespace = workload.meta.namespace.clone();
        let who = match &workload.program {
            Some(_) => Who::Program,
            None if namespace == own => Who::Pod(tiers(&workload.labels)),
            None => Who::Stranger,
        };
        let named = workload.named();
        let (namespace_labels, labels) = (objects.labels_of(&namespace), workload.labels.clone());
        let words = format!("{} {}", workload.meta.kind, workload.meta.name);
        let end = End::Pod(Pod { namespace, namespace_labels, labels, named });
        let name = format!("pod:{}", workload.meta.name);
        let mut ends = vec![Stand::new(end, words, Some(workload.meta.at.clone()))];
        // Pods of one name are one place, whatever keeps them.
        match places.iter_mut().find(|place| place.name == name && place.who == who) {
            Some(place) => place.ends.append(&mut ends),
            None => places.push(Place { name, who, ends }),
        }
    }
    places
}

/// The tiers that a pod says it stands in.
fn tiers(labels: &Labels) -> BTreeSet<String> {
    let said = labels.iter().filter(|(_, value)| *value == "yes");
    said.filter_map(|(key, _)| key.strip_prefix(TIER)).map(str::to_owned).collect()
}

/// Selectors of pods and of namespaces, in policies.
fn selectors<'o>(objects: &'o Objects<'_>) -> (BTreeSet<&'o Selector>, BTreeSet<&'o Selector>) {
    let (mut of_pods, mut of_spaces) = (BTreeSet::new(), BTreeSet::new());
    for policy in &objects.policies {
        let (pods, spaces) = policy.selectors();
        of_pods.extend(pods);
        of_spaces.extend(spaces);
    }
    (of_pods, of_spaces)
}

/// What each selector asks for that selects no pod of the files.
fn free(objects: &Objects<'_>, own: &str) -> BTreeSet<Labels> {
    let (of_pods, _) = selectors(objects);
    let is_free = |selector: &&Selector| objects.selected(own, selector).next().is_none();
    of_pods.into_iter().filter(is_free).filter_map(Selector::witness).filter(|labels| !labels.is_empty()).collect()
}

/// Pods of a tier: with its label alone, and with it what else a selector asks for.
fn of_tier(objects: &Objects<'_>, own: &str, tier: &str, free: &BTreeSet<Labels>) -> Place {
    let label = (format!("{TIER}{tier}"), "yes".to_owned());
    let stands_elsewhere = |labels: &Labels| tiers(labels).iter().any(|other| other != tier);
    let with = |labels: &Labels| {
        labels.iter().map(|(key, value)| (key.clone(), value.clone())).chain([label.clone()]).collect()
    };
    let mut all: BTreeSet<Labels> = free.iter().filter(|labels| !stands_elsewhere(labels)).map(with).collect();
    all.remove(&Labels::from([label.clone()]));
    let more = all.into_iter().map(|labels| {
        let words = words(&format!("a pod of tier {tier}"), &labels);
        Stand::new(end(objects, own, labels), words, None)
    });
    let alone = Stand::new(end(objects, own, Labels::from([label.clone()])), format!("a pod of tier {tier}"), None);
    let who = Who::Pod(BTreeSet::from([tier.to_owned()]));
    Place { name: tier.to_owned(), who, ends: std::iter::once(alone).chain(more).collect() }
}

/// A pod that a selector wants in several tiers at once.
fn of_tiers(objects: &Objects<'_>, own: &str, labels: &Labels) -> Place {
    let tiers = tiers(labels);
    let name = tiers.iter().map(String::as_str).collect::<Vec<_>>().join("+");
    let stand = Stand::new(end(objects, own, labels.clone()), words("a pod", labels), None);
    Place { name, who: Who::Pod(tiers), ends: vec![stand] }
}

/// Pods that somebody could add to the namespace, in no tier: without a label, and
/// with what each selector asks for.
fn others(objects: &Objects<'_>, own: &str, free: &BTreeSet<Labels>) -> Place {
    let free = free.iter().filter(|labels| tiers(labels).is_empty()).cloned();
    let ends = std::iter::once(Labels::new()).chain(free).map(|labels| {
        let words = words("a pod", &labels);
        Stand::new(end(objects, own, labels), words, None)
    });
    Place { name: "pod:*".to_owned(), who: Who::Pod(BTreeSet::new()), ends: ends.collect() }
}

fn words(who: &str, labels: &Labels) -> String {
    if labels.is_empty() {
        return format!("{who} without labels");
    }
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{who} with {}", labels.join(", "))
}

fn known(objects: &Objects<'_>, name: &str, who: Who, [(space, key), (value, _)]: [(&str, &str); 2]) -> Place {
    let labels = Labels::from([(key.to_owned(), value.to_owned())]);
    Place { name: name.to_owned(), who, ends: vec![Stand::new(end(objects, space, labels), name.to_owned(), None)] }
}

/// Pods of other namespaces: of those that policies ask for, and of one that
/// nobody has named, with every label that somebody asks for and without any.
fn strangers(objects: &Objects<'_>, own: &str, wanted: &Wanted<'_>) -> Place {
    let (of_pods, of_spaces) = selectors(objects);
    let mut spaces: BTreeSet<(String, Labels)> = BTreeSet::new();
    for name in [OTHER, DNS[0].0, PROMETHEUS[0].0] {
        spaces.insert((name.to_owned(), objects.labels_of(name)));
    }
    for (at, selector) in of_spaces.iter().enumerate() {
        let Some(mut labels) = selector.witness() else { continue };
        let name = labels.get(OWN_NAME).cloned().unwrap_or_else(|| format!("{OTHER}-{at}"));
        labels.insert(OWN_NAME.to_owned(), name.clone());
        spaces.insert((name, labels));
    }
    spaces.retain(|(name, _)| name != own && !objects.spaces.contains_key(name));
    let mut asked: BTreeSet<Labels> = of_pods.into_iter().filter_map(Selector::witness).collect();
    asked.insert(Labels::new());
    asked.extend(wanted.tiers.iter().map(|tier| Labels::from([(format!("{TIER}{tier}"), "yes".to_owned())])));
    let mut ends = Vec::new();
    for (name, space) in &spaces {
        for labels in &asked {
            let is = |[(space, key), (value, _)]: [(&str, &str); 2]| {
                name == space && labels.get(key).is_some_and(|has| has == value)
            };
            if is(DNS) || is(PROMETHEUS) {
                continue;
            }
            let who = words(&format!("a pod of namespace {name}"), labels);
            let (namespace, namespace_labels, labels) = (name.clone(), space.clone(), labels.clone());
            ends.push(Stand::new(End::Pod(Pod { namespace, namespace_labels, labels, named: Vec::new() }), who, None));
        }
    }
    Place { name: "namespace:*".to_owned(), who: Who::Stranger, ends }
}
