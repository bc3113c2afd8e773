//! `mycel drill`: a region is killed, or hangs, while agents work, and what was
//! promised about it is measured.
//!
//! It must never judge by anything but what was seen: `facts` is what that was,
//! `judge` and `herd` decide, and everything else here brings it about.

mod after;
mod agent;
mod cast;
mod copy;
mod disk;
mod facts;
mod herd;
mod judge;
mod picture;
mod report;
mod stage;

use crate::Verdict;
use crate::cli::DrillArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use agent::{Agent, Door};
use disk::Disk;
use facts::{Facts, Moments, What};
use indicatif::{ProgressBar, ProgressStyle};
use stage::{Script, Stage};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use vocab::Millis;

/// What 99 of 100 requests are promised within where the file promises nothing.
const PROMISE: Millis = Millis(500);
/// Agents that attach at once.
const TOGETHER: usize = 8;
/// How often the display is drawn.
const REDRAW: Duration = Duration::from_millis(250);
/// The last request of a drill: when it is in the log, all others are.
const LAST: &str = "last-of-the-drill";

pub(crate) fn run(args: &DrillArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let spread = Door::may_spread();
    let script = Script::read(args, !spread, screen)?;
    for change in &script.changes {
        screen.say(format_args!("changed for the drill: {}", change.words()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
    let entered = runtime.enter();
    // Before anything runs that would have to be stopped.
    let failed = |error| Failure::told(format!("cannot listen to signals: {error}"), "try again");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    drop(entered);
    screen.say(format_args!("starting {} regions, each a process, and a gateway", script.planet.region.len()));
    let stage = Stage::start(&script, args.data.as_deref())?;
    let door = Door { url: stage.url.clone(), spread };
    let played = runtime.block_on(async {
        tokio::select! {
            played = play(args, &script, &stage, &door, screen) => Some(played),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        }
    });
    // Agents that are still there would only be refused.
    drop(runtime);
    let facts = played.unwrap_or_else(|| {
        Err(Failure::told("the drill was interrupted, and nothing can be said of it", "let it come to its end"))
    })?;
    drop(stage);
    let findings = judge::judge(&facts);
    report::show(args, &script, (&facts, &findings), screen)?;
    Ok(stage::verdict(findings.iter().all(|finding| finding.held != Some(false))))
}

/// Seats all agents, some at a time.
async fn seated(script: &Script, door: &Door, agents: usize, screen: &Screen) -> Result<Vec<Agent>, Failure> {
    let (mut coming, mut seated) = (JoinSet::new(), Vec::new());
    let came = |came: Option<Result<Result<Agent, Failure>, tokio::task::JoinError>>| match came {
        Some(Ok(agent)) => agent.map(Some),
        Some(Err(error)) => Err(Failure::told(format!("an agent was lost: {error}"), "report this")),
        None => Ok(None),
    };
    let roles = cast::cast(&script.policy, script.lost, agents);
    for class in cast::left_out(&script.policy, script.lost, &roles) {
        screen.say(format_args!("nobody of the class {class} works in the region that is lost: more --agents would"));
    }
    for (number, role) in roles.into_iter().enumerate() {
        if coming.len() >= TOGETHER {
            seated.extend(came(coming.join_next().await)?);
        }
        let place = script.policy.atlas.find(&role.home).and_then(|home| script.policy.atlas.place(home));
        let Some(site) = place.map(|place| place.site) else { continue };
        let class = role.class.as_deref().and_then(|name| script.policy.residency.find(name));
        let class = class.and_then(|class| script.policy.residency.class(class));
        let consents = class.is_some_and(|class| class.duties.consent);
        let door = door.clone();
        coming.spawn(async move { Agent::new(&door, number, (role, site, consents)).await });
    }
    while !coming.is_empty() {
        seated.extend(came(coming.join_next().await)?);
    }
    seated.sort_by_key(|agent| agent.number);
    Ok(seated)
}

/// The drill itself, from the first seat to the last record.
async fn play(
    args: &DrillArgs,
    script: &Script,
    stage: &Stage,
    door: &Door,
    screen: &Screen,
) -> Result<Facts, Failure> {
    let agents = seated(script, door, usize::try_from(args.agents).unwrap_or(usize::MAX), screen).await?;
    let roles = agents.iter().map(|agent| agent.role.clone()).collect();
    let homes = |agent: &Agent| Some((agent.number, agent.seats.last()?.block.region.clone()));
    let homes: Vec<(usize, String)> = agents.iter().filter_map(homes).collect();
    let (begin, began_ms) = (Instant::now(), crate::word::now());
    let end = begin + [args.before, args.down, args.after].map(|time| Duration::from_millis(time.0)).iter().sum();
    // Those who arrive bring ops of their own.
    let (many, events) = (agents.len(), facts::count(agents.len()).saturating_mul(args.rate.events));
    let rate = vocab::Rate { events: events / u64::from(args.agents.max(1)), per: args.rate.per };
    let arrive = begin + Duration::from_millis(args.before.0 + args.down.0 / 2);
    let shared = Arc::new(agent::Stage { begin, arrive, end, rate, agents: many, events: Default::default() });
    for (agent, region) in homes {
        shared.tell(agent, What::Seated { region });
    }
    let mut working = JoinSet::new();
    for agent in agents {
        working.spawn(agent.work(Arc::clone(&shared)));
    }
    let bar = bar(args)?;
    let disk = Disk::start(stage.folder()).map_err(|error| Failure::file("write to", stage.folder(), &error))?;
    let moments = tokio::select! {
        moments = lose(args, stage, &shared, &bar, screen) => moments?,
        () = display(&bar, &shared) => Moments::default(),
    };
    let mut agents = working.join_all().await;
    agents.sort_by_key(|agent| agent.number);
    bar.set_message("reading chains and records");
    let chains = after::chains(&agents).await;
    let records = after::records(agents).await;
    let options = client::Options { name: Some(LAST.to_owned()), ..client::Options::default() };
    client::Client::connect(&door.url, crate::agent::fresh_key()?, options).await?;
    let log = facts::Log { began_ms, ..after::log(&stage.access_log(), LAST).await };
    bar.finish_and_clear();
    let mut events = std::mem::take(&mut *shared.events.lock().unwrap_or_else(PoisonError::into_inner));
    events.sort_by_key(|event| event.at);
    let disk = disk.stop().into_iter().map(|(begun, took)| {
        (shared.at(Instant::from_std(begun)), u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
    });
    let place = script.policy.atlas.place(script.lost);
    let promise = script.planet.sla.as_ref().and_then(|sla| sla.p99.as_ref());
    Ok(Facts {
        lost: args.lose.clone(),
        how: args.how,
        roles,
        events,
        moments,
        allowed: cast::allowed(&script.policy),
        log,
        chains,
        records,
        capacity: place.and_then(|place| place.capacity),
        disk: disk.collect(),
        promise: promise.map_or(PROMISE, |p99| p99.value),
    })
}

/// Kills the region when it is time, and lets it back.
async fn lose(
    args: &DrillArgs,
    stage: &Stage,
    shared: &agent::Stage,
    bar: &ProgressBar,
    screen: &Screen,
) -> Result<Moments, Failure> {
    let region = stage.region(&args.lose);
    let region = region.ok_or_else(|| Failure::told(format!("{} does not run", args.lose), "report this"))?;
    let of = |time: Millis| Duration::from_millis(time.0);
    sleep_until(shared.begin + of(args.before)).await;
    let killed = Instant::now();
    region.lose(args.how);
    let (what, _) = args.how.words();
    bar.suspend(|| screen.say(format_args!("{} is {what}, and kept away for {}", args.lose, args.down)));
    sleep_until(killed + of(args.down)).await;
    let let_back = Instant::now();
    region.let_back();
    bar.suspend(|| screen.say(format_args!("{} is let back", args.lose)));
    sleep_until(shared.end).await;
    let serves = region.life().serves.map(Instant::from_std);
    Ok(Moments {
        killed: shared.at(killed),
        let_back: shared.at(let_back),
        serves: serves.map(|at| shared.at(at)),
        ended: shared.at(shared.end),
    })
}

/// A line on stderr, when that is a terminal.
fn bar(args: &DrillArgs) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:24} {elapsed}  {msg}");
    let style = style.map_err(|error| Failure::told(error.to_string(), "report this: the bar's template is wrong"))?;
    Ok(ProgressBar::new(args.before.0 + args.down.0 + args.after.0).with_style(style))
}

/// Draws how it goes, for ever.
async fn display(bar: &ProgressBar, shared: &agent::Stage) {
    loop {
        tokio::time::sleep(REDRAW).await;
        let (mut done, mut refused) = (0_u64, 0_u64);
        for event in shared.events.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            done += u64::from(matches!(event.what, What::Done { .. }));
            refused += u64::from(matches!(event.what, What::Refused { .. }));
        }
        bar.set_message(format!("{done} ops acknowledged, {refused} refusals"));
        bar.set_position(shared.at(Instant::now()) / 1_000);
    }
}
