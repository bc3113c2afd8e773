//! A step of a packet's way: what one layer lets through, and the lines that say so.

use crate::ports::Ports;
use crate::report::{At, Layer};

/// A line that decides about some ports.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) at: At,
    pub(crate) allows: bool,
    pub(crate) ports: Ports,
    pub(crate) words: String,
}

/// What a layer lets through between two ends.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) layer: Layer,
    pub(crate) what: String,
    pub(crate) ports: Ports,
    pub(crate) hits: Vec<Hit>,
    /// Where what holds both ends stands, when no line decides.
    pub(crate) whole: Option<At>,
    /// Whether it is about what comes back.
    pub(crate) is_reply: bool,
}

impl Hop {
    /// A layer that lets everything through.
    pub(crate) fn free(layer: Layer, what: impl Into<String>) -> Self {
        Self { layer, what: what.into(), ports: Ports::all(), hits: Vec::new(), whole: None, is_reply: false }
    }

    /// A layer that lets nothing through.
    pub(crate) fn shut(layer: Layer, what: impl Into<String>, at: At) -> Self {
        Self { ports: Ports::none(), whole: Some(at), ..Self::free(layer, what) }
    }

    /// A layer that lets everything through, by a line.
    pub(crate) fn open(layer: Layer, what: impl Into<String>, at: At) -> Self {
        let hit = Hit { at: at.clone(), allows: true, ports: Ports::all(), words: String::new() };
        Self { hits: vec![hit], whole: Some(at), ..Self::free(layer, what) }
    }

    /// Why some ports do not pass: a line that denies them, or one that is nearest
    /// to letting them, or what has no line for them.
    pub(crate) fn blame(&self, missing: &Ports, whole: &At) -> (At, String) {
        let denies = self.hits.iter().find(|hit| !hit.allows && !hit.ports.and(missing).is_empty());
        if let Some(hit) = denies {
            return (hit.at.clone(), format!("{}: {} denies it", self.what, hit.words));
        }
        let at = self.whole.clone().unwrap_or_else(|| whole.clone());
        match self.hits.iter().find(|hit| hit.allows) {
            Some(hit) if !self.ports.is_empty() && !self.is_reply => {
                (hit.at.clone(), format!("{} lets {} through, not {missing}", self.what, self.ports))
            }
            _ if self.is_reply => (at, format!("{}: not all of 1024-65535 pass, where replies go", self.what)),
            _ if matches!(self.layer, Layer::Route | Layer::Address) => (at, self.what.clone()),
            _ => (at, format!("{}: no rule lets it through", self.what)),
        }
    }

    /// The line that lets some ports through.
    pub(crate) fn lets(&self, ports: &Ports) -> Option<At> {
        let hit = self.hits.iter().find(|hit| hit.allows && !hit.ports.and(ports).is_empty());
        hit.map(|hit| hit.at.clone())
    }
}
