//! What a gateway does each tick: it asks every region for its part of the next
//! one, by which it learns how far away that is, and now and then how it is.

use super::Shared;
use super::hosts::Lost;
use futures_util::future::join_all;
use policy::route::TICK;
use policy::set::RegionNumber;
use policy::signal::Micros;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::time::Instant;
use vocab::Millis;
use wire::ask;

/// Begins ticks when nobody asks, and asks hosts how they are. Tells when every
/// region had its first turn: before that this gateway has no part of any.
pub(crate) async fn look_after(shared: Arc<Shared>, had_turns: Sender<()>) {
    join_all(shared.regions.numbers().map(|region| turn(Arc::clone(&shared), region))).await;
    shared.regions.choose_anew();
    // Whoever waited for it may have given up.
    let _ = had_turns.send(());
    let mut tick = tokio::time::interval(Duration::from_millis(TICK.0));
    let (mut swept, mut due) = (Instant::now(), Vec::new());
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stopped() => return,
        }
        let settings = shared.settings();
        let every = Duration::from_millis(settings.planet.route.health_check.value.0);
        let now = Millis(shared.clock.now().0);
        shared.regions.tick(now);
        if swept.elapsed() >= every {
            swept = Instant::now();
            shared.hosts.sweep();
        }
        for (number, stands) in (0..=u8::MAX).map(RegionNumber).zip(shared.regions.all(now)) {
            if due.len() <= number.at() {
                due.push(Instant::now());
            }
            // A region that is lost is looked at each tick, so that it comes back soon.
            let is_due = due[number.at()] <= Instant::now();
            if is_due {
                due[number.at()] = Instant::now() + jittered(every);
            }
            if is_due || !stands.usable {
                tokio::spawn(check(Arc::clone(&shared), number));
            }
            tokio::spawn(turn(Arc::clone(&shared), number));
        }
    }
}

/// As long, or up to a tenth shorter: gateways that began together do not ask
/// together for ever.
fn jittered(every: Duration) -> Duration {
    let chance = custody::entropy::bytes().map_or(0, |[chance]: [u8; 1]| u32::from(chance));
    every - every / 10 * chance / 255
}

/// Asks a host how it is.
pub(crate) async fn check(shared: Arc<Shared>, region: RegionNumber) {
    let good = match shared.hosts.check(region).await {
        Ok(status) => status.is_success(),
        Err(why) => {
            tracing::debug!(region = shared.regions.id(region), %why, "a region does not answer");
            false
        }
    };
    shared.regions.check(region, good);
}

/// Whether nobody answered: a host that refuses has answered, and what this
/// gateway lacks itself says nothing of it.
fn is_silence(why: &Lost) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof};
    match why {
        Lost::Slow => true,
        Lost::Unreached(error) => {
            [BrokenPipe, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof].contains(&error.kind())
        }
        _ => false,
    }
}

/// Asks a region for this gateway's parts of ticks.
async fn turn(shared: Arc<Shared>, region: RegionNumber) {
    let (settings, (ticks, asked)) = (shared.settings(), shared.regions.wanting(region));
    for tick in ticks {
        let ask = ask::Tick { region: shared.regions.id(region).to_owned(), tick, asked };
        match shared.hosts.turn(region, &ask, &settings).await {
            Ok((told, took)) => {
                let took = Micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                shared.regions.heard(region, (tick, told), took, Millis(shared.clock.now().0));
            }
            Err(why) => {
                tracing::debug!(region = ask.region, tick, %why, "a region gives no part of its capacity");
                if is_silence(&why) {
                    shared.regions.missed(region);
                } else if shared.regions.usable().has(region) {
                    // Such as one whose certificate was taken back: nobody waits for the next look.
                    check(shared, region).await;
                }
                return;
            }
        }
    }
}
