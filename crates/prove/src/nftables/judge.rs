//! Where connections go between VLANs, beside what the planet says: a way that
//! it allows opens and has its replies, and no other does. What is from no VLAN
//! or to none is denied, and so is whoever has made up the address he comes with.

use super::packet::{Fate, Packet, Router};
use super::read::read;
use super::{Hook, Rules, State};
use crate::Intent;
use crate::atoms::{Range, cut};
use crate::ports::Ports;
use crate::read::form::Form;
use crate::report::{At, Cell, Failure, Kind, Layer, Matrix, Path, Step, Walk};
use planet::Vlan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The file that rules are in.
const FILE: &str = "vlan.nft";
/// Every address that is of no VLAN.
const NONE: &str = "vlan:none";
/// The router's own address in a VLAN.
const ROUTER: &str = "router:";
/// The most pieces that addresses fall into; each is judged with each.
const MOST_PIECES: usize = 2_000;
/// What opens a way: a packet that the kernel knows no connection of, or cannot
/// place.
const OPENS: [State; 3] = [State::New, State::Invalid, State::Untracked];
/// Rules tell no ports apart.
const ALL: &str = "all";

/// Proves the files of the router.
pub(crate) fn prove(
    intent: &Intent<'_>,
    scope: &str,
    files: &[(Arc<str>, &[u8])],
    failures: &mut Vec<Failure>,
) -> Matrix {
    let vlans = vlans(intent);
    let found = rules(scope, files, failures).and_then(|(file, rules)| {
        let pieces = pieces(vlans, &rules, &mut Form::new(&file, Layer::Nftables, failures))?;
        Some((file, rules, pieces))
    });
    let Some((file, rules, pieces)) = found else { return unjudged(vlans, scope) };
    let router = Router::new(&rules);
    let mut judge = Judge { vlans, router: &router, pieces, has_tags: !rules.tags().is_empty(), told: BTreeMap::new() };
    judge.all();
    if let Some((line, what)) = router.lost() {
        Form::new(&file, Layer::Nftables, failures).lost(line, what);
        return unjudged(vlans, scope);
    }
    let matrix = judge.matrix(scope);
    for ((kind, from, to, line), what) in judge.told {
        let at = At { file: Arc::clone(&file), line };
        let path = Path { from, to, ports: ALL.to_owned() };
        failures.push(Failure::new(kind, Layer::Nftables, at, what).on(path));
    }
    matrix
}

/// Walks from one VLAN to another, or to the router's address in one. None when
/// a place is none of these, or the rules were not understood.
pub(crate) fn why(
    intent: &Intent<'_>,
    scope: &str,
    files: &[(Arc<str>, &[u8])],
    (from, to, asked): (&str, &str, Option<&Ports>),
) -> Option<Walk> {
    let (vlans, mut failures) = (vlans(intent), Vec::new());
    let (file, rules) = rules(scope, files, &mut failures)?;
    let pieces = pieces(vlans, &rules, &mut Form::new(&file, Layer::Nftables, &mut failures))?;
    let router = Router::new(&rules);
    let judge = Judge { vlans, router: &router, pieces, has_tags: false, told: BTreeMap::new() };
    let place = |name: &str| match name {
        NONE => Some(None),
        name => vlans.iter().position(|vlan| vlan.name.as_str() == name).map(Some),
    };
    let (hook, target) = to.strip_prefix(ROUTER).map_or((Hook::Forward, to), |name| (Hook::Input, name));
    let way = Way { hook, from: place(from)?, to: place(target)? };
    if !judge.is_judged(way) {
        return None;
    }
    let steps = judge.steps(way, &file);
    let ports = asked.map_or_else(|| ALL.to_owned(), ToString::to_string);
    let path = Path { from: from.to_owned(), to: to.to_owned(), ports };
    router.lost().is_none().then(|| Walk { scope: scope.to_owned(), path, wanted: judge.is_wanted(way), steps })
}

fn vlans<'p>(intent: &Intent<'p>) -> &'p [Vlan] {
    intent.planet.network.as_ref().map_or(&[], |network| network.vlan.as_slice())
}

/// The rules of the one file that there is to be.
fn rules(scope: &str, files: &[(Arc<str>, &[u8])], failures: &mut Vec<Failure>) -> Option<(Arc<str>, Rules)> {
    let mut found = None;
    for (file, bytes) in files {
        let mut form = Form::new(file, Layer::Nftables, failures);
        if **file != *format!("{scope}/{FILE}") {
            form.lost(0, format!("rules for VLANs are in {FILE} alone"));
            continue;
        }
        match read(bytes) {
            Ok(rules) => found = Some((Arc::clone(file), rules)),
            Err(lost) => form.fail(lost.kind, lost.line, lost.what),
        }
    }
    found
}

/// Addresses in pieces that nothing divides, by the VLAN that they are of; those
/// of none are behind the last.
fn pieces(vlans: &[Vlan], rules: &Rules, form: &mut Form<'_>) -> Option<Vec<Vec<Range>>> {
    let nets: Vec<Range> = vlans.iter().map(|vlan| vlan.net.value.into()).collect();
    for (at, vlan) in vlans.iter().enumerate() {
        let same = |(other, net): (&Vlan, &Range)| {
            net.overlaps(vlan.net.value.into())
                || other.name.as_str() == vlan.name.as_str()
                || other.id.value == vlan.id.value
        };
        if vlans.iter().zip(&nets).take(at).any(same) {
            form.lost(0, format!("VLAN {} shares its name, its tag or addresses with another", vlan.name.as_str()));
            return None;
        }
    }
    for (line, tag) in rules.tags() {
        if !vlans.iter().any(|vlan| vlan.id.value == tag) {
            form.lost(line, format!("an interface is named by the tag {tag}, which no VLAN of the planet has"));
            return None;
        }
    }
    let everywhere: Vec<Range> = ["0.0.0.0/0", "::/0"].into_iter().filter_map(Range::parse).collect();
    let edges = [nets.clone(), rules.edges()].concat();
    if edges.len() > MOST_PIECES {
        form.lost(0, format!("more than {MOST_PIECES} ranges of addresses are not judged"));
        return None;
    }
    let mut pieces: Vec<Vec<Range>> = nets.iter().map(|net| cut(&[*net], &[], &edges)).collect();
    pieces.push(cut(&everywhere, &nets, &edges));
    Some(pieces)
}

/// The VLAN that an end of a way is in; none for all that is in none.
type Place = Option<usize>;

/// From one place to another, or to the router's own address there.
#[derive(Debug, Clone, Copy)]
struct Way {
    hook: Hook,
    from: Place,
    to: Place,
}

struct Judge<'p, 'r> {
    vlans: &'p [Vlan],
    router: &'r Router<'r>,
    pieces: Vec<Vec<Range>>,
    /// Whether rules ask by which interface a packet comes or goes.
    has_tags: bool,
    /// What is wrong: once for each way and line.
    told: BTreeMap<(Kind, String, String, u32), String>,
}

impl<'r> Judge<'_, 'r> {
    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.vlans.len()).map(Some).chain([None])
    }

    fn name(&self, place: Place) -> &str {
        place.and_then(|at| self.vlans.get(at)).map_or(NONE, |vlan| vlan.name.as_str())
    }

    fn tag(&self, place: Place) -> Option<u16> {
        place.and_then(|at| self.vlans.get(at)).map(|vlan| vlan.id.value)
    }

    fn of(&self, place: Place) -> &[Range] {
        self.pieces.get(place.unwrap_or(self.vlans.len())).map_or(&[], Vec::as_slice)
    }

    fn ends(&self, way: Way) -> (String, String) {
        let to = self.name(way.to);
        let to = if way.hook == Hook::Input { format!("{ROUTER}{to}") } else { to.to_owned() };
        (self.name(way.from).to_owned(), to)
    }

    /// Nothing within a VLAN passes its router; and who comes to the router itself
    /// from no VLAN is not its rules' business.
    fn is_judged(&self, way: Way) -> bool {
        match way.hook {
            Hook::Forward => way.from != way.to || way.from.is_none(),
            Hook::Input => way.from.is_some() && way.to.is_some(),
        }
    }

    fn is_wanted(&self, way: Way) -> bool {
        let at = |place: Place| place.and_then(|at| self.vlans.get(at));
        let (Some(from), Some(to)) = (at(way.from), at(way.to)) else { return false };
        let allows = from.allow.iter().any(|name| name.as_str() == to.name.as_str());
        allows || (way.hook == Hook::Input && way.from == way.to)
    }

    fn ways(&self) -> Vec<Way> {
        let pairs = |hook| {
            self.places().flat_map(move |from| self.places().map(move |to| Way { hook, from, to })).collect::<Vec<_>>()
        };
        let mut ways = [pairs(Hook::Forward), pairs(Hook::Input)].concat();
        ways.retain(|way| self.is_judged(*way));
        ways
    }

    /// Packets of a way, as honest machines send them: each piece to each.
    fn packets(&self, way: Way, state: State) -> impl Iterator<Item = Packet> {
        let (way_in, way_out) = (self.tag(way.from), self.tag(way.to));
        let targets = self.of(way.to);
        let pairs =
            self.of(way.from).iter().flat_map(move |source| targets.iter().map(move |target| (*source, *target)));
        pairs.filter(|(source, target)| source.six == target.six).map(move |(source, target)| Packet {
            hook: way.hook,
            source,
            target,
            state,
            way_in,
            way_out,
            is_made_up: false,
        })
    }

    fn all(&mut self) {
        for way in self.ways() {
            if self.router.lost().is_some() {
                return;
            }
            if self.is_wanted(way) {
                self.opens(way);
            } else {
                self.denies(way);
            }
        }
        for (from, to) in self.places().flat_map(|from| self.places().map(move |to| (from, to))).collect::<Vec<_>>() {
            self.by_others(Way { hook: Hook::Forward, from, to });
        }
    }

    fn tell(&mut self, kind: Kind, way: Way, fate: Fate<'r>, packet: &Packet, what: &str) {
        let (from, to) = self.ends(way);
        let text = || format!("{what} from {} to {}: {fate}", packet.source, packet.target);
        self.told.entry((kind, from, to, fate.line)).or_insert_with(text);
    }

    /// A connection opens, goes on, and has its replies.
    fn opens(&mut self, way: Way) {
        let back = Way { from: way.to, to: way.from, ..way };
        let mut parts =
            vec![("a connection", way, State::New), ("what belongs to a connection", way, State::Established)];
        if way.hook == Hook::Forward {
            parts.push(("a reply", back, State::Established));
        }
        for (what, goes, state) in parts {
            let packets: Vec<Packet> = self.packets(goes, state).collect();
            for packet in packets {
                let fate = self.router.fate(&packet);
                if !fate.passes {
                    self.tell(Kind::Stopped, way, fate, &packet, what);
                }
            }
        }
    }

    fn denies(&mut self, way: Way) {
        for state in OPENS {
            let packets: Vec<Packet> = self.packets(way, state).collect();
            for packet in packets {
                let fate = self.router.fate(&packet);
                if fate.passes {
                    self.tell(Kind::LetThrough, way, fate, &packet, opening(state));
                }
            }
        }
    }

    /// Packets with the addresses of a way that go another: somebody else has made
    /// up the source, or an address of no VLAN is behind one. Whoever really sends
    /// one may go no other way than his own.
    fn by_others(&mut self, way: Way) {
        let mut ways = Vec::new();
        for place in self.places() {
            if place != way.from && place != way.to {
                ways.push((Way { from: place, ..way }, true));
                // An address of no VLAN may have its way back through any.
                ways.extend((way.from.is_none() && self.has_tags).then_some((Way { from: place, ..way }, false)));
            }
            if way.to.is_none() && self.has_tags && place != way.from {
                ways.push((Way { to: place, ..way }, false));
            }
        }
        ways.retain(|(really, _)| !self.is_wanted(*really));
        for state in OPENS {
            let packets: Vec<Packet> = self.packets(way, state).collect();
            for packet in packets {
                let mut once: Option<Fate<'r>> = None;
                for (really, is_made_up) in &ways {
                    let (way_in, way_out) = (self.tag(really.from), self.tag(really.to));
                    let other = Packet { way_in, way_out, is_made_up: *is_made_up, ..packet };
                    // Where no rule asks for interfaces, one of them is like all others.
                    let fate = once.filter(|_| !self.has_tags).unwrap_or_else(|| self.router.fate(&other));
                    once = Some(fate);
                    if fate.passes {
                        let what = if *is_made_up { "with an address that is made up," } else { opening(state) };
                        self.tell(Kind::LetThrough, *really, fate, &other, what);
                    }
                }
            }
        }
    }

    fn matrix(&self, scope: &str) -> Matrix {
        let (columns, rows) = names(self.vlans);
        let (places, routers) = (self.places().collect::<Vec<_>>(), 0..self.vlans.len());
        let ends = |from: Place| {
            let forward = places.iter().map(move |to| Way { hook: Hook::Forward, from, to: *to });
            forward.chain(routers.clone().map(move |to| Way { hook: Hook::Input, from, to: Some(to) }))
        };
        let row = |(name, from): (String, Place)| (name, ends(from).map(|way| self.cell(way)).collect());
        Matrix {
            scope: scope.to_owned(),
            columns,
            rows: rows.into_iter().zip(places.iter().copied()).map(row).collect(),
        }
    }

    fn cell(&self, way: Way) -> Cell {
        if !self.is_judged(way) {
            return NOT_JUDGED;
        }
        let fates: Vec<bool> = self.packets(way, State::New).map(|packet| self.router.fate(&packet).passes).collect();
        let ports = match (fates.iter().all(|passes| *passes), fates.iter().any(|passes| *passes)) {
            (_, false) => "",
            (true, _) => ALL,
            // Not for all who are meant.
            _ => "?",
        };
        let ends = self.ends(way);
        let is_bad = self.told.keys().any(|(_, from, to, _)| *from == ends.0 && *to == ends.1);
        Cell { ports: ports.to_owned(), good: !is_bad, judged: true }
    }

    /// The connection as it opens; and, where the planet wants it, its replies.
    fn steps(&self, way: Way, file: &Arc<str>) -> Vec<Step> {
        let wanted = self.is_wanted(way);
        let back = Way { from: way.to, to: way.from, ..way };
        let mut parts = vec![("a connection", way, State::New)];
        if wanted && way.hook == Hook::Forward {
            parts.push(("its replies", back, State::Established));
        }
        let step = |(what, goes, state): (&str, Way, State)| {
            let fates: Vec<(Packet, Fate<'_>)> =
                self.packets(goes, state).map(|packet| (packet, self.router.fate(&packet))).collect();
            // What is wanted has to work for everybody, and what is not for nobody.
            let odd = fates.iter().find(|(_, fate)| fate.passes != wanted).or(fates.first());
            let passes = odd.is_some_and(|(_, fate)| fate.passes);
            let what = odd.map_or_else(
                || format!("{what}: nobody is there"),
                |(packet, fate)| format!("{what}, {} to {}: {fate}", packet.source, packet.target),
            );
            let at = odd.map(|(_, fate)| At { file: Arc::clone(file), line: fate.line });
            Step { layer: Layer::Nftables, passes, what, at: at.into_iter().collect() }
        };
        parts.into_iter().map(step).collect()
    }
}

const fn opening(state: State) -> &'static str {
    match state {
        State::Invalid => "a packet that the kernel cannot place,",
        State::Untracked => "a packet that the kernel does not track,",
        _ => "a connection",
    }
}

const NOT_JUDGED: Cell = Cell { ports: String::new(), good: true, judged: false };

/// The places of a matrix: where ways go, and where they begin.
fn names(vlans: &[Vlan]) -> (Vec<String>, Vec<String>) {
    let rows: Vec<String> = vlans.iter().map(|vlan| vlan.name.as_str()).chain([NONE]).map(str::to_owned).collect();
    let routers = vlans.iter().map(|vlan| format!("{ROUTER}{}", vlan.name.as_str()));
    (rows.iter().cloned().chain(routers).collect(), rows)
}

/// What is said of rules that were not understood: nothing.
fn unjudged(vlans: &[Vlan], scope: &str) -> Matrix {
    let (columns, rows) = names(vlans);
    let row = |name: String| (name, columns.iter().map(|_| NOT_JUDGED).collect());
    Matrix { scope: scope.to_owned(), rows: rows.into_iter().map(row).collect(), columns }
}
