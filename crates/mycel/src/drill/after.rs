//! What is read when the agents have stopped: every chain, checked link by
//! link, every record, and the gateway's own word of where requests went.

use super::agent::{Agent, KEYS, NAME, Sent, record};
use super::facts::{Chain, Entry, Line, Log, Record};
use block::chain::{Entry as Written, link};
use block::house::Deed;
use client::{Ask, Backoff, Body, Error, Follow, tell};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Entries that are asked for at once.
const MOST: usize = 500;
/// Agents that read at once.
const TOGETHER: usize = 16;
/// How long reading a record may wait for its slot's rate.
const PATIENCE_MS: u32 = 10_000;
/// Tries of each reading again: the region may still be within its ramp, which
/// is over before these are.
const TRIES: u32 = 30;
/// How long the last line of the log is waited for, and how often looked for.
const LOG_WAITS: u32 = 100;
const LOG_WAIT: Duration = Duration::from_millis(50);

/// The chains of all blocks in which agents had slots, each read by one of them.
pub(super) async fn chains(agents: &[Agent]) -> Vec<Chain> {
    let mut chains: BTreeMap<(String, u64), Chain> = BTreeMap::new();
    for agent in agents {
        for (number, seat) in agent.seats.iter().enumerate() {
            let name = (seat.block.region.clone(), seat.block.index);
            if !chains.contains_key(&name) {
                chains.insert(name.clone(), chain(agent, number, &seat.block).await);
            }
            let Some(chain) = chains.get_mut(&name) else { continue };
            for sent in agent.sent.iter().filter(|sent| sent.seat == number) {
                match sent.done {
                    Some(done) => chain.acknowledged.push(done),
                    None => drop(chain.open.insert(sent.id.0)),
                }
            }
        }
    }
    chains.into_values().collect()
}

async fn chain(agent: &Agent, seat: usize, block: &tell::Block) -> Chain {
    let mut chain = Chain { block: crate::word::block(block), region: block.region.clone(), ..Chain::default() };
    if let Err(error) = read(agent, seat, block, &mut chain.entries).await {
        chain.broken = Some(error.to_string());
    }
    chain
}

async fn read(
    agent: &Agent,
    seat: usize,
    block: &tell::Block,
    entries: &mut BTreeMap<u64, Entry>,
) -> Result<(), Error> {
    agent.back_on(seat)?;
    let mut follow = Follow::begin(block.clone());
    loop {
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        let part = loop {
            match agent.client.chain(&mut follow, MOST, Duration::ZERO).await {
                Err(error) if error.may_pass_later() && tries < TRIES => sleep(backoff.pause(&error)).await,
                answer => break answer?,
            }
            tries += 1;
        };
        for bytes in &part.entries {
            let entry = Written::decode(bytes).map_err(|error| Error::Chain(error.to_string()))?;
            let house = Deed::name(entry.kind).is_some();
            entries.insert(entry.sequence, Entry { id: entry.id.0, link: link(bytes).0, house });
        }
        if follow.head().sequence >= part.end || part.entries.is_empty() {
            return Ok(());
        }
    }
}

/// All that agents have written, on every seat that they had.
pub(super) async fn records(agents: Vec<Agent>) -> Vec<Record> {
    let (room, mut reading) = (Arc::new(Semaphore::new(TOGETHER)), JoinSet::new());
    for agent in agents {
        let room = Arc::clone(&room);
        reading.spawn(async move {
            // The semaphore is never closed.
            let _room = room.acquire().await.ok();
            of_agent(&agent).await
        });
    }
    reading.join_all().await.into_iter().flatten().collect()
}

async fn of_agent(agent: &Agent) -> Vec<Record> {
    let mut records = Vec::new();
    for seat in 0..agent.seats.len() {
        let back = agent.back_on(seat);
        for key in 0..KEYS {
            let writes = |sent: &&Sent| sent.seat == seat && sent.put.is_some_and(|(of, _)| of == key);
            let written: Vec<&Sent> = agent.sent.iter().filter(writes).collect();
            let value = |sent: &&&Sent| sent.put.map(|(_, value)| value);
            let done = |sent: &&&Sent| sent.done.is_some();
            let Some(acknowledged) = written.iter().filter(done).filter_map(|sent| value(&sent)).max() else {
                continue;
            };
            let open = written.iter().filter(|sent| sent.done.is_none()).filter_map(|sent| value(&sent));
            let open = open.filter(|value| *value > acknowledged).collect();
            let read = match &back {
                Ok(()) => get(agent, key).await,
                Err(error) => Err(error.to_string()),
            };
            records.push(Record { acknowledged, open, read });
        }
    }
    records
}

async fn get(agent: &Agent, key: u64) -> Result<Option<u64>, String> {
    let (mut backoff, mut tries) = (Backoff::default(), 0);
    let done = loop {
        let ask = Ask { id: None, body: Body::Get(record(key)), patience_ms: PATIENCE_MS };
        match agent.client.op(ask).await {
            Err(error) if error.may_pass_later() && tries < TRIES => sleep(backoff.pause(&error)).await,
            answer => break answer.map_err(|error| error.to_string())?,
        }
        tries += 1;
    };
    let Some(value) = done.value else { return Ok(None) };
    let text = String::from_utf8(value).map_err(|error| error.to_string())?;
    text.parse().map(Some).map_err(|_| format!("`{text}` was never written"))
}

/// The gateway's log, as far as the line of a request of this name, which was
/// the last: lines are written soon, and in order.
pub(super) async fn log(path: &Path, last: &str) -> Log {
    let mut text = String::new();
    for _ in 0..LOG_WAITS {
        // What cannot be read has no line in it, and is told so.
        text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(last) && text.ends_with('\n') {
            return parsed(&text);
        }
        tokio::time::sleep(LOG_WAIT).await;
    }
    let log = parsed(&text);
    Log { missing: log.missing.saturating_add(1), ..log }
}

fn parsed(text: &str) -> Log {
    let mut log = Log::default();
    for line in text.lines() {
        let told: Value = serde_json::from_str(line).unwrap_or_default();
        match (&told["lost_lines"], told["time_ms"].as_u64(), told["status"].as_u64()) {
            (Value::Number(lost), ..) => log.missing = log.missing.saturating_add(lost.as_u64().unwrap_or(1)),
            (_, Some(time_ms), Some(status)) => log.lines.push(Line {
                time_ms,
                micros: told["micros"].as_u64().unwrap_or(0),
                agent: told["id"].as_str().and_then(agent_of),
                region: told["region"].as_str().map(str::to_owned),
                attach: told["path"] == "/v1/attach",
                status: u16::try_from(status).unwrap_or(u16::MAX),
            }),
            // A connection whose client gave up, or was cut off: that is no request.
            _ if told["closed"].is_string() => {}
            _ => log.missing = log.missing.saturating_add(1),
        }
    }
    log
}

/// The agent whose request has a name.
fn agent_of(id: &str) -> Option<usize> {
    id.strip_prefix(NAME)?.split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_what_is_none_is_counted() {
        let text = "{\"time_ms\":7,\"micros\":1500,\"id\":\"drill-12.3\",\"path\":\"/v1/attach\",\"status\":200,\"region\":\"eu\"}\n\
                    {\"lost_lines\":5}\nnothing\n{\"time_ms\":8,\"id\":\"00ff\",\"path\":\"/ready\",\"status\":503}\n\
                    {\"time_ms\":9,\"source\":\"127.0.0.1\",\"closed\":\"it was too slow\"}\n";
        let log = parsed(text);
        assert_eq!(log.missing, 6);
        let first = Line {
            time_ms: 7,
            micros: 1_500,
            agent: Some(12),
            region: Some("eu".to_owned()),
            attach: true,
            status: 200,
        };
        let second = Line { time_ms: 8, micros: 0, agent: None, region: None, attach: false, status: 503 };
        assert_eq!(log.lines, [first, second]);
    }
}
