//! What can be looked at and looked after in a planet that runs.

use crate::Verdict;
use crate::agent::{Agent, attached, block_on};
use crate::cli::{BansCommand, BlockCommand, InboxArgs, ListArgs, Who};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use block::kinds::Cursor;
use client::tell;
use serde_json::json;
use std::time::Duration;
use vocab::thousands;

/// Messages that are asked for at once.
const MOST: usize = 100;
/// How long one request waits for the next message.
const WAIT: Duration = Duration::from_secs(30);

pub(crate) fn inbox(args: &InboxArgs, screen: &Screen) -> Result<Verdict, Failure> {
    block_on(async {
        let agent = attached(&args.who).await?;
        let (mut after, mut kept) = (None, Vec::new());
        // One document of JSON, however many pages its messages come in.
        let at_the_end = screen.is_json() && !args.follow;
        loop {
            let wait = if args.follow { WAIT } else { Duration::ZERO };
            let messages = agent.client.inbox(after, MOST, wait).await?;
            let was_the_last = messages.len() < MOST;
            after = messages.last().map_or(after, |last| Cursor::from_bytes(&last.cursor.0));
            if at_the_end {
                kept.extend(messages);
            } else {
                for message in &messages {
                    screen.data(shown(message, screen))?;
                }
                if !messages.is_empty() {
                    acknowledge(&agent, after, args).await?;
                }
            }
            if was_the_last && !args.follow {
                break;
            }
        }
        if at_the_end {
            screen.json(&json!({ "version": 1, "messages": kept }))?;
            acknowledge(&agent, after, args).await?;
        }
        Ok(Verdict::Good)
    })
}

/// Only what was shown: it does not come again.
async fn acknowledge(agent: &Agent, shown: Option<Cursor>, args: &InboxArgs) -> Result<(), Failure> {
    if let (true, Some(cursor)) = (args.ack, shown) {
        agent.client.ack(cursor).await?;
    }
    Ok(())
}

fn shown(message: &tell::Message, screen: &Screen) -> String {
    if screen.is_json() {
        return json!(message).to_string();
    }
    let text = message.message.as_ref().map(|message| String::from_utf8_lossy(&message.0).into_owned());
    let text = text.unwrap_or_else(|| "(erased: its sender's key was destroyed)".to_owned());
    format!("{}  {}  {text}", word::clock(message.time), word::short(&message.from.0))
}

pub(crate) fn regions(who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    let regions = block_on(async { Ok(attached(who).await?.client.regions().await?) })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "regions": regions })).map(|()| Verdict::Good);
    }
    screen.data(format_args!("{:12} {:>14} {:>16} {:>16}", "region", "blocks", "slots taken", "slots"))?;
    for region in &regions {
        let (blocks, taken, slots) = (thousands(region.blocks), thousands(region.taken), thousands(region.slots));
        screen.data(format_args!("{:12} {blocks:>14} {taken:>16} {slots:>16}", region.id))?;
    }
    Ok(Verdict::Good)
}

pub(crate) fn blocks(args: &ListArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let blocks = block_on(async { Ok(attached(&args.who).await?.client.blocks(None, args.most).await?) })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "blocks": blocks })).map(|()| Verdict::Good);
    }
    shown_blocks(&blocks, screen)
}

fn shown_blocks(blocks: &[tell::Standing], screen: &Screen) -> Result<Verdict, Failure> {
    screen
        .data(format_args!("{:12} {:>8} {:>10} {:>8}  {:12}  state", "block", "slots", "entries", "waiting", "link"))?;
    for standing in blocks {
        screen.data(row(standing))?;
    }
    Ok(Verdict::Good)
}

fn row(standing: &tell::Standing) -> String {
    let state = standing.sealed.as_ref().map_or_else(|| "open".to_owned(), |why| format!("sealed: {why}"));
    format!(
        "{:12} {:>8} {:>10} {:>8}  {:12}  {state}",
        word::block(&standing.block),
        format!("{}/{}", standing.taken, standing.slots),
        thousands(standing.entries),
        standing.waiting,
        word::short(&standing.link.0),
    )
}

pub(crate) fn block(command: &BlockCommand, screen: &Screen) -> Result<Verdict, Failure> {
    let (text, who) = match command {
        BlockCommand::Show { block, who }
        | BlockCommand::Seal { block, who, .. }
        | BlockCommand::Open { block, who } => (block, who),
    };
    let name = word::read_block(text)?;
    let standing = block_on(async {
        let client = attached(who).await?.client;
        match command {
            BlockCommand::Show { .. } => {}
            BlockCommand::Seal { reason, .. } => client.seal(&name, reason).await?,
            BlockCommand::Open { .. } => client.open(&name).await?,
        }
        Ok(client.block(&name).await?)
    })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "block": standing })).map(|()| Verdict::Good);
    }
    shown_blocks(&[standing], screen)
}

pub(crate) fn agents(args: &ListArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let agents = block_on(async { Ok(attached(&args.who).await?.client.agents(None, args.most).await?) })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "agents": agents })).map(|()| Verdict::Good);
    }
    screen.data(format_args!("{:64}  {:12} {:>4} {:>8}  lease ends in", "agent", "block", "slot", "fencing"))?;
    for seat in &agents {
        let (block, left) = (word::block(&seat.block), word::from_now(seat.until));
        screen.data(format_args!("{}  {block:12} {:>4} {:>8}  {left}", seat.agent, seat.slot, seat.fencing))?;
    }
    Ok(Verdict::Good)
}

pub(crate) fn bans(command: &BansCommand, screen: &Screen) -> Result<Verdict, Failure> {
    let (BansCommand::List { who } | BansCommand::Add { who, .. } | BansCommand::Lift { who, .. }) = command;
    let bans = block_on(async {
        let client = attached(who).await?.client;
        match command {
            BansCommand::List { .. } => {}
            BansCommand::Add { net, lasts, .. } => client.ban(net, Duration::from_millis(lasts.0)).await?,
            BansCommand::Lift { net, .. } => client.lift(net).await?,
        }
        Ok(client.bans().await?)
    })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "bans": bans })).map(|()| Verdict::Good);
    }
    screen.data(format_args!("{:24} {:20} {:>6}  ends in", "network", "why", "times"))?;
    for ban in &bans {
        let score = ban.score.map_or_else(String::new, |score| format!(" ({score})"));
        let why = format!("{}{score}", ban.reason);
        screen.data(format_args!("{:24} {why:20} {:>6}  {}", ban.net, ban.times, word::from_now(ban.until)))?;
    }
    Ok(Verdict::Good)
}
