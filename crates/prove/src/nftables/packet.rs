//! What rules say of one packet: every chain at its hook has a word, and what one
//! of them drops is dropped.

use super::{Among, Base, Chain, End, Family, Hook, Interface, Match, Rules, State, Table, Verdict, Way, What};
use crate::atoms::Range;
use std::cell::Cell;
use std::fmt;

/// The most that is looked at for all packets of a file: conditions, and elements
/// of sets. Seven VLANs take 200,000.
const MOST_WORK: u64 = 200_000_000;
/// How deep chains may send packets to each other; the kernel takes no more.
const MOST_LEVELS: u8 = 16;

/// Packets that no rule tells apart: of each address in a piece to each in another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) hook: Hook,
    pub(super) source: Range,
    pub(super) target: Range,
    pub(super) state: State,
    /// The tag of the VLAN that it came from; none when it is from elsewhere.
    pub(super) way_in: Option<u16>,
    /// The tag of the VLAN that it goes to.
    pub(super) way_out: Option<u16>,
    /// Whether nothing leads back to its source by the interface that it came by.
    pub(super) is_made_up: bool,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By<'r> {
    Rule(&'r str),
    Policy(&'r str),
    /// There is no chain that could.
    Nobody,
}

/// What becomes of a packet, and by which line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate<'r> {
    pub(super) passes: bool,
    pub(super) line: u32,
    by: By<'r>,
}

impl fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let does = if self.passes { "accepts" } else { "drops" };
        match self.by {
            By::Rule(chain) => write!(f, "a rule of chain {chain} {does} it"),
            By::Policy(chain) => write!(f, "no rule decides, and chain {chain} {does} it"),
            By::Nobody => f.write_str("no chain is there that could drop it"),
        }
    }
}

/// How the walk through a chain ended.
enum Ended {
    Decided(bool, u32),
    /// Whoever sent the packet here goes on.
    Not,
}

/// Rules with a count of what was looked at.
pub(super) struct Router<'r> {
    rules: &'r Rules,
    work: Cell<u64>,
    too_deep: Cell<Option<u32>>,
}

impl<'r> Router<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        Self { rules, work: Cell::new(0), too_deep: Cell::new(None) }
    }

    /// Why what was said of packets is nothing: there was too much to look at.
    pub(super) fn lost(&self) -> Option<(u32, String)> {
        let deep = self.too_deep.get().map(|line| (line, format!("more than {MOST_LEVELS} chains in each other")));
        deep.or_else(|| self.is_tired().then(|| (0, "the rules are more than can be judged".to_owned())))
    }

    fn is_tired(&self) -> bool {
        self.work.get() > MOST_WORK
    }

    fn looks(&self, at: usize) {
        self.work.set(self.work.get().saturating_add(u64::try_from(at).unwrap_or(u64::MAX)));
    }

    pub(super) fn fate(&self, packet: &Packet) -> Fate<'r> {
        let mut accepted: Option<Fate<'r>> = None;
        for ((family, _), table) in &self.rules.tables {
            let is_asked = match family {
                Family::Inet => true,
                Family::Ip => !packet.source.six,
                Family::Ip6 => packet.source.six,
            };
            let here = |chain: &'r Chain| chain.base.as_ref().filter(|base| base.hook == packet.hook);
            let chains = table.chains.iter().filter(|_| is_asked);
            for (name, chain, base) in chains.filter_map(|(name, chain)| Some((name, chain, here(chain)?))) {
                let fate = self.at_base(table, (name, chain, base), packet);
                if !fate.passes {
                    return fate;
                }
                // A rule that lets through is told before a policy that does.
                if accepted.is_none_or(|known| fate.by < known.by) {
                    accepted = Some(fate);
                }
            }
        }
        accepted.unwrap_or(Fate { passes: true, line: 0, by: By::Nobody })
    }

    fn at_base(&self, table: &'r Table, (name, chain, base): (&'r str, &'r Chain, &Base), packet: &Packet) -> Fate<'r> {
        match self.walk(table, chain, packet, 0) {
            Ended::Decided(passes, line) => Fate { passes, line, by: By::Rule(name) },
            Ended::Not => Fate { passes: base.accepts, line: base.line, by: By::Policy(name) },
        }
    }

    fn walk(&self, table: &Table, chain: &Chain, packet: &Packet, level: u8) -> Ended {
        for rule in &chain.rules {
            self.looks(1);
            if self.is_tired() || !rule.matches.iter().all(|one| self.holds(table, one, packet)) {
                continue;
            }
            let (to, comes_back) = match &rule.verdict {
                None => continue,
                Some(Verdict::Accept) => return Ended::Decided(true, rule.line),
                Some(Verdict::Drop) => return Ended::Decided(false, rule.line),
                Some(Verdict::Return) => return Ended::Not,
                Some(Verdict::Jump(to)) => (to, true),
                Some(Verdict::Goto(to)) => (to, false),
            };
            if level >= MOST_LEVELS {
                self.too_deep.set(Some(rule.line));
                return Ended::Not;
            }
            let ended =
                table.chains.get(to).map_or(Ended::Not, |to| self.walk(table, to, packet, level.saturating_add(1)));
            if !comes_back || matches!(ended, Ended::Decided(..)) {
                return ended;
            }
        }
        Ended::Not
    }

    fn holds(&self, table: &Table, one: &Match, packet: &Packet) -> bool {
        let is_it = match &one.what {
            What::Address(ends, among) => {
                // What asks for addresses of a family asks for the family, whatever it then says of them.
                if ends.iter().any(|end| end.six != packet.source.six) {
                    return false;
                }
                let elements = match among {
                    Among::Set(name) => table.sets.get(name).map_or(&[][..], |set| &set.elements),
                    Among::These(elements) => elements,
                };
                self.looks(elements.len());
                elements.iter().any(|element| is_at(ends, element, packet))
            }
            What::Six(six) => packet.source.six == *six,
            What::State(states) => states.contains(&packet.state),
            What::Interface(way, interfaces) => {
                let tag = match way {
                    Way::In => packet.way_in,
                    // What is for the router goes out nowhere, and no condition about that holds.
                    Way::Out if packet.hook == Hook::Input => return false,
                    Way::Out => packet.way_out,
                };
                interfaces.iter().any(|interface| matches!(interface, Interface::Tagged(one) if Some(*one) == tag))
            }
            What::MadeUp => packet.is_made_up,
        };
        is_it != one.is_not
    }
}

fn is_at(ends: &[End], element: &[Range], packet: &Packet) -> bool {
    let address = |end: &End| if end.is_source { packet.source } else { packet.target };
    ends.iter().zip(element).all(|(end, range)| range.contains(address(end)))
}

impl Rules {
    /// Every range of addresses that the file names.
    pub(super) fn edges(&self) -> Vec<Range> {
        let sets = self.tables.values().flat_map(|table| table.sets.values()).flat_map(|set| &set.elements);
        let named = self.matches().filter_map(|(_, one)| match &one.what {
            What::Address(_, Among::These(elements)) => Some(elements),
            _ => None,
        });
        let mut edges: Vec<Range> = sets.chain(named.flatten()).flatten().copied().collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// The tags that interfaces are named by, each with a line that does.
    pub(super) fn tags(&self) -> Vec<(u32, u16)> {
        let of = |(line, one): (u32, &Match)| match &one.what {
            What::Interface(_, interfaces) => {
                let tag = |one: &Interface| if let Interface::Tagged(tag) = one { Some((line, *tag)) } else { None };
                interfaces.iter().filter_map(tag).collect()
            }
            _ => Vec::new(),
        };
        self.matches().flat_map(of).collect()
    }

    fn matches(&self) -> impl Iterator<Item = (u32, &Match)> {
        let rules = self.tables.values().flat_map(|table| table.chains.values()).flat_map(|chain| &chain.rules);
        rules.flat_map(|rule| rule.matches.iter().map(move |one| (rule.line, one)))
    }
}
