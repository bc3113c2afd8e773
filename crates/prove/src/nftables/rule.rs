//! One rule: its conditions, and what becomes of a packet that meets them all.

use super::read::{element, fits};
use super::token::{Reader, Token};
use super::{Among, End, Interface, Lost, Match, Rule, State, Verdict, Way, What};
use crate::read::form::shown;
use std::collections::BTreeSet;

/// Reads a rule up to the end of its line. One that decides by the state of the
/// connection is as many as there are states in it.
pub(super) fn rule(reader: &mut Reader) -> Result<Vec<Rule>, Lost> {
    let (line, mut matches) = (reader.line(), Vec::new());
    loop {
        if matches!(reader.peek(), Some(Token::End | Token::Mark('}')) | None) {
            return Ok(vec![Rule { line, matches, verdict: None }]);
        }
        if let Some(verdict) = verdict(reader)? {
            if reader.takes_word("comment") {
                reader.name("a comment")?;
            }
            return Ok(vec![Rule { line, matches, verdict: Some(verdict) }]);
        }
        if aside(reader)? {
            continue;
        }
        let at = reader.line();
        match reader.word("a condition or a verdict")?.as_str() {
            "ct" if reader.takes_word("state") => {
                if reader.takes_word("vmap") {
                    return by_state(reader, line, &matches);
                }
                matches.push(states(reader)?);
            }
            "meta" if reader.takes_word("nfproto") => {
                let is_not = is_not(reader);
                let six = match reader.word("`ipv4` or `ipv6`")?.as_str() {
                    "ipv4" => false,
                    "ipv6" => true,
                    other => return Err(Lost::new(at, format!("the family `{}` is not understood", shown(other)))),
                };
                matches.push(Match { is_not, what: What::Six(six) });
            }
            "meta" => {
                let word = reader.word("`iifname` or `oifname`")?;
                matches.push(interface(reader, &word, at)?);
            }
            "fib" => matches.push(made_up(reader)?),
            word @ ("ip" | "ip6") => matches.push(address(reader, word == "ip6")?),
            word => matches.push(interface(reader, word, at)?),
        }
    }
}

/// What decides nothing: counters, logs and comments.
fn aside(reader: &mut Reader) -> Result<bool, Lost> {
    if reader.takes_word("counter") {
        for word in ["packets", "bytes"] {
            if reader.takes_word(word) {
                reader.word("a number")?;
            }
        }
    } else if reader.takes_word("log") {
        if reader.takes_word("prefix") {
            reader.name("what logs begin with")?;
        }
    } else if reader.takes_word("comment") {
        reader.name("a comment")?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn verdict(reader: &mut Reader) -> Result<Option<Verdict>, Lost> {
    if reader.takes_word("accept") {
        return Ok(Some(Verdict::Accept));
    }
    if reader.takes_word("drop") {
        return Ok(Some(Verdict::Drop));
    }
    if reader.takes_word("reject") {
        // With which answer is the sender's business.
        if reader.takes_word("with") {
            while matches!(reader.peek(), Some(Token::Word(word)) if word != "comment") {
                reader.word("an answer")?;
            }
        }
        return Ok(Some(Verdict::Drop));
    }
    if reader.takes_word("return") {
        return Ok(Some(Verdict::Return));
    }
    if reader.takes_word("jump") {
        return Ok(Some(Verdict::Jump(reader.word("the name of a chain")?)));
    }
    if reader.takes_word("goto") {
        return Ok(Some(Verdict::Goto(reader.word("the name of a chain")?)));
    }
    Ok(None)
}

/// Whether what is compared has to be another.
fn is_not(reader: &mut Reader) -> bool {
    reader.takes_word("!=")
}

/// `ip saddr . ip daddr @allowed`: ends, and where they have to be.
fn address(reader: &mut Reader, six: bool) -> Result<Match, Lost> {
    let (line, mut ends, mut six) = (reader.line(), Vec::new(), six);
    loop {
        let at = reader.line();
        let is_source = match reader.word("`saddr` or `daddr`")?.as_str() {
            "saddr" => true,
            "daddr" => false,
            other => return Err(Lost::new(at, format!("`{}` of a packet is not judged", shown(other)))),
        };
        ends.push(End { is_source, six });
        if !reader.takes_word(".") {
            break;
        }
        six = match reader.word("`ip` or `ip6`")?.as_str() {
            "ip" => false,
            "ip6" => true,
            other => return Err(Lost::new(at, format!("`{}` beside an address is not judged", shown(other)))),
        };
    }
    let is_not = is_not(reader);
    let among = match reader.peek() {
        Some(Token::Word(word)) if word.starts_with('@') => {
            let name = reader.word("a set")?;
            Among::Set(name.trim_start_matches('@').to_owned())
        }
        Some(Token::Mark('{')) => Among::These(reader.between(element)?),
        _ => Among::These(vec![element(reader)?]),
    };
    if let Among::These(elements) = &among {
        let fields: Vec<bool> = ends.iter().map(|end| end.six).collect();
        fits(&fields, elements, line)?;
    }
    Ok(Match { is_not, what: What::Address(ends, among) })
}

fn state(reader: &mut Reader) -> Result<State, Lost> {
    let line = reader.line();
    Ok(match reader.word("the state of a connection")?.as_str() {
        "new" => State::New,
        "established" => State::Established,
        "related" => State::Related,
        "invalid" => State::Invalid,
        "untracked" => State::Untracked,
        other => return Err(Lost::new(line, format!("the state `{}` is not understood", shown(other)))),
    })
}

fn states(reader: &mut Reader) -> Result<Match, Lost> {
    let (line, is_not) = (reader.line(), is_not(reader));
    if reader.peek() == Some(&Token::Mark('{')) {
        let states = reader.between(state)?;
        return Ok(Match { is_not, what: What::State(states.into_iter().collect()) });
    }
    let mut states = BTreeSet::from([state(reader)?]);
    while reader.takes_mark(',') {
        states.insert(state(reader)?);
    }
    if is_not && states.len() > 1 {
        return Err(Lost::new(line, "`!=` before several states says one of two things: put them in braces"));
    }
    Ok(Match { is_not, what: What::State(states) })
}

/// `ct state vmap { established : accept, invalid : drop }`.
fn by_state(reader: &mut Reader, line: u32, matches: &[Match]) -> Result<Vec<Rule>, Lost> {
    let parts = reader.between(|reader| {
        let at = reader.line();
        let state = state(reader)?;
        if !reader.takes_word(":") {
            return Err(reader.lost("`:`"));
        }
        let verdict = verdict(reader)?.ok_or_else(|| reader.lost("a verdict"))?;
        Ok((at, state, verdict))
    })?;
    let mut seen = BTreeSet::new();
    if let Some((at, ..)) = parts.iter().find(|(_, state, _)| !seen.insert(*state)) {
        return Err(Lost::new(*at, "a state that is there twice"));
    }
    // A rule goes on behind the map for what is in none of it.
    if !matches!(reader.peek(), Some(Token::End | Token::Mark('}')) | None) {
        return Err(Lost::new(line, "what stands behind a map of states is not judged"));
    }
    let rules = parts.into_iter().map(|(_, state, verdict)| {
        let is_it = Match { is_not: false, what: What::State(BTreeSet::from([state])) };
        Rule { line, matches: matches.iter().cloned().chain([is_it]).collect(), verdict: Some(verdict) }
    });
    Ok(rules.collect())
}

/// `fib saddr . iif oif missing`: nothing leads back to the source by the
/// interface that the packet came by.
fn made_up(reader: &mut Reader) -> Result<Match, Lost> {
    for word in ["saddr", ".", "iif", "oif"] {
        if !reader.takes_word(word) {
            return Err(reader.lost(&format!("`{word}`, as in `fib saddr . iif oif missing`,")));
        }
    }
    let is_not = reader.takes_word("exists");
    if !is_not && !reader.takes_word("missing") {
        return Err(reader.lost("`missing` or `exists`"));
    }
    Ok(Match { is_not, what: What::MadeUp })
}

fn interface(reader: &mut Reader, word: &str, line: u32) -> Result<Match, Lost> {
    let way = match word {
        "iif" | "iifname" => Way::In,
        "oif" | "oifname" => Way::Out,
        other => return Err(Lost::new(line, format!("`{}` in a rule is not understood", shown(other)))),
    };
    let is_not = is_not(reader);
    let one = |reader: &mut Reader| {
        let at = reader.line();
        let name = reader.name("the name of an interface")?;
        behind(&name)
            .ok_or_else(|| Lost::new(at, format!("nothing says what is behind the interface `{}`", shown(&name))))
    };
    let interfaces = if reader.peek() == Some(&Token::Mark('{')) { reader.between(one)? } else { vec![one(reader)?] };
    Ok(Match { is_not, what: What::Interface(way, interfaces) })
}

/// Interfaces of VLANs are named by their tags: `vlan100`, `eth0.100`.
fn behind(name: &str) -> Option<Interface> {
    if name == "lo" {
        return Some(Interface::Loopback);
    }
    let tag = name.strip_prefix("vlan").or_else(|| name.rsplit_once('.').map(|(_, tag)| tag))?;
    let is_plain = !tag.starts_with('0') && tag.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| tag.parse().ok()).flatten().map(Interface::Tagged)
}
