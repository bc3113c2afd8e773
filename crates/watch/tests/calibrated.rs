//! That the figures of the models are what they are said to be: the only place
//! where logarithms are computed.
#![allow(clippy::float_arithmetic, clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_precision_loss)]

use watch::level::{LIFTED, Level, SLEEPER, THRESHOLDS};
use watch::nats::Nats;
use watch::observe::{Counts, Model, OBSERVERS, VERSION};
use watch::posterior::PRIOR;

fn nats(value: f64) -> Nats {
    Nats((value * 65_536.0).round() as i32)
}

/// Of each observer: how often its facts are odd with an honest agent, and with
/// one that misbehaves in its way.
const ODDS: [(&str, f64, f64); 7] = [
    ("timing", 0.5, 0.9),
    ("size", 0.01, 0.3),
    ("destinations", 0.2, 0.9),
    ("failures", 0.05, 0.6),
    ("replays", 0.01, 0.3),
    ("refusals", 0.005, 0.5),
    ("recipients", 0.4, 0.95),
];

#[test]
fn every_model_is_what_its_file_says() {
    let model = |name: &str| OBSERVERS.iter().find(|observer| observer.name() == name).unwrap().model();
    for (name, honest, other) in ODDS {
        let said = Model {
            odd: nats((other / honest).ln()),
            usual: nats(((1.0 - other) / (1.0 - honest)).ln()),
            round: Nats(0),
        };
        assert_eq!(model(name), said, "{name}");
    }
    // Poisson: k ln(λ₁/λ₀) − (λ₁ − λ₀).
    assert_eq!(model("rate"), Model { odd: nats(5_f64.ln()), usual: Nats(0), round: nats(-20.0) });
    assert_eq!(OBSERVERS.len(), ODDS.len() + 1);
}

#[test]
fn thresholds_are_walds() {
    let miss: f64 = 0.01;
    let alarms = [(Level::Ban, 1e-8), (Level::Quarantine, 1e-6), (Level::Slow, 1e-4), (Level::Watch, 1e-3)];
    for ((level, threshold), (named, alarm)) in THRESHOLDS.into_iter().zip(alarms) {
        assert_eq!((level, threshold), (named, nats(((1.0 - miss) / alarm).ln())));
    }
    assert_eq!(LIFTED, nats((miss / (1.0 - 1e-3)).ln()));
    assert_eq!(SLEEPER, nats(1e10_f64.ln()));
    assert_eq!(PRIOR, nats((0.001_f64 / 0.999).ln()));
    assert_eq!(Model::FLOOR, nats(0.9_f64.ln()));
}

/// Whoever changes a model changes this, and the version with it.
#[test]
fn another_model_is_another_version() {
    let figures = OBSERVERS.iter().flat_map(|observer| {
        let model = observer.model();
        [model.odd.0, model.usual.0, model.round.0]
    });
    let sum = figures.fold(17_i64, |sum, figure| sum.wrapping_mul(31).wrapping_add(i64::from(figure)));
    assert_eq!((VERSION, sum), (1, SUM));
}

const SUM: i64 = 8_242_928_833_611_021_749;

#[test]
fn the_most_that_can_be_counted_fits() {
    for observer in OBSERVERS {
        for (odd, usual) in [(255, 255), (255, 0), (0, 255), (0, 0)] {
            let model = observer.model();
            let exact = i64::from(odd) * i64::from(model.odd.0)
                + i64::from(usual) * i64::from(model.usual.0)
                + i64::from(model.round.0);
            assert!(i32::try_from(exact).is_ok());
            let says = model.says(Counts { odd, usual });
            assert_eq!(i64::from(says.0), exact.clamp(i64::from(Model::FLOOR.0), i64::from(Model::CEILING.0)));
        }
    }
}
