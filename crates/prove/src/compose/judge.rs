//! Who shares a network with whom, what is open on the machine, and what leaves
//! it; beside what the planet and docs/guides/deploy.md want.

use crate::Intent;
use crate::compose::publish::Published;
use crate::compose::read::read;
use crate::compose::{Project, Role, Service};
use crate::ports::{Ports, Protocol};
use crate::report::{At, Cell, Failure, Kind, Layer, Matrix, Path, Step, Walk};
use crate::wanted::{Wanted, Who};
use std::sync::Arc;

/// Everybody outside, and whoever is on the machine itself.
const INTERNET: &str = "internet";
const MACHINE: &str = "machine";

/// Proves the files of one scope; a region is none where all are on one machine.
pub(crate) fn prove(
    intent: &Intent<'_>,
    (scope, region): (&str, Option<&str>),
    files: &[(Arc<str>, &[u8])],
    (failures, notes): (&mut Vec<Failure>, &mut Vec<String>),
) -> Matrix {
    let project = read(intent, (scope, region), files, failures);
    let judge = Judge::new(intent, &project, (scope, region));
    let before = failures.len();
    for service in &project.services {
        judge.program(service, failures);
        judge.published(service, failures);
        judge.way_out(service, failures);
        judge.company(service, failures);
    }
    judge.asked(failures);
    judge.limits(notes);
    judge.matrix(failures.get(before..).unwrap_or_default())
}

/// Walks from one place to another. None when a place is none of this scope.
pub(crate) fn why(
    intent: &Intent<'_>,
    (scope, region): (&str, Option<&str>),
    files: &[(Arc<str>, &[u8])],
    (from, to, asked): (&str, &str, Option<&Ports>),
) -> Option<Walk> {
    let project = read(intent, (scope, region), files, &mut Vec::new());
    Judge::new(intent, &project, (scope, region)).walk(from, to, asked)
}

struct Judge<'p> {
    project: &'p Project,
    scope: String,
    region: Option<&'p str>,
    /// The ports at which the Internet comes to the program.
    entry: Ports,
    /// Whether the planet lets the program out to the Internet.
    goes_out: bool,
}

impl<'p> Judge<'p> {
    fn new(intent: &Intent<'_>, project: &'p Project, (scope, region): (&str, Option<&'p str>)) -> Self {
        let first = intent.planet.region.first().map_or("", |region| region.id.as_str());
        let wanted = Wanted::new(intent.planet, region.unwrap_or(first));
        let out = wanted.wish(&Who::Program, None, &Who::Internet, &Ports::none());
        let entry = wanted.entry().unwrap_or_default();
        Self { project, scope: scope.to_owned(), region, entry, goes_out: !out.must.is_empty() }
    }

    fn named(&self, name: &str) -> Option<&'p Service> {
        self.project.services.iter().find(|service| service.name == name)
    }

    /// The program is begun so that whoever should can come to it.
    fn program(&self, service: &Service, failures: &mut Vec<Failure>) {
        let (Role::Program, Some(begun)) = (service.role, &service.program) else { return };
        let mut fail = |kind: Kind, line: u32, what: &str| {
            let at = At { file: Arc::clone(&service.at.file), line };
            failures.push(Failure::new(kind, Layer::Container, at, what));
        };
        match begun.listens {
            Some((_, line)) if begun.is_at_loopback() => {
                fail(Kind::Stopped, line, "the program listens inside of its container only: nobody comes to it");
            }
            Some(_) => {}
            None => fail(Kind::Stopped, service.at.line, "nothing says where the program listens"),
        }
        if self.region.is_some() && begun.is_whole {
            fail(Kind::Elsewhere, service.at.line, "the blocks of every region are kept in this one");
        }
        let listens = |open: &&Published| begun.listens.is_some_and(|(port, _)| port == open.target);
        if !service.published.iter().any(|open| listens(&open)) {
            fail(Kind::Stopped, service.at.line, "no port of the machine leads to where the program listens");
        }
    }

    /// What is open on the machine, and to whom.
    fn published(&self, service: &Service, failures: &mut Vec<Failure>) {
        for open in &service.published {
            let from = if open.is_of_machine() { MACHINE } else { INTERNET };
            let shown = open.port.map_or_else(|| "some port".to_owned(), |port| port.to_string());
            let path = Path { from: from.to_owned(), to: service.name.clone(), ports: shown };
            let mut fail = |kind: Kind, what: String| {
                failures.push(Failure::new(kind, Layer::Published, open.at.clone(), what).on(path.clone()));
            };
            if matches!(service.role, Role::Router | Role::Agent) {
                fail(Kind::Open, format!("{} is of a block, which nothing comes into from outside", service.name));
            } else if !open.is_of_machine() && !self.is_wanted(service, open) {
                let host = open.host.map_or_else(|| "0.0.0.0".to_owned(), |host| host.to_string());
                fail(
                    Kind::Open,
                    format!("the machine listens at {host} for everybody, and the planet opens no such port"),
                );
            }
            if self.project.way_out(service).is_none() {
                let what =
                    format!("{} is on internal networks alone, where no port of the machine leads", service.name);
                fail(Kind::Stopped, what);
            }
            let others = self.project.services.iter().take_while(|other| other.name != service.name);
            let same =
                |other: &&Published| other.port == open.port && open.port.is_some() && other.protocol == open.protocol;
            if others.flat_map(|other| &other.published).any(|other| same(&other)) {
                fail(Kind::Stopped, "another service has the same port of the machine".to_owned());
            }
        }
    }

    /// Whether the planet opens a port of everybody to the program.
    fn is_wanted(&self, service: &Service, open: &Published) -> bool {
        let port = open.port.map(|port| Ports::one(open.protocol, port));
        service.role == Role::Program && port.is_some_and(|port| self.entry.contains(&port))
    }

    /// What leaves the machine. A service with a port on it has to be on a network
    /// that something leaves: Compose opens ports of no other.
    fn way_out(&self, service: &Service, failures: &mut Vec<Failure>) {
        let path = Path { from: service.name.clone(), to: INTERNET.to_owned(), ports: "all".to_owned() };
        let is_program = service.role == Role::Program;
        match self.project.way_out(service) {
            None if is_program && self.goes_out => {
                let what =
                    format!("{} is on internal networks alone, and the planet has it reach the Internet", service.name);
                failures.push(Failure::new(Kind::Stopped, Layer::Network, service.at.clone(), what).on(path));
            }
            Some(joined) if service.published.is_empty() && !(is_program && self.goes_out) => {
                let what = format!(
                    "network {} is not internal, and {} has no flow to the Internet",
                    joined.network, service.name
                );
                let network = self.project.network(&joined.network).map(|network| network.at.clone());
                let failure = Failure::new(Kind::LetThrough, Layer::Network, joined.at.clone(), what);
                failures.push(failure.on(path).with(network.into_iter().collect()));
            }
            _ => {}
        }
    }

    /// With whom it shares a network without need; each pair once.
    fn company(&self, service: &Service, failures: &mut Vec<Failure>) {
        for other in self.project.services.iter().take_while(|other| other.name != service.name) {
            let shared = self.project.shared(service, other);
            let theirs = self.project.shared(other, service);
            let needed = self.needs(service, other) || self.needs(other, service);
            let (Some(joined), Some(also)) = (theirs.first().filter(|_| !needed), shared.first()) else { continue };
            let path = Path { from: service.name.clone(), to: other.name.clone(), ports: "all".to_owned() };
            let what = format!("both are on network {}, and neither has business with the other", joined.network);
            let failure = Failure::new(Kind::LetThrough, Layer::Network, joined.at.clone(), what);
            failures.push(failure.on(path).with(vec![also.at.clone()]));
        }
    }

    /// Whether one has to reach another: who measures, who draws, and an agent
    /// its router.
    fn needs(&self, from: &Service, to: &Service) -> bool {
        matches!(
            (from.role, to.role),
            (Role::Prometheus, Role::Program) | (Role::Grafana, Role::Prometheus) | (Role::Agent, Role::Router)
        ) && (from.role != Role::Agent || self.is_one_block(from, to))
    }

    /// An agent and the router of its own block: one network, and no other.
    fn is_one_block(&self, agent: &Service, router: &Service) -> bool {
        let [one] = agent.networks.as_slice() else { return false };
        let [two] = router.networks.as_slice() else { return false };
        one.network == two.network && self.project.network(&one.network).is_some_and(|network| network.is_internal)
    }

    /// Who is asked is there, listens, and can be reached; and who needs somebody
    /// asks.
    fn asked(&self, failures: &mut Vec<Failure>) {
        for (at, role, name, port) in &self.project.asked {
            let fail = |kind: Kind, what: String| Failure::new(kind, Layer::Settings, at.clone(), what);
            let askers: Vec<&Service> = self.project.services.iter().filter(|service| service.role == *role).collect();
            let Some(whom) = self.named(name) else {
                failures
                    .push(fail(Kind::Dangling, format!("there is no service `{}`", crate::read::form::shown(name))));
                continue;
            };
            let listens = whom.program.as_ref().and_then(|begun| begun.listens).map(|(port, _)| port);
            if listens.is_some_and(|listens| listens != *port) {
                failures.push(fail(Kind::Stopped, format!("{name} does not listen at {port}")));
            }
            if *role == Role::Prometheus && whom.role != Role::Program {
                failures.push(fail(Kind::Stopped, format!("{name} is asked, and is not the program")));
            }
            for asker in askers.iter().filter(|asker| self.project.shared(asker, whom).is_empty()) {
                failures.push(self.apart(asker, whom, &port.to_string()));
            }
        }
        for agent in self.project.services.iter().filter(|service| service.role == Role::Agent) {
            let routers: Vec<_> = self.project.services.iter().filter(|service| service.role == Role::Router).collect();
            if !routers.iter().any(|router| self.needs(agent, router)) {
                let what = format!("{} shares one internal network, and no other, with no router", agent.name);
                failures.push(Failure::new(Kind::Stopped, Layer::Network, agent.at.clone(), what));
            }
        }
    }

    fn apart(&self, from: &Service, to: &Service, ports: &str) -> Failure {
        let path = Path { from: from.name.clone(), to: to.name.clone(), ports: ports.to_owned() };
        let at = from.networks.first().map_or(&from.at, |joined| &joined.at);
        let also = to.networks.first().map(|joined| joined.at.clone());
        let what = format!("{} and {} share no network", from.name, to.name);
        Failure::new(Kind::Stopped, Layer::Network, at.clone(), what).on(path).with(also.into_iter().collect())
    }

    /// What Compose cannot hold, once for all scopes.
    fn limits(&self, notes: &mut Vec<String>) {
        let free = |service: &Service| !service.published.is_empty() && self.project.way_out(service).is_some();
        let mut note = |text: &str| {
            if !notes.iter().any(|known| known == text) {
                notes.push(text.to_owned());
            }
        };
        if self.project.services.iter().any(free) {
            note(
                "Compose filters nothing that leaves: a service with a port on its machine reaches the Internet at every port, \
                 whatever the planet says",
            );
        }
        if self.region.is_none() {
            note("target machine keeps every region on one machine: where that stands is where all records are");
        }
    }

    /// Who reaches whom at which ports; nothing is denied by another name.
    fn ports(&self, from: &str, to: &str) -> Option<String> {
        let open = |service: &Service, everybody: bool| {
            let ports = service.published.iter().filter(|open| !everybody || !open.is_of_machine());
            let ports: Vec<String> =
                ports.map(|open| open.port.map_or_else(|| "?".to_owned(), |port| port.to_string())).collect();
            ports.join(",")
        };
        match (self.named(from), self.named(to)) {
            (None, Some(to)) if from == INTERNET || from == MACHINE => Some(open(to, from == INTERNET)),
            (Some(from), None) if to == INTERNET => Some(self.project.way_out(from).map_or("", |_| "all").to_owned()),
            (Some(from), Some(to)) if from.name != to.name => {
                Some(if self.project.shared(from, to).is_empty() { "" } else { "all" }.to_owned())
            }
            _ => None,
        }
    }

    fn matrix(&self, failures: &[Failure]) -> Matrix {
        let names = self.project.services.iter().map(|service| service.name.clone());
        let columns: Vec<String> = [INTERNET, MACHINE].into_iter().map(str::to_owned).chain(names).collect();
        let is_bad = |from: &str, to: &str| {
            let is_it = |path: &Path| {
                (path.from == from && path.to == to) || (path.from == to && path.to == from && path.ports == "all")
            };
            failures.iter().any(|failure| failure.path.as_ref().is_some_and(is_it))
        };
        let row = |from: &String| {
            let cells = columns.iter().map(|to| match self.ports(from, to) {
                Some(ports) => Cell { ports, good: !is_bad(from, to), judged: true },
                None => Cell { ports: String::new(), good: true, judged: false },
            });
            (from.clone(), cells.collect())
        };
        Matrix { scope: self.scope.clone(), rows: columns.iter().map(row).collect(), columns }
    }

    fn walk(&self, from: &str, to: &str, asked: Option<&Ports>) -> Option<Walk> {
        self.ports(from, to)?;
        let (mut steps, mut wanted) = (Vec::new(), false);
        let ports = asked.map_or_else(|| "all".to_owned(), ToString::to_string);
        if let (Some(from), Some(to)) = (self.named(from), self.named(to)) {
            wanted = self.needs(from, to);
            let shared = self.project.shared(from, to);
            let (what, at) = match shared.first() {
                Some(joined) => (format!("both are on network {}", joined.network), vec![joined.at.clone()]),
                None => {
                    (format!("{} and {} share no network", from.name, to.name), vec![from.at.clone(), to.at.clone()])
                }
            };
            steps.push(Step { layer: Layer::Network, passes: !shared.is_empty(), what, at });
        } else if let Some(to) = self.named(to) {
            let is_open = |open: &&Published| {
                let is_port = open
                    .port
                    .is_some_and(|port| asked.is_none_or(|asked| asked.contains(&Ports::one(Protocol::Tcp, port))));
                is_port && (from == MACHINE || !open.is_of_machine())
            };
            let open: Vec<&Published> = to.published.iter().filter(is_open).collect();
            wanted = from == MACHINE && !open.is_empty() || open.iter().any(|open| self.is_wanted(to, open));
            let what = format!(
                "{} of the machine for {from} leads to {}",
                if open.is_empty() { "no port" } else { "a port" },
                to.name
            );
            let at = open.iter().map(|open| open.at.clone()).collect();
            steps.push(Step { layer: Layer::Published, passes: !open.is_empty(), what, at });
        } else if let Some(from) = self.named(from) {
            wanted = from.role == Role::Program && self.goes_out;
            let out = self.project.way_out(from);
            let what = out.map_or("every network is internal".to_owned(), |joined| {
                format!("network {} is not internal", joined.network)
            });
            let at = out.map_or_else(|| vec![from.at.clone()], |joined| vec![joined.at.clone()]);
            steps.push(Step { layer: Layer::Network, passes: out.is_some(), what, at });
        }
        let path = Path { from: from.to_owned(), to: to.to_owned(), ports };
        Some(Walk { scope: self.scope.clone(), path, wanted, steps })
    }
}
