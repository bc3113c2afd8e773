//! `mycel up --regions`: a process for each region of the planet, and one
//! gateway in front of them, in this process.

use crate::Verdict;
use crate::cli::UpArgs;
use crate::failure::Failure;
use crate::processes::{self, Region};
use crate::screen::Screen;
use node::Homes;
use node::gateway::{Gateway, Settings};
use node::http::Tls;
use planet::Planet;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a stop waits for what has begun.
const GRACE: Duration = Duration::from_secs(10);

/// Runs every region, and the gateway in front of them, until Ctrl-C.
pub(crate) fn run(
    args: &UpArgs,
    planet: Planet,
    (file, absent): (&Path, &[&str]),
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let failed = |why: String| Failure::told(why, "mend what it says, and start again");
    let homes = Homes::open(&args.data).map_err(|error| failed(error.to_string()))?;
    let regions = processes::start(&planet, file, &homes, (args.quota, false))?;
    let hosts = processes::hosts(&regions);
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
