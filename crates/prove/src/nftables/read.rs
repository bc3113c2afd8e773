//! Tables, sets and chains, as a file defines them one after the other.

use super::rule::rule;
use super::token::{Reader, Token, tokens};
use super::{Among, Base, Chain, Family, Hook, Lost, Rules, Set, Table, Verdict, What};
use crate::atoms::Range;
use crate::read::form::shown;

/// Where chains may stand beside each other, by name. Which is first decides
/// nothing here: whatever one drops is dropped.
const PRIORITIES: [&str; 6] = ["raw", "mangle", "dstnat", "filter", "security", "srcnat"];

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Rules, Lost> {
    let (mut reader, mut rules) = (Reader::new(tokens(bytes)?), Rules::default());
    loop {
        reader.skip_ends();
        if reader.is_done() {
            break;
        }
        let line = reader.line();
        match reader.word("`table`, `delete table`, `destroy table` or `flush ruleset`")?.as_str() {
            "add" if reader.takes_word("table") => table(&mut reader, &mut rules)?,
            "table" => table(&mut reader, &mut rules)?,
            "delete" if reader.takes_word("table") => {
                let gone = named(&mut reader)?;
                let name = shown(&gone.1);
                if rules.tables.remove(&gone).is_none() {
                    return Err(Lost::dangling(line, format!("there is no table `{name}` to delete")));
                }
            }
            "destroy" if reader.takes_word("table") => {
                rules.tables.remove(&named(&mut reader)?);
            }
            "flush" if reader.takes_word("ruleset") => rules.tables.clear(),
            other => return Err(Lost::new(line, format!("`{}` is not understood", shown(other)))),
        }
        reader.end()?;
    }
    rules.tables.values().try_for_each(whole)?;
    Ok(rules)
}

/// The family and name of a table.
fn named(reader: &mut Reader) -> Result<(Family, String), Lost> {
    let line = reader.line();
    let first = reader.word("the name of a table")?;
    let family = match first.as_str() {
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        "inet" => Family::Inet,
        other @ ("arp" | "bridge" | "netdev") => {
            return Err(Lost::new(line, format!("tables of `{other}` are not judged")));
        }
        _ => return Ok((Family::Ip, first)),
    };
    Ok((family, reader.word("the name of a table")?))
}

fn table(reader: &mut Reader, rules: &mut Rules) -> Result<(), Lost> {
    let table = rules.tables.entry(named(reader)?).or_default();
    if !reader.takes_mark('{') {
        return Ok(());
    }
    loop {
        reader.skip_ends();
        if reader.takes_mark('}') {
            return Ok(());
        }
        let line = reader.line();
        match reader.word("`set`, `chain` or `}`")?.as_str() {
            "comment" => drop(reader.name("a comment")?),
            "set" => {
                let name = reader.word("the name of a set")?;
                let set = set(reader)?;
                if table.sets.insert(name.clone(), set).is_some() {
                    return Err(Lost::new(line, format!("the set `{}` is there twice", shown(&name))));
                }
            }
            "chain" => {
                let name = reader.word("the name of a chain")?;
                chain(reader, table.chains.entry(name).or_default())?;
            }
            other => return Err(Lost::new(line, format!("`{}` in a table is not understood", shown(other)))),
        }
        reader.end()?;
    }
}

fn set(reader: &mut Reader) -> Result<Set, Lost> {
    let (mut set, mut is_interval) = (Set { fields: Vec::new(), elements: Vec::new() }, false);
    let opened = reader.line();
    let mut elements = opened;
    reader.mark('{')?;
    loop {
        reader.skip_ends();
        if reader.takes_mark('}') {
            break;
        }
        let line = reader.line();
        match reader.word("`type`, `flags`, `elements` or `}`")?.as_str() {
            "type" => set.fields = fields(reader)?,
            "flags" => loop {
                match reader.word("a flag")?.as_str() {
                    "interval" => is_interval = true,
                    "constant" => {}
                    other => return Err(Lost::new(line, format!("sets that are `{}` are not judged", shown(other)))),
                }
                if !reader.takes_mark(',') {
                    break;
                }
            },
            "auto-merge" => {}
            "comment" => drop(reader.name("a comment")?),
            "elements" => {
                reader.mark('=')?;
                elements = reader.line();
                set.elements.extend(reader.between(element)?);
            }
            other => return Err(Lost::new(line, format!("`{}` in a set is not understood", shown(other)))),
        }
        reader.end()?;
    }
    if set.fields.is_empty() {
        return Err(Lost::new(opened, "the set does not say its type"));
    }
    fits(&set.fields, &set.elements, elements)?;
    if !is_interval && set.elements.iter().flatten().any(|range| range.first != range.last) {
        return Err(Lost::new(elements, "ranges of addresses are in no set without `flags interval`"));
    }
    Ok(set)
}

fn fields(reader: &mut Reader) -> Result<Vec<bool>, Lost> {
    let mut fields = Vec::new();
    loop {
        let line = reader.line();
        fields.push(match reader.word("a type of addresses")?.as_str() {
            "ipv4_addr" => false,
            "ipv6_addr" => true,
            other => return Err(Lost::new(line, format!("sets of `{}` are not judged", shown(other)))),
        });
        if !reader.takes_word(".") {
            return Ok(fields);
        }
    }
}

/// An element: as many ranges as fields, with a `.` between them.
pub(super) fn element(reader: &mut Reader) -> Result<Vec<Range>, Lost> {
    let mut ranges = Vec::new();
    loop {
        let line = reader.line();
        let word = reader.word("an address")?;
        ranges.push(range(&word).ok_or_else(|| Lost::new(line, format!("`{}` is no address", shown(&word))))?);
        if !reader.takes_word(".") {
            break;
        }
    }
    if reader.takes_word("comment") {
        reader.name("a comment")?;
    }
    Ok(ranges)
}

/// One address, a network, or two addresses with a `-` between them.
fn range(word: &str) -> Option<Range> {
    let one = |text: &str| Range::parse(&format!("{text}/{}", if text.contains(':') { 128 } else { 32 }));
    if word.contains('/') {
        return Range::parse(word);
    }
    let Some((first, last)) = word.split_once('-') else { return one(word) };
    let (first, last) = (one(first)?, one(last)?);
    let is_range = first.six == last.six && first.first <= last.last;
    is_range.then_some(Range { last: last.last, ..first })
}

/// Whether elements have a range of the right family for each field.
pub(super) fn fits(fields: &[bool], elements: &[Vec<Range>], line: u32) -> Result<(), Lost> {
    let is_one = |ranges: &Vec<Range>| ranges.iter().map(|range| range.six).eq(fields.iter().copied());
    match elements.iter().find(|ranges| !is_one(ranges)) {
        None => Ok(()),
        Some(ranges) => {
            let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
            Err(Lost::new(line, format!("`{}` is not of the type that is asked for", texts.join(" . "))))
        }
    }
}

fn chain(reader: &mut Reader, chain: &mut Chain) -> Result<(), Lost> {
    reader.mark('{')?;
    loop {
        reader.skip_ends();
        if reader.takes_mark('}') {
            return Ok(());
        }
        let line = reader.line();
        if reader.takes_word("type") {
            if chain.base.is_some() {
                return Err(Lost::new(line, "the chain says twice where it begins"));
            }
            chain.base = Some(base(reader, line)?);
        } else if reader.takes_word("policy") {
            let base = chain.base.as_mut().ok_or_else(|| Lost::new(line, "a policy of a chain without a hook"))?;
            base.line = line;
            base.accepts = match reader.word("`accept` or `drop`")?.as_str() {
                "accept" => true,
                "drop" => false,
                other => return Err(Lost::new(line, format!("a policy `{}` is not understood", shown(other)))),
            };
        } else if reader.takes_word("comment") {
            reader.name("a comment")?;
        } else {
            chain.rules.extend(rule(reader)?);
        }
        reader.end()?;
    }
}

/// `filter hook forward priority filter`: it accepts, until a policy says more.
fn base(reader: &mut Reader, line: u32) -> Result<Base, Lost> {
    let kind = reader.word("`filter`")?;
    if kind != "filter" || !reader.takes_word("hook") {
        return Err(Lost::new(line, format!("chains of type `{}` are not judged", shown(&kind))));
    }
    let hook = match reader.word("a hook")?.as_str() {
        "forward" => Hook::Forward,
        "input" => Hook::Input,
        other => return Err(Lost::new(line, format!("chains at the hook `{}` are not judged", shown(other)))),
    };
    if !reader.takes_word("priority") {
        return Err(reader.lost("`priority`"));
    }
    let mut parts = 0u8;
    while let Some(Token::Word(word)) = reader.peek() {
        let is_known = PRIORITIES.contains(&word.as_str()) || word == "+" || word == "-" || word.parse::<i32>().is_ok();
        parts = parts.saturating_add(1);
        if !is_known || parts > 3 {
            return Err(reader.lost("a priority"));
        }
        reader.word("a priority")?;
    }
    if parts == 0 {
        return Err(reader.lost("a priority"));
    }
    Ok(Base { hook, accepts: true, line })
}

/// Whatever rules refer to is there.
fn whole(table: &Table) -> Result<(), Lost> {
    for rule in table.chains.values().flat_map(|chain| &chain.rules) {
        if let Some(Verdict::Jump(to) | Verdict::Goto(to)) = &rule.verdict {
            match table.chains.get(to) {
                None => return Err(Lost::dangling(rule.line, format!("there is no chain `{}`", shown(to)))),
                Some(chain) if chain.base.is_some() => {
                    let what = format!("`{}` has a hook of its own: no rule can send packets there", shown(to));
                    return Err(Lost::new(rule.line, what));
                }
                Some(_) => {}
            }
        }
        for one in &rule.matches {
            let What::Address(ends, Among::Set(name)) = &one.what else { continue };
            let set = table.sets.get(name);
            let set = set.ok_or_else(|| Lost::dangling(rule.line, format!("there is no set `{}`", shown(name))))?;
            if !ends.iter().map(|end| end.six).eq(set.fields.iter().copied()) {
                let what = format!("the set `{}` is of another type than what is asked for", shown(name));
                return Err(Lost::new(rule.line, what));
            }
        }
    }
    Ok(())
}
