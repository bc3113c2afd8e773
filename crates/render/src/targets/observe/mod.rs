//! What measures a region, and who is told: Prometheus with its rules and
//! alerts, Alertmanager, Thanos, Grafana, logs and traces, with the figures that
//! the planet promises.
//!
//! It must never name a metric that the program does not export: a dashboard of
//! such a one is empty for ever, and an alert never fires. A test holds every
//! expression against `/metrics` of a planet that runs. No file holds a secret:
//! where one is needed there is the path of a file that an operator puts there.

mod alert;
mod alertmanager;
mod cases;
mod causes;
mod dashboards;
mod logs;
mod panels;
mod prometheus;
mod promise;
mod room;
mod rules;
mod stack;
mod story;
mod thanos;
mod traces;

use super::{Scope, Target};
use crate::scene::digest;
use crate::{Place, Refused, Scene, Tree, yaml};
pub(in crate::targets) use alert::Alert;
pub(in crate::targets) use promise::Promise;
pub(in crate::targets) use rules::requests;
use serde_json::{Value, json};
use vocab::Millis;

pub(super) static TARGET: Target = Target {
    name: "observe",
    help: "what measures each region: rules, alerts, dashboards, logs and traces",
    scope: Scope::Region(render),
};

/// What every file of a region is made from.
struct View<'a> {
    scene: &'a Scene<'a>,
    place: &'a Place<'a>,
    promise: Promise,
}

impl View<'_> {
    fn planet(&self) -> &str {
        self.scene.name()
    }

    fn region(&self) -> &str {
        self.place.id()
    }

    /// Whose a series is.
    fn labels(&self) -> Value {
        json!({ "planet": self.planet(), "region": self.region() })
    }

    /// With a comment that says whose it is.
    fn file(&self, what: &str, value: Value) -> Result<String, Refused> {
        let whose = format!("Region {} of planet {}: {what}", self.region(), self.planet());
        yaml::file(
            &[whose, "`mycel render` wrote this; docs/guides/observe.md says how it is used.".to_owned()],
            &[value],
        )
    }

    /// A name of something that is of this region alone, in letters that every
    /// program takes.
    fn own(&self, what: &str) -> String {
        let mut name = digest(format!("{}/{}/{what}", self.planet(), self.region()).as_bytes());
        name.truncate(16);
        format!("mycel-{name}")
    }
}

/// The alerts of a region.
pub(super) fn alerts(scene: &Scene<'_>, place: &Place<'_>) -> Vec<Alert> {
    of_view(&View { scene, place, promise: Promise::of(scene, place) })
}

fn of_view(view: &View<'_>) -> Vec<Alert> {
    promise::alerts(view).into_iter().chain(causes::alerts(view)).chain(room::alerts(view)).collect()
}

fn render(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let view = View { scene, place, promise: Promise::of(scene, place) };
    view.promise.notes(place.id()).into_iter().for_each(|note| tree.note(note));
    let alerts = of_view(&view);
    tree.add("prometheus.yaml", prometheus::file(&view)?);
    tree.add("rules.yaml", rules::file(&view)?);
    tree.add("alerts.yaml", alert::file(&view, &alerts)?);
    tree.add("alerts_test.yaml", cases::file(&view, &alerts)?);
    tree.add("alertmanager.yaml", alertmanager::file(&view, &alerts)?);
    thanos::files(&view, tree)?;
    logs::files(&view, tree)?;
    traces::files(&view, tree)?;
    dashboards::files(&view, tree)?;
    tree.add("compose.yaml", stack::file(&view)?);
    Ok(())
}

/// Whole hours, as other programs read them; nothing is kept for less than asked.
fn hours(time: Millis) -> String {
    format!("{}h", time.0.div_ceil(3_600_000))
}

fn days(time: Millis) -> u64 {
    time.0.div_ceil(86_400_000)
}
