//! How many connections there are, in all and of each source.

use block::bans::Net;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_source: BTreeMap<Net, usize>,
}

/// Connections by their sources.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<Taken>);

/// A connection's place among all of them.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    source: Net,
    /// Whether it is still one of its source's.
    counts: AtomicBool,
}

impl Crowd {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if there is one for that source.
    pub(crate) fn enter(self: &Arc<Self>, source: IpAddr, most: usize, most_of_source: usize) -> Option<Place> {
        let source = Net::of_source(source);
        let mut taken = self.taken();
        let of_source = taken.by_source.get(&source).copied().unwrap_or(0);
        if taken.all >= most || of_source >= most_of_source {
            return None;
        }
        taken.all += 1;
        taken.by_source.insert(source, of_source + 1);
        Some(Place { crowd: Arc::clone(self), source, counts: AtomicBool::new(true) })
    }
}

impl Place {
    /// From here on it is no source's own, and one among all: a gateway's
    /// connection is many agents'.
    pub(crate) fn of_a_gateway(&self) {
        self.leave_source(&mut self.crowd.taken());
    }

    fn leave_source(&self, taken: &mut Taken) {
        if !self.counts.swap(false, Relaxed) {
            return;
        }
        if let Some(of_source) = taken.by_source.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.crowd.taken();
        taken.all -= 1;
        self.leave_source(&mut taken);
    }
}
