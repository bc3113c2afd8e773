//! NetworkPolicies, and what they let through: a pod that no policy selects in a
//! direction sends or receives everything; one that some do, what any of them
//! allows. A connection needs both its ends. Replies need nothing: policies are
//! of connections.
//!
//! An `ipBlock` is of addresses outside of the cluster. Whether it is also of
//! pods that have such an address is different from one network to another, so
//! nothing here counts on it.

use crate::atoms::Range;
use crate::kubernetes::selector::Selector;
use crate::kubernetes::{Labels, Meta};
use crate::ports::{Ports, Protocol};
use crate::read::form::{Form, shown};
use crate::read::yaml::{Node, Value};
use crate::report::At;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) meta: Meta,
    pub(crate) pods: Selector,
    /// What it lets in; none when it says nothing of that direction.
    pub(crate) ingress: Option<Vec<Rule>>,
    pub(crate) egress: Option<Vec<Rule>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) at: At,
    /// With whom; everybody when there is none.
    pub(crate) peers: Vec<Peer>,
    /// At which ports; all when there is none.
    pub(crate) ports: Vec<(Protocol, Port)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// Pods of the policy's own namespace, or of those that are selected.
    Pods { namespaces: Option<Selector>, pods: Option<Selector> },
    /// Addresses, without some.
    Block(Range, Vec<Range>),
}

#[derive(Debug, Clone)]
pub(crate) enum Port {
    All,
    Range(u16, u16),
    Named(String),
}

/// A pod, as policies see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) namespace_labels: Labels,
    pub(crate) labels: Labels,
    /// The names that its containers give to ports.
    pub(crate) named: Vec<(String, Protocol, u16)>,
}

/// An end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Pod(Pod),
    /// Addresses that no policy divides.
    Piece(Range),
}

/// What policies say of one end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Said<'p> {
    /// What may pass.
    pub(crate) ports: Ports,
    /// Whose policies decide; when there is none everything passes.
    pub(crate) by: Vec<&'p Policy>,
    /// The rules of the other end, with what each lets through.
    pub(crate) rules: Vec<(&'p Policy, &'p Rule, Ports)>,
}

/// What policies let one end send to the other, or receive from it. Those that do
/// not select the end that is asked have no say, and may be left out.
pub(crate) fn said<'p>(
    policies: impl Iterator<Item = &'p Policy>,
    direction: Direction,
    from: &End,
    to: &End,
) -> Said<'p> {
    let (own, other) = if direction == Direction::Ingress { (to, from) } else { (from, to) };
    let mut said = Said { ports: Ports::none(), by: Vec::new(), rules: Vec::new() };
    let End::Pod(pod) = own else { return Said { ports: Ports::all(), ..said } };
    for policy in policies.filter(|policy| policy.selects(pod)) {
        let Some(rules) = policy.rules(direction) else { continue };
        said.by.push(policy);
        for rule in rules.iter().filter(|rule| policy.is_of(rule, other)) {
            let ports = rule.ports_at(to);
            said.ports = said.ports.or(&ports);
            said.rules.push((policy, rule, ports));
        }
    }
    if said.by.is_empty() { Said { ports: Ports::all(), ..said } } else { said }
}

impl Policy {
    pub(crate) fn rules(&self, direction: Direction) -> Option<&Vec<Rule>> {
        if direction == Direction::Ingress { self.ingress.as_ref() } else { self.egress.as_ref() }
    }

    pub(crate) fn selects(&self, pod: &Pod) -> bool {
        self.meta.namespace == pod.namespace && self.pods.matches(&pod.labels)
    }

    fn is_of(&self, rule: &Rule, other: &End) -> bool {
        rule.peers.is_empty() || rule.peers.iter().any(|peer| self.is_peer(peer, other))
    }

    fn is_peer(&self, peer: &Peer, other: &End) -> bool {
        match (peer, other) {
            (Peer::Pods { namespaces, pods }, End::Pod(pod)) => {
                let namespace = namespaces.as_ref().map_or(self.meta.namespace == pod.namespace, |namespaces| {
                    namespaces.matches(&pod.namespace_labels)
                });
                namespace && pods.as_ref().is_none_or(|pods| pods.matches(&pod.labels))
            }
            (Peer::Block(net, except), End::Piece(piece)) => {
                net.contains(*piece) && !except.iter().any(|without| without.overlaps(*piece))
            }
            _ => false,
        }
    }

    /// How many steps it can take to ask it.
    pub(crate) fn size(&self) -> usize {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        let of = |peer: &Peer| if let Peer::Block(_, except) = peer { 1 + except.len() } else { 2 };
        rules.map(|rule| 1 + rule.ports.len() + rule.peers.iter().map(of).sum::<usize>()).sum::<usize>() + 1
    }

    /// Every network that it names.
    pub(crate) fn edges(&self) -> impl Iterator<Item = Range> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| &rule.peers).flat_map(|peer| match peer {
            Peer::Block(net, except) => except.iter().copied().chain([*net]).collect(),
            Peer::Pods { .. } => Vec::new(),
        })
    }

    /// Every selector of pods and of namespaces in it.
    pub(crate) fn selectors(&self) -> (Vec<&Selector>, Vec<&Selector>) {
        let (mut of_pods, mut of_spaces) = (vec![&self.pods], Vec::new());
        for rule in self.ingress.iter().chain(&self.egress).flatten() {
            for peer in &rule.peers {
                if let Peer::Pods { namespaces, pods } = peer {
                    of_pods.extend(pods);
                    of_spaces.extend(namespaces);
                }
            }
        }
        (of_pods, of_spaces)
    }
}

impl Rule {
    /// What it lets through to an end, whose ports have names.
    pub(crate) fn ports_at(&self, to: &End) -> Ports {
        if self.ports.is_empty() {
            return Ports::all();
        }
        let of = |(protocol, port): &(Protocol, Port)| match port {
            Port::All => Ports::every(*protocol),
            Port::Range(first, last) => Ports::range(*protocol, *first, *last),
            Port::Named(name) => match to {
                End::Pod(pod) => {
                    let same = pod.named.iter().filter(|(named, by, _)| named == name && by == protocol);
                    same.fold(Ports::none(), |all, (.., port)| all.or(&Ports::one(*protocol, *port)))
                }
                End::Piece(_) => Ports::none(),
            },
        };
        self.ports.iter().map(of).fold(Ports::none(), |all, more| all.or(&more))
    }
}

/// Reads the `spec` of one.
pub(crate) fn read(form: &mut Form<'_>, meta: Meta, spec: &Node) -> Policy {
    let fields = form.fields(spec, "the policy", &[&["podSelector", "policyTypes", "ingress", "egress"]]);
    let pods = fields.get("podSelector").map(|node| Selector::read(form, node, "podSelector")).unwrap_or_default();
    let mut rules = |name: &str, peers: &'static str| -> Vec<Rule> {
        let parts = form.list(fields.get(name), name);
        parts.iter().map(|part| rule(form, part, peers)).collect()
    };
    let (ingress, egress) = (rules("ingress", "from"), rules("egress", "to"));
    let mut types = form.texts(fields.get("policyTypes"), "policyTypes");
    if let Some(unknown) = types.iter().find(|word| **word != "Ingress" && **word != "Egress") {
        form.lost(fields.line, format!("policyTypes has `{}`", shown(unknown)));
    }
    if types.is_empty() {
        // As Kubernetes fills it in: always Ingress, and Egress where there are rules.
        types = if egress.is_empty() { vec!["Ingress"] } else { vec!["Ingress", "Egress"] };
    }
    for (word, rules) in [("Ingress", &ingress), ("Egress", &egress)] {
        if let (false, Some(rule)) = (types.contains(&word), rules.first()) {
            form.lost(rule.at.line, format!("rules for {word}, which policyTypes leaves out: nothing follows them"));
        }
    }
    let ingress = types.contains(&"Ingress").then_some(ingress);
    let egress = types.contains(&"Egress").then_some(egress);
    Policy { meta, pods, ingress, egress }
}

fn rule(form: &mut Form<'_>, node: &Node, whom: &str) -> Rule {
    let fields = form.fields(node, "the rule", &[&[whom, "ports"]]);
    let peers = form.list(fields.get(whom), whom).iter().filter_map(|node| peer(form, node)).collect::<Vec<_>>();
    let ports: Vec<_> = form.list(fields.get("ports"), "ports").iter().filter_map(|node| port(form, node)).collect();
    Rule { at: form.at(node.line), peers, ports }
}

/// A peer that is not understood counts as everybody, so that nothing which it
/// might let through is missed; the failure beside it is told anyway.
fn peer(form: &mut Form<'_>, node: &Node) -> Option<Peer> {
    let fields = form.fields(node, "the peer", &[&["podSelector", "namespaceSelector", "ipBlock"]]);
    let namespaces = fields.get("namespaceSelector").map(|node| Selector::read(form, node, "namespaceSelector"));
    let pods = fields.get("podSelector").map(|node| Selector::read(form, node, "podSelector"));
    match (fields.get("ipBlock"), namespaces.is_some() || pods.is_some()) {
        (None, true) => Some(Peer::Pods { namespaces, pods }),
        (Some(node), false) => block(form, node),
        _ => {
            form.lost(fields.line, "a peer is either pods or one ipBlock");
            Some(Peer::Pods { namespaces: Some(Selector::default()), pods: None })
        }
    }
}

fn block(form: &mut Form<'_>, node: &Node) -> Option<Peer> {
    let fields = form.fields(node, "ipBlock", &[&["cidr", "except"]]);
    let net = network(form, fields.get("cidr"));
    if fields.get("cidr").is_none() {
        form.lost(fields.line, "an ipBlock without a cidr");
    }
    let except: Vec<Range> =
        form.list(fields.get("except"), "except").iter().filter_map(|node| network(form, Some(node))).collect();
    let net = net?;
    if let Some(outside) = except.iter().find(|without| !net.contains(**without) || net == **without) {
        form.lost(fields.line, format!("{outside} is excepted and is no part of {net}"));
    }
    Some(Peer::Block(net, except))
}

fn network(form: &mut Form<'_>, node: Option<&Node>) -> Option<Range> {
    let text = form.text(node, "a network")?;
    let net = Range::parse(text);
    if net.is_none() {
        form.lost(node.map_or(0, |node| node.line), format!("`{}` is no network", shown(text)));
    }
    net
}

fn port(form: &mut Form<'_>, node: &Node) -> Option<(Protocol, Port)> {
    let fields = form.fields(node, "the port", &[&["protocol", "port", "endPort"]]);
    let protocol = match form.text(fields.get("protocol"), "protocol") {
        None => Some(Protocol::Tcp),
        Some(word) => Protocol::named(word),
    };
    let Some(protocol) = protocol else {
        form.lost(fields.line, "the protocol is none of TCP, UDP and SCTP");
        return None;
    };
    let last = form.port(fields.get("endPort"), "endPort");
    let port = match fields.get("port").map(|node| (&node.value, node)) {
        None if last.is_none() => Port::All,
        Some((Value::Scalar(text, true), node)) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            let first = form.port(Some(node), "the port")?;
            if last.is_some_and(|last| last < first) {
                form.lost(node.line, "endPort is before port");
            }
            Port::Range(first, last.unwrap_or(first))
        }
        Some((Value::Scalar(text, _), _)) if last.is_none() && is_port_name(text) => Port::Named(text.clone()),
        _ => {
            form.lost(fields.line, "a port is a number without quotes, with or without endPort, or a name");
            return None;
        }
    };
    Some((protocol, port))
}

/// As Kubernetes takes names of ports: at most 15 letters, digits and single
/// hyphens, with a letter among them.
pub(crate) fn is_port_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
    (1..=15).contains(&text.len())
        && text.bytes().all(known)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && edges
}
