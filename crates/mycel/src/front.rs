//! `mycel up --gateway`: a gateway alone, in front of hosts on other machines.

use crate::Verdict;
use crate::cli::UpArgs;
use crate::failure::Failure;
use crate::files;
use crate::fronts::{self, Fronts};
use crate::screen::Screen;
use crate::up::{ANSWERED, cannot_listen, clock};
use custody::credentials::{Credentials, Node};
use node::gateway::{Gateway, Settings};
use node::{Acts, Apart, Errands, HomeError, Turning};
use planet::Planet;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// All that it is made of.
struct Front<'a> {
    args: &'a UpArgs,
    home: Apart,
    acts: Arc<Acts>,
    credentials: Arc<Credentials>,
    turning: Option<Arc<Turning>>,
}

const GUIDE: &str = "docs/guides/keys.md says what a gateway on a machine apart needs";

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::told(why.to_string(), GUIDE)
}

/// Each host is of a region that there is, and named once.
fn hosts(args: &UpArgs, planet: &Planet, region: &str) -> Result<Vec<String>, Failure> {
    let ids: Vec<&str> = planet.region.iter().map(|region| region.id.as_str()).collect();
    let known = |name: &str| {
        let unknown = || {
            Failure::told(
                format!("there is no region `{}`", name.escape_debug()),
                format!("name one of {}", ids.join(", ")),
            )
        };
        ids.contains(&name).then_some(()).ok_or_else(unknown)
    };
    known(region)?;
    for (at, host) in args.host.iter().enumerate() {
        known(&host.region)?;
        if args.host[..at].iter().any(|other| other.region == host.region) {
            let what = format!("two hosts are named for region {}", host.region);
            return Err(Failure::told(what, "a name may have several addresses: they are tried in turn"));
        }
    }
    let named = |id: &&&str| !args.host.iter().any(|host| host.region == **id);
    Ok(ids.iter().filter(named).map(|id| (*id).to_owned()).collect())
}

/// Goes to the CA's office, when there is one, and waits for what a node shows.
pub(crate) fn credentials(
    node: &Node,
    office: Option<&str>,
    screen: &Screen,
) -> Result<(Arc<Credentials>, Option<Errands>), Failure> {
    let mut errands = None;
    if let Some(office) = office {
        let (begun, first) = Errands::start(node.clone(), office.to_owned(), clock())
            .map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
        if let Some(why) = first {
            screen.say(format_args!("{why}; it is tried again"));
        }
        errands = Some(begun);
    }
    Ok((Credentials::obtain(node.clone(), clock(), ANSWERED).map_err(failed)?, errands))
}

pub(crate) fn run(
    args: &UpArgs,
    region: &str,
    (planet, text): (Planet, &str),
    (file, absent): (&Path, &[&str]),
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let unnamed = hosts(args, &planet, region)?;
    let home = Apart::open(&args.data, region, usize::from(args.number)).map_err(failed)?;
    let acts = home.acts(planet.planet.name.as_str(), files::digest(text.as_bytes())).map_err(failed)?;
    acts.follows(&planet);
    let not_home = |why: HomeError| failed(why);
    let (credentials, errands) = credentials(&home.node().map_err(not_home)?, args.office.as_deref(), screen)?;
    let turning = errands.as_ref().map(|errands| home.turn(planet.keys.as_ref(), &acts, errands)).transpose();
    let front = Front { args, home, acts, credentials, turning: turning.map_err(not_home)? };
    let planet = Arc::new(planet);
    let settings = front.settings(&planet);
    fronts::try_access_log(&settings)?;
    let gateways = vec![Gateway::start(settings).map_err(|error| cannot_listen(&error))?];
    let tag: String = front.home.planet().to_string().chars().take(16).collect();
    let bans = fronts::bans(args.no_kernel_bans, &gateways, &tag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
    let greets = || front.greet(&planet, &gateways, (&bans, absent, &unnamed), screen);
    let read_again = || {
        let fronts = Fronts { file, gateways: &gateways, acts: &front.acts };
        if fronts.read_again(|_, planet| front.settings(planet), screen).is_some() {
            screen.say("the gateway routes by the planet file as it is now");
        }
    };
    runtime.block_on(fronts::serve(greets, read_again))?;
    fronts::stop(gateways, screen);
    front.acts.end();
    Ok(Verdict::Good)
}

impl Front<'_> {
    fn settings(&self, planet: &Arc<Planet>) -> Settings {
        let hosts = self.args.host.clone();
        let mut settings = Settings::new(Arc::clone(planet), self.home.planet(), self.home.key(), hosts);
        settings.nodes = Some(Arc::clone(&self.credentials));
        settings.costs = fronts::costs(planet);
        settings.acts = Some(Arc::clone(&self.acts));
        settings.turning.clone_from(&self.turning);
        let stands = |region: &&planet::Region| Some(region.id.as_str()) == self.args.gateway.as_deref();
        settings.site = planet.region.iter().find(stands).map(|region| region.site.value);
        settings.addresses.clone_from(&self.args.listen);
        settings.access_log.clone_from(&self.args.access_log);
        settings.certificates = fronts::certificates(self.args);
        settings
    }

    fn greet(
        &self,
        planet: &Planet,
        gateways: &[Gateway],
        (bans, absent, unnamed): (&str, &[&str], &[String]),
        screen: &Screen,
    ) -> Result<(), Failure> {
        let scheme = if self.args.tls_cert.is_empty() { "http" } else { "https" };
        let at = gateways.iter().flat_map(Gateway::addresses);
        let urls: Vec<String> = at.map(|address| format!("{scheme}://{address}")).collect();
        let (name, id) = (planet.planet.name.as_str(), self.home.planet().to_string());
        if screen.is_json() {
            let hosts: Vec<_> =
                self.args.host.iter().map(|host| json!({ "region": host.region, "at": host.address })).collect();
            return screen.json(&json!({
                "version": 1, "planet": name, "id": id, "at": urls, "data": self.args.data, "hosts": hosts,
                "without": unnamed, "bans": bans, "absent": absent,
            }));
        }
        screen.data(format_args!("{name}  a gateway in front of {} regions", self.args.host.len()))?;
        for url in &urls {
            screen.data(format_args!("  gateway {url}   /ready, /metrics"))?;
        }
        for host in &self.args.host {
            screen.data(format_args!("  {:<16} {}", host.region, host.address))?;
        }
        if !unnamed.is_empty() {
            screen.data(format_args!("  away   {}: no --host is named", unnamed.join(", ")))?;
        }
        screen.data(format_args!("  bans   {bans}"))?;
        if !absent.is_empty() {
            screen
                .data(format_args!("  absent {}: the file asks for it, and it is not done yet", absent.join(", ")))?;
        }
        screen.data("\nSIGHUP reads the planet file and the certificates again; Ctrl-C stops it.")
    }
}
