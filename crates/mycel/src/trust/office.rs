//! `mycel trust office`: the CA's office for nodes on machines apart, until
//! Ctrl-C.

use super::certificates::told;
use crate::Verdict;
use crate::cli::{OfficeArgs, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::log;
use crate::screen::Screen;
use crate::spread::{ids, no_certificates, rotating_office};
use crate::up::{cannot_listen, clock};
use node::{Attended, Homes};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(args: &OfficeArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let _watched = log::start(args.log, args.log_json, screen)?;
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    let (planet, text) = files::planet_and_text(&args.file, &tables, screen)?;
    if !args.home.data.join("keys/ca.key").exists() {
        let what = format!("{} has no CA: an office is where it is", args.home.data.display());
        return Err(Failure::told(what, "--data names the planet's directory; `mycel trust init --apart` makes one"));
    }
    let homes = Homes::open(&args.home.data).map_err(no_certificates)?;
    let acts = homes.acts(planet.planet.name.as_str(), files::digest(text.as_bytes())).map_err(told)?;
    acts.follows(&planet);
    homes.enters_ca(&acts).map_err(no_certificates)?;
    let regions = ids(&planet);
    let counter = homes.counter(&regions, args.life).map_err(no_certificates)?;
    let (_office, _ages) = rotating_office(&planet, &homes, args.life, &acts)?;
    let _turning = homes.turn(&regions, planet.keys.as_ref(), &acts).map_err(no_certificates)?;
    let failed = |error| Failure::told(format!("cannot start: {error}"), "try again");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(failed)?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let attended = Attended::start(counter, clock(), args.listen).await;
        let attended = attended.map_err(|error| cannot_listen(&error))?;
        let (name, at) = (planet.planet.name.as_str(), attended.address());
        if screen.is_json() {
            screen.json(&json!({
                "version": 1, "planet": name, "id": homes.planet().to_string(), "at": at.to_string(),
                "data": args.home.data,
            }))?;
        } else {
            screen.data(format_args!("{name}  the CA's office"))?;
            screen.data(format_args!("  at     {at}   for `mycel up --office {at}` on machines apart"))?;
            screen.data("\nCtrl-C closes it: nodes go on until their certificates end.")?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok::<(), Failure>(())
    })?;
    acts.end();
    Ok(Verdict::Good)
}
