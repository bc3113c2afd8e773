//! The only clock of the shell: the cores are handed what it says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use trust::Moment;

/// Wall-clock time that never steps back while the process runs: a clock that
/// is set back stands still until it has caught up.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    /// The time.
    #[allow(clippy::disallowed_methods)] // This is where the time comes in.
    pub(crate) fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // Within a millisecond nobody has to write: threads share what they only read.
        let latest = self.0.load(Ordering::Relaxed);
        Moment(if latest < now { self.0.fetch_max(now, Ordering::Relaxed).max(now) } else { latest })
    }
}
