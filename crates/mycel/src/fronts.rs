//! What gateways need, whether the hosts are on this machine or elsewhere: what
//! they are told, who bans before them, what SIGHUP has them read again.

use crate::cli::UpArgs;
use crate::failure::Failure;
use crate::files;
use crate::screen::Screen;
use crate::up::{GRACE, kernel_bans};
use node::Acts;
use node::gateway::{Gateway, Settings};
use node::http::Tls;
use planet::plan::Plan;
use planet::price::Bill;
use planet::{Planet, Tables};
use policy::atlas::Atlas;
use policy::cost::Costs;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// What ops cost in each region; nothing when the plan cannot be priced, and
/// then they cost the same everywhere.
pub(crate) fn costs(planet: &Planet) -> Option<Costs> {
    let tables = Tables::builtin();
    let plan = Plan::new(planet, &tables).ok()?;
    let bill = Bill::new(planet, &plan, &tables).ok()?;
    Some(Costs::new(&Atlas::new(planet).ok()?, &plan, &bill))
}

/// The certificates for agents, and their keys.
pub(crate) fn certificates(args: &UpArgs) -> Vec<Tls> {
    let pairs = args.tls_cert.iter().zip(&args.tls_key);
    pairs.map(|(certificate, key)| Tls { certificate: certificate.clone(), key: key.clone() }).collect()
}

/// Whether the access log can be written: its own mistakes have hints of their
/// own.
pub(crate) fn try_access_log(settings: &Settings) -> Result<(), Failure> {
    let Some(log) = &settings.access_log else { return Ok(()) };
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(log);
    opened.map(drop).map_err(|error| Failure::file("write", log, &error))
}

/// Lets the kernel turn away whom gateways ban, where it may be told; in words,
/// who does.
pub(crate) fn bans(not_wanted: bool, gateways: &[Gateway], tag: &str) -> String {
    let of = |(number, gateway): (usize, &Gateway)| {
        gateway.addresses().iter().map(move |at| (at.port(), number)).collect::<Vec<_>>()
    };
    let mut doors: Vec<(u16, usize)> = gateways.iter().enumerate().flat_map(of).collect();
    // Two addresses with one port are one door.
    doors.dedup();
    let ports: Vec<u16> = doors.iter().map(|(port, _)| *port).collect();
    kernel_bans(not_wanted, &ports, tag, |at, tell| gateways[doors[at].1].on_ban(tell))
}

/// Gateways that run.
pub(crate) struct Fronts<'a> {
    pub(crate) file: &'a Path,
    pub(crate) gateways: &'a [Gateway],
    pub(crate) acts: &'a Acts,
}

impl Fronts<'_> {
    /// Reads the planet file and the certificates again: what cannot be taken
    /// changes nothing. The text of the file, when that was taken.
    pub(crate) fn read_again(
        &self,
        settings: impl Fn(usize, &Arc<Planet>) -> Settings,
        screen: &Screen,
    ) -> Option<String> {
        let taken = match files::planet_and_text(self.file, &Tables::builtin(), screen) {
            Ok((planet, text)) => match self.take(&Arc::new(planet), &text, settings) {
                Ok(()) => Some(text),
                Err(why) => {
                    screen.say(format_args!("the planet file is not taken: {why}"));
                    None
                }
            },
            Err(failure) => {
                screen.complain(&failure);
                screen.say("the planet file is not taken: the gateways go on as they were");
                None
            }
        };
        for gateway in self.gateways {
            gateway.open_log_anew();
            if gateway.has_certificates() {
                match gateway.read_certificates_again() {
                    Ok(()) => screen.say("the certificates were read again"),
                    Err(error) => screen.say(format_args!("the certificates stay as they were: {error}")),
                }
            }
        }
        taken
    }

    /// Has all of them take it, or none.
    fn take(
        &self,
        planet: &Arc<Planet>,
        text: &str,
        settings: impl Fn(usize, &Arc<Planet>) -> Settings,
    ) -> Result<(), String> {
        let all = || self.gateways.iter().enumerate();
        all().try_for_each(|(number, gateway)| gateway.may_change(&settings(number, planet)))?;
        self.acts.takes_file(files::digest(text.as_bytes())).map_err(|refusal| refusal.what)?;
        all().try_for_each(|(number, gateway)| gateway.change(settings(number, planet)))
    }
}

/// Greets, and goes on until Ctrl-C; SIGHUP has things read again.
pub(crate) async fn serve(greets: impl FnOnce() -> Result<(), Failure>, read_again: impl Fn()) -> Result<(), Failure> {
    // Before anybody is told that it is up: from then on an end is a clean one.
    let failed = |error| Failure::told(format!("cannot listen to signals: {error}"), "try again");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    greets()?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => read_again(),
        }
    }
}

/// Stops gateways: what has begun is finished.
pub(crate) fn stop(gateways: Vec<Gateway>, screen: &Screen) {
    screen.say("stopping: what has begun is finished");
    for gateway in gateways {
        if !gateway.stop(GRACE) {
            screen.say("some requests took too long, and were cut off");
        }
    }
}
