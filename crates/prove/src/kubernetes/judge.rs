//! Each place with each other: what the files let through, beside what the planet
//! wants; and services, which open places to the Internet.

use crate::Intent;
use crate::kubernetes::objects::{self, Objects};
use crate::kubernetes::places::{Place, Stand, places};
use crate::kubernetes::pod::Workload;
use crate::kubernetes::policy::{Direction, End, Policy, Rule, Said, said};
use crate::kubernetes::service::{Service, Target};
use crate::ports::{Ports, Protocol};
use crate::report::{At, Cell, Failure, Kind, Layer, Matrix, Path, Step, Walk};
use crate::wanted::{Wanted, Who, Wish};
use std::sync::Arc;

/// Proves the files of one region.
pub(crate) fn prove(
    intent: &Intent<'_>,
    (scope, region): (&str, &str),
    files: &[(Arc<str>, &[u8])],
    failures: &mut Vec<Failure>,
) -> Matrix {
    let objects = objects::read(intent, region, files, failures);
    let cluster = Cluster::new(&objects, scope, files);
    if !cluster.is_bearable() {
        let what = "there is more here than is judged: policies, selectors or pods".to_owned();
        failures.push(Failure::new(Kind::NotUnderstood, Layer::NetworkPolicy, cluster.whole.clone(), what));
        return Matrix { scope: scope.to_owned(), ..Matrix::default() };
    }
    cluster.services(failures);
    cluster.matrix(failures)
}

/// Walks from one place to another, layer by layer. None when a place is none of
/// this region.
pub(crate) fn why(
    intent: &Intent<'_>,
    (scope, region): (&str, &str),
    files: &[(Arc<str>, &[u8])],
    (from, to, asked): (&str, &str, Option<&Ports>),
) -> Option<Walk> {
    let mut failures = Vec::new();
    let objects = objects::read(intent, region, files, &mut failures);
    let cluster = Cluster::new(&objects, scope, files);
    if !cluster.is_bearable() {
        return None;
    }
    let place = |name: &str| cluster.places.iter().find(|place| place.name == name);
    Some(cluster.walk(place(from)?, place(to)?, asked))
}

/// Rules, peers and ports that are asked for all pairs together. CARMA takes some
/// 100,000 in a region; so many take a second or two.
const MOST_WORK: usize = 20_000_000;

/// Policies are asked at pods of this namespace, and at none of two others.
fn is_judged(from: &Who, to: &Who) -> bool {
    let is_outside = |who: &Who| who.is_address() || matches!(who, Who::Dns | Who::Prometheus | Who::Stranger);
    !(is_outside(from) && is_outside(to))
}

struct Cluster<'o> {
    objects: &'o Objects<'o>,
    scope: String,
    wanted: Wanted<'o>,
    places: Vec<Place>,
    /// Where the program listens.
    listens: Ports,
    /// What stands for the files as a whole.
    whole: At,
}

/// What one place lets through to another.
struct Judged<'c> {
    from: &'c Stand,
    to: &'c Stand,
    wish: Wish,
    egress: Said<'c>,
    ingress: Said<'c>,
    works: Ports,
}

impl<'o> Cluster<'o> {
    fn new(objects: &'o Objects<'o>, scope: &str, files: &[(Arc<str>, &[u8])]) -> Self {
        let wanted = Wanted::new(objects.intent.planet, objects.region);
        let programs = objects.workloads.iter().filter_map(|workload| workload.program.as_ref());
        let listens = programs
            .filter_map(|program| program.listens)
            .fold(Ports::none(), |all, (port, _)| all.or(&Ports::one(Protocol::Tcp, port)));
        let first = objects.policies.first().map(|policy| policy.meta.at.clone());
        let file = files.first().map_or_else(|| Arc::from(scope), |(file, _)| Arc::clone(file));
        let whole = first.map_or(At { file, line: 0 }, |at| At { line: 0, ..at });
        Self {
            objects,
            scope: scope.to_owned(),
            places: places(objects, &wanted).unwrap_or_default(),
            wanted,
            listens,
            whole,
        }
    }

    /// Whether every pair can be judged in bearable time. What cannot is told.
    fn is_bearable(&self) -> bool {
        let size = |stand: &Stand| {
            let held = stand.held.iter().filter_map(|at| self.objects.policies.get(*at));
            held.map(Policy::size).sum::<usize>() + 1
        };
        let mut work = 0usize;
        for from in &self.places {
            for to in self.places.iter().filter(|to| is_judged(&from.who, &to.who)) {
                let sizes = |place: &Place| place.ends.iter().map(size).sum::<usize>();
                let (one, two) = (sizes(from).saturating_mul(to.ends.len()), sizes(to).saturating_mul(from.ends.len()));
                work = work.saturating_add(one).saturating_add(two);
            }
        }
        !self.places.is_empty() && work <= MOST_WORK
    }

    fn matrix(&self, failures: &mut Vec<Failure>) -> Matrix {
        let columns = self.places.iter().map(|place| place.name.clone()).collect();
        let mut rows = Vec::new();
        for from in &self.places {
            let cells = self.places.iter().map(|to| self.cell(from, to, failures)).collect();
            rows.push((from.name.clone(), cells));
        }
        Matrix { scope: self.scope.clone(), columns, rows }
    }

    fn cell(&self, from: &Place, to: &Place, failures: &mut Vec<Failure>) -> Cell {
        if !is_judged(&from.who, &to.who) {
            return Cell { ports: String::new(), good: true, judged: false };
        }
        let mut all: Option<Ports> = None;
        let (mut some, mut found) = (Ports::none(), Vec::new());
        for judged in self.judge(from, to) {
            all = Some(all.map_or_else(|| judged.works.clone(), |all| all.and(&judged.works)));
            some = some.or(&judged.works);
            self.compare(from, to, &judged, &mut found);
        }
        let all = all.unwrap_or_default();
        let good = found.is_empty();
        failures.append(&mut found);
        let ports = if all == some { all.to_string() } else { format!("{some}?") };
        Cell { ports, good, judged: true }
    }

    fn judge<'c>(&'c self, from: &'c Place, to: &'c Place) -> impl Iterator<Item = Judged<'c>> {
        let pairs = from.ends.iter().flat_map(move |one| to.ends.iter().map(move |two| (one, two)));
        pairs.map(move |(one, two)| {
            let piece = if let End::Piece(piece) = one.end { Some(piece) } else { None };
            let wish = self.wanted.wish(&from.who, piece, &to.who, &self.listens);
            let held = |stand: &'c Stand| stand.held.iter().filter_map(|at| self.objects.policies.get(*at));
            let egress = said(held(one), Direction::Egress, &one.end, &two.end);
            let ingress = said(held(two), Direction::Ingress, &one.end, &two.end);
            let works = egress.ports.and(&ingress.ports);
            Judged { from: one, to: two, wish, egress, ingress, works }
        })
    }

    /// At most one failure of each kind and side for a pair of places: the first
    /// of its ends that fails speaks for all.
    fn compare(&self, from: &Place, to: &Place, judged: &Judged<'_>, found: &mut Vec<Failure>) {
        let path = |ports: &Ports| Path { from: from.name.clone(), to: to.name.clone(), ports: ports.to_string() };
        let sides = [(Direction::Egress, &judged.egress), (Direction::Ingress, &judged.ingress)];
        for (direction, side) in sides {
            let missing = judged.wish.must.minus(&side.ports);
            let already = found.iter().any(|one| one.kind == Kind::Stopped && one.what.starts_with(direction.word()));
            if missing.is_empty() || already {
                continue;
            }
            let (at, why) = blame(side, direction, &missing);
            let whom = format!("{} to {}", judged.from.words, judged.to.words);
            let named = self
                .wanted
                .words(&from.who, &to.who)
                .map_or_else(String::new, |flow| format!("; the planet names {flow}"));
            let what = format!("{}: {why} ({whom}{named})", direction.word());
            found.push(Failure::new(Kind::Stopped, Layer::NetworkPolicy, at, what).on(path(&missing)));
        }
        let extra = judged.works.minus(&judged.wish.may);
        if extra.is_empty() || found.iter().any(|one| one.kind == Kind::LetThrough) {
            return;
        }
        let (at, also) = self.through(judged, &extra);
        let free = sides.iter().filter(|(_, side)| side.by.is_empty()).map(|(direction, _)| direction.word());
        let free: Vec<&str> = free.collect();
        let why = match free.as_slice() {
            ["egress", "ingress"] => "no policy selects either end".to_owned(),
            _ => "policies let it through, and the planet names no such flow".to_owned(),
        };
        let what = format!("{why} ({} to {})", judged.from.words, judged.to.words);
        found.extend(self.barred(judged, &at).map(|failure| failure.on(path(&extra))));
        found.push(Failure::new(Kind::LetThrough, Layer::NetworkPolicy, at, what).on(path(&extra)).with(also));
    }

    /// Whether that leads to where records of some class may not be.
    fn barred(&self, judged: &Judged<'_>, at: &At) -> Option<Failure> {
        let End::Piece(piece) = judged.to.end else { return None };
        let (region, classes) = self.wanted.region_at(piece).filter(|(_, classes)| !classes.is_empty())?;
        let what = format!("records of {} may not be in region {region}, where {piece} is", classes.join(", "));
        Some(Failure::new(Kind::Elsewhere, Layer::NetworkPolicy, at.clone(), what))
    }

    /// The rules that let something through; that of who receives it first.
    fn through(&self, judged: &Judged<'_>, extra: &Ports) -> (At, Vec<At>) {
        let rule = |side: &Said<'_>| {
            let is_it = |(.., ports): &&(&Policy, &Rule, Ports)| !ports.and(extra).is_empty();
            side.rules.iter().find(is_it).map(|(_, rule, _)| rule.at.clone())
        };
        let ends = [judged.to.at.clone(), judged.from.at.clone()];
        let mut lines = [rule(&judged.ingress), rule(&judged.egress)].into_iter().chain(ends).flatten();
        let first = lines.next().unwrap_or_else(|| self.whole.clone());
        (first, lines.take(1).collect())
    }

    fn walk(&self, from: &Place, to: &Place, asked: Option<&Ports>) -> Walk {
        let ports = asked.cloned();
        let mut steps = Vec::new();
        let mut wish = Wish::default();
        let mut shown = String::new();
        // The end that fails speaks for the place; without one, the first.
        let all: Vec<Judged<'_>> = self.judge(from, to).collect();
        let ports_of = |judged: &Judged<'_>| {
            ports
                .clone()
                .unwrap_or_else(|| if judged.wish.must.is_empty() { Ports::all() } else { judged.wish.must.clone() })
        };
        let stops = |judged: &&Judged<'_>| !judged.works.contains(&ports_of(judged));
        if let Some(judged) = all.iter().find(stops).or(all.first()) {
            let wants = ports_of(judged);
            shown = wants.to_string();
            wish = judged.wish.clone();
            if from.who == Who::Internet && to.who == Who::Program {
                steps.extend(self.entrances());
            }
            for (direction, side, who) in [
                (Direction::Egress, &judged.egress, &judged.from.words),
                (Direction::Ingress, &judged.ingress, &judged.to.words),
            ] {
                steps.push(step(direction, side, who, &wants));
            }
        }
        let wanted = ports.map_or(!wish.must.is_empty(), |ports| wish.may.contains(&ports));
        let path = Path { from: from.name.clone(), to: to.name.clone(), ports: shown };
        Walk { scope: self.scope.clone(), path, wanted, steps }
    }

    fn entrances(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for service in self.objects.services.iter().filter(|service| service.is_balancer) {
            for opened in &service.ports {
                let what = format!("balancer {} opens {} to everybody", service.meta.name, opened.port);
                steps.push(Step { layer: Layer::Service, passes: true, what, at: vec![opened.at.clone()] });
            }
        }
        if steps.is_empty() {
            let what = "no balancer stands between the Internet and the program".to_owned();
            steps.push(Step { layer: Layer::Service, passes: false, what, at: vec![self.whole.clone()] });
        }
        steps
    }

    /// Services stand for pods that are there and listen, and open to the Internet
    /// what the planet opens, and all of it.
    fn services(&self, failures: &mut Vec<Failure>) {
        let mut entered = Ports::none();
        for service in &self.objects.services {
            let fail = |kind: Kind, at: &At, what: String| Failure::new(kind, Layer::Service, at.clone(), what);
            let Some(selector) = &service.selector else {
                let what = format!("Service {} has no selector: whom it stands for is not known", service.meta.name);
                failures.push(fail(Kind::NotUnderstood, &service.meta.at, what));
                continue;
            };
            let selected: Vec<&Workload> = self.objects.selected(&service.meta.namespace, selector).collect();
            if selected.is_empty() {
                let what = format!("Service {} selects nothing", service.meta.name);
                failures.push(fail(Kind::Dangling, &service.meta.at, what));
            }
            for opened in &service.ports {
                for workload in &selected {
                    let there = match &opened.target {
                        Target::Number(number) => workload.has_port(*number, opened.protocol).then_some(*number),
                        Target::Named(name) => workload.port_named(name, opened.protocol),
                    };
                    let Some(there) = there else {
                        let what = format!(
                            "Service {}: nobody listens at what port {} goes to",
                            service.meta.name, opened.port
                        );
                        failures.push(fail(Kind::Dangling, &opened.at, what));
                        continue;
                    };
                    let is_program = workload.program.is_some() && opened.protocol == Protocol::Tcp;
                    if is_program && !self.listens.contains(&Ports::one(Protocol::Tcp, there)) {
                        let what = format!(
                            "Service {}: port {} goes to {there}, where the program does not listen",
                            service.meta.name, opened.port
                        );
                        failures.push(fail(Kind::Stopped, &opened.at, what));
                    }
                }
                if service.is_balancer {
                    entered = entered.or(&self.enters(
                        service,
                        opened.port,
                        opened.protocol,
                        &opened.at,
                        &selected,
                        failures,
                    ));
                }
            }
        }
        self.missing(&entered, failures);
    }

    /// A port that a balancer opens; what of it the planet wants.
    fn enters(
        &self,
        service: &Service,
        port: u16,
        protocol: Protocol,
        at: &At,
        selected: &[&Workload],
        failures: &mut Vec<Failure>,
    ) -> Ports {
        let opened = Ports::one(protocol, port);
        let is_program = !selected.is_empty() && selected.iter().all(|workload| workload.program.is_some());
        let wanted = self.wanted.entry().filter(|_| is_program).is_some_and(|entry| entry.contains(&opened));
        let path = Path { from: "internet".to_owned(), to: service.meta.name.clone(), ports: opened.to_string() };
        if !wanted {
            let what =
                format!("balancer {} listens to 0.0.0.0/0, and the planet opens no such port", service.meta.name);
            failures.push(Failure::new(Kind::Open, Layer::Service, at.clone(), what).on(path));
            return Ports::none();
        }
        if !service.sources.is_empty() {
            let pieces = self.wanted.pieces(&Who::Internet, &service.sources);
            let is_out = |piece: &&crate::atoms::Range| !service.sources.iter().any(|net| net.contains(**piece));
            // A balancer of IPv4 alone can say nothing of the other family.
            if let Some(piece) = pieces.iter().filter(|piece| !piece.six).find(is_out) {
                let what = format!("balancer {} turns {piece} away", service.meta.name);
                let at = service.sources_at.clone();
                failures.push(Failure::new(Kind::Stopped, Layer::Service, at, what).on(path));
                return Ports::none();
            }
        }
        opened
    }

    /// What the planet opens and no balancer does.
    fn missing(&self, entered: &Ports, failures: &mut Vec<Failure>) {
        let Some(entry) = self.wanted.entry() else { return };
        // A flow without ports is open at each; a balancer has to open one.
        let is_any = entry == Ports::every(Protocol::Tcp);
        let missing = if is_any && !entered.is_empty() { Ports::none() } else { entry.minus(entered) };
        if missing.is_empty() {
            return;
        }
        let services = self.objects.services.iter().filter(|service| service.is_balancer);
        let at = services.map(|service| &service.meta.at).chain(self.objects.services.first().map(|one| &one.meta.at));
        let at = at.chain(self.objects.workloads.iter().map(|workload| &workload.meta.at)).next();
        let path = Path { from: "internet".to_owned(), to: "program".to_owned(), ports: missing.to_string() };
        let what = "the planet names this flow from the Internet, and no balancer takes it in";
        let at = at.cloned().unwrap_or_else(|| self.whole.clone());
        failures.push(Failure::new(Kind::Stopped, Layer::Service, at, what).on(path));
    }
}

fn step(direction: Direction, side: &Said<'_>, who: &str, wants: &Ports) -> Step {
    let passes = side.ports.contains(wants);
    let (at, what) = if side.by.is_empty() {
        (Vec::new(), format!("{}: no policy holds {who}", direction.word()))
    } else if passes {
        let is_it = |(.., ports): &&(&Policy, &Rule, Ports)| !ports.and(wants).is_empty();
        let rules: Vec<_> = side.rules.iter().filter(is_it).collect();
        let names: Vec<&str> = rules.iter().map(|(policy, ..)| policy.meta.name.as_str()).collect();
        let at = rules.iter().map(|(_, rule, _)| rule.at.clone()).collect();
        (at, format!("{}: {} lets it through ({who})", direction.word(), names.join(", ")))
    } else {
        let (at, why) = blame(side, direction, &wants.minus(&side.ports));
        (vec![at], format!("{}: {why} ({who})", direction.word()))
    };
    Step { layer: Layer::NetworkPolicy, passes, what, at }
}

/// The line that is nearest to letting something through, and why it does not.
fn blame(side: &Said<'_>, direction: Direction, missing: &Ports) -> (At, String) {
    let other = if direction == Direction::Ingress { "from" } else { "to" };
    // The right peer at another port.
    if let Some((policy, rule, ports)) = side.rules.iter().find(|(.., ports)| ports.and(missing).is_empty()) {
        let lets = if ports.is_empty() { "no port".to_owned() } else { ports.to_string() };
        return (rule.at.clone(), format!("{} lets {lets} through, not {missing}", policy.meta.name));
    }
    // The right port, for somebody else: only what names few is a near miss.
    for policy in &side.by {
        for rule in policy.rules(direction).into_iter().flatten() {
            let explicit = rule.ports.iter().any(|(protocol, port)| match port {
                crate::kubernetes::policy::Port::Range(first, last) => {
                    !Ports::range(*protocol, *first, *last).and(missing).is_empty()
                }
                _ => false,
            });
            if explicit {
                return (
                    rule.at.clone(),
                    format!("{} lets {missing} through, but not {other} there", policy.meta.name),
                );
            }
        }
    }
    match side.by.first() {
        Some(policy) => {
            (policy.meta.at.clone(), format!("{} denies it, and no other policy allows it", policy.meta.name))
        }
        None => (At { file: Arc::from(""), line: 0 }, String::new()),
    }
}
