//! Batches as nft is told them.
//!
//! Not one interval set but a set for each prefix length, which the rule looks
//! a masked address up in, as [`block::bans::Bans`] does. Interval sets refuse
//! networks that overlap, or merge them and mix up when each ends, and nft
//! reads such a set whole before it adds to it. Here each network is an element
//! of its own, whatever else is banned, and a lookup is one hash for each
//! length that is in use.
//!
//! A change adds, deletes and adds again, in one transaction: an element that
//! is there already would keep its time on kernels before 6.12, and deleting
//! one that is not there, perhaps because it ended just now, would fail.

use crate::wanted::{Batch, Scope};
use block::bans::Net;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use vocab::{Millis, Net4, Net6};

/// Letters of a tag at most: it is to be read in `nft list tables`.
const MAX_TAG: usize = 32;

/// A family and a prefix length, of which the kernel has a set and a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    V4(u8),
    V6(u8),
}

/// What single sources are banned as: every table has these, so that a start
/// shows whether the kernel can do all that will be asked of it.
const USUAL: [Length; 2] = [Length::V4(32), Length::V6(64)];

/// A table of ours in the kernel.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    port: u16,
    lengths: BTreeSet<Length>,
}

/// A script, and what the table is when it was carried out.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) text: String,
    lengths: BTreeSet<Length>,
}

/// What is done in one set.
#[derive(Default)]
struct Part {
    bans: Vec<(Net, Millis)>,
    lifts: Vec<Net>,
}

impl Table {
    /// The table of a tag, for one port; `None` when nft would not take the tag.
    pub(crate) fn new(tag: &str, port: u16) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let name = (!tag.is_empty() && tag.len() <= MAX_TAG && tag.bytes().all(good)).then(|| format!("mycel_{tag}"));
        Some(Self { name: name?, port, lengths: BTreeSet::new() })
    }

    /// A batch in nft's words. A whole one puts a new table in the place of
    /// whatever is there; either is one transaction.
    pub(crate) fn script(&self, batch: &Batch) -> Script {
        let mut text = String::new();
        let mut there = BTreeSet::new();
        if batch.scope == Scope::Whole {
            self.removal_to(&mut text);
            let name = &self.name;
            line(&mut text, format_args!("add table inet {name}"));
            let hook = "{ type filter hook input priority -10; policy accept; }";
            line(&mut text, format_args!("add chain inet {name} input {hook}"));
            USUAL.iter().for_each(|length| self.add_set(&mut text, *length));
            there.extend(USUAL);
        } else {
            there.clone_from(&self.lengths);
        }
        for (length, part) in parts(batch) {
            if !there.contains(&length) {
                if part.bans.is_empty() {
                    continue;
                }
                self.add_set(&mut text, length);
                there.insert(length);
            }
            self.add_elements(&mut text, length, &part, batch.scope);
        }
        Script { text, lengths: there }
    }

    /// Notes that the kernel has carried a script out.
    pub(crate) fn done(&mut self, script: Script) {
        self.lengths = script.lengths;
    }

    /// Removes the table, and is content when there is none.
    pub(crate) fn removal(&self) -> String {
        let mut text = String::new();
        self.removal_to(&mut text);
        text
    }

    fn removal_to(&self, text: &mut String) {
        line(text, format_args!("add table inet {}", self.name));
        line(text, format_args!("delete table inet {}", self.name));
    }

    /// A set and the rule that looks into it. Only what comes for our port is
    /// dropped: a ban never cuts an operator off from the machine.
    fn add_set(&self, text: &mut String, length: Length) {
        let Self { name, port, .. } = self;
        let (family, kind) = match length {
            Length::V4(_) => ("ip", "ipv4_addr"),
            Length::V6(_) => ("ip6", "ipv6_addr"),
        };
        let mask = length.mask();
        line(text, format_args!("add set inet {name} {length} {{ type {kind}; flags timeout; }}"));
        line(text, format_args!("add rule inet {name} input tcp dport {port} {family} saddr & {mask} @{length} drop"));
    }

    fn add_elements(&self, text: &mut String, length: Length, part: &Part, scope: Scope) {
        let name = &self.name;
        if scope == Scope::Changes {
            let touched = || part.bans.iter().map(|(net, _)| net).chain(&part.lifts);
            for verb in ["add", "delete"] {
                let nets = list(touched(), |text, net| write!(text, "{}", Address(*net)));
                line(text, format_args!("{verb} element inet {name} {length} {{ {nets} }}"));
            }
        }
        if !part.bans.is_empty() {
            let bans = list(part.bans.iter(), |text, (net, left)| {
                // Two numbers, because one of all milliseconds may be too long for nft.
                write!(text, "{} timeout {}s{}ms", Address(*net), left.0 / 1_000, left.0 % 1_000)
            });
            line(text, format_args!("add element inet {name} {length} {{ {bans} }}"));
        }
    }
}

impl Length {
    const fn of(net: Net) -> Self {
        match net {
            Net::V4(net) => Self::V4(net.prefix),
            Net::V6(net) => Self::V6(net.prefix),
        }
    }

    /// The bits that an address of this length is looked up by.
    fn mask(self) -> Address {
        Address(match self {
            Self::V4(prefix) => Net::V4(Net4 { address: Ipv4Addr::BROADCAST, prefix }.network()),
            Self::V6(prefix) => Net::V6(Net6 { address: Ipv6Addr::from(u128::MAX), prefix }.network()),
        })
    }
}

/// The name of its set.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => write!(f, "v4_{prefix}"),
            Self::V6(prefix) => write!(f, "v6_{prefix}"),
        }
    }
}

/// The first address of a network, by which its set knows it.
struct Address(Net);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Net::V4(net) => net.address.fmt(f),
            Net::V6(net) => net.address.fmt(f),
        }
    }
}

fn parts(batch: &Batch) -> BTreeMap<Length, Part> {
    let mut parts: BTreeMap<Length, Part> = BTreeMap::new();
    for (net, left) in &batch.bans {
        parts.entry(Length::of(*net)).or_default().bans.push((*net, *left));
    }
    for net in &batch.lifts {
        parts.entry(Length::of(*net)).or_default().lifts.push(*net);
    }
    parts
}

fn line(text: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

fn list<T>(items: impl Iterator<Item = T>, write: impl Fn(&mut String, T) -> fmt::Result) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let _ = write(&mut text, item);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Net {
        Net::V4(text.parse().unwrap())
    }

    fn v6(text: &str) -> Net {
        Net::V6(text.parse().unwrap())
    }

    const START: &str = "\
add table inet mycel_t
delete table inet mycel_t
add table inet mycel_t
add chain inet mycel_t input { type filter hook input priority -10; policy accept; }
add set inet mycel_t v4_32 { type ipv4_addr; flags timeout; }
add rule inet mycel_t input tcp dport 80 ip saddr & 255.255.255.255 @v4_32 drop
add set inet mycel_t v6_64 { type ipv6_addr; flags timeout; }
add rule inet mycel_t input tcp dport 80 ip6 saddr & ffff:ffff:ffff:ffff:: @v6_64 drop
";

    #[test]
    fn everything_and_then_a_change() {
        let mut table = Table::new("t", 80).unwrap();
        let bans = vec![(v4("10.0.0.1/32"), Millis(1_500)), (v4("10.0.0.0/8"), Millis(5))];
        let whole = table.script(&Batch { scope: Scope::Whole, bans, lifts: Vec::new() });
        let expected = "\
add set inet mycel_t v4_8 { type ipv4_addr; flags timeout; }
add rule inet mycel_t input tcp dport 80 ip saddr & 255.0.0.0 @v4_8 drop
add element inet mycel_t v4_8 { 10.0.0.0 timeout 0s5ms }
add element inet mycel_t v4_32 { 10.0.0.1 timeout 1s500ms }
";
        assert_eq!(whole.text, format!("{START}{expected}"));
        table.done(whole);
        let bans = vec![(v6("fd00::/64"), Millis(1_000)), (v6("::/0"), Millis(1_000))];
        // Nobody was ever banned by 16 bits, so there is no set to lift from.
        let lifts = vec![v4("10.0.0.1/32"), v4("10.1.0.0/16"), v6("fd01::/64")];
        let changes = table.script(&Batch { scope: Scope::Changes, bans, lifts });
        let expected = "\
add element inet mycel_t v4_32 { 10.0.0.1 }
delete element inet mycel_t v4_32 { 10.0.0.1 }
add set inet mycel_t v6_0 { type ipv6_addr; flags timeout; }
add rule inet mycel_t input tcp dport 80 ip6 saddr & :: @v6_0 drop
add element inet mycel_t v6_0 { :: }
delete element inet mycel_t v6_0 { :: }
add element inet mycel_t v6_0 { :: timeout 1s0ms }
add element inet mycel_t v6_64 { fd00::, fd01:: }
delete element inet mycel_t v6_64 { fd00::, fd01:: }
add element inet mycel_t v6_64 { fd00:: timeout 1s0ms }
";
        assert_eq!(changes.text, expected);
        let rest = Batch { scope: Scope::Rest, bans: vec![(v4("10.0.0.2/32"), Millis(7))], lifts: Vec::new() };
        assert_eq!(table.script(&rest).text, "add element inet mycel_t v4_32 { 10.0.0.2 timeout 0s7ms }\n");
    }

    #[test]
    fn a_tag_is_a_name_and_never_a_command() {
        for tag in ["", "a b", "a;flush ruleset", "a\nb", "ä", &"a".repeat(33)] {
            assert!(Table::new(tag, 80).is_none(), "{tag}");
        }
        assert_eq!(Table::new("eu-1_b", 80).unwrap().name, "mycel_eu-1_b");
    }
}
