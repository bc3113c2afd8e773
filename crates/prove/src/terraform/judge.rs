//! Each place with each other: what the files of a region let through, beside what
//! the planet wants.

use crate::Intent;
use crate::atoms::{Range, cut};
use crate::ports::{Ports, Protocol};
use crate::report::{At, Cell, Failure, Kind, Layer, Matrix, Path, Step, Walk};
use crate::terraform::asked::Region;
use crate::terraform::balance::{self, Balancer, Target};
use crate::terraform::hop::Hop;
use crate::terraform::item::Tell;
use crate::terraform::stands::{Role, Stand};
use crate::terraform::ways::{End, Ways, works};
use crate::terraform::{acl, data, entry, group, network, root, stands};
use crate::wanted::{DNS, INTERNET, Wanted, Who};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pairs of ends, each with the rules that it is held against. CARMA takes some
/// 200,000 in a region; so many take a second or two.
const MOST_WORK: usize = 20_000_000;
/// Networks that addresses are cut by. CARMA's regions have some 40.
const MOST_EDGES: usize = 1_000;

/// What keeps a cluster, in the matrix.
const CLUSTER: &str = "cluster";
/// Where members of a cluster ask each other: what keeps it, and each node.
const OF_CLUSTER: [u16; 2] = [443, 10_250];

/// Everything that is known of a region.
pub(crate) struct Site<'p> {
    pub(crate) asked: Region<'p>,
    pub(crate) wanted: Wanted<'p>,
    pub(crate) ways: Ways<'p>,
    pub(crate) balancers: Vec<Balancer>,
    pub(crate) targets: BTreeMap<String, Target>,
    /// Every network that a rule, a route or the planet names.
    pub(crate) edges: Vec<Range>,
    /// The Internet, in pieces.
    pub(crate) internet: Vec<Range>,
    places: Vec<Place>,
}

/// A row and column of the matrix.
struct Place {
    name: String,
    who: Who,
    ends: Vec<End>,
}

/// Proves the root of one region. One without a network has no matrix.
pub(crate) fn prove(
    intent: &Intent<'_>,
    (scope, region): (&str, &str),
    files: &[(Arc<str>, &[u8])],
    (failures, notes): (&mut Vec<Failure>, &mut Vec<String>),
) -> Option<Matrix> {
    let mut tell = Tell::new(failures, Layer::File);
    let root = root::read(intent, scope, files, &mut tell);
    let site = Site::new(intent, region, &root, &mut tell)?;
    data::region(&root, &site.asked, intent, &mut tell);
    if site.asked.subnets.is_empty() {
        return None;
    }
    if !site.is_bearable() {
        tell.lost(root.whole.clone(), "there is more here than is judged: rules, subnets or machines");
        return None;
    }
    entry::judge(&site, &mut tell);
    let free = site.asked.tiers().into_iter().filter(|tier| site.wanted.named(tier, DNS).is_empty());
    let free: Vec<&str> = free.collect();
    if !free.is_empty() && site.answers() {
        notes.push(format!(
            "terraform: AWS answers names for {} as well, though the planet names no such flow: no group and no ACL can deny that",
            free.join(", ")
        ));
    }
    for tier in site.asked.tiers() {
        let ports = site.beside(tier);
        if !ports.is_empty() {
            notes.push(format!(
                "terraform: machines of {tier} that share a subnet reach each other at {ports}, where all of them have flows with the Internet: groups cannot tell these apart, and ACLs are not asked"
            ));
        }
    }
    Some(site.matrix(scope, &mut tell))
}

/// Walks from one place to another, layer by layer.
pub(crate) fn why(
    intent: &Intent<'_>,
    (scope, region): (&str, &str),
    files: &[(Arc<str>, &[u8])],
    (from, to, asked): (&str, &str, Option<&Ports>),
) -> Option<Walk> {
    let mut failures = Vec::new();
    let mut tell = Tell::new(&mut failures, Layer::File);
    let root = root::read(intent, scope, files, &mut tell);
    let site = Site::new(intent, region, &root, &mut tell)?;
    if !site.is_bearable() {
        return None;
    }
    let place = |name: &str| site.places.iter().find(|place| place.name == name);
    Some(site.walk(scope, place(from)?, place(to)?, asked))
}

impl<'p> Site<'p> {
    fn new(intent: &Intent<'p>, region: &str, root: &root::Root, tell: &mut Tell<'_>) -> Option<Self> {
        let asked = Region::new(intent, region)?;
        let network = network::read(root, &asked, tell);
        let acls = acl::read(root, &network, tell);
        let groups = group::read(root, &asked, tell);
        let stands = stands::read(root, &asked, (&network, &groups), tell);
        let balancers = balance::read(root, &stands, tell);
        let targets = balance::targets(root, &stands, &mut tell.at(Layer::Balancer));
        let wanted = Wanted::new(intent.planet, region);
        let ways = Ways { network, acls, groups, stands, whole: root.whole.clone() };
        let named = wanted.edges().into_iter().chain(asked.vpns.iter().map(|(_, net)| *net));
        let edges: BTreeSet<Range> = ways.edges().into_iter().chain(named).collect();
        let edges = edges.into_iter().collect();
        let (internet, places) = (Vec::new(), Vec::new());
        let mut site = Self { asked, wanted, ways, balancers, targets, edges, internet, places };
        if site.edges.len() <= MOST_EDGES {
            site.places = site.places();
        }
        Some(site)
    }

    fn places(&mut self) -> Vec<Place> {
        let edges = &self.edges;
        let four = |pieces: Vec<Range>| pieces.into_iter().filter(|piece| !piece.six).collect::<Vec<_>>();
        let outside = |pieces: &[Range], is_internet: bool| {
            pieces.iter().map(|piece| End { piece: *piece, stand: None, is_internet }).collect::<Vec<_>>()
        };
        self.internet = four(self.wanted.pieces(&Who::Internet, edges));
        let mut places =
            vec![Place { name: INTERNET.to_owned(), who: Who::Internet, ends: outside(&self.internet, true) }];
        let inside = |is_it: &dyn Fn(&Stand, &str) -> bool| {
            let mut ends = Vec::new();
            for (number, stand) in self.ways.stands.iter().enumerate() {
                let Some(subnet) = self.ways.network.subnets.get(stand.subnet) else { continue };
                if is_it(stand, subnet.is.tier) {
                    let pieces = cut(&[subnet.is.net], &[], edges);
                    ends.extend(pieces.into_iter().map(|piece| End { piece, stand: Some(number), is_internet: false }));
                }
            }
            ends
        };
        for tier in self.asked.tiers() {
            let ends = inside(&|stand, of| of == tier && stand.role != Role::Control);
            places.push(Place { name: tier.to_owned(), who: Who::Net(tier.to_owned()), ends });
        }
        let control = inside(&|stand, _| stand.role == Role::Control);
        if !control.is_empty() {
            places.push(Place { name: CLUSTER.to_owned(), who: Who::Program, ends: control });
        }
        places.push(Place { name: DNS.to_owned(), who: Who::Dns, ends: Vec::new() });
        let vpns: Vec<Range> = self.asked.vpns.iter().map(|(_, net)| *net).collect();
        for (name, net) in &self.asked.vpns {
            let ends = outside(&cut(&[*net], &[], edges), false);
            places.push(Place { name: format!("vpn:{name}"), who: Who::Private, ends });
        }
        let regions = outside(&four(self.wanted.pieces(&Who::Regions, edges)), false);
        let private = four(self.wanted.pieces(&Who::Private, edges));
        // Addresses of this network that are no subnet's are nobody's.
        let own: Vec<Range> = vpns.into_iter().chain(self.asked.vpc).collect();
        let private: Vec<Range> =
            private.into_iter().filter(|piece| !own.iter().any(|net| net.contains(*piece))).collect();
        places.push(Place { name: "region:*".to_owned(), who: Who::Regions, ends: regions });
        places.push(Place { name: "net:*".to_owned(), who: Who::Private, ends: outside(&private, false) });
        places
    }

    fn is_bearable(&self) -> bool {
        let ends: usize = self.places.iter().map(|place| place.ends.len()).sum();
        let rules = 1 + self.ways.acls.size() + self.ways.groups.size();
        let inside = self.ways.stands.len().saturating_mul(2).max(1);
        !self.places.is_empty() && ends.saturating_mul(inside).saturating_mul(rules) <= MOST_WORK
    }

    /// Whether the network answers names.
    pub(crate) fn answers(&self) -> bool {
        self.ways.network.names.as_ref().is_some_and(|(answers, _)| *answers)
    }

    fn stand(&self, end: &End) -> Option<&Stand> {
        end.stand.and_then(|at| self.ways.stands.get(at))
    }

    /// What must pass between two ends, and what may.
    fn wish(&self, (from, one): (&Place, &End), (to, two): (&Place, &End)) -> (Ports, Ports) {
        let named = self.wanted.named(&from.name, &to.name);
        let (sender, receiver) = (self.stand(one), self.stand(two));
        let role = |stand: Option<&Stand>| stand.map_or(Role::Member, |stand| stand.role);
        let is_cluster = |stand: Option<&Stand>| stand.is_some_and(|stand| stand.is_cluster);
        if is_cluster(sender) && is_cluster(receiver) && self.asked.has_cluster {
            let asks = |all: Ports, port: &u16| all.or(&Ports::one(Protocol::Tcp, *port));
            let is_between = role(sender) == Role::Control || role(receiver) == Role::Control;
            let must = if is_between { OF_CLUSTER.iter().fold(Ports::none(), asks) } else { Ports::none() };
            return (must.or(&named), Ports::all());
        }
        let opened = || {
            let number = two.stand.unwrap_or(usize::MAX);
            let own = self.balancers.iter().filter(|balancer| balancer.stands.contains(&number));
            own.flat_map(|balancer| &balancer.listeners).fold(Ports::none(), |all, one| all.or(&one.ports))
        };
        let must = match (role(sender), role(receiver)) {
            (Role::Control, _) | (_, Role::Control) | (Role::Balancer, _) => Ports::none(),
            (_, Role::Balancer) if from.who == Who::Internet => named.and(&opened()),
            (_, Role::Balancer) => Ports::none(),
            _ => named.clone(),
        };
        // No ACL stands between two of one subnet, and a group that is open to the
        // Internet is open to them.
        let is_beside = sender.zip(receiver).is_some_and(|(one, two)| one.subnet == two.subnet);
        let may = if is_beside { named.or(&self.beside(&from.name)) } else { named };
        (must, may)
    }

    /// The ports at which machines of a tier reach each other within a subnet: those
    /// that they both have with the Internet, which no group of AWS can tell apart.
    fn beside(&self, tier: &str) -> Ports {
        self.wanted.named(tier, INTERNET).and(&self.wanted.named(INTERNET, tier))
    }

    fn matrix(&self, scope: &str, tell: &mut Tell<'_>) -> Matrix {
        let columns = self.places.iter().map(|place| place.name.clone()).collect();
        let rows = self.places.iter().map(|from| {
            let cells = self.places.iter().map(|to| self.cell(from, to, tell)).collect();
            (from.name.clone(), cells)
        });
        Matrix { scope: scope.to_owned(), columns, rows: rows.collect() }
    }

    fn cell(&self, from: &Place, to: &Place, tell: &mut Tell<'_>) -> Cell {
        let is_inside = |place: &Place| matches!(place.who, Who::Net(_) | Who::Program);
        if to.who == Who::Dns && matches!(from.who, Who::Net(_)) {
            return self.names(from, tell);
        }
        let is_judged = from.who != Who::Dns && to.who != Who::Dns && (is_inside(from) || is_inside(to));
        if !is_judged {
            return Cell { ports: String::new(), good: true, judged: false };
        }
        let mut all: Option<Ports> = None;
        let (mut some, mut found) = (Ports::none(), Vec::new());
        for one in &from.ends {
            for two in &to.ends {
                let hops = self.ways.hops(one, two);
                let (works, gets) = works(&hops);
                let wish = self.wish((from, one), (to, two));
                all = Some(all.map_or_else(|| works.clone(), |all| all.and(&works)));
                some = some.or(&works);
                if !works.contains(&wish.0) || !wish.1.contains(&gets) {
                    self.compare((from, one), (to, two), (&hops, &gets, wish), &mut found);
                }
            }
        }
        let (all, good) = (all.unwrap_or_default(), found.is_empty());
        tell.take(found);
        let ports = if all == some { all.to_string() } else { format!("{some}?") };
        Cell { ports, good, judged: true }
    }

    /// Names are answered by the network itself, whatever groups and ACLs say.
    fn names(&self, from: &Place, tell: &mut Tell<'_>) -> Cell {
        let wanted = self.wanted.named(&from.name, DNS);
        if wanted.is_empty() {
            return Cell { ports: String::new(), good: true, judged: false };
        }
        let good = self.answers();
        if !good {
            let at = self.ways.network.names.as_ref().map_or_else(|| self.ways.whole.clone(), |(_, at)| at.clone());
            let what = "the network answers no names".to_owned();
            tell.at(Layer::Subnet).path(Kind::Stopped, at, (&from.name, DNS, &wanted), what);
        }
        Cell { ports: if good { wanted.to_string() } else { String::new() }, good, judged: true }
    }

    fn words(&self, end: &End) -> String {
        match self.stand(end) {
            Some(stand) => format!("{} in {}", stand.words, end.piece),
            None => end.piece.to_string(),
        }
    }

    /// At most one failure of each kind and layer for a pair of places: the first
    /// of its ends that fails speaks for all.
    fn compare(
        &self,
        (from, one): (&Place, &End),
        (to, two): (&Place, &End),
        (hops, gets, (must, may)): (&[Hop], &Ports, (Ports, Ports)),
        found: &mut Vec<Failure>,
    ) {
        let path = |ports: &Ports| Path { from: from.name.clone(), to: to.name.clone(), ports: ports.to_string() };
        let whom = format!("{} to {}", self.words(one), self.words(two));
        for hop in hops {
            let missing = must.minus(&hop.ports);
            let already = |one: &&Failure| one.kind == Kind::Stopped && one.layer == hop.layer;
            let (at, why) = hop.blame(&missing, &self.ways.whole);
            if missing.is_empty() || found.iter().filter(already).any(|one| one.at == at) {
                continue;
            }
            found.push(Failure::new(Kind::Stopped, hop.layer, at, format!("{why} ({whom})")).on(path(&missing)));
        }
        let extra = gets.minus(&may);
        if extra.is_empty() || found.iter().any(|one| one.kind == Kind::LetThrough) {
            return;
        }
        // Who receives it comes first: groups before what all of a subnet share.
        let lets = |layer: Layer| {
            hops.iter().rev().filter(move |hop| hop.layer == layer && !hop.is_reply).find_map(|hop| hop.lets(&extra))
        };
        let lines =
            [Layer::Group, Layer::Route, Layer::Acl].into_iter().filter_map(|layer| Some((layer, lets(layer)?)));
        let mut lines = lines.collect::<Vec<_>>().into_iter();
        let (layer, at) = lines.next().unwrap_or((Layer::Group, self.ways.whole.clone()));
        let also: Vec<At> = lines.map(|(_, at)| at).collect();
        if let Some((region, classes)) = self.wanted.region_at(two.piece).filter(|(_, classes)| !classes.is_empty()) {
            let what =
                format!("records of {} may not be in region {region}, where {} is", classes.join(", "), two.piece);
            found.push(Failure::new(Kind::Elsewhere, layer, at.clone(), what).on(path(&extra)));
        }
        let what = format!("it is let through, and the planet names no such flow ({whom})");
        found.push(Failure::new(Kind::LetThrough, layer, at, what).on(path(&extra)).with(also));
    }

    fn walk(&self, scope: &str, from: &Place, to: &Place, asked: Option<&Ports>) -> Walk {
        let (mut steps, mut shown, mut wanted) = (Vec::new(), String::new(), Ports::none());
        let pairs = from.ends.iter().flat_map(|one| to.ends.iter().map(move |two| (one, two)));
        let judged = pairs.map(|(one, two)| {
            let (must, may) = self.wish((from, one), (to, two));
            let wants = asked.cloned().unwrap_or_else(|| if must.is_empty() { Ports::all() } else { must });
            (self.ways.hops(one, two), wants, may, format!("{} to {}", self.words(one), self.words(two)))
        });
        let judged: Vec<_> = judged.collect();
        // The end that fails speaks for the place; without one, the first.
        let fails = judged.iter().find(|(hops, wants, ..)| !works(hops).0.contains(wants));
        if let Some((hops, wants, may, whom)) = fails.or(judged.first()) {
            shown = wants.to_string();
            wanted = may.clone();
            steps = hops.iter().map(|hop| step(hop, wants, whom, &self.ways.whole)).collect();
        } else if to.who == Who::Dns {
            wanted = self.wanted.named(&from.name, DNS);
            let at = self.ways.network.names.iter().map(|(_, at)| at.clone()).collect();
            let what = "the network answers names, whatever groups and ACLs say".to_owned();
            steps = vec![Step { layer: Layer::Subnet, passes: self.answers(), what, at }];
            shown = asked.cloned().unwrap_or_else(|| wanted.clone()).to_string();
        }
        let wanted = asked.map_or(!wanted.is_empty(), |asked| wanted.contains(asked));
        let path = Path { from: from.name.clone(), to: to.name.clone(), ports: shown };
        Walk { scope: scope.to_owned(), path, wanted, steps }
    }
}

fn step(hop: &Hop, wants: &Ports, whom: &str, whole: &At) -> Step {
    let passes = hop.ports.contains(wants);
    if passes {
        return Step {
            layer: hop.layer,
            passes,
            what: format!("{} ({whom})", hop.what),
            at: hop.lets(wants).into_iter().collect(),
        };
    }
    let (at, why) = hop.blame(&wants.minus(&hop.ports), whole);
    Step { layer: hop.layer, passes, what: format!("{why} ({whom})"), at: vec![at] }
}
