//! `mycel up --regions`: a process for each region of the planet, and one
//! gateway in front of them, in this process.
//!
//! A region's process ends with this one: it reads its standard input, which
//! nobody writes to, to its end. One that ends by itself is started again at
//! the same address, sooner at first and later when it goes on ending.

use crate::Verdict;
use crate::cli::UpArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use node::Homes;
use node::gateway::{Gateway, Host, Settings};
use node::http::Tls;
use planet::Planet;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How long a stop waits for what has begun.
const GRACE: Duration = Duration::from_secs(10);
/// Before a region that ended is started again, doubled up to the longest.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(10);
/// A process that lived this long did start.
const LIVED: Duration = Duration::from_secs(30);
/// Of what a region's process says when it starts.
const MOST_LINES: usize = 1_000;

#[allow(clippy::disallowed_methods)] // This is where the time comes in.
fn now() -> Instant {
    Instant::now()
}

/// How to start the process of a region.
struct Recipe {
    region: String,
    file: PathBuf,
    data: PathBuf,
    quota: Option<vocab::Bytes>,
}

impl Recipe {
    /// Starts it at an address, and waits until it says where it is.
    fn start(&self, at: &str) -> Result<(Child, ChildStdin, Value), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg("up").arg(&self.file).arg("--data").arg(&self.data);
        command.args(["--only", &self.region, "--listen", at, "--json", "--no-kernel-bans", "--until-stdin-closes"]);
        if let Some(quota) = self.quota {
            command.args(["--quota", &quota.to_string()]);
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its standard input or output is missing".to_owned());
        };
        let mut text = String::new();
        for line in BufReader::new(stdout).lines().take(MOST_LINES).map_while(Result::ok) {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        match serde_json::from_str(&text) {
            Ok(told) => Ok((child, stdin, told)),
            Err(_) => {
                // It has ended, or is of no use.
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("it did not start: {text}"))
            }
        }
    }
}

/// The process of a region, and the thread that starts it again.
struct Region {
    id: String,
    at: SocketAddr,
    process: Arc<Mutex<Option<u32>>>,
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Region {
    fn start(recipe: Recipe) -> Result<Self, Failure> {
        let failed = |why: String| {
            let what = format!("region {} does not start: {why}", recipe.region);
            Failure::told(what, format!("mycel up --only {} says more", recipe.region))
        };
        let (child, stdin, told) = recipe.start("127.0.0.1:0").map_err(failed)?;
        let url = told["at"][0].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        let at: SocketAddr = url.ok_or_else(|| failed("it named no address".to_owned()))?;
        let (stop, stopped) = channel();
        let process = Arc::new(Mutex::new(Some(child.id())));
        let (id, known) = (recipe.region.clone(), Arc::clone(&process));
        let keeper = std::thread::spawn(move || keep(&recipe, (child, stdin), at, &known, &stopped));
        Ok(Self { id, at, process, stop: Some(stop), keeper: Some(keeper) })
    }

    fn process(&self) -> Option<u32> {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(keeper) = self.keeper.take() {
            // One that panicked has nothing left to stop.
            let _ = keeper.join();
        }
    }
}

/// Starts a region again for as long as nobody says stop.
fn keep(
    recipe: &Recipe,
    (mut child, mut stdin): (Child, ChildStdin),
    at: SocketAddr,
    process: &Mutex<Option<u32>>,
    stopped: &Receiver<()>,
) {
    let (mut pause, mut begun) = (AGAIN, now());
    let set = |id: Option<u32>| *process.lock().unwrap_or_else(PoisonError::into_inner) = id;
    let over = |wait: Duration| stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
    loop {
        // Looked at now and then: a wait for the process could not hear the stop.
        while matches!(child.try_wait(), Ok(None)) {
            if over(Duration::from_millis(50)) {
                drop(stdin);
                let _ = child.wait();
                return;
            }
        }
        set(None);
        if begun.elapsed() > LIVED {
            pause = AGAIN;
        }
        loop {
            if over(pause) {
                return;
            }
            begun = now();
            match recipe.start(&at.to_string()) {
                Ok((again, input, _)) => {
                    (child, stdin) = (again, input);
                    set(Some(child.id()));
                    break;
                }
                Err(why) => tracing::error!(region = recipe.region, why, "a region does not start again"),
            }
            pause = (pause * 2).min(LONGEST);
        }
    }
}

/// Runs every region, and the gateway in front of them, until Ctrl-C.
pub(crate) fn run(
    args: &UpArgs,
    planet: Planet,
    (file, absent): (&Path, &[&str]),
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let failed = |why: String| Failure::told(why, "mend what it says, and start again");
    let homes = Homes::open(&args.data).map_err(|error| failed(error.to_string()))?;
    let mut regions = Vec::new();
    for region in &planet.region {
        let id = region.id.to_string();
        let data = homes.region(&id).map_err(|error| failed(error.to_string()))?;
        regions.push(Region::start(Recipe { region: id, file: file.to_owned(), data, quota: args.quota })?);
    }
    let hosts = regions.iter().map(|region| Host { region: region.id.clone(), address: region.at }).collect();
    let planet = Arc::new(planet);
    let mut settings = Settings::new(Arc::clone(&planet), homes.planet(), homes.gateway(), hosts);
    settings.addresses.clone_from(&args.listen);
    settings.access_log.clone_from(&args.access_log);
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        settings.certificates = vec![Tls { certificate: certificate.clone(), key: key.clone() }];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("cannot start: {error}")))?;
    let gateway = Gateway::start(settings).map_err(|error| {
        let hint = "is another planet up? --listen 127.0.0.1:0 takes any port that is free";
        Failure::told(error.to_string(), hint)
    })?;
    runtime.block_on(serve((args, absent), &planet, &homes, (&gateway, &regions), screen))?;
    screen.say("stopping: what has begun is finished");
    if !gateway.stop(GRACE) {
        screen.say("some requests took too long, and were cut off");
    }
    drop(regions);
    Ok(Verdict::Good)
}

async fn serve(
    (args, absent): (&UpArgs, &[&str]),
    planet: &Planet,
    homes: &Homes,
    (gateway, regions): (&Gateway, &[Region]),
    screen: &Screen,
) -> Result<(), Failure> {
    // Before anybody is told that it is up: from then on an end is a clean one.
    let failed = |error| Failure::told(format!("cannot listen to signals: {error}"), "try again");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let urls: Vec<String> = gateway.addresses().iter().map(|address| format!("{scheme}://{address}")).collect();
    if screen.is_json() {
        let regions: Vec<Value> = regions
            .iter()
            .map(|region| json!({ "region": region.id, "at": region.at.to_string(), "process": region.process() }))
            .collect();
        screen.json(&json!({
            "version": 1, "planet": planet.planet.name.to_string(), "id": homes.planet().to_string(),
            "at": urls, "data": args.data, "regions": regions, "absent": absent,
        }))?;
    } else {
        screen.data(format_args!("{}  {} regions, each a process", planet.planet.name.as_str(), regions.len()))?;
        for url in &urls {
            screen.data(format_args!("  gateway {url}   /ready, /metrics"))?;
        }
        for region in regions {
            let process = region.process().map_or_else(|| "ended".to_owned(), |id| format!("process {id}"));
            screen.data(format_args!("  {:<16} http://{}   {process}", region.id, region.at))?;
        }
        if !absent.is_empty() {
            screen
                .data(format_args!("  absent {}: the file asks for it, and it is not done yet", absent.join(", ")))?;
        }
        screen.data("\nCtrl-C stops it; the next start goes on where it was.")?;
    }
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => match gateway.read_certificates_again() {
                Ok(()) => screen.say("the certificates were read again"),
                Err(error) => screen.say(format_args!("the certificates stay as they were: {error}")),
            },
        }
    }
}
