//! `mycel chain`: a block's chain as it is read, every link checked here and
//! not where it comes from.

use crate::Verdict;
use crate::agent::{attached, block_on};
use crate::cli::ChainArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use block::chain::{Entry, Outcome, link};
use block::house::Deed;
use block::kinds::{self, Effect, Matter};
use client::Follow;
use serde_json::json;
use std::time::Duration;

/// Entries that are asked for at once.
const MOST: usize = 500;
/// How long one request waits for the next entry.
const WAIT: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &ChainArgs, screen: &Screen) -> Result<Verdict, Failure> {
    block_on(async {
        let agent = attached(&args.who).await?;
        let block = match &args.block {
            Some(text) => word::read_block(text)?,
            None => agent.held.block.clone(),
        };
        let name = word::block(&block);
        let mut follow = Follow::from_the_oldest(block);
        let (mut shown, mut first) = (Vec::new(), None);
        loop {
            let known = follow.head().sequence;
            let wait = if args.follow { WAIT } else { Duration::ZERO };
            let part = agent.client.chain(&mut follow, MOST, wait).await?;
            let read = u64::try_from(part.entries.len()).unwrap_or(0);
            first = first.or(Some(follow.head().sequence + 1 - read));
            for bytes in &part.entries {
                if screen.is_json() && !args.follow {
                    shown.push(as_json(bytes));
                } else if screen.is_json() {
                    // One a line, for whoever follows.
                    screen.data(as_json(bytes))?;
                } else {
                    screen.data(as_line(bytes))?;
                }
            }
            let head = *follow.head();
            if !args.follow && (head.sequence >= part.end || head.sequence == known) {
                break;
            }
        }
        let head = follow.head();
        if screen.is_json() {
            let link: String = head.link.0.iter().map(|byte| format!("{byte:02x}")).collect();
            return screen.json(&json!({
                "version": 1, "block": name, "verified": true, "oldest": first, "sequence": head.sequence, "link": link, "entries": shown,
            }));
        }
        if let Some(first) = first.filter(|first| *first > 1) {
            screen
                .say(format_args!("{name}: entries before {first} were pruned; its node has signed the last of them"));
        }
        screen.say(format_args!(
            "{name}: {} entries, every link holds, and its node has signed the last: {}",
            head.sequence,
            word::short(&head.link.0)
        ));
        Ok(())
    })?;
    Ok(Verdict::Good)
}

pub(crate) fn kind(code: u8) -> String {
    let known = kinds::by_code(code).map(|kind| kind.name).or_else(|| Deed::name(code));
    known.map_or_else(|| format!("kind {code}"), str::to_owned)
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}

/// What an op's payload shows: how long it is, where it is sealed.
fn asked(entry: &Entry<'_>) -> String {
    match kinds::by_code(entry.kind).map(|kind| (kind.effect)(entry.payload)) {
        Some(Ok(Effect::Stand(Matter::Erasure, ..))) => match kinds::demanded(entry) {
            Some(demand) if demand.verify().is_err() => "by nobody's word".to_owned(),
            Some(demand) if demand.by != entry.agent => format!("all, by {}", word::short(&demand.by.0)),
            _ => "all from before".to_owned(),
        },
        Some(Ok(Effect::Stand(_, _, true))) => "from here on".to_owned(),
        Some(Ok(Effect::Stand(_, _, false))) => "taken back".to_owned(),
        _ => format!("{} B sealed", entry.payload.len()),
    }
}

pub(crate) fn as_line(bytes: &[u8]) -> String {
    let Ok(entry) = Entry::decode(bytes) else { return "an entry that cannot be read".to_owned() };
    let what = match Deed::decode(entry.kind, entry.payload) {
        Some(Deed::Assign { slot, .. } | Deed::Renew { slot, .. } | Deed::Release { slot, .. }) => {
            format!("slot {slot}")
        }
        Some(Deed::Expire(aged)) => format!("written in {}", aged.written),
        None if entry.outcome == Outcome::Failed => String::from_utf8_lossy(entry.result).into_owned(),
        None => asked(&entry),
    };
    format!(
        "{:>6}  {}  {}  {:8} {:20} {:9} {}",
        entry.sequence,
        word::clock(entry.time.0),
        word::short(&entry.agent.0),
        kind(entry.kind),
        what,
        ended(entry.outcome),
        word::short(&link(bytes).0),
    )
    .trim_end()
    .to_owned()
}

pub(crate) fn as_json(bytes: &[u8]) -> serde_json::Value {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let Ok(entry) = Entry::decode(bytes) else { return json!({ "error": "an entry that cannot be read" }) };
    json!({
        "sequence": entry.sequence,
        "epoch": entry.epoch,
        "time": entry.time.0,
        "agent": entry.agent.to_string(),
        "id": hex(&entry.id.0.to_be_bytes()),
        "kind": kind(entry.kind),
        "outcome": match entry.outcome { Outcome::Done => "done", other => ended(other) },
        "tries": entry.tries,
        "link": hex(&link(bytes).0),
        "bytes": hex(bytes),
    })
}
