//! Rules of nftables for the router between the VLANs of a site: the tables, sets
//! and chains of one file, and what each says of a packet.
//!
//! What is read is the part of the language in which such rules are written: sets
//! of addresses, chains that filter what is handed on and what is for the router,
//! and rules about addresses, interfaces and the state of a connection. A word
//! more, and the whole file is not understood: in a chain every rule can take away
//! what those behind it are for.

mod judge;
mod packet;
mod read;
mod rule;
mod token;

pub(crate) use judge::{prove, why};

use crate::atoms::Range;
use crate::report::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// Why a file is not judged: the line, and what is there.
#[derive(Debug)]
pub(crate) struct Lost {
    line: u32,
    kind: Kind,
    what: String,
}

impl Lost {
    fn new(line: u32, what: impl Into<String>) -> Self {
        Self { line, kind: Kind::NotUnderstood, what: what.into() }
    }

    /// Something refers to what is not there.
    fn dangling(line: u32, what: impl Into<String>) -> Self {
        Self { line, kind: Kind::Dangling, what: what.into() }
    }
}

/// What a file leaves in a kernel that had nothing before: tables by family and
/// name.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    tables: BTreeMap<(Family, String), Table>,
}

/// What packets a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Ip,
    Ip6,
    Inet,
}

#[derive(Debug, Default)]
struct Table {
    sets: BTreeMap<String, Set>,
    chains: BTreeMap<String, Chain>,
}

/// Addresses, or pairs of them: each element has a range for each field.
#[derive(Debug)]
struct Set {
    /// For each field, whether it is of IPv6.
    fields: Vec<bool>,
    elements: Vec<Vec<Range>>,
}

#[derive(Debug, Default)]
struct Chain {
    /// Where packets come from that no rule sends here.
    base: Option<Base>,
    rules: Vec<Rule>,
}

/// A chain that the kernel begins with.
#[derive(Debug)]
struct Base {
    hook: Hook,
    /// Whether it accepts what no rule decides, and the line that says so.
    accepts: bool,
    line: u32,
}

/// Where on its way through the router a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hook {
    /// From one network to another.
    Forward,
    /// To the router itself.
    Input,
}

#[derive(Debug)]
struct Rule {
    line: u32,
    matches: Vec<Match>,
    verdict: Option<Verdict>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
}

/// One condition of a rule.
#[derive(Debug, Clone)]
struct Match {
    /// Whether it holds for everything else instead.
    is_not: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Addresses of these ends are one of these.
    Address(Vec<End>, Among),
    /// The family is IPv6.
    Six(bool),
    State(BTreeSet<State>),
    /// It came in, or goes out, by one of these.
    Interface(Way, Vec<Interface>),
    /// What has its source's address is not behind the interface it came by.
    MadeUp,
}

/// An address of a packet, and the family that it is asked for.
#[derive(Debug, Clone, Copy)]
struct End {
    is_source: bool,
    six: bool,
}

#[derive(Debug, Clone)]
enum Among {
    Set(String),
    These(Vec<Vec<Range>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// An interface, by what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    /// The VLAN with this tag.
    Tagged(u16),
    /// The router itself, from which nothing comes that is judged.
    Loopback,
}

/// What the kernel knows of the connection that a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    New,
    Established,
    Related,
    Invalid,
    Untracked,
}
