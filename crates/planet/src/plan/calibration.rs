//! The figures that sizes are computed from, and whether anybody has looked.

use crate::file::section::{Named, section};
use crate::finding::Report;
use crate::model::{Calibrated, Planet};
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

/// What a figure is a figure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Size,
    Count,
    Rate,
}

impl Kind {
    /// The key that holds its value.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Count => "count",
            Self::Rate => "rate",
        }
    }
}

/// The figures that there are.
pub(crate) const FIGURES: &[(&str, Kind)] = &[
    ("block-memory", Kind::Size),
    ("cells-per-pod", Kind::Count),
    ("ops-per-core", Kind::Rate),
    ("host-reserved", Kind::Size),
    ("kubelet-pods", Kind::Count),
    ("cluster-pods", Kind::Count),
    ("zones-unlisted", Kind::Count),
];

/// What kind of figure has a name.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    FIGURES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

impl Calibration {
    /// Reads a file of figures: all of them, and nothing else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> (Option<Self>, Report) {
        let (figures, mut report) = crate::read::<Figures>(bytes);
        let Some(figures) = figures else { return (None, report) };
        crate::lint::figures::look(&figures.figure, &mut report);
        for (name, _) in FIGURES {
            if !figures.figure.iter().any(|(known, _)| known.as_str() == *name) {
                report.add(&crate::lint::file::MISSING_KEY, format!("the figure `{name}` is missing"));
            }
        }
        let mut calibration = Self::nothing();
        calibration.replace(&figures.figure);
        (Some(calibration).filter(|_| report.errors() == 0), report)
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

    /// Takes over the figures that can be; a lint names the others.
    fn replace(&mut self, figures: &Named<Calibrated>) {
        for (name, figure) in figures {
            let Some(value) = self.set(name.as_str(), figure) else { continue };
            let state = figure.state.value.word();
            let source = figure.source.as_ref().map(|source| source.to_string());
            let shown = Figure { name: name.to_string(), value, state, source };
            match self.figures.iter_mut().find(|known| known.name == shown.name) {
                Some(known) => *known = shown,
                None => self.figures.push(shown),
            }
        }
    }

    /// Sets one figure; how it is shown, when there is such a figure.
    fn set(&mut self, name: &str, figure: &Calibrated) -> Option<String> {
        let count = figure.count.as_ref().map(|count| count.value).filter(|count| *count > 0);
        let (size, rate) = (figure.size.as_ref().map(|size| size.value), figure.rate.as_ref().map(|rate| rate.value));
        match name {
            "block-memory" => self.block_memory = size?,
            "host-reserved" => self.host_reserved = size?,
            "ops-per-core" => self.ops_per_core = rate?,
            "cells-per-pod" => self.cells_per_pod = count?,
            "kubelet-pods" => self.kubelet_pods = count?,
            "cluster-pods" => self.cluster_pods = count?,
            "zones-unlisted" => self.zones_unlisted = count?,
            _ => return None,
        }
        let size = size.map(|size| size.to_string());
        size.or_else(|| rate.map(|rate| rate.to_string())).or_else(|| count.map(vocab::thousands))
    }

    /// The figures as they are shown.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        self.figures.clone()
    }
}
