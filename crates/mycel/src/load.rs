//! `mycel load`: ops at a rate, and how long each took from the moment that it
//! was due.
//!
//! It must never leave out what it could not send: an op that waits for its
//! turn here is as late as one that waits there, and one that never went is
//! counted by itself.

mod schedule;
mod send;
mod tally;

use crate::Verdict;
use crate::agent;
use crate::cli::{LoadArgs, LoadKind};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word::micros;
use indicatif::{ProgressBar, ProgressStyle};
pub(crate) use schedule::due;
use send::Work;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tally::{Counts, Tally};
use tokio::time::Instant;
use vocab::thousands;

/// How often the display is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How long answers are waited for that are due after the end.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &LoadArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
    runtime.block_on(async {
        let host = agent::attached(&args.who()).await?;
        let mut agents = Vec::new();
        let loaded = load(args, &host.client, &mut agents, screen).await;
        let kept = send::detach(agents).await;
        if kept > 0 {
            screen.say(format_args!("{kept} agents could not give back their slots: their leases end by themselves"));
        }
        loaded
    })
}

async fn load(
    args: &LoadArgs,
    host: &client::Client,
    agents: &mut Vec<client::Client>,
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let ready = async {
        send::attach(args, host, agents).await?;
        send::connect(agents).await
    };
    let wires = tokio::select! {
        wires = ready => wires?,
        // There is nothing to show yet.
        _ = tokio::signal::ctrl_c() => return Err(Failure::PipeClosed),
    };
    let tally = Tally::new().ok_or_else(|| Failure::told("there is no histogram", "report this"))?;
    let value = vec![b'm'; usize::try_from(args.bytes).unwrap_or_default()];
    let work = Arc::new(Work { kind: args.kind, value, tally });
    let bar = bar(args)?;
    let begun = Instant::now();
    let sending = async {
        if args.closed {
            send::closed_loop(args, &work, &wires).await;
        } else {
            send::open_loop(args, &work, &wires).await;
        }
    };
    let whole = Duration::from_millis(args.time.0);
    let interrupted = tokio::select! {
        ended = tokio::time::timeout(whole + GRACE, sending) => { drop(ended); false }
        () = display(&bar, &work.tally, begun) => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    bar.finish_and_clear();
    let took = begun.elapsed();
    let result = Outcome { args, counts: &work.tally.counts(), took, interrupted };
    if screen.is_json() {
        screen.json(&result.json())?;
    } else {
        screen.data(result.text())?;
    }
    let good = result.counts.failed() == 0 && result.never_sent() == 0 && result.counts.in_flight() == 0;
    Ok(if good || interrupted { Verdict::Good } else { Verdict::Bad })
}

/// A line on stderr, when that is a terminal.
fn bar(args: &LoadArgs) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:24} {elapsed}  {msg}");
    let style = style.map_err(|error| Failure::told(error.to_string(), "report this: the bar's template is wrong"))?;
    Ok(ProgressBar::new(args.time.0).with_style(style))
}

/// Draws how it goes, for ever.
async fn display(bar: &ProgressBar, tally: &Tally, begun: Instant) {
    let mut before = (begun, 0);
    loop {
        tokio::time::sleep(REDRAW).await;
        let (now, counts) = (Instant::now(), tally.counts());
        let rate = per_second(counts.done - before.1, now - before.0);
        before = (now, counts.done);
        let latency = |quantile| micros(counts.latency.value_at_quantile(quantile));
        let message = format!(
            "{}/s  p50 {}  p99 {}  max {}  errors {}  in flight {}",
            thousands(rate),
            latency(0.5),
            latency(0.99),
            micros(counts.latency.max()),
            thousands(counts.failed()),
            thousands(counts.in_flight()),
        );
        drop(counts);
        bar.set_message(message);
        bar.set_position(u64::try_from((now - begun).as_millis()).unwrap_or(u64::MAX));
    }
}

fn per_second(count: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// How it went.
struct Outcome<'o> {
    args: &'o LoadArgs,
    counts: &'o Counts,
    took: Duration,
    interrupted: bool,
}

const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

impl Outcome<'_> {
    /// How many were due while it ran.
    fn due(&self) -> u64 {
        let ran = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        if self.args.closed {
            self.counts.sent
        } else {
            let due = schedule::due_before(self.args.rate, vocab::Millis(ran.min(self.args.time.0)));
            // The last may have gone a little before it was due.
            due.max(self.counts.sent)
        }
    }

    fn never_sent(&self) -> u64 {
        self.due().saturating_sub(self.counts.sent)
    }

    /// The rate while ops were sent.
    fn rate(&self) -> u64 {
        per_second(self.counts.done, self.took)
    }

    fn kind(&self) -> &'static str {
        match self.args.kind {
            LoadKind::Echo => "echo",
            LoadKind::Put => "put",
            LoadKind::Get => "get",
            LoadKind::Mix => "mix",
        }
    }

    fn json(&self) -> Value {
        let latency = &self.counts.latency;
        let mut quantiles: Map<String, Value> =
            QUANTILES.iter().map(|(name, at)| ((*name).to_owned(), latency.value_at_quantile(*at).into())).collect();
        quantiles.insert("min".to_owned(), latency.min().into());
        quantiles.insert("max".to_owned(), latency.max().into());
        json!({
            "version": 1,
            "loop": if self.args.closed { "closed" } else { "open" },
            "measured_from": if self.args.closed { "sent" } else { "due" },
            "kind": self.kind(), "bytes": self.args.bytes,
            "agents": self.args.agents, "in_flight": self.args.in_flight,
            "asked_rate": if self.args.closed { Value::Null } else { self.args.rate.to_string().into() },
            "interrupted": self.interrupted,
            "ran_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "due": self.due(), "sent": self.counts.sent, "done": self.counts.done,
            "never_sent": self.never_sent(), "unanswered": self.counts.in_flight(), "errors": self.counts.errors,
            "done_per_second": self.rate(),
            "latency_us": quantiles,
        })
    }

    fn text(&self) -> String {
        let counts = self.counts;
        let asked = if self.args.closed { "closed loop".to_owned() } else { format!("{} asked", self.args.rate) };
        let mut lines = vec![format!(
            "{} of {} B by {} agents, {} in flight each, {asked}{}",
            self.kind(),
            self.args.bytes,
            self.args.agents,
            self.args.in_flight,
            if self.interrupted { ", interrupted" } else { "" },
        )];
        lines.push(format!(
            "done      {:>12}  {}/s over {}",
            thousands(counts.done),
            thousands(self.rate()),
            micros(u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX))
        ));
        for (why, many) in &counts.errors {
            lines.push(format!("errors    {:>12}  {why}", thousands(*many)));
        }
        if counts.in_flight() > 0 {
            lines.push(format!("unanswered{:>12}  when it ended", thousands(counts.in_flight())));
        }
        if self.args.closed {
            lines.push(
                "  a closed loop waits when the planet is slow, so what it did not send then is in no figure".into(),
            );
        } else {
            lines.push(format!(
                "never sent{:>12}  of {} that were due",
                thousands(self.never_sent()),
                thousands(self.due())
            ));
        }
        lines.push(format!(
            "latency   from the moment that an op was {}",
            if self.args.closed { "sent" } else { "due" }
        ));
        for (name, at) in QUANTILES {
            lines.push(format!("  {name:8}{:>12}", micros(counts.latency.value_at_quantile(at))));
        }
        lines.push(format!("  {:8}{:>12}", "max", micros(counts.latency.max())));
        lines.join("\n")
    }
}
