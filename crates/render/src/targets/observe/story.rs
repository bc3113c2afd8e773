//! What happens to a region in a test of an alert: series that Prometheus is
//! handed, a value each minute, and whether somebody is told in the end.

/// A story.
pub(super) struct Story {
    pub(super) fires: bool,
    /// Series and their values, as promtool writes them.
    pub(super) series: Vec<(String, String)>,
    /// The labels that the alert then has, beside those of every alert.
    pub(super) labels: &'static [(&'static str, &'static str)],
    /// When it is looked at.
    pub(super) minutes: u32,
}

/// How long a story is, when nothing else is said.
pub(super) const MINUTES: u32 = 20;

impl Story {
    pub(super) fn fires(series: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { fires: true, series: series.into_iter().collect(), labels: &[], minutes: MINUTES }
    }

    pub(super) fn quiet(series: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { fires: false, ..Self::fires(series) }
    }

    pub(super) fn with(self, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { labels, ..self }
    }
}

/// A value that stays for the whole story.
pub(super) fn stays(series: &str, value: u64) -> (String, String) {
    (series.to_owned(), format!("{value}+0x{MINUTES}"))
}

/// A counter that grows by so much in a minute.
pub(super) fn grows(series: &str, step: u64) -> (String, String) {
    (series.to_owned(), format!("0+{step}x{MINUTES}"))
}
