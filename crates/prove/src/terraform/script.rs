//! The script that a machine begins with: whose blocks it serves, and the ports
//! that it opens. Only what it says of the program is read; what else a script
//! does is not known.

use crate::program::is_loopback;
use crate::read::form::shown;
use crate::read::hcl::{Node, Value};
use crate::report::Kind;
use crate::terraform::asked::Region;
use crate::terraform::item::{Part, Tell};

/// The ports that the script opens, when it says so.
pub(crate) fn read(asked: &Region<'_>, part: Part<'_>, tell: &mut Tell<'_>) -> Option<Vec<u16>> {
    let node = part.get("user_data")?;
    let mut lines = Vec::new();
    gather(node, &mut lines);
    let mut opened = Vec::new();
    let (mut listens, mut is_of_one) = (None, false);
    for (line, text) in &lines {
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "--only" => {
                    let only = words.next().unwrap_or_default();
                    is_of_one = true;
                    if only != asked.id {
                        let what = format!("the blocks of region {} are kept in region {}", shown(only), asked.id);
                        tell.fail(Kind::Elsewhere, part.at(*line), what);
                    }
                }
                "--listen" => {
                    let (host, port) = words.next().and_then(|word| word.rsplit_once(':')).unwrap_or_default();
                    if is_loopback(host) {
                        let what = format!("the program listens at {}, where nobody else is", shown(host));
                        tell.fail(Kind::Stopped, part.at(*line), what);
                    }
                    listens = port.parse::<u16>().ok().map(|port| (*line, port));
                }
                "--publish" => {
                    let pair = words.next().and_then(|word| word.rsplit_once(':'));
                    let (outside, inside) = pair.unwrap_or_default();
                    let outside = outside.rsplit(':').next().unwrap_or_default();
                    match (outside.parse::<u16>(), inside.parse::<u16>()) {
                        (Ok(outside), Ok(inside)) => opened.push((*line, outside, inside)),
                        _ => tell.lost(part.at(*line), "a port is opened that is no number"),
                    }
                }
                _ => {}
            }
        }
    }
    for (line, outside, inside) in &opened {
        if listens.is_some_and(|(_, listens)| listens != *inside) {
            let what = format!("port {outside} leads to {inside}, where the program does not listen");
            tell.fail(Kind::Stopped, part.at(*line), what);
        }
    }
    if let Some((line, _)) = listens.filter(|_| !is_of_one) {
        let what = "the program is begun without `--only`: it keeps the blocks of every region here".to_owned();
        tell.fail(Kind::Elsewhere, part.at(line), what);
    }
    (!opened.is_empty()).then(|| opened.into_iter().map(|(_, outside, _)| outside).collect())
}

/// The lines of a text, each with where it stands. What is put in is no word.
fn gather(node: &Node, lines: &mut Vec<(u32, String)>) {
    match &node.value {
        Value::Text(text) => {
            for (number, line) in (0..).zip(text.split('\n')) {
                match lines.last_mut() {
                    Some((_, last)) if number == 0 => last.push_str(line),
                    _ => lines.push((node.line.saturating_add(number), line.to_owned())),
                }
            }
        }
        Value::Template(nodes) | Value::Call(_, nodes) => {
            for node in nodes {
                gather(node, lines);
            }
        }
        _ => {
            if let Some((_, last)) = lines.last_mut() {
                last.push('$');
            }
        }
    }
}
