//! `mycel erase` and `mycel op erase --everywhere`: a signed demand that what an
//! agent has sealed be erased, in every region that it has been in.

use crate::Verdict;
use crate::agent::{block_on, connect, id_of};
use crate::cli::{EraseArgs, Who};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use client::{Client, Code, tell};
use serde_json::json;
use std::time::Duration;
use trust::AgentId;
use vocab::Millis;

/// Between two tries while a region is missing.
const AGAIN: Duration = Duration::from_millis(500);

/// What an agent erases of its own.
pub(crate) fn own(who: &Who, patience: Millis, screen: &Screen) -> Result<Verdict, Failure> {
    let (of, told) = block_on(async {
        let client = connect(who, false).await?;
        let of = client.agent();
        Ok((of, carried_out(&client, of, patience).await?))
    })?;
    show(of, &told, screen)
}

/// What whoever administers erases of another's.
pub(crate) fn run(args: &EraseArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let of = match id_of(&args.who, &args.agent) {
        Some(known) => known,
        None => AgentId(word::read_hex(&args.agent, "an agent")?),
    };
    if !args.yes {
        return Err(Failure::told(
            format!(
                "an erasure destroys the keys to all that {of} has sealed, in every region: records of every class, \
                 and messages that nobody has read; nobody can undo it"
            ),
            "the same command with --yes does it",
        ));
    }
    let told = block_on(async {
        let client = connect(&args.who, false).await?;
        carried_out(&client, of, args.patience).await
    })?;
    show(of, &told, screen)
}

/// Sends one demand until all regions have carried it out.
async fn carried_out(client: &Client, of: AgentId, patience: Millis) -> Result<tell::Erasures, Failure> {
    let (demand, until) = (client.demand(of), word::now().saturating_add(patience.0));
    loop {
        match client.erase(&demand).await {
            Ok(told) => return Ok(told),
            Err(error) if error.may_pass_later() && word::now() < until => tokio::time::sleep(AGAIN).await,
            Err(error) if error.code() == Some(Code::Unavailable) => {
                let hint = "the same command again goes on with what is missing; --patience waits for longer";
                return Err(Failure::told(error.to_string(), hint));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn show(of: AgentId, told: &tell::Erasures, screen: &Screen) -> Result<Verdict, Failure> {
    if screen.is_json() {
        let shown = json!({ "version": 1, "agent": of.to_string(), "erased": told.erased, "keys": told.keys });
        return screen.json(&shown).map(|()| Verdict::Good);
    }
    for erased in &told.erased {
        let (block, link) = (word::block(&erased.block), word::short(&erased.link.0));
        screen.data(format_args!("erased: entry {} of {block}, link {link}", erased.sequence))?;
    }
    match (told.keys, told.erased.is_empty()) {
        (0, true) => screen.data("there is nothing to erase: it has sealed nothing here")?,
        (0, false) => screen.say("  it was erased before, and nothing has been sealed since"),
        (1, _) => screen.say("  one key is destroyed"),
        (keys, _) => screen.say(format_args!("  {keys} keys are destroyed")),
    }
    Ok(Verdict::Good)
}
