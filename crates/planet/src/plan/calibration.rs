//! The figures that sizes are computed from, and whether anybody has looked.

use crate::file::section::{Named, section};
use crate::finding::Report;
use crate::model::{Calibrated, Planet, State};
use serde::Serialize;
use vocab::{Bytes, Rate};

section! {
    /// A file of figures.
    Figures {
        /// The figures by name.
        figure: Named<Calibrated>,
    }
}

/// A figure with its name, for showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What it is called.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
    /// "assumed" or "measured".
    pub state: &'static str,
    /// Where it comes from.
    pub source: Option<String>,
}

/// Every figure.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Memory of one block.
    pub block_memory: Bytes,
    /// Cells of one pod.
    pub cells_per_pod: u64,
    /// Ops that one core runs.
    pub ops_per_core: Rate,
    /// Memory of a host that blocks cannot have.
    pub host_reserved: Bytes,
    /// Pods that Kubernetes puts on one node.
    pub kubelet_pods: u64,
    /// Pods that one cluster bears.
    pub cluster_pods: u64,
    /// Zones of a region that lists none.
    pub zones_unlisted: u64,
    figures: Vec<Figure>,
}

/// The names of the figures that there are.
pub(crate) const NAMES: &[&str] = &[
    "block-memory",
    "cells-per-pod",
    "ops-per-core",
    "host-reserved",
    "kubelet-pods",
    "cluster-pods",
    "zones-unlisted",
];

impl Calibration {
    /// Reads a file of figures.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> (Option<Self>, Report) {
        let (figures, mut report) = crate::read::<Figures>(bytes);
        let calibration = figures.map(|figures| {
            let mut calibration = Self::nothing();
            calibration.replace(&figures.figure);
            calibration
        });
        if let Some(calibration) = &calibration
            && let Some(name) =
                NAMES.iter().find(|name| !calibration.figures.iter().any(|figure| figure.name == **name))
        {
            report.add(&crate::lint::file::MISSING_KEY, format!("the figure `{name}` is missing"));
        }
        (calibration.filter(|_| report.errors() == 0), report)
    }

    const fn nothing() -> Self {
        Self {
            block_memory: Bytes(0),
            cells_per_pod: 1,
            ops_per_core: Rate::per_second(1),
            host_reserved: Bytes(0),
            kubelet_pods: 1,
            cluster_pods: 1,
            zones_unlisted: 1,
            figures: Vec::new(),
        }
    }

    /// These figures, with the planet's own in their place.
    #[must_use]
    pub fn for_planet(&self, planet: &Planet) -> Self {
        let mut own = self.clone();
        own.replace(&planet.calibration);
        own
    }

    fn replace(&mut self, figures: &Named<Calibrated>) {
        for (name, figure) in figures {
            // A divisor of zero is a figure that nobody meant.
            let count = |to: &mut u64| {
                figure.count.as_ref().map(|count| {
                    *to = count.value.max(1);
                    vocab::thousands(count.value)
                })
            };
            let size = |to: &mut Bytes| {
                figure.size.as_ref().map(|size| {
                    *to = size.value;
                    size.value.to_string()
                })
            };
            let rate = |to: &mut Rate| {
                figure.rate.as_ref().map(|rate| {
                    *to = rate.value;
                    rate.value.to_string()
                })
            };
            let value = match name.as_str() {
                "block-memory" => size(&mut self.block_memory),
                "cells-per-pod" => count(&mut self.cells_per_pod),
                "ops-per-core" => rate(&mut self.ops_per_core),
                "host-reserved" => size(&mut self.host_reserved),
                "kubelet-pods" => count(&mut self.kubelet_pods),
                "cluster-pods" => count(&mut self.cluster_pods),
                "zones-unlisted" => count(&mut self.zones_unlisted),
                _ => None,
            };
            let Some(value) = value else { continue };
            let state = if figure.state.value == State::Measured { "measured" } else { "assumed" };
            let source = figure.source.as_ref().map(|source| source.to_string());
            let shown = Figure { name: name.to_string(), value, state, source };
            match self.figures.iter_mut().find(|known| known.name == shown.name) {
                Some(known) => *known = shown,
                None => self.figures.push(shown),
            }
        }
    }

    /// The figures as they are shown.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        self.figures.clone()
    }
}
