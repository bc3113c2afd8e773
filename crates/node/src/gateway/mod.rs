//! The gateway: one address in front of the hosts of a planet's regions.
//!
//! It must never make a lease, read what is sealed, or send anything where
//! residency does not let it be. Where an op goes follows from its lease by
//! arithmetic, where an agent is seated by `policy`; what it adds is
//! connections, limits and patience. An agent proves itself to it, and hosts
//! take its word on connections that it has proved itself on.
//!
//! Each of its threads has a runtime, a listener and connections to hosts of
//! its own: a request wakes no other thread, and no other task, on its way
//! through.

mod access;
mod assumed;
mod bans;
mod body;
mod breaker;
mod certificates;
mod erasures;
mod forward;
mod front;
mod heard;
mod hosts;
mod known;
mod line;
mod page;
mod picture;
mod prove;
mod rates;
mod regions;
mod reply;
mod session;
mod settings;
mod turns;
mod wants;

pub use assumed::{Assumed, OfRegion};
pub use heard::{Heard, heard};
pub use known::RAMP;
pub use settings::{Host, Settings};

use crate::clock::Clock;
use crate::turnstile::Turnstile;
use access::AccessLog;
use block::bans::Net;
use certificates::Certificates;
use hosts::Hosts;
use rates::Rates;
use regions::Regions;
use rustix::net::sockopt::{set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use vocab::Millis;

/// For all regions to have had their first turn.
const FIRST_TURNS: Duration = Duration::from_secs(2);

/// Bodies that are read here at once: 16 MiB at most.
const BODIES: usize = 4_096;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

/// What all of a gateway's threads share.
pub(crate) struct Shared {
    pub(crate) settings: RwLock<Arc<Settings>>,
    pub(crate) regions: Regions,
    pub(crate) hosts: Hosts,
    pub(crate) rates: Arc<Rates>,
    pub(crate) turnstile: Arc<Turnstile>,
    pub(crate) access: AccessLog,
    pub(crate) counts: page::Counts,
    pub(crate) budget: forward::Budget,
    pub(crate) clock: Clock,
    pub(crate) crowd: Arc<crate::http::Crowd>,
    /// Room for bodies that are read here.
    pub(crate) bodies: Semaphore,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Shared {
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A connection was closed, or not taken, for a reason: that is counted, and
    /// a line of the access log.
    pub(crate) fn closed(&self, source: std::net::IpAddr, why: &str) {
        self.counts.closed.fetch_add(1, Relaxed);
        if self.access.is_on() {
            self.access.write(&access::Closed { time_ms: self.clock.now().0, source, closed: why });
        }
        tracing::debug!(%source, why, "a connection was closed");
    }

    /// Ends when the gateway stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the gateway is gone, and then it has stopped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// A gateway that runs until it is stopped, or dropped.
pub struct Gateway {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    certificates: Option<Arc<Certificates>>,
    stop: watch::Sender<bool>,
    threads: Threads,
}

/// How a gateway knows that its threads have ended: nobody sends, and the
/// channel is gone when the last of them is.
struct Threads {
    ended: Option<Sender<()>>,
    all_ended: Receiver<()>,
}

impl Gateway {
    /// Starts a gateway on some threads.
    ///
    /// # Errors
    /// When an address cannot be listened at, a certificate cannot be read, or
    /// the planet cannot be routed.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let turnstile = Arc::new(Turnstile::new(&settings.planet, settings.acts.clone()));
        let rates = Arc::new(Rates::new(&settings));
        Self::start_with(settings, rates, turnstile)
    }

    /// Starts another gateway beside this one. What one agent and one address may
    /// ask is the same at both together, and who is turned away by one is by both.
    ///
    /// # Errors
    /// When an address cannot be listened at, a certificate cannot be read, or
    /// the planet cannot be routed.
    pub fn start_beside(&self, settings: Settings) -> io::Result<Self> {
        Self::start_with(settings, Arc::clone(&self.shared.rates), Arc::clone(&self.shared.turnstile))
    }

    fn start_with(settings: Settings, rates: Arc<Rates>, turnstile: Arc<Turnstile>) -> io::Result<Self> {
        let threads = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let certificates = if settings.certificates.is_empty() {
            None
        } else {
            Some(Arc::new(Certificates::read(&settings.certificates)?))
        };
        let acceptor = certificates.as_ref().map(certificates::acceptor).transpose()?;
        let (bound, addresses) = bind(&settings.addresses, threads)?;
        let (stop, stopping) = watch::channel(false);
        let clock = Clock::default();
        let now = Millis(clock.now().0);
        let shared = Arc::new(Shared {
            regions: Regions::new(&settings, now).map_err(io::Error::other)?,
            hosts: Hosts::new(&settings, threads)?,
            rates,
            turnstile,
            access: AccessLog::start(settings.access_log.as_deref())?,
            counts: page::Counts::default(),
            budget: forward::Budget::default(),
            clock,
            crowd: Arc::default(),
            bodies: Semaphore::new(BODIES),
            stopping,
            settings: RwLock::new(Arc::new(settings)),
        });
        let (ended, all_ended) = channel();
        let threads = Threads { ended: Some(ended), all_ended };
        let gateway = Self { shared, addresses, certificates, stop, threads };
        let stay = bound.len() == cores().count();
        // One thread looks after the regions, for all of them.
        let (had_turns, first_turns) = channel();
        let mut looks_after = Some(had_turns);
        for (number, listeners) in bound.into_iter().enumerate() {
            gateway.spawn((number, stay), listeners, (acceptor.clone(), looks_after.take()))?;
        }
        // Before that it would refuse whoever comes. A region that does not answer is not waited for.
        let _ = first_turns.recv_timeout(FIRST_TURNS);
        Ok(gateway)
    }

    fn spawn(
        &self,
        (number, stays): (usize, bool),
        listeners: Vec<std::net::TcpListener>,
        (acceptor, looks_after): (Option<TlsAcceptor>, Option<Sender<()>>),
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = self.threads.ended.clone();
        let run = move || {
            let _until_it_ends = ended;
            if stays {
                stay(number);
            }
            runtime.block_on(async {
                if let Some(had_turns) = looks_after {
                    tokio::spawn(turns::look_after(Arc::clone(&shared), had_turns));
                }
                let mut accepting = tokio::task::JoinSet::new();
                for listener in listeners {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => {
                            accepting.spawn(front::accept(listener, acceptor.clone(), number, Arc::clone(&shared)));
                        }
                        Err(error) => tracing::error!(%error, "a listener cannot be used"),
                    }
                }
                while accepting.join_next().await.is_some() {}
            });
        };
        std::thread::Builder::new().name(format!("gateway {number}")).spawn(run).map(|_| ())
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether other settings can be taken.
    ///
    /// # Errors
    /// Why not: the planet cannot be routed, or is another one's.
    pub fn may_change(&self, settings: &Settings) -> Result<(), String> {
        self.shared.regions.may_change(settings)
    }

    /// Takes other settings from the next request on. Addresses, threads and
    /// hosts stay what they were.
    ///
    /// # Errors
    /// When the planet cannot be routed, or is another one's; then all stays as
    /// it was.
    pub fn change(&self, settings: Settings) -> Result<(), String> {
        self.shared.regions.change(&settings)?;
        self.shared.rates.change(&settings);
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        Ok(())
    }

    /// Opens the access log anew, for whoever has moved it away.
    pub fn open_log_anew(&self) {
        self.shared.access.open_anew();
    }

    /// Whether it speaks TLS to agents.
    #[must_use]
    pub const fn has_certificates(&self) -> bool {
        self.certificates.is_some()
    }

    /// Reads the certificates again; connections that are open keep theirs.
    ///
    /// # Errors
    /// When one cannot be read; then all stay as they were.
    pub fn read_certificates_again(&self) -> io::Result<()> {
        self.certificates.as_ref().map_or(Ok(()), |certificates| certificates.read_again())
    }

    /// Empties a region, or lets it be used again: agents that ask for a slot
    /// are seated elsewhere, and those who have one there go on.
    ///
    /// # Errors
    /// When the planet has no such region.
    pub fn drain(&self, region: &str, drained: bool) -> Result<(), String> {
        self.shared.regions.drain(region, drained)
    }

    /// Tells somebody else of every ban that begins and of every one that is
    /// lifted, here or at a gateway beside this one.
    pub fn on_ban(&self, tell: impl Fn(Net, Option<Millis>) + Send + Sync + 'static) {
        self.shared.turnstile.on_ban(tell);
    }

    /// Takes something for true instead of what it measures, until it is told
    /// something else: for rehearsals.
    ///
    /// # Errors
    /// When the planet has no such region.
    pub fn assume(&self, assumed: Assumed) -> Result<(), String> {
        self.shared.regions.assume(assumed, Millis(self.shared.clock.now().0))
    }

    /// Takes nothing new in, finishes what it has begun, and ends; what takes
    /// longer than `deadline` is cut off. Whether nothing was.
    pub fn stop(self, deadline: Duration) -> bool {
        let Self { stop, mut threads, .. } = self;
        // Without a receiver everything has ended already.
        let _ = stop.send(true);
        threads.ended.take();
        // Each thread holds the other end for as long as it runs.
        matches!(threads.all_ended.recv_timeout(deadline), Err(RecvTimeoutError::Disconnected))
    }
}

/// The cores that this process may use.
fn cores() -> impl Iterator<Item = usize> {
    // What is not known is none: then no thread is told to stay.
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(move |core| set.is_set(*core))
}

/// Keeps a thread on a core of its own when there are as many as cores: what it
/// works on is warm there, and no two of them take turns on one while another
/// has nothing to do. With another number of threads the system places them.
fn stay(number: usize) {
    let Some(core) = cores().nth(number) else { return };
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::debug!(core, %error, "a thread cannot be kept on its core");
    }
}

/// Listeners of each thread: one an address, which share it.
fn bind(addresses: &[SocketAddr], threads: usize) -> io::Result<(Vec<Vec<std::net::TcpListener>>, Vec<SocketAddr>)> {
    let mut bound: Vec<Vec<std::net::TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
    let mut known = Vec::new();
    for address in addresses {
        let taken = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}"));
        // Listeners that share a port would share it with another planet's, too.
        let alone = socket(*address, false).map_err(taken)?;
        let mut address = std::net::TcpListener::from(alone).local_addr()?;
        for (number, listeners) in bound.iter_mut().enumerate() {
            let listener = listen(address)
                .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
            if number == 0 {
                // The others share the port that the system chose.
                address = listener.local_addr()?;
                known.push(address);
            }
            listeners.push(listener);
        }
    }
    Ok((bound, known))
}

/// A socket at an address; one that shares its port does so with those of the
/// other threads.
fn socket(address: SocketAddr, shares: bool) -> io::Result<std::os::fd::OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_socket_reuseport(&socket, shares)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket(address, true)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}
