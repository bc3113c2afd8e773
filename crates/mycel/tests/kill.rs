//! A planet that is killed at any instant, in a process of its own: what it
//! acknowledged over the network is in its chains once, in order, and what it
//! did not acknowledge can be asked for again.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use block::chain::{Entry, OpId};
use client::{Ask, Body, Client, Code, Done, Follow, Place, tell};
use process::{Folder, Up, key, operator, rounds};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use trust::AgentId;

/// The kills of an ordinary run; the nightly one asks for 1,000.
const ROUNDS: u32 = 20;

/// Agents, each with a connection of its own, in four blocks of two regions.
const AGENTS: u8 = 11;
/// Tasks of each that write one op after another.
const WRITERS: u8 = 2;
/// The kind of op that is written here.
const PUT: u8 = 1;
/// Records of each task.
const KEYS: u32 = 3;

const PLANET: &str = r#"
[planet]
name = "kill"
blocks = 4
[block]
slots = 4
op_rate = "1000000/s"
[block.monitor]
large_score = 0
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "two"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

/// What an op was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    agent: u8,
    id: OpId,
    /// A record and what it is to say, or the record to read.
    key: String,
    value: Option<String>,
}

impl Asked {
    fn ask(&self) -> Ask {
        let key = self.key.clone().into_bytes();
        let body = match &self.value {
            Some(value) => Body::Put { key, value: value.clone().into_bytes(), class: None },
            None => Body::Get(key),
        };
        Ask { id: Some(self.id), body, patience_ms: 5_000 }
    }
}

/// What came of it, as far as anybody was told.
#[derive(Default)]
struct Notes {
    /// Whose answer came, and whose did not.
    acknowledged: Vec<(Asked, Done)>,
    open: Vec<Asked>,
}

/// An agent, from its first lease to its last.
struct Agent {
    seed: u8,
    region: &'static str,
    held: tell::Attached,
}

struct World {
    agents: Vec<Agent>,
    /// Every op that was ever asked for.
    asked: BTreeMap<(AgentId, OpId), Asked>,
    /// Where each stands in its chain.
    chained: BTreeMap<(AgentId, OpId), (String, u64)>,
    /// What each record says, by its chain.
    records: BTreeMap<(u8, String), String>,
    follows: Vec<Follow>,
    /// The highest token of every seat.
    fencing: BTreeMap<(String, u8), u64>,
    open: Vec<Asked>,
    acknowledged: usize,
    retried: (usize, usize),
    round: u32,
}

fn block(at: &tell::Block) -> String {
    format!("{}/{}", at.region, at.index)
}

impl World {
    fn new() -> Self {
        let follow = |(region, index): (&str, u64)| Follow::begin(tell::Block { region: region.to_owned(), index });
        Self {
            agents: Vec::new(),
            asked: BTreeMap::new(),
            chained: BTreeMap::new(),
            records: BTreeMap::new(),
            follows: [("one", 0), ("one", 1), ("two", 0), ("two", 1)].into_iter().map(follow).collect(),
            fencing: BTreeMap::new(),
            open: Vec::new(),
            acknowledged: 0,
            retried: (0, 0),
            round: 0,
        }
    }

    /// A seat that was given: its token is higher than any before.
    fn seated(&mut self, held: &tell::Attached) {
        let before = self.fencing.insert((block(&held.block), held.slot), held.fencing);
        assert!(before.is_none_or(|before| before < held.fencing), "{before:?} and then {held:?}");
    }

    async fn attach_all(&mut self, up: &Up) {
        for seed in 1..=AGENTS {
            let region = if seed % 2 == 0 { "one" } else { "two" };
            let client = up.client(key(seed)).await;
            let held = client.attach(Place::Region(region.to_owned()), None).await.unwrap();
            self.seated(&held);
            self.agents.push(Agent { seed, region, held });
        }
        let blocks: std::collections::BTreeSet<_> = self.agents.iter().map(|agent| block(&agent.held.block)).collect();
        assert!(blocks.len() >= 3, "{blocks:?}");
    }

    /// Every agent, with the lease that it had before the kill.
    async fn clients(&self, up: &Up) -> Vec<Client> {
        let mut clients = Vec::new();
        for agent in &self.agents {
            let client = up.client(key(agent.seed)).await;
            client.resume(&agent.held.lease).unwrap();
            clients.push(client);
        }
        clients
    }

    /// Asks again for what was not answered: each is done once, then or now.
    async fn retry(&mut self, clients: &[Client]) {
        let open = std::mem::take(&mut self.open);
        let wires: Vec<_> = clients.iter().map(Client::wire).collect();
        for asked in open {
            let done = wires[usize::from(asked.agent) - 1].op(asked.ask()).await.unwrap();
            assert_eq!((done.why.as_deref(), done.id), (None, asked.id));
            self.retried.0 += 1;
            self.retried.1 += usize::from(done.again);
            self.note(&asked, &done);
        }
    }

    /// What was acknowledged goes behind what its writer was told before.
    fn note(&mut self, asked: &Asked, done: &Done) {
        let agent = key(asked.agent).id();
        let at = block(&self.agents[usize::from(asked.agent) - 1].held.block);
        let before = self.chained.insert((agent, asked.id), (at.clone(), done.sequence));
        assert!(before.is_none_or(|before| before == (at, done.sequence)), "{asked:?} has another place");
        self.acknowledged += 1;
    }

    /// Follows every chain to its end: links, ids, and what they come to. What
    /// was found there.
    async fn follow(&mut self, reader: &Client) -> BTreeMap<(AgentId, OpId), (String, u64)> {
        let mut found = BTreeMap::new();
        for at in 0..self.follows.len() {
            let name = block(self.follows[at].block());
            loop {
                let stretch = reader.chain(&mut self.follows[at], 256, Duration::ZERO).await.unwrap();
                for bytes in &stretch.entries {
                    let entry = Entry::decode(bytes).unwrap();
                    let id = (entry.agent, entry.id);
                    let Some(asked) = self.asked.get(&id) else {
                        assert!(entry.kind != PUT, "nobody asked for entry {} of {name}", entry.sequence);
                        continue;
                    };
                    let twice = found.insert(id, (name.clone(), entry.sequence));
                    assert_eq!(twice, None, "{asked:?} is there twice");
                    if let Some(value) = &asked.value {
                        self.records.insert((asked.agent, asked.key.clone()), value.clone());
                    }
                }
                if self.follows[at].head().sequence == stretch.end {
                    break;
                }
            }
        }
        for (id, place) in &found {
            // What was answered is where the answer said; what was not is where it is.
            let told = self.chained.entry(*id).or_insert_with(|| place.clone());
            assert_eq!(told, place, "{:?}", self.asked[id]);
        }
        let last = self.round;
        let missing: Vec<_> = self.chained.iter().filter(|(id, _)| !found.contains_key(id)).collect();
        let known = self.asked.len();
        assert!(
            missing.is_empty(),
            "round {last}: {} of {known} acknowledged ops are in no chain: {missing:?}",
            missing.len()
        );
        // The chains go through where they were read to, so that these stay.
        self.chained.clear();
        self.asked.clear();
        found
    }

    /// Records say what the last of their ops in the chain said.
    async fn compare(&mut self, clients: &[Client]) {
        for (at, client) in clients.iter().enumerate() {
            let wire = client.wire();
            let seed = self.agents[at].seed;
            let mine: Vec<_> = self.records.iter().filter(|((agent, _), _)| *agent == seed).collect();
            for ((_, key), value) in mine {
                let done = wire.op(Body::Get(key.clone().into_bytes())).await.unwrap();
                assert_eq!(done.value.as_deref(), Some(value.as_bytes()), "record {key} of agent {seed}");
            }
        }
    }

    /// One agent leaves and comes back: its old lease opens nothing, and the
    /// new token is higher.
    async fn one_moves(&mut self, up: &Up, clients: &mut [Client]) {
        let at = usize::try_from(self.round).unwrap() % self.agents.len();
        let seed = self.agents[at].seed;
        clients[at].detach().await.unwrap();
        let fresh = up.client(key(seed)).await;
        let held = fresh.attach(Place::Region(self.agents[at].region.to_owned()), None).await.unwrap();
        self.seated(&held);
        let old = up.client(key(seed)).await;
        old.resume(&self.agents[at].held.lease).unwrap();
        assert_eq!(old.regions().await.unwrap_err().code(), Some(Code::Unknown), "an old lease opens a door");
        let moved = self.agents[at].held.block != held.block;
        self.agents[at].held = held;
        if moved {
            // Records stay in their block: what is there is another agent's view.
            self.records.retain(|(agent, _), _| *agent != seed);
        }
        clients[at] = fresh;
    }

    /// All write at once, until they are told that it is over.
    fn write(&self, clients: &[Client], over: &watch::Receiver<bool>) -> (JoinSet<()>, Arc<Mutex<Notes>>) {
        let notes = Arc::new(Mutex::new(Notes::default()));
        let mut writers = JoinSet::new();
        for (client, agent) in clients.iter().zip(&self.agents) {
            let wire = Arc::new(client.wire());
            for writer in 0..WRITERS {
                let (client, wire, notes, mut over) =
                    (client.clone(), Arc::clone(&wire), Arc::clone(&notes), over.clone());
                let (seed, round) = (agent.seed, self.round);
                writers.spawn(async move {
                    for count in 0_u32.. {
                        let key = format!("{writer}-{}", count % KEYS);
                        let value = Some(format!("round {round}, op {count}"));
                        let asked = Asked { agent: seed, id: client.op_id().unwrap(), key, value };
                        let done = tokio::select! {
                            biased;
                            done = wire.op(asked.ask()) => done.ok(),
                            _ = over.wait_for(|over| *over) => None,
                        };
                        let mut notes = notes.lock().unwrap();
                        match done {
                            Some(done) => notes.acknowledged.push((asked, done)),
                            None => {
                                notes.open.push(asked);
                                break;
                            }
                        }
                    }
                });
            }
        }
        (writers, notes)
    }

    fn take(&mut self, notes: &Mutex<Notes>) -> usize {
        let notes = std::mem::take(&mut *notes.lock().unwrap());
        let answered = notes.acknowledged.len();
        for asked in notes.open.iter().chain(notes.acknowledged.iter().map(|(asked, _)| asked)) {
            self.asked.insert((key(asked.agent).id(), asked.id), asked.clone());
        }
        for (asked, done) in &notes.acknowledged {
            assert_eq!((done.why.as_deref(), done.again), (None, false), "{asked:?}");
            self.note(asked, done);
        }
        let mut last = BTreeMap::new();
        for (asked, done) in &notes.acknowledged {
            let before = last.insert((asked.agent, asked.key.as_bytes()[0]), done.sequence);
            assert!(before.is_none_or(|before| before < done.sequence), "a writer's ops are in another order");
        }
        self.open = notes.open;
        answered
    }
}

/// A number for a round, the same in every run.
fn scattered(round: u32, most: u32) -> u32 {
    round.wrapping_mul(2_654_435_769).rotate_left(13) % most
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn millis(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_millis();
    format!("{} ms, at most {} ms", at(50), at(100))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = Folder::new("kill");
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let (mut world, mut starts, begun) = (World::new(), Vec::new(), Instant::now());
    let runtime = runtime();
    for round in 0..rounds(ROUNDS) {
        world.round = round;
        if round % 4 == 3 {
            let after = Duration::from_micros(u64::from(scattered(round, 60_000)));
            Up::killed_while_it_starts(&file, &data, after);
        }
        let up = Up::start(&file, &data);
        starts.push(up.ready);
        runtime.block_on(async {
            if round == 0 {
                world.attach_all(&up).await;
            }
            let reader = up.client(operator(&data)).await;
            reader.attach(Place::Anywhere, None).await.unwrap();
            let mut clients = world.clients(&up).await;
            world.retry(&clients).await;
            world.follow(&reader).await;
            world.compare(&clients).await;
            world.one_moves(&up, &mut clients).await;
            let (tell, over) = watch::channel(false);
            let (writers, notes) = world.write(&clients, &over);
            tokio::time::sleep(Duration::from_micros(u64::from(scattered(round, 150_000)))).await;
            up.kill();
            tell.send(true).unwrap();
            writers.join_all().await;
            world.take(&notes);
        });
    }
    assert!(world.acknowledged > usize::try_from(rounds(ROUNDS)).unwrap() * 10, "{}", world.acknowledged);
    println!(
        "{} kills in {} s: {} ops acknowledged; {} were not, of which {} had been done",
        rounds(ROUNDS),
        begun.elapsed().as_secs(),
        world.acknowledged,
        world.retried.0,
        world.retried.1
    );
    println!("ready after {} when empty, {} after a kill", millis(vec![starts.remove(0)]), millis(starts));
}

#[test]
fn a_stop_finishes_what_was_taken_in() {
    let folder = Folder::new("stop");
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let mut world = World::new();
    let runtime = runtime();
    for round in 0..3 {
        let up = Up::start(&file, &data);
        assert_eq!(up.told["followed"], 0, "what is behind a stop was followed before it");
        println!("ready after {}", millis(vec![up.ready]));
        runtime.block_on(async {
            if round == 0 {
                world.attach_all(&up).await;
            }
            let reader = up.client(operator(&data)).await;
            reader.attach(Place::Anywhere, None).await.unwrap();
            let (answered, open) = (world.chained.len(), std::mem::take(&mut world.open));
            let found = world.follow(&reader).await;
            let silent = open.iter().filter(|asked| found.contains_key(&(key(asked.agent).id(), asked.id)));
            let silent: Vec<_> = silent.collect();
            assert!(silent.is_empty(), "round {round}: these were done, and nobody was told: {silent:?}");
            assert!(round == 0 || answered > 10, "{answered}");
            let clients = world.clients(&up).await;
            let (tell, over) = watch::channel(false);
            let (writers, notes) = world.write(&clients, &over);
            tokio::time::sleep(Duration::from_millis(200)).await;
            up.stop();
            // What it had answered is on the way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            tell.send(true).unwrap();
            writers.join_all().await;
            world.take(&notes);
        });
    }
}
