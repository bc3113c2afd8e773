//! `mycel up --regions`: a process for each region of the planet, and gateways
//! in front of them, in this process.

use crate::Verdict;
use crate::cli::UpArgs;
use crate::failure::Failure;
use crate::files;
use crate::fronts::{self, Fronts};
use crate::processes::{self, Manner, Regions};
use crate::screen::Screen;
use crate::up::{ANSWERED, cannot_listen, clock};
use custody::credentials::Credentials;
use custody::office::{Ages, Open};
use node::gateway::{Gateway, Host, Settings};
use node::{Acts, HomeError, Homes, Turning};
use planet::Planet;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use vocab::Millis;

/// What regions start from, also when the file itself has been broken since.
pub(crate) const ACCEPTED: &str = "regions.toml";

/// Keeps the text that was understood, whatever has become of its file since:
/// all of it, or what was kept before.
fn accept(text: &str, accepted: &Path) -> Result<(), Failure> {
    Ok(custody::folder::replace(accepted, text.as_bytes())?)
}

/// All that runs here.
struct Running<'a> {
    args: &'a UpArgs,
    file: &'a Path,
    homes: Homes,
    acts: Arc<Acts>,
    ca: Arc<Ages>,
    /// The keys that are rotated here.
    turning: Arc<Turning>,
    hosts: Vec<Host>,
    /// What each gateway shows.
    credentials: Vec<Arc<Credentials>>,
    regions: Regions,
    gateways: Vec<Gateway>,
    bans: String,
    _office: Open,
}

/// How long signing keys are used when the planet says nothing.
const ROTATION: Millis = Millis::days(90);

pub(crate) fn ids(planet: &Planet) -> Vec<String> {
    planet.region.iter().map(|region| region.id.to_string()).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "what map_err hands over")]
pub(crate) fn no_certificates(why: HomeError) -> Failure {
    Failure::told(why.to_string(), "docs/guides/keys.md says where certificates come from")
}

/// The CA's office for a planet of this machine.
pub(crate) fn office(planet: &Planet, homes: &Homes, life: Millis) -> Result<Open, Failure> {
    homes.office(&ids(planet), life, clock()).map_err(no_certificates)
}

/// The same, which rotates the CA as the planet says.
pub(crate) fn rotating_office(
    planet: &Planet,
    homes: &Homes,
    life: Millis,
    acts: &Arc<Acts>,
) -> Result<(Open, Arc<Ages>), Failure> {
    let every = planet.keys.as_ref().map_or(ROTATION, |keys| keys.rotation.value);
    let opened = homes.rotating_office(&ids(planet), (life, every), clock(), Arc::clone(acts));
    opened.map_err(no_certificates)
}

/// What a gateway of this machine shows hosts.
pub(crate) fn credentials(homes: &Homes, number: usize) -> Result<Arc<Credentials>, Failure> {
    let obtained = Credentials::obtain(homes.gateway_node(number), clock(), ANSWERED);
    obtained.map_err(|why| Failure::told(why.to_string(), "docs/guides/keys.md says where certificates come from"))
}

/// Runs every region, and the gateways in front of them, until Ctrl-C.
pub(crate) fn run(
    args: &UpArgs,
    (planet, text): (Planet, &str),
    (file, absent): (&Path, &[&str]),
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let failed = |why: String| Failure::told(why, "mend what it says, and start again");
    let many = usize::from(args.gateways);
    // One gateway listens at all of them.
    if many > 1 && args.listen.len() > 1 && args.listen.len() != many {
        let what = format!("{} addresses for {many} gateways", args.listen.len());
        return Err(Failure::told(what, "name one address for each gateway, or one for the first"));
    }
    let homes = Homes::with_gateways(&args.data, many).map_err(|error| failed(error.to_string()))?;
    let acts = homes
        .acts(planet.planet.name.as_str(), files::digest(text.as_bytes()))
        .map_err(|error| failed(error.to_string()))?;
    acts.follows(&planet);
    let accepted = args.data.join(ACCEPTED);
    accept(text, &accepted)?;
    homes.enters_ca(&acts).map_err(|error| failed(error.to_string()))?;
    let (office, ca) = rotating_office(&planet, &homes, args.certificate_life, &acts)?;
    let credentials = (0..many).map(|number| credentials(&homes, number)).collect::<Result<_, _>>()?;
    let manner = Manner { quota: args.quota, quiet: false, plain_keys: args.plain_keys };
    let regions = processes::start(&planet, &accepted, &homes, manner)?;
    let hosts = processes::hosts(&regions);
    let ids: Vec<String> = regions.iter().map(|region| region.id.clone()).collect();
    let turning = homes.turn(&ids, planet.keys.as_ref(), &acts).map_err(|error| failed(error.to_string()))?;
    let (gateways, bans, _office) = (Vec::new(), String::new(), office);
    let mut running =
        Running { args, file, homes, acts, ca, turning, hosts, credentials, regions, gateways, bans, _office };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("cannot start: {error}")))?;
    let planet = Arc::new(planet);
    for number in 0..many {
        let settings = running.settings(number, &planet);
        fronts::try_access_log(&settings)?;
        let started = match running.gateways.first() {
            None => Gateway::start(settings),
            Some(first) => first.start_beside(settings),
        };
        let gateway = started.map_err(|error| cannot_listen(&error))?;
        running.gateways.push(gateway);
    }
    let tag: String = running.homes.planet().to_string().chars().take(16).collect();
    running.bans = fronts::bans(args.no_kernel_bans, &running.gateways, &tag);
    let greets = || greet(&running, &planet, absent, screen);
    runtime.block_on(fronts::serve(greets, || running.read_again(screen)))?;
    fronts::stop(std::mem::take(&mut running.gateways), screen);
    for region in running.regions.stop() {
        screen.say(format_args!("region {region} took too long to stop, and was cut off"));
    }
    running.acts.end();
    Ok(Verdict::Good)
}

impl Running<'_> {
    /// What a gateway is told.
    fn settings(&self, number: usize, planet: &Arc<Planet>) -> Settings {
        let key = Arc::clone(&self.homes.gateways()[number]);
        let mut settings = Settings::new(Arc::clone(planet), self.homes.planet(), key, self.hosts.clone());
        settings.nodes = Some(Arc::clone(&self.credentials[number]));
        settings.costs = fronts::costs(planet);
        settings.acts = Some(Arc::clone(&self.acts));
        settings.ca = Some(Arc::clone(&self.ca));
        settings.turning = Some(Arc::clone(&self.turning));
        if self.args.gateways == 1 {
            settings.addresses.clone_from(&self.args.listen);
        } else {
            // The first address is the first gateway's; the others take any port there.
            let at = self.args.listen.get(number).copied();
            let any = || self.args.listen.first().map(|first| SocketAddr::new(first.ip(), 0));
            settings.addresses = at.or_else(any).into_iter().collect();
        }
        settings.access_log = self.args.access_log.clone().map(|log| match number {
            0 => log,
            number => log.with_extension(format!("{}.log", number + 1)),
        });
        settings.certificates = fronts::certificates(self.args);
        settings
    }

    fn addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        self.gateways.iter().flat_map(Gateway::addresses)
    }

    /// Reads the planet file and the certificates again: what cannot be taken
    /// changes nothing.
    fn read_again(&self, screen: &Screen) {
        let fronts = Fronts { file: self.file, gateways: &self.gateways, acts: &self.acts };
        let taken = fronts.read_again(|number, planet| self.settings(number, planet), screen);
        if let Some(text) = taken {
            screen.say("the gateways route by the planet file as it is now; regions by the one they began with");
            if let Err(failure) = accept(&text, &self.args.data.join(ACCEPTED)) {
                screen.complain(&failure);
            }
        }
    }
}

fn greet(running: &Running<'_>, planet: &Planet, absent: &[&str], screen: &Screen) -> Result<(), Failure> {
    let scheme = if !running.args.tls_cert.is_empty() { "https" } else { "http" };
    let urls: Vec<String> = running.addresses().map(|address| format!("{scheme}://{address}")).collect();
    let regions = &running.regions;
    if screen.is_json() {
        let regions: Vec<Value> = regions
            .iter()
            .map(|region| json!({ "region": region.id, "at": region.at.agents.to_string(), "process": region.process() }))
            .collect();
        return screen.json(&json!({
            "version": 1, "planet": planet.planet.name.to_string(), "id": running.homes.planet().to_string(),
            "at": urls, "data": running.args.data, "regions": regions, "bans": running.bans, "absent": absent,
        }));
    }
    screen.data(format_args!("{}  {} regions, each a process", planet.planet.name.as_str(), planet.region.len()))?;
    for url in &urls {
        screen.data(format_args!("  gateway {url}   /ready, /metrics"))?;
    }
    for region in regions.iter() {
        let process = region.process().map_or_else(|| "ended".to_owned(), |id| format!("process {id}"));
        screen.data(format_args!("  {:<16} http://{}   {process}", region.id, region.at.agents))?;
    }
    screen.data(format_args!("  bans   {}", running.bans))?;
    if !absent.is_empty() {
        screen.data(format_args!("  absent {}: the file asks for it, and it is not done yet", absent.join(", ")))?;
    }
    screen.data("\nSIGHUP reads the planet file and the certificates again; Ctrl-C stops it, and the next start goes on\nwhere it was.")
}
