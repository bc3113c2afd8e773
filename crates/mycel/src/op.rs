//! `mycel op`: an op, and its receipt.

use crate::Verdict;
use crate::agent::{attached, block_on, id_of};
use crate::cli::{OpCommand, Sending, Who};
use crate::erase;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use block::chain::{OpId, Outcome};
use client::{Ask, Body, Done, tell};
use serde_json::json;

pub(crate) fn run(command: OpCommand, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        OpCommand::Put { key, value, class, sending } => {
            send(&sending, Body::Put { key: key.into(), value: value.into(), class }, screen)
        }
        OpCommand::Get { key, sending } => send(&sending, Body::Get(key.into()), screen),
        OpCommand::Delete { key, sending } => send(&sending, Body::Delete(key.into()), screen),
        OpCommand::Send { to, message, sending } => {
            let to = match id_of(&sending.who, &to) {
                Some(known) => known,
                None => trust::AgentId(word::read_hex(&to, "an agent")?),
            };
            send(&sending, Body::Send { to, message: message.into() }, screen)
        }
        OpCommand::Echo { text, sending } => send(&sending, Body::Echo(text.into()), screen),
        OpCommand::Consent { class, withdraw, sending } => {
            send(&sending, Body::Consent { class, given: !withdraw }, screen)
        }
        OpCommand::OptOut { class, back, sending } => send(&sending, Body::OptOut { class, out: !back }, screen),
        OpCommand::Erase { yes: true, everywhere: true, sending } => erase::own(&sending.who, sending.patience, screen),
        OpCommand::Erase { yes: true, sending, .. } => send(&sending, Body::Erase, screen),
        OpCommand::Erase { yes: false, .. } => Err(Failure::told(
            "an erasure destroys the key to all that you have sealed: records of every class, and messages that \
             nobody has read; nobody can undo it"
                .to_owned(),
            "`mycel op erase --yes` does it in the region of your slot, with --everywhere in all that you have been in",
        )),
        OpCommand::Stances { most, who } => stances(most, &who, screen),
        OpCommand::Status { id, who } => status(&id, &who, screen),
        OpCommand::Cancel { id, who } => cancel(&id, &who, screen),
        OpCommand::List { most, who } => list(most, &who, screen),
    }
}

fn op_id(text: &str) -> Result<OpId, Failure> {
    word::read_hex(text, "the name of an op").map(|bytes| OpId(u128::from_be_bytes(bytes)))
}

fn send(sending: &Sending, body: Body, screen: &Screen) -> Result<Verdict, Failure> {
    let id = sending.id.as_deref().map(op_id).transpose()?;
    let patience_ms = u32::try_from(sending.patience.0).unwrap_or(u32::MAX);
    let reads = matches!(body, Body::Get(_));
    let done = block_on(async {
        let agent = attached(&sending.who).await?;
        let done = agent.client.op(Ask { id, body, patience_ms }).await?;
        Ok((done, agent.held.block))
    })?;
    show(&done.0, &done.1, reads, screen)
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}

fn show(done: &Done, block: &tell::Block, reads: bool, screen: &Screen) -> Result<Verdict, Failure> {
    let good = done.outcome == Outcome::Done && done.why.is_none();
    let found = !reads || done.value.is_some();
    let verdict = if good && found { Verdict::Good } else { Verdict::Bad };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if screen.is_json() {
        screen.json(&json!({
            "version": 1,
            "id": hex(&done.id.0.to_be_bytes()),
            "block": block,
            "sequence": done.sequence,
            "time": done.time.0,
            "link": hex(&done.link.0),
            "outcome": outcome(done.outcome),
            "tries": done.tries,
            "before": done.before,
            "value": done.value.as_ref().map(|value| String::from_utf8_lossy(value)),
            "why": done.why,
            "again": done.again,
        }))?;
        return Ok(verdict);
    }
    if let Some(value) = &done.value {
        screen.data(String::from_utf8_lossy(value))?;
    } else if reads && good {
        screen.say("there is no such record");
    }
    let again = if done.again { ", as before" } else { "" };
    let (sequence, link) = (done.sequence, word::short(&done.link.0));
    let line = format!("{}: entry {sequence} of {}, link {link}{again}", outcome(done.outcome), word::block(block));
    if reads {
        screen.say(line);
    } else {
        screen.data(line)?;
    }
    if let Some(why) = &done.why {
        screen.say(format_args!("  why    {why}"));
    }
    Ok(verdict)
}

fn show_told(op: &tell::Op, screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "op": op }));
    }
    screen.data(line(op))
}

fn line(op: &tell::Op) -> String {
    let state = match op.state {
        tell::OpState::Queued => "queued",
        tell::OpState::Running => "running",
        tell::OpState::Done => "done",
        tell::OpState::Failed => "failed",
        tell::OpState::Cancelled => "cancelled",
    };
    let place = op.sequence.map_or_else(String::new, |sequence| format!("  entry {sequence}"));
    let why = op.why.as_ref().map_or_else(String::new, |why| format!("  {why}"));
    format!("{}  {state:9}{place}{why}", op.id)
}

fn status(id: &str, who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    let id = op_id(id)?;
    let op = block_on(async { Ok(attached(who).await?.client.status(id).await?) })?;
    show_told(&op, screen).map(|()| Verdict::Good)
}

fn cancel(id: &str, who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    let id = op_id(id)?;
    let op = block_on(async { Ok(attached(who).await?.client.cancel(id).await?) })?;
    show_told(&op, screen).map(|()| Verdict::Good)
}

fn list(most: usize, who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    let ops = block_on(async { Ok(attached(who).await?.client.ops(most).await?) })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "ops": ops })).map(|()| Verdict::Good);
    }
    for op in &ops {
        screen.data(line(op))?;
    }
    Ok(Verdict::Good)
}

fn stances(most: usize, who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    let stances = block_on(async { Ok(attached(who).await?.client.stances(most).await?) })?;
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, "stances": stances })).map(|()| Verdict::Good);
    }
    for said in &stances {
        let what = match (said.matter, said.stands) {
            (tell::Matter::Consent, true) => "agrees",
            (tell::Matter::Consent, false) => "does not agree",
            (tell::Matter::OptOut, true) => "opted out",
            (tell::Matter::OptOut, false) => "opted back in",
            (tell::Matter::Erase, _) => "erased",
        };
        // A class may have left the file since.
        let nameless = if said.matter == tell::Matter::Erase { "everything" } else { "(a class of earlier)" };
        let class = said.class.as_deref().unwrap_or(nameless);
        let (block, time) = (word::block(&said.block), word::clock(said.time));
        screen.data(format_args!("{class:16} {what:16} {block:12} entry {:<8} {time}", said.sequence))?;
    }
    Ok(Verdict::Good)
}
