//! `mycel up`: a planet that runs in this process until Ctrl-C.

use crate::Verdict;
use crate::cli::{TableArgs, UpArgs};
use crate::failure::Failure;
use crate::files;
use crate::log;
use crate::screen::{Screen, paint};
use anstyle::Style;
use block::bans::Net;
use custody::credentials::{Clock, Node};
use custody::spiffe::Name;
use kernel::{Change, Enforcer};
use node::http::{Listen, Nodes, Server, Tls};
use node::{Engine, Errands, Options, Started};
use planet::Planet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use trust::Moment;
use vocab::{Millis, thousands};

/// The planet that runs when no file is named.
const GARDEN: &str = include_str!("../../../planets/garden.toml");
/// Where that planet stands in the repository; a changed one there is taken.
const GARDEN_FILE: &str = "planets/garden.toml";

/// Where the other commands look for a planet, and for its operator's key, when
/// they are not told.
const DEFAULT_URL: &str = "http://127.0.0.1:7117";
const DEFAULT_HOME: &str = ".mycel";

/// How long the CA is waited for.
pub(crate) const ANSWERED: Duration = Duration::from_secs(30);

/// How long a stop waits for what has begun.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &UpArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let watched = log::start(args.log, args.log_json, screen)?;
    take_all_files(screen);
    certificates(args)?;
    let (planet, text) = planet(args, screen)?;
    let mut absent = absent(&planet);
    if args.plain_keys && crate::hardware::is_asked(&planet) {
        absent.push("keys in hardware");
    } else {
        crate::hardware::ready(&planet, &args.data)?;
    }
    if args.regions || args.gateway.is_some() {
        let hint = "mycel new writes a file; then: mycel up --regions planet.toml";
        let here = || Path::new(GARDEN_FILE).exists().then(|| Path::new(GARDEN_FILE).to_owned());
        let file = args.file.clone().or_else(here);
        let file = file.ok_or_else(|| Failure::told("--regions and --gateway need a planet file", hint))?;
        return match &args.gateway {
            Some(region) => crate::front::run(args, region, (planet, &text), (&file, &absent), screen),
            None => crate::spread::run(args, (planet, &text), (&file, &absent), screen),
        };
    }
    let options = Options {
        log: store::Options { quota_bytes: args.quota.map(|quota| quota.0), ..Default::default() },
        only: args.only.clone(),
        file: Some(files::digest(text.as_bytes())),
        ..Default::default()
    };
    let (engine, started) = Engine::start(&planet, &args.data, &options).map_err(|error| {
        Failure::told(format!("the planet does not start: {error}"), "mend what it says, and start again")
    })?;
    not_by_regions(&args.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
    let served = runtime.block_on(serve(args, &planet, &engine, &started, &absent, screen));
    engine.stop();
    if let Err(why) = watched.stop() {
        screen.say(format_args!("the last traces were not sent: {why}"));
    }
    served.map(|()| Verdict::Good)
}

/// The directory has what it runs by: nothing of regions in processes of their
/// own any more. Which keys are used, and how old they may be, is seen by that.
fn not_by_regions(data: &Path) -> Result<(), Failure> {
    Ok(custody::succession::remove(&data.join(crate::spread::ACCEPTED))?)
}

/// Each certificate has its key, and only gateways choose among several.
fn certificates(args: &UpArgs) -> Result<(), Failure> {
    if args.office.is_some() && args.gateway.is_none() && args.node_listen.is_none() {
        let hint = "it is for --gateway, and for --only with --node-listen";
        return Err(Failure::told("--office gives certificates, and nothing here shows one", hint));
    }
    let (many, keys) = (args.tls_cert.len(), args.tls_key.len());
    if many != keys {
        let what = format!("--tls-cert was given {many} times, and --tls-key {keys} times");
        return Err(Failure::told(what, "give each certificate its key, in the same order"));
    }
    if many > 1 && !args.regions && args.gateway.is_none() {
        let hint = "with --regions or --gateway a gateway takes several, each for its names";
        return Err(Failure::told("a planet in one process has one certificate", hint));
    }
    Ok(())
}

/// Takes as many file descriptors as it may have: every connection is one, and
/// what a process begins with is often a thousand.
fn take_all_files(screen: &Screen) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        let many = limit.current.map_or_else(|| "no".to_owned(), thousands);
        screen.say(format_args!("the limit of {many} open files stays as it is, and connections with it: {error}"));
    }
}

/// The planet, and the text that it was read from.
fn planet(args: &UpArgs, screen: &Screen) -> Result<(Planet, String), Failure> {
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    if let Some(file) = &args.file {
        return files::planet_and_text(file, &tables, screen);
    }
    if Path::new(GARDEN_FILE).exists() {
        return files::planet_and_text(Path::new(GARDEN_FILE), &tables, screen);
    }
    let built_in = planet::parse(GARDEN.as_bytes()).0.map(|planet| (planet, GARDEN.to_owned()));
    built_in.ok_or_else(|| Failure::told("the built-in planet cannot be read", "name a file: mycel up planet.toml"))
}

/// Why it cannot be reached at its addresses, and what to try: each kind of
/// mistake has a hint of its own.
pub(crate) fn cannot_listen(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidInput => {
            let hint = "--tls-cert and --tls-key name the certificate and its key";
            Failure::told(format!("cannot speak TLS: {error}"), hint)
        }
        ErrorKind::AddrInUse => {
            let hint = "is another planet up? --listen 127.0.0.1:0 takes any port that is free";
            Failure::told(error.to_string(), hint)
        }
        ErrorKind::AddrNotAvailable => Failure::told(error.to_string(), "--listen names an address of this machine"),
        ErrorKind::PermissionDenied => {
            let hint = "ports below 1024 are the system's: --listen names another";
            Failure::told(error.to_string(), hint)
        }
        _ => Failure::told(format!("cannot start: {error}"), "mend what it says, and start again"),
    }
}

/// What the file asks for and this does not do yet.
fn absent(planet: &Planet) -> Vec<&'static str> {
    let asked = [
        (planet.data.as_ref().is_some_and(|data| !data.replicas.is_empty()), "replicas of records"),
        (planet.scale.is_some(), "scaling"),
        (planet.backup.is_some(), "scheduled backups"),
        (planet.edge.is_some(), "edge workers"),
        (planet.cdn.is_some(), "content delivery"),
        (planet.watch.is_some(), "the watch"),
        (!planet.bridge.is_empty(), "bridges"),
        (planet.rollout.is_some(), "rollouts"),
    ];
    asked.into_iter().filter(|(asked, _)| *asked).map(|(_, what)| what).collect()
}

async fn serve(
    args: &UpArgs,
    planet: &Planet,
    engine: &Engine,
    started: &Started,
    absent: &[&str],
    screen: &Screen,
) -> Result<(), Failure> {
    let pair = args.tls_cert.first().zip(args.tls_key.first());
    let tls = pair.map(|(certificate, key)| Tls { certificate: certificate.clone(), key: key.clone() });
    // Before anybody is told that it is up: from then on an end is a clean one.
    let failed = |error| Failure::told(format!("cannot listen to signals: {error}"), "try again");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (nodes, _errands) = nodes(args, engine, screen)?;
    let listen = Listen { addresses: args.listen.clone(), tls, nodes, ..Listen::default() };
    let server = Server::start(engine.clone(), listen).await.map_err(|error| cannot_listen(&error))?;
    let urls: Vec<String> = server.addresses().iter().map(|address| format!("{scheme}://{address}")).collect();
    let port = server.addresses().first().map_or(0, std::net::SocketAddr::port);
    let tag: String = engine.planet().to_string().chars().take(16).collect();
    let bans = kernel_bans(args.no_kernel_bans, &[port], &tag, |_, tell| {
        let now = engine.now();
        for (net, ban) in engine.bans() {
            tell(net, Some(trust::Moment(ban.until).since(now)));
        }
        engine.on_ban(tell);
    });
    if screen.is_json() {
        screen.json(&json!({
            "version": 1, "planet": planet.planet.name.to_string(), "id": engine.planet().to_string(),
            "at": urls, "data": args.data, "entries": started.entries, "agents": started.agents,
            "new": started.new, "followed": started.followed, "damage": started.damage,
            "bans": bans, "absent": absent,
            "nodes": server.nodes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        greet(args, planet, engine, started, (&urls, &bans, absent), screen)?;
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = input_ends(), if args.until_stdin_closes => {}
    }
    screen.say("stopping: what has begun is finished");
    if !server.stop(GRACE).await {
        screen.say("some requests took too long, and were cut off");
    }
    Ok(())
}

/// Where gateways come, once this region's host has a certificate to show; and
/// its errands to the CA's office, when that is elsewhere.
fn nodes(args: &UpArgs, engine: &Engine, screen: &Screen) -> Result<(Option<Nodes>, Option<Errands>), Failure> {
    let (Some(address), Some(region)) = (args.node_listen, &args.only) else { return Ok((None, None)) };
    let name = Name::block(engine.planet(), region);
    let name = name.map_err(|why| Failure::told(why.to_string(), "docs/guides/keys.md says who is called what"))?;
    let node = Node { keys: args.data.join("keys"), files: "node".to_owned(), name };
    let (credentials, errands) = crate::front::credentials(&node, args.office.as_deref(), screen)?;
    Ok((Some(Nodes { addresses: vec![address], credentials }), errands))
}

/// The system's clock, for what is signed.
#[allow(clippy::disallowed_methods)] // This is where the time comes in.
pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// Ends with standard input, which somebody holds open for as long as this is
/// wanted.
async fn input_ends() {
    let read = || {
        let mut input = std::io::stdin().lock();
        // What is written there is nothing to us; an error is an end, too.
        let _ = std::io::copy(&mut input, &mut std::io::sink());
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own: a runtime would wait for it when it ends.
    std::thread::spawn(move || {
        read();
        let _ = tell.send(());
    });
    let _ = told.await;
}

/// Told of every ban that begins, and of every one that is lifted.
type Tell = Box<dyn Fn(Net, Option<Millis>) + Send + Sync>;

/// Lets the kernel turn away who is banned at some ports, where it may be told;
/// in words, who does. `watch` says whom to ask about the bans at a port.
pub(crate) fn kernel_bans(not_wanted: bool, ports: &[u16], tag: &str, watch: impl Fn(usize, Tell)) -> String {
    if not_wanted {
        return "in the process, as asked".to_owned();
    }
    for (at, port) in ports.iter().enumerate() {
        // Each port has a table of its own, and each table a name.
        let tag =
            if at == 0 { tag.to_owned() } else { tag.chars().take(14).chain(format!("{at:02}").chars()).collect() };
        match Enforcer::start(*port, &tag) {
            Ok(enforcer) => watch(
                at,
                Box::new(move |net, lasts| {
                    enforcer.change(lasts.map_or(Change::Lift(net), |lasts| Change::Ban { net, lasts }));
                }),
            ),
            Err(why) => return format!("in the process only: {why}"),
        }
    }
    "in the kernel's packet filter and in the process".to_owned()
}

fn greet(
    args: &UpArgs,
    planet: &Planet,
    engine: &Engine,
    started: &Started,
    (urls, bans, absent): (&[String], &str, &[&str]),
    screen: &Screen,
) -> Result<(), Failure> {
    let bold = |text: &str| paint(screen.colors_data(), Style::new().bold(), text);
    let regions = engine.regions();
    let blocks: u64 = regions.iter().map(|region| region.blocks).sum();
    let slots: u64 = regions.iter().map(|region| region.slots).sum();
    screen.data(format_args!(
        "{}  {} blocks, {} slots in {} regions",
        bold(planet.planet.name.as_str()),
        thousands(blocks),
        thousands(slots),
        regions.len()
    ))?;
    for url in urls {
        screen.data(format_args!("  at     {url}   /v1/openapi.json, /metrics, /health"))?;
    }
    let how = if started.new {
        "new".to_owned()
    } else {
        format!("{} entries, {} agents", thousands(started.entries), thousands(started.agents))
    };
    screen.data(format_args!("  data   {}   {how}", args.data.display()))?;
    if started.followed > 0 {
        screen.data(format_args!("  index  followed {} entries of an unclean stop", thousands(started.followed)))?;
    }
    for damage in &started.damage {
        screen.data(format_args!("  damage {damage}"))?;
    }
    screen.data(format_args!("  bans   {bans}"))?;
    if !absent.is_empty() {
        screen.data(format_args!("  absent {}: the file asks for it, and it is not done yet", absent.join(", ")))?;
    }
    screen.data(format_args!("\ntry, in another terminal:"))?;
    for line in to_try(args, urls) {
        screen.data(format_args!("  {}", bold(&line)))?;
    }
    screen.data("\nCtrl-C stops it; the next start goes on where it was.")
}

/// The first commands, and before them where the planet is when that is not
/// where they would look.
fn to_try(args: &UpArgs, urls: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(url) = urls.first().filter(|url| *url != DEFAULT_URL) {
        lines.push(format!("export MYCEL_URL={url}"));
    }
    if args.data != Path::new(DEFAULT_HOME) {
        lines.push(format!("export MYCEL_HOME='{}'", args.data.display()));
    }
    lines.extend(["mycel attach", "mycel op put greeting hello", "mycel chain --follow"].map(str::to_owned));
    lines
}
