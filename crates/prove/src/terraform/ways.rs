//! A packet's way between two ends, there and back, through every layer that it
//! crosses: groups, ACLs, routes, and NAT with the subnet that it stands in.

use crate::atoms::Range;
use crate::ports::Ports;
use crate::read::form::shown;
use crate::report::{At, Layer};
use crate::terraform::acl::{Acls, Side};
use crate::terraform::group::{Groups, Other};
use crate::terraform::hop::Hop;
use crate::terraform::network::{Network, Target};
use crate::terraform::stands::Stand;

/// One end of a way.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Its addresses, which no rule divides.
    pub(crate) piece: Range,
    /// Who it is, when it is in the network.
    pub(crate) stand: Option<usize>,
    pub(crate) is_internet: bool,
}

/// What packets pass.
pub(crate) struct Ways<'p> {
    pub(crate) network: Network<'p>,
    pub(crate) acls: Acls,
    pub(crate) groups: Groups,
    pub(crate) stands: Vec<Stand>,
    pub(crate) whole: At,
}

impl Ways<'_> {
    pub(crate) fn edges(&self) -> Vec<Range> {
        self.network.edges().chain(self.acls.edges()).chain(self.groups.edges()).collect()
    }

    /// The layers between two ends.
    pub(crate) fn hops(&self, from: &End, to: &End) -> Vec<Hop> {
        let of = |end: &End| end.stand.and_then(|at| self.stands.get(at));
        let groups = |stand: Option<&Stand>| stand.map_or_else(Vec::new, |stand| stand.groups.clone());
        let (sender, receiver) = (of(from), of(to));
        let (senders, receivers) = (groups(sender), groups(receiver));
        let out = |stand: &Stand| self.groups.hop(&stand.groups, true, Other { piece: to.piece, groups: &receivers });
        let into = |stand: &Stand| self.groups.hop(&stand.groups, false, Other { piece: from.piece, groups: &senders });
        match (sender, receiver) {
            // An ACL is asked when a packet leaves its subnet, and not before.
            (Some(one), Some(two)) if one.subnet == two.subnet => vec![out(one), into(two)],
            (Some(one), Some(two)) => vec![
                out(one),
                self.acls.hop(one.subnet, Side::OutOf, to.piece),
                self.acls.hop(two.subnet, Side::Into, from.piece),
                into(two),
                self.acls.replies(two.subnet, Side::OutOf, from.piece),
                self.acls.replies(one.subnet, Side::Into, to.piece),
            ],
            (Some(one), None) => {
                let mut hops = vec![out(one), self.acls.hop(one.subnet, Side::OutOf, to.piece)];
                hops.extend(self.leaves(one.subnet, from.piece, to));
                hops.extend(self.addressed(one, to));
                hops.push(self.acls.replies(one.subnet, Side::Into, to.piece));
                hops
            }
            (None, Some(two)) => {
                let mut hops = vec![self.enters(two.subnet, from)];
                hops.extend(self.addressed(two, from));
                hops.extend([
                    self.acls.hop(two.subnet, Side::Into, from.piece),
                    into(two),
                    self.acls.replies(two.subnet, Side::OutOf, from.piece),
                ]);
                hops
            }
            (None, None) => Vec::new(),
        }
    }

    fn table(&self, subnet: usize) -> At {
        let table = self.network.table(subnet).map(|table| table.at.clone());
        let own = self.network.subnets.get(subnet).map(|subnet| subnet.at.clone());
        table.or(own).unwrap_or_else(|| self.whole.clone())
    }

    /// The gateway to the Internet takes what has an address of it, and nothing else.
    fn addressed(&self, stand: &Stand, other: &End) -> Option<Hop> {
        let route = self.network.way(stand.subnet, other.piece)?;
        let has_none = other.is_internet && route.to == Target::Gateway && stand.address == Some(false);
        let what = format!("{} has no address of the Internet", stand.words);
        has_none.then(|| Hop::shut(Layer::Address, what, self.table(stand.subnet)))
    }

    /// Out of the network.
    fn leaves(&self, subnet: usize, from: Range, to: &End) -> Vec<Hop> {
        let Some(route) = self.network.way(subnet, to.piece) else {
            return vec![Hop::shut(Layer::Route, format!("no route leads to {}", to.piece), self.table(subnet))];
        };
        let at = route.at.clone();
        match &route.to {
            Target::Beyond(what) => vec![Hop::open(Layer::Route, format!("to {} by {what}", to.piece), at)],
            _ if !to.is_internet => {
                vec![Hop::shut(Layer::Route, format!("the way to the Internet does not lead to {}", to.piece), at)]
            }
            Target::Gateway => vec![Hop::open(Layer::Route, "to the Internet", at)],
            Target::Nat(name) => {
                let mut hops = vec![Hop::open(Layer::Route, format!("through NAT {}", shown(name)), at)];
                hops.extend(self.translated(name, subnet, from, to.piece));
                hops
            }
        }
    }

    /// Through a NAT gateway, and so through the subnet that it stands in, there and back.
    fn translated(&self, name: &str, subnet: usize, from: Range, to: Range) -> Vec<Hop> {
        let Some((at, stands)) = self.network.nats.get(name) else { return Vec::new() };
        let mut hops = Vec::new();
        if *stands != subnet {
            hops.push(self.acls.hop(*stands, Side::Into, from));
            hops.push(self.acls.replies(*stands, Side::OutOf, from));
        }
        hops.push(self.acls.hop(*stands, Side::OutOf, to));
        hops.push(self.acls.replies(*stands, Side::Into, to));
        let is_led = self.network.way(*stands, to).is_some_and(|route| route.to == Target::Gateway);
        if !is_led {
            let what = format!("NAT {} stands where no route leads to the Internet", shown(name));
            hops.push(Hop::shut(Layer::Route, what, at.clone()));
        }
        hops
    }

    /// From outside into a subnet. Where replies do not go back, nothing comes.
    fn enters(&self, subnet: usize, from: &End) -> Hop {
        let Some(route) = self.network.way(subnet, from.piece) else {
            return Hop::shut(Layer::Route, format!("no route leads back to {}", from.piece), self.table(subnet));
        };
        let at = route.at.clone();
        match &route.to {
            Target::Beyond(what) => Hop::open(Layer::Route, format!("from {} by {what}", from.piece), at),
            Target::Gateway if from.is_internet => Hop::open(Layer::Route, "from the Internet", at),
            Target::Gateway => Hop::shut(Layer::Route, format!("{} does not come from the Internet", from.piece), at),
            Target::Nat(_) => Hop::shut(Layer::Route, "NAT lets in replies alone", at),
        }
    }
}

/// What passes every layer, replies included; and what gets there, though nothing
/// may come back.
pub(crate) fn works(hops: &[Hop]) -> (Ports, Ports) {
    let all = |hops: &mut dyn Iterator<Item = &Hop>| hops.fold(Ports::all(), |all, hop| all.and(&hop.ports));
    (all(&mut hops.iter()), all(&mut hops.iter().filter(|hop| !hop.is_reply)))
}
